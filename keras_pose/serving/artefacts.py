"""Writes and loads networks; each carries its PoseSpec.

`.keras` and `.tflite` files hold `pose_spec.json` as a zip member: a `.keras`
file is a zip, and TFLite files carry associated files as a zip at their end
(TensorFlow Lite metadata, "associated files"). A SavedModel holds it in
`assets.extra/`, which TensorFlow sets aside for its users.
"""

import dataclasses
import os
import typing
import zipfile

import numpy as np

from keras_pose import pose_spec
from keras_pose.durable import replaced
from keras_pose.pose_spec import PoseSpec

KERAS, SAVED_MODEL, TFLITE = "keras", "saved_model", "tflite"


@dataclasses.dataclass(frozen=True)
class Artefact:
    """A network, loaded.

    Attributes:
        path: Where it was loaded from.
        kind: KERAS, SAVED_MODEL or TFLITE.
        spec: Its PoseSpec.
        predict: (B, S, S, 3) uint8 array -> {"pose": (B, J, 3), "std":
            (B, J, 3), "confidence": (B, J)} arrays; a network with a
            regression head gives the pose alone.
    """

    path: str
    kind: str
    spec: PoseSpec
    predict: typing.Callable[[np.ndarray], dict[str, np.ndarray]]


def load(path):
    """Loads an artefact of any kind.

    Args:
        path: A `.keras` or `.tflite` file, a SavedModel folder, or the folder
            of a training run, which stands for its `best.keras`, or for its
            `last.keras` where it was not validated.

    Returns:
        An Artefact.

    Raises:
        ValueError: There is no artefact, or it does not carry its spec.
    """
    path = os.fspath(path)
    if os.path.isfile(os.path.join(path, "saved_model.pb")):
        spec = _read_spec_from_folder(path)
        return Artefact(path, SAVED_MODEL, spec, _load_saved_model(path))
    path = network_file(path)
    if not os.path.isfile(path) or not path.endswith((".keras", ".tflite")):
        raise ValueError(
            "a model must be a .keras or .tflite file, a SavedModel folder, or "
            f"the folder of a training run. Received: {path}"
        )
    spec = _read_spec_from_zip(path)
    if path.endswith(".keras"):
        return Artefact(path, KERAS, spec, _load_keras(path))
    return Artefact(path, TFLITE, spec, _load_tflite(path))


def network_file(path):
    """The file that a path stands for, as of `load`.

    Args:
        path: A file, or the folder of a training run.

    Raises:
        ValueError: There is nothing at the path.
    """
    for name in ("best.keras", "last.keras"):
        if os.path.isfile(os.path.join(path, name)):
            return os.path.join(path, name)
    if not os.path.exists(path):
        raise ValueError(f"there is no model at {path}")
    return path


def load_keras_model(path):
    """Loads the Keras model of a `.keras` file, and its PoseSpec.

    Raises:
        ValueError: The file is damaged, would run code, or has no spec.
    """
    import keras

    from keras_pose import layers  # noqa: F401  registers the layers

    spec = _read_spec_from_zip(path)
    try:
        return keras.models.load_model(path, compile=False), spec
    except Exception as error:  # Keras raises what its parts raise
        first_line = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path}: not a Keras model: {first_line}") from error


def save_keras(model, spec, path):
    """Writes a Keras model and its spec, whole or not at all."""
    folder, name = os.path.split(os.path.abspath(path))
    partial = os.path.join(folder, f".partial-{name}")
    try:
        model.save(partial)
        add_spec_to_file(partial, spec)
        with replaced(path) as aside:
            os.replace(partial, aside)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def add_spec_to_file(path, spec):
    """Adds the spec to a `.keras` or `.tflite` file."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(pose_spec.FILE_NAME, spec.to_json())


def add_spec_to_saved_model(folder, spec):
    """Adds the spec to a SavedModel."""
    extra = os.path.join(folder, "assets.extra")
    os.makedirs(extra, exist_ok=True)
    path = os.path.join(extra, pose_spec.FILE_NAME)
    with open(path, "w", encoding="utf-8") as file:
        file.write(spec.to_json())


def _read_spec_from_zip(path):
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(pose_spec.FILE_NAME)
    except Exception as error:  # a damaged zip raises nearly anything
        raise ValueError(
            f"{path}: must hold {pose_spec.FILE_NAME}, which train.py and "
            f"export.py put there. Received: {error}"
        ) from error
    return PoseSpec.from_json(text, path)


def _read_spec_from_folder(folder):
    path = os.path.join(folder, "assets.extra", pose_spec.FILE_NAME)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{folder}: must hold {pose_spec.FILE_NAME}, which export.py puts "
            f"into assets.extra. Received: {error}"
        ) from error
    return PoseSpec.from_json(text, folder)


def _load_keras(path):
    model, _ = load_keras_model(path)

    def predict(images):
        return model.predict_on_batch(images)

    return predict


def _load_saved_model(path):
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(path)
        signature = loaded.signatures["serving_default"]
    except Exception as error:  # a damaged one raises nearly anything
        raise ValueError(f"{path}: not a SavedModel: {error!r}") from error

    def predict(images):
        outputs = signature(image=tf.constant(images))
        return {name: value.numpy() for name, value in outputs.items()}

    predict.loaded = loaded  # a signature does not keep its variables alive
    return predict


def _load_tflite(path):
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(path, num_threads=os.cpu_count())
        runner = interpreter.get_signature_runner("serving_default")
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{path}: not a TFLite model: {error}") from error

    def predict(images):
        # The file is made for one image at a time.
        rows = [runner(image=image[None]) for image in images]
        return {
            name: np.concatenate([row[name] for row in rows])
            for name in rows[0]
        }

    return predict
