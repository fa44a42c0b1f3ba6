"""What is changed in training images: its ranges, and one image's draw.

A Change is numbers alone, and says the same to each backend that carries it
out: OpenCV (`augmentation_host`), TensorFlow on the accelerator
(`augmentation_graph`) and the report's library (`imgaug_backend`). They go in
this order: one warp that is the crop and all geometric changes, hue and
saturation, contrast, brightness, grey, pasted object, erased box, motion blur,
JPEG.
"""

import dataclasses
import math
import typing

import numpy as np

from keras_pose.geometry import crop

BEST_QUALITY = 95  # of a JPEG that is made to look worse
_NUM_DRAWS = 32
# Where objects lie: the centre anywhere, a quarter to a half wide, turned.
_PLACES = np.array([[0, 0, 0.25, -np.pi], [1, 1, 0.5, np.pi]])
_GAMMA = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, odd


class Change(typing.NamedTuple):
    """What is done to one image, or with leading dimensions to each of many.

    Attributes:
        rotation: (...) radians, clockwise.
        flip: (...) bool, whether the crop is mirrored.
        scale: (...) how much more than usual the crop shows.
        stretch: (..., 2) factors of width and height.
        shift: (..., 2) right and down, share of the crop's side.
        hue_saturation: (...) int in [-255, 255], added to both; 255 is half
            the circle of hues, and all of the saturation.
        contrast: (...) factor of the distance to grey.
        gains: (..., 3) factors of red, green and blue.
        grey: (...) bool, whether colours are taken out.
        picture: (..., P, P, 4) uint8, the object that is pasted, its colours
            times its opacity; all 0 for none. P is 0 where none ever is.
        place: (..., 4) of the picture: its centre's x and y and its side in
            shares of the crop, its rotation in radians; side 0 for none.
        erased: (..., 4) left, top, right and bottom of the box that is painted
            over, in shares of the crop; all 0 for none.
        erased_colour: (..., 3) uint8.
        kernel: (..., K, K) of the motion blur, sums to 1, K odd; a single 1
            in the middle for none. K is 1 where none ever is.
        quality: (...) int, of the JPEG; 0 for none.
    """

    rotation: typing.Any
    flip: typing.Any
    scale: typing.Any
    stretch: typing.Any
    shift: typing.Any
    hue_saturation: typing.Any
    contrast: typing.Any
    gains: typing.Any
    grey: typing.Any
    picture: typing.Any
    place: typing.Any
    erased: typing.Any
    erased_colour: typing.Any
    kernel: typing.Any
    quality: typing.Any

    def rows(self):
        """The Change of each image of a batch."""
        return [Change(*row) for row in zip(*self, strict=True)]

    def changed_from_crop(self, size):
        """The map from pixels of the usual crop to those of the changed one.

        Args:
            size: Side of the crop, px.

        Returns:
            (..., 3, 3) float64.
        """
        return crop.changed_from_crop(
            size,
            self.rotation,
            self.flip,
            self.scale,
            self.stretch,
            self.shift,
        )

    def crop_from_picture(self, size):
        """The map from the pasted picture's pixels to the crop's.

        Args:
            size: Side of the crop, px.

        Returns:
            (..., 3, 3) float64; where nothing is pasted, of a side of 1 px.
        """
        x, y, side, rotation = np.moveaxis(self.place.astype(float), -1, 0)
        box = np.stack([0, 0, *self.picture.shape[-3:-1]])
        shown = np.maximum(side * size, 1)
        shift = np.stack([x, y], axis=-1) - 0.5
        return crop.changed_from_crop(
            size, rotation, False, size / shown, np.ones_like(shift), shift
        ) @ crop.crop_from_image(box, size)

    def erased_px(self, size):
        """Left, top, right and bottom of the erased box, (..., 4) int32 px."""
        return np.round(self.erased * size).astype(np.int32)


def _no_objects():
    return np.zeros((0, 0, 0, 4), np.uint8)


