import collections

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data import augmentation_graph
from keras_pose.data import pipeline
from keras_pose.data.augmentation import Augmentation
from keras_pose.data.conversion import convert
from keras_pose.data.sources.source import Source
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPI_INF_3DHP_17


def spec_of(volume, size=32, margin=1.25):
    return PoseSpec(H36M_17, volume, size, margin, (0.0,) * 17)


METRIC = spec_of(MetricVolume())
BOTH = pytest.mark.parametrize(
    "volume", [MetricVolume(), CropVolume(32)], ids=["metric", "crop"]
)
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
def make_dataset(tmp_path, make_sample):
    """Gives `(name, count, skeleton, first, **fields) -> folder`."""

    def make(name, count, skeleton=H36M_17, first=0, **fields):
        samples = [
            make_sample(seed, name=f"{name}/{seed}.jpg", **fields)
            for seed in range(first, first + count)
        ]
        source = Source("made", skeleton, count, samples)
        convert(source, tmp_path / name, samples_per_shard=3)
        return str(tmp_path / name)

    return make


def names_of(dataset, batches):
    return [
        name.decode()
        for batch in dataset.take(batches)
        for name in batch["name"].numpy()
    ]


def poses_of(dataset, batches):
    """The samples of batches without names: one number a pose."""
    return [
        float(pose.numpy().sum().round(4))
        for batch in dataset.take(batches)
        for pose in batch["pose"]
    ]


def test_batches_give_every_sample_once_in_order(make_dataset):
    folders = [make_dataset("a", 4), make_dataset("b", 3)]
    names = names_of(pipeline.batches(folders, METRIC, 3), -1)
    expected = [f"a/{i}.jpg" for i in range(4)]
    assert names == expected + [f"b/{i}.jpg" for i in range(3)]


def test_crop_shows_the_box_with_its_margin(make_dataset, make_sample):
    box = np.float32([10, 8, 20, 30])
    (batch,) = pipeline.batches([make_dataset("a", 1, box=box)], METRIC, 1)
    encoded = np.frombuffer(make_sample(0).image, np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]
    # 30 * 1.25 px around (20, 23), less half a pixel, fill 32 px.
    zoom = 32 / 37.5
    matrix = np.array(
        [[zoom, 0, 15.5 - 19.5 * zoom], [0, zoom, 15.5 - 22.5 * zoom]]
    )
    expected = cv2.warpAffine(image, matrix, (32, 32))
    difference = np.abs(batch["image"][0].numpy().astype(int) - expected)
    assert difference.max() <= 2  # JPEG decoders differ by as much


def test_metric_labels_are_root_relative(make_dataset, make_sample):
    (batch,) = pipeline.batches([make_dataset("a", 1)], METRIC, 1)
    joints = make_sample(0).joints_mm
    expected = (joints - joints[0]) / 2200 + 0.5
    np.testing.assert_allclose(batch["pose"][0], expected, atol=1e-6)


def test_crop_labels_lie_on_the_crop(make_dataset, make_sample):
    box = np.float32([0, 0, 64, 48])
    spec = spec_of(CropVolume(32), margin=1.0)
    (batch,) = pipeline.batches([make_dataset("a", 1, box=box)], spec, 1)
    sample = make_sample(0)
    x, y = sample.joints_px.T
    z = sample.joints_mm[:, 2] - sample.joints_mm[0, 2]
    # The square around the box is 64 px wide and begins 8 px above it.
    expected = [(x + 0.5) / 64, (y + 0.5 + 8) / 64, z / 2000 + 0.5]
    np.testing.assert_allclose(
        batch["pose"][0], np.transpose(expected), atol=1e-5
    )


def test_joints_of_another_skeleton_are_found_by_name(
    make_dataset, make_sample
):
    folder = make_dataset("a", 1, skeleton=MPI_INF_3DHP_17)
    (batch,) = pipeline.batches([folder], METRIC, 1)
    stored = make_sample(0).joints_mm  # its row 6 is the left elbow there
    np.testing.assert_allclose(batch["joints_mm"][0, 12], stored[6])
    np.testing.assert_allclose(batch["joints_mm"][0, 15], stored[3])
    missing = H36M_17.joints.index("nose")
    assert batch["weight_3d"][0, missing] == 0
    assert np.count_nonzero(batch["weight_3d"]) == 16


