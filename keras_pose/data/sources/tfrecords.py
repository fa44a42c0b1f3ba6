"""TFRecords that somebody made, by prepare.py or by a program of their own.

A folder that prepare.py made, with its `dataset.json`, is read as it is.

Any other: all files below the root with `.tfrecord` in their names, not
compressed, of tf.train.Examples whose features are called as the fields of
`records.FIELDS`. Only `image` must be there, a JPEG or PNG as one bytes value.
The others, with J joints in the order of the joint set that `skeleton` names:

    box          4 floats        px; x, y, width, height from the image's
                                 corner; else the whole image
    joints_mm    3 J floats      mm, camera frame: x right, y down, z away
    joints_px    2 J floats      px, (0, 0) the centre of the top-left pixel
    weight_3d    J floats        0 to 1; else 1 with joints_mm, 0 without
    weight_2d    J floats        0 to 1; else 1 with joints_px, 0 without
    intrinsics   9 floats        px; fx, 0, cx, 0, fy, cy, 0, 0, 1
    distortion   5 floats        OpenCV's k1, k2, p1, p2, k3
    head_size    1 float         px, the unit of PCKh
    name, subject, action, camera   1 bytes value each, UTF-8
    frame        1 int64         else the record's number in its file

    example = tf.train.Example()
    feature = example.features.feature
    feature["image"].bytes_list.value.append(open("a.jpg", "rb").read())
    feature["joints_mm"].float_list.value.extend(pose.ravel())
    writer.write(example.SerializeToString())
"""

import math
import os

import numpy as np
from google.protobuf.message import DecodeError

from keras_pose import images
from keras_pose.data import records
from keras_pose.data import tfrecord
from keras_pose.data.example_proto import Example
from keras_pose.data.sample import Sample
from keras_pose.data.sources import options
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.source import Source
from keras_pose.skeleton import SKELETONS

NAME = "tfrecord"

# A record holds an image and a pose. Parsed, numbers take ten times as much.
MAX_RECORD_BYTES = 64 * 2**20

_KINDS = {bytes: "bytes_list", np.float32: "float_list", np.int64: "int64_list"}


def people(root, *, skeleton=None):
    """Opens the records below a folder.

    Args:
        root: The folder.
        skeleton: Name of the joint set of records that prepare.py did not
            make; those that it made know theirs.

    Raises:
        ValueError: Names the file, the record and what is wrong.
    """
    files.check_root(root)
    skeleton = options.one_of(skeleton, SKELETONS, "skeleton", None)
    if os.path.isfile(os.path.join(root, records.INFO_FILE)):
        return _open_prepared(root, skeleton)
    if skeleton is None:
        raise ValueError(
            "`skeleton` must name the joint set of the records, one of "
            f"{', '.join(SKELETONS)}. Received: none"
        )
    joint_set = SKELETONS[skeleton]
    paths = _record_files(root)
    lengths = [_lengths(path) for path in paths]
    if not any(lengths):
        raise ValueError(f"{root}: must hold .tfrecord files with records")

    def samples():
        for path, sizes in zip(paths, lengths, strict=True):
            relative = os.path.relpath(path, root)
            for index, record in enumerate(_read(path, sizes)):
                default = f"{relative}#{index}"
                try:
                    yield _sample(record, joint_set.num_joints, default, index)
                except ValueError as error:
                    raise ValueError(
                        f"{path}: record {index}: {error}"
                    ) from error

    notes = _unread_features(paths, lengths)
    return Source(NAME, joint_set, sum(map(len, lengths)), samples(), notes)


def _open_prepared(root, skeleton):
    info = records.read_info(root)
    if skeleton not in (None, info.skeleton.name):
        raise ValueError(
            f"`skeleton` must be {info.skeleton.name}, that of {root}. "
            f"Received: {skeleton}"
        )
    paths = [os.path.join(root, shard["file"]) for shard in info.shards]
    lengths = [_lengths(path) for path in paths]
    for path, sizes, shard in zip(paths, lengths, info.shards, strict=True):
        if len(sizes) != shard["count"]:
            raise ValueError(
                f"{path}: must have the {shard['count']} records that "
                f"{records.INFO_FILE} says. Received: {len(sizes)}"
            )

    def samples():
        for path, sizes in zip(paths, lengths, strict=True):
            for index, record in enumerate(_read(path, sizes)):
                try:
                    fields = records.decode(record, info.skeleton.num_joints)
                    yield _from_fields(fields)
                except ValueError as error:
                    raise ValueError(
                        f"{path}: record {index}: {error}"
                    ) from error

    return Source(NAME, info.skeleton, info.count, samples())


