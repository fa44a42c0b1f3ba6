"""Augmentation by imgaug 0.4.0 itself, the library of the report.

It knows what the report does: stretch, shift, hue and saturation, contrast,
brightness. The crop is cut first and changed then, so it is warped twice.
"""

import contextlib

import numpy as np

from keras_pose import images


@contextlib.contextmanager
def _with_scalar_types():
    """Gives NumPy 2 back what imgaug reads on import, for as long.

    NumPy 2.0 dropped the dict `np.sctypes`; imgaug 0.4.0, its last release,
    makes its lists of types from it, and needs nothing else that is gone.
    """
    if hasattr(np, "sctypes"):
        yield
        return
    types = {
        "int": [np.int8, np.int16, np.int32, np.int64],
        "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        "float": [np.float16, np.float32, np.float64, np.longdouble],
    }
    np.sctypes = types  # noqa: NPY201
    try:
        yield
    finally:
        del np.sctypes  # noqa: NPY201


with _with_scalar_types():
    from imgaug import augmenters as iaa
    from imgaug import parameters as iap


class _Given(iap.StochasticParameter):
    """A parameter that was drawn before: hands its values out in order."""

    def __init__(self, values):
        super().__init__()
        self.values = np.ravel(values)
        self.used = 0

    def _draw_samples(self, size, random_state):
        del random_state
        count = int(np.prod(size))
        self.used += count
        return self.values[self.used - count : self.used].reshape(size)


def augmenter(changes):
    """The imgaug augmenter that carries out the Change of B images, once."""
    scale, translate = (
        {"x": _Given(pairs[:, 0]), "y": _Given(pairs[:, 1])}
        for pairs in (changes.stretch, changes.shift)
    )
    # It draws two numbers an image, and takes the first for both.
    hue_saturation = np.repeat(changes.hue_saturation, 2)
    return iaa.Sequential(
        [
            iaa.Affine(scale=scale, translate_percent=translate),
            iaa.AddToHueAndSaturation(_Given(hue_saturation)),
            iaa.LinearContrast(_Given(changes.contrast)),
            iaa.Multiply(_Given(changes.gains), per_channel=True),
        ]
    )


def cut(pictures, transforms, changes, size):
    """Crops images, and lets imgaug change the crops.

    Args:
        pictures: B images (height, width, 3) uint8 RGB, of any sizes.
        transforms: (B, 3, 3) crop from image, with the geometric changes.
        changes: The Change of B images.
        size: Side of the crops, px.

    Returns:
        (B, size, size, 3) uint8.
    """
    # imgaug makes the geometric changes itself.
    usual = np.linalg.inv(changes.changed_from_crop(size)) @ transforms
    crops = [
        images.crop_image(picture, transform, size)
        for picture, transform in zip(pictures, usual, strict=True)
    ]
    return augmenter(changes)(images=np.stack(crops))
