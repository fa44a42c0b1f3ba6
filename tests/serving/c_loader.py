"""Runs a SavedModel by TensorFlow's C API, as a server in C++ would.

python -m tests.serving.c_loader SAVED_MODEL IMAGES OUT

IMAGES is an .npy file of uint8 crops, OUT the .npz file to write.
"""

import ctypes
import importlib.util
import os
import pathlib
import sys

import numpy as np

from keras_pose.message_schema import message_classes

# TF_DataType of tf_datatype.h
DTYPES = {1: np.float32, 3: np.int32, 4: np.uint8, 7: object}
_STRING = 7
_STRING_BYTES = 24  # sizeof(TF_TString)
INVALID_ARGUMENT = 3

# Those of TensorFlow's meta_graph.proto and saved_model.proto that say what
# the graph's tensors are called.
_CLASSES = message_classes(
    "tensorflow",
    {
        "TensorInfo": """
            string name = 1
            int32 dtype = 2
        """,
        "SignatureDef": """
            map<string, TensorInfo> inputs = 1
            map<string, TensorInfo> outputs = 2
            string method_name = 3
        """,
        "MetaGraphDef": "map<string, SignatureDef> signature_def = 5",
        "SavedModel": "repeated MetaGraphDef meta_graphs = 2",
    },
)


class StatusError(Exception):
    """A status that is not OK; `code` is that of gRPC."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Output(ctypes.Structure):
    """TF_Output of c_api.h."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class Library:
    """The C API; every function returns a pointer unless told otherwise."""

    def __init__(self):
        # Not for all to see: they bring an OpenSSL of their own.
        self._libraries = [
            ctypes.CDLL(os.path.join(folder_of_libraries(), name))
            for name in (
                "libtensorflow_framework.so.2",
                "libtensorflow_cc.so.2",
            )
        ]
        self._functions = {}

    def __call__(self, name, *arguments, result=ctypes.c_void_p):
        # A function of its own for each result: threads share the library's.
        key = name, result
        if key not in self._functions:
            self._functions[key] = self._find(name, result)
        return self._functions[key](*arguments)

    def _find(self, name, result):
        for library in self._libraries:
            if hasattr(library, name):
                function = library[name]
                function.restype = result
                return function
        raise AttributeError(name)

    def pointer(self, name, *arguments):
        return ctypes.c_void_p(self(name, *arguments))


def folder_of_libraries():
    places = importlib.util.find_spec("tensorflow").submodule_search_locations
    library = "libtensorflow_cc.so.2"
    return next(x for x in places if pathlib.Path(x, library).exists())


class SavedModel:
    """A SavedModel in a session; any number of threads may run it.

    Attributes:
        signatures: Name -> SignatureDef.
    """

    def __init__(self, tf, folder):
        self._tf = tf
        proto = _CLASSES["SavedModel"]()
        path = pathlib.Path(folder, "saved_model.pb")
        proto.ParseFromString(path.read_bytes())
        (meta_graph,) = proto.meta_graphs
        self.signatures = dict(meta_graph.signature_def)
        self._graph = tf.pointer("TF_NewGraph")
        options = tf.pointer("TF_NewSessionOptions")
        status = _Status(tf)
        self._session = tf.pointer(
            "TF_LoadSessionFromSavedModel",
            options,
            None,
            os.fsencode(folder),
            (ctypes.c_char_p * 1)(b"serve"),
            1,
            self._graph,
            None,
            status.pointer,
        )
        tf("TF_DeleteSessionOptions", options, result=None)
        status.check()

    def close(self):
        status = _Status(self._tf)
        for name in ("TF_CloseSession", "TF_DeleteSession"):
            self._tf(name, self._session, status.pointer, result=None)
        self._tf("TF_DeleteGraph", self._graph, result=None)
        status.check()

    def run(self, feeds, fetches):
        """Runs the graph.

        Args:
            feeds: Tensor name -> array.
            fetches: Tensor names.

        Returns:
            The arrays of the fetches.
        """
        tf, status = self._tf, _Status(self._tf)
        inputs = [self._output(name) for name in feeds]
        outputs = [self._output(name) for name in fetches]
        tensors = [_Tensor(tf, array) for array in feeds.values()]
        values = (ctypes.c_void_p * len(outputs))()
        try:
            tf(
                "TF_SessionRun",
                self._session,
                None,
                (Output * len(inputs))(*inputs),
                (ctypes.c_void_p * len(inputs))(*[t.pointer for t in tensors]),
                len(inputs),
                (Output * len(outputs))(*outputs),
                values,
                len(outputs),
                None,
                0,
                None,
                status.pointer,
                result=None,
            )
        finally:
            for tensor in tensors:
                tensor.close()
        status.check()
        return [_taken_array(tf, ctypes.c_void_p(value)) for value in values]

    def _output(self, tensor_name):
        name, index = tensor_name.split(":")
        operation = self._tf(
            "TF_GraphOperationByName", self._graph, name.encode()
        )
        if operation is None:
            raise ValueError(f"the graph has no operation {name}")
        return Output(operation, int(index))


