"""Reading HDF5 files that others made, block by block.

A small file may claim arrays of any size, name other files to read from, and
unpack to a thousand times its size; each is refused before it is read.
"""

import contextlib
import math
import zlib

import h5py
import numpy as np

from keras_pose.data.sources.reading import files

# More than Human3.6M has frames of all its cameras.
MAX_ROWS = 10**7
# What is held in memory of an array at once, whatever the file is like.
MAX_CHUNK_BYTES = 256 * 2**20
_BLOCK_ROWS = 4096
_MAX_BLOCK_ROWS = 2**18

_GZIP = h5py.h5z.FILTER_DEFLATE
_FILTERS = {_GZIP, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def count_rows(path, fields, kinds="f"):
    """Checks the arrays of a file, of which only the headers are read.

    Args:
        path: The file.
        fields: {name: shape of one row}.
        kinds: Letters of `dtype.kind` that the arrays may have.

    Returns:
        The number of rows, the same one for all fields; None if a field is
        absent.

    Raises:
        ValueError: Names the file, and the field with what is wrong.
    """
    with _opened(path, fields, kinds) as arrays:
        return None if arrays is None else len(next(iter(arrays.values())))


def read_rows(path, fields, rows, kinds="f"):
    """Reads rows, a block of the file at a time.

    Args:
        path: The file.
        fields: {name: shape of one row}.
        rows: (R,) row numbers, ascending.
        kinds: As `count_rows` takes them.

    Yields:
        (row number, {field: array of one row}).

    Raises:
        ValueError: As `count_rows`; or a block is damaged, or holds more than
            its shape has room for.
    """
    with _opened(path, fields, kinds) as arrays:
        for field, array in arrays.items():
            with _refusing(path, field):
                _check_packed(array)
        # A chunk is unpacked whole, so no two blocks should share one.
        step = max((array.chunks or (1,))[0] for array in arrays.values())
        step = min(step * math.ceil(_BLOCK_ROWS / step), _MAX_BLOCK_ROWS)
        for start in range(0, len(next(iter(arrays.values()))), step):
            first, last = np.searchsorted(rows, (start, start + step))
            if first == last:
                continue
            block = {}
            for field, array in arrays.items():
                with _refusing(path, field):
                    block[field] = array[start : start + step]
            for row in rows[first:last]:
                yield (
                    int(row),
                    {field: part[row - start] for field, part in block.items()},
                )


@contextlib.contextmanager
def _opened(path, fields, kinds):
    """Gives {field: h5py.Dataset}, checked; None if one is absent."""
    files.check_file(path)
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(h5py.File(path, "r"))
            absent = [field for field in fields if field not in file]
        except Exception as error:  # a damaged file raises nearly anything
            raise ValueError(f"{path}: not a readable HDF5: {error}") from error
        arrays = {}
        for field, shape in fields.items() if not absent else ():
            with _refusing(path, field):
                rows = len(next(iter(arrays.values()))) if arrays else None
                arrays[field] = _checked(file, field, shape, rows, kinds)
        yield None if absent else arrays


@contextlib.contextmanager
def _refusing(path, field):
    """Turns all that a hostile array raises into one error that names it."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{path}: `{field}` {error}") from error


def _checked(file, field, row_shape, rows, kinds):
    # Any other link may lead out of the file.
    if not isinstance(file.get(field, getlink=True), h5py.HardLink):
        raise ValueError("must lie in the file itself. Received: a link")
    array = file[field]
    if not isinstance(array, h5py.Dataset):
        raise ValueError(f"must be an array. Received: {type(array).__name__}")
    expected = ("N" if rows is None else rows, *row_shape)
    shape, dtype = array.shape, array.dtype
    if (
        not shape
        or shape[1:] != row_shape
        or rows not in (None, shape[0])
        or not 0 < shape[0] <= MAX_ROWS
        or dtype.kind not in kinds
        or dtype.itemsize > 8
    ):
        raise ValueError(
            f"must be {'floats' if kinds == 'f' else 'numbers'} of shape "
            f"({', '.join(map(str, expected))}), N "
            f"from 1 to {MAX_ROWS}. Received: {shape}, {dtype}"
        )
    if array.external or array.is_virtual:
        raise ValueError("must lie in the file itself. Received: other files")
    size = math.prod(array.chunks or (0,)) * dtype.itemsize
    if size > MAX_CHUNK_BYTES:
        raise ValueError(
            f"must have chunks of at most {MAX_CHUNK_BYTES} bytes. "
            f"Received: {size}"
        )
    filters = _filters(array)
    if len(set(filters)) < len(filters) or not _FILTERS.issuperset(filters):
        raise ValueError(
            "must be stored as it is or by gzip. "
            f"Received: HDF5 filters {filters}"
        )
    return array


def _filters(array):
    properties = array.id.get_create_plist()
    return [
        properties.get_filter(index)[0]
        for index in range(properties.get_nfilters())
    ]


def _check_packed(array):
    """Refuses chunks that unpack to more than their shape has room for.

    HDF5 itself goes on unpacking until memory ends.
    """
    filters = _filters(array)
    if not filters:
        return
    room = math.prod(array.chunks) * array.dtype.itemsize
    # What gzip and checksums may add to bytes that do not shrink.
    most = room + room // 100 + 1024
    gzip_bit = 1 << filters.index(_GZIP) if _GZIP in filters else 0
    chunks = []
    array.id.chunk_iter(chunks.append)
    for chunk in chunks:
        size = chunk.size
        if size <= most:
            skipped, packed = array.id.read_direct_chunk(chunk.chunk_offset)
            if gzip_bit & ~skipped:
                size = len(zlib.decompressobj().decompress(packed, most + 1))
        if size > most:
            raise ValueError(
                f"must unpack to chunks of {room} bytes. Received: {size} or "
                "more"
            )
