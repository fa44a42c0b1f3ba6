"""Which detection is of whom.

By the Hungarian method, so that the sum of the IoUs is the greatest: one after
the other, the best first, two people who stand close would take each other's.
Who has no box of late, or one that is in doubt, may have moved away from it;
there the distance counts too, and may be the greater the longer it has been.
"""

import math

import numpy as np
from scipy.optimize import linear_sum_assignment

from keras_pose.people import boxes as boxes_of_people
from keras_pose.people import timing
from keras_pose.people.boxes import longer_side
from keras_pose.people.boxes import middle

# HOG's boxes of found people have an IoU with their joints' of 0.4 to 0.9.
_LEAST_IOU = 0.3
# By distance: longer sides at once, and for each second up to one; and sizes
# that may be one person's.
_NEAR, _NEAR_PER_S = 0.3, 1.0
_SAME_SIZE = 1.6
# Any overlap comes before any distance.
_WORTH_OF_NEARNESS = 1e-3


def matched(tracks, found, time_s, longest_s=timing.LONGEST_MOTION_S):
    """Pairs people with detections.

    Args:
        tracks: Tracks.
        found: (N, 4) px.
        time_s: Seconds.
        longest_s: For how long people are taken to go on as they went.

    Returns:
        List of (track, row of `found`), each at most once.
    """
    if not len(tracks) or not len(found):
        return []
    expected = np.array([t.box_at(time_s, longest_s) for t in tracks])
    overlap = boxes_of_people.iou(expected, found)
    overlap = np.where(overlap >= _LEAST_IOU, overlap, 0)
    since = np.array([time_s - t.time_s for t in tracks])[:, None]
    may_move = [bool(t.doubt) or t.is_stale(time_s) for t in tracks]
    near = np.where(
        np.array(may_move)[:, None], _nearness(expected, found, since), 0
    )
    worth = overlap + _WORTH_OF_NEARNESS * near
    rows, columns = linear_sum_assignment(-worth)
    return [
        (tracks[row], int(column))
        for row, column in zip(rows, columns, strict=True)
        if worth[row, column] > 0
    ]


def _nearness(expected, found, since):
    """1 at the same place, 0 out of reach; (T, N)."""
    side, other = longer_side(expected)[:, None], longer_side(found)[None]
    apart = np.linalg.norm(
        middle(expected)[:, None] - middle(found)[None], axis=-1
    )
    reach = (_NEAR + _NEAR_PER_S * np.clip(since, 0, 1)) * side
    is_alike = np.abs(np.log(side / other)) <= math.log(_SAME_SIZE)
    return np.where(is_alike, np.clip(1 - apart / reach, 0, 1), 0)
