"""Files that are whole or not there, whenever a machine stops."""

import contextlib
import os
import shutil
import tempfile
import zlib

ASIDE = ".new"  # ends the names of files that are being written


@contextlib.contextmanager
def replaced(path):
    """Gives a place to write a file to, and puts the file where it belongs.

    Args:
        path: Of the file, which keeps its old content until the new one is on
            the disk, and for good if the block raises.

    Yields:
        The path to write the new content to.
    """
    folder, name = os.path.split(os.path.abspath(path))
    # TensorBoard reads every file whose name holds that of an event file.
    aside = os.path.join(folder, f"{zlib.crc32(name.encode()):08x}{ASIDE}")
    try:
        yield aside
        with open(aside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(aside)
        raise
    sync_folder(folder)


@contextlib.contextmanager
def new_folder(path):
    """Gives a hidden folder that takes its name when it is whole.

    Args:
        path: Of the folder, which must not exist yet. Those above it are made.

    Yields:
        The path of the folder to fill; if the block raises, it is removed.

    Raises:
        ValueError: There is something at `path`.
    """
    path = os.path.abspath(path)
    if os.path.lexists(path):
        raise ValueError(f"`out` must not exist yet. Received: {path}")
    above, name = os.path.split(path)
    os.makedirs(above, exist_ok=True)
    partial = tempfile.mkdtemp(prefix=f".{name}.partial-", dir=above)
    try:
        yield partial
        os.chmod(partial, 0o755)
        os.rename(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextlib.contextmanager
def filled_folder(path):
    """Gives a hidden folder whose files go into another when all are whole.

    Args:
        path: Of the other folder, which is made where there is none. Files of
            the same names are replaced there, all others stay.

    Yields:
        The path of the folder to fill, which is gone afterwards.

    Raises:
        ValueError: There is a file at `path`, or it is empty.
    """
    if not path:
        raise ValueError("`out` must be the name of a folder. Received: ''")
    path = os.path.abspath(path)
    if os.path.lexists(path) and not os.path.isdir(path):
        raise ValueError(f"`out` must be a folder. Received: {path}")
    above, name = os.path.split(path)
    os.makedirs(above, exist_ok=True)
    # What is there may be a link, or a disk of its own: nothing can be moved
    # into it from beside it.
    beside = path if os.path.isdir(path) else above
    partial = tempfile.mkdtemp(prefix=f".{name}.partial-", dir=beside)
    try:
        yield partial
        for folder, _, files in os.walk(partial):
            place = os.path.join(path, os.path.relpath(folder, partial))
            os.makedirs(place, exist_ok=True)
            for file in files:
                os.replace(os.path.join(folder, file), f"{place}/{file}")
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def sync_folder(folder):
    """Puts the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
