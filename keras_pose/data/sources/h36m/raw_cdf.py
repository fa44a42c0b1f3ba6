"""Reads the archive's CDF files; runs in a process of its own."""

import cdflib
import numpy as np

from keras_pose.data.sources.reading import files

# A clip has some 6000 frames of 32 joints.
_MAX_FRAMES = 10**5
_COORDINATES = (96, 64)  # in space, in the image


def survey(path, others=""):
    """Reads how long clips are, and one frame of each.

    Args:
        path: A file.
        others: More of them, a line each.

    Returns:
        {lengths: (C,) frames, middle: (C, 32 x 3 or 32 x 2) the frame at
        lengths // 2}.

    Raises:
        ValueError: Names the file.
    """
    clips = [_read(name) for name in (path, *others.splitlines())]
    if len({clip.shape[1] for clip in clips}) > 1:
        raise ValueError("all files beside it must have its coordinates")
    return {
        "lengths": np.array([len(clip) for clip in clips]),
        "middle": np.stack([clip[len(clip) // 2] for clip in clips]),
    }


def poses(path):
    """Reads a clip: {poses: (N, 32 x 3 or 32 x 2)} mm or px."""
    return {"poses": _read(path)}


def _read(path):
    files.check_file(path)
    try:
        values = np.asarray(cdflib.CDF(path).varget("Pose"))
    except Exception as error:  # a damaged CDF raises nearly anything
        raise ValueError(f"{path}: not a readable CDF: {error}") from error
    if values.ndim == 3 and len(values) == 1:
        values = values[0]
    if (
        values.ndim != 2
        or values.shape[1] not in _COORDINATES
        or not 0 < len(values) <= _MAX_FRAMES
        or values.dtype.kind != "f"
    ):
        raise ValueError(
            f"{path}: `Pose` must be floats of shape (N, 96) or (N, 64), N "
            f"from 1 to {_MAX_FRAMES}. Received: {values.shape}, {values.dtype}"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: `Pose` must be finite")
    return values.astype(np.float32)
