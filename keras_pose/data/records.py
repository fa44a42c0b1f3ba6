"""The record schema: what a data set is once `prepare.py` has read it.

A prepared data set is a folder of TFRecord shards, a `dataset.json`, and a
`lengths.npy`: the bytes of each record in order, so that any of them is read
without those before it. Each record is a tf.train.Example with exactly the
fields of `FIELDS`; J is the number of joints of the skeleton that
`dataset.json` names.
"""

import dataclasses
import functools
import hashlib
import json
import math
import os

import numpy as np
from google.protobuf.message import DecodeError

from keras_pose.data import tfrecord
from keras_pose.data.example_proto import Example
from keras_pose.skeleton import SKELETONS

SCHEMA_VERSION = 3
INFO_FILE = "dataset.json"
LENGTHS_FILE = "lengths.npy"

# name: (dtype, shape, meaning)
FIELDS = {
    "image": (bytes, (), "the encoded JPEG or PNG, untouched"),
    "name": (bytes, (), "path of the image below the source's root"),
    "box": (np.float32, (4,), "px; x, y, width, height around the person"),
    "joints_mm": (np.float32, ("J", 3), "mm, camera frame; 0 if unknown"),
    "joints_px": (np.float32, ("J", 2), "px, distorted; 0 if unknown"),
    "weight_3d": (np.float32, ("J",), "in [0, 1]; 0 if joints_mm is unknown"),
    "weight_2d": (np.float32, ("J",), "in [0, 1]; 0 if joints_px is unknown"),
    "intrinsics": (np.float32, (3, 3), "px, no skew; 0 if unknown"),
    "distortion": (np.float32, (5,), "k1, k2, p1, p2, k3 as in OpenCV"),
    "head_size": (np.float32, (), "px, PCKh's unit; 0 if unknown"),
    "subject": (bytes, (), "who is seen"),
    "action": (bytes, (), "what they do"),
    "camera": (bytes, (), "which camera"),
    "frame": (np.int64, (), "index in the clip"),
    "source": (bytes, (), "the source that read it, as given to prepare.py"),
    "picture": (bytes, (), "digest of the file that the image is or is from"),
}

# Where a tf.train.Feature holds values of a type.
_LISTS = {bytes: "bytes_list", np.float32: "float_list", np.int64: "int64_list"}


def concrete_shape(shape, num_joints):
    """A shape of `FIELDS` with the number of joints put in."""
    return tuple(num_joints if side == "J" else side for side in shape)


def picture_of(sample):
    """What tells a sample's picture from all others, also when it is cropped.

    Args:
        sample: A Sample.

    Returns:
        The digest of the encoded picture that its image is, or was cut from.
    """
    if sample.picture:
        return sample.picture
    return hashlib.blake2b(sample.image, digest_size=16).digest()


def encode(sample, num_joints):
    """Serialises a Sample.

    Raises:
        ValueError: A field has another shape than `FIELDS` says.
    """
    example = Example()
    for field, (dtype, shape, _) in FIELDS.items():
        value = getattr(sample, field)
        if field == "picture":
            value = picture_of(sample)
        if dtype is bytes:
            values = [value.encode() if isinstance(value, str) else value]
        else:
            value = np.asarray(value, dtype)
            expected = concrete_shape(shape, num_joints)
            if value.shape != expected:
                raise ValueError(
                    f"{sample.name}: `{field}` must have shape {expected}. "
                    f"Received: {value.shape}"
                )
            values = value.ravel().tolist()
        feature = example.features.feature[field]
        getattr(feature, _LISTS[dtype]).value.extend(values)
    # The order of a map is otherwise another one in every process.
    return example.SerializeToString(deterministic=True)


def decode(serialised, num_joints, fields=tuple(FIELDS)):
    """Parses one record.

    Args:
        serialised: Bytes of the record.
        num_joints: J of the data set's skeleton.
        fields: Those to parse.

    Returns:
        Dict of field to its bytes, or its array of the dtype and shape of
        `FIELDS`.

    Raises:
        ValueError: The bytes are no such record.
    """
    record = decode_flat(serialised, num_joints, fields)
    for field, values in record.items():
        dtype, shape, _ = FIELDS[field]
        if dtype is not bytes:
            shape = concrete_shape(shape, num_joints)
            record[field] = np.array(values, dtype).reshape(shape)
    return record


def decode_flat(serialised, num_joints, fields):
    """As `decode`, but with a flat list for each array.

    Whoever joins many records makes one array of all of them sooner.
    """
    try:
        features = Example.FromString(serialised).features.feature
    except DecodeError as error:
        raise ValueError("it must be a tf.train.Example") from error
    record = {}
    for field in fields:
        dtype = FIELDS[field][0]
        # One that is missing, or of another type, has no values.
        values = getattr(features[field], _LISTS[dtype]).value[:]
        if len(values) != _size_of(field, num_joints):
            shape = concrete_shape(FIELDS[field][1], num_joints)
            raise ValueError(
                f"`{field}` must have shape {shape}. "
                f"Received: {len(values)} values"
            )
        record[field] = values[0] if dtype is bytes else values
    return record


@functools.cache
def _size_of(field, num_joints):
    """Number of values of a field."""
    return math.prod(concrete_shape(FIELDS[field][1], num_joints))


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """What `dataset.json` says.

    Attributes:
        source: The name given to prepare.py.
        skeleton: The data set's Skeleton.
        count: Number of records.
        bone_lengths_mm: Mean length of each joint's bone to its parent, J
            numbers; 0 for the root and where the source has no 3D.
        shards: Rows of file, count, bytes and sha256.
    """

    source: str
    skeleton: object
    count: int
    bone_lengths_mm: tuple[float, ...]
    shards: tuple[dict, ...]


