import dataclasses
import hashlib
import json
import os

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data import records
from keras_pose.data import sample
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPI_INF_3DHP_17

SCHEMA = {
    "image": (bytes, ()),
    "name": (bytes, ()),
    "box": (np.float32, (4,)),
    "joints_mm": (np.float32, (17, 3)),
    "joints_px": (np.float32, (17, 2)),
    "weight_3d": (np.float32, (17,)),
    "weight_2d": (np.float32, (17,)),
    "intrinsics": (np.float32, (3, 3)),
    "distortion": (np.float32, (5,)),
    "head_size": (np.float32, ()),
    "subject": (bytes, ()),
    "action": (bytes, ()),
    "camera": (bytes, ()),
    "frame": (np.int64, ()),
    "source": (bytes, ()),
    "picture": (bytes, ()),
}
TF_DTYPES = {bytes: tf.string, np.float32: tf.float32, np.int64: tf.int64}
# FIPS 180-2, appendix B.1.
SHA256_OF_ABC = (
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
)


def decode_by_tensorflow(serialised):
    features = {
        field: tf.io.FixedLenFeature(shape, TF_DTYPES[dtype])
        for field, (dtype, shape) in SCHEMA.items()
    }
    record = tf.io.parse_single_example(serialised, features)
    return {field: value.numpy() for field, value in record.items()}


def decode(serialised):
    return records.decode(serialised, 17)


@pytest.mark.parametrize("decode", [decode, decode_by_tensorflow])
def test_decode_gives_back_every_encoded_field(make_sample, decode):
    sample = make_sample(
        seed=7, subject="Zoë", distortion=np.arange(1, 6, dtype=np.float32)
    )
    decoded = decode(records.encode(sample, 17))
    assert set(decoded) == set(SCHEMA)
    for field, (dtype, shape) in SCHEMA.items():
        value = getattr(sample, field)
        if field == "picture":
            value = hashlib.blake2b(sample.image, digest_size=16).digest()
        value = value.encode() if isinstance(value, str) else value
        np.testing.assert_array_equal(decoded[field], value)
        if dtype is bytes:
            assert isinstance(decoded[field], bytes)
        else:
            kind = decoded[field].dtype, decoded[field].shape
            assert kind == (dtype, shape)


def test_bytes_are_those_that_tensorflow_writes(make_sample):
    sample = make_sample(seed=3, picture=b"16 bytes of digest")
    features = {}
    for field, (dtype, _) in SCHEMA.items():
        value = getattr(sample, field)
        if dtype is bytes:
            value = value.encode() if isinstance(value, str) else value
            features[field] = tf.train.Feature(
                bytes_list=tf.train.BytesList(value=[value])
            )
        elif dtype is np.int64:
            features[field] = tf.train.Feature(
                int64_list=tf.train.Int64List(value=[value])
            )
        else:
            features[field] = tf.train.Feature(
                float_list=tf.train.FloatList(value=np.ravel(value))
            )
    example = tf.train.Example(features=tf.train.Features(feature=features))
    expected = example.SerializeToString(deterministic=True)
    assert records.encode(sample, 17) == expected
    decoded = records.decode(expected, 17)
    np.testing.assert_array_equal(decoded["joints_mm"], sample.joints_mm)


def test_decode_parses_the_fields_asked_for(make_sample):
    serialised = records.encode(make_sample(seed=2), 17)
    record = records.decode(serialised, 17, ("frame", "name"))
    assert record == {"frame": 2, "name": b"images/2.jpg"}


def test_fields_are_those_of_a_sample():
    sample_fields = [field.name for field in dataclasses.fields(sample.Sample)]
    assert list(records.FIELDS) == sample_fields == list(SCHEMA)


@pytest.mark.parametrize(
    "field",
    [name for name, (dtype, _) in SCHEMA.items() if dtype is not bytes],
)
def test_encode_refuses_a_wrong_shape_by_field_name(make_sample, field):
    value = np.stack([getattr(make_sample(), field)] * 2)
    sample = make_sample(**{field: value})
    with pytest.raises(ValueError, match=f"images/0.jpg: `{field}` must"):
        records.encode(sample, 17)


@pytest.mark.parametrize("num_joints", [16, 18])
def test_decode_refuses_a_record_of_another_joint_count(
    make_sample, num_joints
):
    serialised = records.encode(make_sample(), 17)
    with pytest.raises(ValueError, match="`joints_mm` must.*: 51 values"):
        records.decode(serialised, num_joints)


@pytest.mark.parametrize(
    ("serialised", "message"),
    [
        (b"", "`image` must have shape .*: 0 values"),
        (b"GET / HTTP/1.1", "must be a tf.train.Example"),
        (
            tf.train.Example(
                features=tf.train.Features(
                    feature={
                        "image": tf.train.Feature(
                            int64_list=tf.train.Int64List(value=[1])
                        )
                    }
                )
            ).SerializeToString(),
            "`image` must",
        ),
    ],
    ids=["empty", "no_example", "of_another_type"],
)
def test_decode_refuses_what_is_no_record(serialised, message):
    with pytest.raises(ValueError, match=message):
        records.decode(serialised, 17)


