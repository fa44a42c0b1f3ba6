"""Who is who in a video, and in which boxes to look for them.

The box of the next frame is that of the last pose's joints, moved on at the
person's velocity: what a network was trained on, and more exact than a
detector's. A detector looks at the first frame, every second for who is new,
and sooner where nobody is followed or a pose is in doubt: where it jumps,
changes its size, lies at the border of its crop or outside the picture, or
where its confidence falls well below what that person has had.

Who is who says `matching`: by the IoU of the boxes.

A detector's mistake must not be followed for ever, since a network sees a
person in anything. Beside people who are followed, somebody new counts when
two detections have found them; where nobody is, at once, but is given up if no
second detection confirms it. What a detector finds time and again is followed,
person or not.

All times are in seconds, so that a video's frame rate does not matter.
"""

import itertools
import math
import typing

import numpy as np

from keras_pose.data.sources import labels
from keras_pose.people import boxes as boxes_of_people
from keras_pose.people.doubles import Doubles
from keras_pose.people.matching import matched
from keras_pose.people.track import Track
from keras_pose.people.track import longer_side

FOLLOWED = "followed"
GIVEN = "given"

# Where detections are wanted at once, they are made no more often than this.
_RETRY_S = 0.2
# A detection that lies for the most part in the box of somebody without one, or
# around it, is of them, or of a part of them. One that is larger by this knows
# better.
_MOST_COVERAGE = 0.6
_DRIFTED = 1.4
# One of about their size that overlaps less knows better too.
_BESIDE = 0.5
# How far back a detection tells where to look for who is in doubt.
_LOOKED_BACK_S = 1.5


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
        detector: As of `people.load_detector`; None follows only who is
            given.
        first_boxes: (N, 4) px, people of the first frame, numbered in this
            order; None detects them.
        detect_every_s: How often new people are looked for.
        patience_s: For how long a person in doubt is followed.
        remember_s: For how long somebody who was lost gets their number back
            where they were lost.

    Raises:
        ValueError: Names the argument, the rule and the value.
    """

    def __init__(
        self,
        detector=None,
        first_boxes=None,
        detect_every_s=1.0,
        patience_s=1.0,
        remember_s=3.0,
    ):
        if detector is None and first_boxes is None:
            raise ValueError(
                "`detector` or `first_boxes` must be given. Received: neither"
            )
        for name, value in (
            ("detect_every_s", detect_every_s),
            ("patience_s", patience_s),
            ("remember_s", remember_s),
        ):
            if not 0 <= value < math.inf:
                raise ValueError(
                    f"`{name}` must be a number of seconds. Received: {value}"
                )
        if first_boxes is not None:
            first_boxes = labels.numbers(
                first_boxes, (None, 4), "`first_boxes`"
            )
            if not (first_boxes[:, 2:] > 0).all():
                raise ValueError(
                    "`first_boxes` must have positive widths and heights. "
                    f"Received: {first_boxes.tolist()}"
                )
        self._detector, self._first_boxes = detector, first_boxes
        self._detect_every_s = detect_every_s
        self._patience_s, self._remember_s = patience_s, remember_s
        self._tracks, self._lost, self._candidates = [], [], []
        self._numbers = itertools.count(1)
        self._time_s = self._detected_s = -math.inf
        self._size, self._shown, self._doubles = None, {}, Doubles()

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
        if is_first and self._first_boxes is not None:
            self._begin_with_given()
        elif self._detector is not None and self._wants_detection():
            self._detect(image)
        self._give_up()
        expected = {t.person: t.box_at(time_s) for t in self._tracks}
        inside = {
            person: boxes_of_people.share_inside([box], *self._size)[0]
            for person, box in expected.items()
        }
        shown = [t for t in self._tracks if inside[t.person] > 0]
        self._shown = {t.person: expected[t.person] for t in shown}
        return Look(
            np.array(list(self._shown.values())).reshape(-1, 4),
            tuple(self._shown),
            tuple(track.box_from for track in shown),
        )

    def _begin_with_given(self):
        width, height = self._size
        shares = boxes_of_people.share_inside(self._first_boxes, width, height)
        for box, share in zip(self._first_boxes, shares, strict=True):
            if not share > 0:
                raise ValueError(
                    "`first_boxes` must overlap the first frame, "
                    f"{width} x {height} px. Received: {box.tolist()}"
                )
            self._begin(box, GIVEN, math.inf)

    def learn(self, poses):
        """Takes over what was predicted from the last look.

        Args:
            poses: `pose.Poses`, each with its `person`.
        """
        found = {pose.person: pose for pose in poses}
        for track in self._tracks:
            pose = found.get(track.person)
            used = self._shown.get(track.person)
            if pose is None or used is None:
                track.doubt = "it has no pose"
            else:
                track.learn(pose, used, self._time_s, self._size, FOLLOWED)
        for double in self._doubles.find(self._tracks, found, self._time_s):
            self._tracks = [t for t in self._tracks if t is not double]
            if double.detections >= 2:
                self._lost.append(double)

    @property
    def doubts(self):
        """{number: why a person's last pose is not believed}."""
        return {t.person: t.doubt for t in self._tracks if t.doubt}

    def _wants_detection(self):
        since = self._time_s - self._detected_s
        is_urgent = (
            not self._tracks
            or self._candidates
            or any(t.doubt or t.detections < 2 for t in self._tracks)
        )
        return since >= self._detect_every_s or (
            is_urgent and since >= _RETRY_S
        )

    def _detect(self, image):
        self._detected_s = self._time_s
        found = self._detector(image).boxes
        rows, alone = set(range(len(found))), list(self._tracks)
        for track, row in matched(self._tracks, found, self._time_s):
            rows.discard(row)
            alone = [other for other in alone if other is not track]
            track.detections += 1
            self._compare(track, found[row])
        new = []
        for row in sorted(rows):
            around = self._covering(found[row], alone)
            if around is None:
                new.append(row)
            elif longer_side(found[row]) > _DRIFTED * longer_side(around.box):
                self._see(around, found[row])
        for track in alone:
            self._look_back(track)
        self._begin_new(found[new])

    def _look_back(self, track):
        """Whoever is in doubt is looked for where a detector saw them last."""
        if track.doubt and track.last_seen is not None:
            (box, time_s), track.last_seen = track.last_seen, None
            if self._time_s - time_s <= _LOOKED_BACK_S:
                known = track.well_s, track.level
                track.see(box, self._time_s, self._detector.name)
                # Nobody has confirmed it.
                track.well_s, track.level = known

    def _compare(self, track, box):
        """Takes a detection's box, or only what it tells of the joints'."""
        size = longer_side(box) / longer_side(track.box)
        expected = track.box_at(self._time_s)
        is_part = size < 1 / _DRIFTED
        is_beside = boxes_of_people.iou([box], [expected])[0, 0] < _BESIDE
        if (
            size > _DRIFTED
            or track.doubt
            or track.is_stale(self._time_s)
            or (is_beside and not is_part)
        ):
            self._see(track, box)
        elif not is_part:
            track.seen = box
            track.last_seen = box, self._time_s

    def _see(self, track, box):
        track.see(box, self._time_s, self._detector.name)
        track.last_seen = box, self._time_s

    def _covering(self, box, tracks):
        """Who of them is in a box that is for the most part theirs, or None.

        Such a box is of them, or of a part of them.
        """
        if not tracks:
            return None
        expected = np.array([track.box_at(self._time_s) for track in tracks])
        covered = boxes_of_people.coverage([box], expected)[0]
        best = int(np.argmax(covered))
        return tracks[best] if covered[best] > _MOST_COVERAGE else None

    def _begin_new(self, found):
        """Begins to follow, or remembers, who is not followed."""
        rows = set(range(len(found)))
        now = self._time_s
        for track, row in matched(self._lost, found, now, self._remember_s):
            rows.discard(row)
            self._lost = [lost for lost in self._lost if lost is not track]
            self._see(track, found[row])
            track.begun_s = self._time_s
            track.detections += 1
            self._tracks.append(track)
        is_alone = not self._tracks
        left = sorted(rows)
        seen_before = matched(self._candidates, found[left], now)
        twice = {left[index] for _, index in seen_before}
        for row in left:
            if row in twice or is_alone:
                count = 2 if row in twice else 1
                self._begin(found[row], self._detector.name, count)
        waiting = [
            candidate
            for candidate in self._candidates
            if candidate.time_s > now - 2 * self._detect_every_s
            and not any(candidate is seen for seen, _ in seen_before)
        ]
        self._candidates = waiting + [
            self._track_of(None, found[row], "", 1)
            for row in left
            if row not in twice and not is_alone
        ]

    def _begin(self, box, box_from, detections):
        person = next(self._numbers)
        self._tracks.append(self._track_of(person, box, box_from, detections))

    def _track_of(self, person, box, box_from, detections):
        now = self._time_s
        track = Track(person, box, now, box_from, detections, now, now)
        track.seen, track.last_seen = box, (box, now)
        return track

    def _give_up(self):
        """Parts with who was in doubt for too long, or never confirmed."""
        now, kept = self._time_s, []
        for track in self._tracks:
            is_confirmed = track.detections >= 2
            if track.doubt and now - track.well_s > self._patience_s:
                if is_confirmed:
                    self._lost.append(track)
            elif is_confirmed or (
                now - track.begun_s <= 2 * self._detect_every_s
            ):
                kept.append(track)
        self._tracks = kept
        self._lost = [
            t for t in self._lost if now - t.well_s <= self._remember_s
        ]
