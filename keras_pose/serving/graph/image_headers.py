"""What encoded images say of themselves, read in the graph.

Nothing is decoded here, and no bytes make these functions fail: an image's
size, and what would cost more memory or time than its size tells, are known
before a decoder sees it.
"""

import tensorflow as tf

from keras_pose.serving.graph.file_bytes import Fields
from keras_pose.serving.graph.file_bytes import number_at
from keras_pose.serving.graph.file_bytes import place_after
from keras_pose.serving.graph.gif_header import read_gif
from keras_pose.serving.graph.jpeg_header import read_jpeg
from keras_pose.serving.graph.orientation_graph import orientation

# Kinds of images, by how they are decoded; UNKNOWN is what is none.
JPEG, PNG, GIF, WEBP, WEBP_ALPHA, UNKNOWN = range(6)
NAMES = ("JPEG", "PNG", "GIF", "WebP", "WebP", "")

# A PNG's compressed texts grow to 8 MB each as they are read, 30 ms of time.
_MOST_TEXTS = 8
_PADDING = 16  # zeros behind the file


def read_header(encoded):
    """Reads the header of an image.

    Args:
        encoded: Bytes, a scalar string.

    Returns:
        The kind, int32, and Fields.
    """
    length = tf.strings.length(encoded, unit="BYTE") + _PADDING
    raw = tf.io.decode_raw(encoded, tf.uint8, fixed_length=length)
    kind = _kind(raw)
    fields = tf.switch_case(
        kind,
        {
            JPEG: lambda: read_jpeg(raw, encoded),
            PNG: lambda: _read_png(raw, encoded),
            GIF: lambda: read_gif(raw, encoded),
            WEBP: lambda: _read_webp(raw, encoded),
            WEBP_ALPHA: lambda: _read_webp(raw, encoded),
            UNKNOWN: lambda: Fields.of(0, 0, 1, encoded, ""),
        },
    )
    return kind, fields


def _kind(raw):
    def begins(magic, place=0):
        return tf.reduce_all(raw[place : place + len(magic)] == list(magic))

    is_gif = begins(b"GIF87a") | begins(b"GIF89a")
    is_webp = begins(b"RIFF") & begins(b"WEBP", 8)
    webp = tf.where(_has_alpha(raw), WEBP_ALPHA, WEBP)
    kind = tf.where(is_webp, webp, UNKNOWN)
    kind = tf.where(is_gif, GIF, kind)
    kind = tf.where(begins(b"\x89PNG\r\n\x1a\n"), PNG, kind)
    return tf.where(begins(b"\xff\xd8\xff"), JPEG, kind)


def _read_png(raw, encoded):
    texts = tf.strings.split(encoded, b"zTXt", maxsplit=_MOST_TEXTS + 1)
    packed = tf.strings.split(encoded, b"iTXt", maxsplit=_MOST_TEXTS + 1)
    has_many = tf.size(texts) + tf.size(packed) - 2 > _MOST_TEXTS
    is_raw = place_after(encoded, b"Raw profile type exif") >= 0
    problem = tf.where(is_raw, "have its EXIF in an eXIf chunk", "")
    problem = tf.where(
        has_many, f"have at most {_MOST_TEXTS} compressed texts", problem
    )
    xmp = tf.strings.split(encoded, b"XML:com.adobe.xmp", maxsplit=1)
    xmp = tf.where(tf.size(xmp) > 1, xmp[-1], "")
    return Fields.of(
        number_at(raw, 16, 4),
        number_at(raw, 20, 4),
        orientation(raw, place_after(encoded, b"eXIf"), xmp),
        encoded,
        problem,
    )


def _webp_form(raw):
    """Whether a WebP is extended or plainly lossless, and its header's bits.

    Source: RFC 9649, "WebP Image Format".
    """
    chunk = number_at(raw, 12, 4)
    is_extended = chunk == int.from_bytes(b"VP8X", "big")
    is_lossless = chunk == int.from_bytes(b"VP8L", "big")
    flags = number_at(raw, 20, 1)
    bits = number_at(raw, 21, 4, is_little=True)
    return is_extended, is_lossless, flags, bits


def _has_alpha(raw):
    is_extended, is_lossless, flags, bits = _webp_form(raw)
    return (is_extended & (flags & 0x10 > 0)) | (
        is_lossless & (bits & 0x10000000 > 0)
    )


def _read_webp(raw, encoded):
    is_extended, is_lossless, flags, bits = _webp_form(raw)
    width = number_at(raw, 26, 2, is_little=True) & 0x3FFF
    height = number_at(raw, 28, 2, is_little=True) & 0x3FFF
    width = tf.where(is_lossless, (bits & 0x3FFF) + 1, width)
    height = tf.where(is_lossless, ((bits // 2**14) & 0x3FFF) + 1, height)
    canvas_width = number_at(raw, 24, 3, is_little=True) + 1
    canvas_height = number_at(raw, 27, 3, is_little=True) + 1
    width = tf.where(is_extended, canvas_width, width)
    height = tf.where(is_extended, canvas_height, height)
    exif = place_after(encoded, b"EXIF") + 4  # behind the chunk's length
    # Some writers begin it as in a JPEG.
    has_prefix = number_at(raw, exif, 4) == int.from_bytes(b"Exif", "big")
    exif = tf.where(has_prefix, exif + 6, exif)
    has_exif = is_extended & (flags & 0x08 > 0)
    has_xmp = is_extended & (flags & 0x04 > 0)
    stated = number_at(raw, 4, 4, is_little=True) + 8
    length = tf.strings.length(encoded, unit="BYTE")
    is_whole = stated == tf.cast(length, tf.int64)
    # TensorFlow 2.20's decoder writes behind its memory's end.
    is_animated = is_extended & (flags & 0x02 > 0)
    problem = tf.where(is_animated, "be a still", "")
    problem = tf.where(is_whole, problem, "have the length that it says")
    return Fields.of(
        width,
        height,
        orientation(
            raw, tf.where(has_exif, exif, -1), tf.where(has_xmp, encoded, "")
        ),
        encoded,
        problem,
    )
