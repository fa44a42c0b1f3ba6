"""The training clips of MPI-INF-3DHP: two sequences of eight subjects."""

import os
import re
import reprlib

import numpy as np

from keras_pose import images
from keras_pose.data.sources import labels
from keras_pose.data.sources.mpi_inf_3dhp.clip import POSE
from keras_pose.data.sources.mpi_inf_3dhp.clip import UNIVERSAL_POSE
from keras_pose.data.sources.mpi_inf_3dhp.clip import Clip
from keras_pose.data.sources.mpi_inf_3dhp.clip import fitted_intrinsics
from keras_pose.data.sources.mpi_inf_3dhp.clip import in_picture
from keras_pose.data.sources.mpi_inf_3dhp.clip import make_sample
from keras_pose.data.sources.mpi_inf_3dhp.clip import universal_pose
from keras_pose.data.sources.reading import confined
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading import video
from keras_pose.skeleton import MPI_INF_3DHP_28

_READER = "keras_pose.data.sources.reading.mat_file:mpi_inf_3dhp"
_MAX_CALIBRATION_BYTES = 2**20
_SEQUENCE = re.compile(r"Seq\d+")

# Where the frames of a video are, once they are taken out.
_FRAME_FOLDERS = ("imageFrames", "imageSequence", "")


def open_subject(folder, image_folder, subject, step, universal):
    """Opens a subject's sequences.

    Args:
        folder: The subject's.
        image_folder: Likewise, of the pictures.
        subject: As "S1".
        step: Take every n-th frame.
        universal: Whether people get the height of the universal skeleton.

    Returns:
        ([Clip], [lines for the user]).

    Raises:
        ValueError: Names the file and what is wrong with it.
    """
    clips, notes = [], []
    for sequence in sorted(os.listdir(folder)):
        if not _SEQUENCE.fullmatch(sequence):
            continue
        opened, lines = _open_sequence(
            os.path.join(folder, sequence),
            os.path.join(image_folder, sequence),
            (subject, sequence),
            step,
            universal,
        )
        clips.append(opened)
        notes += lines
    return clips, notes


def _open_sequence(folder, image_folder, place, step, universal):
    path = os.path.join(folder, "annot.mat")
    px = confined.read(_READER, path, poses="")["annot2"]
    calibration = os.path.join(folder, "camera.calibration")
    lenses = _calibration(calibration) if os.path.exists(calibration) else {}
    cameras, notes = [], []
    for index in range(len(px)):
        pictures = _pictures(image_folder, index)
        if pictures is None:
            continue
        frames = pictures.frames
        frames = frames[(frames < len(px[index])) & (frames % step == 0)]
        seen = in_picture(
            labels.numbers(px[index][frames], (None, 28, 2), path),
            pictures.width,
            pictures.height,
        )
        if left := len(frames) - np.count_nonzero(seen):
            notes.append(
                f"{path}: camera {index}: left out {left} frames with nobody "
                "in picture"
            )
        cameras.append((index, pictures, frames[seen]))
    if not lenses:
        notes.append(f"{path}: the cameras are fitted to the joints")
    shown = ", ".join(str(index) for index, _, _ in cameras)
    notes.append(f"{path}: cameras with pictures: {shown or 'none'}")

    def samples():
        poses = (POSE, UNIVERSAL_POSE) if universal else (POSE,)
        arrays = confined.read(_READER, path, poses=",".join(poses))
        for index, pictures, frames in cameras:
            if not len(frames):
                continue
            yield from _camera_samples(
                f"{path}: camera {index}",
                {field: arrays[field][index] for field in arrays},
                pictures.read(frames),
                frames,
                lenses.get(index),
                {
                    "subject": place[0],
                    "action": place[1],
                    "camera": str(index),
                },
            )

    return Clip(sum(len(frames) for *_, frames in cameras), samples), notes


