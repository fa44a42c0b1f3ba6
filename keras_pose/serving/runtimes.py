"""The runtimes: each makes a function of pixels from an artefact.

All return `predict`: (B, S, S, 3) uint8 array, of any B -> {name: array} of the
network's own outputs. A runtime is imported when an artefact needs it, and uses
every core that the process may.
"""

import functools
import importlib
import os
import sys
import threading

import numpy as np

_OUTPUTS = ("pose", "std", "confidence")
_SIGNATURE = "serving_default"
# Where an OpenVINO model says in which precision it is to be computed.
PRECISION_KEY = ["keras_pose", "precision"]
_INSTALL = "pip install -r requirements-export.txt"


def optional(name):
    """Imports a package of `requirements-export.txt`.

    Raises:
        ImportError: It is not installed; says how to.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(
            f"{name} must be installed for this format: {_INSTALL}"
        ) from error


def import_openvino():
    """Imports OpenVINO, without its telemetry.

    Raises:
        ImportError: It is not installed; says how to.
    """
    # OpenVINO reports each import and conversion to its makers, unless the
    # package that does is absent.
    sys.modules.setdefault("openvino_telemetry", None)
    return optional("openvino")


def load_keras(model):
    """The `predict` of a Keras model."""

    @_of_any_size
    def predict(images):
        return _known(model.predict_on_batch(images))

    return predict


def load_saved_model(folder):
    """The `predict` of a SavedModel.

    Raises:
        ValueError: It is damaged, or no export of this project.
    """
    import tensorflow as tf

    from keras_pose.serving import saved_model_file

    try:
        saved_model_file.check(folder)
        loaded = tf.saved_model.load(folder)
        signature = loaded.signatures[_SIGNATURE]
    except Exception as error:  # a damaged one raises nearly anything
        raise ValueError(f"{folder}: not a SavedModel: {error!r}") from error

    @_of_any_size
    def predict(images):
        outputs = signature(image=tf.constant(images))
        return _known({name: v.numpy() for name, v in outputs.items()})

    return predict


def load_tflite(path, model):
    """The `predict` of a TFLite model.

    Args:
        path: What errors call it.
        model: Its bytes.

    Raises:
        ValueError: It is damaged.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=model, num_threads=num_cores())
        interpreter.allocate_tensors()
        runner = interpreter.get_signature_runner(_SIGNATURE)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{path}: not a TFLite model: {error}") from error
    # It has one place for an image: two threads would mix up their poses.
    lock = threading.Lock()

    @_of_any_size
    def predict(images):
        # The file is made for one image at a time.
        with lock:
            rows = [_known(runner(image=image[None])) for image in images]
        return {
            name: np.concatenate([row[name] for row in rows])
            for name in rows[0]
        }

    return predict


def load_onnx(path, model):
    """The `predict` of an ONNX model.

    Args:
        path: What errors call it.
        model: Its bytes.

    Raises:
        ImportError: ONNX Runtime is not installed.
        ValueError: It is damaged.
    """
    onnxruntime = optional("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_cores()
    options.log_severity_level = 3  # errors alone
    try:
        session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its exceptions share no other class
        raise ValueError(f"{path}: not an ONNX model: {error}") from error
    names = [output.name for output in session.get_outputs()]

    @_of_any_size
    def predict(images):
        outputs = session.run(names, {"image": np.ascontiguousarray(images)})
        return _known(dict(zip(names, outputs, strict=True)))

    return predict


def load_openvino(path):
    """The `predict` of an OpenVINO model.

    Raises:
        ImportError: OpenVINO is not installed.
        ValueError: It is damaged.
    """
    openvino = import_openvino()
    core = openvino.Core()

    @functools.cache
    def compiled(is_one):
        model = core.read_model(path)
        settings = _openvino_settings(core, model)
        if is_one:
            # A twentieth faster than with a batch of any size.
            model.reshape([1, *list(model.input().partial_shape)[1:]])
        return core.compile_model(model, "CPU", settings)

    try:
        outputs = compiled(True).outputs
    except RuntimeError as error:
        raise ValueError(f"{path}: not an OpenVINO model: {error}") from error
    names = [output.get_any_name() for output in outputs]
    lock = threading.Lock()  # it refuses a second thread while it is busy

    @_of_any_size
    def predict(images):
        with lock:
            outputs = compiled(len(images) == 1)([images])
            return _known({name: outputs[name] for name in names})

    settings = _openvino_settings(core, core.read_model(path))
    predict.precision = settings["INFERENCE_PRECISION_HINT"]
    return predict


def _openvino_settings(core, model):
    precision = model.get_rt_info(PRECISION_KEY).astype(str)
    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "bf16" and "BF16" not in capabilities:
        precision = "f32"
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": num_cores(),
        "INFERENCE_PRECISION_HINT": precision,
        # Pinned threads of two models would share the same cores.
        "ENABLE_CPU_PINNING": False,
    }


def _of_any_size(predict):
    """A `predict` that also takes no images at all, which few runtimes do."""

    @functools.wraps(predict)
    def predict_any(images):
        if len(images):
            return predict(images)
        blank = np.zeros((1, *images.shape[1:]), images.dtype)
        return {name: rows[:0] for name, rows in predict(blank).items()}

    return predict_any


def _known(outputs):
    """The network's own outputs, less what an artefact adds to them."""
    return {name: outputs[name] for name in _OUTPUTS if name in outputs}


def num_cores():
    """The number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
