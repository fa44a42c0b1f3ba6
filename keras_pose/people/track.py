"""One person who is followed: where they were, and whether that is still so."""

import dataclasses
import math

import numpy as np

from keras_pose.data.sources import labels
from keras_pose.people import boxes as boxes_of_people
from keras_pose.people import timing
from keras_pose.people.boxes import longer_side
from keras_pose.people.boxes import middle
from keras_pose.people.doubts import Doubt
from keras_pose.people.doubts import doubt_of_place
from keras_pose.pose import FOLLOWED

# A detection that is larger by this knows better, one that is smaller by it is
# of a part. One of about the same size that overlaps less knows better too.
DRIFTED = 1.4
_BESIDE = 0.5

# A box that is fed back as it comes drifts: weak networks draw joints to the
# middle, and within a second theirs has shrunk to nothing. So each box of a
# detector, or of the user, tells what the joints' box is wrong by, as its
# offset in longer sides and the logarithm of its size.
_MOST_OFFSET, _MOST_EXCESS = 0.15, math.log(1.5)
_NEW_SHARE = 0.5  # of a new detection, in the running mean

# Of the person's own running level: networks that were taught by the integral
# loss alone say next to 0 of everybody. A network is surer of nobody than one
# would think, so that it takes more to find somebody again than to keep them.
LEAST_OF_LEVEL, LEAST_OF_LEVEL_AGAIN = 0.6, 0.75
_FALLING = 0.1  # how much slower the level falls than it rises


