"""From a person's box to the network's square input, and back.

A crop is one affine map of the plane, so that scale, rotation, flip and the
resizing to the network's input cost one warp together.
"""

import math

import numpy as np

_X_OF_2 = np.array([1, 0], np.float32)
_Y_OF_2 = np.array([0, 1], np.float32)


def _entry(row, column):
    """The (3, 3) matrix with a single 1."""
    matrix = np.zeros((3, 3), np.float32)
    matrix[row, column] = 1
    return matrix


def crop_from_image(box, size, scale=1.0, rotation=0.0, flip=False):
    """The map from image pixels to pixels of the square crop of a box.

    The crop is the square around the box's centre whose side is the box's
    longer one times `scale`.

    Args:
        box: (..., 4) x, y, width, height in px.
        size: Side of the crop, px.
        scale: How much more than the box the crop shows.
        rotation: Radians by which the content turns, clockwise.
        flip: Whether the crop is mirrored, after the rotation.

    Returns:
        (..., 3, 3), last row (0, 0, 1).
    """
    x, y, width, height = (box[..., index, None, None] for index in range(4))
    side = (width + height + abs(width - height)) / 2  # the longer one
    zoom = size / (side * scale)
    centre_x = x + width / 2 - 0.5
    centre_y = y + height / 2 - 0.5
    mirror = -1.0 if flip else 1.0
    cos_x, sin_x = mirror * math.cos(rotation), mirror * math.sin(rotation)
    cos_y, sin_y = math.cos(rotation), math.sin(rotation)
    middle = (size - 1) / 2
    shift_x = middle - zoom * (cos_x * centre_x - sin_x * centre_y)
    shift_y = middle - zoom * (sin_y * centre_x + cos_y * centre_y)
    return (
        zoom * (cos_x * _entry(0, 0) - sin_x * _entry(0, 1))
        + zoom * (sin_y * _entry(1, 0) + cos_y * _entry(1, 1))
        + shift_x * _entry(0, 2)
        + shift_y * _entry(1, 2)
        + _entry(2, 2)
    )


def apply(transform, points):
    """Maps points by an affine transform.

    Args:
        transform: (..., 3, 3), last row (0, 0, 1).
        points: (..., J, 2).

    Returns:
        (..., J, 2).
    """
    return apply_linear(transform, points) + transform[..., None, :2, 2]


def apply_inverse(transform, points):
    """Maps points by the inverse of an affine transform."""
    centred = points - transform[..., None, :2, 2]
    return apply_inverse_linear(transform, centred)


def apply_linear(transform, vectors):
    """Maps vectors (..., J, 2) by the 2x2 part of a transform."""
    x, y = vectors[..., 0:1], vectors[..., 1:2]
    return x * transform[..., None, :2, 0] + y * transform[..., None, :2, 1]


def apply_inverse_linear(transform, vectors):
    """Maps vectors (..., J, 2) by the inverse of the 2x2 part."""
    a, b, c, d = _linear_entries(transform)
    x, y = vectors[..., 0:1], vectors[..., 1:2]
    determinant = a * d - b * c
    return ((d * x - b * y) * _X_OF_2 + (a * y - c * x) * _Y_OF_2) / determinant


def zoom_of(transform):
    """Crop pixels for each image pixel, (..., 1, 1)."""
    a, b, c, d = _linear_entries(transform)
    return abs(a * d - b * c) ** 0.5


def crop_intrinsics(transform, intrinsics):
    """Intrinsics of the camera whose image is the crop.

    They hold a rotation or a mirror where the crop has one, so only those of
    an upright crop are of the no-skew form that `camera.py` takes. Distortion
    acts before the intrinsics and stays as it is.

    Args:
        transform: (3, 3) crop from image.
        intrinsics: (3, 3) px.

    Returns:
        (3, 3) px.
    """
    return transform @ intrinsics


def _linear_entries(transform):
    """The entries a, b, c, d of the 2x2 part, each (..., 1, 1)."""
    return (
        transform[..., row, column, None, None]
        for row in range(2)
        for column in range(2)
    )
