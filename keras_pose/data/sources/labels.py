"""Labels as annotation files give them, checked; and samples of plain photos.

A pixel here is what a Sample's is: (0, 0) the centre of the top-left one.
"""

import reprlib

import numpy as np

from keras_pose.data.sample import Sample

# Nothing in a picture is as many px, or mm, away.
LARGEST = 1e7

_MAX_TEXT = 4096  # of a path, on any system


def numbers(value, shape, where):
    """Numbers of a file as an array.

    Args:
        value: What the file has: nested lists, or an array.
        shape: The shape that they must have; None for any length.
        where: What errors call them.

    Returns:
        float64 of that shape.

    Raises:
        ValueError: They have another shape, or are not numbers of a possible
            size.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    fits = array.ndim == len(shape) and all(
        side in (None, length)
        for side, length in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "iuf":
        sides = " x ".join(str(side or "N") for side in shape) or "one"
        raise ValueError(
            f"{where} must be {sides} numbers. Received: {reprlib.repr(value)}"
        )
    array = array.astype(np.float64)
    if not (np.abs(array) <= LARGEST).all():  # also what is not a number
        raise ValueError(
            f"{where} must be finite and at most {LARGEST:.0e}. "
            f"Received: {reprlib.repr(value)}"
        )
    return array


def text(value, where):
    """Text of a file.

    Raises:
        ValueError: It is none, or empty, or longer than any path.
    """
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:
        raise ValueError(
            f"{where} must be text of 1 to {_MAX_TEXT} letters. "
            f"Received: {reprlib.repr(value)}"
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:  # half of a pair of surrogates
        raise ValueError(f"{where} must be Unicode: {error}") from error
    return value


def whole(value, where):
    """A whole number of a file, of 64 bits.

    Raises:
        ValueError: It is none.
    """
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or not -(2**63) <= value < 2**63
    ):
        raise ValueError(
            f"{where} must be a whole number of 64 bits. "
            f"Received: {reprlib.repr(value)}"
        )
    return value


def box_around(points, margin_share=0.0, least=1.0):
    """The box that holds joints.

    Args:
        points: (..., J, 2) px.
        margin_share: Added on each side, as a share of the longer one.
        least: Of the width and height, px, around the joints' middle.

    Returns:
        (..., 4) float32, x, y, width, height from the image's corner.
    """
    low, high = np.min(points, axis=-2), np.max(points, axis=-2)
    longest = np.max(high - low, axis=-1, keepdims=True)
    size = np.maximum(high - low + 2 * margin_share * longest, least)
    # A joint's pixel i has its centre i + 0.5 from the image's corner.
    corner = (low + high) / 2 + 0.5 - size / 2
    return np.concatenate([corner, size], axis=-1).astype(np.float32)


def overlaps(box, width, height):
    """Whether boxes, (..., 4), show any of an image, each (...) bool."""
    x, y, box_width, box_height = np.moveaxis(np.asarray(box), -1, 0)
    return (
        (x < width)
        & (y < height)
        & (x + box_width > 0)
        & (y + box_height > 0)
        & (box_width > 0)
        & (box_height > 0)
    )


def pinhole(focal_x, focal_y, centre_x, centre_y):
    """Intrinsics, (3, 3) float32 px."""
    rows = [[focal_x, 0, centre_x], [0, focal_y, centre_y], [0, 0, 1]]
    return np.array(rows, np.float32)


def photo_sample(image, name, box, joints_px, weight_2d, source, **known):
    """A person in a photo: joints in 2D, or none, and no camera.

    Args:
        image: The encoded image.
        name: Its path.
        box: (4,) px.
        joints_px: (J, 2) px.
        weight_2d: (J,) 0 where a joint is not labelled.
        source: The name of the source.
        **known: Other fields of the Sample.
    """
    labelled = np.asarray(weight_2d) > 0
    return Sample(
        **{
            "image": image,
            "name": name,
            "box": np.float32(box),
            "joints_mm": np.zeros((len(labelled), 3), np.float32),
            "joints_px": np.where(labelled[:, None], joints_px, 0).astype(
                np.float32
            ),
            "weight_3d": np.zeros(len(labelled), np.float32),
            "weight_2d": np.float32(weight_2d),
            "intrinsics": np.zeros((3, 3), np.float32),
            "distortion": np.zeros(5, np.float32),
            "head_size": 0.0,
            "subject": "",
            "action": "",
            "camera": "",
            "frame": 0,
            "source": source,
            **known,
        }
    )
