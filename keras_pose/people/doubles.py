"""Two who are followed on one person, as happens when people pass each other.

One of them is let go: who was going elsewhere when the two met, and goes on
there, to be found again with the same number.
"""

import itertools

import numpy as np

from keras_pose.people import boxes as boxes_of_people
from keras_pose.people import timing
from keras_pose.people.boxes import longer_side
from keras_pose.people.boxes import middle

# Two poses are of one person if their boxes and joints, by the mean distance
# in longer sides, are this alike.
_LEAST_IOU, _MOST_APART = 0.6, 0.1
_LEAST_DIFFERENCE = 0.1  # longer sides between where two courses lead


class Doubles:
    """Watches for them, from frame to frame."""

    def __init__(self):
        self._begun = {}  # of two numbers: since when, and where they went

    def find(self, tracks, poses, time_s):
        """Finds who is to be let go.

        Args:
            tracks: Tracks, whose boxes are those of their poses.
            poses: {number of the person: `pose.Pose`} of this frame.
            time_s: Seconds.

        Returns:
            List of tracks, moved to where they were going.
        """
        begun, found = {}, []
        seen = [track for track in tracks if track.person in poses]
        for first, second in itertools.combinations(seen, 2):
            if not _are_one(first, second, poses):
                continue
            pair = first.person, second.person
            now = time_s, (_course(first), _course(second))
            begun[pair] = self._begun.get(pair, now)
            since = time_s - begun[pair][0]
            is_open = not any(one is first or one is second for one in found)
            if since >= timing.DOUBLE_S and is_open:
                found.append(
                    _let_go((first, second), begun[pair][1], since, time_s)
                )
        self._begun = begun
        return found


def _are_one(first, second, poses):
    overlap = boxes_of_people.iou([first.box], [second.box])[0, 0]
    apart = poses[first.person].joints_px - poses[second.person].joints_px
    distance = np.linalg.norm(apart, axis=-1).mean()
    return overlap >= _LEAST_IOU and (
        distance < _MOST_APART * longer_side(first.box)
    )


def _course(track):
    return middle(track.box), track.velocity


def _let_go(pair, courses, since, time_s):
    """Which of two it is; the younger where their courses do not tell."""
    led = [
        start + velocity * min(since, timing.COURSE_S)
        for start, velocity in courses
    ]
    away = [
        np.linalg.norm(place - middle(track.box))
        for place, track in zip(led, pair, strict=True)
    ]
    confirmed = [track.is_confirmed for track in pair]
    least = _LEAST_DIFFERENCE * longer_side(pair[0].box)
    if confirmed[0] != confirmed[1]:
        index = confirmed.index(False)
    elif abs(away[0] - away[1]) > least:
        index = int(np.argmax(away))
    else:
        index = int(np.argmax([track.person for track in pair]))
    track, velocity = pair[index], courses[index][1]
    size = track.box[2:]
    track.box = np.concatenate([led[index] - size / 2, size])
    track.velocity, track.time_s = velocity, time_s
    return track
