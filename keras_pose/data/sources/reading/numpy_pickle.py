"""Pickles of arrays, read without trusting them.

A pickle is a program for its reader, with names of functions to call. This
reader knows the five names that NumPy writes for a numeric array, and answers
each with a function of its own that checks what it is given; any other name is
refused before it is called.
"""

import io
import math
import pickle
import re
import struct
import zipfile

import numpy as np

from keras_pose.data.sources.reading import files

MAX_BYTES = 64 * 2**20  # a camera file has some 50 kB
MAX_MEMBER_BYTES = 2**30  # all poses of Human3.6M have 200 MB

_NUMERIC = re.compile(r"[biuf][1248]")


def load_numpy_pickle(path):
    """Unpickles a file that holds plain containers and numeric arrays.

    Raises:
        ValueError: The file holds anything else, is damaged, or is larger
            than `MAX_BYTES`.
    """
    files.check_file(path, MAX_BYTES)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        # Of a buffer in memory, no opcode can ask for more than there is.
        return _NumpyUnpickler(io.BytesIO(content)).load()
    except Exception as error:  # a damaged pickle raises nearly anything
        raise ValueError(
            f"{path}: not a pickle of arrays and plain containers: {error}"
        ) from error


def load_object_npz(path, name):
    """Reads an npz's array of one object, plain containers and numeric arrays.

    To be called in a process of its own: a pickle as large as may be read here
    can ask for many times its size.

    Args:
        path: The file.
        name: Of the array, which has no axes.

    Returns:
        The object.

    Raises:
        ValueError: As `load_numpy_pickle`; does not name the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(f"{name}.npy")
            if entry.file_size > MAX_MEMBER_BYTES:
                raise ValueError(
                    f"must unpack to at most {MAX_MEMBER_BYTES} bytes. "
                    f"Received: {entry.file_size}"
                )
            file = io.BytesIO(archive.read(entry))
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"must be of NumPy's format 1.0, not {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if (shape, dtype) != ((), np.dtype(object)):
            raise ValueError(f"must be one object. Received: {shape}, {dtype}")
        array = _ObjectUnpickler(file).load()
        if not isinstance(array, _Array) or array.shape != ():
            raise ValueError("must be an array of one object")
    except Exception as error:  # a damaged zip or pickle raises nearly anything
        raise ValueError(f"`{name}` cannot be read: {error}") from error
    return array.item()


class _Dtype:
    """Stands for a numeric dtype; of its state, only the byte order counts."""

    def __init__(self, name, align=False, copy=True):
        del align, copy
        if not _NUMERIC.fullmatch(name):
            raise pickle.UnpicklingError(f"dtype {name!r} is not a number's")
        self._name, self._order = name, "="

    def __setstate__(self, state):
        _, order, subarray, names, fields, *_ = state
        if order not in tuple("<>=|") or (subarray, names, fields) != (
            None,
            None,
            None,
        ):
            raise pickle.UnpicklingError("a dtype is not a number's")
        self._order = order

    def read(self, content, shape, order):
        """Makes an array of `content`, which must fill `shape`."""
        dtype = np.dtype(self._order + self._name)
        if math.prod(shape) * dtype.itemsize != len(content):
            raise pickle.UnpicklingError(
                f"an array of shape {shape} has {len(content)} bytes: its "
                "size does not match"
            )
        flat = np.frombuffer(content, dtype).astype(dtype.newbyteorder("="))
        return flat.reshape(shape, order=order)


class _ObjectDtype(_Dtype):
    """Stands for the dtype of objects, whose state says nothing."""

    def __init__(self):
        self._name, self._order = "O", "|"

    def read(self, content, shape, order):
        """Makes an array of a list, which must fill `shape`."""
        if type(content) is not list or math.prod(shape) != len(content):
            raise pickle.UnpicklingError("objects do not fill their array")
        flat = np.empty(len(content), object)
        for index, value in enumerate(content):
            flat[index] = value
        return flat.reshape(shape, order=order)


def _any_dtype(name, align=False, copy=True):
    if name in ("O", "O8"):
        return _ObjectDtype()
    return _Dtype(name, align, copy)


class _Array(np.ndarray):
    """An array that takes its state from a pickle, checked."""

    def __setstate__(self, state):
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, _Dtype):
            raise pickle.UnpicklingError("an array is not of numbers")
        if type(dtype) is _Dtype:
            content = _bytes(content)
        array = dtype.read(content, shape, "F" if fortran else "C")
        super().__setstate__(array.__reduce__()[2])


def _bytes(content):
    if type(content) is not bytes:
        raise pickle.UnpicklingError("an array does not hold bytes")
    return content


def _reconstruct(array_type, shape, typecode):
    """Makes an empty array, whatever shape is asked for; see `_Array`."""
    del array_type, shape, typecode
    return np.empty(0, np.uint8).view(_Array)


def _frombuffer(content, dtype, shape, order):
    """Makes an array at once, as protocol 5 does."""
    return dtype.read(_bytes(content), shape, "F" if order == "F" else "C")


def _scalar(dtype, content):
    return dtype.read(_bytes(content), (), "C")[()]


def _encode(text, encoding):
    """How protocols before 3 write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text is encoded as {encoding!r}")
    return text.encode("latin1")


# The unpickler in Python, for that in C makes room for as many objects as a
# pickle of ten bytes cares to claim.
class _NumpyUnpickler(pickle._Unpickler):
    _NAMES = {
        "ndarray": "ndarray",  # only ever named, never called
        "dtype": _Dtype,
        "_reconstruct": _reconstruct,
        "_frombuffer": _frombuffer,
        "scalar": _scalar,
        "encode": _encode,
    }
    _MODULES = {
        "numpy": ("ndarray", "dtype"),
        "numpy.core.multiarray": ("_reconstruct", "scalar"),
        "numpy._core.multiarray": ("_reconstruct", "scalar"),
        "numpy.core.numeric": ("_frombuffer",),
        "numpy._core.numeric": ("_frombuffer",),
        "_codecs": ("encode",),
    }

    def find_class(self, module, name):
        if name not in self._MODULES.get(module, ()):
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return self._NAMES[name]

    def persistent_load(self, identifier):
        raise pickle.UnpicklingError(f"it refers to {identifier!r} outside it")

    def load_build(self):
        if not isinstance(self.stack[-2], _Dtype | _Array):
            raise pickle.UnpicklingError("it changes what is not its own")
        super().load_build()

    def load_bytearray8(self):
        # Its own takes the memory before it reads.
        (size,) = struct.unpack("<Q", self.read(8))
        content = self.read(size)
        if len(content) < size:
            raise pickle.UnpicklingError("it ends too early")
        self.append(content)

    dispatch = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: load_build,
        pickle.BYTEARRAY8[0]: load_bytearray8,
    }


class _ObjectUnpickler(_NumpyUnpickler):
    _NAMES = {**_NumpyUnpickler._NAMES, "dtype": _any_dtype}
