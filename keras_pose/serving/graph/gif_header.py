"""The first frame of a GIF, in the graph. Source: CompuServe, GIF89a, 1990."""

import tensorflow as tf

from keras_pose.serving.graph.file_bytes import Fields
from keras_pose.serving.graph.file_bytes import bytes_at
from keras_pose.serving.graph.file_bytes import number_at

# Writers fill their sub-blocks, all to the same size but the last. A run of
# such is one step; 100,000 bytes of XMP, whose letters are read as sizes, take
# about 1000 steps, each 0.1 ms.
_LONGEST_RUN = 1024
_MOST_STEPS = 2000
_HEADER = 13  # bytes before the colour table
_EXTENSION, _FRAME = 0x21, 0x2C
# Descriptor, two colours, and the codes clear, 0, end.
_ONE_PIXEL = b"\x2c\0\0\0\0\1\0\1\0\x80" + bytes(6) + b"\x02\x02\x44\x01\x00"
_TRAILER = b"\x3b"


def read_gif(raw, encoded):
    """Cuts a GIF behind its first frame.

    The decoder would hold every frame in memory. Extensions are left out: the
    one that says which colour is transparent would make it black. A frame of
    one pixel is put behind: the decoder fills up a damaged frame and reads no
    other, so where it gives two the first is whole.

    Args:
        raw: (n,) uint8, the file and some zeros.
        encoded: The file, a string.

    Returns:
        Fields.
    """
    blocks = _HEADER + _table_size(number_at(raw, 10, 1))
    seen = _walk(raw, blocks)
    frame, place = seen["frame"], seen["place"]
    canvas = bytes_at(raw, 6, 4)
    # Left, top, width and height of the frame, each of two bytes.
    rectangle = bytes_at(raw, frame + 1, 8)
    fills = tf.reduce_all(rectangle == tf.concat([[0, 0, 0, 0], canvas], 0))
    length = tf.cast(tf.strings.length(encoded, unit="BYTE"), tf.int64)
    is_whole = seen["has_ended"] & (frame >= 0) & (place <= length)
    problem = tf.where(fills, "", "have a first frame that fills it")
    problem = tf.where(is_whole, problem, "be whole, its end is missing")
    problem = tf.where(
        seen["steps"] >= _MOST_STEPS,
        f"have at most {_MOST_STEPS} blocks of other sizes than the one before "
        "them up to its first frame's end",
        problem,
    )
    trimmed = tf.cond(
        problem == "",
        lambda: tf.strings.join(
            [
                tf.strings.substr(encoded, tf.zeros_like(blocks), blocks),
                tf.strings.substr(encoded, frame, place - frame),
                _ONE_PIXEL + _TRAILER,
            ]
        ),
        lambda: encoded,
    )
    width, height = (
        number_at(raw, place, 2, is_little=True) for place in (6, 8)
    )
    return Fields.of(width, height, 1, trimmed, problem)


def _table_size(flags):
    """Bytes of the colour table that flags announce."""
    colours = tf.bitwise.left_shift(tf.constant(2, tf.int64), flags & 7)
    return tf.where(flags & 0x80 > 0, 3 * colours, 0)


def _walk(raw, blocks):
    """Where the first frame begins and ends."""
    seen = {
        "place": blocks,
        "frame": tf.constant(-1, tf.int64),
        "is_inside": tf.constant(False),  # of what comes in sub-blocks
        "has_ended": tf.constant(False),
        "steps": tf.constant(0),
    }
    (seen,) = tf.while_loop(
        lambda seen: (
            ~seen["has_ended"]
            & (seen["place"] < tf.size(raw, tf.int64))
            & (seen["steps"] < _MOST_STEPS)
        ),
        lambda seen: (_after_blocks(raw, seen),),
        (seen,),
        parallel_iterations=1,
    )
    return seen


def _after_blocks(raw, seen):
    """What is seen behind the block, or sub-blocks, at `seen["place"]`."""
    place, is_inside = seen["place"], seen["is_inside"]
    head = bytes_at(raw, place, 10)
    code = head[0]
    is_extension = ~is_inside & (code == _EXTENSION)
    is_frame = ~is_inside & (code == _FRAME)
    is_last = is_inside & (code == 0)
    is_end = ~(is_inside | is_extension | is_frame)
    # A frame's header: 10 bytes, its colour table, the size of its codes.
    header = tf.where(is_frame, 11 + _table_size(head[9]), 2)
    return {
        "place": tf.where(
            is_inside, _after_run(raw, place, code), place + header
        ),
        "frame": tf.where(is_frame, place, seen["frame"]),
        "is_inside": (is_inside & ~is_last) | is_extension | is_frame,
        "has_ended": is_end | (is_last & (seen["frame"] >= 0)),
        "steps": seen["steps"] + 1,
    }


def _after_run(raw, place, size):
    """The place behind the sub-blocks of one size that begin at a place."""
    places = place + (size + 1) * tf.range(_LONGEST_RUN, dtype=tf.int64)
    is_same = bytes_at(raw, places, 1)[:, 0] == size
    count = tf.reduce_sum(tf.math.cumprod(tf.cast(is_same, tf.int64)))
    # A sub-block of nothing is the last; what follows is another block's.
    return place + tf.where(size > 0, count * (size + 1), 1)
