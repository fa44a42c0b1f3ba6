"""Who is who in boxes that come frame by frame, in any order."""

import itertools
import math

from keras_pose.people import timing
from keras_pose.people.matching import matched
from keras_pose.people.track import Track
from keras_pose.pose import GIVEN


class Numbering:
    """Numbers boxes as `following` numbers people: by where they were."""

    def __init__(self):
        self._tracks, self._numbers = [], itertools.count(1)

    def number(self, boxes, time_s):
        """Says who is in the boxes of a frame.

        Args:
            boxes: (N, 4) px.
            time_s: Seconds from the start, later than the frame before.

        Returns:
            N numbers, from 1; of new people in the order of the boxes.
        """
        known = [
            track
            for track in self._tracks
            if time_s - track.time_s <= timing.REMEMBERED_S
        ]
        who = {row: track for track, row in matched(known, boxes, time_s)}
        for row, box in enumerate(boxes):
            if row in who:
                who[row].move_on(box, time_s)
            else:
                number = next(self._numbers)
                who[row] = Track.begun(number, box, time_s, GIVEN, math.inf)
        seen = [who[row] for row in range(len(boxes))]
        self._tracks = seen + [track for track in known if track not in seen]
        return tuple(track.person for track in seen)
