"""Reading tables that others made, as CSV."""

import csv
import difflib

from keras_pose.data.sources.reading import files

MAX_BYTES = 256 * 2**20


def read_rows(path, check_header):
    """Reads a table whose first line names its columns.

    Args:
        path: The CSV, UTF-8.
        check_header: Called with what errors call the first line, and the
            list of its columns; raises where they are wrong.

    Yields:
        (what errors call the row, {column: text} of its cells that hold any).

    Raises:
        ValueError: Names the file, the line and what is wrong.
    """
    files.check_file(path, MAX_BYTES)
    try:
        # Spreadsheets put a mark of the encoding before the first column.
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            try:
                yield from _rows(path, reader, check_header)
            except (csv.Error, UnicodeDecodeError) as error:
                raise ValueError(
                    f"{path}: line {reader.line_num}: {error}"
                ) from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error


def _rows(path, reader, check_header):
    header = [column.strip() for column in next(reader, [])]
    where = f"{path}: line 1"
    if len(header) == 1 and ";" in header[0]:
        raise ValueError(
            f"{where}: must have commas between its columns, as a spreadsheet "
            "saves that is told so. Received: semicolons"
        )
    for column in header:
        if column and header.count(column) > 1:
            raise ValueError(f"{where}: column `{column:.80}` stands twice")
    check_header(where, header)
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
        yield where, row


def together(row, columns, where):
    """Numbers of columns that are all given, or none.

    Raises:
        ValueError: One is given without the others, or is no number.
    """
    missing = [column for column in columns if column not in row]
    if missing:
        given = next(column for column in columns if column in row)
        raise ValueError(
            f"{where}: column `{missing[0]}` must be given with `{given}`. "
            "Received: nothing"
        )
    return [number(row, column, where, float) for column in columns]


def number(row, column, where, kind):
    """The number in a cell.

    Args:
        row: As of `read_rows`.
        column: Its name.
        where: What errors call the row.
        kind: int or float.

    Raises:
        ValueError: It is none.
    """
    try:
        return kind(row[column])
    except ValueError as error:
        rule = "a whole number" if kind is int else "a number"
        raise ValueError(
            f"{where}: column `{column}` must be {rule}. "
            f"Received: {row[column]:.80}"
        ) from error


def nearest(name, names):
    """Text that asks for the name most like it; nothing without one."""
    found = difflib.get_close_matches(name[:80], names, 1)
    return f"; did you mean `{found[0]}`?" if found else ""
