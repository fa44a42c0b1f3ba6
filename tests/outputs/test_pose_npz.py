import dataclasses

import numpy as np
import pytest

from keras_pose.outputs.pose_npz import read_npz
from keras_pose.outputs.pose_npz import write_npz
from keras_pose.skeleton import SKELETONS


def assert_same(read, recording):
    for field in dataclasses.fields(recording):
        ours = getattr(recording, field.name)
        theirs = getattr(read, field.name)
        if isinstance(ours, np.ndarray):
            assert theirs.dtype == ours.dtype
            np.testing.assert_array_equal(theirs, ours)
        else:
            assert theirs == ours, field.name


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_what_is_written_is_read_again(tmp_path, make_recording, skeleton):
    recording = make_recording(skeleton)
    recording.joints_camera_mm[0, 2] = np.nan
    write_npz(tmp_path / "p.npz", recording)
    assert_same(read_npz(tmp_path / "p.npz"), recording)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "photos"},
        {"kind": "camera", "is_sure": False},
        {"people": ((), ())},
        {"people": ((7,),)},
        {"people": ()},
    ],
    ids=["photos", "unsure", "nobody", "one", "no frames"],
)
def test_odd_recordings_are_read_again(tmp_path, make_recording, options):
    recording = make_recording(**options)
    write_npz(tmp_path / "p.npz", recording)
    assert_same(read_npz(tmp_path / "p.npz"), recording)


def test_arrays_have_their_units_in_their_names(tmp_path, make_recording):
    recording = make_recording()
    write_npz(tmp_path / "p.npz", recording)
    with np.load(tmp_path / "p.npz", allow_pickle=False) as found:
        for name, array in (
            ("joints_root_relative_mm", recording.joints_mm),
            ("joints_camera_mm", recording.joints_camera_mm),
            ("joints_image_px", recording.joints_px),
            ("box_px", recording.box),
            ("intrinsics_px", recording.intrinsics),
        ):
            np.testing.assert_array_equal(found[name], array)
        assert tuple(found["joints"]) == recording.skeleton.joints
        assert tuple(found["parents"]) == recording.skeleton.parents
        assert found["root"] == recording.skeleton.root
        assert found["frames_per_second"] == 25


def test_bytes_repeat(tmp_path, make_recording):
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, make_recording())
    content = [(tmp_path / name).read_bytes() for name in ("a.npz", "b.npz")]
    assert content[0] == content[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "another"),
        ("version", 2),
        ("kind", "film"),
        ("model", 3),
        ("skeleton", "none"),
        ("joints", ["pelvis"]),
        ("frames_per_second", -1.0),
        ("frames_per_second", np.inf),
        ("frame", [0, 0, 2, 3, 3, 3, 5]),
        ("frame", [0, 0, 3, 2, 3, 3, 4]),
        ("frame", [-1, 0, 2, 3, 3, 3, 4]),
        ("frame", [0.0, 0, 2, 3, 3, 3, 4]),
        ("person", [1, 1, 2, 1, 3, 2, 2]),
        ("person", [0, 1, 2, 1, 3, 2, 2]),
        ("times_s", [0, 0.2, 0.1, 0.3, 0.4]),
        ("times_s", [0, 0.1, np.nan, 0.3, 0.4]),
        ("times_s", [0, 0.1]),
        ("sizes_px", [[640, 0]] * 5),
        ("caveats", [0, 0, 16, 0, 0]),
        ("caveats", [0, 0, -1, 0, 0]),
        ("joints_camera_mm", np.zeros((7, 16, 3))),
        ("joints_camera_mm", np.zeros((6, 17, 3))),
        ("confidence", np.array([None])),
    ],
)
def test_what_is_wrong_is_refused(tmp_path, make_recording, name, value):
    path = tmp_path / "p.npz"
    write_npz(path, make_recording())
    with np.load(path) as found:
        arrays = dict(found)
    np.savez(path, **arrays | {name: np.array(value)})
    with pytest.raises(ValueError, match=r"p\.npz"):
        read_npz(path)


@pytest.mark.parametrize("name", ["format", "joints", "box_from", "std_mm"])
def test_what_lacks_is_refused(tmp_path, make_recording, name):
    path = tmp_path / "p.npz"
    write_npz(path, make_recording())
    with np.load(path) as found:
        arrays = dict(found)
    del arrays[name]
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=name):
        read_npz(path)


def test_photos_have_no_times(tmp_path, make_recording):
    path = tmp_path / "p.npz"
    write_npz(path, make_recording(kind="photos"))
    with np.load(path) as found:
        arrays = dict(found)
    np.savez(path, **arrays | {"times_s": np.zeros(5)})
    with pytest.raises(ValueError, match="photos must be NaN"):
        read_npz(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nothing"])
def test_what_is_no_npz_is_refused(tmp_path, content):
    path = tmp_path / "p.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"p\.npz"):
        read_npz(path)
