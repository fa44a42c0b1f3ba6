"""Who is who in a video, and in which boxes to look for them.

The box of the next frame is that of the last pose's joints, moved on at the
person's velocity: what a network was trained on, and more exact than a
detector's. A detector looks at the first frame, every second for who is new,
and sooner where nobody is followed or a pose is in doubt: `doubts` says when.
Who is who says `matching`, by the IoU of the boxes; who counts says `roster`;
and `timing` has all times.

Where the user gives the people, nobody is new. Who of them is lost is looked
for where they last were for sure, by the network and by the detector if there
is one, to the end.
"""

import itertools
import math
import typing

import numpy as np

from keras_pose.data.sources import labels
from keras_pose.people import boxes as boxes_of_people
from keras_pose.people import timing
from keras_pose.people.boxes import enlarged
from keras_pose.people.doubles import Doubles
from keras_pose.people.roster import Roster
from keras_pose.people.track import LEAST_OF_LEVEL_AGAIN
from keras_pose.pose import GIVEN

# How large a crop is in which who was lost is looked for, frame by frame in
# turn: where they were the network is surest, farther off it sees more.
_WIDENED = (1.0, 1.3)
# Who overlaps somebody by more is not found again there.
_TAKEN = 0.5


class Look(typing.NamedTuple):
    """What to predict in a frame.

    Attributes:
        boxes: (N, 4) float64 px.
        persons: N numbers, from 1.
        box_from: N texts.
    """

    boxes: np.ndarray
    persons: tuple[int, ...]
    box_from: tuple[str, ...]


class Follower:
    """Follows people through a video, a frame after the other.

    For each frame `look`, predict, and `learn` what came out.

    Args:
        detector: As of `people.load_detector`; or None.
        first_boxes: (N, 4) px, people of the first frame, numbered in this
            order, who alone are followed; None detects people.

    Raises:
        ValueError: Names the argument, the rule and the value.
    """

    def __init__(self, detector=None, first_boxes=None):
        if detector is None and first_boxes is None:
            raise ValueError(
                "`detector` or `first_boxes` must be given. Received: neither"
            )
        if first_boxes is not None:
            first_boxes = _checked(first_boxes)
        self._detector, self._first_boxes = detector, first_boxes
        self._is_closed = first_boxes is not None
        self._roster, self._doubles = Roster(self._is_closed), Doubles()
        self._widened = itertools.cycle(_WIDENED)
        self._time_s = self._detected_s = -math.inf
        self._size, self._shown = None, {}

    @property
    def followed(self):
        """Numbers of who is followed; others are only looked for."""
        return frozenset(track.person for track in self._roster.tracks)

    @property
    def doubts(self):
        """{number: the Doubt of a person's last pose}."""
        return {t.person: t.doubt for t in self._roster.tracks if t.doubt}

    def look(self, image, time_s):
        """Says where people are expected in a frame.

        Args:
            image: (height, width, 3) uint8, RGB.
            time_s: Seconds from the start, later than the frame before.

        Returns:
            A Look.

        Raises:
            ValueError: `time_s` does not ascend; or a first box lies outside
                the first frame.
        """
        if not self._time_s < time_s < math.inf:
            raise ValueError(
                f"`time_s` must be later than {self._time_s}, the frame "
                f"before. Received: {time_s}"
            )
        is_first = self._time_s == -math.inf
        self._time_s, self._size = time_s, image.shape[1::-1]
        if is_first and self._is_closed:
            self._begin_with_given()
        elif self._detector is not None and self._wants_detection():
            self._detected_s = time_s
            found = self._detector(image).boxes
            self._roster.sight(found, time_s, self._detector.name)
        self._roster.give_up(time_s)
        self._shown = self._expected()
        return Look(
            np.array(list(self._shown.values())).reshape(-1, 4),
            tuple(track.person for track in self._shown),
            tuple(track.box_from for track in self._shown),
        )

    def learn(self, poses):
        """Takes over what was predicted from the last look.

        Args:
            poses: `pose.Poses`, each with its `person`.
        """
        roster = self._roster
        found = {pose.person: pose for pose in poses}
        for track in roster.tracks:
            self._learn(track, found)
        for double in self._doubles.find(roster.tracks, found, self._time_s):
            roster.let_go(double)
        if self._is_closed:
            self._find_again(found)

    def _expected(self):
        """{track: (4,) px} of all whom the network is to look at."""
        now = self._time_s
        boxes = {track: track.box_at(now) for track in self._roster.tracks}
        if self._is_closed:
            factor = next(self._widened)
            for track in self._roster.lost:
                boxes[track] = enlarged(track.box_at(now), factor)
        inside = boxes_of_people.share_inside(list(boxes.values()), *self._size)
        return {
            track: box
            for (track, box), share in zip(boxes.items(), inside, strict=True)
            if share > 0
        }

    def _wants_detection(self):
        since = self._time_s - self._detected_s
        return since >= timing.DETECT_EVERY_S or (
            self._roster.is_in_doubt and since >= timing.DETECT_SOON_S
        )

    def _learn(self, track, found, **changes):
        pose, used = found.get(track.person), self._shown.get(track)
        track.learn(pose, used, self._time_s, self._size, **changes)

    def _find_again(self, found):
        """Goes on with who was lost where the network is sure to see them."""
        for track in list(self._roster.lost):
            if self._is_taken(found.get(track.person)):
                continue
            self._learn(track, found, least_of_level=LEAST_OF_LEVEL_AGAIN)
            if track.doubt is None:
                track.velocity = np.zeros(2)
                self._roster.welcome_back(track)

    def _is_taken(self, pose):
        """Whether a pose is of somebody who is followed already."""
        if pose is None or not self._roster.tracks:
            return False
        box = labels.box_around(pose.joints_px)
        others = [track.box for track in self._roster.tracks]
        return boxes_of_people.iou([box], others).max() > _TAKEN

    def _begin_with_given(self):
        width, height = self._size
        shares = boxes_of_people.share_inside(self._first_boxes, width, height)
        for box, share in zip(self._first_boxes, shares, strict=True):
            if not share > 0:
                raise ValueError(
                    "`first_boxes` must overlap the first frame, "
                    f"{width} x {height} px. Received: {box.tolist()}"
                )
            self._roster.begin(box, self._time_s, GIVEN, math.inf)


def _checked(first_boxes):
    boxes = labels.numbers(first_boxes, (None, 4), "`first_boxes`")
    if not (boxes[:, 2:] > 0).all():
        raise ValueError(
            "`first_boxes` must have positive widths and heights. "
            f"Received: {boxes.tolist()}"
        )
    return boxes
