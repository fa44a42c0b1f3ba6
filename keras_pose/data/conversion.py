"""Samples to a prepared data set: every sample checked, all or nothing."""

import itertools
import os
import shutil
import tempfile

import numpy as np

from keras_pose import images
from keras_pose.data import records
from keras_pose.data import tfrecord
from keras_pose.geometry import camera

# How far the projection of the 3D joints may lie from the 2D joints on
# average, as a share of the box's longer side. Right files stay below 0.001; a
# wrong camera or side is off by 0.05 and more.
MAX_REPROJECTION_SHARE = 0.02

# Mean bone lengths of people, mm, with much to spare. A projection does not
# show the unit of length; these show metres and centimetres.
BONE_LENGTHS_MM = (50.0, 1000.0)


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
    out = os.path.abspath(out)
    if os.path.lexists(out):
        raise ValueError(f"`out` must not exist yet. Received: {out}")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    partial = tempfile.mkdtemp(
        prefix=f".{os.path.basename(out)}.partial-", dir=os.path.dirname(out)
    )
    try:
        info = _write(source, partial, samples_per_shard, progress)
        os.chmod(partial, 0o755)
        os.rename(partial, out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return info


def _write(source, folder, samples_per_shard, progress):
    skeleton = source.skeleton
    num_shards = -(-source.count // samples_per_shard)
    shards, lengths, bones, count = [], [], BoneLengths(skeleton), 0
    samples = iter(source.samples)
    while first := list(itertools.islice(samples, 1)):
        path = shard_path(folder, len(shards), num_shards)
        rest = itertools.islice(samples, samples_per_shard - 1)
        with tfrecord.Writer(path) as writer:
            for sample in itertools.chain(first, rest):
                check_sample(sample, skeleton)
                writer.write(records.encode(sample, skeleton.num_joints))
                bones.add(sample.joints_mm, sample.weight_3d)
                count += 1
                if progress:
                    progress(count)
        shards.append(records.shard_row(path, len(writer.lengths)))
        lengths += writer.lengths
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


class BoneLengths:
    """Running mean of the bone lengths of the samples that have 3D."""

    def __init__(self, skeleton):
        self._skeleton = skeleton
        self._sum = np.zeros(skeleton.num_joints)
        self._count = np.zeros(skeleton.num_joints)

    def add(self, joints_mm, weight_3d):
        """Counts a pose: (J, 3) mm and (J,) weights."""
        for child, length in _bone_lengths(
            joints_mm, weight_3d, self._skeleton
        ):
            self._sum[child] += length
            self._count[child] += 1

    def mean(self):
        """Mean length of each joint's bone, J numbers; 0 if none is known."""
        return tuple(self._sum / np.maximum(self._count, 1))


def _bone_lengths(joints_mm, weight_3d, skeleton):
    """(child, length in mm) of the bones with both ends known."""
    return [
        (child, np.linalg.norm(joints_mm[child] - joints_mm[parent]))
        for parent, child in skeleton.bones
        if weight_3d[parent] > 0 and weight_3d[child] > 0
    ]


def _mean_bone_length(sample, skeleton):
    """Mean length in mm of the known bones; None without any."""
    lengths = [
        length
        for _, length in _bone_lengths(
            sample.joints_mm, sample.weight_3d, skeleton
        )
    ]
    return float(np.mean(lengths)) if lengths else None


def check_sample(sample, skeleton):
    """Checks a sample: shapes, values, the box, the image, the camera.

    Raises:
        ValueError: Names the image, the field, the rule and the value.
    """

    def require(holds, field, rule, received):
        if not holds:
            raise ValueError(
                f"{sample.name}: `{field}` {rule}. Received: {received}"
            )

    _check_numbers(sample, skeleton, require)
    _check_image_and_box(sample, require)
    _check_joints(sample, skeleton, require)


def _check_numbers(sample, skeleton, require):
    for field, (dtype, shape, _) in records.FIELDS.items():
        if dtype is not np.float32:
            continue
        value = np.asarray(getattr(sample, field))
        expected = records.concrete_shape(shape, skeleton.num_joints)
        require(
            value.shape == expected,
            field,
            f"must have shape {expected} for the joints of {skeleton.name}",
            f"shape {value.shape}",
        )
        require(np.all(np.isfinite(value)), field, "must be finite", value)
        if field.startswith("weight"):
            inside = np.all((value >= 0) & (value <= 1))
            require(inside, field, "must be in [0, 1]", value)


def _check_image_and_box(sample, require):
    width, height, file_format = images.image_header(sample.image, sample.name)
    require(
        file_format in ("JPEG", "MPO", "PNG"),
        "image",
        "must be a JPEG or PNG",
        file_format,
    )
    images.decode_image(sample.image, sample.name)
    x, y, box_width, box_height = sample.box
    require(
        box_width > 0 and box_height > 0,
        "box",
        "must have a positive width and height",
        sample.box,
    )
    require(
        x < width and y < height and x + box_width > 0 and y + box_height > 0,
        "box",
        f"must overlap the image of {width} x {height} px",
        sample.box,
    )


def _check_joints(sample, skeleton, require):
    depth = sample.joints_mm[sample.weight_3d > 0, 2]
    require(
        np.all(depth > 0),
        "joints_mm",
        "must lie in front of the camera, z > 0 mm",
        depth,
    )
    length = _mean_bone_length(sample, skeleton)
    low, high = BONE_LENGTHS_MM
    require(
        length is None or low <= length <= high,
        "joints_mm",
        f"must be in mm, bones {low:.0f} to {high:.0f} mm long on average",
        f"{length} mm",
    )
    error = reprojection_error(sample)
    limit = MAX_REPROJECTION_SHARE * max(sample.box[2:])
    require(
        error is None or error <= limit,
        "joints_mm",
        "must project onto `joints_px` with `intrinsics` and `distortion` "
        f"within {limit:.1f} px on average",
        f"{error} px",
    )


def reprojection_error(sample):
    """Mean distance in px from projected 3D joints to the 2D joints.

    Returns:
        None where no joint has both, or the camera is unknown.
    """
    both = (sample.weight_2d > 0) & (sample.weight_3d > 0)
    if not both.any() or not sample.intrinsics.any():
        return None
    projected = camera.image_from_camera(
        sample.joints_mm[both], sample.intrinsics, sample.distortion
    )
    distance = np.linalg.norm(projected - sample.joints_px[both], axis=-1)
    return float(distance.mean())
