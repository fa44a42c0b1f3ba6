import dataclasses
import functools
import json
import os

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data import records
from keras_pose.data import sample
from keras_pose.skeleton import H36M_17

SCHEMA = {
    "image": (tf.string, ()),
    "name": (tf.string, ()),
    "box": (tf.float32, (4,)),
    "joints_mm": (tf.float32, (17, 3)),
    "joints_px": (tf.float32, (17, 2)),
    "weight_3d": (tf.float32, (17,)),
    "weight_2d": (tf.float32, (17,)),
    "intrinsics": (tf.float32, (3, 3)),
    "distortion": (tf.float32, (5,)),
    "subject": (tf.string, ()),
    "action": (tf.string, ()),
    "camera": (tf.string, ()),
    "frame": (tf.int64, ()),
    "source": (tf.string, ()),
}
# FIPS 180-2, appendix B.1.
SHA256_OF_ABC = (
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
)


def decode_eagerly(serialised):
    return records.decode(tf.constant(serialised), 17)


def decode_in_graph(serialised):
    decode = functools.partial(records.decode, num_joints=17)
    dataset = tf.data.Dataset.from_tensors(serialised).map(decode)
    specs = {
        field: (spec.dtype, spec.shape)
        for field, spec in dataset.element_spec.items()
    }
    assert specs == SCHEMA  # batching needs the shapes before any record
    return next(iter(dataset))


@pytest.mark.parametrize("decode", [decode_eagerly, decode_in_graph])
def test_decode_gives_back_every_encoded_field(make_sample, decode):
    sample = make_sample(
        seed=7, subject="Zoë", distortion=np.arange(1, 6, dtype=np.float32)
    )
    decoded = decode(records.encode(sample, 17))
    assert {k: (v.dtype, v.shape) for k, v in decoded.items()} == SCHEMA
    for field in SCHEMA:
        value = getattr(sample, field)
        value = value.encode() if isinstance(value, str) else value
        np.testing.assert_array_equal(decoded[field].numpy(), value)


def test_fields_are_those_of_a_sample():
    sample_fields = [field.name for field in dataclasses.fields(sample.Sample)]
    assert list(records.FIELDS) == sample_fields == list(SCHEMA)


@pytest.mark.parametrize(
    "field",
    [name for name, (dtype, _) in SCHEMA.items() if dtype != tf.string],
)
def test_encode_refuses_a_wrong_shape_by_field_name(make_sample, field):
    value = np.stack([getattr(make_sample(), field)] * 2)
    sample = make_sample(**{field: value})
    with pytest.raises(ValueError, match=f"images/0.jpg: `{field}` must"):
        records.encode(sample, 17)


def test_decode_refuses_a_record_of_another_joint_count(make_sample):
    serialised = records.encode(make_sample(), 17)
    with pytest.raises(tf.errors.InvalidArgumentError, match="joints_|weight_"):
        records.decode(serialised, 16)


def test_decode_batch_gives_what_decode_gives(make_sample):
    serialised = [records.encode(make_sample(seed), 17) for seed in range(3)]
    batch = records.decode_batch(tf.constant(serialised), [17] * 3)
    assert {k: (v.dtype, v.shape[1:]) for k, v in batch.items()} == SCHEMA
    for index, row in enumerate(serialised):
        for field, value in records.decode(tf.constant(row), 17).items():
            np.testing.assert_array_equal(batch[field][index], value)


def cut_to(sample, num_joints):
    fields = ("joints_mm", "joints_px", "weight_3d", "weight_2d")
    rows = {name: getattr(sample, name)[:num_joints] for name in fields}
    return records.encode(dataclasses.replace(sample, **rows), num_joints)


def test_decode_batch_pads_the_records_with_fewer_joints(make_sample):
    serialised = [records.encode(make_sample(0), 17), cut_to(make_sample(1), 3)]
    batch = records.decode_batch(tf.constant(serialised), [17, 3])
    expected = np.zeros((17, 3))
    expected[:3] = make_sample(1).joints_mm[:3]
    np.testing.assert_array_equal(batch["joints_mm"][1], expected)
    np.testing.assert_array_equal(batch["weight_3d"][1], [1] * 3 + [0] * 14)


def test_decode_batch_refuses_a_record_of_another_joint_count(make_sample):
    serialised = [records.encode(make_sample(0), 17), cut_to(make_sample(1), 3)]
    with pytest.raises(tf.errors.InvalidArgumentError, match="skeleton"):
        records.decode_batch(tf.constant(serialised), [17, 17])


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
        "bytes": 3,
        "sha256": SHA256_OF_ABC,
    }
    lengths = (0.0, *np.arange(16) + 0.125)
    return records.DatasetInfo("made", H36M_17, 2, lengths, (shard,))


@pytest.fixture
def folder(tmp_path, info):
    (tmp_path / "0.tfrecord").write_bytes(b"abc")
    records.write_info(tmp_path, info)
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
            "0.tfrecord must have 3 bytes. Received: 2",
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
        pytest.param(edit(schema_version=2), "`schema_version`", id="schema"),
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