@pytest.mark.parametrize(
    ("volume", "weight"),
    [(MetricVolume(), [0, 0, 0]), (CropVolume(32), [1, 1, 0])],
    ids=["metric", "crop"],
)
def test_photo_without_depth_teaches_only_what_it_shows(
    make_dataset, volume, weight
):
    folder = make_dataset("a", 1, weight_3d=np.zeros(17, np.float32))
    (batch,) = pipeline.batches([folder], spec_of(volume), 1)
    np.testing.assert_array_equal(batch["weight"][0], [weight] * 17)


def test_pose_without_its_root_teaches_no_depth(make_dataset):
    weight = np.float32([0] + [1] * 16)
    folder = make_dataset("a", 1, weight_3d=weight)
    (batch,) = pipeline.batches([folder], METRIC, 1)
    assert not batch["weight"].numpy().any()


def test_each_pass_of_training_gives_every_sample_once(make_dataset):
    folders = [make_dataset("a", 7), make_dataset("b", 5, first=7)]
    stream = pipeline.training_batches(folders, METRIC, 4, 100, 1, epoch=0)
    poses = poses_of(stream, 6)
    first, second = poses[:12], poses[12:]
    assert set(collections.Counter(first).values()) == {1}
    assert sorted(first) == sorted(second)
    assert first != second


def test_training_order_is_that_of_seed_and_epoch(make_dataset):
    folders = [make_dataset("a", 7), make_dataset("b", 5, first=7)]
    one, again, other_seed, other_epoch = (
        poses_of(
            pipeline.training_batches(folders, METRIC, 4, 8, seed, epoch), 9
        )
        for seed, epoch in ((1, 3), (1, 3), (2, 3), (1, 4))
    )
    assert one == again
    assert one not in (other_seed, other_epoch)


def first_batch(folders, volume, augmentation, backend="host", epoch=0):
    """The first training batch, finished, as arrays; and its spec."""
    spec = spec_of(volume)
    stream = pipeline.training_batches(
        folders, spec, 4, 10, 0, epoch, augmentation, backend
    )
    batch = next(iter(stream))
    batch = augmentation_graph.finish(batch, spec.input_size)
    return tf.nest.map_structure(lambda part: part.numpy(), batch), spec


@BOTH
def test_labels_of_changed_crops_decode_to_the_same_mm(make_dataset, volume):
    batch, spec = first_batch([make_dataset("a", 4)], volume, CHANGED)
    decoded = np.asarray(spec.volume.decode(batch["pose"], batch["view"]))
    target = batch["joints_mm"]
    np.testing.assert_allclose(
        decoded - decoded[:, :1], target - target[:, :1], atol=0.2
    )


def test_metric_labels_do_not_see_stretch_and_shift(make_dataset):
    folders = [make_dataset("a", 4)]
    report = Augmentation(stretch=0.25, shift=0.05, constant_shift=0.05)
    plain, _ = first_batch(folders, MetricVolume(), Augmentation())
    changed, _ = first_batch(folders, MetricVolume(), report)
    np.testing.assert_allclose(changed["pose"], plain["pose"], atol=1e-6)
    assert np.abs(changed["image"] - plain["image"].astype(int)).mean() > 5


def test_crop_labels_move_with_the_image(make_dataset):
    folders = [make_dataset("a", 4)]
    augmentation = Augmentation(stretch=0.25, shift=0.05)
    plain, _ = first_batch(folders, CropVolume(32), Augmentation())
    changed, _ = first_batch(folders, CropVolume(32), augmentation)
    drawn = augmentation.draw(0, 0, np.arange(4))
    expected = (plain["pose"][..., :2] - 0.5) * drawn.stretch[:, None]
    expected += 0.5 + drawn.shift[:, None]
    np.testing.assert_allclose(
        changed["pose"][..., :2], expected, rtol=1e-4, atol=1e-4
    )


def test_mirrored_people_swap_left_and_right(make_dataset):
    folders = [make_dataset("a", 4)]
    plain, _ = first_batch(folders, MetricVolume(), Augmentation())
    mirrored, _ = first_batch(folders, MetricVolume(), Augmentation(flip=1))
    left = [H36M_17.joints.index(f"left_{n}") for n in ("knee", "wrist")]
    right = [H36M_17.joints.index(f"right_{n}") for n in ("knee", "wrist")]
    expected = plain["pose"][:, right] * [-1, 1, 1] + [1, 0, 0]
    np.testing.assert_allclose(mirrored["pose"][:, left], expected, atol=1e-5)
    expected = plain["image"][:, :, ::-1].astype(int)
    assert np.abs(mirrored["image"] - expected).mean() < 1


