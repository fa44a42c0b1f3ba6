import numpy as np
import pytest
import trc

from keras_pose.outputs.trc import write_trc
from keras_pose.skeleton import SKELETONS
from tests.outputs.motion import random_joints
from tests.outputs.motion import recording_of

ROOTED = [s for s in SKELETONS.values() if s.root is not None]


def to_camera(found):
    """From x towards the camera, y up and z to the left in the image."""
    towards, up, left = np.moveaxis(found, -1, 0)
    return np.stack([-left, -up, -towards], axis=-1)


def read_strictly(path):
    """What OpenSim takes from a file: (head, markers, times, (F, J, 3)).

    Fields are told apart by tabs alone; the keys and their order, the labels
    and the number of fields of each row must be right, and times must be those
    of the frames' numbers.
    """
    text = path.read_bytes().decode()
    assert "\r" not in text
    lines = text.split("\n")
    assert lines[0].split("\t")[:3] == ["PathFileType", "4", "(X/Y/Z)"]
    keys, values = (line.split("\t") for line in lines[1:3])
    assert keys == (
        "DataRate CameraRate NumFrames NumMarkers Units OrigDataRate "
        "OrigDataStartFrame OrigNumFrames"
    ).split(" ")
    head = dict(zip(keys, values, strict=True))
    labels = lines[3].split("\t")
    assert labels[:2] == ["Frame#", "Time"]
    assert labels[3::3] == labels[4::3] == [""] * int(head["NumMarkers"])
    axes = lines[4].split("\t")
    expected = [
        f"{axis}{number + 1}"
        for number in range(int(head["NumMarkers"]))
        for axis in "XYZ"
    ]
    assert axes == ["", "", *expected]
    assert lines[5] == lines[-1] == ""
    rows = np.array([line.split("\t") for line in lines[6:-1]], float)
    assert len(rows) == int(head["NumFrames"]) == int(head["OrigNumFrames"])
    assert rows[0, 0] == 1
    steps = np.diff(rows[:, 0])
    np.testing.assert_array_equal(steps, np.round(steps))
    assert (steps > 0).all()
    times = (rows[:, 0] - 1) / float(head["DataRate"])
    np.testing.assert_allclose(rows[:, 1] - rows[0, 1], times, atol=2e-6)
    joints = rows[:, 2:].reshape(len(rows), -1, 3)
    return head, labels[2::3], rows[:, 1], joints


@pytest.mark.parametrize("skeleton", ROOTED, ids=lambda s: s.name)
def test_two_readers_give_the_same_joints(skeleton, tmp_path):
    joints = random_joints(12, skeleton)
    times = 1.5 + np.arange(12) / 25
    path = tmp_path / "person1.trc"
    recording = recording_of(joints, times, skeleton)
    write_trc(path, recording, 1, on_ground=False)
    head, markers, found_times, found = read_strictly(path)
    assert (head["DataRate"], head["Units"]) == ("25", "mm")
    assert tuple(markers) == skeleton.joints
    np.testing.assert_allclose(found_times, times, atol=1e-6)
    np.testing.assert_allclose(to_camera(found), joints, atol=6e-4)
    other = trc.TRCData()
    other.load(str(path))
    assert other["FileName"] == "person1.trc"
    assert tuple(other["Markers"]) == skeleton.joints
    np.testing.assert_allclose(other["Time"], found_times)
    for index, name in enumerate(skeleton.joints):
        np.testing.assert_array_equal(other[name], found[:, index])


def test_the_origin_is_on_the_ground_beneath_the_person(tmp_path):
    path = tmp_path / "person1.trc"
    joints = np.repeat(random_joints(1), 5, axis=0)
    joints += 100 * np.arange(5)[:, None, None] * [1.0, 0, 2]
    joints[:, 16] = np.nan
    write_trc(path, recording_of(joints, np.arange(5) / 25), 1)
    _, _, _, found = read_strictly(path)
    found = found[:, :16]
    np.testing.assert_allclose(found[..., 1].min(axis=1), 0, atol=1e-3)
    middle = found.mean(axis=1)
    steps = 100 * np.arange(5)
    np.testing.assert_allclose(middle[:, 0], -2 * steps, atol=1e-3)
    np.testing.assert_allclose(middle[:, 2], -steps, atol=1e-3)
    # But for the place of the origin nothing changes.
    moved = to_camera(found) - joints[:, :16]
    np.testing.assert_allclose(moved - moved[0, 0], 0, atol=2e-3)


