"""Batches made by a few threads that work ahead; needs no TensorFlow."""

import contextlib
import itertools

from keras_pose.data import examples
from keras_pose.data.ahead import made_ahead
from keras_pose.data.augmentation import NO_AUGMENTATION


def batches(records, spec, batch_size, numbers=None, changes=None):
    """Every sample once, in order; the last batch is short.

    Args:
        records: The `store.Records`.
        spec: The PoseSpec of the network.
        batch_size: Samples in a batch.
        numbers: Those of the samples, all by default.
        changes: Gives the Change of so many images; none by default.

    Yields:
        Dicts of arrays, as `examples.maker` makes.

    Raises:
        OSError, ValueError: As `Records.check`.
    """
    maker = examples.maker(records, spec)

    def make(rows):
        return maker(rows, changes and changes(len(rows)))

    numbers = range(len(records)) if numbers is None else numbers
    slices = (
        numbers[start : start + batch_size]
        for start in range(0, len(numbers), batch_size)
    )
    return _checked(made_ahead(make, slices), records)


def training_batches_numpy(
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
    """The batches of `pipeline.training_batches`, as dicts of arrays.

    Args:
        records: As there, and likewise all that follow.
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
        A generator without end; to close it ends its threads.

    Raises:
        ValueError: As there.
    """
    make = examples.share_maker(
        records,
        order,
        spec,
        seed,
        augmentation,
        examples.cutter(backend, augmentation),
        worker,
        num_replicas,
        accumulation,
    )
    indices = itertools.count(first_step * accumulation * num_replicas)
    return _checked(made_ahead(make, indices), records)


def _checked(stream, records):
    """Stops at the first batch by which too many records are damaged."""
    with contextlib.closing(stream):
        for batch in stream:
            records.check()
            yield batch
