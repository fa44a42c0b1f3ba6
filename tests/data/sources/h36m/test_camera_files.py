import json
import pickle
import re
import shutil

import numpy as np
import pytest

from keras_pose.data.sources import conventions
from keras_pose.data.sources.h36m import camera_files
from tests.data.sources import made_h36m


def stands_as(camera, convention, subject, number):
    rotation, place = convention.place(camera.rotation, camera.translation)
    true_rotation, true_place = made_h36m.camera_of(subject, number)
    np.testing.assert_allclose(rotation, true_rotation, atol=1e-9)
    np.testing.assert_allclose(place, true_place, atol=1e-6)


@pytest.fixture
def xml(tmp_path):
    made_h36m.write_xml(tmp_path / "metadata.xml")
    return tmp_path / "metadata.xml"


@pytest.fixture
def pkl(tmp_path):
    made_h36m.write_pickle(tmp_path / "cameras.pkl")
    return tmp_path / "cameras.pkl"


def test_xml_is_read_as_44_cameras_in_their_places(xml):
    cameras = camera_files.read(str(xml))
    assert len(cameras) == 44
    convention = conventions.Convention(False, True, 1.0, False)
    for subject in ("S1", "S9", "S11"):
        for number, serial in enumerate(made_h36m.SERIALS, 1):
            camera = cameras[subject, serial]
            stands_as(camera, convention, subject, number)
            np.testing.assert_allclose(camera.intrinsics, made_h36m.INTRINSICS)
            np.testing.assert_allclose(camera.distortion, made_h36m.LENS)


def test_pickle_is_read_as_it_is(pkl):
    cameras = camera_files.read(str(pkl))
    convention = conventions.Convention(True, True, 1000.0, False)
    for number, serial in enumerate(made_h36m.SERIALS, 1):
        camera = cameras["S9", serial]
        stands_as(camera, convention, "S9", number)
        np.testing.assert_allclose(camera.distortion, made_h36m.LENS)


def test_json_is_read_as_it_is(tmp_path):
    made_h36m.make_h36m_posenet(tmp_path)
    path = tmp_path / "Human36M_subject9_camera.json"
    cameras = camera_files.read(str(path))
    assert list(cameras) == [("S9", serial) for serial in made_h36m.SERIALS]
    convention = conventions.Convention(False, False, 1.0, False)
    stands_as(cameras["S9", made_h36m.SERIALS[2]], convention, "S9", 3)
    np.testing.assert_array_equal(
        cameras["S9", made_h36m.SERIALS[2]].distortion, np.zeros(5)
    )


# The real table is what MMPose makes of the real angles.
def test_real_cameras_give_the_same_through_xml(real_data, tmp_path):
    path = real_data / "h36m_mmpose" / "cameras.pkl"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    real = camera_files.read(str(path))
    numbers, lenses = [], []
    for serial in made_h36m.SERIALS:
        for subject in range(1, 12):
            camera = real[f"S{subject}", serial]
            r = camera.rotation.T
            numbers += [np.arctan2(-r[1, 2], r[2, 2]), np.arcsin(r[0, 2])]
            numbers += [np.arctan2(-r[0, 1], r[0, 0])]
            numbers += [*camera.translation * 1000]
        (fx, _, cx), (_, fy, cy), _ = camera.intrinsics
        k1, k2, p1, p2, k3 = camera.distortion
        lenses += [fx, fy, cx, cy, k1, k2, k3, p1, p2]
    text = " ".join(map(str, numbers + lenses))
    (tmp_path / "m.xml").write_text(f"<a><w0>[{text}]</w0></a>")
    for key, camera in camera_files.read(str(tmp_path / "m.xml")).items():
        np.testing.assert_allclose(
            camera.rotation, real[key].rotation.T, atol=1e-9
        )
        np.testing.assert_allclose(camera.intrinsics, real[key].intrinsics)
        np.testing.assert_allclose(camera.distortion, real[key].distortion)


# T of the archive for S1, as others publish it, and its image under R.
def test_a_real_camera_stands_where_it_is_published(real_data):
    path = real_data / "h36m_mmpose" / "cameras.pkl"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    camera = camera_files.read(str(path))["S1", "54138969"]
    convention = conventions.Convention(True, True, 1000.0, False)
    rotation, place = convention.place(camera.rotation, camera.translation)
    np.testing.assert_allclose(place, [1841.11, 4955.28, 1563.45], atol=0.01)
    np.testing.assert_allclose(
        -rotation @ place, [-346.05, 546.98, 5474.48], atol=0.01
    )


