"""What a JPEG loses, in the graph: no file is written and no CPU needed.

Colours at half the resolution, 8x8 cosine transforms, and their rounding to
the steps of a quality, as the Independent JPEG Group's library does them.
ITU-T T.81, 1992.
"""

import numpy as np
import tensorflow as tf

_LUMA_FROM_RGB = np.array([0.299, 0.587, 0.114])  # JFIF, ITU-R BT.601
_RED, _GREEN, _BLUE = np.eye(3)
_YCC_FROM_RGB = np.float32(
    [
        _LUMA_FROM_RGB,
        (_BLUE - _LUMA_FROM_RGB) / 1.772,
        (_RED - _LUMA_FROM_RGB) / 1.402,
    ]
)
_RGB_FROM_YCC = np.linalg.inv(_YCC_FROM_RGB.astype(float)).astype(np.float32)
_CENTRE = np.float32([0, 128, 128])

# Steps at quality 50; ITU-T T.81, tables K.1 and K.2.
_LUMA_STEPS = np.float32(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_COLOUR_STEPS = np.full((8, 8), 99, np.float32)
_COLOUR_STEPS[:4, :4] = [
    [17, 18, 24, 47],
    [18, 21, 26, 66],
    [24, 26, 56, 99],
    [47, 66, 99, 99],
]


def _cosines():
    """The orthonormal cosine transform of an 8x8 block, (64, 64)."""
    frequency, place = np.mgrid[:8, :8]
    matrix = np.cos(np.pi * frequency * (2 * place + 1) / 16) / 2
    matrix[0] /= np.sqrt(2)
    return np.kron(matrix, matrix).astype(np.float32)


_COSINES = _cosines()


def compress(image, quality):
    """Images after a JPEG.

    Args:
        image: (B, S, S, 3) float32, whole numbers in [0, 255].
        quality: (B,) int in [1, 100].

    Returns:
        (B, S, S, 3) float32, whole numbers in [0, 255].
    """
    size = image.shape[1]
    # Whole blocks of 16 px: two blocks of brightness to one of colour.
    place = np.minimum(np.arange(-(-size // 16) * 16), size - 1)
    image = tf.gather(tf.gather(image, place, axis=1), place, axis=2)
    ycc = tf.round(tf.einsum("bhwc,dc->bhwd", image, _YCC_FROM_RGB) + _CENTRE)
    luma = _round_trip(ycc[..., :1], _steps(_LUMA_STEPS, quality))
    colour = tf.round(tf.nn.avg_pool2d(ycc[..., 1:], 2, 2, "VALID"))
    colour = _round_trip(colour, _steps(_COLOUR_STEPS, quality))
    # Three parts of the nearest and one of the next, along each axis.
    colour = tf.round(tf.image.resize(colour, luma.shape[1:3], "bilinear"))
    ycc = tf.concat([luma, colour], axis=-1) - _CENTRE
    image = tf.einsum("bhwd,cd->bhwc", ycc, _RGB_FROM_YCC)
    return _pixels(image[:, :size, :size])


def _steps(at_50, quality):
    """The steps of qualities, (B, 1, 64)."""
    quality = tf.cast(quality, tf.float32)[:, None, None]
    percent = tf.where(
        quality < 50, tf.floor(5000 / quality), 200 - 2 * quality
    )
    steps = tf.floor((at_50.reshape(64) * percent + 50) / 100)
    return tf.clip_by_value(steps, 1, 255)


def _round_trip(channels, steps):
    """Channels (B, H, W, C) after their cosines are rounded to steps."""
    height, width, count = channels.shape[1:]
    split = (-1, height // 8, 8, width // 8, 8, count)
    # (B, rows of blocks, columns of blocks, C, 8, 8)
    blocks = tf.transpose(tf.reshape(channels - 128, split), (0, 1, 3, 5, 2, 4))
    flat = tf.reshape(blocks, (-1, height * width * count // 64, 64))
    cosines = tf.matmul(flat, _COSINES, transpose_b=True)
    flat = tf.matmul(tf.round(cosines / steps) * steps, _COSINES)
    blocks = tf.reshape(flat, (-1, height // 8, width // 8, count, 8, 8))
    channels = tf.transpose(blocks, (0, 1, 4, 2, 5, 3))
    return _pixels(tf.reshape(channels, (-1, height, width, count)) + 128)


def _pixels(values):
    return tf.clip_by_value(tf.round(values), 0, 255)
