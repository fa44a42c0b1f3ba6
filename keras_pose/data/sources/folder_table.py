"""The CSV that describes a folder of images; `folder` says what is in it."""

from keras_pose.data.sources.reading import csv_table
from keras_pose.data.sources.reading.csv_table import nearest
from keras_pose.data.sources.reading.csv_table import number
from keras_pose.data.sources.reading.csv_table import together

_TEXTS = ("image", "subject", "action", "camera")
_GROUPS = {
    "box": ("x", "y", "width", "height"),
    "intrinsics": ("fx", "fy", "cx", "cy"),
}
_DISTORTION = ("k1", "k2", "p1", "p2", "k3")  # each 0 where it is not given
_SINGLE = ("head_size", "frame")
_AXES = {"px": "xy", "mm": "xyz"}


def read_rows(path, joints):
    """Reads a table.

    Args:
        path: The CSV, UTF-8.
        joints: Names of the joint set.

    Yields:
        (what errors call the row, its object as the JSON has it).

    Raises:
        ValueError: Names the file, the line, the column and the value.
    """
    joint_columns = {
        f"{joint}_{axis}_{unit}": (joint, unit)
        for joint in joints
        for unit, axes in _AXES.items()
        for axis in axes
    }

    def check(where, header):
        _check_header(where, header, joint_columns)

    for where, row in csv_table.read_rows(path, check):
        yield where, _object(row, where, joint_columns)


def _check_header(where, header, joint_columns):
    columns = [
        *_TEXTS,
        *_SINGLE,
        *_DISTORTION,
        *(column for group in _GROUPS.values() for column in group),
        *joint_columns,
    ]
    for column in header:
        if column not in columns:
            raise ValueError(
                f"{where}: unknown column `{column:.80}`"
                f"{nearest(column, columns)}"
            )
    if "image" not in header:
        raise ValueError(
            f"{where}: must have a column `image`. "
            f"Received: {', '.join(header)[:200] or 'nothing'}"
        )


def _object(row, where, joint_columns):
    """A row as the JSON's object."""
    item = {column: row[column] for column in _TEXTS if column in row}
    if "frame" in row:
        item["frame"] = number(row, "frame", where, int)
    if "head_size" in row:
        item["head_size"] = number(row, "head_size", where, float)
    for field, columns in _GROUPS.items():
        if any(column in row for column in columns):
            item[field] = together(row, columns, where)
    if any(column in row for column in _DISTORTION):
        item["distortion"] = [
            number(row, column, where, float) if column in row else 0.0
            for column in _DISTORTION
        ]
    for joint, unit in dict.fromkeys(
        joint_columns[column] for column in row if column in joint_columns
    ):
        columns = [f"{joint}_{axis}_{unit}" for axis in _AXES[unit]]
        places = item.setdefault(f"joints_{unit}", {})
        places[joint] = together(row, columns, where)
    return item
