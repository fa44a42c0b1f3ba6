import contextlib
import dataclasses
import gzip
import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from keras_pose.evaluation import result_file
from keras_pose.evaluation.prediction_files import read_predictions
from keras_pose.evaluation.prediction_files import write_predictions
from keras_pose.evaluation.predictions import Predictions
from keras_pose.skeleton import H36M_17

ALL = pytest.mark.parametrize("ending", ["npz", "json", "csv", "csv.gz"])


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    mm = np.round(rng.normal(0, 300, (3, 17, 3)), 3)
    px = np.round(rng.uniform(0, 200, (3, 17, 2)), 3)
    return Predictions(H36M_17.joints, ["b", "a", "ü"], mm, px)


@ALL
def test_what_is_written_is_read_again(predictions, tmp_path, ending):
    path = tmp_path / f"poses.{ending}"
    write_predictions(path, predictions)
    found = read_predictions(path)
    assert found.skeleton_joints == predictions.skeleton_joints
    mm = predictions.joints_mm
    if ending.startswith("csv"):
        mm = mm - mm[:, :1]
        assert found.names.tolist() == ["", "", ""]
        assert found.joints_px is None
    else:
        assert found.names.tolist() == ["b", "a", "ü"]
        np.testing.assert_array_equal(found.joints_px, predictions.joints_px)
    np.testing.assert_allclose(found.joints_mm, mm, atol=6e-4)


@ALL
def test_equal_poses_make_equal_files(predictions, tmp_path, ending):
    paths = [tmp_path / f"{name}.{ending}" for name in "ab"]
    for path in paths:
        write_predictions(path, predictions)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_csv_is_the_reports_result_file(tmp_path):
    path = tmp_path / "submission.csv"
    joints = tuple(reversed(H36M_17.joints))  # the file has its own order
    mm = np.zeros((2, 17, 3))
    mm[:, joints.index("pelvis")] = [10, 20, 3000]
    mm[1, joints.index("left_wrist")] = [110, 20.5, 2997]
    write_predictions(path, Predictions(joints, ["", ""], mm))
    header, first, second = path.read_text().splitlines()
    columns = header.split(",")
    assert columns[:5] == ["Id", "Hip_x", "Hip_y", "Hip_z", "RHip_x"]
    assert (columns[-1], len(columns)) == ("RWrist_z", 52)
    assert columns[28] == "Neck/Nose_x"
    row = dict(zip(columns, second.split(","), strict=True))
    assert row["Id"] == "2"
    wrist = [row[f"LWrist_{axis}"] for axis in "xyz"]
    assert wrist == ["100.000", "0.500", "-3.000"]
    assert first.split(",")[:5] == ["1", "0.000", "0.000", "0.000", "-10.000"]


def test_csv_rows_are_found_by_their_id(predictions, tmp_path):
    path = tmp_path / "poses.csv"
    write_predictions(path, predictions)
    expected = read_predictions(path).joints_mm
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, rows[2], rows[0], rows[1]]))
    np.testing.assert_array_equal(read_predictions(path).joints_mm, expected)


def test_names_and_millimetres_may_lack(predictions, tmp_path):
    path = tmp_path / "poses.npz"
    np.savez(path, joints=H36M_17.joints, joints_px=predictions.joints_px)
    found = read_predictions(path)
    assert np.isnan(found.joints_mm).all()
    assert found.names.tolist() == ["", "", ""]
    path = tmp_path / "poses.json"
    path.write_text(json.dumps({"joints": ["a"], "joints_px": [[[1, 2]]]}))
    assert read_predictions(path).joints_px.tolist() == [[[1, 2]]]


@pytest.mark.parametrize("ending", ["npz", "json"])
def test_missing_joints_stay_missing(predictions, tmp_path, ending):
    predictions.joints_mm[1, 5] = np.nan
    path = tmp_path / f"poses.{ending}"
    write_predictions(path, predictions)
    np.testing.assert_array_equal(
        read_predictions(path).joints_mm, predictions.joints_mm
    )


def test_csv_holds_only_what_it_can(predictions, tmp_path):
    path = tmp_path / "poses.csv"
    predictions.joints_mm[1, 5] = np.nan
    with pytest.raises(ValueError, match="every joint in mm. Received: 1 that"):
        write_predictions(path, predictions)
    joints = ("left_ear", *H36M_17.joints[1:])
    other = dataclasses.replace(predictions, skeleton_joints=joints)
    with pytest.raises(ValueError, match="needs the joints pelvis"):
        write_predictions(path, other)
    assert not list(tmp_path.iterdir())


