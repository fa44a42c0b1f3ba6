"""ONNX files."""

import contextlib
import logging
import os
import warnings

from google.protobuf.message import Message

from keras_pose.durable import replaced
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import checksums
from keras_pose.serving.runtimes import optional

# The newest that tf2onnx writes.
_OPSET = 18
_BATCH, _SPEC_KEY = "batch", "pose_spec"
_CATCH_ERRORS = "TF2ONNX_CATCH_ERRORS"
_DOC = (
    "3D human pose from a crop of a person, keras_pose. What goes in and comes "
    f"out says {_SPEC_KEY} in metadata_props."
)


def export_onnx(network, spec, path):
    """Writes a Keras model as ONNX, of any batch size.

    Args:
        network: The Keras model, best of `inference_network` with channels
            first, on Keras's TensorFlow backend.
        spec: Its PoseSpec.
        path: File to write.

    Raises:
        ImportError: onnx or tf2onnx is not installed; says how to.
        ValueError: The result is not valid ONNX.
    """
    onnx = optional("onnx")
    optional("tf2onnx")
    with replaced(path) as aside:
        _convert(network, spec.input_size, aside)
        model = onnx.load(aside)
        model.doc_string = _DOC
        model.graph.name = network.name
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = _BATCH
        onnx.helper.set_model_props(model, {_SPEC_KEY: spec.to_json()})
        try:
            onnx.checker.check_model(model, full_check=True)
        except onnx.checker.ValidationError as error:
            raise ValueError(f"{path}: not valid ONNX: {error}") from error
        with open(aside, "wb") as file:
            content = model.SerializeToString()
            file.write(checksums.with_onnx_checksum(content))


def read_spec(path, content):
    """Reads the PoseSpec of an ONNX file that holds all its tensors.

    Args:
        path: What errors call it.
        content: Its bytes.

    Raises:
        ImportError: onnx is not installed; says how to.
        ValueError: It has no spec, or is refused by `read_properties`.
    """
    properties = read_properties(path, content)
    if _SPEC_KEY not in properties:
        raise ValueError(
            f"{path}: must hold {_SPEC_KEY}, which export.py puts "
            "into metadata_props. Received: none"
        )
    return PoseSpec.from_json(properties[_SPEC_KEY], path)


def read_properties(path, content):
    """Reads the metadata of an ONNX file that holds all its tensors.

    Args:
        path: What errors call it.
        content: Its bytes.

    Returns:
        {key: text} of its `metadata_props`.

    Raises:
        ImportError: onnx is not installed; says how to.
        ValueError: It is no ONNX file, or names other files, which a runtime
            would open.
    """
    onnx = optional("onnx")
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's exceptions
        raise ValueError(f"{path}: not an ONNX model: {error}") from error
    outside = [t.name for t in _tensors(onnx, model) if _is_outside(onnx, t)]
    if outside:
        raise ValueError(
            f"{path}: must hold all its tensors itself. Received: "
            f"{outside[0]} in another file"
        )
    return {entry.key: entry.value for entry in model.metadata_props}


def _convert(network, size, path):
    import keras

    image = keras.InputSpec(
        shape=(None, size, size, 3), dtype="uint8", name="image"
    )

    def export():
        network.export(
            path,
            format="onnx",
            verbose=False,
            input_signature=[image],
            opset_version=_OPSET,
        )

    # tf2onnx copies the whole network before each of its rearrangements, three
    # fifths of the time, to go back to where one fails. Few do. Whatever its
    # value, the variable stops that.
    with _quiet():
        try:
            with _environment(_CATCH_ERRORS, "FALSE"):
                export()
        except Exception:  # a rearrangement's, which may be any
            with _environment(_CATCH_ERRORS, None):
                export()


@contextlib.contextmanager
def _environment(name, value):
    """Sets a variable of the environment for a while; None removes it."""
    before = os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


@contextlib.contextmanager
def _quiet():
    """Keeps from the user what is for those who write converters."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Keras gives tf2onnx back a name that NumPy 2 dropped.
            warnings.filterwarnings(
                "ignore", "In the future `np.object`", FutureWarning
            )
            yield
    finally:
        logger.setLevel(level)


def _is_outside(onnx, tensor):
    return tensor.data_location == onnx.TensorProto.EXTERNAL or bool(
        tensor.external_data
    )


def _tensors(onnx, message):
    """Every TensorProto of a message, in subgraphs and functions too."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if isinstance(value, Message) else value:
                yield from _tensors(onnx, part)