@dataclasses.dataclass(frozen=True, eq=False)
class Augmentation:
    """How much training images are changed; 0 is not at all.

    Attributes:
        flip: Share of the images that are mirrored.
        rotation: Degrees to either side.
        scale: Crops show up to this share more or less.
        stretch: Width and height, each alone, are multiplied by 1 plus or
            minus up to this.
        shift: To either side in x and in y, share of the crop's side.
        constant_shift: Always right and down, share of the crop's side.
        hue_saturation: Steps of 255 to either side, one number an image.
        contrast: Factor of 1 plus or minus up to this.
        brightness: Each channel's factor, 1 plus or minus up to this.
        grey: Share of the images without colours.
        paste: Share of the images over which an object is pasted.
        objects: (N, P, P, 4) uint8 pictures of them, as `load_objects` gives.
        erase: Share of the images of which a random box is painted over, a
            tenth to a third of the crop wide and high.
        blur: Share of the images with a motion blur.
        blur_length: px of the crop, the longest.
        jpeg: Share of the images that are compressed once more.
        jpeg_quality: The lowest, up to `BEST_QUALITY`.
    """

    flip: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    stretch: float = 0.0
    shift: float = 0.0
    constant_shift: float = 0.0
    hue_saturation: int = 0
    contrast: float = 0.0
    brightness: float = 0.0
    grey: float = 0.0
    paste: float = 0.0
    objects: np.ndarray = dataclasses.field(default_factory=_no_objects)
    erase: float = 0.0
    blur: float = 0.0
    blur_length: int = 9
    jpeg: float = 0.0
    jpeg_quality: int = 30

    def __post_init__(self):
        if self.paste > 0 and not len(self.objects):
            raise ValueError(
                f"`objects` must hold pictures with paste={self.paste}. "
                "Received: none"
            )

    def draw(self, seed, positions):
        """Draws the Change of images; a function of the arguments alone.

        Each operation has its own draws: to switch one on leaves the others
        as they were.

        Args:
            seed: Of the run.
            positions: (...) int, of the images in the run, see `Order`.

        Returns:
            A Change whose leading dimensions are those of `positions`.
        """
        values = _uniform(seed, np.asarray(positions))
        used = 0

        def numbers(count=None):
            nonlocal used
            start, used = used, used + (count or 1)
            return values[..., start:used] if count else values[..., start]

        def between(low, high, count=None):
            return low + (high - low) * numbers(count)

        def among(low, high, count=None):  # integers, both ends included
            return np.floor(between(low, high + 1, count)).astype(np.int32)

        def chosen(share):
            return numbers() < share

        log_scale = math.log1p(self.scale)
        pasted = chosen(self.paste)
        change = Change(
            rotation=np.radians(between(-self.rotation, self.rotation)),
            flip=chosen(self.flip),
            scale=np.exp(between(-log_scale, log_scale)),
            stretch=between(1 - self.stretch, 1 + self.stretch, 2),
            shift=self.constant_shift + between(-self.shift, self.shift, 2),
            hue_saturation=among(-self.hue_saturation, self.hue_saturation),
            contrast=between(1 - self.contrast, 1 + self.contrast),
            gains=between(1 - self.brightness, 1 + self.brightness, 3),
            grey=chosen(self.grey),
            picture=self._pictures(pasted, numbers()),
            place=between(*_PLACES, 4) * pasted[..., None],
            erased=_box(between(0.1, 1 / 3, 2), numbers(2))
            * chosen(self.erase)[..., None],
            erased_colour=among(0, 255, 3).astype(np.uint8),
            kernel=self._kernel(
                chosen(self.blur),
                between(2, self.blur_length),
                between(0, np.pi),
            ),
            quality=chosen(self.jpeg) * among(self.jpeg_quality, BEST_QUALITY),
        )
        return Change(
            *(
                field.astype(np.float32) if field.dtype == float else field
                for field in map(np.asarray, change)
            )
        )

    def _pictures(self, pasted, which):
        """The objects that are drawn, all 0 where none is pasted."""
        if not self.paste:
            return np.zeros((*which.shape, 0, 0, 4), np.uint8)
        index = np.floor(which * len(self.objects)).astype(int)
        drawn = self.objects[index]
        return np.where(pasted[..., None, None, None], drawn, np.uint8(0))

    def _kernel(self, blurred, length, angle):
        """Kernels of straight motions through the middle."""
        if not self.blur:
            return np.ones((*length.shape, 1, 1))
        reach = math.ceil((self.blur_length - 1) / 2)
        # From the middle to either end of the line of pixel centres.
        half = np.where(blurred, (length - 1) / 2, 0)[..., None, None]
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        cos, sin = (
            np.cos(angle)[..., None, None],
            np.sin(angle)[..., None, None],
        )
        along = np.clip(x * cos + y * sin, -half, half)
        distance = np.hypot(x - along * cos, y - along * sin)
        kernel = np.maximum(1 - distance, 0)
        return kernel / kernel.sum(axis=(-2, -1), keepdims=True)


def _uniform(seed, positions):
    """All random numbers of images, (..., _NUM_DRAWS) in [0, 1).

    SplitMix64, whose n-th number is a hash of n: Steele, Lea, Flood, "Fast
    Splittable Pseudorandom Number Generators", 2014. NumPy's own generators
    must be made anew for every image, which takes ten times as long.
    """
    place = positions[..., None] * _NUM_DRAWS + np.arange(1, _NUM_DRAWS + 1)
    key = _mixed(np.array([seed % 2**64], np.uint64) + _GAMMA)
    bits = _mixed(key + place.astype(np.uint64) * _GAMMA)
    return (bits >> np.uint64(11)) * 2.0**-53


def _mixed(bits):
    """SplitMix64's hash of 64 bits, an array."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return bits ^ (bits >> np.uint64(31))


def _box(sides, corner):
    """Left, top, right, bottom in shares: corner 0 top left, 1 bottom right."""
    left_top = corner * (1 - sides)
    return np.concatenate([left_top, left_top + sides], axis=-1)


NO_AUGMENTATION = Augmentation()
