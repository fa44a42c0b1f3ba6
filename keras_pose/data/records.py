"""The record schema: what a data set is once `prepare.py` has read it.

A prepared data set is a folder of TFRecord shards and a `dataset.json`. Each
record is a tf.train.Example with exactly the fields of `FIELDS`; J is the
number of joints of the skeleton that `dataset.json` names.
"""

import dataclasses
import hashlib
import json
import os

import numpy as np
import tensorflow as tf

from keras_pose.skeleton import SKELETONS

SCHEMA_VERSION = 1
INFO_FILE = "dataset.json"

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
    "subject": (bytes, (), "who is seen"),
    "action": (bytes, (), "what they do"),
    "camera": (bytes, (), "which camera"),
    "frame": (np.int64, (), "index in the clip"),
    "source": (bytes, (), "the source that read it, as given to prepare.py"),
}

_TF_DTYPES = {bytes: tf.string, np.float32: tf.float32, np.int64: tf.int64}


def concrete_shape(shape, num_joints):
    """A shape of `FIELDS` with the number of joints put in."""
    return tuple(num_joints if side == "J" else side for side in shape)


def encode(sample, num_joints):
    """Serialises a Sample.

    Raises:
        ValueError: A field has another shape than `FIELDS` says.
    """
    features = {}
    for field, (dtype, shape, _) in FIELDS.items():
        value = getattr(sample, field)
        if dtype is bytes:
            value = value.encode() if isinstance(value, str) else value
            kind = tf.train.Feature(
                bytes_list=tf.train.BytesList(value=[value])
            )
        else:
            value = np.asarray(value, dtype)
            expected = concrete_shape(shape, num_joints)
            if value.shape != expected:
                raise ValueError(
                    f"{sample.name}: `{field}` must have shape {expected}. "
                    f"Received: {value.shape}"
                )
            if dtype is np.int64:
                kind = tf.train.Feature(
                    int64_list=tf.train.Int64List(value=value.ravel())
                )
            else:
                kind = tf.train.Feature(
                    float_list=tf.train.FloatList(value=value.ravel())
                )
        features[field] = kind
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # The order of a map is otherwise another one in every process.
    return example.SerializeToString(deterministic=True)


def decode(serialised, num_joints):
    """Parses one record, in a graph or eagerly.

    Args:
        serialised: Scalar string tensor.
        num_joints: J of the data set's skeleton.

    Returns:
        A dict of tensors with the keys and shapes of `FIELDS`.
    """
    return tf.io.parse_single_example(
        serialised,
        {
            field: tf.io.FixedLenFeature(
                concrete_shape(shape, num_joints), _TF_DTYPES[dtype]
            )
            for field, (dtype, shape, _) in FIELDS.items()
        },
    )


def decode_batch(serialised, num_joints, fields=tuple(FIELDS)):
    """Parses records at once, also those of data sets of several skeletons.

    Args:
        serialised: (B,) string tensor.
        num_joints: (B,) int, J of each record's data set.
        fields: Those to parse, "weight_3d" among them.

    Returns:
        A dict of tensors, their shapes those of `FIELDS` after a leading B; the
        joints of records that have fewer than the others end in zeros.
    """
    features = {
        field: tf.io.FixedLenSequenceFeature(
            shape[1:], _TF_DTYPES[dtype], allow_missing=True
        )
        if shape[:1] == ("J",)
        else tf.io.FixedLenFeature(shape, _TF_DTYPES[dtype])
        for field, (dtype, shape, _) in FIELDS.items()
        if field in fields
    }
    # It alone says how many joints a record has.
    features["weight_3d"] = tf.io.RaggedFeature(tf.float32)
    record = tf.io.parse_example(serialised, features)
    check = tf.debugging.assert_equal(
        record["weight_3d"].row_lengths(),
        tf.cast(num_joints, tf.int32),
        "a record's weight_3d is not of its data set's skeleton",
    )
    with tf.control_dependencies([check] if check is not None else []):
        record["weight_3d"] = record["weight_3d"].to_tensor()
    return record


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


def write_info(folder, info):
    """Writes `dataset.json`, which makes a folder of shards a data set."""
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


def _check_info(content):
    def require(holds, field, rule):
        if not holds:
            raise ValueError(f"`{field}` {rule}. Received: {content[field]}")

    version = content["schema_version"]
    require(
        version == SCHEMA_VERSION, "schema_version", f"must be {SCHEMA_VERSION}"
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


def damaged(folder):
    """Paths of the shards that are not what was written; reads them all."""
    info = read_info(folder)
    paths = {os.path.join(folder, row["file"]): row for row in info.shards}
    return [
        path for path, row in paths.items() if _checksum(path) != row["sha256"]
    ]


def _checksum(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
