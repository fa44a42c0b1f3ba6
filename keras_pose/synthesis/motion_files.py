"""Reads motion capture: BVH files, or an npz of rotation vectors."""

import math
import os
import zipfile

import numpy as np

from keras_pose.synthesis.motion import Clip
from keras_pose.synthesis.motion import make_skeleton
from keras_pose.synthesis.motion import require
from keras_pose.synthesis.motion import shortened

# No file of a known data set comes near these.
MAX_BVH_BYTES = 256 * 2**20
MAX_NPZ_BYTES = 2**30
MAX_LINE = 2**20
MAX_JOINTS = 1000
MAX_DEPTH = 100
MAX_NAME_WORDS = 10
LARGEST = 1e30  # number that a float32 holds with room to spare


def read_clips(path):
    """Reads motion capture.

    Args:
        path: A BVH file; a folder with BVH files in it or below, others are
            ignored; or an npz with `rotvec` (F, J, 3) local rotation vectors
            in radians for column vectors, `names` (J,), `parents` (J,),
            `offsets` (J, 3) from parent to joint, `lengths` (C,) in frames and
            `clips` (C,) names.

    Returns:
        A tuple of Clips, by relative path or in the npz's order. They are
        named by path below the folder, or "clip#index".

    Raises:
        ValueError: Names the file, the field or line and what is wrong.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        found = []
        for folder, _, files in os.walk(path):
            for file in files:
                if file.lower().endswith(".bvh") and file[0] != ".":
                    full = os.path.join(folder, file)
                    name = os.path.relpath(full, path).replace(os.sep, "/")
                    found.append((name, full))
        if not found:
            raise ValueError(f"{path}: holds no BVH file")
        return tuple(_read_bvh(full, name) for name, full in sorted(found))
    if path.lower().endswith(".bvh"):
        return (_read_bvh(path, os.path.basename(path)),)
    if path.lower().endswith(".npz"):
        return _read_npz(path)
    raise ValueError(
        "a motion must be a BVH file, a folder of them or an npz. "
        f"Received: {path}"
    )


class _Lines:
    """The words of a BVH file, and where they stand."""

    def __init__(self, path, file):
        self._path, self._file = path, file
        self._number, self._words = 0, []

    def fail(self, rule, received):
        where = f"{self._path}, line {self._number}"
        raise ValueError(
            f"{where}: {rule}. Received: {shortened(received, 80)}"
        )

    def line(self):
        """Words of the next line that is not blank; none at the end."""
        if self._words:
            self.fail("the line must end", self._words[-1])
        text = " "
        while text and not text.strip():
            self._number += 1
            text = self._file.readline(MAX_LINE + 1)
        if len(text) > MAX_LINE:
            self.fail(f"a line must have at most {MAX_LINE} characters", "more")
        return text.split()

    def word(self):
        if not self._words:
            self._words = self.line()[::-1]
        if not self._words:
            self.fail("the file must go on", "its end")
        return self._words.pop()

    def expect(self, *words):
        for expected in words:
            word = self.word()
            if word.upper() != expected.upper():
                self.fail(f"must be `{expected}`", word)

    def number(self, kind=float):
        word = self.word()
        try:
            value = kind(word)
        except ValueError:
            value = math.nan
        if not abs(value) < LARGEST:
            kinds = {float: "finite", int: "whole"}
            self.fail(f"must be a {kinds[kind]} number", word)
        return value


def _read_bvh(path, name):
    try:
        size = os.path.getsize(path)
        if size > MAX_BVH_BYTES:
            raise ValueError(
                f"{path}: must have at most {MAX_BVH_BYTES} bytes. "
                f"Received: {size}"
            )
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            lines = _Lines(path, file)
            names, parents, offsets, ends, channels = _read_hierarchy(lines)
            skeleton = make_skeleton(path, names, parents, offsets, ends)
            return Clip(name, skeleton, *_read_frames(lines, channels))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error


def _read_hierarchy(lines):
    """Names, parents, offsets, end offsets and channels of all joints."""
    names, parents, offsets, ends, channels = [], [], [], [], []
    opened = []  # joints whose braces are open
    lines.expect("HIERARCHY", "ROOT")
    word = "ROOT"
    while True:
        if word == "JOINT" or not opened:
            name = []
            while (part := lines.word()) != "{":
                name.append(part)
                if len(name) > MAX_NAME_WORDS:
                    lines.fail("a joint's name must end in {", " ".join(name))
            parents.append(opened[-1] if opened else -1)
            opened.append(len(names))
            names.append(" ".join(name))
            offsets.append(None)
            ends.append([0.0, 0.0, 0.0])
            channels.append(None)
        elif word == "END":
            lines.expect("Site", "{", "OFFSET")
            ends[opened[-1]] = [lines.number() for _ in range(3)]
            lines.expect("}")
        elif word == "OFFSET":
            offsets[opened[-1]] = [lines.number() for _ in range(3)]
        elif word == "CHANNELS":
            channels[opened[-1]] = _read_channels(lines)
        elif word == "}":
            joint = opened.pop()
            if offsets[joint] is None or channels[joint] is None:
                lines.fail("joints must have OFFSET and CHANNELS", names[joint])
            if not opened:
                return names, parents, offsets, ends, channels
        else:
            lines.fail("must be OFFSET, CHANNELS, JOINT, End or }", word)
        if len(opened) > MAX_DEPTH or len(names) > MAX_JOINTS:
            lines.fail(
                f"must have at most {MAX_JOINTS} joints, {MAX_DEPTH} deep",
                f"{len(names)}, {len(opened)} deep",
            )
        word = lines.word().upper()


def _read_channels(lines):
    """Names of a joint's channels."""
    count = lines.word()
    if count not in ("3", "6"):
        lines.fail("CHANNELS must be 3 or 6", count)
    words = [lines.word() for _ in range(int(count))]
    names = [word.capitalize() for word in words]
    kinds = [f"{axis}rotation" for axis in "XYZ"]
    if count == "6":
        kinds += [f"{axis}position" for axis in "XYZ"]
    if sorted(names) != sorted(kinds):
        lines.fail(f"CHANNELS must be {' '.join(kinds)}", " ".join(words))
    return names


