import gzip
import hashlib

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data import conversion
from keras_pose.data import tfrecord
from keras_pose.data.sources import tfrecords
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPII_16
from tests.data.sources import made_own
from tests.data.sources import made_pictures


@pytest.fixture
def write(tmp_path):
    """Gives `(*fields of an example) -> root` of one file."""

    def make(*examples, name="own.tfrecord"):
        with tf.io.TFRecordWriter(str(tmp_path / name)) as writer:
            for fields in examples:
                writer.write(made_own.example(**fields))
        return str(tmp_path)

    return make


def samples_of(root, skeleton="h36m_17"):
    return list(tfrecords.people(root, skeleton=skeleton).samples)


def test_all_fields_are_read(write):
    full = made_own.tfrecord_examples()[0]
    (sample,) = samples_of(write(full))
    for field in (
        "box",
        "joints_mm",
        "joints_px",
        "weight_3d",
        "intrinsics",
        "distortion",
    ):
        np.testing.assert_allclose(
            getattr(sample, field), full[field], rtol=1e-6
        )
    assert sample.weight_2d.tolist() == [1] * 17
    assert (sample.name, sample.subject) == ("own/1.jpg", "Ann")
    assert (sample.image, sample.frame) == (full["image"], 42)
    assert sample.head_size == 12.5


def test_an_image_alone_is_one_person_of_whom_nothing_is_known(write):
    image = {"image": made_pictures.jpeg(2)}
    first, second = samples_of(write(image, image), "mpii_16")
    size = made_pictures.WIDTH, made_pictures.HEIGHT
    np.testing.assert_array_equal(second.box, [0, 0, *size])
    assert second.joints_mm.shape == (16, 3)
    assert not second.weight_2d.any()
    assert not second.weight_3d.any()
    assert not second.intrinsics.any()
    assert (first.frame, second.frame) == (0, 1)
    assert second.name == "own.tfrecord#1"


def test_2d_joints_alone_have_weights_of_2d_alone(write):
    places = np.full((17, 2), 30.0)
    (sample,) = samples_of(
        write({"image": made_pictures.jpeg(), "joints_px": places})
    )
    assert sample.weight_2d.all()
    assert not sample.weight_3d.any()


def test_files_are_read_in_the_order_of_their_names(write):
    for name in ("b.tfrecord", "a.tfrecords-00001-of-2", "a.tfrecords-00000"):
        write(
            {"image": made_pictures.jpeg(), "subject": name.encode()}, name=name
        )
    root = write(name="empty.tfrecord")
    assert [sample.subject for sample in samples_of(root)] == [
        "a.tfrecords-00000",
        "a.tfrecords-00001-of-2",
        "b.tfrecord",
    ]


def test_prepared_data_set_is_read_as_it_was_written(
    tmp_path, make_sample, make_source
):
    written = [make_sample(seed) for seed in range(5)]
    out = tmp_path / "prepared"
    conversion.convert(make_source(written), out, samples_per_shard=2)
    source = tfrecords.people(str(out))
    assert (source.skeleton, source.count) == (H36M_17, 5)
    for sample, right in zip(source.samples, written, strict=True):
        digest = hashlib.blake2b(right.image, digest_size=16).digest()
        assert sample.picture == digest
        for field in set(right.__slots__) - {"picture"}:
            np.testing.assert_array_equal(
                getattr(sample, field), getattr(right, field)
            )
    assert tfrecords.people(str(out), skeleton="h36m_17").count == 5
    with pytest.raises(ValueError, match="`skeleton` must be h36m_17.*mpii_16"):
        tfrecords.people(str(out), skeleton=MPII_16.name)


def test_prepared_data_set_with_a_damaged_record_is_refused(
    tmp_path, make_sample, make_source
):
    out = tmp_path / "prepared"
    conversion.convert(make_source([make_sample(s) for s in range(3)]), out)
    (path,) = out.glob("*.tfrecord")
    lengths = tfrecord.read_lengths(path, 2**20)
    content = bytearray(path.read_bytes())
    content[lengths[0] + tfrecord.OVERHEAD + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="record 1: its checksum is wrong"):
        list(tfrecords.people(str(out)).samples)


def test_features_that_are_not_read_are_named(write):
    root = write(
        {"image": made_pictures.jpeg(), "joint_mm": [1.0], "height": 3}
    )
    (note,) = tfrecords.people(root, skeleton="h36m_17").notes
    assert note.endswith("not read: height, joint_mm")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"joints_mm": [1.0] * 50}, "`joints_mm` must be a float_list of 51"),
        ({"box": [1.0] * 3}, "`box` must be a float_list of 4 values"),
        (
            {"frame": [1.5]},
            "`frame` must be a int64_list.* a float_list of 0|1",
        ),
        ({"name": 5}, "`name` must be a bytes_list"),
        (
            {"weight_3d": [1.0] * 17},
            "`weight_3d` must be 0 without `joints_mm`",
        ),
        ({"image": [1.0]}, "`image` must be a bytes_list"),
        ({"image": b"GIF"}, "not an image"),
    ],
)
def test_a_wrong_record_is_refused_by_its_number(write, fields, message):
    image = {"image": made_pictures.jpeg()}
    root = write(image, {**image, **fields})
    with pytest.raises(
        ValueError, match=f"own.tfrecord: record 1: .*{message}"
    ):
        samples_of(root)


def test_a_record_without_an_image_is_refused(write):
    with pytest.raises(ValueError, match="`image` must be .*Received: box"):
        samples_of(write({"box": [1.0] * 4}))


def test_a_record_that_is_no_example_is_refused(tmp_path):
    with tfrecord.Writer(tmp_path / "a.tfrecord") as writer:
        writer.write(b"\xff" * 20)
    with pytest.raises(ValueError, match="record 0: it must be a tf.train.Ex"):
        samples_of(str(tmp_path))


def test_a_compressed_file_is_refused(write, tmp_path):
    root = write({"image": made_pictures.jpeg()})
    path = tmp_path / "own.tfrecord"
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(ValueError, match="must not be compressed"):
        samples_of(root)


def test_a_record_of_any_length_is_refused(write, tmp_path, monkeypatch):
    root = write({"image": made_pictures.jpeg()})
    monkeypatch.setattr(tfrecords, "MAX_RECORD_BYTES", 1000)
    with pytest.raises(ValueError, match="record 0: it must have at most 1000"):
        samples_of(root)


def test_skeleton_must_be_named(write):
    root = write({"image": made_pictures.jpeg()})
    with pytest.raises(ValueError, match="`skeleton` must name the joint set"):
        tfrecords.people(root)
