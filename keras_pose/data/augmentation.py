"""Changes of training images that leave the pose known.

The crop's own map takes the geometric ones, so that they cost no second warp
and the volume moves the labels with them; colours are changed in the crop.
"""

import dataclasses
import math

import cv2
import numpy as np

from keras_pose.geometry import crop


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How much training images are changed; 0 is not at all.

    Attributes:
        flip: Share of the images that are mirrored.
        rotation: Degrees to either side.
        scale: Crops show up to this share more or less.
        shift: Of the side of the crop, in x and in y.
        colour: Brightness and gamma change by up to this share, and each
            channel by up to half of it.
        erase: Share of the images of which a random box is painted over, a
            tenth to a third of the crop wide and high.
    """

    flip: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    colour: float = 0.0
    erase: float = 0.0

    def draw(self, seed, epoch, number):
        """Draws the changes of one image; a function of the arguments alone.

        Args:
            seed: Of the run.
            epoch: Number of the epoch.
            number: Place of the image in the epoch.

        Returns:
            A Change.
        """
        rng = np.random.default_rng([seed, epoch, number])
        gain = 1 + self.colour * rng.uniform(-1, 1)
        balance = 1 + self.colour * rng.uniform(-0.5, 0.5, 3)
        return Change(
            flip=bool(rng.random() < self.flip),
            rotation=math.radians(self.rotation * rng.uniform(-1, 1)),
            scale=math.exp(rng.uniform(-1, 1) * math.log1p(self.scale)),
            shift=self.shift * rng.uniform(-1, 1, 2),
            gamma=math.exp(rng.uniform(-1, 1) * math.log1p(self.colour)),
            gains=gain * balance,
            erased=_draw_box(rng) if rng.random() < self.erase else None,
        )


def _draw_box(rng):
    """A box (x, y, width, height) in shares of the crop, and its colour."""
    width, height = rng.uniform(0.1, 1 / 3, 2)
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return (x, y, width, height), rng.integers(0, 256, 3)


@dataclasses.dataclass(frozen=True)
class Change:
    """What is done to one image.

    Attributes:
        flip: Whether the crop is mirrored.
        rotation: Radians, clockwise.
        scale: How much more than usual the crop shows.
        shift: (2,) of the crop's side.
        gamma: Exponent of the pixel values in [0, 1].
        gains: (3,) factors of red, green and blue.
        erased: ((x, y, width, height) in shares of the crop, (3,) colour), or
            None.
    """

    flip: bool
    rotation: float
    scale: float
    shift: np.ndarray
    gamma: float
    gains: np.ndarray
    erased: tuple | None

    def crop_from_image(self, box, size, margin):
        """The changed map from the image to the crop, (3, 3) float32.

        Args:
            box: (4,) px.
            size: Side of the crop, px.
            margin: Side of the unchanged crop over the box's longer side.
        """
        moved = np.array(box, np.float32)
        moved[:2] += self.shift * margin * max(box[2], box[3])
        return crop.crop_from_image(
            moved, size, margin * self.scale, self.rotation, self.flip
        ).astype(np.float32)

    def paint(self, image):
        """The crop (S, S, 3) uint8 in changed colours."""
        if self.gamma == 1 and np.all(self.gains == 1) and not self.erased:
            return image
        values = (np.arange(256) / 255) ** self.gamma
        table = np.clip(255 * values[:, None] * self.gains, 0, 255)
        image = cv2.LUT(image, np.round(table).astype(np.uint8)[None])
        if self.erased:
            (x, y, width, height), colour = self.erased
            size = image.shape[0]
            left, top = round(x * size), round(y * size)
            right, bottom = (
                round((x + width) * size),
                round((y + height) * size),
            )
            image[top:bottom, left:right] = colour
        return image


NO_AUGMENTATION = Augmentation()
NO_CHANGE = NO_AUGMENTATION.draw(seed=0, epoch=0, number=0)