class _Status:
    def __init__(self, tf):
        self._tf = tf
        self.pointer = tf.pointer("TF_NewStatus")

    def check(self):
        tf, pointer = self._tf, self.pointer
        code = tf("TF_GetCode", pointer, result=ctypes.c_int)
        message = tf("TF_Message", pointer, result=ctypes.c_char_p)
        tf("TF_DeleteStatus", pointer, result=None)
        if code:
            raise StatusError(code, message.decode("utf-8", "replace"))


class _Tensor:
    """A TF_Tensor made of an array."""

    def __init__(self, tf, array):
        self._tf = tf
        self._strings = []
        number = next(n for n, dtype in DTYPES.items() if dtype == array.dtype)
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        is_string = number == _STRING
        size = array.size * _STRING_BYTES if is_string else array.nbytes
        self.pointer = tf.pointer(
            "TF_AllocateTensor",
            number,
            shape,
            array.ndim,
            ctypes.c_size_t(size),
        )
        place = tf("TF_TensorData", self.pointer)
        if not is_string:
            ctypes.memmove(place, array.tobytes(), size)
            return
        for index, string in enumerate(array.ravel()):
            string_at = ctypes.c_void_p(place + index * _STRING_BYTES)
            tf("TF_StringInit", string_at, result=None)
            tf(
                "TF_StringCopy",
                string_at,
                ctypes.c_char_p(string),
                ctypes.c_size_t(len(string)),
                result=None,
            )
            self._strings.append(string_at)

    def close(self):
        # What was allocated for it does not know that it holds strings.
        for string_at in self._strings:
            self._tf("TF_StringDealloc", string_at, result=None)
        self._tf("TF_DeleteTensor", self.pointer, result=None)


def _taken_array(tf, tensor):
    """A TF_Tensor as an array; it is deleted."""
    dtype = DTYPES[tf("TF_TensorType", tensor, result=ctypes.c_int)]
    rank = tf("TF_NumDims", tensor, result=ctypes.c_int)
    shape = [
        tf("TF_Dim", tensor, axis, result=ctypes.c_int64)
        for axis in range(rank)
    ]
    place = tf("TF_TensorData", tensor)
    if dtype is object:
        array = np.empty(int(np.prod(shape)), object)
        for index in range(array.size):
            string_at = ctypes.c_void_p(place + index * _STRING_BYTES)
            size = tf("TF_StringGetSize", string_at, result=ctypes.c_size_t)
            data = tf("TF_StringGetDataPointer", string_at)
            array[index] = ctypes.string_at(data, size)
    else:
        size = tf("TF_TensorByteSize", tensor, result=ctypes.c_size_t)
        array = np.frombuffer(ctypes.string_at(place, size), dtype)
    tf("TF_DeleteTensor", tensor, result=None)
    return array.reshape(shape)


def main(saved_model, images, out):
    loaded = SavedModel(Library(), saved_model)
    signature = loaded.signatures["serving_default"]
    arrays = loaded.run(
        {signature.inputs["image"].name: np.load(images)},
        [info.name for info in signature.outputs.values()],
    )
    np.savez(out, **dict(zip(signature.outputs, arrays, strict=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
    assert "tensorflow" not in sys.modules
