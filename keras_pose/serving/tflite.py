"""TFLite files: float32, float16 weights, and full-integer int8."""

import warnings

import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_pose.durable import replaced
from keras_pose.serving import artefacts
from keras_pose.serving.tflite_half import with_half_weights
from keras_pose.serving.tflite_metadata import with_metadata

PRECISIONS = ("float32", "float16", "int8")
_SIGNATURE = "serving_default"
# Operations that int8 leaves in float32: a soft-argmax sums over hundreds of
# thousands of cells, and 256 steps of a joint's place are 9 mm wide.
_FLOAT_SCOPES = ("soft_argmax", "pixel_scaling")


def export_tflite(network, spec, path, precision="float32", crops=None):
    """Converts the network to TFLite.

    Only built-in operators are used, so that the file runs wherever TFLite
    does. With int8 the weights and everything between pixels and logits are
    integers, and the soft-argmax stays in float32.

    Args:
        network: A SavedModel folder of the network alone, as
            `saved_model.export_network` writes it.
        spec: The PoseSpec.
        path: File to write.
        precision: One of `PRECISIONS`.
        crops: For int8: (N, S, S, 3) uint8, what the network will see, which
            sets the ranges of its integers. A hundred is plenty.

    Raises:
        ValueError: An argument is wrong.
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"`precision` must be one of {PRECISIONS}. Received: {precision!r}"
        )
    if precision == "int8" and (crops is None or not len(crops)):
        raise ValueError("`crops` must be given for int8. Received: none")
    model = _converter(network).convert()
    if precision == "float16":
        model = with_half_weights(model)
    elif precision == "int8":
        model = _quantised(network, crops, _left_in_float(model))
    with replaced(path) as aside:
        with open(aside, "wb") as file:
            file.write(with_metadata(model, spec))
        artefacts.add_spec_to_file(aside, spec)


def _converter(network):
    converter = tf.lite.TFLiteConverter.from_saved_model(
        network, signature_keys=[_SIGNATURE]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def _left_in_float(model):
    """Names of the results that must not be quantised, of a float32 model."""
    interpreter = Interpreter(model_content=model)
    signature = interpreter.get_signature_runner(_SIGNATURE)
    outputs = {
        tensor["name"] for tensor in signature.get_output_details().values()
    }
    return [
        tensor["name"]
        for tensor in interpreter.get_tensor_details()
        if tensor["name"] in outputs
        or any(scope in tensor["name"] for scope in _FLOAT_SCOPES)
    ]


def _quantised(network, crops, left_in_float):
    def calibration():
        for crop in crops:
            yield {"image": crop[None]}

    converter = _converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = calibration
    options = tf.lite.experimental.QuantizationDebugOptions(
        denylisted_nodes=left_in_float
    )
    with warnings.catch_warnings():
        # It runs TensorFlow's own interpreter, which says that it is going.
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated")
        # The converter itself takes no list of what to leave in float.
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter,
            debug_dataset=calibration,
            debug_options=options,
        )
        return debugger.get_nondebug_quantized_model()