def _read_frames(lines, channels):
    """The angles of all frames and their axes, as a Clip has them."""
    lines.expect("MOTION", "Frames:")
    count = lines.number(int)
    lines.expect("Frame", "Time:")
    if lines.number() <= 0:
        lines.fail("Frame Time must be positive", "0 or less")
    names = [name for of_joint in channels for name in of_joint]
    columns = [at for at, name in enumerate(names) if name.endswith("rotation")]
    axes = np.array([np.eye(3)["XYZ".index(names[at][0])] for at in columns])
    # Grows with the file, whatever number of frames it claims.
    angles = bytearray()
    found = 0
    while words := lines.line():
        found += 1
        try:
            row = np.array(words, float)
        except ValueError:
            row = np.array([np.nan])
        if len(words) != len(names) or not (np.abs(row) < LARGEST).all():
            lines.fail(
                f"frame {found} must have {len(names)} finite numbers",
                f"{len(words)}: {' '.join(words)}",
            )
        angles += row[columns].astype(np.float32).tobytes()
    if found != count or not found:
        lines.fail(
            "Frames must be 1 or more, as many as follow",
            f"{count}, followed by {found}",
        )
    turns = np.frombuffer(bytes(angles), np.float32)
    return turns.reshape(found, -1, 3), axes.reshape(-1, 3, 3)


# field: (axes of its shape, kinds of its dtype). Axes of one letter have one
# length.
_FIELDS = {
    "rotvec": ("FJ3", "f"),
    "names": ("J", "U"),
    "parents": ("J", "iu"),
    "offsets": ("J3", "f"),
    "lengths": ("C", "iu"),
    "clips": ("C", "U"),
}


def _read_npz(path):
    arrays = _load_npz(path)
    lengths_of = {"3": 3}
    for field, (shape, kinds) in _FIELDS.items():
        array = arrays[field]
        if array.ndim == len(shape):
            for axis, length in zip(shape, array.shape, strict=True):
                lengths_of.setdefault(axis, length)
        expected = tuple(lengths_of.get(axis) for axis in shape)
        require(
            path,
            array.shape == expected and array.dtype.kind in kinds,
            f"`{field}` must have shape {expected} and a dtype of kind "
            f"{' or '.join(kinds)}",
            f"{array.shape}, {array.dtype}",
        )
    turns = arrays["rotvec"]
    parents = arrays["parents"].tolist()
    lengths = arrays["lengths"].tolist()
    require(
        path,
        len(parents) <= MAX_JOINTS
        and parents[:1] == [-1]
        and all(0 <= parent < j for j, parent in enumerate(parents) if j),
        f"`parents` must be -1, then of at most {MAX_JOINTS} joints each an "
        "earlier one",
        parents,
    )
    require(
        path,
        lengths and min(lengths) > 0 and sum(lengths) == len(turns),
        f"`lengths` must be positive and sum to {len(turns)}",
        lengths,
    )
    for field in ("rotvec", "offsets"):
        largest = float(np.abs(arrays[field]).max())
        require(path, largest < LARGEST, f"`{field}` must be finite", largest)
    turns = turns.astype(np.float32, copy=False)
    offsets = arrays["offsets"].astype(float)
    skeleton = make_skeleton(
        path, arrays["names"].tolist(), parents, offsets, 0 * offsets
    )
    ends = np.cumsum(lengths)
    return tuple(
        Clip(f"{name}#{index}", skeleton, turns[end - length : end])
        for index, (name, length, end) in enumerate(
            zip(arrays["clips"].tolist(), lengths, ends, strict=True)
        )
    )


def _load_npz(path):
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_NPZ_BYTES:
            raise ValueError(
                f"must unpack to at most {MAX_NPZ_BYTES} bytes, not {size}"
            )
        with np.load(path, allow_pickle=False) as archive:
            return {field: archive[field] for field in _FIELDS}
    except Exception as error:  # a damaged zip raises nearly anything
        raise ValueError(f"{path}: not a readable npz: {error}") from error
