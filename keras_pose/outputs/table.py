"""A line for each frame and person: CSV for pandas, R and spreadsheets."""

import contextlib
import csv
import gzip
import io
import math
from typing import NamedTuple

from keras_pose import durable

KEYS = ("frame", "name", "time_s", "person")

_SUFFIXES = (".csv", ".csv.gz")
_TIME_DECIMALS = 6


class Column(NamedTuple):
    """A column of numbers: its name, unit in it, and how it is rounded."""

    name: str
    decimals: int


def write(path, recording, columns, values):
    """Writes a table of a recording's poses, whole or not at all.

    The same recording gives the same bytes. Frames without people have no
    line.

    Args:
        path: Of the file, .csv or .csv.gz; UTF-8.
        recording: The Recording of N poses. `KEYS` come first: the frame, from
            0; its name; its time, empty for photos; the person.
        columns: C Columns.
        values: N rows of C numbers, an array or an iterable of arrays; what is
            not finite is left empty.

    Raises:
        ValueError: The name ends in something else.
    """
    if not str(path).lower().endswith(_SUFFIXES):
        raise ValueError(
            f"`path` must end in {' or '.join(_SUFFIXES)}. Received: {path}"
        )
    is_packed = str(path).lower().endswith(".gz")
    with durable.replaced(path) as aside, _opened(aside, is_packed) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*KEYS, *(column.name for column in columns)])
        decimals = [column.decimals for column in columns]
        for row, numbers in enumerate(values):
            cells = map(_text, numbers.tolist(), decimals)
            writer.writerow([*_keys(recording, row), *cells])


@contextlib.contextmanager
def _opened(path, is_packed):
    """A text file to write; packed without its time, so that bytes repeat."""
    with contextlib.ExitStack() as exits:
        file = exits.enter_context(open(path, "wb"))
        if is_packed:
            file = exits.enter_context(
                gzip.GzipFile("", "wb", fileobj=file, mtime=0)
            )
        # A file name may hold bytes that are no UTF-8.
        yield exits.enter_context(
            io.TextIOWrapper(file, "utf-8", errors="replace", newline="")
        )


def _keys(recording, row):
    frame = recording.frame[row]
    return (
        frame,
        recording.frame_names[frame],
        _text(float(recording.times_s[frame]), _TIME_DECIMALS),
        recording.person[row],
    )


def _text(number, decimals):
    """The number, rounded; nothing where it is not finite."""
    if not math.isfinite(number):
        return ""
    # Adding 0 takes the sign from -0.
    return f"{round(number, decimals) + 0.0:.{decimals}f}"
