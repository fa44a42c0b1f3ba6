"""The camera's orientation of a photo, in the graph: read and followed.

CIPA DC-008, "Exchangeable image file format for digital still cameras: Exif",
tag 0x0112; where it is missing, that of XMP, as Pillow has it.
"""

import tensorflow as tf

from keras_pose.serving.graph.file_bytes import number_at

_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4
# "II" or "MM", then 42; some writers swap the bytes of that one.
_LITTLE_HEADERS = [0x49492A00, 0x4949002A]
_BIG_HEADERS = [0x4D4D002A, 0x4D4D2A00]
_MOST_ENTRIES = 1000
_XMP_TAG = b"tiff:Orientation"


def orientation(raw, exif, xmp):
    """How a photo is turned.

    Args:
        raw: (n,) uint8, the file.
        exif: Where the TIFF header of its EXIF is, or -1.
        xmp: Its XMP, a string that may be empty.

    Returns:
        1 to 8 as of EXIF, int64; 1 where nothing is said.
    """
    found = _from_exif(raw, tf.cast(exif, tf.int64))
    found = tf.where(found < 0, _from_xmp(xmp), found)
    return tf.where((found >= 1) & (found <= 8), found, 1)


def upright(image, turned):
    """An image turned as its orientation says.

    Args:
        image: (height, width, 3) uint8.
        turned: 1 to 8.
    """
    transposed = tf.cond(
        turned >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image
    )
    # Which way is right after rows and columns are swapped where they must be.
    return tf.switch_case(
        tf.cast(turned - 1, tf.int32),
        [
            lambda: transposed,
            lambda: tf.reverse(transposed, (1,)),
            lambda: tf.reverse(transposed, (0, 1)),
            lambda: tf.reverse(transposed, (0,)),
            lambda: transposed,
            lambda: tf.reverse(transposed, (1,)),
            lambda: tf.reverse(transposed, (0, 1)),
            lambda: tf.reverse(transposed, (0,)),
        ],
    )


def _from_exif(raw, start):
    """The orientation of an EXIF block, or -1."""
    header = number_at(raw, start, 4)
    is_little = tf.reduce_any(header == _LITTLE_HEADERS)
    is_tiff = is_little | tf.reduce_any(header == _BIG_HEADERS)

    def number(place, size):
        return number_at(raw, place, size, is_little)

    directory = start + number(start + 4, 4)
    count = tf.minimum(number(directory, 2), _MOST_ENTRIES)
    entry = directory + 2 + 12 * tf.range(count)
    kind = number(entry + 2, 2)
    value = tf.where(kind == _SHORT, number(entry + 8, 2), number(entry + 8, 4))
    is_it = (
        (number(entry, 2) == _ORIENTATION)
        & ((kind == _SHORT) | (kind == _LONG))
        & (number(entry + 4, 4) == 1)
        & is_tiff
        & (start >= 0)
        & (entry + 12 <= tf.size(raw, tf.int64))
    )
    # Of several the last counts.
    return tf.concat([[tf.constant(-1, tf.int64)], value[is_it]], axis=0)[-1]


def _from_xmp(xmp):
    """The orientation of an XMP block, or -1."""
    after = tf.strings.split(xmp, _XMP_TAG, maxsplit=1)[-1]
    # ="6" of an attribute or >6 of an element.
    says = tf.strings.regex_replace(
        tf.strings.substr(after, 0, 3), '^(?:="|>)([0-9]).*$', r"\1"
    )
    is_digit = tf.strings.regex_full_match(says, "[0-9]")
    digit = tf.strings.to_number(tf.where(is_digit, says, "-1"), tf.int64)
    return digit
