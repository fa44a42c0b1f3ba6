"""Augmentation by OpenCV, image by image: the fastest on a CPU."""

import cv2
import numpy as np

from keras_pose import images

# Motion blur sees the image mirrored about its outermost pixels.
_BORDER = cv2.BORDER_REFLECT_101


def cut(pictures, transforms, changes, size):
    """Crops images, and changes the crops' colours.

    Args:
        pictures: B images (height, width, 3) uint8 RGB, of any sizes.
        transforms: (B, 3, 3) crop from image, with the geometric changes.
        changes: The Change of B images.
        size: Side of the crops, px.

    Returns:
        (B, size, size, 3) uint8.
    """
    crops = images.empty_batch((len(transforms), size, size, 3))
    tables = colour_tables(changes.contrast, changes.gains)
    rows = zip(pictures, transforms, changes.rows(), tables, strict=True)
    for index, (picture, transform, change, table) in enumerate(rows):
        image = images.crop_image(picture, transform, size)
        crops[index] = _painted(image, change, table)
    return crops


def colour_tables(contrast, gains):
    """What contrast and gains make of each value of each channel.

    Rounded down after each of the two, as imgaug does.

    Args:
        contrast: (B,) factors of the distance to 127.
        gains: (B, 3) factors of the channels.

    Returns:
        (B, 3, 256) uint8.
    """
    values = np.arange(256, dtype=np.float32) - 127
    contrasted = np.clip(127 + contrast[:, None] * values, 0, 255)
    gained = gains[..., None] * np.floor(contrasted)[:, None]
    return np.clip(gained, 0, 255).astype(np.uint8)


def _painted(image, change, table):
    """A crop in changed colours; what is neutral is not done."""
    if change.hue_saturation:
        image = add_to_hue_and_saturation(image, int(change.hue_saturation))
    if np.any(change.gains != 1):
        image = _look_up(image, table)
    elif change.contrast != 1:  # of all channels the same
        image = cv2.LUT(image, table[0])
    if change.grey:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if change.place[2]:
        image = _paste(image, change)
    left, top, right, bottom = change.erased_px(image.shape[0])
    image[top:bottom, left:right] = change.erased_colour
    if np.count_nonzero(change.kernel) > 1:
        image = cv2.filter2D(image, -1, change.kernel, borderType=_BORDER)
    if change.quality:
        image = _compress(image, int(change.quality))
    return image


def add_to_hue_and_saturation(image, steps):
    """An RGB image whose hues are turned and whose saturation is raised."""
    values = np.arange(256)
    hues = (values + int(steps / 255 * 180)) % 180
    saturations = np.clip(values + steps, 0, 255)
    # One channel after the other: OpenCV's table of three takes longer.
    hue, saturation, value = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    hue = cv2.LUT(hue, hues.astype(np.uint8))
    saturation = cv2.LUT(saturation, saturations.astype(np.uint8))
    return cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2RGB)


def _look_up(image, table):
    """Each channel by its row of the table, (3, 256)."""
    channels = zip(cv2.split(image), table, strict=True)
    return cv2.merge([cv2.LUT(channel, row) for channel, row in channels])


def _paste(image, change):
    """Lays the picture over the image."""
    size = image.shape[0]
    transform = change.crop_from_picture(size)
    over = cv2.warpAffine(change.picture, transform[:2], (size, size))
    left, top, width, height = cv2.boundingRect(over[..., 3])
    part = slice(top, top + height), slice(left, left + width)
    seen_through = 1 - over[part][..., 3:] / np.float32(255)
    image[part] = np.round(image[part] * seen_through) + over[part][..., :3]
    return image


def _compress(image, quality):
    """The image after a JPEG of half as many colours each way."""
    flags = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags
    )
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
