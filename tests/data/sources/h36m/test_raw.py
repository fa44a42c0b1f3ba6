import shutil

import cv2
import numpy as np
import pytest

from keras_pose.data import proof
from keras_pose.data import sources
from keras_pose.data.sources.h36m import raw
from keras_pose.skeleton import H36M_17
from tests.data.sources import made_h36m

NAMES = {"Directions": "Directions 1", "Photo": "TakingPhoto"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("raw")
    made_h36m.make_h36m_raw(root)
    return root


@pytest.fixture
def root(whole, tmp_path):
    """A copy that a test may change, of S9 alone."""
    shutil.copytree(whole / "S9", tmp_path / "S9")
    shutil.copy(whole / "metadata.xml", tmp_path)
    return tmp_path


def check(samples, count, drift=0):
    """That samples are what OpenCV projects, of the frames of the videos."""
    assert len(samples) == count
    for sample in samples:
        name = NAMES.get(sample.action, sample.action)
        world = made_h36m.world_poses(sample.subject, name)[sample.frame - 1]
        world = world + [drift, 0, 0]
        number = made_h36m.SERIALS.index(sample.camera) + 1
        joints = made_h36m.in_camera(world, sample.subject, number)
        points = made_h36m.seen(world, sample.subject, number)
        np.testing.assert_allclose(sample.joints_mm, joints, atol=0.01)
        np.testing.assert_allclose(sample.joints_px, points, atol=0.01)
        low, high = points.min(axis=0), points.max(axis=0)
        box = [*(low + 0.5), *(high - low)]
        np.testing.assert_allclose(sample.box, box, atol=0.01)
        np.testing.assert_allclose(sample.distortion, made_h36m.LENS, rtol=1e-6)
        grey = cv2.imdecode(np.frombuffer(sample.image, np.uint8), 0)
        assert grey.shape == (made_h36m.HEIGHT, made_h36m.WIDTH)
        expected = made_h36m.level(sample.subject, sample.frame - 1)
        assert abs(int(grey[9, 9]) - expected) <= 4
        proof.check_sample(sample, H36M_17)


def test_world_poses_are_read_with_their_frames(whole):
    source = sources.open_source("h36m_raw", str(whole), {"every": 5})
    samples = list(source.samples)
    assert source.count == 36
    check(samples, 36)
    assert {(s.subject, s.action, s.camera) for s in samples} == {
        (subject, action, serial)
        for subject, action in (
            ("S1", "Directions 1"),
            ("S1", "Photo"),
            ("S9", "Greeting"),
        )
        for serial in made_h36m.SERIALS
    }
    assert {s.frame for s in samples} == {1, 6, 11}
    assert samples[0].name == (
        "S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg"
    )
    assert "read as R (X - T), T in mm: 0.0 px" in source.notes[0]
    assert "sides swapped" in source.notes[0]


@pytest.mark.parametrize("folder", ["MyPoseFeatures/{}", "Poses_{}"])
def test_poses_of_the_cameras_own_frame_are_read(tmp_path, folder):
    made_h36m.make_h36m_raw(tmp_path, "D3_Positions_mono", folder)
    source = raw.raw(str(tmp_path), subjects=["S9"], every=5)
    check(list(source.samples), 12)
    with pytest.raises(ValueError, match="`correct_s9` must not be given"):
        raw.raw(str(tmp_path), correct_s9=True)


def test_the_drift_is_corrected_where_asked_for(root):
    source = raw.raw(str(root), every=5, correct_s9=True)
    check(list(source.samples), 12, drift=-200)
    assert "12 frames of S9 moved by -200 mm" in source.notes[-1]


def test_without_2d_poses_the_frame_proves_the_cameras(root):
    shutil.rmtree(root / "S9" / "MyPoseFeatures" / "D2_Positions")
    source = raw.raw(str(root), every=5)
    assert "read as R (X - T), T in mm: 0.0 px" in source.notes[0]
    assert "D2_Positions has 0 of the 4 clips tried" in source.notes[0]
    check(list(source.samples), 12)


def test_2d_poses_of_some_clips_are_told_of(root):
    assert "D2_Positions" not in raw.raw(str(root), every=5).notes[0]
    folder = root / "S9" / "MyPoseFeatures" / "D2_Positions"
    next(folder.iterdir()).unlink()
    note = raw.raw(str(root), every=5).notes[0]
    assert "by the frames of the images alone" in note
    assert "D2_Positions has 3 of the 4 clips tried" in note


def test_cameras_and_images_may_lie_elsewhere(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    made_h36m.write_pickle(other / "cameras.pkl")
    (root / "metadata.xml").unlink()
    (other / "S9").mkdir()
    (root / "S9" / "Videos").rename(other / "S9" / "Videos")
    source = raw.raw(
        str(root),
        cameras=str(other / "cameras.pkl"),
        images=str(other),
        split="test",
        subjects=["S9"],
    )
    assert "R^T (X - T), T in m" in source.notes[0]
    samples = list(source.samples)
    assert {s.frame for s in samples} == {1}
    check(samples, 4)


def test_the_broken_clip_is_left_out_and_counted(root):
    shutil.copytree(root / "S9", root / "S11")
    folder = root / "S11" / "MyPoseFeatures" / "D3_Positions"
    (folder / "Greeting.cdf").rename(folder / "Directions.cdf")
    shutil.rmtree(root / "S11" / "MyPoseFeatures" / "D2_Positions")
    for path in (root / "S11" / "Videos").iterdir():
        path.rename(path.with_name(path.name.replace("Greeting", "Directions")))
    # A second subject's cameras stand elsewhere, by 0.1 rad.
    world = made_h36m.world_poses("S11", "Directions")
    flat = made_h36m.all_joints(world).reshape(len(world), -1)
    made_h36m.write_cdf(folder / "Directions.cdf", flat)
    source = raw.raw(str(root), subjects=["S11"], every=5)
    assert source.count == 9
    assert "1 clips left out" in source.notes[1]
    cameras = {sample.camera for sample in source.samples}
    assert cameras == set(made_h36m.SERIALS[1:])


def replace_cdf(root, values, kind="D3_Positions", name="Greeting"):
    folder = root / "S9" / "MyPoseFeatures" / kind
    made_h36m.write_cdf(folder / f"{name}.cdf", values)


FLAT = made_h36m.all_joints(made_h36m.world_poses("S9", "Greeting")).reshape(
    made_h36m.NUM_FRAMES, -1
)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (FLAT[:, :51], "must be floats of shape"),
        (FLAT[:, :64], "must have 96 numbers a frame. Received: 64"),
        (np.where(FLAT == FLAT[3, 3], np.nan, FLAT), "must be finite"),
        (FLAT * 1e30, "must put its poses"),
        (FLAT[:6], "must have as many frames"),
    ],
    ids=["joints", "axes", "nan", "huge", "length"],
)
def test_wrong_poses_are_refused(root, values, message):
    replace_cdf(root, values)
    with pytest.raises(ValueError, match=message):
        raw.raw(str(root))


