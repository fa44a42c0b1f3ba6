"""Prepared data sets to batches of crops and labels."""

import contextlib
import os

import numpy as np
import tensorflow as tf

from keras_pose.data import augmentation_graph
from keras_pose.data import augmentation_host
from keras_pose.data import examples
from keras_pose.data import records
from keras_pose.data.augmentation import NO_AUGMENTATION

_FILES_AT_ONCE = 8


def training_batches(
    folders,
    spec,
    batch_size,
    shuffle_buffer,
    seed,
    epoch,
    augmentation=NO_AUGMENTATION,
    backend="host",
):
    """The shuffled batches of an epoch, and of as many more as are asked for.

    Each pass gives every sample once. The order is a function of the arguments
    and of TensorFlow's global seed alone: a resumed run builds the epoch it
    goes on with and skips nothing.

    Args:
        folders: Data sets made by prepare.py.
        spec: The PoseSpec of the network.
        batch_size: Samples in a batch; every batch is full.
        shuffle_buffer: Encoded images held in memory to shuffle.
        seed: Of the run.
        epoch: Number of the epoch; each has its own order and its own changes.
        augmentation: The Augmentation; none by default.
        backend: What carries it out: "host" is OpenCV, "imgaug" that library,
            "device" the training step: it must call
            `augmentation_graph.finish` on the batch, whose "image" is a dict
            until then.

    Returns:
        A tf.data.Dataset without end, of the dicts of `batches` without
        "name".
    """
    infos = _read_infos(folders)
    cut = _cutter(backend, augmentation)

    def draw(numbers):
        return augmentation.draw(seed, epoch, numbers)

    order = seed * 1_000_003 + epoch  # one number for each pair
    dataset = tf.data.Dataset.sample_from_datasets(
        [
            _records(index, folder, info, shuffle_seed=order)
            for index, (folder, info) in enumerate(
                zip(folders, infos, strict=True)
            )
        ],
        weights=[float(info.count) for info in infos],
        seed=order,
    )
    dataset = dataset.shuffle(shuffle_buffer, order).repeat()
    dataset = dataset.enumerate().batch(batch_size, drop_remainder=True)
    make = examples.maker(infos, spec, draw, cut)

    def make_nameless(numbers, rows):
        batch = make(numbers, *rows)
        del batch["name"]  # text has no place on an accelerator
        return batch

    return _mapped(dataset, make_nameless)


def batches(folders, spec, batch_size):
    """Every sample once, in the order of the records; the last batch is short.

    Args:
        folders: Data sets made by prepare.py.
        spec: The PoseSpec of the network.
        batch_size: Samples in a batch.

    Returns:
        A tf.data.Dataset of dicts: "image" (B, S, S, 3) uint8, "pose"
        (B, J, 3) unit coordinates, "weight" (B, J, 3) of its coordinates,
        "joints_mm" (B, J, 3), "weight_3d" (B, J), "view" a View, "name" (B,).
    """
    infos = _read_infos(folders)
    dataset, *others = (
        _records(index, folder, info)
        for index, (folder, info) in enumerate(zip(folders, infos, strict=True))
    )
    for other in others:
        dataset = dataset.concatenate(other)

    make = examples.maker(
        infos,
        spec,
        lambda numbers: NO_AUGMENTATION.draw(0, 0, numbers),
        augmentation_host.cut,
    )
    return _mapped(
        dataset.enumerate().batch(batch_size),
        lambda numbers, rows: make(numbers, *rows),
    )


@contextlib.contextmanager
def damage_named(folders):
    """Turns TensorFlow's errors on damaged records into one that names them.

    Raises:
        ValueError: Names the shards whose checksum is not the written one.
    """
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        damaged = [
            path for folder in folders for path in records.damaged(folder)
        ]
        if not damaged:
            raise
        raise ValueError(
            f"{', '.join(damaged)}: damaged: not what prepare.py wrote"
        ) from error


def _read_infos(folders):
    if not folders:
        raise ValueError(
            "`data` must name at least one folder made by prepare.py. "
            "Received: none"
        )
    return [records.read_info(folder) for folder in folders]


def decode_image(encoded):
    """Decodes a JPEG or PNG as Pillow does, (height, width, 3) uint8."""
    # Despite its name it decodes PNGs too. TensorFlow's own choice of method
    # is faster and off by up to 5 of 255.
    return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")


def count(folders):
    """Number of samples in data sets."""
    return sum(info.count for info in _read_infos(folders))


def mean_bone_lengths(folders, skeleton):
    """Mean bone lengths in mm of data sets, for the bones of `skeleton`.

    Returns:
        J numbers; 0 where no data set has both ends of the bone as a bone.
    """
    total = np.zeros(skeleton.num_joints)
    weight = np.zeros(skeleton.num_joints)
    for folder in folders:
        info = records.read_info(folder)
        source = info.skeleton
        for parent, child in skeleton.bones:
            index, source_parent = (
                source.joints.index(name) if name in source.joints else -1
                for name in (skeleton.joints[child], skeleton.joints[parent])
            )
            if index < 0 or source.parents[index] != source_parent:
                continue
            if info.bone_lengths_mm[index] > 0:
                total[child] += info.count * info.bone_lengths_mm[index]
                weight[child] += info.count
    return tuple(float(x) for x in np.round(total / np.maximum(weight, 1), 3))


def _records(index, folder, info, shuffle_seed=None):
    """The serialised records of a folder, each with the folder's index."""
    paths = [os.path.join(folder, shard["file"]) for shard in info.shards]
    dataset = tf.data.Dataset.from_tensor_slices(paths)
    if shuffle_seed is None:
        dataset = tf.data.TFRecordDataset(dataset)
    else:
        dataset = dataset.shuffle(len(paths), shuffle_seed).interleave(
            tf.data.TFRecordDataset,
            cycle_length=min(_FILES_AT_ONCE, len(paths)),
        )
    indices = tf.data.Dataset.from_tensors(index).repeat()
    return tf.data.Dataset.zip(indices, dataset)


def _mapped(dataset, make):
    """Batches of records to examples; one call a batch has less overhead."""
    return dataset.map(make, num_parallel_calls=tf.data.AUTOTUNE).prefetch(
        tf.data.AUTOTUNE
    )


def _cutter(backend, augmentation):
    """What cuts a batch of pictures out and changes them."""
    if backend == "host":
        return augmentation_host.cut
    if backend == "device":
        return augmentation_graph.make_parts(augmentation)
    if backend == "imgaug":
        from keras_pose.data import imgaug_backend

        return imgaug_backend.cut
    raise ValueError(
        f"`backend` must be 'host', 'device' or 'imgaug'. Received: {backend!r}"
    )