def test_decode_refuses_a_record_that_was_cut(make_sample):
    serialised = records.encode(make_sample(), 17)
    with pytest.raises(ValueError, match="must"):
        records.decode(serialised[: len(serialised) // 2], 17)


def test_shard_row_describes_the_file(tmp_path):
    path = tmp_path / "0.tfrecord"
    path.write_bytes(b"abc")
    assert records.shard_row(path, 2) == {
        "file": "0.tfrecord",
        "count": 2,
        "bytes": 3,
        "sha256": SHA256_OF_ABC,
    }


@pytest.fixture
def info():
    shard = {
        "file": "0.tfrecord",
        "count": 2,
        "bytes": 44,
        "sha256": SHA256_OF_ABC,
    }
    lengths = (0.0, *np.arange(16) + 0.125)
    return records.DatasetInfo("made", H36M_17, 2, lengths, (shard,))


@pytest.fixture
def folder(tmp_path, info):
    (tmp_path / "0.tfrecord").write_bytes(bytes(5 + 16 + 7 + 16))
    records.write_info(tmp_path, info, [5, 7])
    return tmp_path


def test_read_info_gives_back_what_was_written(folder, info):
    assert records.read_info(folder) == info


def edit(**changes):
    def apply(folder):
        path = folder / "dataset.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return apply


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(
            lambda folder: os.remove(folder / "dataset.json"),
            "dataset.json: No such",
            id="no_json",
        ),
        pytest.param(
            lambda folder: os.remove(folder / "0.tfrecord"),
            "0.tfrecord: No such",
            id="no_shard",
        ),
        pytest.param(
            lambda folder: os.truncate(folder / "0.tfrecord", 2),
            "0.tfrecord must have 44 bytes. Received: 2",
            id="cut_shard",
        ),
        pytest.param(
            lambda folder: os.truncate(folder / "dataset.json", 100),
            "dataset.json: ",
            id="cut_json",
        ),
        pytest.param(
            lambda folder: (folder / "dataset.json").write_text("[1]"),
            "dataset.json: ",
            id="json_of_a_list",
        ),
        pytest.param(
            edit(schema_version=1),
            "`schema_version` must be 3; .*prepare it again. Received: 1",
            id="schema",
        ),
        pytest.param(edit(joints=["pelvis"]), "`joints`", id="joints"),
        pytest.param(
            edit(joints=list(H36M_17.joints[::-1])), "`joints`", id="order"
        ),
        pytest.param(edit(skeleton="robot"), "robot", id="skeleton"),
        pytest.param(edit(count=0), "`count`", id="empty"),
        pytest.param(edit(bone_lengths_mm=None), "dataset.json: ", id="bones"),
    ],
)
def test_read_info_refuses(folder, damage, message):
    damage(folder)
    with pytest.raises(ValueError, match=message) as error:
        records.read_info(folder)
    assert str(folder) in str(error.value)


def test_a_folder_of_splits_names_the_one_for_training(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "dataset.json").write_text("{}")
    with pytest.raises(
        ValueError, match=f"not a data.*{tmp_path}/train is one"
    ):
        records.read_info(tmp_path)


def test_read_lengths_gives_back_what_was_written(folder, info):
    lengths = records.read_lengths(folder, info)
    assert lengths.dtype == np.int64
    assert lengths.tolist() == [5, 7]


def save(array, **options):
    return lambda path: np.save(path, array, **options)


def claim_more(path):
    """A header of 2^40 lengths over two of them."""
    content = path.read_bytes().replace(b"(2,), }", b"(1099511627776,), }")
    path.write_bytes(content.replace(b" " * 12 + b"\n", b"\n"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(os.remove, "No such file", id="none"),
        pytest.param(lambda p: os.truncate(p, 0), "lengths.npy: ", id="empty"),
        pytest.param(lambda p: os.truncate(p, 130), "lengths.npy: ", id="cut"),
        pytest.param(claim_more, "greater than file size", id="claims_more"),
        pytest.param(save([5, 7, 0]), r"must be \(2,\) int64", id="three"),
        pytest.param(save([5.0, 7.0]), "must be .*float64", id="floats"),
        pytest.param(save([5, 8]), "add up to the 44 bytes", id="one_more"),
        pytest.param(save([-5, 17]), "add up to the 44 bytes", id="negative"),
        pytest.param(
            save(np.int64([2**62, 12 - 2**62])), "add up", id="overflow"
        ),
        pytest.param(
            save(np.array([{}, {}], object), allow_pickle=True),
            "Python objects",
            id="objects",
        ),
    ],
)
def test_read_lengths_refuses(folder, info, damage, message):
    damage(folder / "lengths.npy")
    with pytest.raises(ValueError, match=message) as error:
        records.read_lengths(folder, info)
    assert str(folder / "lengths.npy") in str(error.value)


def test_lengths_add_up_shard_by_shard(folder, info):
    shards = [
        {"file": name, "count": 1, "bytes": size}
        for name, size in (("0.tfrecord", 21), ("1.tfrecord", 23))
    ]
    info = dataclasses.replace(info, shards=tuple(shards))
    assert records.read_lengths(folder, info).tolist() == [5, 7]
    np.save(folder / "lengths.npy", [7, 5])
    with pytest.raises(ValueError, match="21 bytes of 0.tfrecord"):
        records.read_lengths(folder, info)


def made_of(skeleton, count, lengths):
    return records.DatasetInfo("made", skeleton, count, lengths, ())


def test_mean_bone_lengths_are_weighted_by_count():
    first = made_of(H36M_17, 1, (0.0, 10.0, *[400.0] * 15))
    second = made_of(H36M_17, 3, (0.0, 0.0, *[440.0] * 15))
    lengths = records.mean_bone_lengths([first, second], H36M_17)
    # The second data set does not know the right hip's.
    assert lengths == (0.0, 10.0, *[430.0] * 15)


def test_bones_that_a_data_set_lacks_have_no_length():
    info = made_of(MPI_INF_3DHP_17, 1, tuple(100.0 + np.arange(17)))
    lengths = records.mean_bone_lengths([info], H36M_17)
    nose, head_top, knee = 9, 10, 2
    assert lengths[nose] == lengths[head_top] == 0
    of_the_knee = MPI_INF_3DHP_17.joints.index("right_knee")
    assert lengths[knee] == 100 + of_the_knee