GOOD = {"joints": ["a", "b"], "joints_mm": [[[1, 2, 3], [4, 5, 6]]]}
WRONG_JSON = {
    "nothing": ({}, "must hold `joints_mm` or"),
    "no_joints": ({"joints_mm": GOOD["joints_mm"]}, r"must be \(N, 0, 3\)"),
    "ragged": (
        GOOD | {"joints_mm": [[[1, 2, 3], [4, 5]]]},
        r"equal length. Received: \[2, 3\]",
    ),
    "ragged_poses": (
        GOOD | {"joints_mm": [[[1, 2, 3]] * 2, [[1, 2, 3]]]},
        r"equal length. Received: \[1, 2\]",
    ),
    "flat": (GOOD | {"joints_mm": [1, 2]}, "number 1 lists deep"),
    "deep": (GOOD | {"joints_mm": [[[[1]]]]}, "start_array 3 lists deep"),
    "text": (GOOD | {"joints_mm": [[["1", 2, 3]]]}, "Received: string"),
    "truth": (GOOD | {"joints_mm": [[[True, 2, 3]]]}, "Received: boolean"),
    "empty": (GOOD | {"joints_mm": []}, r"must be \(N, 2, 3\)"),
    "partly_null": (
        GOOD | {"joints_mm": [[[None, 2, 3], [4, 5, 6]]]},
        "NaN in all coordinates",
    ),
    "huge": (GOOD | {"joints_mm": [[[1, 2, 10**400]] * 2]}, "JSON|at most"),
    "names": (GOOD | {"name": ["a", "b"]}, r"of shape \(2, 2, 3\)"),
    "named_by_number": (GOOD | {"name": [1]}, "`name` must be a list of text"),
    "joints_in_list": (GOOD | {"joints": [["a"]]}, "`joints` must be a list"),
    "pixels": (GOOD | {"joints_px": [[[1, 2]]]}, r"must be \(N, 2, 2\)"),
}


@pytest.mark.parametrize(
    ("content", "message"), list(WRONG_JSON.values()), ids=list(WRONG_JSON)
)
def test_wrong_json_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "poses.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"^{path}: .*({message})"):
        read_predictions(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"joints": ["a"], "joints_mm": [[[NaN, 1, 2]]]}',
        '{"joints": ["a"], "joints_mm": [[[1e999, 1, 2]]]}',
        '{"joints_mm": [[[1, 1, 2]]], "joints": ["a"], '
        '"joints_mm": [[[1, 1, 2]]]}',
        "[" * 100_000,
        '{"other": ' + "[" * 100_000,
        "[1, 2]",
        '{"joints": ["\\ud800"], "joints_mm": 1}',
        "\x00\xff",
    ],
)
def test_damaged_json_is_refused_by_name(tmp_path, text):
    path = tmp_path / "poses.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=f"^{path}: "):
        read_predictions(path)


def test_json_may_hold_other_fields(tmp_path):
    path = tmp_path / "poses.json"
    deep = "[" * 50_000 + "]" * 50_000
    fields = '"joints": ["a"], "joints_mm": [[[1, 2, 3]]]'
    path.write_text(f'{{"info": {{"joints_mm": [1]}}, "x": {deep}, {fields}}}')
    assert read_predictions(path).joints_mm.tolist() == [[[1, 2, 3]]]


def csv_text(rows=2, **changed):
    cells = ["0.5"] * 51
    lines = [",".join(result_file.HEADER)]
    lines += [",".join([str(row + 1), *cells]) for row in range(rows)]
    for number, line in changed.items():
        lines[int(number[1:])] = line
    return "\n".join(lines)


