"""Opens a detector's file, of any layout, with the runtime that it needs."""

import dataclasses
import os
import threading
import typing

import numpy as np

from keras_pose.data.sources.reading import files
from keras_pose.people import class_names
from keras_pose.serving import runtimes

_MAX_BYTES = 2**30

# A side that the network leaves open gets the one that most are made for, px.
_USUAL_SIDE = 640

_DTYPES = ("float32", "float16", "uint8", "int8")


@dataclasses.dataclass(frozen=True)
class Network:
    """A detector's network.

    Attributes:
        path: Its file.
        input_shape: Of the one image that it takes.
        input_dtype: Likewise, of float32, float16, uint8 and int8.
        input_scale: (what one step of whole numbers stands for, the number
            that stands for 0), or None where they are not quantised.
        run: An array of that shape and dtype -> {name: array}, numbers of
            quantised outputs already what they stand for.
        class_names: {number: name} where the file says so, else None.
    """

    path: str
    input_shape: tuple[int, ...]
    input_dtype: np.dtype
    input_scale: tuple[float, int] | None
    run: typing.Callable[[np.ndarray], dict[str, np.ndarray]]
    class_names: dict[int, str] | None


def load_network(path):
    """Opens a file.

    Args:
        path: A `.tflite` or `.onnx` file.

    Raises:
        ImportError: Its runtime is not installed; says how to.
        ValueError: There is no such file, it is damaged or too large, it
            needs other files, or it takes anything but one image.
    """
    path = os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    load = {".tflite": _load_tflite, ".onnx": _load_onnx}.get(ending)
    if load is None:
        raise ValueError(
            "a detector must be `hog`, or the path of a .tflite or .onnx "
            f"file. Received: {path}"
        )
    files.check_file(path, _MAX_BYTES)
    with open(path, "rb") as file:
        return load(path, file.read())


def _load_tflite(path, content):
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(
            model_content=content, num_threads=runtimes.num_cores()
        )
        interpreter.allocate_tensors()
        inputs = interpreter.get_input_details()
        outputs = interpreter.get_output_details()
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{path}: not a TFLite model: {error}") from error
    _check_one(path, [detail["name"] for detail in inputs])
    known = inputs[0]["shape_signature"]
    shape = _closed(path, inputs[0]["name"], known)
    if tuple(inputs[0]["shape"]) != shape:
        interpreter.resize_tensor_input(inputs[0]["index"], shape)
        interpreter.allocate_tensors()

    # It has one place for an image, and photos are looked at by many threads.
    lock = threading.Lock()

    def run(image):
        with lock:
            interpreter.set_tensor(inputs[0]["index"], image)
            interpreter.invoke()
            return {
                detail["name"]: _dequantised(
                    interpreter.get_tensor(detail["index"]), detail
                )
                for detail in outputs
            }

    scale, zero = inputs[0]["quantization"]
    return Network(
        path,
        shape,
        _known_dtype(
            path, inputs[0]["name"], np.dtype(inputs[0]["dtype"]).name
        ),
        (scale, zero) if scale else None,
        run,
        class_names.of_tflite(path, content),
    )


def _dequantised(values, detail):
    scale, zero = detail["quantization"]
    if values.dtype.kind == "f" or scale == 0:
        return values
    return (values.astype(np.float32) - zero) * np.float32(scale)


def _load_onnx(path, content):
    from keras_pose.serving import onnx_model

    onnxruntime = runtimes.optional("onnxruntime")
    properties = onnx_model.read_properties(path, content)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtimes.num_cores()
    options.log_severity_level = 3  # errors alone
    try:
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its exceptions share no other class
        raise ValueError(f"{path}: not an ONNX model: {error}") from error
    inputs = session.get_inputs()
    _check_one(path, [value.name for value in inputs])
    # A side that is open has a name, or none.
    known = [s if isinstance(s, int) else -1 for s in inputs[0].shape]
    names = [value.name for value in session.get_outputs()]

    def run(image):
        values = session.run(names, {inputs[0].name: image})
        return dict(zip(names, values, strict=True))

    return Network(
        path,
        _closed(path, inputs[0].name, known),
        _known_dtype(path, inputs[0].name, _onnx_dtype(inputs[0].type)),
        None,
        run,
        class_names.of_onnx(path, properties),
    )


def _onnx_dtype(kind):
    """NumPy's name of `tensor(float)` and so on."""
    name = kind.removeprefix("tensor(").removesuffix(")")
    return "float32" if name == "float" else name


def _known_dtype(path, name, dtype):
    if dtype not in _DTYPES:
        raise ValueError(
            f"{path}: must take an image of {', '.join(_DTYPES)}. "
            f"Received: {name}, {dtype}"
        )
    return np.dtype(dtype)


def _check_one(path, names):
    if len(names) != 1:
        raise ValueError(
            f"{path}: a detector must take one image and nothing else. "
            f"Received: {', '.join(names) or 'nothing'}"
        )


def _closed(path, name, shape):
    """The shape of an image with a length for every side."""
    sides = [int(side) for side in shape]
    colours = [axis - len(sides) for axis, s in enumerate(sides) if s == 3]
    is_image = len(sides) in (3, 4) and colours in ([-1], [-3])
    if is_image and len(sides) == 4:
        is_image = sides[0] in (1, -1)
        sides[0] = 1
    if not is_image:
        raise ValueError(
            f"{path}: must take an image, (1, height, width, 3) or "
            "(1, 3, height, width), or either without its 1. "
            f"Received: {name}, {tuple(int(side) for side in shape)}"
        )
    return tuple(_USUAL_SIDE if side < 1 else side for side in sides)
