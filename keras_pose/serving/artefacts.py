"""Loads networks of every kind; each carries its PoseSpec and its checksums.

A `.keras` file holds `pose_spec.json` as a member of the zip that it is, and a
TFLite file of the one at its end (TensorFlow Lite metadata, "associated
files"); an ONNX file holds it in `metadata_props`, an OpenVINO folder beside
the model, a SavedModel in `assets.extra/`, which TensorFlow sets aside for its
users.
"""

import contextlib
import dataclasses
import os
import typing
import zipfile

import numpy as np

from keras_pose import pose_spec
from keras_pose.durable import replaced
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import checksums
from keras_pose.serving import keras_file
from keras_pose.serving import members
from keras_pose.serving import runtimes

KERAS, SAVED_MODEL, TFLITE = "keras", "saved_model", "tflite"
ONNX, OPENVINO = "onnx", "openvino"

# OpenVINO's files, in a folder of their own.
OPENVINO_FILES = ("model.xml", "model.bin", pose_spec.FILE_NAME)
_SAVED_MODEL_FILE = "saved_model.pb"
_SAVED_MODEL_SPEC = f"assets.extra/{pose_spec.FILE_NAME}"


@dataclasses.dataclass(frozen=True)
class Artefact:
    """A network, loaded.

    Attributes:
        path: The file or folder that was loaded.
        kind: KERAS, SAVED_MODEL, TFLITE, ONNX or OPENVINO.
        spec: Its PoseSpec.
        predict: (B, S, S, 3) uint8 array, of any B -> {"pose": (B, J, 3),
            "std": (B, J, 3), "confidence": (B, J)} arrays; a network with a
            regression head gives the pose alone.
    """

    path: str
    kind: str
    spec: PoseSpec
    predict: typing.Callable[[np.ndarray], dict[str, np.ndarray]]


def load(path):
    """Loads an artefact of any kind.

    Args:
        path: A `.keras`, `.tflite` or `.onnx` file; an OpenVINO folder or the
            `model.xml` in it; a SavedModel folder, a folder of its versions,
            of which the highest is loaded, or one that holds one such folder;
            or the folder of a training run, which stands for its `best.keras`,
            or for its `last.keras` where it was not validated.

    Returns:
        An Artefact.

    Raises:
        ImportError: Its runtime is not installed.
        ValueError: There is no artefact, it is damaged, or it does not carry
            its spec.
    """
    path = network_file(path)
    folder, name = os.path.split(path)
    if os.path.isfile(os.path.join(path, _SAVED_MODEL_FILE)):
        return _load_saved_model(path)
    if name == OPENVINO_FILES[0]:
        return _load_openvino(path, folder)
    load_file = {
        ".keras": _load_keras,
        ".tflite": _load_tflite,
        ".onnx": _load_onnx,
    }.get(os.path.splitext(name)[1])
    if load_file is None or not os.path.isfile(path):
        raise ValueError(
            "a model must be a .keras, .tflite or .onnx file, an OpenVINO or "
            "SavedModel folder, or the folder of a training run. "
            f"Received: {path}"
        )
    return load_file(path)


def network_file(path):
    """What a path stands for, as of `load`.

    Args:
        path: A file or folder.

    Returns:
        The path of a file, or of a SavedModel folder.

    Raises:
        ValueError: There is nothing at the path.
    """
    path = os.fspath(path)
    for name in ("best.keras", "last.keras", OPENVINO_FILES[0]):
        if os.path.isfile(os.path.join(path, name)):
            return os.path.join(path, name)
    if not os.path.exists(path):
        raise ValueError(f"there is no model at {path}")
    return saved_model_folder(path) or path


def needs_backend(path):
    """Whether Keras or TensorFlow runs what a path stands for."""
    path = network_file(path)
    return path.endswith(".keras") or os.path.isdir(path)


def saved_model_folder(path):
    """The SavedModel that a folder of TensorFlow Serving stands for.

    Args:
        path: A SavedModel folder, a folder of its versions, or one that holds
            one folder of versions.

    Returns:
        The folder of the highest version, or None.
    """
    if os.path.isfile(os.path.join(path, _SAVED_MODEL_FILE)):
        return os.fspath(path)
    newest = _newest_version(path)
    if newest or not os.path.isdir(path):
        return newest
    folders = [entry.path for entry in os.scandir(path) if entry.is_dir()]
    found = [f for f in map(_newest_version, folders) if f]
    return found[0] if len(found) == 1 else None


