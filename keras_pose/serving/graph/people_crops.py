"""The crops of people in encoded images, in the graph."""

import typing

import tensorflow as tf

from keras_pose.geometry import crop
from keras_pose.serving.graph import location_graph
from keras_pose.serving.graph.crop_graph import crop_image
from keras_pose.serving.graph.encoded_images import decode_image


class Rows(typing.NamedTuple):
    """People that are asked for: R rows, ordered by image.

    Attributes:
        image: (R,) int32, index of the image.
        slot: (R,) int32, which of the image's people.
        is_whole: (R,) whether the whole image is the crop.
        box: (R, 4) float64, as received.
        root_depth: (R,) float64 mm, 0 where unknown.
        problem: (R,) strings, empty where nothing is wrong yet.
    """

    image: tf.Tensor
    slot: tf.Tensor
    is_whole: tf.Tensor
    box: tf.Tensor
    root_depth: tf.Tensor
    problem: tf.Tensor


class Crops(typing.NamedTuple):
    """What is cut out for rows.

    Attributes:
        pixels: (R, S, S, 3) uint8, black where something is wrong.
        size: (R, 2) int32, width and height of the upright image.
        problem: (R,) strings, empty where nothing is wrong.
    """

    pixels: tf.Tensor
    size: tf.Tensor
    problem: tf.Tensor


def boxes_of(rows, size, spec):
    """Boxes (R, 4) float64, those of whole images filled in.

    Args:
        rows: Rows.
        size: (R, 2) int32, width and height of their images.
        spec: The network's PoseSpec.
    """
    whole = location_graph.whole_box(*width_and_height(size), spec)
    return tf.where(rows.is_whole[:, None], whole, rows.box)


def width_and_height(size):
    """(R, 2) int32 as two (R,) float64."""
    return tf.unstack(tf.cast(size, tf.float64), axis=-1)


def cut(image_bytes, rows, spec, max_pixels):
    """Decodes the images of rows, each once, and cuts the rows out.

    Args:
        image_bytes: (B,) strings.
        rows: At least one of Rows.
        spec: The network's PoseSpec.
        max_pixels: Larger images are not decoded.

    Returns:
        Crops.
    """
    images, _, counts = tf.unique_with_counts(rows.image)
    ends = tf.cumsum(counts)
    total = tf.size(images)
    side = spec.input_size
    fields = ((tf.uint8, (side, side, 3)), (tf.int32, (2,)), (tf.string, ()))
    arrays = tuple(
        tf.TensorArray(
            kind, total, infer_shape=False, element_shape=(None, *shape)
        )
        for kind, shape in fields
    )

    def cut_image(index, arrays):
        span = slice(ends[index] - counts[index], ends[index])
        own = Rows(*(field[span] for field in rows))
        crops = _cut_image(image_bytes[images[index]], own, spec, max_pixels)
        return index + 1, tuple(
            array.write(index, field)
            for array, field in zip(arrays, crops, strict=True)
        )

    _, arrays = tf.while_loop(
        lambda index, _: index < total,
        cut_image,
        (0, arrays),
        # One image at a time is held decoded: several of the most pixels would
        # be gigabytes. Batches beside each other use the other cores.
        parallel_iterations=1,
    )
    return Crops(*(array.concat() for array in arrays))


def _cut_image(encoded, rows, spec, max_pixels):
    """As `cut`, of rows of one image."""
    # Where no row could be answered, nothing is worth decoding.
    image, problem = tf.cond(
        tf.reduce_any(rows.problem == ""),
        lambda: decode_image(encoded, max_pixels),
        lambda: (tf.zeros((0, 0, 3), tf.uint8), tf.constant("")),
    )
    count = tf.size(rows.image)
    size = tf.tile(tf.shape(image)[1::-1][None], [count, 1])
    box = boxes_of(rows, size, spec)
    of_box = location_graph.problem_of_box(box, *width_and_height(size))
    problem = tf.where(problem == "", of_box, problem)
    problem = tf.where(rows.problem == "", problem, rows.problem)
    transform = crop.crop_from_image(box, spec.input_size, spec.box_margin)
    shape = (spec.input_size, spec.input_size, 3)
    pixels = tf.map_fn(
        lambda row: tf.cond(
            row[1] == "",
            lambda: crop_image(image, row[0], spec.input_size),
            lambda: tf.zeros(shape, tf.uint8),
        ),
        (transform, problem),
        fn_output_signature=tf.TensorSpec(shape, tf.uint8),
        parallel_iterations=1,
    )
    return Crops(pixels, size, problem)
