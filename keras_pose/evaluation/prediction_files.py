"""Predictions on disk: .npz, .json, and a result file's .csv or .csv.gz.

What is read may be any system's, and may hold anything: nothing is unpickled,
and a file that unpacks to far more than itself is refused.
"""

import array
import contextlib
import csv
import gzip
import json
import zipfile
import zlib

import numpy as np

from keras_pose.data.sources.reading import files
from keras_pose.durable import replaced
from keras_pose.evaluation import prediction_json
from keras_pose.evaluation import result_file
from keras_pose.evaluation.prediction_json import MAX_NUMBERS
from keras_pose.evaluation.predictions import Predictions

_MAX_LINE = 2**20  # characters; a pose of 17 joints takes a thousand
_FORMATS = (".npz", ".json", ".csv", ".csv.gz")


def check_path(path):
    """Gives the format that a file's name ends with.

    Raises:
        ValueError: It is none of those known.
    """
    for ending in reversed(_FORMATS):
        if str(path).endswith(ending):
            return ending
    raise ValueError(
        f"`predictions` must be a file {', '.join(_FORMATS)}. Received: {path}"
    )


def read_predictions(path):
    """Reads poses.

    An .npz holds `joints` (J,) names, `joints_mm` (N, J, 3), and may hold
    `name` (N,) and `joints_px` (N, J, 2); a .json an object of the same as
    lists, null for a coordinate that is missing. `joints_mm` may lack where
    `joints_px` is there; px are those of the image as it was prepared, which
    may be a crop. A .csv has the columns of `result_file.HEADER`: mm
    relative to the hip, `Id` from 1 in the order of the data set.

    Args:
        path: The file.

    Returns:
        Predictions; their names empty where the file has none.

    Raises:
        ValueError: Names the file, and what is wrong with it.
        OSError: It cannot be read.
    """
    kind = check_path(path)
    read = {".npz": _read_npz, ".json": prediction_json.read}.get(
        kind, _read_csv
    )
    try:
        joints, names, mm, px = read(path)
        if mm is None and px is None:
            raise ValueError("must hold `joints_mm` or `joints_px`")
        known = px if mm is None else mm
        if mm is None:
            mm = np.full((*known.shape[:2], 3), np.nan)
        if names is None:
            names = [""] * len(known)
        return Predictions(tuple(joints), names, mm, px)
    except ValueError as error:
        prefix = "" if str(error).startswith(str(path)) else f"{path}: "
        raise ValueError(f"{prefix}{error}") from error


def write_predictions(path, predictions):
    """Writes poses in the format that the file's name ends with.

    Args:
        path: The file, replaced when the new one is whole.
        predictions: The Predictions. As .csv they must be of the report's
            joints, each known, and lose their names and pixels.

    Raises:
        ValueError: The format is unknown, or cannot hold them.
    """
    kind = check_path(path)
    write = {".npz": _write_npz, ".json": _write_json}.get(kind, _write_csv)
    with replaced(path) as aside:
        write(aside, predictions, *([kind] if write is _write_csv else []))


def _read_npz(path):
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy") for name in archive.namelist()}
    except OSError:
        raise
    except Exception as error:  # a damaged zip raises nearly anything
        raise ValueError(f"not a readable npz: {error}") from error
    joints = files.read_npz(path, {"joints": ((None,), "U")})["joints"]
    fields = {
        field: ((None, len(joints), width), "fiu")
        for field, width in prediction_json.WIDTHS.items()
        if field in members
    }
    if "name" in members:
        fields["name"] = ((None,), "U")
    found = files.read_npz(path, fields) if fields else {}
    names = found.get("name")
    return (
        joints.tolist(),
        None if names is None else names.tolist(),
        found.get("joints_mm"),
        found.get("joints_px"),
    )