def _camera_samples(where, arrays, pictures, frames, lens, named):
    """The samples of one camera.

    Args:
        where: What errors call it.
        arrays: {name: (N, 28, 2 or 3)} of its labels.
        pictures: Gives (frame, name, image) of each of `frames`.
        frames: (F,) frame numbers.
        lens: (3, 3) intrinsics, or None.
        named: subject, action and camera.
    """
    places = {
        field: labels.numbers(array[frames], (None, 28, None), where)
        for field, array in arrays.items()
    }
    px, mm = places["annot2"], places[POSE]
    if lens is None:
        lens = fitted_intrinsics(mm, px, where)
    if UNIVERSAL_POSE in places:
        mm, _ = universal_pose(
            mm, places[UNIVERSAL_POSE], MPI_INF_3DHP_28.root, where
        )
    folder = os.path.join(named["subject"], named["action"])
    for row, (frame, name, image) in enumerate(pictures):
        yield make_sample(
            image,
            px[row],
            mm[row],
            lens,
            name=os.path.join(folder, name),
            frame=frame,
            **named,
        )


def _pictures(folder, camera):
    """The pictures of a camera: its video or its frames; None without any."""
    name = f"video_{camera}"
    path = os.path.join(folder, "imageSequence", f"{name}.avi")
    if os.path.exists(path):
        return _Video(path)
    for parent in _FRAME_FOLDERS:
        path = os.path.join(folder, parent, name)
        if os.path.isdir(path):
            return _Images(path)
    return None


class _Video:
    """The frames of a video."""

    def __init__(self, path):
        self._path = path
        count, self.width, self.height = video.describe(path)
        self.frames = np.arange(count)

    def read(self, frames):
        """Yields (frame, name, image)."""
        stem = os.path.basename(self._path).removesuffix(".avi")
        for frame, image in video.read_frames(self._path, frames):
            yield frame, f"{stem}/{frame:06d}.jpg", image


class _Images:
    """Frames taken out of a video, numbered from 0 or from 1."""

    def __init__(self, folder):
        self._folder = folder
        names = files.numbered_images(folder)
        first = min(names, default=None)
        if first not in (0, 1):
            raise ValueError(
                f"{folder}: must have images numbered from 0 or 1. "
                f"Received: {first if names else 'none'}"
            )
        self._names = {number - first: names[number] for number in names}
        self.frames = np.array(sorted(self._names))
        image = files.read_bytes(folder, names[first])
        self.width, self.height, _ = images.image_header(image, names[first])

    def read(self, frames):
        """Yields (frame, name, image)."""
        parent = os.path.basename(self._folder)
        for frame in frames.tolist():
            name = self._names[frame]
            image = files.read_bytes(self._folder, name)
            yield frame, f"{parent}/{name}", image


def _calibration(path):
    """{camera: (3, 3) intrinsics px} of a camera.calibration.

    A block of lines for each camera: `name 0`, and among others `intrinsic`
    with the 16 numbers of a 4 x 4 matrix.
    """
    lenses, camera = {}, None
    text = files.read_text(path, _MAX_CALIBRATION_BYTES)
    for number, line in enumerate(text.splitlines(), 1):
        key, *values = line.split() or [""]
        where = f"{path}: line {number}: `{key}`"
        if key == "name":
            if len(values) != 1 or not values[0].isdecimal():
                raise ValueError(
                    f"{where} must be a camera's number. "
                    f"Received: {reprlib.repr(values)}"
                )
            camera = int(values[0])
        elif key == "intrinsic":
            lenses[camera] = _intrinsics(values, where)
    if not lenses:
        raise ValueError(f"{path}: must have a line `intrinsic` for a camera")
    return lenses


def _intrinsics(values, where):
    try:
        given = [float(value) for value in values]
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    matrix = labels.numbers(given, (16,), where).reshape(4, 4)
    focal_x, focal_y = matrix[0, 0], matrix[1, 1]
    if not (focal_x > 0 and focal_y > 0 and matrix[0, 1] == 0):
        raise ValueError(
            f"{where} must have positive focal lengths and no skew. "
            f"Received: {focal_x}, {focal_y}, {matrix[0, 1]}"
        )
    return labels.pinhole(focal_x, focal_y, matrix[0, 2], matrix[1, 2])
