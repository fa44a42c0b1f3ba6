"""Reading files that others made, which may hold anything."""

import os
import zipfile

import numpy as np

# No annotation file of a known data set comes near this size.
MAX_NPZ_BYTES = 8 * 2**30
MAX_LIST_BYTES = 256 * 2**20


def read_bytes(root, relative):
    """Reads a file below `root`.

    A link may lead out of `root`: who made it owns the disk. A name in an
    annotation file may not.

    Raises:
        ValueError: The path climbs out of `root`, or there is no such file.
    """
    path = os.path.normpath(os.path.join(root, relative))
    if os.path.commonpath([os.path.abspath(root), os.path.abspath(path)]) != (
        os.path.abspath(root)
    ):
        raise ValueError(f"a path must stay below {root}. Received: {relative}")
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # a name with a zero byte
        raise ValueError(f"{path!r}: cannot be read: {error}") from error


def read_lines(path, count):
    """Reads a text file of one line for each row of another file.

    Args:
        path: The file, UTF-8.
        count: The number of lines that it must have.

    Returns:
        The lines, a list of `count` strings.

    Raises:
        ValueError: Names the file and what is wrong with it.
    """
    try:
        size = os.path.getsize(path) if os.path.isfile(path) else None
        if size is None or size > MAX_LIST_BYTES:
            raise ValueError(
                f"must be a file of at most {MAX_LIST_BYTES} bytes. "
                f"Received: {'none' if size is None else size}"
            )
        with open(path, "rb") as file:
            content = file.read().rstrip(b"\r\n")
        # Counted before a file of nothing but line ends becomes a list.
        lines = content.count(b"\n") + 1 if content else 0
        if lines != count:
            raise ValueError(
                f"must have {count} lines, one for each row. Received: {lines}"
            )
        return [
            line.removesuffix("\r") for line in content.decode().split("\n")
        ]
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def read_npz(path, fields):
    """Reads arrays of an npz file, without unpickling anything.

    Args:
        path: The file.
        fields: {name: (shape, kinds)}. None in a shape admits any length, the
            same one for all the fields; kinds are letters of `dtype.kind`.

    Returns:
        {name: array}.

    Raises:
        ValueError: Names the file, and the field with its shape and dtype.
    """
    try:
        arrays = _load_npz(path, fields)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error
    except Exception as error:  # a damaged zip raises nearly anything
        raise ValueError(f"{path}: not a readable npz: {error}") from error
    rows = arrays[next(iter(fields))].shape[:1] or (0,)
    for field, (shape, kinds) in fields.items():
        array = arrays[field]
        expected = (*rows, *shape[1:]) if shape[0] is None else shape
        if array.shape != expected or array.dtype.kind not in kinds:
            raise ValueError(
                f"{path}: `{field}` must have shape {expected} and a dtype of "
                f"kind {' or '.join(kinds)}. "
                f"Received: {array.shape}, {array.dtype}"
            )
    return arrays


def _load_npz(path, fields):
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > MAX_NPZ_BYTES:
        raise ValueError(
            f"must unpack to at most {MAX_NPZ_BYTES} bytes. Received: {size}"
        )
    with np.load(path, allow_pickle=False) as archive:
        return {field: np.asarray(archive[field]) for field in fields}