def test_swapped_sides_are_refused(root):
    world = made_h36m.world_poses("S9", "Greeting")
    world = world[:, list(H36M_17.flip_permutation)]
    flat = made_h36m.all_joints(world).reshape(len(world), -1)
    replace_cdf(root, flat)
    with pytest.raises(ValueError, match="the left joints of its poses"):
        raw.raw(str(root))


@pytest.mark.parametrize("kind", ["D3_Positions", "D2_Positions"])
@pytest.mark.parametrize("size", [0, 100, 2000])
def test_a_truncated_cdf_is_refused_by_name(root, kind, size):
    folder = root / "S9" / "MyPoseFeatures" / kind
    path = sorted(folder.iterdir())[0]
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"Greeting.*\.cdf"):
        raw.raw(str(root))


def only_video(root):
    return next((root / "S9" / "Videos").glob("*.54138969.mp4"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:200],
        lambda content: b"#EXTM3U\n/etc/passwd\n",
        lambda content: content[:12] + b"\0" * 3000,
    ],
    ids=["empty", "truncated", "playlist", "zeros"],
)
def test_what_is_no_video_is_refused_by_name(root, damage):
    path = only_video(root)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"Greeting\.54138969\.mp4: must "):
        list(raw.raw(str(root)).samples)


def test_a_video_that_ends_early_is_refused(root):
    made_h36m.write_video(only_video(root), "S9", 7)
    message = "mp4: must have frame 10, from 0, as its.*Received: 7 frames"
    with pytest.raises(ValueError, match=message):
        list(raw.raw(str(root), every=5).samples)


def test_a_missing_video_is_named_at_once(root):
    only_video(root).unlink()
    message = r"`images` must hold S9/Videos/Greeting\.54138969\.mp4"
    with pytest.raises(ValueError, match=message):
        raw.raw(str(root))


def test_poses_that_must_be_there_are_named(root):
    with pytest.raises(ValueError, match="D3_Positions of S9, S11; .*: S9"):
        raw.raw(str(root), split="test")
    shutil.rmtree(root / "S9")
    with pytest.raises(ValueError, match="D3_Positions of a subject; .*: none"):
        raw.raw(str(root))


def test_a_clip_of_no_known_action_is_refused(root):
    folder = root / "S9" / "MyPoseFeatures" / "D3_Positions"
    shutil.copy(folder / "Greeting.cdf", folder / "Flying.cdf")
    shutil.copy(folder / "Greeting.cdf", folder / "_ALL.cdf")
    with pytest.raises(ValueError, match=r"Flying\.cdf: an action must be"):
        raw.raw(str(root))
