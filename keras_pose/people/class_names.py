"""The names of a detector's classes, as exporters write them into its file."""

import ast
import io
import json
import os
import zipfile
import zlib

_MAX_LENGTH = 2**18  # of a text with names
_UNUSED = "???"  # TensorFlow's name for a number without a class


def of_onnx(path, properties):
    """The names in the properties of an ONNX file.

    Args:
        path: What errors call the file.
        properties: {key: text}.

    Returns:
        {number: name}, or None where it does not say.

    Raises:
        ValueError: `names` are no names by their numbers.
    """
    text = properties.get("names")
    if text is None:
        return None
    if len(text) > _MAX_LENGTH:
        raise _no_names(path, text)
    return _numbered(path, _python(path, text))


def of_tflite(path, content):
    """The names in the files that are packed behind a TFLite network.

    They are YOLO's `names` in JSON or as Python's own text, or TensorFlow's
    labels, a line for each class.

    Args:
        path: What errors call the file.
        content: Its bytes.

    Returns:
        {number: name}, or None where it does not say.

    Raises:
        ValueError: What is packed is damaged, or `names` are no names by
            their numbers.
    """
    for name, text in sorted(_packed_texts(path, content), key=_is_licence):
        if text.lstrip().startswith("{"):
            is_json = os.path.splitext(name)[1].lower() == ".json"
            told = (_json if is_json else _python)(path, text)
            if "names" in told:
                return _numbered(path, told["names"])
        elif labels := [line.strip() for line in text.splitlines()]:
            # Detections do not count the background, which has no name.
            return dict(enumerate(labels[labels[0] == _UNUSED :]))
    return None


def _is_licence(packed):
    """Whether a text says what may be done with it, not what it finds."""
    name = os.path.basename(packed[0]).lower()
    return name.startswith(("licen", "notice", "readme"))


def _packed_texts(path, content):
    """[(name, text)] of the texts in the archive at a file's end."""
    file = io.BytesIO(content)
    if not zipfile.is_zipfile(file):
        return []
    try:
        with zipfile.ZipFile(file) as archive:
            texts = []
            for info in archive.infolist():
                if info.filename.lower().endswith((".json", ".txt")):
                    with archive.open(info) as packed:
                        text = packed.read(_MAX_LENGTH + 1)
                    if len(text) > _MAX_LENGTH:
                        raise ValueError(f"{info.filename} is too long")
                    texts.append((info.filename, text.decode("utf-8-sig")))
            return texts
    except (
        zipfile.BadZipFile,
        NotImplementedError,  # of an unknown compression
        RuntimeError,  # of a password
        ValueError,
        zlib.error,
    ) as error:
        raise ValueError(
            f"{path}: the files packed behind its network are damaged: {error}"
        ) from error


def _python(path, text):
    try:
        return ast.literal_eval(text.strip())
    except (
        MemoryError,  # of what is nested too deeply
        RecursionError,
        SyntaxError,
        TypeError,
        ValueError,
    ) as error:
        raise _no_names(path, text) from error


def _json(path, text):
    try:
        return json.loads(text)
    except (RecursionError, ValueError) as error:
        raise _no_names(path, text) from error


def _numbered(path, names):
    if isinstance(names, list):
        names = dict(enumerate(names))
    try:
        return {int(number): str(name) for number, name in names.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise _no_names(path, names) from error


def _no_names(path, names):
    return ValueError(
        f"{path}: `names` of its metadata must be the names of classes by "
        f"their numbers. Received: {str(names):.80}"
    )
