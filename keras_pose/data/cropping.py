"""Images cut down to their people, before they are written.

A frame of Human3.6M has four times the pixels of the person in it, one of
MPI-INF-3DHP twenty times; whoever trains decodes them all in every epoch. A
crop is the image of another camera at the same place, so its labels are exact.
"""

import dataclasses
import math

import cv2
import numpy as np

from keras_pose import images
from keras_pose.data import ahead
from keras_pose.data import records
from keras_pose.geometry import crop

_JPEG_QUALITY = 95


def cropped(source, size, margin):
    """A source whose images show little more than the person.

    Args:
        source: A `sources.Source`.
        size: Side of the square crops, px; a person who is smaller is not
            enlarged.
        margin: Side of the crop over the box's longer side: what training
            turns, shrinks and shifts comes from within it.

    Returns:
        The Source of the same samples.

    Raises:
        ValueError: `size` or `margin` is wrong.
    """
    if size < 1:
        raise ValueError(f"`size` must be at least 1 px. Received: {size}")
    if not 1 <= margin < math.inf:
        raise ValueError(f"`margin` must be 1 or more. Received: {margin}")
    samples = ahead.made_ahead(
        lambda sample: crop_sample(sample, size, margin), source.samples
    )
    return dataclasses.replace(source, samples=samples)


def crop_sample(sample, size, margin):
    """A sample whose image is the crop around its box.

    One that cannot be cut, for want of a box or of a whole image, is given back
    as it is: the checks will refuse it. Arguments as of `cropped`.
    """
    if not (np.isfinite(sample.box).all() and min(sample.box[2:]) > 0):
        return sample
    side = math.ceil(max(sample.box[2:]) * margin)
    size = min(size, side)
    transform = crop.crop_from_image(np.float64(sample.box), size, margin)
    try:
        picture = images.decode_image(sample.image, sample.name)
    except ValueError:
        return sample
    picture = images.crop_image(picture, transform, size)
    _, encoded = cv2.imencode(
        ".jpg",
        cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY],
    )
    zoom = transform[0, 0]
    # Pixels count from the centre of the first, boxes from its corner.
    corner = crop.apply(transform, np.float64(sample.box[None, :2]) - 0.5)[0]
    known = sample.weight_2d[:, None] > 0
    points = crop.apply(transform, np.float64(sample.joints_px))
    return dataclasses.replace(
        sample,
        image=encoded.tobytes(),
        picture=records.picture_of(sample),
        box=np.float32([*(corner + 0.5), *(sample.box[2:] * zoom)]),
        joints_px=np.where(known, points, 0).astype(np.float32),
        # Zeros, where the camera is not known, stay zeros.
        intrinsics=np.float32(
            crop.crop_intrinsics(transform, np.float64(sample.intrinsics))
        ),
        head_size=sample.head_size * zoom,
    )
