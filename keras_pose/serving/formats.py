"""The formats of an export, and how near to the network each must be."""

import dataclasses

SERVING_FOLDER = "tf_serving"

# Images of more pixels are not decoded by a server, unless it is told to.
MAX_PIXELS = 50_000_000

# What conversion to another runtime may change, mm at the worst joint; and
# what weights of fewer bits may.
_FLOAT32_MM = 0.05
_FLOAT16_MM = 0.5
# Where everything is computed in few bits, single joints of which the network
# is unsure move by centimetres, either way. What counts then is by how much the
# error on labelled data grows, mm.
_BFLOAT16_MPJPE_MM = 1.0
_INT8_MPJPE_MM = 2.0


@dataclasses.dataclass(frozen=True)
class Format:
    """One way to deploy.

    Attributes:
        path: Of the artefact, below the folder of the export.
        limit_mm: Largest distance of a joint from the Keras model's, mm; None
            where MPJPE is judged.
        limit_mpjpe_mm: By how much MPJPE may grow, mm; None likewise.
        also_bytes: Whether it has an endpoint for encoded images.
        float32: For int8, the format of the same runtime in float32.
        packages: What it takes of `requirements-export.txt`.
    """

    path: str
    limit_mm: float | None = None
    limit_mpjpe_mm: float | None = None
    also_bytes: bool = False
    float32: str | None = None
    packages: tuple[str, ...] = ()


# In the order in which they are written.
FORMATS = {
    "saved_model": Format(SERVING_FOLDER, _FLOAT32_MM, also_bytes=True),
    "tflite_float32": Format("model_float32.tflite", _FLOAT32_MM),
    "tflite_float16": Format("model_float16.tflite", _FLOAT16_MM),
    "tflite_int8": Format(
        "model_int8.tflite",
        limit_mpjpe_mm=_INT8_MPJPE_MM,
        float32="tflite_float32",
    ),
    "onnx": Format(
        "model.onnx",
        _FLOAT32_MM,
        packages=("onnx", "tf2onnx", "onnxruntime"),
    ),
    "openvino_float32": Format(
        "openvino_float32", _FLOAT32_MM, packages=("openvino",)
    ),
    "openvino_bfloat16": Format(
        "openvino_bfloat16",
        limit_mpjpe_mm=_BFLOAT16_MPJPE_MM,
        packages=("openvino",),
    ),
    "openvino_int8": Format(
        "openvino_int8",
        limit_mpjpe_mm=_INT8_MPJPE_MM,
        float32="openvino_float32",
        packages=("openvino", "nncf"),
    ),
    "keras": Format("model.keras", _FLOAT32_MM),
}
DEFAULT_FORMATS = ("saved_model", "tflite_float32", "tflite_float16")
