"""One person's motion at regular times, as animation files need it."""

from typing import NamedTuple

import numpy as np

_MOST_FRAMES = 10**6  # hours, of which a damaged time can make years
_USUAL_RATE = 30.0  # frames a second, of a photo or where nothing says
# A header's rate that is so many times the frames' own is that of a clock.
_MOST_TIMES = 1.5
_LONGEST_GAP_S = 0.5  # in which people go on as they did
_GROUND_PERCENTILE = 10


class Track(NamedTuple):
    """A person's motion.

    Attributes:
        seconds_per_frame: The same between all frames.
        times_s: (F,) seconds from the start of the recording.
        joints_camera_mm: (F, J, 3) mm, camera frame. Where a joint was not
            seen it is on the straight line between where it was; NaN in all
            frames if it never was.
        is_seen: (F,) bool, False inside gaps of more than half a second in
            which the person was not seen.
    """

    seconds_per_frame: float
    times_s: np.ndarray
    joints_camera_mm: np.ndarray
    is_seen: np.ndarray

    def upright_mm(self, on_ground):
        """The joints with y up, as tools for animation and gait have it.

        Args:
            on_ground: Whether the ground is at y = 0 rather than the camera:
                the lowest joint of each frame is on the ground or, in jumps,
                above, and a tenth of the frames may lie below it by error.

        Returns:
            (F, J, 3) mm: x right in the image, y up, z towards the camera.
        """
        joints = self.joints_camera_mm * [1.0, -1.0, -1.0]
        if on_ground:
            lowest = np.fmin.reduce(joints[..., 1], axis=1)[self.is_seen]
            lowest = lowest[np.isfinite(lowest)]
            if len(lowest):
                ground = np.percentile(lowest, _GROUND_PERCENTILE)
                joints[..., 1] -= ground
        return joints


def track_of(recording, person):
    """Interpolates a person's joints to regular times, linearly.

    From the first frame that has the person to the last; also over frames
    between that do not.

    Args:
        recording: The Recording.
        person: The person's number.

    Returns:
        The Track; of photos their order is the time.

    Raises:
        ValueError: There is no such person, or damaged times put them too far
            apart.
    """
    rows = recording.rows_of(person)
    if not len(rows):
        raise ValueError(
            f"`person` must be one of {list(recording.people)}. "
            f"Received: {person}"
        )
    rate = _rate(recording)
    seen = recording.times_s[recording.frame[rows]]
    if not np.isfinite(seen).all():
        seen = np.arange(len(rows)) / rate
    count = round((seen[-1] - seen[0]) * rate) + 1
    if count > _MOST_FRAMES:
        raise ValueError(
            f"person {person} must be seen within {_MOST_FRAMES} frames at "
            f"{rate:g} a second. Received: {seen[0]:g} s to {seen[-1]:g} s"
        )
    times = seen[0] + np.arange(count) / rate
    flat = recording.joints_camera_mm[rows].reshape(len(rows), -1)
    columns = [_interpolated(times, seen, column) for column in flat.T]
    joints = np.stack(columns, -1).reshape(count, -1, 3)
    return Track(1 / rate, times, joints, _is_seen(times, seen, rate))


def _rate(recording):
    """Frames a second of the recording, as its frames have them."""
    rate = recording.frames_per_second or _USUAL_RATE
    steps = np.diff(recording.times_s)
    steps = steps[steps > 0]
    if len(steps):
        measured = 1 / np.median(steps)
        if rate > _MOST_TIMES * measured:
            return float(measured)
    return rate


def _interpolated(times, seen, column):
    known = np.isfinite(column)
    if not known.any():
        return np.full(len(times), np.nan)
    return np.interp(times, seen[known], column[known])


def _is_seen(times, seen, rate):
    """Which times are not well inside a long gap between those seen."""
    after = np.searchsorted(seen, times).clip(0, len(seen) - 1)
    before = (after - 1).clip(0)
    gap = seen[after] - seen[before]
    # Where frames are far apart, each is seen on its own.
    is_short = gap <= max(_LONGEST_GAP_S, 1.5 / rate)
    nearest = np.minimum(
        np.abs(times - seen[before]), np.abs(seen[after] - times)
    )
    return is_short | (nearest < 0.5 / rate)
