"""What a box, a camera and a pose in front of it must be.

Written once for arrays and tensors: `xp` is NumPy, or a module with its names.
Leading dimensions are those of a batch.
"""

import typing

import numpy as np

# A larger box shows a person of a few pixels, if any.
_MOST_IMAGES = 100
_FARTHEST_MM = 1e6
# How far from where they belong the joints may be seen, in box sides.
_SHARE = 0.01


NO_BONES = (
    "must be given: the lengths of bones, which would tell it, are not known"
)


class Rule(typing.NamedTuple):
    """One rule, and where it holds.

    Attributes:
        text: What must be, `{}` for each of the values.
        values: Numbers, or tensors of one for each row.
        holds: (...) bool.
    """

    text: str
    values: tuple
    holds: typing.Any


def of_box(box, width, height, xp=np):
    """Rules of a person's box.

    Args:
        box: (..., 4) x, y, width, height in px.
        width: (...) of the image, px.
        height: (...) of the image, px.
        xp: NumPy, or what has its names.
    """
    x, y, box_width, box_height = (box[..., index] for index in range(4))
    longer = xp.maximum(box_width, box_height)
    return (
        _finite(box, 1, xp),
        Rule(
            "must have a positive width and height",
            (),
            (box_width > 0) & (box_height > 0),
        ),
        Rule(
            f"must have a longer side of 1 px to {_MOST_IMAGES} times that of "
            "the image of {} x {} px",
            (width, height),
            (longer >= 1)
            & (longer <= _MOST_IMAGES * xp.maximum(width, height)),
        ),
        Rule(
            "must overlap the image of {} x {} px",
            (width, height),
            (x < width)
            & (y < height)
            & (x + box_width > 0)
            & (y + box_height > 0),
        ),
    )


def of_intrinsics(intrinsics, xp=np):
    """Rules of (..., 3, 3) intrinsics in px."""
    (fx, skew, _), (skew_y, fy, _), (a, b, c) = (
        tuple(intrinsics[..., row, column] for column in range(3))
        for row in range(3)
    )
    is_plain = (skew == 0) & (skew_y == 0) & (a == 0) & (b == 0) & (c == 1)
    return (
        _finite(intrinsics, 2, xp),
        Rule(
            "must have positive focal lengths, no skew, and 0, 0, 1 as its "
            "last row",
            (),
            (fx > 0) & (fy > 0) & is_plain,
        ),
    )


def of_distortion(distortion, xp=np):
    """Rules of (..., 5) distortion."""
    return (_finite(distortion, 1, xp),)


def of_root_depth(root_depth):
    """Rules of a root depth (...) in mm."""
    return (
        Rule(
            f"must be a positive number of mm, at most {_FARTHEST_MM:.0f}",
            (),
            (root_depth > 0) & (root_depth <= _FARTHEST_MM),
        ),
    )


def of_pose(joints_camera_mm, misplaced_px, box, xp=np):
    """Rules of a pose in front of the camera.

    Args:
        joints_camera_mm: (..., J, 3) mm, camera frame.
        misplaced_px: (..., J or 1, 2) px from where the joints are seen to
            where they should be seen.
        box: (..., 4) px.
        xp: NumPy, or what has its names.
    """
    depth = joints_camera_mm[..., 2]
    side = xp.maximum(box[..., 2], box[..., 3])[..., None, None]
    return (
        Rule(
            "must leave every joint in front of the camera, the nearest one "
            "is at {} mm",
            (xp.min(depth, axis=-1),),
            xp.all(depth > 0, axis=-1),
        ),
        Rule(
            "must be of a lens that shows every joint of the person",
            (),
            # A number that is none compares as false.
            xp.all(abs(misplaced_px) <= _SHARE * side, axis=(-2, -1)),
        ),
    )


def _finite(numbers, dimensions, xp):
    axis = tuple(range(-dimensions, 0))
    holds = xp.all(xp.isfinite(numbers), axis=axis)
    return Rule("must be finite numbers", (), holds)
