"""What a user names: photos, folders, patterns, a video or a camera."""

import glob
import os
import re
from typing import NamedTuple

from keras_pose.data.sources.reading import video_file

_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
_PHOTO_STARTS = (
    (0, b"\xff\xd8\xff"),
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"GIF8"),
    (8, b"WEBP"),
)
_SOUND_STARTS = (
    (0, b"ID3"),
    (0, b"\xff\xfb"),
    (0, b"\xff\xf3"),
    (0, b"\xff\xf2"),
    (8, b"WAVE"),
    (0, b"fLaC"),
    (0, b"OggS"),
)
_CAMERA = re.compile("[0-9]{1,3}")


class Inputs(NamedTuple):
    """What the inputs are.

    Attributes:
        kind: "photos", "video" or "camera".
        paths: Of the photos, or of the video.
        camera: Number of the camera; None for files.
        notes: What was not taken, a line for each folder or pattern.
    """

    kind: str
    paths: tuple[str, ...]
    camera: int | None
    notes: tuple[str, ...]


def find(inputs):
    """Finds the files that inputs name.

    Args:
        inputs: Paths of photos, folders, patterns as "shots/**/*.jpg", one
            video, or the number of a camera; one of them, or a sequence.

    Returns:
        The Inputs.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Nothing is found, a file is neither photo nor video, or
            they do not go together.
    """
    if isinstance(inputs, (str, os.PathLike)):
        inputs = [inputs]
    names = [os.fspath(name) for name in inputs]
    if not names:
        raise ValueError(
            "`inputs` must name photos, folders, a video or a camera. "
            "Received: none"
        )
    found, notes = [], []
    for name in names:
        files, note = _resolve(name)
        found += files
        notes += [note] if note else []
    kinds = sorted({kind for kind, _ in found})
    if len(kinds) > 1 or (len(found) > 1 and kinds != ["photos"]):
        raise ValueError(
            "`inputs` must be photos alone, one video or one camera. "
            f"Received: {_listed(found)}"
        )
    paths = tuple(path for _, path in found)
    if kinds == ["camera"]:
        return Inputs("camera", (), int(paths[0]), tuple(notes))
    return Inputs(kinds[0], paths, None, tuple(notes))


def natural_key(name):
    """Sorts names as people do: "shot9.jpg" before "shot10.jpg"."""
    parts = re.split(r"([0-9]+)", name.casefold())
    numbers = [int(p) if turn % 2 else p for turn, p in enumerate(parts)]
    return numbers, name


def _resolve(name):
    """What one input names, as ([(kind, path)], what was not taken)."""
    if os.path.isdir(name):
        return _in_folder(name)
    if os.path.lexists(name):
        return [(_kind_of_named(name), name)], None
    if _CAMERA.fullmatch(name):
        return [("camera", name)], None
    if glob.has_magic(name):
        return _matching(name)
    if "://" in name:
        raise ValueError(
            "`inputs` must be on this machine: download it first. "
            f"Received: {name}"
        )
    raise FileNotFoundError(f"{name}: no such file or folder")


def _in_folder(folder):
    with os.scandir(folder) as entries:
        names = [
            entry.name
            for entry in entries
            # Finder and others leave hidden files named as photos.
            if entry.is_file() and not entry.name.startswith(".")
        ]
    paths = [os.path.join(folder, name) for name in names]
    return _taken(folder, paths, ("photos",), "image")


def _matching(pattern):
    paths = glob.glob(pattern, recursive=True)
    paths = [path for path in paths if os.path.isfile(path)]
    return _taken(pattern, paths, ("photos", "video"), "photo or video")


def _taken(where, paths, kinds, wanted):
    found = [(_kind_of(path), path) for path in paths]
    taken = [item for item in found if item[0] in kinds]
    left = len(found) - len(taken)
    if not taken:
        hint = ""
        if any(_is_boxed_photo(path) for path in paths):
            hint = ", HEIC photos among them: export them as JPEG"
        raise ValueError(
            f"{where}: must hold one {wanted} or more. "
            f"Received: {left or 'no'} other files{hint}"
        )
    note = f"{where}: {left} files that are no {wanted} were not taken"
    taken.sort(key=lambda item: natural_key(item[1]))
    return taken, note if left else None


def _kind_of(path):
    start = video_file.start_of(path)
    if video_file.container_of(start):
        return "video"
    # A damaged photo has its name alone; a nameless one its beginning.
    if path.lower().endswith(_PHOTO_SUFFIXES) or _begins(start, _PHOTO_STARTS):
        return "photos"
    return None


def _kind_of_named(path):
    kind = _kind_of(path)
    if kind is None:
        start = video_file.start_of(path)
        received = f"{start[:12]!r}"
        if video_file.is_boxed_photo(start):
            received = "a HEIC photo: export it as JPEG"
        elif _begins(start, _SOUND_STARTS):
            received = "sound, which holds no picture"
        raise ValueError(
            f"{path}: must be a photo (JPEG, PNG, WebP, BMP or GIF) or a "
            f"video (MP4, MOV, AVI, MKV or WebM). Received: {received}"
        )
    return kind


def _is_boxed_photo(path):
    return video_file.is_boxed_photo(video_file.start_of(path))


def _begins(start, table):
    return any(start[at:].startswith(magic) for at, magic in table)


def _listed(found, most=4):
    names = [
        f"camera {path}" if kind == "camera" else path for kind, path in found
    ]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