def _record_files(root):
    return sorted(
        path
        for folder, _, names in os.walk(root)
        for name in names
        if ".tfrecord" in name
        and os.path.isfile(path := os.path.join(folder, name))
    )


def _lengths(path):
    try:
        with open(path, "rb") as file:
            if file.read(2) == b"\x1f\x8b":
                raise ValueError(
                    f"{path}: must not be compressed; unpack it with gunzip"
                )
        return tfrecord.read_lengths(path, MAX_RECORD_BYTES)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error


def _read(path, lengths):
    """Yields the records of a file."""
    try:
        with open(path, "rb") as file:
            offset = 0
            for index, length in enumerate(lengths):
                try:
                    yield tfrecord.read_at(file.fileno(), offset, length)
                except ValueError as error:
                    raise ValueError(
                        f"{path}: record {index}: {error}"
                    ) from error
                offset += length + tfrecord.OVERHEAD
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error


def _features(record):
    try:
        return Example.FromString(record).features.feature
    except DecodeError as error:
        raise ValueError("it must be a tf.train.Example") from error


def _unread_features(paths, lengths):
    """A note that names what the first record has besides: it may be a typo."""
    path, sizes = next(
        (path, sizes)
        for path, sizes in zip(paths, lengths, strict=True)
        if sizes
    )
    try:
        names = sorted(set(_features(next(_read(path, sizes)))))
    except ValueError:
        return ()  # the sample itself says what is wrong
    unread = [name[:50] for name in names if name not in records.FIELDS][:20]
    if not unread:
        return ()
    return (f"{path}: features that are not read: {', '.join(unread)}",)


def _sample(record, num_joints, name, index):
    features = _features(record)
    given = {
        field: _value(features[field], field, num_joints)
        for field in records.FIELDS
        if field in features
    }
    if "image" not in given:
        raise ValueError(
            "`image` must be a JPEG or PNG. Received: "
            f"{', '.join(sorted(features)[:20]) or 'nothing'}"
        )
    width, height, _ = images.image_header(given["image"], name)
    defaults = {
        "name": name.encode(),
        "box": np.array([0, 0, width, height], np.float32),
        "weight_3d": np.full(num_joints, "joints_mm" in given, np.float32),
        "weight_2d": np.full(num_joints, "joints_px" in given, np.float32),
        "frame": index,
        "source": NAME.encode(),
    }
    for field, (dtype, shape, _) in records.FIELDS.items():
        if field not in defaults:
            shape = records.concrete_shape(shape, num_joints)
            empty = b"" if dtype is bytes else np.zeros(shape, dtype)
            defaults[field] = empty
    for weight, joints in (
        ("weight_3d", "joints_mm"),
        ("weight_2d", "joints_px"),
    ):
        if weight in given and joints not in given and given[weight].any():
            raise ValueError(
                f"`{weight}` must be 0 without `{joints}`. "
                f"Received: {given[weight]}"
            )
    return _from_fields({**defaults, **given})


def _value(feature, field, num_joints):
    """The value of a feature, of the field's type and size."""
    dtype, shape, _ = records.FIELDS[field]
    shape = records.concrete_shape(shape, num_joints)
    values = getattr(feature, _KINDS[dtype]).value
    if len(values) != math.prod(shape):
        raise ValueError(
            f"`{field}` must be a {_KINDS[dtype]} of {math.prod(shape)} "
            f"values. Received: a {feature.WhichOneof('kind')} of "
            f"{len(values)}"
        )
    if dtype is bytes:
        return values[0]
    return np.array(values[:], dtype).reshape(shape)


def _from_fields(fields):
    """The Sample of {field: value}, its texts decoded."""
    texts = {
        field: value.decode("utf-8", "replace")
        for field, value in fields.items()
        if isinstance(value, bytes) and field not in ("image", "picture")
    }
    numbers = {
        "head_size": float(fields["head_size"]),
        "frame": int(fields["frame"]),
    }
    return Sample(**{**fields, **texts, **numbers})
