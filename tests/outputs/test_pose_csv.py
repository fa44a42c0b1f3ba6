import csv
import dataclasses
import gzip
import io
import os

import numpy as np
import pytest

from keras_pose.outputs.pose_csv import write_csv
from keras_pose.skeleton import SKELETONS


def read(path):
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "P.CSV"])
def test_numbers_stand_below_their_names(
    tmp_path, make_recording, skeleton, name
):
    recording = make_recording(skeleton)
    write_csv(tmp_path / name, recording)
    if name.endswith(".gz"):
        assert (tmp_path / name).read_bytes()[:2] == b"\x1f\x8b"
    lines = read(tmp_path / name)
    assert len(lines) == 7
    for row, line in enumerate(lines):
        frame = recording.frame[row]
        assert int(line["frame"]) == frame
        assert line["name"] == recording.frame_names[frame]
        assert float(line["time_s"]) == pytest.approx(frame / 25)
        assert int(line["person"]) == recording.person[row]
        for index, joint in enumerate(skeleton.joints):
            expected = [
                *recording.joints_camera_mm[row, index],
                *recording.joints_px[row, index],
                recording.confidence[row, index],
            ]
            units = ("x_mm", "y_mm", "z_mm", "u_px", "v_px", "confidence")
            found = [float(line[f"{joint}_{unit}"]) for unit in units]
            np.testing.assert_allclose(found, expected, atol=5.1e-4)
        assert len(line) == 4 + 6 * skeleton.num_joints


def test_what_is_not_known_is_empty(tmp_path, make_recording):
    recording = make_recording(kind="photos", is_sure=False)
    recording.joints_camera_mm[2, 0] = [np.nan, -np.inf, -1e-9]
    write_csv(tmp_path / "p.csv", recording)
    lines = read(tmp_path / "p.csv")
    assert {line["time_s"] for line in lines} == {""}
    assert {line["left_hip_confidence"] for line in lines} == {""}
    found = [lines[2][f"pelvis_{axis}_mm"] for axis in "xyz"]
    assert found == ["", "", "0.000"]


@pytest.mark.parametrize("people", [(), ((), ())], ids=["frames", "people"])
def test_a_recording_of_nothing_has_its_header(
    tmp_path, make_recording, people
):
    write_csv(tmp_path / "p.csv", make_recording(people=people))
    content = (tmp_path / "p.csv").read_text()
    assert content.startswith("frame,name,time_s,person,pelvis_x_mm,")
    assert content.count("\n") == 1


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_bytes_repeat(tmp_path, make_recording, ending):
    paths = [tmp_path / f"{name}.{ending}" for name in "ab"]
    for path in paths:
        write_csv(path, make_recording())
    content = paths[0].read_bytes()
    assert content == paths[1].read_bytes()
    if ending == "csv.gz":
        assert content[4:8] == bytes(4)  # the time
        content = gzip.decompress(content)
    assert b"\r" not in content


def test_a_name_of_no_letters_is_written(tmp_path, make_recording):
    recording = make_recording(people=((1,),))
    name = os.fsdecode(b"photo\xff.jpg")
    recording = dataclasses.replace(recording, frame_names=(name,))
    write_csv(tmp_path / "p.csv", recording)
    assert read(tmp_path / "p.csv")[0]["name"] == "photo?.jpg"


def test_another_ending_is_refused(tmp_path, make_recording):
    with pytest.raises(ValueError, match=r"`path` must end in \.csv"):
        write_csv(tmp_path / "p.txt", make_recording())
    assert os.listdir(tmp_path) == []
