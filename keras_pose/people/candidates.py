"""What a detector says of a picture, and what it wants to be shown."""

import dataclasses
import typing

import numpy as np

# What 0 and 255 of a pixel become in floats.
UNIT, SIGNED, BYTES = (0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)

# What lies in px reaches farther than this, shares do not.
_FARTHEST_SHARE = 2.0


class Candidates(typing.NamedTuple):
    """What a network says of a picture.

    Attributes:
        corners: (N, 4), left, top, right, bottom.
        scores: (N,) that it is a person, in [0, 1].
        is_share: Whether corners are shares of the picture, not px; None
            tells it from the numbers.
    """

    corners: np.ndarray
    scores: np.ndarray
    is_share: bool | None


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a network's outputs mean, and its input.

    Attributes:
        name: For errors, and for tests.
        decode: {name: array} -> Candidates.
        pixels: UNIT, SIGNED or BYTES, what a float image is.
        is_bgr: Whether blue comes first.
    """

    name: str
    decode: typing.Callable[[dict[str, np.ndarray]], Candidates]
    pixels: tuple[float, float] = UNIT
    is_bgr: bool = False


def corners_px(candidates, image_size):
    """Corners in px of the network's image, (N, 4)."""
    corners, _, is_share = candidates
    if is_share is None:
        is_share = bool((np.abs(corners) <= _FARTHEST_SHARE).all())
    return corners * np.tile(image_size, 2) if is_share else corners


def corners_of_middles(rows):
    """(N, 4) left, top, right, bottom of x, y of the middle, width, height."""
    half = rows[:, 2:4] / 2
    return np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1)
