import dataclasses
import math

import numpy as np
import pytest

from keras_pose.data import pipeline
from keras_pose.data.augmentation import NO_CHANGE
from keras_pose.data.augmentation import Augmentation
from keras_pose.data.conversion import convert
from keras_pose.data.sources.source import Source
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17

BOX = np.float32([10, 20, 30, 60])
FULL = Augmentation(0.5, 30.0, 0.2, 0.1, 0.3, 0.5)
NUMBERS = range(400)


def changed(**fields):
    return dataclasses.replace(NO_CHANGE, **fields)


def mapped(change, point, size=64, margin=1.25):
    matrix = change.crop_from_image(BOX, size, margin).astype(float)
    return (matrix @ [*point, 1])[:2]


def test_no_change_is_the_square_around_the_box():
    # 60 * 1.25 px around (24.5, 49.5) fill 64 px.
    zoom = 64 / 75
    np.testing.assert_allclose(mapped(NO_CHANGE, (24.5, 49.5)), [31.5, 31.5])
    np.testing.assert_allclose(
        mapped(NO_CHANGE, (34.5, 39.5)),
        [31.5 + 10 * zoom, 31.5 - 10 * zoom],
        atol=1e-4,
    )


def test_flip_mirrors_left_and_right_about_the_middle():
    x, y = mapped(NO_CHANGE, (30, 40))
    np.testing.assert_allclose(
        mapped(changed(flip=True), (30, 40)), [63 - x, y], atol=1e-4
    )


def test_rotation_turns_the_content_clockwise():
    # What is to the right of the middle comes to lie below it.
    x, _ = mapped(NO_CHANGE, (34.5, 49.5))
    turned = mapped(changed(rotation=math.pi / 2), (34.5, 49.5))
    np.testing.assert_allclose(turned, [31.5, x], atol=1e-4)


def test_a_larger_scale_shows_more():
    zoom = 64 / 75 / 1.5
    scaled = mapped(changed(scale=1.5), (34.5, 49.5))
    np.testing.assert_allclose(scaled, [31.5 + 10 * zoom, 31.5], atol=1e-4)


def test_shift_moves_the_crop_by_its_side():
    shifted = mapped(changed(shift=np.array([0.25, -0.125])), (24.5, 49.5))
    np.testing.assert_allclose(shifted, [31.5 - 16, 31.5 + 8], atol=1e-3)


def test_colours_follow_gamma_and_gains():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    change = changed(gamma=1.5, gains=np.array([1.2, 0.5, 1.0]))
    expected = 255 * (image / 255) ** 1.5 * [1.2, 0.5, 1.0]
    np.testing.assert_allclose(
        change.paint(image), np.clip(expected, 0, 255), atol=0.51
    )


def test_erased_box_lies_where_it_says_in_its_colour():
    image = np.zeros((40, 40, 3), np.uint8)
    box = (0.5, 0.25, 0.25, 0.5)
    painted = changed(erased=(box, np.array([9, 8, 7]))).paint(image)
    expected = np.zeros((40, 40, 3), np.uint8)
    expected[10:30, 20:30] = (9, 8, 7)
    np.testing.assert_array_equal(painted, expected)


def test_nothing_is_changed_where_nothing_is_asked_for():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for number in range(20):
        change = Augmentation().draw(3, 4, number)
        np.testing.assert_array_equal(change.paint(image), image)
        np.testing.assert_array_equal(
            change.crop_from_image(BOX, 64, 1.25),
            NO_CHANGE.crop_from_image(BOX, 64, 1.25),
        )


def test_draws_fill_their_ranges_and_no_more():
    drawn = [FULL.draw(0, 0, number) for number in NUMBERS]
    rotation = np.degrees([change.rotation for change in drawn])
    scale = np.array([change.scale for change in drawn])
    shift = np.array([change.shift for change in drawn])
    for values, low, high in (
        (rotation, -30, 30),
        (scale, 1 / 1.2, 1.2),
        (shift, -0.1, 0.1),
    ):
        span = high - low
        assert low <= values.min() < low + 0.05 * span
        assert high - 0.05 * span < values.max() <= high
    assert 0.4 < np.mean([change.flip for change in drawn]) < 0.6
    assert 0.4 < np.mean([change.erased is not None for change in drawn]) < 0.6


def test_draws_follow_from_seed_epoch_and_number():
    def rotation(*key):
        return FULL.draw(*key).rotation

    assert rotation(1, 2, 3) == rotation(1, 2, 3)
    others = [rotation(0, 2, 3), rotation(1, 0, 3), rotation(1, 2, 0)]
    assert rotation(1, 2, 3) not in others


@pytest.fixture
def folder(tmp_path, make_sample):
    samples = [make_sample(seed, name=f"{seed}.jpg") for seed in range(4)]
    convert(Source("made", H36M_17, 4, samples), tmp_path / "set")
    return str(tmp_path / "set")


def batches_of(folder, volume, augmentation, epoch=0):
    spec = PoseSpec(H36M_17, volume, 32, 1.25, (0.0,) * 17)
    stream = pipeline.training_batches(
        [folder], spec, 4, 10, seed=0, epoch=epoch, augmentation=augmentation
    )
    return next(iter(stream)), spec


@pytest.mark.parametrize(
    "volume", [MetricVolume(), CropVolume(32)], ids=["metric", "crop"]
)
def test_labels_of_changed_crops_decode_to_the_same_mm(folder, volume):
    batch, spec = batches_of(folder, volume, FULL)
    pose = batch["pose"].numpy()
    view = type(batch["view"])(*(part.numpy() for part in batch["view"]))
    decoded = np.asarray(spec.volume.decode(pose, view))
    target = batch["joints_mm"].numpy()
    np.testing.assert_allclose(
        decoded - decoded[:, :1], target - target[:, :1], atol=0.2
    )


def test_mirrored_people_swap_left_and_right(folder):
    plain, _ = batches_of(folder, MetricVolume(), Augmentation())
    mirrored, _ = batches_of(folder, MetricVolume(), Augmentation(flip=1.0))
    left = [H36M_17.joints.index(f"left_{n}") for n in ("knee", "wrist")]
    right = [H36M_17.joints.index(f"right_{n}") for n in ("knee", "wrist")]
    before, after = plain["pose"].numpy(), mirrored["pose"].numpy()
    expected = before[:, right] * [-1, 1, 1] + [1, 0, 0]
    np.testing.assert_allclose(after[:, left], expected, atol=1e-5)


def test_the_mirrored_image_is_the_mirror_of_the_image(folder):
    plain, _ = batches_of(folder, MetricVolume(), Augmentation())
    mirrored, _ = batches_of(folder, MetricVolume(), Augmentation(flip=1.0))
    expected = plain["image"].numpy()[:, :, ::-1].astype(int)
    difference = np.abs(mirrored["image"].numpy() - expected)
    assert difference.mean() < 1


def test_every_epoch_changes_images_otherwise(folder):
    first, _ = batches_of(folder, MetricVolume(), FULL, epoch=0)
    again, _ = batches_of(folder, MetricVolume(), FULL, epoch=0)
    other, _ = batches_of(folder, MetricVolume(), FULL, epoch=1)
    np.testing.assert_array_equal(first["image"], again["image"])
    np.testing.assert_array_equal(first["pose"], again["pose"])
    assert not np.array_equal(first["pose"], other["pose"])
