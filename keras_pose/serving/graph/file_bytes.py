"""Reading of files byte by byte in the graph, and what is read of an image."""

import typing

import tensorflow as tf


class Fields(typing.NamedTuple):
    """What a file says of its image; all are scalar tensors.

    Attributes:
        width: px as stored, int64.
        height: px as stored, int64.
        orientation: 1 to 8 as of EXIF, int64.
        encoded: The bytes to decode, a string.
        problem: What it must be and is not, a string; empty where all is well.
    """

    width: tf.Tensor
    height: tf.Tensor
    orientation: tf.Tensor
    encoded: tf.Tensor
    problem: tf.Tensor

    @classmethod
    def of(cls, width, height, orientation, encoded, problem):
        """The fields, of the same types whatever they are made of."""
        return cls(
            tf.cast(width, tf.int64),
            tf.cast(height, tf.int64),
            tf.cast(orientation, tf.int64),
            tf.convert_to_tensor(encoded),
            tf.convert_to_tensor(problem),
        )


def bytes_at(raw, place, size):
    """The bytes from a place on, (..., size) int64.

    Args:
        raw: (n,) uint8, n > 0.
        place: (...) int64; before the file and behind it there are copies of
            its first and its last byte.
        size: How many.
    """
    place = tf.convert_to_tensor(place, tf.int64)[..., None]
    places = place + tf.range(size, dtype=tf.int64)
    places = tf.clip_by_value(places, 0, tf.size(raw, tf.int64) - 1)
    return tf.cast(tf.gather(raw, places), tf.int64)


def number_at(raw, place, size, is_little=False):
    """The unsigned number of `size` bytes at a place, (...) int64.

    Args:
        raw: As of `bytes_at`.
        place: As of `bytes_at`.
        size: At most 4.
        is_little: Whether the first byte is the least; Python's or the
            graph's.
    """
    weight = tf.constant([256**power for power in range(size)], tf.int64)
    weight = tf.where(is_little, weight, weight[::-1])
    return tf.reduce_sum(bytes_at(raw, place, size) * weight, axis=-1)


def place_after(encoded, mark):
    """The place behind the first occurrence of a mark, or -1, int64."""
    before = tf.strings.length(
        tf.strings.split(encoded, mark, maxsplit=1)[0], unit="BYTE"
    )
    is_missing = before == tf.strings.length(encoded, unit="BYTE")
    return tf.cast(tf.where(is_missing, -1, before + len(mark)), tf.int64)
