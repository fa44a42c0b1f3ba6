"""Poses in a JSON file, read as they come: only their numbers are held."""

import array

import ijson
import numpy as np

# 4 million poses of 17 joints; the largest test sets hold half a million.
MAX_NUMBERS = 2**28
WIDTHS = {"joints_mm": 3, "joints_px": 2}


def read(path):
    """Reads the fields `joints`, `name`, `joints_mm` and `joints_px`.

    Args:
        path: The file.

    Returns:
        Names of the joints; names of the poses or None; (N, J, 3) and
        (N, J, 2) numbers, or None for what the file lacks.

    Raises:
        ValueError: The file is no JSON, or a field has another form.
        OSError: It cannot be read.
    """
    texts = {"joints": [], "name": []}
    poses = {}
    try:
        with open(path, "rb") as file:
            for field, level, event, value in _json_events(file):
                if field in texts:
                    _take_text(texts[field], field, level, event, value)
                elif field in WIDTHS:
                    pose = poses.setdefault(field, _Nested(field))
                    pose.take(level, event, value)
    except (ijson.JSONError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"not readable as JSON: {error}") from error
    joints = texts["joints"]
    arrays = {
        field: pose.array(len(joints), WIDTHS[field])
        for field, pose in poses.items()
    }
    return (
        joints,
        texts["name"] or None,
        arrays.get("joints_mm"),
        arrays.get("joints_px"),
    )


def _json_events(file):
    """Yields (field, lists deep, event, value) of the fields of an object.

    Not by `ijson.parse`: the prefixes that it builds take the square of the
    depth in memory, and depth costs a file one byte a level.
    """
    field, depth = None, 0
    for event, value in ijson.basic_parse(file, use_float=True):
        depth -= event.startswith("end_")
        if depth == 0 and not event.endswith("_map"):
            raise ValueError(f"must be a JSON object. Received: {event}")
        if depth == 1 and event == "map_key":
            field = value
        elif depth:
            yield field, depth - 1, event, value
        depth += event.startswith("start_")


def _take_text(texts, field, level, event, value):
    if event in ("start_array", "end_array") and level == 0:
        return
    if event != "string" or level != 1:
        raise ValueError(f"`{field}` must be a list of text. Received: {event}")
    if len(texts) >= MAX_NUMBERS // 16:
        raise ValueError(f"`{field}` must have at most {len(texts)} texts")
    texts.append(value)


class _Nested:
    """A list of lists of lists of numbers, taken event by event."""

    def __init__(self, field):
        self._field = field
        self._numbers = array.array("d")
        self._lengths = (set(), set(), set())  # of the lists at each depth
        self._counts = [0, 0, 0]

    def take(self, level, event, value):
        """Takes an event so many lists deep in the field."""
        if event == "start_array" and level < 3:
            if self._lengths[0]:
                raise ValueError(f"`{self._field}` must be given once")
            self._counts[level] = 0
        elif event == "end_array" and level < 3:
            self._lengths[level].add(self._counts[level])
            if len(self._lengths[level]) > 1:
                raise ValueError(
                    f"`{self._field}` must be lists of equal length. "
                    f"Received: {sorted(self._lengths[level])}"
                )
        elif event in ("number", "null") and level == 3:
            self._numbers.append(np.nan if value is None else float(value))
            if len(self._numbers) > MAX_NUMBERS:
                raise ValueError(
                    f"`{self._field}` must have at most {MAX_NUMBERS} numbers"
                )
        else:
            raise ValueError(
                f"`{self._field}` must be a list of poses, each a list of "
                f"joints, each a list of numbers. Received: {event} "
                f"{level} lists deep"
            )
        if level and event != "end_array":
            self._counts[level - 1] += 1

    def array(self, num_joints, width):
        """The numbers as an array of (N, joints, width)."""
        sizes = [next(iter(found), 0) for found in self._lengths]
        if sizes[1:] != [num_joints, width]:
            raise ValueError(
                f"`{self._field}` must be (N, {num_joints}, {width}). "
                f"Received: {tuple(sizes)}"
            )
        return np.array(self._numbers).reshape(sizes)
