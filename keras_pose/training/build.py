"""The parts of a run, made as its config says."""

import contextlib
import dataclasses

import keras
from absl import logging

from keras_pose import models
from keras_pose.data import records
from keras_pose.data.augmentation import Augmentation
from keras_pose.data.objects import load_objects
from keras_pose.data.order import Order
from keras_pose.data.order import rows_of_shares
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import SKELETONS


def make_augmentation(config, spec):
    """The Augmentation of a config.

    Raises:
        ValueError: The folder of objects is needed and is none.
    """
    fields = dataclasses.asdict(config.augmentation)
    del fields["backend"]
    folder = fields.pop("objects")
    if config.augmentation.paste > 0:
        # As large as they get in the crop, or a little smaller.
        fields["objects"] = load_objects(folder, 3 * spec.input_size // 8)
    return Augmentation(**fields)


def make_spec(config):
    """The PoseSpec of a config's network."""
    if config.data.skeleton not in SKELETONS:
        raise ValueError(
            f"`data.skeleton` must be one of {', '.join(SKELETONS)}. "
            f"Received: {config.data.skeleton!r}"
        )
    skeleton = SKELETONS[config.data.skeleton]
    if skeleton.root is None:
        raise ValueError(
            "`data.skeleton` must have a root joint. "
            f"Received: {config.data.skeleton!r}"
        )
    infos = [records.read_info(folder) for folder in config.data.train]
    if config.model.volume == "metric":
        volume = MetricVolume(config.model.metric_size)
    else:
        volume = CropVolume(config.model.input_size, config.model.crop_depth)
    return PoseSpec(
        skeleton,
        volume,
        config.model.input_size,
        config.data.box_margin,
        records.mean_bone_lengths(infos, skeleton),
    )


def make_model(config, spec, precision="float32", with_weights=True):
    """The network of a config.

    Args:
        config: The Config.
        spec: Its PoseSpec.
        precision: Of the computation; weights are float32 with any.
        with_weights: Whether it begins with the weights of `model.weights`;
            else its pixels may be scaled for others.
    """
    with _dtype_policy(precision):
        return models.pose_net(
            spec.skeleton.num_joints,
            backbone=config.model.backbone,
            weights=(config.model.weights or None) if with_weights else None,
            input_size=config.model.input_size,
            head=config.model.head,
            deconv_layers=config.model.deconv_layers,
            deconv_filters=config.model.deconv_filters,
            depth_bins=config.model.depth_bins,
            temperature=config.model.temperature,
            debias=config.model.debias,
            batch_norm_momentum=config.model.batch_norm_momentum,
        )


def batch_size_of(config, num_replicas):
    """Samples of a step, all replicas together.

    Raises:
        ValueError: They cannot be shared evenly.
    """
    train = config.train
    per_replica = train.batch_size_per == "replica"
    batch_size = train.batch_size * (num_replicas if per_replica else 1)
    parts = num_replicas * train.accumulation
    if batch_size % parts:
        raise ValueError(
            f"`train.batch_size` must give a batch that divides by {parts}: "
            f"{num_replicas} replicas times "
            f"`train.accumulation={train.accumulation}`. Received: "
            f"{train.batch_size}, a batch of {batch_size}"
        )
    return batch_size


def first_step_of(epoch, config, count, batch_size):
    """The step of a run with which an epoch begins.

    An epoch is once through the data: it ends with the batch that holds its
    last sample, and the rest of that batch is of the next pass.
    """
    if config.train.steps_per_epoch:
        return epoch * config.train.steps_per_epoch
    return -(-epoch * count // batch_size)


def make_order(config, records, batch_size, num_workers=1):
    """The order in which a run sees its samples.

    Args:
        config: The Config.
        records: The `store.Records` of its training data.
        batch_size: Samples of a step, those of all workers together.
        num_workers: How many share the batches.

    Returns:
        An `order.Order`.

    Raises:
        ValueError: There are too few samples for the batch, or the workers.
    """
    data, mix = config.data, None
    if data.train_shares:
        rows = rows_of_shares(data.train_shares, batch_size)
        counts = [info.count for info in records.infos]
        mix = tuple(zip(counts, rows, strict=True))
        told = ", ".join(map("{} of {}".format, rows, data.train))
        logging.info("each batch of %d has %s", batch_size, told)
    return Order(
        len(records),
        batch_size,
        config.train.seed,
        data.shard_by,
        num_workers,
        mix,
    )


@contextlib.contextmanager
def _dtype_policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
