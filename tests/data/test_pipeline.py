import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data import augmentation_graph
from keras_pose.data import pipeline
from keras_pose.data import threads
from keras_pose.data.augmentation import NO_AUGMENTATION
from keras_pose.data.augmentation import Augmentation
from keras_pose.data.order import Order
from keras_pose.data.store import Records
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.skeleton import MPI_INF_3DHP_17

SEED = 3
CHANGED = Augmentation(
    flip=0.5,
    rotation=30,
    scale=0.2,
    stretch=0.25,
    shift=0.1,
    hue_saturation=60,
    contrast=0.3,
    brightness=0.5,
    erase=0.5,
    jpeg=0.5,
)


@pytest.fixture
def folders(make_dataset):
    """12 samples of two data sets, in 5 shards."""
    return [
        make_dataset("a", 7),
        make_dataset("b", 5, skeleton=MPI_INF_3DHP_17, first=7),
    ]


def by_tensorflow(*arguments, **options):
    return pipeline.training_batches(*arguments, **options).as_numpy_iterator()


# Both give the same; each test here is one of both.
EITHER = pytest.mark.parametrize(
    "training_batches",
    [by_tensorflow, threads.training_batches_numpy],
    ids=["tensorflow", "numpy"],
)


def take(stream, count):
    batches = [next(stream) for _ in range(count)]
    if hasattr(stream, "close"):
        stream.close()
    return batches


def assert_same(batch, other):
    tf.nest.map_structure(np.testing.assert_array_equal, batch, other)


@EITHER
@pytest.mark.parametrize("backend", ["host", "imgaug"])
def test_batches_are_the_samples_of_the_order_changed_by_position(
    folders, spec_of, training_batches, backend
):
    records, spec = Records(folders), spec_of(CropVolume(32))
    report = Augmentation(stretch=0.25, shift=0.05, brightness=0.5)
    order = Order(12, 5, SEED)
    stream = training_batches(records, order, spec, SEED, report, backend)
    plain = {
        name: next(threads.batches(records, spec, 12))[name]
        for name in ("pose", "joints_mm")
    }
    for step, batch in enumerate(take(stream, 4)):
        numbers, positions = order.batch(step)
        np.testing.assert_array_equal(
            batch["joints_mm"], plain["joints_mm"][numbers]
        )
        change = report.draw(SEED, positions)
        expected = (plain["pose"][numbers, :, :2] - 0.5) * change.stretch[
            :, None
        ]
        expected += 0.5 + change.shift[:, None]
        np.testing.assert_allclose(
            batch["pose"][..., :2], expected, rtol=1e-3, atol=2e-4
        )
        assert batch["image"].shape == (5, 32, 32, 3)
        assert batch["image"].dtype == np.uint8
        assert "name" not in batch


@EITHER
def test_a_run_that_goes_on_sees_what_it_would_have_seen(
    folders, spec_of, training_batches
):
    records, spec = Records(folders), spec_of(CropVolume(32))
    whole = take(
        training_batches(records, Order(12, 5, SEED), spec, SEED, CHANGED), 7
    )
    # Of fresh ones, as in another process.
    rest = training_batches(
        Records(folders),
        Order(12, 5, SEED),
        spec,
        SEED,
        CHANGED,
        first_step=4,
    )
    for batch, expected in zip(take(rest, 3), whole[4:], strict=True):
        assert_same(batch, expected)


@EITHER
def test_seeds_and_passes_differ(folders, spec_of, training_batches):
    records, spec = Records(folders), spec_of(CropVolume(32))
    light = Augmentation(brightness=0.5)

    def images_of(seed, step):
        (batch,) = take(
            training_batches(
                records,
                Order(12, 12, 0),
                spec,
                seed,
                light,
                first_step=step,
            ),
            1,
        )
        return batch["image"][np.argsort(batch["joints_mm"][:, 1, 0])]

    one = images_of(0, 0)
    np.testing.assert_array_equal(one, images_of(0, 0))
    for seed, step in ((1, 0), (0, 1)):
        other = images_of(seed, step)
        assert np.abs(one.astype(int) - other).mean(axis=(1, 2, 3)).min() > 1


@EITHER
@pytest.mark.parametrize("shard_by", ["record", "file"])
def test_workers_replicas_and_turns_share_a_batch(
    folders, spec_of, training_batches, shard_by
):
    records, spec = Records(folders), spec_of(CropVolume(32))
    order = Order(12, 24, SEED, shard_by, num_workers=2)
    (whole,) = take(
        training_batches(
            records, Order(12, 24, SEED), spec, SEED, CHANGED, first_step=1
        ),
        1,
    )
    found = np.full((24, 17, 3), np.nan)
    for worker in range(2):
        stream = training_batches(
            records,
            order,
            spec,
            SEED,
            CHANGED,
            first_step=1,
            worker=worker,
            num_replicas=2,
            accumulation=3,
        )
        for index, batch in enumerate(take(stream, 6)):
            _, positions = order.share(6 + index, worker, 2, 3)
            assert batch["image"].shape == (2, 32, 32, 3)
            found[positions - 24] = batch["pose"]
    assert not np.isnan(found).any()
    if shard_by == "record":  # the batch of one worker
        np.testing.assert_array_equal(found, whole["pose"])


