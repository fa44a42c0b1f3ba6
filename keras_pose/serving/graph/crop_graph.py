"""`images.crop_image` in the graph, in little memory."""

import numpy as np
import tensorflow as tf

from keras_pose import images
from keras_pose.geometry import crop

# OpenCV's pyrDown: a binomial blur, then every second pixel.
_BINOMIAL = np.float32([1, 4, 6, 4, 1]) / 16
_BLUR = np.einsum("i,j,cd->ijcd", _BINOMIAL, _BINOMIAL, np.eye(3))
_BLUR = _BLUR.astype(np.float32)

# OpenCV 4 warps from places that are multiples of 1/32 px, rounded from
# multiples of 1/1024.
_GRID, _PRECISION = 32, 1024

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
        (size, size, 3) uint8, what OpenCV 4 gives.
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
    halved_from_crop = _inverse(crop_from_image, step)
    return _warped(region, corner // 2**halvings, halved_from_crop, size)


def _inverse(crop_from_image, step):
    """The inverse of a transform of the image halved, (2, 3), as OpenCV has it.

    Its last bits decide how what lies between two places is rounded.
    """
    (a, b, c), (d, e, f) = (
        tf.unstack(row) for row in tf.unstack(crop_from_image)[:2]
    )
    a, b, d, e = step * a, step * b, step * d, step * e
    inverse = 1 / (a * e - b * d)
    a, b, d, e = e * inverse, -inverse * b, -inverse * d, a * inverse
    c, f = -a * c - b * f, -d * c - e * f
    return tf.stack([tf.stack([a, b, c]), tf.stack([d, e, f])])


def _warped(region, corner, image_from_crop, size):
    """OpenCV's warpAffine: bilinear between places on a grid of 1/32 px.

    Its sums are of integers, so that the pixels are the same.

    Args:
        region: (h, w, 3) uint8, the part of the image that the crop shows.
        corner: (2,) x, y of its first pixel in the image.
        image_from_crop: (2, 3) float64.
        size: Side of the crop, px.
    """
    place = tf.range(size, dtype=tf.float64)
    along = image_from_crop[:, :1] * place
    down = image_from_crop[:, 1:2] * place + image_from_crop[:, 2:]
    along, down = (_whole(_PRECISION * part) for part in (along, down))
    places = along[:, None, :] + down[:, :, None] + _PRECISION // _GRID // 2
    places //= _PRECISION // _GRID
    places -= _GRID * tf.cast(corner, tf.int64)[:, None, None]
    first, share = tf.cast(places // _GRID, tf.int32), places % _GRID
    share = tf.cast(share, tf.int32)
    height, width = tf.unstack(tf.shape(region)[:2])
    pixels = tf.reshape(region, (-1, 3))
    total = tf.zeros((size, size, 3), tf.int32)
    for right in (0, 1):
        for below in (0, 1):
            x, y = first[0] + right, first[1] + below
            is_inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            index = tf.where(is_inside, y * width + x, 0)
            weight_x = share[0] if right else _GRID - share[0]
            weight_y = share[1] if below else _GRID - share[1]
            weight = tf.where(is_inside, weight_x * weight_y, 0)
            neighbour = tf.cast(tf.gather(pixels, index), tf.int32)
            total += weight[..., None] * neighbour
    return tf.cast((total + _GRID**2 // 2) // _GRID**2, tf.uint8)


def _whole(numbers):
    return tf.cast(tf.round(numbers), tf.int64)


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
