"""Samples to a prepared data set: every sample checked, all or nothing."""

import contextlib
import itertools
import os

from keras_pose import durable
from keras_pose.data import ahead
from keras_pose.data import proof
from keras_pose.data import records
from keras_pose.data import tfrecord
from keras_pose.data.anatomy import BoneLengths
from keras_pose.data.anatomy import Sides


def convert(source, out, samples_per_shard=1000, progress=None):
    """Writes a source's samples as a data set.

    Everything is written to a temporary folder beside `out`, which takes its
    name when it is whole.

    Args:
        source: A `sources.Source`.
        out: Folder to make; it must not exist.
        samples_per_shard: Records in one TFRecord file.
        progress: Called with the number of samples written so far.

    Returns:
        The DatasetInfo written.

    Raises:
        ValueError: `out` exists, the source is empty, or a sample is wrong;
            names the image, the field and the value.
    """
    if samples_per_shard < 1:
        raise ValueError(
            "`samples_per_shard` must be positive. "
            f"Received: {samples_per_shard}"
        )
    with durable.new_folder(out) as partial:
        return _write(source, partial, samples_per_shard, progress)


def _write(source, folder, samples_per_shard, progress):
    skeleton = source.skeleton
    num_shards = -(-source.count // samples_per_shard)
    bones, sides = BoneLengths(skeleton), Sides(skeleton)
    shards, lengths, count = [], [], 0

    def encoded(sample):
        """What takes the time, of which threads do several at once."""
        proof.check_sample(sample, skeleton)
        return sample, records.encode(sample, skeleton.num_joints)

    samples = ahead.made_ahead(encoded, source.samples)
    with contextlib.closing(samples):
        while first := list(itertools.islice(samples, 1)):
            path = shard_path(folder, len(shards), num_shards)
            rest = itertools.islice(samples, samples_per_shard - 1)
            with tfrecord.Writer(path) as writer:
                for sample, serialised in itertools.chain(first, rest):
                    writer.write(serialised)
                    bones.add(sample.joints_mm, sample.weight_3d)
                    sides.add(sample.joints_mm, sample.weight_3d)
                    count += 1
                    if progress:
                        progress(count)
            shards.append(records.shard_row(path, len(writer.lengths)))
            lengths += writer.lengths
    sides.check()
    if count == 0 or count != source.count:
        raise ValueError(
            f"{source.name}: the source must give the {source.count} samples "
            f"it lists, at least one. Received: {count}"
        )
    info = records.DatasetInfo(
        source.name, skeleton, count, bones.mean(), tuple(shards)
    )
    records.write_info(folder, info, lengths)
    return info


def shard_path(folder, number, num_shards):
    """Where a shard of a data set lies."""
    return os.path.join(folder, f"{number:05d}-of-{num_shards:05d}.tfrecord")
