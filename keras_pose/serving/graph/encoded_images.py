"""Decodes images that strangers send, in the graph.

An image that is not right is told in words; the other images of a batch are
decoded all the same. TensorFlow's decoders fail the whole graph, so they run
inside a tf.data Dataset that leaves out what fails.
"""

import tensorflow as tf

from keras_pose.serving.graph import image_headers
from keras_pose.serving.graph.image_headers import read_header
from keras_pose.serving.graph.orientation_graph import upright

# The largest side of a JPEG; other formats' would overflow what the graph
# holds of one row.
_LONGEST_SIDE = 65_535

# The whole file is read before its size in pixels is known, and held up to
# three times over. A JPEG of the most pixels seldom weighs half of it.
_MOST_BYTES = 64 * 2**20


def decode_image(encoded, max_pixels):
    """Decodes a JPEG, PNG, WebP or GIF as `images.decode_image` does, upright.

    Args:
        encoded: Bytes, a scalar string.
        max_pixels: Larger images are not decoded.

    Returns:
        (height, width, 3) uint8, and what is wrong with the bytes, a scalar
        string: empty where nothing is; else the image has no pixels.
    """
    length = tf.strings.length(encoded, unit="BYTE")
    received = tf.strings.format(" Received: {} bytes", length)
    is_short = length <= _MOST_BYTES
    kind, header = read_header(
        tf.cond(is_short, lambda: encoded, lambda: tf.constant(b""))
    )
    too_long = tf.strings.join(
        [f"`image_bytes` must be of at most {_MOST_BYTES} bytes.", received]
    )
    problem = _problem(kind, header, received, max_pixels)
    problem = tf.where(is_short, problem, too_long)
    image = tf.cond(
        problem == "",
        lambda: _decoded(header.encoded, kind),
        _no_pixels,
    )
    stored = tf.stack([header.height, header.width])
    is_right = tf.reduce_all(tf.shape(image, tf.int64)[:2] == stored)
    name = tf.gather(image_headers.NAMES, kind)
    damaged = tf.strings.join(
        ["`image_bytes` must be an undamaged ", name, ".", received]
    )
    problem = tf.where((problem == "") & ~is_right, damaged, problem)
    image = tf.cond(
        problem == "", lambda: upright(image, header.orientation), _no_pixels
    )
    return image, problem


def _problem(kind, header, received, max_pixels):
    """What a header says against decoding."""
    name = tf.gather(image_headers.NAMES, kind)
    said = tf.strings.join(
        ["`image_bytes` of a ", name, " must ", header.problem, ".", received]
    )
    problem = tf.where(header.problem == "", "", said)
    is_small = (
        (header.width > 0)
        & (header.height > 0)
        & (header.width <= _LONGEST_SIDE)
        & (header.height <= _LONGEST_SIDE)
        & (header.width * header.height <= max_pixels)
    )
    too_large = tf.strings.format(
        "`image_bytes` must be of at most "
        f"{max_pixels} px, none of its sides above {_LONGEST_SIDE} px. "
        "Received: {} x {} px",
        (header.width, header.height),
    )
    problem = tf.where((problem == "") & ~is_small, too_large, problem)
    unknown = tf.strings.join(
        ["`image_bytes` must be a JPEG, PNG, WebP or GIF.", received]
    )
    is_unknown = kind == image_headers.UNKNOWN
    return tf.where(is_unknown, unknown, problem)


def _no_pixels():
    return tf.zeros((0, 0, 3), tf.uint8)


def _decoded(encoded, kind):
    """The pixels, or none of them where the bytes are damaged."""
    images = (
        tf.data.Dataset.from_tensors((encoded, kind))
        .map(_decode)
        .ignore_errors()
        .concatenate(tf.data.Dataset.from_tensors(_no_pixels()))
        .take(1)
    )
    return images.get_single_element()


def _decode(encoded, kind):
    """The pixels; fails where the bytes are damaged."""
    return tf.switch_case(
        kind,
        {
            image_headers.JPEG: lambda: _decode_jpeg_or_png(encoded),
            image_headers.PNG: lambda: _decode_jpeg_or_png(encoded),
            image_headers.GIF: lambda: _decode_gif(encoded),
            image_headers.WEBP: lambda: _decode_webp(encoded, 3),
            image_headers.WEBP_ALPHA: lambda: _decode_webp(encoded, 4),
        },
    )


def _decode_jpeg_or_png(encoded):
    # TensorFlow's own choice of method is faster and off by up to 5 of 255.
    return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")


def _decode_gif(encoded):
    frames = tf.io.decode_image(encoded)
    frames.set_shape((None, None, None, 3))
    # Of a damaged one there is no second.
    return tf.ensure_shape(frames, (2, None, None, 3))[0]


def _decode_webp(encoded, channels):
    # The decoder takes the file's own number of channels alone. It takes 0 for
    # any as well, and then writes animations behind its memory's end.
    image = tf.io.decode_image(encoded, channels, expand_animations=False)
    # Alpha is left out, as Pillow does.
    return tf.ensure_shape(image, (None, None, channels))[..., :3]
