"""Who is in a video: who is followed, who was lost, and who may be there.

A detector's mistake must not be followed for ever, since a network sees a
person in anything. Beside people who are followed, somebody new counts when
two detections have found them; where nobody is, at once, but is given up if no
second detection confirms it. What a detector finds time and again is followed,
person or not.
"""

import itertools

import numpy as np

from keras_pose.people import boxes as boxes_of_people
from keras_pose.people import timing
from keras_pose.people.boxes import longer_side
from keras_pose.people.matching import matched
from keras_pose.people.track import DRIFTED
from keras_pose.people.track import Track

# A detection that lies for the most part in the box of somebody without one, or
# around it, is of them, or of a part of them.
_MOST_COVERAGE = 0.6


class Roster:
    """The people of a video.

    Args:
        is_closed: Whether nobody is new, and nobody who was lost is forgotten.

    Attributes:
        tracks: Tracks of who is followed, in the order in which they came.
        lost: Tracks of who was, and may come back.
    """

    def __init__(self, is_closed=False):
        self.tracks, self.lost = [], []
        self._is_closed, self._candidates = is_closed, []
        self._numbers = itertools.count(1)

    def begin(self, box, time_s, box_from, detections):
        """Follows somebody new, under the next number.

        Args:
            box: (4,) px.
            time_s: Seconds.
            box_from: How it was found.
            detections: As of a Track.
        """
        person = next(self._numbers)
        self.tracks.append(
            Track.begun(person, box, time_s, box_from, detections)
        )

    def let_go(self, track):
        """Follows somebody no more; who was there for sure may come back."""
        self.tracks.remove(track)
        if track.is_confirmed:
            self.lost.append(track)

    def welcome_back(self, track):
        """Follows somebody again who was lost."""
        self.lost.remove(track)
        self.tracks.append(track)

    @property
    def is_in_doubt(self):
        """Whether a detector is wanted at once."""
        return (
            not self.tracks
            or bool(self._candidates)
            or any(t.doubt or not t.is_confirmed for t in self.tracks)
        )

    def sight(self, found, time_s, detector_name):
        """Takes in what a detector found.

        Args:
            found: (N, 4) px.
            time_s: Seconds.
            detector_name: Of the detector.
        """
        sighting = time_s, detector_name
        row_of = dict(matched(self.tracks, found, time_s))
        for track, row in row_of.items():
            track.detections += 1
            track.compare(found[row], *sighting)
        alone = [track for track in self.tracks if track not in row_of]
        others = []
        for row in sorted(set(range(len(found))) - set(row_of.values())):
            whose = _covering(found[row], alone, time_s)
            if whose is None:
                others.append(row)
            elif longer_side(found[row]) > DRIFTED * longer_side(whose.box):
                whose.see(found[row], *sighting)
        for track in alone:
            track.look_back(*sighting)
        others = self._found_again(found[others], *sighting)
        if not self._is_closed:
            self._begin_new(others, *sighting)

    def _found_again(self, found, time_s, detector_name):
        """Welcomes back whom boxes show; returns the other boxes."""
        pairs = matched(self.lost, found, time_s, timing.REMEMBERED_S)
        for track, row in pairs:
            self.welcome_back(track)
            track.see(found[row], time_s, detector_name)
            track.begun_s = time_s
            track.detections += 1
        return np.delete(found, [row for _, row in pairs], axis=0)

    def _begin_new(self, found, time_s, detector_name):
        """Follows who is found for the second time, or beside nobody."""
        is_alone = not self.tracks
        row_of = dict(matched(self._candidates, found, time_s))
        self._candidates = [
            candidate
            for candidate in self._candidates
            if time_s - candidate.time_s < timing.CONFIRMED_WITHIN_S
            and candidate not in row_of
        ]
        for row, box in enumerate(found):
            if row in row_of.values():
                self.begin(box, time_s, detector_name, 2)
            elif is_alone:
                self.begin(box, time_s, detector_name, 1)
            else:
                self._candidates.append(Track.begun(None, box, time_s, "", 1))

    def give_up(self, time_s):
        """Parts with who was in doubt for too long, or never confirmed."""
        for track in list(self.tracks):
            is_hopeless = track.doubt and (
                time_s - track.well_s > timing.PATIENCE_S
            )
            is_mistake = not track.is_confirmed and (
                time_s - track.begun_s > timing.CONFIRMED_WITHIN_S
            )
            if is_hopeless or is_mistake:
                self.let_go(track)
                if self._is_closed:
                    track.go_back()
        if not self._is_closed:
            self.lost = [
                track
                for track in self.lost
                if time_s - track.well_s <= timing.REMEMBERED_S
            ]


def _covering(box, tracks, time_s):
    """Who of them is in a box that is for the most part theirs, or None.

    Such a box is of them, or of a part of them.
    """
    if not tracks:
        return None
    expected = [track.box_at(time_s) for track in tracks]
    covered = boxes_of_people.coverage([box], expected)[0]
    best = int(np.argmax(covered))
    return tracks[best] if covered[best] > _MOST_COVERAGE else None