def test_numbered_folders_are_those_of_the_mapping(xml):
    folders = camera_files.numbered_folders(str(xml))
    assert folders["S1", "Directions 1"].format(3) == (
        "s_01_act_02_subact_01_ca_03"
    )
    assert folders["S9", "Greeting"] == "s_09_act_05_subact_02_ca_{:02d}"
    assert ("S9", "Directions 1") not in folders
    assert camera_files.numbered_folders("cameras.pkl") == {}


def test_a_file_is_found_in_the_root_or_named(xml, pkl, tmp_path):
    found = camera_files.find(str(tmp_path), None)
    assert found == str(xml)
    assert camera_files.find(str(tmp_path), "other.pkl") == "other.pkl"
    xml.unlink()
    assert camera_files.find(str(tmp_path), None) == str(pkl)
    pkl.unlink()
    with pytest.raises(ValueError, match="`cameras` must name metadata.xml"):
        camera_files.find(str(tmp_path), None)


def damaged(text, pattern, new):
    changed = re.sub(pattern, new, text, count=1)
    assert changed != text
    return changed


@pytest.mark.parametrize(
    ("pattern", "new", "message"),
    [
        (r"</root>", "", "cannot be read"),
        (r"<w0>.*</w0>", "", "element `w0`"),
        (r"<w0>\[\S+", "<w0>[", "must be 300 finite numbers. Received: 299"),
        (r"<w0>\[\S+", "<w0>[nan", "must be 300 finite"),
        (r"<w0>\[\S+", "<w0>[x", "`w0` must be numbers"),
        (r"573\.0", "-573.0", "f must be positive"),
        (r"<root>", '<!DOCTYPE a [<!ENTITY b "c">]><root>', "entities"),
    ],
)
def test_a_damaged_xml_is_refused(xml, pattern, new, message):
    xml.write_text(damaged(xml.read_text(), pattern, new))
    with pytest.raises(ValueError, match=f"metadata.xml.*{message}"):
        camera_files.read(str(xml))


def test_a_huge_or_strangely_encoded_xml_is_refused(xml):
    text = xml.read_text()
    xml.write_bytes(text.encode("utf-16"))
    with pytest.raises(ValueError, match="metadata.xml"):
        camera_files.read(str(xml))
    xml.write_text(text + " " * 2**22)
    with pytest.raises(ValueError, match="metadata.xml.*at most"):
        camera_files.read(str(xml))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"R": np.eye(2)}, "R of 3 x 3"),
        ({"R": -np.eye(3)}, "rotation matrix"),
        ({"T": np.full((3, 1), np.inf)}, "T must be finite"),
        ({"T": None}, "T of 3"),
        ({"f": [1]}, "f and c of 2"),
        ({"f": [np.nan, 1]}, "f and c of 2"),
        ({"k": [1, 2]}, "k of 3"),
        ({"c": "text"}, "f and c of 2"),
    ],
)
def test_a_wrong_camera_is_refused_by_name(pkl, changes, message):
    cameras = pickle.loads(pkl.read_bytes())
    cameras["S1", "54138969"] |= changes
    pkl.write_bytes(pickle.dumps(cameras))
    with pytest.raises(ValueError, match=message) as error:
        camera_files.read(str(pkl))
    assert "cameras.pkl: camera ('S1', '54138969')" in str(error.value)


@pytest.mark.parametrize("content", [[1], {"S1": {}}, {("S1", 2): {}}])
def test_a_pickle_of_something_else_is_refused(pkl, content):
    pkl.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"cameras\.pkl: "):
        camera_files.read(str(pkl))


@pytest.mark.parametrize(
    "content",
    [
        [],
        [[1.0]],
        {"5": {"f": [1, 1]}},
        {"1": [1, 2]},
        {"1": {"f": [1, 1]}},
        {"1": {"f": list(range(99))}},
        {"1": {"f": [1, 1], "c": [1, 1], "R": [1] * 9, "t": [0] * 3}},
        {"1": {"f": ["a", 1], "c": [1, 1]}},
        {"1": {"f": {"g": 1}, "c": [1, 1]}},
    ],
)
def test_a_json_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "Human36M_subject1_camera.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="subject1_camera.json"):
        camera_files.read(str(path))


def test_files_of_other_names_are_refused(pkl, tmp_path):
    shutil.copy(pkl, tmp_path / "cameras.npy")
    (tmp_path / "some.json").write_text("{}")
    with pytest.raises(ValueError, match="`cameras` must be an .xml"):
        camera_files.read(str(tmp_path / "cameras.npy"))
    with pytest.raises(ValueError, match="must be named Human36M_subject1"):
        camera_files.read(str(tmp_path / "some.json"))
