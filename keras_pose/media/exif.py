"""A photo's intrinsics, from what the camera wrote beside the picture.

Source: CIPA DC-008 (EXIF 2.32), 4.6.6; CIPA DCG-001 for the focal length in
35 mm film, which is the one of an equal diagonal angle of view.
"""

import math

import numpy as np
from PIL import ExifTags

from keras_pose import images

_TAG = ExifTags.Base
_FILM_DIAGONAL_MM = math.hypot(36, 24)

# Millimetres in the units of a sensor's resolution.
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}
_DEFAULT_UNIT = 2

# From a fisheye's to a telescope's: what is outside is no focal length.
_LEAST_FILM_MM, _MOST_FILM_MM = 4.0, 5000.0


def intrinsics_of(encoded, name, upright_size):
    """Finds a photo's intrinsics.

    Args:
        encoded: Bytes of the image file.
        name: What errors call it.
        upright_size: (height, width) px of the decoded image.

    Returns:
        ((3, 3) px, what they come from), the principal point in the centre;
        None where EXIF does not say, says nonsense, or is of a picture that
        was cropped since.
    """
    try:
        size, tags = images.camera_tags(encoded, name)
    except ValueError:
        return None  # a photo is one without its camera's notes, too
    taken_size = (
        _number(tags, _TAG.ExifImageWidth),
        _number(tags, _TAG.ExifImageHeight),
    )
    scale = _scale_since(taken_size, size)
    if scale is None:
        return None
    found = _from_film(tags, size) or _from_sensor(tags, scale)
    if not found:
        return None
    focal, source = found
    film_mm = focal * _FILM_DIAGONAL_MM / math.hypot(*size)
    if not _LEAST_FILM_MM <= film_mm <= _MOST_FILM_MM:
        return None
    height, width = upright_size
    matrix = [
        [focal, 0, (width - 1) / 2],
        [0, focal, (height - 1) / 2],
        [0, 0, 1],
    ]
    return np.array(matrix, np.float64), f"EXIF: {source}"


def _from_film(tags, size):
    """Focal length in px by that in 35 mm film."""
    film_mm = _number(tags, _TAG.FocalLengthIn35mmFilm)
    if not film_mm:
        return None
    focal = film_mm / _FILM_DIAGONAL_MM * math.hypot(*size)
    return focal, f"{film_mm:g} mm in 35 mm film"


def _from_sensor(tags, scale):
    """Focal length in px by the sensor's pixels per millimetre."""
    focal_mm = _number(tags, _TAG.FocalLength)
    resolution = _number(tags, _TAG.FocalPlaneXResolution)
    unit = tags.get(_TAG.FocalPlaneResolutionUnit, _DEFAULT_UNIT)
    unit_mm = _UNIT_MM.get(unit) if isinstance(unit, int) else None
    if not (focal_mm and resolution and unit_mm):
        return None
    per_mm = resolution / unit_mm
    source = f"{focal_mm:g} mm, a sensor of {per_mm:.4g} pixels per mm"
    return focal_mm * per_mm * scale, source


def _scale_since(taken, size):
    """How much a picture was resized since it was taken.

    Args:
        taken: (width, height) px that EXIF says, or Nones.
        size: (width, height) px now.

    Returns:
        Now's pixels per one of then; None where it was cropped.
    """
    if not all(taken):
        return 1.0
    # Some programs turn a picture and leave the numbers as they were.
    for now in (size, size[::-1]):
        scales = [now[axis] / taken[axis] for axis in (0, 1)]
        # A side is rounded up or down to whole pixels.
        slack = sum(1 / taken[axis] for axis in (0, 1))
        if abs(scales[0] - scales[1]) <= slack:
            return math.hypot(*size) / math.hypot(*taken)
    return None


def _number(tags, tag):
    """A positive number among the tags, or None."""
    try:
        value = float(tags.get(tag))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return value if 0 < value < math.inf else None