def load_keras_model(path):
    """Loads the Keras model of a `.keras` file, and its PoseSpec.

    Raises:
        ValueError: The file is damaged, would run code, or has no spec.
    """
    import keras

    from keras_pose import layers  # noqa: F401  registers the layers

    with _as_keras_error(path):
        keras_file.check(path)
    spec = _read_spec_from_zip(path)
    with _as_keras_error(path):
        return keras.models.load_model(path, compile=False), spec


def save_keras(model, spec, path):
    """Writes a Keras model and its spec, whole or not at all."""
    folder, name = os.path.split(os.path.abspath(path))
    partial = os.path.join(folder, f".partial-{name}")
    try:
        model.save(partial)
        with zipfile.ZipFile(partial, "a") as archive:
            archive.writestr(pose_spec.FILE_NAME, spec.to_json())
        with replaced(path) as aside:
            os.replace(partial, aside)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def add_spec_to_file(path, spec):
    """Ends a TFLite file with a zip of its spec and its checksum."""
    with open(path, "rb") as file:
        checksum = checksums.of(file.read())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(pose_spec.FILE_NAME, spec.to_json())
        archive.writestr(checksums.FILE_NAME, checksum)


def add_spec_to_saved_model(folder, spec):
    """Adds the spec and the checksums to a SavedModel that is complete."""
    path = os.path.join(folder, _SAVED_MODEL_SPEC)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(spec.to_json())
    checksums.write_folder(folder, _saved_model_files(folder))


@contextlib.contextmanager
def _as_keras_error(path):
    """Makes a ValueError that names the path of what is raised."""
    try:
        yield
    except Exception as error:  # Keras raises what its parts raise
        first_line = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path}: not a Keras model: {first_line}") from error


def _newest_version(path):
    """The folder of the highest version that holds a SavedModel, or None."""
    if not os.path.isdir(path):
        return None
    versions = [
        name
        for name in os.listdir(path)
        if name.isdecimal()
        and os.path.isfile(os.path.join(path, name, _SAVED_MODEL_FILE))
    ]
    # A name tells 1 from 01.
    newest = max(versions, key=lambda name: (int(name), name), default=None)
    return newest and os.path.join(path, newest)


def _saved_model_files(folder):
    """What TensorFlow reads of a SavedModel, and its spec."""
    variables = os.path.join(folder, "variables")
    names = os.listdir(variables) if os.path.isdir(variables) else []
    return [
        _SAVED_MODEL_FILE,
        _SAVED_MODEL_SPEC,
        *(f"variables/{name}" for name in names),
    ]


def _load_keras(path):
    model, spec = load_keras_model(path)
    return Artefact(path, KERAS, spec, runtimes.load_keras(model))


def _load_saved_model(folder):
    spec = _read_spec(folder, _SAVED_MODEL_SPEC)
    _check(folder, checksums.check_folder, folder, _saved_model_files(folder))
    return Artefact(
        folder, SAVED_MODEL, spec, runtimes.load_saved_model(folder)
    )


def _load_tflite(path):
    spec = _read_spec_from_zip(path)
    model = _check(path, _tflite_model, path)
    return Artefact(path, TFLITE, spec, runtimes.load_tflite(path, model))


def _load_onnx(path):
    from keras_pose.serving import onnx_model

    with open(path, "rb") as file:
        content = file.read()
    _check(path, checksums.check_onnx, content)
    spec = onnx_model.read_spec(path, content)
    return Artefact(path, ONNX, spec, runtimes.load_onnx(path, content))


def _load_openvino(path, folder):
    spec = _read_spec(folder, pose_spec.FILE_NAME)
    _check(path, checksums.check_folder, folder, OPENVINO_FILES)
    return Artefact(path, OPENVINO, spec, runtimes.load_openvino(path))


def _tflite_model(path):
    """The bytes of a TFLite file before its zip."""
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        checksum = members.read(archive, checksums.FILE_NAME).decode()
        model = file.read(min(m.header_offset for m in archive.infolist()))
    if checksums.of(model) != checksum:
        raise checksums.DamagedError("it does not fit its checksum")
    return model


def _check(path, check, *arguments):
    """Runs a check of checksums; an error names the path."""
    try:
        return check(*arguments)
    except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: must be as export.py wrote it. Received: {error}"
        ) from error


def _read_spec_from_zip(path):
    try:
        with zipfile.ZipFile(path) as archive:
            text = members.read(archive, pose_spec.FILE_NAME)
    except Exception as error:  # a damaged zip raises nearly anything
        raise ValueError(
            f"{path}: must hold {pose_spec.FILE_NAME}, which train.py and "
            f"export.py put there. Received: {error}"
        ) from error
    return PoseSpec.from_json(text, path)


def _read_spec(folder, name):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{folder}: must hold {name}, which export.py puts there. "
            f"Received: {error}"
        ) from error
    return PoseSpec.from_json(text, folder)
