"""Prepared data sets to batches of crops and labels."""

import contextlib
import os

import numpy as np
import tensorflow as tf

from keras_pose import images
from keras_pose.data import records
from keras_pose.data.augmentation import NO_AUGMENTATION
from keras_pose.data.augmentation import NO_CHANGE
from keras_pose.geometry.volume import View

_FILES_AT_ONCE = 8


def training_batches(
    folders,
    spec,
    batch_size,
    shuffle_buffer,
    seed,
    epoch,
    augmentation=NO_AUGMENTATION,
):
    """The shuffled batches of an epoch, and of as many more as are asked for.

    Each pass gives every sample once. The order is a function of the arguments
    alone: a resumed run builds the epoch it goes on with and skips nothing.

    Args:
        folders: Data sets made by prepare.py.
        spec: The PoseSpec of the network.
        batch_size: Samples in a batch; every batch is full.
        shuffle_buffer: Encoded images held in memory to shuffle.
        seed: Of the run.
        epoch: Number of the epoch; each has its own order and its own changes.
        augmentation: The Augmentation; none by default.

    Returns:
        A tf.data.Dataset without end, of the dicts of `batches` without
        "name".
    """
    infos = _read_infos(folders)

    def draw(number):
        return augmentation.draw(seed, epoch, number)

    order = seed * 1_000_003 + epoch  # one number for each pair
    dataset = tf.data.Dataset.sample_from_datasets(
        [
            _samples(folder, info, spec.skeleton, shuffle_seed=order)
            for folder, info in zip(folders, infos, strict=True)
        ],
        weights=[float(info.count) for info in infos],
        seed=order,
    )
    dataset = dataset.shuffle(shuffle_buffer, order).repeat()
    return _batch(dataset, spec, batch_size, draw)


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
    first, *others = (
        _samples(folder, info, spec.skeleton)
        for folder, info in zip(folders, _read_infos(folders), strict=True)
    )
    for other in others:
        first = first.concatenate(other)
    return _batch(first, spec, batch_size)


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


def _samples(folder, info, skeleton, shuffle_seed=None):
    """Decoded records, their joints those of `skeleton`."""
    paths = [os.path.join(folder, shard["file"]) for shard in info.shards]
    dataset = tf.data.Dataset.from_tensor_slices(paths)
    if shuffle_seed is None:
        dataset = tf.data.TFRecordDataset(dataset)
    else:
        dataset = dataset.shuffle(len(paths), shuffle_seed).interleave(
            tf.data.TFRecordDataset,
            cycle_length=min(_FILES_AT_ONCE, len(paths)),
        )
    indices = np.array(skeleton.indices_in(info.skeleton))
    known = (indices >= 0).astype(np.float32)

    def decode(serialised):
        record = records.decode(serialised, info.skeleton.num_joints)
        for field in ("joints_mm", "joints_px"):
            joints = tf.gather(record[field], np.maximum(indices, 0))
            record[field] = joints * known[:, None]
        for field in ("weight_3d", "weight_2d"):
            weight = tf.gather(record[field], np.maximum(indices, 0))
            record[field] = weight * known
        return record

    return dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE)


def _batch(dataset, spec, batch_size, draw=None):
    """Batches for training, if `draw` gives the Change of each image."""

    def example(number, record):
        row = _example(record, spec, draw or _unchanged, number)
        if draw:
            del row["name"]  # text has no place on an accelerator
        return row

    dataset = dataset.enumerate().map(
        example, num_parallel_calls=tf.data.AUTOTUNE
    )
    dataset = dataset.batch(batch_size, drop_remainder=bool(draw))
    return dataset.prefetch(tf.data.AUTOTUNE)


def _unchanged(number):
    del number
    return NO_CHANGE


def _example(record, spec, draw, number):
    """One record to one row of a batch."""
    size, skeleton = spec.input_size, spec.skeleton

    def cut(pixels, box, number):
        change = draw(int(number))
        transform = change.crop_from_image(box, size, spec.box_margin)
        image = images.crop_image(pixels, transform, size)
        return change.paint(image), transform, change.flip

    image, transform, flip = tf.numpy_function(
        cut,
        [decode_image(record["image"]), record["box"], number],
        (tf.uint8, tf.float32, tf.bool),
    )
    transform = tf.ensure_shape(transform, (3, 3))
    # Who is mirrored has their left hand where the right one was.
    order = tf.where(
        flip, skeleton.flip_permutation, range(skeleton.num_joints)
    )
    order = tf.ensure_shape(order, (skeleton.num_joints,))
    joints_mm, joints_px, weight_3d, weight_2d = (
        tf.gather(record[field], order)
        for field in ("joints_mm", "joints_px", "weight_3d", "weight_2d")
    )
    root = skeleton.root
    root_mm = joints_mm[root : root + 1]
    view = View(
        transform,
        record["intrinsics"],
        record["distortion"],
        root_mm[:, 2:],
    )
    # Root-relative labels need the root.
    weight_3d = weight_3d * tf.cast(weight_3d[root] > 0, tf.float32)
    return {
        "image": tf.ensure_shape(image, (size, size, 3)),
        "pose": spec.volume.encode(joints_mm, joints_px, root_mm, view),
        "weight": spec.volume.coordinate_weight(
            weight_2d[:, None], weight_3d[:, None]
        ),
        "joints_mm": joints_mm,
        "weight_3d": weight_3d,
        "view": view,
        "name": record["name"],
    }