def test_who_faces_the_camera_faces_x_with_the_right_towards_z(tmp_path):
    # mm, from in front: the left hip is on the image's right, the nose nearer.
    joints = np.zeros((1, 17, 3))
    joints[0, 4], joints[0, 1] = [130, 0, 0], [-130, 0, 0]
    joints[0, 9], joints[0, 3] = [0, -600, -80], [0, 900, 0]
    path = tmp_path / "person1.trc"
    write_trc(path, recording_of(joints + [500, 0, 6000]), 1)
    _, _, _, found = read_strictly(path)
    nose, left_hip, right_hip = found[0, [9, 4, 1]] - found[0, 0]
    np.testing.assert_allclose(nose, [80, 600, 0], atol=1e-3)
    np.testing.assert_allclose(right_hip, [0, 0, 130], atol=1e-3)
    np.testing.assert_allclose(left_hip, [0, 0, -130], atol=1e-3)
    assert found[0, 0, 1] == pytest.approx(900)
    assert np.abs(found[..., [0, 2]]).max() < 200


def test_there_are_no_rows_of_what_was_not_seen(tmp_path):
    times = 2 + np.array([0, 0.04, 1.0, 1.04])
    joints = random_joints(4)
    path = tmp_path / "person1.trc"
    write_trc(path, recording_of(joints, times), 1, on_ground=False)
    head, _, found_times, found = read_strictly(path)
    assert head["NumFrames"] == "4"
    np.testing.assert_allclose(found_times, times, atol=1e-6)
    np.testing.assert_allclose(to_camera(found), joints, atol=6e-4)
    lines = path.read_text().split("\n")[6:-1]
    assert [line.split("\t")[0] for line in lines] == ["1", "2", "26", "27"]
    other = trc.TRCData()
    other.load(str(path))
    np.testing.assert_allclose(other["Time"], times)


def test_a_joint_that_is_never_known_has_numbers_that_are_none(tmp_path):
    joints = random_joints(4)
    joints[:, 9] = np.nan
    path = tmp_path / "person1.trc"
    write_trc(path, recording_of(joints, np.arange(4) / 25), 1)
    _, _, _, found = read_strictly(path)
    assert "\tNaN\t" in path.read_text()
    assert np.isnan(found[:, 9]).all()
    assert np.isfinite(np.delete(found, 9, axis=1)).all()
    other = trc.TRCData()
    other.load(str(path))
    assert np.isnan(other["nose"]).all()


def test_a_rate_and_times_keep_their_digits(tmp_path):
    rate = 30000 / 1001
    times = 3600 + np.arange(4) / rate
    path = tmp_path / "person1.trc"
    write_trc(path, recording_of(random_joints(4), times, rate=rate), 1)
    head, _, found, _ = read_strictly(path)
    assert head["CameraRate"] == "29.97003"
    np.testing.assert_allclose(found, times, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "said"),
    [("a b\tc\nd.trc", "a_b_c_d.trc"), ("Жанна.trc", "Жанна.trc")],
)
def test_a_file_may_be_called_anything(name, said, tmp_path):
    path = tmp_path / name
    write_trc(path, recording_of(random_joints(2)), 1)
    read_strictly(path)
    assert path.read_text("utf-8").split("\n")[0].split("\t")[3] == said


def test_equal_poses_make_equal_files_and_errors_none(tmp_path):
    recording = recording_of(random_joints(3), np.arange(3) / 25)
    contents = []
    for _ in range(2):
        path = tmp_path / "person1.trc"
        write_trc(path, recording, 1)
        contents.append(path.read_bytes())
        path.unlink()
    assert contents[0] == contents[1]
    with pytest.raises(ValueError, match="`person`"):
        write_trc(tmp_path / "no.trc", recording, 2)
    assert list(tmp_path.iterdir()) == []
