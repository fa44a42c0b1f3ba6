"""Cut-out objects to paste over people: chairs, plants, hands, anything.

A folder of PNG or WebP pictures with an alpha channel, for example those that
one cuts out of Pascal VOC by its masks, as Sarandi et al., "How Robust is 3D
Human Pose Estimation to Occlusion?", 2018.
"""

import functools
import os

import cv2
import numpy as np

_ENDINGS = (".png", ".webp")


@functools.cache
def load_objects(folder, side):
    """Reads the pictures of a folder, each fitted into a square.

    Args:
        folder: Of PNG and WebP files with an alpha channel; others are not
            looked at.
        side: Of the square, px.

    Returns:
        (N, side, side, 4) uint8 RGBA, by file name, read-only. Colours are
        multiplied by opacity, so that what is transparent is all 0.

    Raises:
        ValueError: No such folder, no such picture in it, or one of them is
            damaged, has no alpha channel or is transparent all over.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ValueError(
            "`objects` must be a folder of pictures. "
            f"Received: {folder!r}: {error.strerror}"
        ) from error
    paths = [
        os.path.join(folder, name)
        for name in names
        if name.lower().endswith(_ENDINGS)
    ]
    if not paths:
        raise ValueError(
            "`objects` must hold PNG or WebP pictures. "
            f"Received: {folder!r}, which has none"
        )
    objects = np.stack([_fitted(_read(path), side) for path in paths])
    objects.flags.writeable = False
    return objects


def _read(path):
    """The seen part of a picture, (height, width, 4) uint8 RGBA."""
    # OpenCV's own reading of a path fails on letters that are not ASCII.
    encoded = np.fromfile(path, np.uint8)
    # OpenCV raises an error of its own for nothing at all.
    flags = cv2.IMREAD_UNCHANGED
    picture = cv2.imdecode(encoded, flags) if encoded.size else None
    if picture is None:
        raise ValueError(f"{path}: `objects` must be pictures. It is damaged")
    if picture.ndim != 3 or picture.shape[2] != 4 or picture.dtype != np.uint8:
        raise ValueError(
            f"{path}: `objects` must have 8 bits of red, green, blue and alpha."
            f" Received: shape {picture.shape}, {picture.dtype}"
        )
    left, top, width, height = cv2.boundingRect(picture[..., 3])
    if not width:
        raise ValueError(f"{path}: `objects` must be seen. It is transparent")
    seen = picture[top : top + height, left : left + width]
    return cv2.cvtColor(seen, cv2.COLOR_BGRA2RGBA)


def _fitted(picture, side):
    """The picture at the middle of a square, its colours times its opacity."""
    opacity = picture[..., 3:].astype(np.float32) / 255
    weighted = picture * np.where(np.arange(4) < 3, opacity, 1)
    height, width = picture.shape[:2]
    # A pixel of transparent rim, so that a turned picture has smooth edges.
    zoom = (side - 2) / max(height, width)
    shape = [max(1, round(zoom * length)) for length in (width, height)]
    # The mean of what becomes one pixel; between few pixels a ramp.
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    small = cv2.resize(weighted, shape, interpolation=how)
    square = np.zeros((side, side, 4), np.uint8)
    top, left = (side - shape[1]) // 2, (side - shape[0]) // 2
    square[top : top + shape[1], left : left + shape[0]] = np.round(small)
    return square