def test_unknown_joints_of_mirrored_people_are_those_of_the_other_side(
    make_dataset,
):
    left, right = (H36M_17.joints.index(f"{s}_knee") for s in ("left", "right"))
    weight = np.ones(17, np.float32)
    weight[left] = 0
    folders = [make_dataset("a", 4, weight_3d=weight)]
    batch, _ = first_batch(folders, MetricVolume(), Augmentation(flip=1))
    assert not batch["weight_3d"][:, right].any()
    assert batch["weight"][:, left].all()


@pytest.mark.parametrize("backend", ["host", "device", "imgaug"])
def test_every_epoch_changes_images_otherwise(make_dataset, backend):
    folders = [make_dataset("a", 4)]
    report = Augmentation(stretch=0.25, shift=0.05, hue_saturation=60)
    first, again, other = (
        first_batch(folders, CropVolume(32), report, backend, epoch)[0]
        for epoch in (0, 0, 1)
    )
    np.testing.assert_array_equal(first["image"], again["image"])
    np.testing.assert_array_equal(first["pose"], again["pose"])
    # Another order, too: each pose is compared with all of the others.
    assert not np.isin(other["pose"][:, 1, 0], first["pose"][:, 1, 0]).any()


@pytest.mark.parametrize(
    ("backend", "augmentation"),
    [
        ("device", CHANGED),
        ("device", Augmentation()),
        ("imgaug", Augmentation(contrast=0.3, brightness=0.5)),
    ],
    ids=["device", "device, unchanged", "imgaug"],
)
def test_backends_give_the_same_batch(make_dataset, backend, augmentation):
    folders = [make_dataset("a", 4)]
    host, _ = first_batch(folders, CropVolume(32), augmentation)
    other, _ = first_batch(folders, CropVolume(32), augmentation, backend)
    image, other_image = host.pop("image"), other.pop("image")
    tf.nest.map_structure(np.testing.assert_array_equal, host, other)
    assert other_image.shape == (4, 32, 32, 3)
    assert np.abs(image - other_image.astype(int)).mean() < 3


@BOTH
def test_labels_of_imgaug_move_as_the_image_does(make_dataset, volume):
    folders = [make_dataset("a", 4)]
    report = Augmentation(stretch=0.25, shift=0.05, constant_shift=0.05)
    host, _ = first_batch(folders, volume, report)
    by_imgaug, _ = first_batch(folders, volume, report, "imgaug")
    np.testing.assert_array_equal(host["pose"], by_imgaug["pose"])


def test_batches_hold_crops_of_data_sets_of_several_skeletons(make_dataset):
    folders = [
        make_dataset("a", 4),
        make_dataset("b", 4, skeleton=MPI_INF_3DHP_17, first=4),
    ]
    stream = pipeline.training_batches(folders, METRIC, 8, 10, 0, 0)
    weight = next(iter(stream))["weight_3d"].numpy()
    assert sorted(np.count_nonzero(weight, axis=1)) == [16] * 4 + [17] * 4


def test_unknown_backend_is_refused(make_dataset):
    folders = [make_dataset("a", 1)]
    with pytest.raises(ValueError, match="`backend` must.*Received: 'gpu'"):
        pipeline.training_batches(
            folders, METRIC, 1, 1, 0, 0, Augmentation(), "gpu"
        )


def test_mean_bone_lengths_are_weighted_by_count(make_dataset, make_sample):
    folders = [make_dataset("a", 1), make_dataset("b", 2)]
    knee, hip = 2, 1
    first, second = (
        np.linalg.norm(np.subtract(*make_sample(seed).joints_mm[[knee, hip]]))
        for seed in range(2)
    )
    lengths = pipeline.mean_bone_lengths(folders, H36M_17)
    assert lengths[knee] == pytest.approx((2 * first + second) / 3, abs=2e-3)
    assert lengths[0] == 0


def test_bones_that_a_data_set_lacks_have_no_length(make_dataset):
    folder = make_dataset("a", 1, skeleton=MPI_INF_3DHP_17)
    lengths = pipeline.mean_bone_lengths([folder], H36M_17)
    nose, head_top = 9, 10
    assert lengths[nose] == lengths[head_top] == 0
    assert lengths[2] > 0
