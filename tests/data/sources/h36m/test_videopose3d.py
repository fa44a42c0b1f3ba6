import io
import os
import shutil
import zipfile

import numpy as np
import pytest

from keras_pose.data import sources
from keras_pose.data.sources.h36m import videopose3d
from tests.data.sources import made_h36m
from tests.data.sources.h36m.test_raw import check


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("videopose3d")
    made_h36m.make_h36m_videopose3d(root)
    return root


@pytest.fixture
def root(whole, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(whole, tmp_path / "root")


def positions_of(root):
    path = root / "data_3d_h36m.npz"
    return np.load(path, allow_pickle=True)["positions_3d"].item()


def save(root, positions):
    np.savez(root / "data_3d_h36m.npz", positions_3d=positions)


def test_samples_are_the_poses_that_opencv_projects(whole):
    options = {"every": 5}
    source = sources.open_source("h36m_videopose3d", str(whole), options)
    assert source.count == 36
    samples = list(source.samples)
    check(samples, 36)
    assert {sample.action for sample in samples} == {
        "Directions 1",
        "Photo",
        "Greeting",
    }
    assert "R^T (X - T), T in m: 0.0 px" in source.notes[0]


def test_17_joints_and_millimetres_are_read_too(root):
    positions = {
        subject: {
            name: np.float64(poses[:, made_h36m.OF_32]) * 1000
            for name, poses in actions.items()
        }
        for subject, actions in positions_of(root).items()
    }
    save(root, positions)
    check(list(videopose3d.videopose3d(str(root), every=5).samples), 36)


def test_options_pick(root):
    source = videopose3d.videopose3d(
        str(root), subjects=["S9"], every=10, correct_s9=True
    )
    check(list(source.samples), 8, drift=-200)
    with pytest.raises(ValueError, match="poses of S9, S11;.*: S1, S9$"):
        videopose3d.videopose3d(str(root), split="test")


def test_videos_are_read(root):
    for subject in ("S1", "S9"):
        shutil.rmtree(root / subject)
    for subject, name, _, number in made_h36m.every_clip():
        clip = f"{name}.{made_h36m.SERIALS[number - 1]}"
        path = root / "v" / subject / "Videos" / f"{clip}.mp4"
        made_h36m.write_video(path, subject)
    source = videopose3d.videopose3d(str(root), images=str(root / "v"), every=5)
    check(list(source.samples), 36)


def test_numbered_folders_are_read_with_the_archives_mapping(root):
    for subject, name, (action, subaction), number in made_h36m.every_clip():
        clip = f"{name}.{made_h36m.SERIALS[number - 1]}"
        folder = (
            f"s_{int(subject[1:]):02d}_act_{action:02d}"
            f"_subact_{subaction:02d}_ca_{number:02d}"
        )
        (root / subject / clip).rename(root / folder)
    with pytest.raises(ValueError, match="numbered folders need `cameras` of"):
        videopose3d.videopose3d(str(root), every=5)
    made_h36m.write_xml(root / "m.xml")
    source = videopose3d.videopose3d(
        str(root), cameras=str(root / "m.xml"), every=5
    )
    check(list(source.samples), 36)


def test_a_missing_frame_is_named(root):
    folder = root / "S1" / "Directions 1.54138969"
    (folder / "img_000006.jpg").unlink()
    with pytest.raises(ValueError, match="54138969: must have frame 6"):
        list(videopose3d.videopose3d(str(root), every=5).samples)
    shutil.copy(folder / "img_000001.jpg", folder / "frame_1.jpg")
    with pytest.raises(ValueError, match="must have one image of each number"):
        list(videopose3d.videopose3d(str(root), every=5).samples)


def test_images_of_another_size_are_refused(root):
    for path in root.glob("S1/*/img_000001.jpg"):
        shutil.copy(path, path.with_suffix(".bak"))
        made_h36m.cv2.imwrite(str(path), np.zeros((256, 256, 3), np.uint8))
    with pytest.raises(ValueError, match="full frame.*Received: 256 x 256"):
        list(videopose3d.videopose3d(str(root), every=5).samples)


POSES = np.ones((4, 17, 3), np.float32)


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ({}, "must hold a clip"),
        ([1], "must be one object"),
        ("text", "must be one object"),
        ({"S1": [1]}, "`S1` must be a dict"),
        ({"S1": {"Eating": [1]}}, "S1 Eating must be floats"),
        ({"S1": {"Eating": POSES[:, :16]}}, r"S1 Eating.*\(4, 16, 3\)"),
        ({"S1": {"Eating": POSES[:0]}}, "S1 Eating must be floats"),
        ({"S1": {"Eating": POSES * np.nan}}, "S1 Eating must be finite"),
        ({"S1": {"Eating": POSES}}, "poses must be in metres, or mm"),
        ({"S1": {1: POSES}}, "`S1` must be a dict of names"),
    ],
)
def test_wrong_positions_are_refused(root, positions, message):
    save(root, positions)
    with pytest.raises(ValueError, match=f"data_3d_h36m.npz: .*{message}"):
        videopose3d.videopose3d(str(root))


@pytest.mark.parametrize("subject", ["../S1", "S2"])
def test_a_subject_without_cameras_is_refused(root, subject):
    save(root, {subject: positions_of(root)["S1"]})
    with pytest.raises(ValueError, match="a subject must be|must have camera"):
        videopose3d.videopose3d(str(root))


def test_a_strange_action_is_refused(root):
    poses = positions_of(root)["S1"]["Directions 1"]
    save(root, {"S1": {"../Eating": poses}})
    with pytest.raises(ValueError, match="npz: an action must be one of"):
        videopose3d.videopose3d(str(root))


class _Hostile:
    def __reduce__(self):
        return os.system, ("touch hostile",)


def test_a_hostile_pickle_runs_nothing(root, monkeypatch):
    monkeypatch.chdir(root)
    save(root, {"S1": {"Eating": _Hostile()}})
    with pytest.raises(ValueError, match="npz: `positions_3d` cannot be read"):
        videopose3d.videopose3d(str(root))
    assert not (root / "hostile").exists()


def test_another_array_is_refused(root):
    np.savez(root / "data_3d_h36m.npz", positions_3d=POSES)
    with pytest.raises(ValueError, match="must be one object"):
        videopose3d.videopose3d(str(root))
    np.savez(root / "data_3d_h36m.npz", other=POSES)
    with pytest.raises(ValueError, match="positions_3d"):
        videopose3d.videopose3d(str(root))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_npz_is_refused(root, share):
    path = root / "data_3d_h36m.npz"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="data_3d_h36m.npz"):
        videopose3d.videopose3d(str(root))


def test_a_truncated_pickle_is_refused(root):
    file = io.BytesIO()
    np.save(file, np.array(positions_of(root), object), allow_pickle=True)
    with zipfile.ZipFile(root / "data_3d_h36m.npz", "w") as archive:
        archive.writestr("positions_3d.npy", file.getvalue()[:5000])
    with pytest.raises(ValueError, match="`positions_3d` cannot be read"):
        videopose3d.videopose3d(str(root))


def test_a_root_without_the_file_is_refused(tmp_path):
    made_h36m.write_pickle(tmp_path / "cameras.pkl")
    with pytest.raises(ValueError, match="holds none of data_3d_h36m.npz"):
        videopose3d.videopose3d(str(tmp_path))
