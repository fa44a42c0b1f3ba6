"""Checksums that travel with an artefact, checked before a runtime sees it.

Runtimes take a damaged file for right, give wrong poses, or crash with the
process: of their formats only Keras's zip has a checksum of its own. So each
folder holds `SHA256SUMS`, which `sha256sum -c SHA256SUMS` checks too, an ONNX
file ends with its checksum, and a TFLite file has it in the zip at its end.

They tell damage, not malice: who forges a model can forge its checksum.
"""

import hashlib
import os

FILE_NAME = "SHA256SUMS"
_HEX_DIGITS = 64

# An entry of `metadata_props` of ONNX's ModelProto, which may stand at the end
# of the file: its tag and length, its key, the tag and length of its value.
_ONNX_ENTRY = b"\x72\x4a" + b"\x0a\x06sha256" + b"\x12\x40"


class DamagedError(ValueError):
    """A file is not the one that was written."""


def of(content):
    """The SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write_folder(folder, names):
    """Writes `SHA256SUMS`.

    Args:
        folder: Of the artefact.
        names: Its files, relative to the folder, with `/` between their parts.
    """
    lines = [f"{_of_file(folder, name)}  {name}\n" for name in sorted(names)]
    path = os.path.join(folder, FILE_NAME)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)


def check_folder(folder, names):
    """Checks files against `SHA256SUMS`.

    Args:
        folder: Of the artefact.
        names: The files that a runtime will read.

    Raises:
        DamagedError: Names the file that is missing, new or changed.
    """
    known = _read(os.path.join(folder, FILE_NAME))
    for name in sorted(known.keys() | set(names)):
        if not os.path.isfile(os.path.join(folder, name)):
            raise DamagedError(f"{name} is missing")
        if known.get(name) != _of_file(folder, name):
            raise DamagedError(f"{name} is not the one that was exported")


def with_onnx_checksum(content):
    """An ONNX file that ends with its checksum, as bytes."""
    return content + _ONNX_ENTRY + of(content).encode()


def check_onnx(content):
    """Checks the bytes of an ONNX file.

    Raises:
        DamagedError: It does not end with its checksum.
    """
    end = len(content) - len(_ONNX_ENTRY) - _HEX_DIGITS
    if end < 0 or content != with_onnx_checksum(content[:end]):
        raise DamagedError("it does not end with the checksum of an export")


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedError(
            f"{FILE_NAME}, which export.py writes, cannot be read: {error}"
        ) from error
    rows = [line.partition("  ") for line in lines]
    return {name: digest for digest, _, name in rows}


def _of_file(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