def _read_csv(path):
    header = result_file.HEADER
    ids, numbers = array.array("q"), array.array("d")
    opened = gzip.open if str(path).endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            reader = csv.reader(_lines(file))
            if tuple(next(reader, ())) != header:
                raise ValueError(
                    f"the columns must be {', '.join(header[:4])}, ... "
                    f"{header[-1]}, {len(header)} in all"
                )
            for row in reader:
                if len(row) != len(header):
                    raise ValueError(
                        f"row {len(ids) + 1} must have {len(header)} cells. "
                        f"Received: {len(row)}"
                    )
                ids.append(_number(row[0], int, "Id", len(ids) + 1))
                numbers.extend(
                    _number(cell, float, name, len(ids))
                    for cell, name in zip(row[1:], header[1:], strict=True)
                )
                if len(numbers) > MAX_NUMBERS:
                    raise ValueError(f"must have at most {MAX_NUMBERS} numbers")
    # What a damaged gzip raises.
    except (EOFError, gzip.BadGzipFile, zlib.error, csv.Error) as error:
        raise ValueError(f"not a readable CSV: {error}") from error
    order = np.argsort(ids, kind="stable")
    if not np.array_equal(np.array(ids)[order], np.arange(1, len(ids) + 1)):
        raise ValueError(
            f"`Id` must be each of 1 to {len(ids)} once, in the order of the "
            "data set"
        )
    mm = np.array(numbers).reshape(-1, len(result_file.JOINTS), 3)[order]
    return result_file.JOINTS, None, mm, None


def _lines(file):
    while line := file.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise ValueError(f"a line must be shorter than {_MAX_LINE}")
        yield line


def _number(cell, kind, column, row):
    try:
        number = kind(cell)
        if not np.isfinite(number) or abs(number) > 2**62:
            raise ValueError
    except (ValueError, OverflowError, TypeError) as error:
        raise ValueError(
            f"`{column}` must be a finite number. "
            f"Received: {cell[:40]!r} in row {row}"
        ) from error
    return number


def _write_npz(path, predictions):
    arrays = {
        "joints": np.array(predictions.skeleton_joints),
        "joints_mm": predictions.joints_mm,
        "joints_px": predictions.joints_px,
        "name": np.array([str(name) for name in predictions.names]),
    }
    if not any(predictions.names):
        del arrays["name"]
    with open(path, "wb") as file:
        np.savez_compressed(
            file, **{k: v for k, v in arrays.items() if v is not None}
        )


def _write_json(path, predictions):
    def lists(joints):
        return [
            [[None if np.isnan(x) else round(x, 3) for x in j] for j in pose]
            for pose in joints.tolist()
        ]

    content = {"joints": list(predictions.skeleton_joints)}
    if any(predictions.names):
        content["name"] = [str(name) for name in predictions.names]
    content["joints_mm"] = lists(predictions.joints_mm)
    if predictions.joints_px is not None:
        content["joints_px"] = lists(predictions.joints_px)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, allow_nan=False)


def _write_csv(path, predictions, kind):
    missing = set(result_file.JOINTS) - set(predictions.skeleton_joints)
    if missing:
        raise ValueError(
            f"a .csv needs the joints {', '.join(sorted(missing))}. "
            f"Received: {', '.join(predictions.skeleton_joints)}"
        )
    order = [
        predictions.skeleton_joints.index(joint) for joint in result_file.JOINTS
    ]
    joints = predictions.joints_mm[:, order]
    if np.isnan(joints).any():
        raise ValueError(
            "a .csv needs every joint in mm. Received: "
            f"{np.isnan(joints).any(axis=-1).sum()} that were not predicted"
        )
    root = result_file.JOINTS.index(result_file.ROOT)
    joints = joints - joints[:, root, None]
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(open(path, "wb"))
        if kind == ".csv.gz":
            # Without a time, so that equal poses make equal files.
            raw = stack.enter_context(
                gzip.GzipFile("", "wb", fileobj=raw, mtime=0)
            )
        raw.write((",".join(result_file.HEADER) + "\n").encode())
        for number, row in enumerate(joints.reshape(len(joints), -1), 1):
            cells = ",".join(f"{x + 0.0:.3f}" for x in row)
            raw.write(f"{number},{cells}\n".encode())