WRONG_CSV = {
    "header": (csv_text().replace("Hip_x", "hip_x", 1), "columns must be Id"),
    "empty": ("", "columns must be Id"),
    "cells": (csv_text(_2="2,1,1"), "row 2 must have 52 cells. Received: 3"),
    "text": (csv_text().replace("0.5", "x", 1), "`Hip_x` must be a finite"),
    "nan": (csv_text().replace("0.5", "nan", 1), "`Hip_x` must be a finite"),
    "inf": (csv_text().replace("0.5", "-inf", 1), "`Hip_x` must be a finite"),
    "id": (csv_text().replace("\n2,", "\n3,"), "each of 1 to 2 once"),
    "twice": (csv_text().replace("\n2,", "\n1,"), "each of 1 to 2 once"),
    "zero": (csv_text().replace("\n1,", "\n0,"), "each of 1 to 2 once"),
    "large": (csv_text().replace("\n1,", f"\n{10**30},"), "`Id` must be"),
    "rows": (csv_text(0), "at least one name"),
    "line": (csv_text() + "\n" + "x" * 2**21, "a line must be shorter"),
}


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
@pytest.mark.parametrize(
    ("text", "message"), list(WRONG_CSV.values()), ids=list(WRONG_CSV)
)
def test_wrong_csv_is_refused_by_name(tmp_path, text, message, ending):
    path = tmp_path / f"poses.{ending}"
    packed = gzip.compress(text.encode()) if "gz" in ending else text.encode()
    path.write_bytes(packed)
    with pytest.raises(ValueError, match=f"^{path}: .*{message}"):
        read_predictions(path)


def test_a_gzip_bomb_is_refused_before_it_unpacks(tmp_path):
    path = tmp_path / "poses.csv.gz"
    zeros = gzip.compress(b"0" * 2**24, 9)
    path.write_bytes(zeros * 64)  # a line of 1 GB
    with pytest.raises(ValueError, match="a line must be shorter"):
        read_predictions(path)


def test_a_damaged_gzip_is_refused(tmp_path):
    path = tmp_path / "poses.csv.gz"
    whole = gzip.compress(csv_text(50).encode())
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        for content in (whole[:place], damaged):
            path.write_bytes(content)
            # Some bytes of the header mean nothing.
            with contextlib.suppress(ValueError):
                found = read_predictions(path)
                assert found.joints_mm.shape == (50, 17, 3)


def test_nothing_is_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return exec, ("raise AssertionError('ran')",)

    path = tmp_path / "poses.npz"
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content,
        {"descr": "|O", "fortran_order": False, "shape": (1,)},
    )
    pickle.dump(Bomb(), content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("joints.npy", content.getvalue())
    with pytest.raises(ValueError, match=f"{path}: not a readable npz"):
        read_predictions(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "not a readable npz"),
        ({"joints": [1, 2]}, "`joints` must have shape"),
        ({"joints": ["a"]}, "must hold `joints_mm` or"),
        ({"joints": ["a"], "joints_mm": np.zeros((2, 2, 3))}, "`joints_mm`"),
        (
            {
                "joints": ["a"],
                "joints_mm": np.zeros((2, 1, 3)),
                "name": ["x"],
            },
            "`name` must have shape",
        ),
        ({"joints": ["a"], "joints_mm": np.full((1, 1, 3), np.inf)}, "at most"),
    ],
)
def test_wrong_npz_is_refused_by_name(tmp_path, arrays, message):
    path = tmp_path / "poses.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=f"^{path}: .*{message}"):
        read_predictions(path)


@pytest.mark.parametrize("ending", ["npz", "json", "csv"])
def test_a_damaged_file_is_refused_or_read_right(predictions, tmp_path, ending):
    path = tmp_path / f"poses.{ending}"
    write_predictions(path, predictions)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(whole)
        # Headers, where most harm is done, are at an end.
        places = rng.choice(
            [rng.integers(len(whole)), -rng.integers(1, 600)], 2
        )
        for place in places:
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            found = read_predictions(path)
        except ValueError as error:
            message = str(error)
        else:
            message = str(path)
            assert found.joints_mm.shape == (3, 17, 3)
        assert message.startswith(str(path))


@pytest.mark.parametrize("ending", ["npz", "json", "csv.gz"])
def test_a_file_that_ends_too_early_is_refused(predictions, tmp_path, ending):
    path = tmp_path / f"poses.{ending}"
    write_predictions(path, predictions)
    whole = path.read_bytes()
    for place in range(0, len(whole) - 1, 1 + len(whole) // 60):
        path.write_bytes(whole[:place])
        with pytest.raises(ValueError, match=f"^{path}: "):
            read_predictions(path)


def test_a_zip_of_a_version_to_come_is_refused(predictions, tmp_path):
    path = tmp_path / "poses.npz"
    write_predictions(path, predictions)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 208  # version needed
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{path}: not a readable npz"):
        read_predictions(path)


def test_an_unknown_ending_is_refused(tmp_path, predictions):
    for use in (read_predictions, lambda p: write_predictions(p, predictions)):
        with pytest.raises(
            ValueError, match="must be a file .npz, .*poses.txt"
        ):
            use(tmp_path / "poses.txt")
