"""Reading files that others made, which may hold anything."""

import os
import re
import stat
import zipfile

import numpy as np

# No annotation file of a known data set comes near this size.
MAX_NPZ_BYTES = 8 * 2**30
MAX_LIST_BYTES = 256 * 2**20
# An image of as many pixels as are ever decoded has fewer.
MAX_IMAGE_BYTES = 2**29

_NUMBERED = re.compile(r"(?:.*\D)?(\d{1,9})\.(?:jpg|jpeg|png)", re.IGNORECASE)


def check_root(root):
    """Refuses a root that is no folder.

    Raises:
        ValueError: Names it.
    """
    if not os.path.isdir(root):
        raise ValueError(f"`root` must be a folder. Received: {root}")


def check_file(path, most=None):
    """Refuses what is no file, and a file that is too large.

    Opening a pipe would wait for ever.

    Args:
        path: The file.
        most: Bytes that it may have; None for any number.

    Returns:
        Its size in bytes.

    Raises:
        ValueError: Names it.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a zero byte
        reason = getattr(error, "strerror", error)
        raise ValueError(f"{path}: cannot be read: {reason}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path}: cannot be read: no such file")
    if most is not None and found.st_size > most:
        raise ValueError(
            f"{path}: must have at most {most} bytes. Received: {found.st_size}"
        )
    return found.st_size


def read_text(path, most):
    """Reads a text file, UTF-8, of at most so many bytes.

    Raises:
        ValueError: Names it.
    """
    check_file(path, most)
    try:
        with open(path, "rb") as file:
            return file.read().decode()
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error


def numbered_images(folder):
    """The images of a folder whose names end in a number.

    Returns:
        {number: name}.

    Raises:
        ValueError: Two have one number.
    """
    names = {}
    for name in sorted(os.listdir(folder)):
        if match := _NUMBERED.fullmatch(name):
            number = int(match[1])
            if number in names:
                raise ValueError(
                    f"{folder}: must have one image of each number. "
                    f"Received: {names[number]} and {name}"
                )
            names[number] = name
    return names


def first_file(root, names):
    """The first of the files below `root` that there is.

    Raises:
        ValueError: There is none of them.
    """
    for name in names:
        if os.path.isfile(path := os.path.join(root, name)):
            return path
    raise ValueError(f"{root}: holds none of {', '.join(names)}")


def image_folder(root, images, names):
    """The folder of a source's images.

    Args:
        root: Of the source.
        images: The option `images`, or None.
        names: Folders of the root where they lie as a rule.

    Returns:
        `images`; else the first of the folders that there is, or the root.

    Raises:
        ValueError: `images` is no folder.
    """
    if images is not None:
        if not os.path.isdir(images):
            raise ValueError(f"`images` must be a folder. Received: {images}")
        return images
    paths = [os.path.join(root, name) for name in names]
    return next((path for path in paths if os.path.isdir(path)), root)


def read_bytes(root, relative, where=None):
    """Reads a file below `root`.

    A link may lead out of `root`: who made it owns the disk. A name in an
    annotation file may not.

    Args:
        root: The folder.
        relative: Path below it.
        where: What names the file, for errors to say; None for nothing.

    Raises:
        ValueError: The path climbs out of `root`, or there is no such file.
    """
    try:
        return _read_below(root, relative)
    except ValueError as error:
        if where is None:
            raise
        raise ValueError(f"{where}: {error}") from error


def _read_below(root, relative):
    path = os.path.normpath(os.path.join(root, relative))
    if os.path.commonpath([os.path.abspath(root), os.path.abspath(path)]) != (
        os.path.abspath(root)
    ):
        raise ValueError(f"a path must stay below {root}. Received: {relative}")
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                content = file.read(MAX_IMAGE_BYTES + 1)
                if len(content) <= MAX_IMAGE_BYTES:
                    return content
        raise ValueError(f"must be a file of at most {MAX_IMAGE_BYTES} bytes")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # a name with a zero byte
        raise ValueError(f"{path!r}: cannot be read: {error}") from error


def _open_at_once(path, flags):
    """Opens a pipe without waiting for who writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_lines(path, count):
    """Reads a text file of one line for each row of another file.

    Args:
        path: The file, UTF-8.
        count: The number of lines that it must have; None for any, but one.

    Returns:
        The lines, a list of strings.

    Raises:
        ValueError: Names the file and what is wrong with it.
    """
    content = read_text(path, MAX_LIST_BYTES).rstrip("\r\n")
    # Counted before a file of nothing but line ends becomes a list.
    lines = content.count("\n") + 1 if content else 0
    if not lines or count not in (None, lines):
        raise ValueError(
            f"{path}: must have {count or 'some'} lines, one for each row. "
            f"Received: {lines}"
        )
    return [line.removesuffix("\r") for line in content.split("\n")]


def read_npz(path, fields):
    """Reads arrays of an npz file, without unpickling anything.

    Args:
        path: The file.
        fields: {name: (shape, kinds)}. None in a shape admits any length, the
            same one for all the fields; kinds are letters of `dtype.kind`.

    Returns:
        {name: array}.

    Raises:
        ValueError: Names the file, and the field with its shape and dtype.
    """
    try:
        arrays = _load_npz(path, fields)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error
    except Exception as error:  # a damaged zip raises nearly anything
        raise ValueError(f"{path}: not a readable npz: {error}") from error
    rows = arrays[next(iter(fields))].shape[:1] or (0,)
    for field, (shape, kinds) in fields.items():
        array = arrays[field]
        expected = (*rows, *shape[1:]) if shape[:1] == (None,) else shape
        if array.shape != expected or array.dtype.kind not in kinds:
            raise ValueError(
                f"{path}: `{field}` must have shape {expected} and a dtype of "
                f"kind {' or '.join(kinds)}. "
                f"Received: {array.shape}, {array.dtype}"
            )
    return arrays


def _load_npz(path, fields):
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > MAX_NPZ_BYTES:
        raise ValueError(
            f"must unpack to at most {MAX_NPZ_BYTES} bytes. Received: {size}"
        )
    with np.load(path, allow_pickle=False) as archive:
        return {field: np.asarray(archive[field]) for field in fields}