def write_info(folder, info, lengths):
    """Writes what makes a folder of shards a data set.

    Args:
        folder: Where the shards are.
        info: Their DatasetInfo.
        lengths: Bytes of each record, in the order of the shards.
    """
    np.save(os.path.join(folder, LENGTHS_FILE), np.array(lengths, np.int64))
    content = {
        "schema_version": SCHEMA_VERSION,
        "source": info.source,
        "skeleton": info.skeleton.name,
        "joints": list(info.skeleton.joints),
        "count": info.count,
        "bone_lengths_mm": [round(float(x), 3) for x in info.bone_lengths_mm],
        "shards": list(info.shards),
    }
    with open(os.path.join(folder, INFO_FILE), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)


def read_info(folder):
    """Reads and checks `dataset.json`.

    Raises:
        ValueError: The folder is no prepared data set, is empty, or a shard
            is missing or has another size than was written.
    """
    path = os.path.join(folder, INFO_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        _check_info(content)
        info = DatasetInfo(
            content["source"],
            SKELETONS[content["skeleton"]],
            content["count"],
            tuple(content["bone_lengths_mm"]),
            tuple(content["shards"]),
        )
        for shard in info.shards:
            _check_shard(folder, shard)
    except OSError as error:
        part = os.path.join(folder, "train")
        hint = ""
        if os.path.exists(os.path.join(part, INFO_FILE)):
            hint = f"; {part} is one"
        raise ValueError(
            f"{folder}: not a data set made by prepare.py: "
            f"{error.filename}: {error.strerror}{hint}"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    return info


def read_lengths(folder, info):
    """Reads and checks `lengths.npy`.

    Args:
        folder: The data set.
        info: Its DatasetInfo.

    Returns:
        (count,) int64, bytes of each record.

    Raises:
        ValueError: The file is missing, or its lengths do not add up to the
            shards' sizes.
    """
    path = os.path.join(folder, LENGTHS_FILE)
    try:
        # Mapped: the size that a damaged header claims takes no memory.
        lengths = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header raises nearly anything
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{path}: {reason}") from error
    kind = getattr(lengths, "dtype", None), getattr(lengths, "shape", None)
    if kind != (np.int64, (info.count,)):
        raise ValueError(
            f"{path}: must be ({info.count},) int64. Received: {kind}"
        )
    lengths = np.array(lengths)
    start = 0
    for shard in info.shards:
        rows = lengths[start : start + shard["count"]]
        start += shard["count"]
        size = shard["bytes"]
        # Each by itself, too: a sum may overflow.
        inside = rows.min() >= 0 and rows.max() <= size
        if not inside or np.sum(rows + tfrecord.OVERHEAD) != size:
            raise ValueError(
                f"{path}: lengths must add up to the {size} bytes of "
                f"{shard['file']}. Received: {rows.sum()} in {len(rows)} "
                f"records, each with {tfrecord.OVERHEAD} more"
            )
    return lengths


def mean_bone_lengths(infos, skeleton):
    """Mean bone lengths in mm of data sets, for the bones of `skeleton`.

    Args:
        infos: Their DatasetInfos.
        skeleton: The Skeleton asked about.

    Returns:
        J numbers; 0 where no data set has both ends of the bone as a bone.
    """
    total = np.zeros(skeleton.num_joints)
    weight = np.zeros(skeleton.num_joints)
    for info in infos:
        indices = skeleton.indices_in(info.skeleton)
        for parent, child in skeleton.bones:
            index = indices[child]
            if index < 0 or info.skeleton.parents[index] != indices[parent]:
                continue
            if info.bone_lengths_mm[index] > 0:
                total[child] += info.count * info.bone_lengths_mm[index]
                weight[child] += info.count
    return tuple(float(x) for x in np.round(total / np.maximum(weight, 1), 3))


def _check_info(content):
    def require(holds, field, rule):
        if not holds:
            raise ValueError(f"`{field}` {rule}. Received: {content[field]}")

    require(
        content["schema_version"] == SCHEMA_VERSION,
        "schema_version",
        f"must be {SCHEMA_VERSION}; delete the folder and prepare it again",
    )
    require(content["skeleton"] in SKELETONS, "skeleton", "must be a known one")
    skeleton = SKELETONS[content["skeleton"]]
    require(
        content["joints"] == list(skeleton.joints),
        "joints",
        f"must be those of {skeleton.name}",
    )
    require(
        len(content["bone_lengths_mm"]) == skeleton.num_joints,
        "bone_lengths_mm",
        f"must be {skeleton.num_joints} numbers",
    )
    counts = [shard["count"] for shard in content["shards"]]
    require(
        content["count"] == sum(counts) and min(counts, default=0) > 0,
        "count",
        f"must be the sum of the shards' {counts}, and positive",
    )


def _check_shard(folder, shard):
    name = shard["file"]
    if os.path.basename(name) != name:
        raise ValueError(f"a shard must lie in the folder. Received: {name}")
    size = os.stat(os.path.join(folder, name)).st_size
    if size != shard["bytes"]:
        raise ValueError(
            f"shard {name} must have {shard['bytes']} bytes. Received: {size}"
        )


def shard_row(path, count):
    """The row of `dataset.json` that describes a written shard."""
    return {
        "file": os.path.basename(path),
        "count": count,
        "bytes": os.path.getsize(path),
        "sha256": _checksum(path),
    }


def _checksum(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
