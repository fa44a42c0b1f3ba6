"""Why a pose is not believed: a network sees a person in anything."""

import enum
import math

import numpy as np

from keras_pose.people import boxes as boxes_of_people
from keras_pose.people.boxes import longer_side
from keras_pose.people.boxes import middle

# What one frame may change, and one second more of it: the middle of the box
# in its longer sides, and the longer side by its logarithm. A second is what a
# person needs to crouch or to step aside.
_MOST_MOVED, _MOST_MOVED_PER_S = 0.25, 0.5
_MOST_GROWN, _MOST_GROWN_PER_S = math.log(1.6), 0.7
# Joints farther from the middle than this share of the longer side are at the
# crop's border; a person lies there with few of them.
_BORDER, _MOST_AT_BORDER = 0.575, 1 / 3
_LEAST_INSIDE = 0.3  # of the joints' box, in the picture


class Doubt(enum.Enum):
    """What is wrong with a pose."""

    MISSING = enum.auto()
    NOT_FINITE = enum.auto()
    OUTSIDE = enum.auto()  # of the picture, for the most part
    JUMPED = enum.auto()
    RESIZED = enum.auto()
    AT_BORDER = enum.auto()  # of its crop
    UNSURE = enum.auto()  # by what its person's confidence has been


def doubt_of_place(box, joints_px, used, since, picture_size):
    """Why joints cannot be where they are, or None.

    Args:
        box: (4,) px, of the joints.
        joints_px: (J, 2) px, finite.
        used: (4,) px, in which they were looked for.
        since: Seconds from the last pose that was believed.
        picture_size: (width, height) px.
    """
    if boxes_of_people.share_inside([box], *picture_size)[0] < _LEAST_INSIDE:
        return Doubt.OUTSIDE
    since, side = min(max(since, 0), 1), longer_side(used)
    moved = np.linalg.norm(middle(box) - middle(used)) / side
    if moved > _MOST_MOVED + _MOST_MOVED_PER_S * since:
        return Doubt.JUMPED
    grown = math.log(longer_side(box) / side)
    if abs(grown) > _MOST_GROWN + _MOST_GROWN_PER_S * since:
        return Doubt.RESIZED
    # Pixel (0, 0) has its centre half a pixel from the image's corner.
    away = np.abs(joints_px + 0.5 - middle(used)).max(axis=-1)
    if np.mean(away > _BORDER * side) > _MOST_AT_BORDER:
        return Doubt.AT_BORDER
    return None