@dataclasses.dataclass(eq=False)
class Track:
    """One person, equal to nobody else.

    Attributes:
        person: Their number; None of who is not followed yet.
        box: (4,) px, the last that is believed, at `time_s`.
        time_s: Seconds.
        box_from: How the box was found.
        detections: How often a detector has seen them; infinite where they
            need none.
        begun_s: Since when they are followed.
        well_s: When there last was no doubt.
        well_from_s: And since when there was none.
        seen: (4,) px, the box of a detector, or the user, that the next pose
            is compared with; or None.
        last_seen: The last box of a detector that fits, and its time; None
            once it has been gone back to.
        firm: (4,) px, the last box that was no passing mistake.
        velocity: (2,) px/s of the box's middle.
        level: Running mean of the confidence, or None.
        bias: (3,) the joints' box's, offset and logarithm of size, as their
            person's box is less them; None before the first pose.
        doubt: The Doubt of the last pose, or None.
    """

    person: int | None
    box: np.ndarray
    time_s: float
    box_from: str
    detections: float
    begun_s: float
    well_s: float
    well_from_s: float
    seen: np.ndarray | None
    last_seen: tuple[np.ndarray, float] | None
    firm: np.ndarray
    velocity: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros(2)
    )
    level: float | None = None
    bias: np.ndarray | None = None
    doubt: Doubt | None = None

    @classmethod
    def begun(cls, person, box, time_s, box_from, detections):
        """Who is in this box now."""
        return cls(
            person=person,
            box=box,
            time_s=time_s,
            box_from=box_from,
            detections=detections,
            begun_s=time_s,
            well_s=time_s,
            well_from_s=time_s,
            seen=box,
            last_seen=(box, time_s),
            firm=box,
        )

    @property
    def is_confirmed(self):
        """Whether it is sure that there is somebody."""
        return self.detections >= 2

    def box_at(self, time_s, longest_s=timing.LONGEST_MOTION_S):
        """Where the box is expected, (4,) px."""
        moved = self.velocity * min(time_s - self.time_s, longest_s)
        return np.concatenate([self.box[:2] + moved, self.box[2:]])

    def is_stale(self, time_s):
        """Whether the box is too old to be trusted beside a detection."""
        return time_s - self.time_s > timing.STALE_S

    def compare(self, box, time_s, box_from):
        """Takes a detection's box, or what it tells of the joints', or none."""
        size = longer_side(box) / longer_side(self.box)
        is_part = size < 1 / DRIFTED
        overlap = boxes_of_people.iou([box], [self.box_at(time_s)])[0, 0]
        if (
            size > DRIFTED
            or self.doubt
            or self.is_stale(time_s)
            or (overlap < _BESIDE and not is_part)
        ):
            self.see(box, time_s, box_from)
        elif not is_part:
            self.seen, self.last_seen = box, (box, time_s)

    def see(self, box, time_s, box_from):
        """Takes the box of a detector for this person's."""
        self._move_to(box, time_s, box_from)
        self.last_seen, self.firm = (box, time_s), box
        self.level, self.well_s, self.well_from_s = None, time_s, time_s

    def look_back(self, time_s, box_from):
        """Returns, in doubt, to where a detector last saw the person."""
        if self.doubt is None or self.last_seen is None:
            return
        (box, seen_s), self.last_seen = self.last_seen, None
        if time_s - seen_s <= timing.LOOKED_BACK_S:
            # Nobody confirms it: `level` and `well_s` stay.
            self._move_to(box, time_s, box_from)
            self.well_from_s = time_s

    def go_back(self):
        """Returns to where the person was for sure, and stays there."""
        self.box, self.velocity = self.firm, np.zeros(2)

    def _move_to(self, box, time_s, box_from):
        self.box, self.time_s, self.box_from = box, time_s, box_from
        self.seen, self.velocity, self.doubt = box, np.zeros(2), None

    def learn(
        self, pose, used, time_s, picture_size, least_of_level=LEAST_OF_LEVEL
    ):
        """Takes over what came out, unless it is not to be believed.

        Args:
            pose: The person's `pose.Pose`, or None.
            used: (4,) px, the box that it was predicted from.
            time_s: Seconds.
            picture_size: (width, height) px.
            least_of_level: Of the confidence there was, that it must have.
        """
        was_well, self.doubt = self.doubt is None, _doubt_of_joints(pose)
        if self.doubt:
            return
        since = time_s - self.time_s
        tight = np.float64(labels.box_around(pose.joints_px))
        self._learn_bias(tight)
        box, confidence = self._corrected(tight), _mean(pose.confidence)
        self.doubt = doubt_of_place(
            box, pose.joints_px, used, since, picture_size
        ) or self._doubt_of(confidence, least_of_level)
        if self.doubt:
            return
        box = self._sized(box, since)
        if confidence is not None:
            self._learn_level(confidence, since)
        # Else it may be a jump, and to somebody else.
        if since > 0 and was_well:
            self.move_on(box, time_s)
        self.box, self.time_s, self.well_s = box, time_s, time_s
        self.box_from, self.seen = FOLLOWED, None
        if not was_well:
            self.well_from_s = time_s
        if time_s - self.well_from_s >= timing.FIRM_S:
            self.firm = box

    def move_on(self, box, time_s):
        """Takes the box of a later time, and the way there for the velocity."""
        since = time_s - self.time_s
        velocity = (middle(box) - middle(self.box)) / since
        share = 1 - math.exp(-since / timing.VELOCITY_S)
        self.velocity = self.velocity + share * (velocity - self.velocity)
        self.box, self.time_s = box, time_s

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
        return boxes_of_people.enlarged(box, math.exp(self.bias[2]))

    def _sized(self, box, since):
        """The box with the size that it may have by now."""
        grown = math.log(longer_side(box) / longer_side(self.box))
        slow = timing.GROWING_S if grown > 0 else timing.SHRINKING_S
        share = 1 - math.exp(-since / slow)
        return boxes_of_people.enlarged(box, math.exp((share - 1) * grown))

    def _learn_level(self, confidence, since):
        share = 1 - math.exp(-max(since, 0) / timing.CONFIDENCE_S)
        level = confidence if self.level is None else self.level
        if confidence < level:  # or it would follow a slow drift
            share *= _FALLING
        self.level = level + share * (confidence - level)

    def _doubt_of(self, confidence, least_of_level):
        if confidence is None or self.level is None:
            return None
        # NaN is not sure either.
        is_sure = confidence >= least_of_level * self.level
        return None if is_sure and math.isfinite(confidence) else Doubt.UNSURE


def _doubt_of_joints(pose):
    if pose is None:
        return Doubt.MISSING
    return None if np.isfinite(pose.joints_px).all() else Doubt.NOT_FINITE


def _mean(confidence):
    return None if confidence is None else float(np.mean(confidence))
