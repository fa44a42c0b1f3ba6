"""One person who is followed: where they were, and whether that is still so."""

import dataclasses
import math

import numpy as np

from keras_pose.data.sources import labels
from keras_pose.people import boxes as boxes_of_people

# The time constants of the running velocity and of the running confidence.
_VELOCITY_S, _LEVEL_S = 0.15, 2.0
_FALLING = 0.1  # how much slower the level falls than it rises
# For no longer does somebody go on as before.
LONGEST_MOTION_S = 0.5
_STALE_S = 0.4

# A box that is fed back as it comes drifts: weak networks draw joints to the
# middle, and within a second theirs has shrunk to nothing. So each box of a
# detector, or of the user, tells what the joints' box is wrong by, as its
# offset in longer sides and the logarithm of its size; and sizes follow slowly,
# sooner up than down: a crop that is too large still shows the person.
_MOST_OFFSET, _MOST_EXCESS = 0.15, math.log(1.5)
_NEW_SHARE = 0.5  # of a new detection, in the running mean
_GROW_S, _SHRINK_S = 0.3, 1.0

# What one frame may change, and one second more of it: the middle of the box
# in its longer sides, and the longer side by its logarithm. A second is what a
# person needs to crouch or to step aside.
_MOST_MOVED, _MOST_MOVED_PER_S = 0.25, 0.5
_MOST_GROWN, _MOST_GROWN_PER_S = math.log(1.6), 0.7
# Joints farther from the middle than this share of the longer side are at the
# crop's border; a person lies there with few of them.
_BORDER, _MOST_AT_BORDER = 0.575, 1 / 3
_LEAST_INSIDE = 0.3  # of the joints' box, in the picture
# Of the person's own running level: networks that were taught by the integral
# loss alone say next to 0 of everybody.
_LEAST_OF_LEVEL = 0.6