def test_both_kinds_of_streams_give_the_same(folders, spec_of):
    records, spec = Records(folders), spec_of(CropVolume(32))
    order = Order(12, 6, SEED)
    streams = [
        take(make(records, order, spec, SEED, CHANGED, first_step=3), 3)
        for make in (by_tensorflow, threads.training_batches_numpy)
    ]
    for batch, other in zip(*streams, strict=True):
        assert_same(batch, other)


def test_the_dataset_has_no_end_and_static_shapes(folders, spec_of):
    records, spec = Records(folders), spec_of(CropVolume(32))
    dataset = pipeline.training_batches(
        records, Order(12, 8, SEED), spec, SEED, num_replicas=2
    )
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    element = dataset.element_spec
    assert element["image"] == tf.TensorSpec((4, 32, 32, 3), tf.uint8)
    assert element["pose"] == tf.TensorSpec((4, 17, 3), tf.float32)
    assert element["weight"] == tf.TensorSpec((4, 17, 3), tf.float32)
    assert element["joints_mm"] == tf.TensorSpec((4, 17, 3), tf.float32)
    assert element["weight_3d"] == tf.TensorSpec((4, 17), tf.float32)
    assert element["view"].root_depth == tf.TensorSpec((4, 1, 1), tf.float32)
    assert set(element) == {
        *("image", "pose", "weight", "joints_mm", "weight_3d", "view")
    }


def test_parts_for_the_device_have_the_shapes_that_they_can_have(
    folders, spec_of
):
    records, spec = Records(folders), spec_of(CropVolume(32))
    objects = np.full((2, 6, 6, 4), 255, np.uint8)
    dataset = pipeline.training_batches(
        records,
        Order(12, 4, SEED),
        spec,
        SEED,
        Augmentation(paste=0.5, objects=objects, brightness=0.2),
        "device",
    )
    parts = dataset.element_spec["image"]
    assert parts["source"] == tf.TensorSpec((4, None, None, 3), tf.uint8)
    assert parts["picture"] == tf.TensorSpec((4, 6, 6, 4), tf.uint8)
    assert parts["gains"] == tf.TensorSpec((4, 3), tf.float32)


def finished(stream, spec):
    batch = augmentation_graph.finish(next(stream), spec.input_size)
    return tf.nest.map_structure(np.asarray, batch)


@EITHER
@pytest.mark.parametrize(
    ("backend", "augmentation"),
    [
        ("device", CHANGED),
        ("device", NO_AUGMENTATION),
        ("imgaug", Augmentation(contrast=0.3, brightness=0.5)),
    ],
    ids=["device", "device, unchanged", "imgaug"],
)
def test_backends_give_the_same_batch(
    folders, spec_of, training_batches, backend, augmentation
):
    records, spec = Records(folders), spec_of(CropVolume(32))
    host, other = (
        finished(
            training_batches(
                records, Order(12, 4, 0), spec, 0, augmentation, name
            ),
            spec,
        )
        for name in ("host", backend)
    )
    image, other_image = host.pop("image"), other.pop("image")
    assert_same(host, other)
    assert other_image.shape == (4, 32, 32, 3)
    # Half a level on OpenCV 4, of which a low JPEG quality makes more; other
    # images differ by tens.
    assert np.abs(image - other_image.astype(int)).mean() < 6


@EITHER
def test_wrong_arguments_are_refused_before_anything_is_read(
    folders, spec_of, training_batches
):
    records, spec = Records(folders), spec_of(MetricVolume())
    order = Order(12, 4, 0)
    with pytest.raises(ValueError, match="`backend` must.*Received: 'gpu'"):
        training_batches(records, order, spec, 0, NO_AUGMENTATION, "gpu")
    with pytest.raises(ValueError, match="3 turns.*Received: 4"):
        training_batches(records, order, spec, 0, accumulation=3)


def test_a_damaged_record_stops_no_dataset(folders, spec_of, damage_shard):
    damage_shard(folders[0], 1)
    records, spec = Records(folders), spec_of(MetricVolume())
    stream = by_tensorflow(records, Order(12, 12, 0), spec, 0)
    (batch,) = take(stream, 1)
    assert sorted(batch["weight"].any(axis=(1, 2)).tolist()) == (
        [False] + [True] * 11
    )
    with pytest.raises(ValueError, match="record 1: its checksum is wrong"):
        records.check()


def test_a_shard_that_is_gone_ends_a_dataset_and_is_named(
    folders, spec_of, tmp_path
):
    records, spec = Records(folders, damaged_limit=12), spec_of(MetricVolume())
    (tmp_path / "b" / "00001-of-00002.tfrecord").unlink()
    stream = by_tensorflow(records, Order(12, 12, 0), spec, 0)
    with pytest.raises(tf.errors.OpError, match="b/00001-of-00002.tfrecord"):
        next(stream)
    with pytest.raises(FileNotFoundError, match="b/00001-of-00002.tfrecord"):
        records.check()
