import copy
import dataclasses
import json
import os
import pathlib

import jsonschema
import numpy as np
import pytest

from keras_pose.outputs import pose_json
from keras_pose.outputs.pose_json import read_json
from keras_pose.outputs.pose_json import write_json
from keras_pose.skeleton import SKELETONS

SCHEMA = pathlib.Path(__file__).parents[2] / "docs" / "poses.schema.json"
# Half of the last decimal that is written.
ROUNDED = {
    "times_s": 5.1e-7,
    "intrinsics": 5.1e-5,
    "distortion": 5.1e-9,
    "confidence": 5.1e-6,
}


@pytest.fixture(scope="module")
def schema():
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def written(tmp_path, make_recording):
    """Gives `**options -> (path, what it holds)`."""

    def write(**options):
        path = tmp_path / "poses.json"
        write_json(path, make_recording(**options))
        return path, json.loads(path.read_text("utf-8"))

    return write


def assert_equal(read, recording):
    for field in dataclasses.fields(recording):
        ours = getattr(recording, field.name)
        theirs = getattr(read, field.name)
        if isinstance(ours, np.ndarray):
            assert (theirs.dtype, theirs.shape) == (ours.dtype, ours.shape)
            atol = ROUNDED.get(field.name, 5.1e-4)
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=atol)
        else:
            assert theirs == ours, field.name


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_what_is_written_is_read_again(tmp_path, make_recording, skeleton):
    recording = make_recording(skeleton)
    write_json(tmp_path / "poses.json", recording)
    assert_equal(read_json(tmp_path / "poses.json"), recording)


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
def test_odd_recordings_are_read_again(
    tmp_path, make_recording, schema, options
):
    recording = make_recording(**options)
    path = tmp_path / "poses.json"
    write_json(path, recording)
    assert_equal(read_json(path), recording)
    schema.validate(json.loads(path.read_text("utf-8")))


def test_numbers_stand_where_their_names_say(written, make_recording):
    recording = make_recording()
    _, found = written()
    knee = found["skeleton"]["joints"].index("left_knee")
    row = 4  # the second of three people in the fourth frame
    person = found["frames"][3]["people"][1]
    assert person["person"] == recording.person[row] == 3
    for key, array in (
        ("joints_root_relative_mm", recording.joints_mm),
        ("joints_camera_mm", recording.joints_camera_mm),
        ("joints_image_px", recording.joints_px),
        ("confidence", recording.confidence),
        ("std_mm", recording.std_mm),
    ):
        expected = array[row][knee]
        np.testing.assert_allclose(person[key][knee], expected, atol=5e-4)
    assert found["frames"][3]["time_s"] == pytest.approx(0.12)
    assert found["frames"][3]["width_px"] == 643
    assert found["frames"][3]["name"] == "mädchen 走.jpg"
    assert found["frames"][1]["people"] == []


def test_caveats_are_names_and_may_be_left_out(written):
    path, found = written()
    assert found["frames"][0]["caveats"] == []
    assert found["frames"][2]["caveats"] == ["nobody_found", "lost"]
    del found["frames"][2]["caveats"]
    path.write_text(json.dumps(found), "utf-8")
    assert read_json(path).caveats.tolist() == [0, 5, 0, 15, 4]


def test_what_is_not_known_is_null(tmp_path, make_recording):
    recording = make_recording()
    recording.joints_camera_mm[0, 3, 1] = np.nan
    recording.joints_camera_mm[0, 4, 1] = np.inf
    recording.confidence[0, 2] = np.nan
    recording.std_mm[1] = np.nan
    path = tmp_path / "poses.json"
    write_json(path, recording)
    first, second = json.loads(path.read_text("utf-8"))["frames"][0]["people"]
    assert first["joints_camera_mm"][3][1] is None
    assert first["confidence"][2] is None
    assert second["std_mm"] is None
    recording.joints_camera_mm[0, 4, 1] = np.nan
    assert_equal(read_json(path), recording)


def test_a_frame_is_a_line_and_bytes_repeat(tmp_path, make_recording):
    for name in ("a.json", "b.json"):
        write_json(tmp_path / name, make_recording())
    content = (tmp_path / "a.json").read_bytes()
    assert content == (tmp_path / "b.json").read_bytes()
    lines = content.decode().splitlines()
    starts = [line for line in lines if line.startswith('{"name"')]
    assert len(starts) == 5