@dataclasses.dataclass
class Track:
    """One person.

    Attributes:
        person: Their number.
        box: (4,) px, the last that is believed, at `time_s`.
        time_s: Seconds.
        box_from: How the box was found.
        detections: How often a detector has seen them; infinite where they
            need none.
        begun_s: Since when they are followed.
        well_s: When there last was no doubt.
        velocity: (2,) px/s of the box's middle.
        level: Running mean of the confidence, or None.
        bias: (3,) the joints' box's, offset and logarithm of size, as their
            person's box is less them; None before the first pose.
        seen: (4,) px, the box of a detector, or the user, at `time_s`; None
            where that is of the pose.
        last_seen: The last box of a detector that fits, and its time; None
            once it has been gone back to.
        doubt: Why the last pose is not believed, or None.
    """

    person: int
    box: np.ndarray
    time_s: float
    box_from: str
    detections: float
    begun_s: float
    well_s: float
    velocity: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros(2)
    )
    level: float | None = None
    doubt: str | None = None
    bias: np.ndarray | None = None
    seen: np.ndarray | None = None
    last_seen: tuple[np.ndarray, float] | None = None

    def box_at(self, time_s, longest_s=LONGEST_MOTION_S):
        """Where the box is expected, (4,) px."""
        moved = self.velocity * min(time_s - self.time_s, longest_s)
        return np.concatenate([self.box[:2] + moved, self.box[2:]])

    def is_stale(self, time_s):
        """Whether the box is too old to be trusted beside a detection."""
        return time_s - self.time_s > _STALE_S

    def see(self, box, time_s, box_from):
        """Takes the box of a detector for this person's."""
        self.box, self.time_s, self.box_from = box, time_s, box_from
        self.seen, self.velocity = box, np.zeros(2)
        self.level = self.doubt = None
        self.well_s = time_s

    def learn(self, pose, used_box, time_s, picture_size, followed):
        """Takes over what came out, unless it is not to be believed.

        Args:
            pose: The person's `pose.Pose`.
            used_box: (4,) px, that it was predicted from.
            time_s: Seconds.
            picture_size: (width, height) px.
            followed: The `box_from` of the next box.
        """
        was_well = self.doubt is None
        self.doubt = _doubt_of_joints(pose.joints_px)
        if self.doubt:
            return
        since = time_s - self.time_s
        tight = np.float64(labels.box_around(pose.joints_px))
        self._learn_bias(tight)
        box = self._corrected(tight)
        confidence = None
        if pose.confidence is not None:
            confidence = float(np.mean(pose.confidence))
        self.doubt = (
            _doubt_of_box(box, used_box, since, picture_size)
            or _doubt_of_border(pose.joints_px, used_box)
            or self._doubt_of(confidence)
        )
        if self.doubt:
            return
        box = self._sized(box, since)
        if (
            since > 0 and was_well
        ):  # else it may be a jump, and to somebody else
            velocity = (middle(box) - middle(self.box)) / since
            share = 1 - math.exp(-since / _VELOCITY_S)
            self.velocity = self.velocity + share * (velocity - self.velocity)
        if confidence is not None:
            share = 1 - math.exp(-max(since, 0) / _LEVEL_S)
            level = confidence if self.level is None else self.level
            if confidence < level:  # or it would follow a slow drift
                share *= _FALLING
            self.level = level + share * (confidence - level)
        self.box, self.time_s, self.well_s = box, time_s, time_s
        self.box_from, self.seen = followed, None

    def _sized(self, box, since):
        """The box with the size that it may have by now."""
        grown = math.log(longer_side(box) / longer_side(self.box))
        share = 1 - math.exp(-since / (_GROW_S if grown > 0 else _SHRINK_S))
        return _enlarged(box, math.exp((share - 1) * grown))

    def _learn_bias(self, tight):
        """Compares the joints' box with that of who knows better."""
        if self.seen is None:
            return
        side = longer_side(tight)
        excess = np.log(longer_side(self.seen) / side)
        offset = (middle(self.seen) - middle(tight)) / side
        bias = np.append(
            np.clip(offset, -_MOST_OFFSET, _MOST_OFFSET),
            np.clip(excess, 0, _MOST_EXCESS),
        )
        old = bias if self.bias is None else self.bias
        self.bias = old + _NEW_SHARE * (bias - old)

    def _corrected(self, tight):
        """The joints' box without what is known to be wrong with it."""
        if self.bias is None:
            return tight
        corner = tight[:2] + self.bias[:2] * longer_side(tight)
        box = np.concatenate([corner, tight[2:]])
        return _enlarged(box, math.exp(self.bias[2]))

    def _doubt_of(self, confidence):
        if confidence is None or self.level is None:
            return None
        if math.isfinite(confidence) and (
            confidence >= _LEAST_OF_LEVEL * self.level
        ):
            return None
        return f"its confidence fell from {self.level:.3g} to {confidence:.3g}"


def _enlarged(box, factor):
    """A box about the same middle."""
    size = box[2:] * factor
    return np.concatenate([middle(box) - size / 2, size])


def middle(box):
    """The middle of a box (..., 4), (..., 2) px."""
    return box[..., :2] + box[..., 2:] / 2


def longer_side(box):
    """Of a box (..., 4), (...) px."""
    return np.max(box[..., 2:], axis=-1)


def _doubt_of_joints(joints_px):
    return None if np.isfinite(joints_px).all() else "joints are not finite"


def _doubt_of_box(box, used, since, picture_size):
    inside = boxes_of_people.share_inside([box], *picture_size)[0]
    if inside < _LEAST_INSIDE:
        return f"{inside:.0%} of it lies in the picture"
    since = min(max(since, 0), 1)
    moved = np.linalg.norm(middle(box) - middle(used)) / longer_side(used)
    if moved > _MOST_MOVED + _MOST_MOVED_PER_S * since:
        return f"it jumped by {moved:.2f} of its size"
    grown = math.log(longer_side(box) / longer_side(used))
    if abs(grown) > _MOST_GROWN + _MOST_GROWN_PER_S * since:
        return f"its size changed by a factor of {math.exp(grown):.2f}"
    return None


def _doubt_of_border(joints_px, used):
    # Pixel (0, 0) has its centre half a pixel from the image's corner.
    away = np.abs(joints_px + 0.5 - middle(used)).max(axis=-1)
    at_border = np.mean(away > _BORDER * longer_side(used))
    if at_border <= _MOST_AT_BORDER:
        return None
    return f"{at_border:.0%} of its joints lie at the border of its crop"
