"""A camera's lens as f, c, k and p, the way Human3.6M's tools write it.

And whether an image is the one that a camera took.
"""

import reprlib

import numpy as np

# No lens has focal lengths of so many px, let alone a bend.
_MAX_NUMBER = 1e6

# The principal point is half the image's size, give or take so much.
_MAX_OFF_MIDDLE = 0.1


def lens_of(entry, where):
    """Reads a camera's entry.

    Human3.6M's own tangential term lacks a factor 2 that OpenCV's has:
    x (p1 y + p2 x) + p2 r2. It is read as OpenCV's all the same, which moves a
    joint by 0.02 to 0.1 px on average and lets OpenCV undo it.

    Args:
        entry: Dict with f and c of 2 numbers, px; and k of 3 and p of 2, or
            neither.
        where: What an error names, the file and the camera.

    Returns:
        Intrinsics (3, 3) px, and distortion (5,) k1, k2, p1, p2, k3.

    Raises:
        ValueError: A field is absent, of another size, or not finite.
    """
    try:
        (fx, fy), (cx, cy) = (np.float64(entry[name]).ravel() for name in "fc")
        k1, k2, k3 = np.float64(entry.get("k", np.zeros(3))).ravel()
        p1, p2 = np.float64(entry.get("p", np.zeros(2))).ravel()
        numbers = [fx, fy, cx, cy, k1, k2, k3, p1, p2]
        if not (np.abs(numbers) <= _MAX_NUMBER).all():  # nor NaN
            raise ValueError(f"none may be above {_MAX_NUMBER:g}")
        if min(fx, fy) <= 0:
            raise ValueError("f must be positive")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{where} must have f and c of 2 numbers, and k of 3 and p of 2 "
            f"or neither: {error}. Received: {reprlib.repr(entry)}"
        ) from error
    return (
        np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        np.array([k1, k2, p1, p2, k3]),
    )


def check_full_frame(name, intrinsics, size):
    """Refuses an image that is not the one a camera took.

    Args:
        name: What the error names.
        intrinsics: (3, 3) px.
        size: Width and height of the image, px.
    """
    expected = 2 * np.float64(intrinsics)[:2, 2]
    if (np.abs(expected - size) > _MAX_OFF_MIDDLE * expected).any():
        raise ValueError(
            f"{name}: the image must be the full frame that its camera took, "
            f"about {expected[0]:.0f} x {expected[1]:.0f} px. "
            f"Received: {size[0]} x {size[1]}"
        )
