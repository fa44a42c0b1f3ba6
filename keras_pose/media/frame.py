"""What is read from photos, videos and cameras."""

import math
from typing import NamedTuple

import numpy as np


class Frame(NamedTuple):
    """One picture.

    Attributes:
        name: A photo's path as it was given; or "clip.mp4#12", "camera 0#12",
            the number from 0.
        time_s: Seconds from the first frame; None for photos.
        image: (H, W, 3) uint8, RGB, upright; may be read-only.
        intrinsics: (3, 3) px, from a photo's EXIF; None where nothing says.
        intrinsics_from: How they were found, as "EXIF: 26 mm in 35 mm film".
    """

    name: str
    time_s: float | None
    image: np.ndarray
    intrinsics: np.ndarray | None = None
    intrinsics_from: str | None = None


class Damage(NamedTuple):
    """A photo or frames that had to be left out: name and reason."""

    text: str


class Note(NamedTuple):
    """Something that a user should know of how it was read."""

    text: str


class Selection(NamedTuple):
    """Which frames are asked for.

    Attributes:
        every: Of so many frames one is taken, the first of them.
        start_s: Time of the first frame, seconds; None for the beginning.
        end_s: Time before which the last lies; None for the end.
    """

    every: int = 1
    start_s: float | None = None
    end_s: float | None = None

    def check(self):
        """Refuses what cannot be selected.

        Raises:
            ValueError: Names the argument.
        """
        every = self.every
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(
                f"`every` must be a whole number from 1. Received: {every!r}"
            )
        for name in ("start_s", "end_s"):
            time = getattr(self, name)
            if time is not None and not 0 <= time < math.inf:
                raise ValueError(
                    f"`{name}` must be a number of seconds from 0. "
                    f"Received: {time}"
                )
        if self.end_s is not None and self.end_s <= (self.start_s or 0):
            raise ValueError(
                "`end_s` must be later than the start. Received: "
                f"start_s={self.start_s}, end_s={self.end_s}"
            )

    @property
    def is_timed(self):
        """Whether it goes by times, which photos do not have."""
        return self.start_s is not None or self.end_s is not None

    def begins_after(self, time_s):
        """Whether a frame of this time lies before the selection."""
        return self.start_s is not None and time_s < self.start_s

    def ends_by(self, time_s):
        """Whether a frame of this time lies behind the selection."""
        return self.end_s is not None and time_s >= self.end_s