def test_a_name_of_no_letters_is_written(tmp_path, make_recording):
    recording = make_recording(people=((1,),))
    name = os.fsdecode(b"photo\xff.jpg")
    recording = dataclasses.replace(recording, frame_names=(name,))
    write_json(tmp_path / "poses.json", recording)
    read = read_json(tmp_path / "poses.json")
    assert read.frame_names == ("photo?.jpg",)


def test_a_file_that_fails_leaves_the_old_one(tmp_path, make_recording):
    path = tmp_path / "poses.json"
    path.write_text("old")
    broken = dataclasses.replace(make_recording(), model=object())
    with pytest.raises(TypeError):
        write_json(path, broken)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["poses.json"]


@pytest.mark.parametrize("kind", pose_json.KINDS)
def test_the_schema_describes_the_file(written, schema, kind):
    schema.validate(written(kind=kind)[1])


# Where something is put, and what: nothing takes it away. The last says
# whether the schema sees it too; what one value says of another it cannot.
NOTHING = object()
WRONG = [
    (("format",), "another", True),
    (("format",), NOTHING, True),
    (("version",), 2, True),
    (("kind",), "film", True),
    (("kind",), ["video"], True),
    (("model",), 3, True),
    (("frames_per_second",), 0, True),
    (("frames_per_second",), "25", True),
    (("skeleton",), NOTHING, True),
    (("skeleton", "root"), 1, False),
    (("skeleton", "parents"), [-1], False),
    (("skeleton", "joints"), ["pelvis", "pelvis"], True),
    (("frames",), {}, True),
    (("frames", 0), [], True),
    (("frames", 0, "name"), None, True),
    (("frames", 0, "time_s"), "0", True),
    (("frames", 0, "time_s"), None, False),
    (("frames", 0, "time_s"), 3, False),
    (("frames", 0, "skeleton"), "coco_17", False),
    (("frames", 0, "joints"), ["pelvis"], False),
    (("frames", 0, "width_px"), 0, True),
    (("frames", 0, "height_px"), True, True),
    (("frames", 0, "height_px"), 480.5, True),
    (("frames", 0, "intrinsics_px"), [[1, 0, 0], [0, 1, 0]], True),
    (("frames", 0, "intrinsics_px", 1), [0, None, 0], True),
    (("frames", 0, "distortion"), [0, 0, 0, 0], True),
    (("frames", 0, "people"), None, True),
    (("frames", 0, "people", 0), 5, True),
    (("frames", 0, "people", 0, "person"), 0, True),
    (("frames", 0, "people", 0, "person"), 2, False),
    (("frames", 0, "people", 0, "box_px"), [1, 2, 3], True),
    (("frames", 0, "people", 0, "box_px"), [1, 2, 3, "4"], True),
    (("frames", 0, "people", 0, "box_from"), NOTHING, True),
    (("frames", 0, "caveats"), "lost", True),
    (("frames", 0, "caveats"), ["found"], True),
    (("frames", 0, "caveats"), [["lost"]], True),
    (("frames", 0, "people", 0, "std_mm"), NOTHING, True),
    (("frames", 0, "people", 0, "std_mm"), [1, 2], False),
    (("frames", 0, "people", 0, "joints_camera_mm"), None, True),
    (("frames", 0, "people", 0, "joints_camera_mm", 2), [0, 0], True),
    (("frames", 0, "people", 0, "joints_camera_mm", 2), [0, 0, True], True),
    (("frames", 0, "people", 0, "joints_camera_mm", 2, 0), 1e31, False),
    (("frames", 0, "people", 0, "joints_image_px", 2), [0, 0, 0], True),
]


@pytest.mark.parametrize(("place", "value", "is_seen"), WRONG)
def test_what_is_wrong_is_refused(written, schema, place, value, is_seen):
    path, found = written()
    wrong = copy.deepcopy(found)
    *above, key = place
    inner = wrong
    for step in above:
        inner = inner[step]
    if value is NOTHING:
        del inner[key]
    else:
        inner[key] = value
    assert schema.is_valid(wrong) != is_seen
    path.write_text(json.dumps(wrong), "utf-8")
    names = [step for step in place if isinstance(step, str)]
    with pytest.raises(ValueError, match=rf"poses\.json.*{names[0][:-1]}"):
        read_json(path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"format": 1}', "\x00", '{"a": ' * 5000]
)
def test_what_is_no_recording_is_refused(tmp_path, content):
    path = tmp_path / "poses.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"poses\.json"):
        read_json(path)


def test_a_file_that_was_cut_is_refused(written):
    path, _ = written()
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="JSON"):
        read_json(path)


def test_there_is_no_such_file(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        read_json(tmp_path / "none.json")
