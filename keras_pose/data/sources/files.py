"""Reading files that others made, which may hold anything."""

import os
import zipfile

import numpy as np

# No annotation file of a known data set comes near this size.
MAX_NPZ_BYTES = 8 * 2**30


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
