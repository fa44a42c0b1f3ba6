"""`images.crop_image` in the graph, in little memory."""

import numpy as np
import tensorflow as tf

from keras_pose import images
from keras_pose.geometry import crop

# OpenCV's pyrDown: a binomial blur, then every second pixel.
_BINOMIAL = np.float32([1, 4, 6, 4, 1]) / 16
_BLUR = np.einsum("i,j,cd->ijcd", _BINOMIAL, _BINOMIAL, np.eye(3))
_BLUR = _BLUR.astype(np.float32)

# Pixels of a halved image that are computed at once, in float32.
_BAND_PIXELS = 2**18
_MOST_HALVINGS = 32


def crop_image(image, crop_from_image, size):
    """Warps an image to a square crop; what lies outside the image is black.

    Only the part of the image that the crop shows is read.

    Args:
        image: (height, width, 3) uint8; halved first where it is too fine.
        crop_from_image: (3, 3) float64.
        size: Side of the crop, px.

    Returns:
        (size, size, 3) uint8, within 2 of 255 of what OpenCV gives.
    """
    halvings = _halvings(tf.shape(image)[:2], crop_from_image)
    region, corner = _region(image, crop_from_image, size, halvings)
    _, region = tf.while_loop(
        lambda level, _: level < halvings,
        lambda level, pixels: (level + 1, _halved(pixels)),
        (0, region),
        (tf.TensorShape(()), tf.TensorShape((None, None, 3))),
    )
    # Pixel i of the region halved lies on pixel corner + 2^halvings i.
    step = tf.cast(2**halvings, tf.float64)
    image_from_crop = tf.linalg.inv(crop_from_image)
    region_from_crop = tf.concat(
        [
            image_from_crop[:2, :2] / step,
            (image_from_crop[:2, 2:] - tf.cast(corner, tf.float64)[:, None])
            / step,
        ],
        axis=1,
    )
    transform = tf.concat(
        [tf.reshape(region_from_crop, (6,)), tf.zeros(2, tf.float64)], axis=0
    )
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(region, tf.float32)[None],
        transforms=tf.cast(transform, tf.float32)[None],
        output_shape=(size, size),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    return tf.cast(
        tf.round(tf.ensure_shape(warped[0], (size, size, 3))), tf.uint8
    )


def _halvings(height_width, crop_from_image):
    """How often `images.halve_finer` halves an image."""
    finer = 2 ** np.arange(_MOST_HALVINGS, dtype=np.int64)
    zoom = tf.reduce_min(crop.zoom_of(crop_from_image)) * np.float64(finer)
    side = tf.cast(tf.reduce_min(height_width), tf.int64)
    side = (side + finer - 1) // finer
    is_too_fine = (zoom <= images.HALVING_ZOOM) & (side > 2)
    return tf.reduce_sum(tf.math.cumprod(tf.cast(is_too_fine, tf.int32)))


def _region(image, crop_from_image, size, halvings):
    """What of an image its crop shows.

    Returns:
        (h, w, 3) uint8, and the (2,) x, y of its first pixel. It begins at a
        multiple of 2^halvings and is as much wider than the crop as halving
        blurs, so that its halves are part of the image's halves.
    """
    border = np.float64([[-1, -1], [-1, size], [size, -1], [size, size]])
    corners = crop.apply_inverse(crop_from_image, tf.constant(border))
    step = 2**halvings
    whole = tf.shape(image)[1::-1]  # width, height
    # A box far larger than the image overflows integers.
    limit = tf.cast(whole, tf.float64)
    low = tf.clip_by_value(tf.reduce_min(corners, axis=0), -limit, limit)
    high = tf.clip_by_value(tf.reduce_max(corners, axis=0), -limit, 2 * limit)
    low = tf.cast(tf.floor(low), tf.int32) - 4 * step
    high = tf.cast(tf.math.ceil(high), tf.int32) + 4 * step
    low = tf.clip_by_value(low, 0, whole - 1) // step * step
    high = tf.clip_by_value(high, low + 1, whole)
    return image[low[1] : high[1], low[0] : high[0]], low


def _halved(pixels):
    """OpenCV's pyrDown of (h, w, 3) uint8, band by band."""
    height, width = tf.unstack(tf.shape(pixels)[:2])
    rows, columns = (height + 1) // 2, (width + 1) // 2
    band = tf.maximum(8, _BAND_PIXELS // columns)
    count = (rows + band - 1) // band

    def halve_band(index, bands):
        first = index * band
        last = tf.minimum(first + band, rows)
        return index + 1, bands.write(index, _halved_rows(pixels, first, last))

    _, bands = tf.while_loop(
        lambda index, _: index < count,
        halve_band,
        (
            0,
            tf.TensorArray(
                tf.uint8, count, infer_shape=False, element_shape=(None,) * 3
            ),
        ),
        parallel_iterations=1,
    )
    return tf.reshape(bands.concat(), (rows, columns, 3))


def _halved_rows(pixels, first, last):
    """Rows [first, last) of an image halved."""
    end = tf.shape(pixels)[0] - 1
    rows = tf.abs(tf.range(2 * first - 2, 2 * last + 1))
    rows = end - tf.abs(end - rows)  # mirrored at the border pixel
    band = tf.gather(pixels, rows)
    band = tf.concat(
        [band[:, 2:3], band[:, 1:2], band, band[:, -2:-1], band[:, -3:-2]],
        axis=1,
    )
    blurred = tf.nn.conv2d(tf.cast(band, tf.float32)[None], _BLUR, 2, "VALID")[
        0
    ]
    return tf.cast(tf.floor(blurred + 0.5), tf.uint8)
