"""The CSV that describes a folder of images; `folder` says what is in it."""

import csv
import difflib

from keras_pose.data.sources.reading import files

MAX_CSV_BYTES = 256 * 2**20

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
    files.check_file(path, MAX_CSV_BYTES)
    try:
        # Spreadsheets put a mark of the encoding before the first column.
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            try:
                yield from _objects(path, reader, joints)
            except (csv.Error, UnicodeDecodeError) as error:
                raise ValueError(
                    f"{path}: line {reader.line_num}: {error}"
                ) from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error


def nearest(name, names):
    """Text that asks for the name most like it; nothing without one."""
    found = difflib.get_close_matches(name[:80], names, 1)
    return f"; did you mean `{found[0]}`?" if found else ""


def _objects(path, reader, joints):
    header = [column.strip() for column in next(reader, [])]
    joint_columns = {
        f"{joint}_{axis}_{unit}": (joint, unit)
        for joint in joints
        for unit, axes in _AXES.items()
        for axis in axes
    }
    _check_header(path, header, joint_columns)
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue  # an empty line
        where = f"{path}: line {reader.line_num}"
        if len(cells) != len(header):
            raise ValueError(
                f"{where}: must have {len(header)} cells, one for each column. "
                f"Received: {len(cells)}"
            )
        row = {
            column: cell.strip()
            for column, cell in zip(header, cells, strict=True)
            if cell.strip()
        }
        yield where, _object(row, where, joint_columns)


def _check_header(path, header, joint_columns):
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
                f"{path}: line 1: unknown column `{column:.80}`"
                f"{nearest(column, columns)}"
            )
        if header.count(column) > 1:
            raise ValueError(f"{path}: line 1: column `{column}` stands twice")
    if "image" not in header:
        raise ValueError(
            f"{path}: line 1: must have a column `image`. "
            f"Received: {', '.join(header)[:200] or 'nothing'}"
        )


def _object(row, where, joint_columns):
    """A row as the JSON's object."""
    item = {column: row[column] for column in _TEXTS if column in row}
    if "frame" in row:
        item["frame"] = _number(row, "frame", where, int)
    if "head_size" in row:
        item["head_size"] = _number(row, "head_size", where, float)
    for field, columns in _GROUPS.items():
        if any(column in row for column in columns):
            item[field] = _together(row, columns, where)
    if any(column in row for column in _DISTORTION):
        item["distortion"] = [
            _number(row, column, where, float) if column in row else 0.0
            for column in _DISTORTION
        ]
    for joint, unit in dict.fromkeys(
        joint_columns[column] for column in row if column in joint_columns
    ):
        columns = [f"{joint}_{axis}_{unit}" for axis in _AXES[unit]]
        places = item.setdefault(f"joints_{unit}", {})
        places[joint] = _together(row, columns, where)
    return item


def _together(row, columns, where):
    """Numbers of columns that are all given, or none."""
    missing = [column for column in columns if column not in row]
    if missing:
        given = next(column for column in columns if column in row)
        raise ValueError(
            f"{where}: column `{missing[0]}` must be given with `{given}`. "
            "Received: nothing"
        )
    return [_number(row, column, where, float) for column in columns]


def _number(row, column, where, kind):
    try:
        return kind(row[column])
    except ValueError as error:
        rule = "a whole number" if kind is int else "a number"
        raise ValueError(
            f"{where}: column `{column}` must be {rule}. "
            f"Received: {row[column]:.80}"
        ) from error
