"""From a person's box to the network's square input, and back.

A crop is one affine map of the plane, so that all that is done to its geometry
and the resizing to the network's input cost one warp together.
"""

import numpy as np

_X_OF_2 = np.array([1, 0], np.float32)
_Y_OF_2 = np.array([0, 1], np.float32)


def _entry(row, column):
    """The (3, 3) matrix with a single 1."""
    matrix = np.zeros((3, 3), np.float32)
    matrix[row, column] = 1
    return matrix


def box_of_image(width, height, scale, xp=np):
    """The box whose crop is the whole image, what it lacks of a square black.

    Args:
        width: (...) of the image, px.
        height: (...) of the image, px.
        scale: How much more than the box the crop shows.
        xp: NumPy, or a module with its names, for tensors.

    Returns:
        (..., 4) x, y, width, height in px.
    """
    side = xp.maximum(width, height) / scale
    return xp.stack([(width - side) / 2, (height - side) / 2, side, side], -1)


def crop_from_image(box, size, scale=1.0):
    """The map from image pixels to pixels of the square crop of a box.

    The crop is the square around the box's centre whose side is the box's
    longer one times `scale`.

    Args:
        box: (..., 4) x, y, width, height in px.
        size: Side of the crop, px.
        scale: How much more than the box the crop shows.

    Returns:
        (..., 3, 3), last row (0, 0, 1).
    """
    x, y, width, height = (box[..., index, None, None] for index in range(4))
    side = (width + height + abs(width - height)) / 2  # the longer one
    zoom = size / (side * scale)
    middle = (size - 1) / 2
    shift_x = middle - zoom * (x + width / 2 - 0.5)
    shift_y = middle - zoom * (y + height / 2 - 0.5)
    return (
        zoom * (_entry(0, 0) + _entry(1, 1))
        + shift_x * _entry(0, 2)
        + shift_y * _entry(1, 2)
        + _entry(2, 2)
    )


def changed_from_crop(size, rotation, flip, scale, stretch, shift):
    """The map from pixels of a crop to those of the crop changed.

    About the crop's centre, in this order: the content turns, is mirrored,
    shrinks, is stretched along the crop's axes and moves. NumPy alone; leading
    dimensions are those of a batch.

    Args:
        size: Side of the crop, px.
        rotation: (...) radians, clockwise.
        flip: (...) whether left and right are mirrored.
        scale: (...) how much more than before the crop shows.
        stretch: (..., 2) factors of the content's width and height.
        shift: (..., 2) to the right and down, share of `size`.

    Returns:
        (..., 3, 3) float64, last row (0, 0, 1).
    """
    zoom = np.asarray(stretch) / np.asarray(scale)[..., None]
    zoom_x = np.where(flip, -1, 1) * zoom[..., 0]
    zoom_y = zoom[..., 1]
    cos, sin = np.cos(rotation), np.sin(rotation)
    matrix = np.zeros((*np.shape(cos), 3, 3))
    matrix[..., 0, 0], matrix[..., 0, 1] = zoom_x * cos, -zoom_x * sin
    matrix[..., 1, 0], matrix[..., 1, 1] = zoom_y * sin, zoom_y * cos
    middle = (size - 1) / 2
    moved = middle + size * np.asarray(shift)
    matrix[..., :2, 2] = moved - middle * matrix[..., :2, :2].sum(axis=-1)
    matrix[..., 2, 2] = 1
    return matrix


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
    """Crop pixels along x and along y for each image pixel, (..., 1, 2)."""
    a, b, c, d = _linear_entries(transform)
    return (a * a + b * b) ** 0.5 * _X_OF_2 + (c * c + d * d) ** 0.5 * _Y_OF_2


def crop_intrinsics(transform, intrinsics):
    """Intrinsics of the camera whose image is the crop.

    They hold a rotation or a mirror where the crop has one, so only those of
    an upright crop, stretched or not, are of the no-skew form that `camera.py`
    takes. Distortion acts before the intrinsics and stays as it is.

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
