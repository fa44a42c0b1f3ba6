"""Training batches for TensorFlow, as a tf.data.Dataset."""

import numpy as np
import tensorflow as tf

from keras_pose.data import examples
from keras_pose.data.ahead import num_threads
from keras_pose.data.augmentation import NO_AUGMENTATION


def training_batches(
    records,
    order,
    spec,
    seed,
    augmentation=NO_AUGMENTATION,
    backend="host",
    first_step=0,
    worker=0,
    num_replicas=1,
    accumulation=1,
):
    """The batches of a run from any step on, a function of the arguments.

    Args:
        records: The `store.Records`. An error of theirs ends the dataset with
            one of TensorFlow; `records.check` raises the error itself.
        order: The Order of the run.
        spec: The PoseSpec of the network.
        seed: Of the changes.
        augmentation: The Augmentation; none by default.
        backend: What carries it out, see `examples.cutter`.
        first_step: Number of the first step.
        worker: Which of the order's workers this is.
        num_replicas: Of this worker; all have equally many.
        accumulation: Turns in which a batch is computed.

    Returns:
        A tf.data.Dataset without end, of the dicts of `examples.maker` without
        "name". An element is what one replica computes at once, see
        `Order.share`.

    Raises:
        ValueError: There is no such backend, or the batch cannot be cut into
            equal shares.
    """
    cut = examples.cutter(backend, augmentation)
    size = order.share_size(num_replicas, accumulation)
    make = examples.share_maker(
        records,
        order,
        spec,
        seed,
        augmentation,
        cut,
        worker,
        num_replicas,
        accumulation,
    )
    structure, shapes = _structure(
        records, spec, cut, augmentation.draw(seed, np.zeros(1, int))
    )
    dtypes = [part.dtype for part in tf.nest.flatten(structure)]

    def flat_batch(index):
        return tf.nest.flatten(make(index))

    def batch_of(index):
        parts = tf.numpy_function(flat_batch, [index], dtypes)
        for part, sides in zip(parts, shapes, strict=True):
            part.set_shape([size, *sides])
        return tf.nest.pack_sequence_as(structure, parts)

    # One call a batch has less overhead than one an image.
    return (
        tf.data.Dataset.counter(first_step * accumulation * num_replicas)
        .map(batch_of, num_threads(), deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def _structure(records, spec, cut, changes):
    """A batch of one, and the shape of each of its parts without the batch.

    Two black images tell what comes out; what is as large as the image, None,
    has another size in every batch.
    """
    blank = records.blank(1)
    nowhere = np.zeros((1, spec.skeleton.num_joints), int)
    one, other = (
        examples.example(
            [np.zeros((side, side, 3), np.uint8)],
            blank,
            nowhere,
            changes,
            spec,
            cut,
        )
        for side in (spec.input_size, spec.input_size + 1)
    )
    shapes = [
        [
            side if side == other_side else None
            for side, other_side in zip(
                part.shape[1:], other_part.shape[1:], strict=True
            )
        ]
        for part, other_part in zip(
            tf.nest.flatten(one), tf.nest.flatten(other), strict=True
        )
    ]
    return one, shapes
