"""Runs a SavedModel by TensorFlow's C API, as a server in C++ would.

python c_loader.py LIBRARIES SAVED_MODEL IMAGES OUT INPUT NAME=OUTPUT ...

LIBRARIES is the folder of libtensorflow_cc.so.2; IMAGES is an .npy file of
uint8, OUT the .npz file to write; INPUT and OUTPUT are tensors, `operation:0`.
"""

import ctypes
import os
import sys

import numpy as np

UINT8 = 4  # TF_UINT8 of tf_datatype.h


class Output(ctypes.Structure):
    """TF_Output of c_api.h."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class Library:
    """The C API; every function returns a pointer unless told otherwise."""

    def __init__(self, folder):
        self._libraries = [
            ctypes.CDLL(os.path.join(folder, name), ctypes.RTLD_GLOBAL)
            for name in (
                "libtensorflow_framework.so.2",
                "libtensorflow_cc.so.2",
            )
        ]

    def __call__(self, name, *arguments, result=ctypes.c_void_p):
        for library in self._libraries:
            if hasattr(library, name):
                function = getattr(library, name)
                function.restype = result
                return function(*arguments)
        raise AttributeError(name)


def main(libraries, saved_model, images, out, input_name, *output_names):
    tf = Library(libraries)
    status = ctypes.c_void_p(tf("TF_NewStatus"))
    graph = ctypes.c_void_p(tf("TF_NewGraph"))
    options = ctypes.c_void_p(tf("TF_NewSessionOptions"))
    tags = (ctypes.c_char_p * 1)(b"serve")
    path = os.fsencode(saved_model)
    session = ctypes.c_void_p(
        tf(
            "TF_LoadSessionFromSavedModel",
            options,
            None,
            path,
            tags,
            1,
            graph,
            None,
            status,
        )
    )
    check(tf, status)

    names = dict(argument.split("=", 1) for argument in output_names)
    fetches = [find(tf, graph, name) for name in names.values()]
    values = (ctypes.c_void_p * len(fetches))()
    tf(
        "TF_SessionRun",
        session,
        None,
        (Output * 1)(find(tf, graph, input_name)),
        (ctypes.c_void_p * 1)(tensor_of(tf, np.load(images))),
        1,
        (Output * len(fetches))(*fetches),
        values,
        len(fetches),
        None,
        0,
        None,
        status,
        result=None,
    )
    check(tf, status)
    arrays = [array_of(tf, ctypes.c_void_p(value)) for value in values]
    np.savez(out, **dict(zip(names, arrays, strict=True)))


def check(tf, status):
    if tf("TF_GetCode", status, result=ctypes.c_int):
        message = tf("TF_Message", status, result=ctypes.c_char_p)
        raise RuntimeError(message.decode())


def find(tf, graph, tensor_name):
    name, index = tensor_name.split(":")
    operation = tf("TF_GraphOperationByName", graph, name.encode())
    if operation is None:
        raise ValueError(f"the graph has no operation {name}")
    return Output(operation, int(index))


def tensor_of(tf, array):
    assert array.dtype == np.uint8
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    size = ctypes.c_size_t(array.nbytes)
    tensor = tf("TF_AllocateTensor", UINT8, shape, array.ndim, size)
    place = tf("TF_TensorData", ctypes.c_void_p(tensor))
    ctypes.memmove(place, array.tobytes(), array.nbytes)
    return tensor


def array_of(tf, tensor):
    rank = tf("TF_NumDims", tensor, result=ctypes.c_int)
    shape = [
        tf("TF_Dim", tensor, axis, result=ctypes.c_int64)
        for axis in range(rank)
    ]
    size = tf("TF_TensorByteSize", tensor, result=ctypes.c_size_t)
    content = ctypes.string_at(tf("TF_TensorData", tensor), size)
    return np.frombuffer(content, np.float32).reshape(shape)


if __name__ == "__main__":
    main(*sys.argv[1:])
    assert "tensorflow" not in sys.modules
