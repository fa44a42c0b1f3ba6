"""OpenVINO models: float32, bfloat16 where the processor has it, int8."""

import contextlib
import io
import logging
import os

import numpy as np

from keras_pose.serving import artefacts
from keras_pose.serving import checksums
from keras_pose.serving import runtimes

# Precision -> what the model is computed in.
PRECISIONS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


def export_openvino(network, spec, folder, precision="float32", crops=None):
    """Writes an OpenVINO model and its spec into a folder.

    float32 keeps every weight. bfloat16 stores weights in 16 bits and is
    computed in bfloat16 on processors that have it, in float32 on others. int8
    has the weights and whatever runs between pixels and logits in integers, and
    the soft-argmax in float32.

    Args:
        network: A SavedModel folder of the network alone, best of
            `inference_network` with channels first.
        spec: Its PoseSpec.
        folder: Folder to make.
        precision: One of `PRECISIONS`.
        crops: For int8: (N, S, S, 3) uint8, what the network will see, which
            sets the ranges of its integers. A hundred is plenty.

    Raises:
        ImportError: OpenVINO, or for int8 NNCF, is not installed; says how to.
        ValueError: An argument is wrong.
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"`precision` must be one of {tuple(PRECISIONS)}. "
            f"Received: {precision!r}"
        )
    if precision == "int8" and (crops is None or not len(crops)):
        raise ValueError("`crops` must be given for int8. Received: none")
    openvino = runtimes.import_openvino()
    model = openvino.convert_model(network)
    if precision == "int8":
        model = _quantised(openvino, model, crops)
    model.set_rt_info(PRECISIONS[precision], runtimes.PRECISION_KEY)
    model_file, _, spec_file = (
        os.path.join(folder, name) for name in artefacts.OPENVINO_FILES
    )
    os.makedirs(folder)
    openvino.save_model(
        model, model_file, compress_to_fp16=precision == "bfloat16"
    )
    with open(spec_file, "w", encoding="utf-8") as file:
        file.write(spec.to_json())
    checksums.write_folder(folder, artefacts.OPENVINO_FILES)


def _quantised(openvino, model, crops):
    """The model in int8 up to its logits, by post-training quantisation."""
    nncf = runtimes.optional("nncf")
    data = nncf.Dataset(np.ascontiguousarray(crops[:, None]))
    with _quiet():
        return nncf.quantize(
            model,
            data,
            # Activations after ReLU are positive, those before are not.
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(crops),
            ignored_scope=nncf.IgnoredScope(
                names=_soft_argmax(model), validate=False
            ),
        )


def _soft_argmax(model):
    """Names of the operations from the logits on."""
    is_last = False
    names = []
    for operation in model.get_ordered_ops():
        if operation.get_type_name() == "Softmax":
            is_last = True
        if is_last:
            names.append(operation.get_friendly_name())
    return names


@contextlib.contextmanager
def _quiet():
    """Keeps NNCF's progress bars to itself; its warnings are shown."""
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
