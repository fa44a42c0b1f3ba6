"""The header of a JPEG, read in the graph. Source: ITU-T T.81, annex B."""

import tensorflow as tf

from keras_pose.serving.graph.file_bytes import Fields
from keras_pose.serving.graph.file_bytes import bytes_at
from keras_pose.serving.graph.file_bytes import number_at
from keras_pose.serving.graph.orientation_graph import orientation

# A photo of a camera has about 20 segments and, progressive, 10 scans. Each
# scan of a progressive JPEG costs the time of the whole image.
_MOST_SEGMENTS = 1000
_MOST_SCANS = 32

_EXIF = b"Exif\0\0"
_ADOBE = b"Adobe"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_FRAMES = sorted(set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC})
_RESTARTS = range(0xD0, 0xD8)
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_APP1, _APP14 = 0xE1, 0xEE
_NO_LENGTH = [0x01, *_RESTARTS, _START]

# Bytes that are searched for a marker at once, from the least on doubled: most
# are near, a scan's end is megabytes away.
_LEAST_PIECE, _LARGEST_PIECE = 2**8, 2**20


def read_jpeg(raw, encoded):
    """Walks the segments of a JPEG as libjpeg does.

    Args:
        raw: (n,) uint8, the file and some zeros.
        encoded: The file, a string.

    Returns:
        Fields.
    """
    seen = _walk(raw)
    has_xmp = seen["xmp"] >= 0
    xmp = tf.where(has_xmp, seen["xmp"], 0)
    xmp_size = tf.where(has_xmp, number_at(raw, xmp - 2, 2), 0)
    problem = tf.where(seen["has_ended"], "", "be whole, its end is missing")
    # Without it decoders do not agree on which end of a colour is black.
    is_cmyk = (seen["components"] == 4) & ~seen["has_adobe"]
    problem = tf.where(is_cmyk, "have Adobe's marker beside CMYK", problem)
    problem = tf.where(
        seen["segments"] >= _MOST_SEGMENTS,
        f"have at most {_MOST_SEGMENTS} segments",
        problem,
    )
    problem = tf.where(
        seen["scans"] > _MOST_SCANS,
        f"have at most {_MOST_SCANS} scans",
        problem,
    )
    return Fields.of(
        seen["width"],
        seen["height"],
        orientation(
            raw, seen["exif"], tf.strings.substr(encoded, xmp, xmp_size)
        ),
        encoded,
        problem,
    )


def _walk(raw):
    """What the segments hold; places and sizes are -1 where they do not."""
    size = tf.size(raw, tf.int64)
    seen = {
        name: tf.constant(-1, tf.int64)
        for name in ("height", "width", "components", "exif", "xmp")
    }
    seen |= {
        "place": tf.constant(2, tf.int64),
        "segments": tf.constant(0),
        "scans": tf.constant(0),
        "has_adobe": tf.constant(False),
        "has_ended": tf.constant(False),
    }
    (seen,) = tf.while_loop(
        lambda seen: (
            ~seen["has_ended"]
            & (seen["place"] < size)
            & (seen["segments"] < _MOST_SEGMENTS)
        ),
        lambda seen: (_after_segment(raw, seen),),
        (seen,),
        parallel_iterations=1,
    )
    return seen


def _after_segment(raw, seen):
    """What is seen behind the segment at `seen["place"]`."""
    place = seen["place"]
    head = bytes_at(raw, place, 4 + len(_XMP))
    code, length = head[1], 256 * head[2] + head[3]

    def is_of(codes):
        return tf.reduce_any(code == list(codes))

    is_scan = code == _SCAN
    # The camera's notes count before the first scan, and Pillow takes the
    # first of EXIF and the last of XMP.
    is_note = (code == _APP1) & (seen["scans"] == 0)
    is_exif = tf.reduce_all(head[4 : 4 + len(_EXIF)] == list(_EXIF))
    is_exif &= is_note & (seen["exif"] < 0)
    is_xmp = is_note & tf.reduce_all(head[4:] == list(_XMP))
    is_adobe = (code == _APP14) & (seen["scans"] == 0)
    is_adobe &= tf.reduce_all(head[4 : 4 + len(_ADOBE)] == list(_ADOBE))
    is_frame = is_of(_FRAMES) & (seen["width"] < 0)
    has_length = ~is_of(_NO_LENGTH)
    behind = place + 2 + tf.where(has_length, tf.maximum(length, 2), 0)
    return {
        "place": _next_marker(raw, behind, is_scan),
        "segments": seen["segments"] + 1,
        "scans": seen["scans"] + tf.cast(is_scan, tf.int32),
        "has_ended": code == _END,
        "height": tf.where(is_frame, 256 * head[5] + head[6], seen["height"]),
        "width": tf.where(is_frame, 256 * head[7] + head[8], seen["width"]),
        "components": tf.where(is_frame, head[9], seen["components"]),
        "has_adobe": seen["has_adobe"] | is_adobe,
        "exif": tf.where(is_exif, place + 4 + len(_EXIF), seen["exif"]),
        "xmp": tf.where(is_xmp, place + 4, seen["xmp"]),
    }


def _next_marker(raw, place, is_scan):
    """The first marker at or behind a place; the end where there is none.

    It is searched for piece by piece: a list of all would take 4 bytes of
    memory for each byte of a file that consists of them.
    """
    size = tf.size(raw, tf.int64)

    def search(place, step, _):
        piece = raw[place : place + step + 1]
        codes = piece[1:]
        # 0xFF may be repeated before a marker, and is followed by 0 in a scan,
        # which restarts do not end.
        is_marker = (piece[:-1] == 0xFF) & (codes != 0x00) & (codes != 0xFF)
        is_restart = (codes >= _RESTARTS[0]) & (codes <= _RESTARTS[-1])
        is_marker &= ~(is_scan & is_restart)
        first = tf.argmax(tf.cast(is_marker, tf.uint8))
        is_found = is_marker[first]
        return (
            place + tf.where(is_found, first, step),
            tf.minimum(2 * step, _LARGEST_PIECE),
            is_found,
        )

    place, _, is_found = tf.while_loop(
        lambda place, _, is_found: ~is_found & (place < size - 1),
        search,
        (place, tf.constant(_LEAST_PIECE, tf.int64), tf.constant(False)),
        parallel_iterations=1,
    )
    return tf.where(is_found, place, size)
