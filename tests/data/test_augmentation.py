import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.data.augmentation import NO_AUGMENTATION
from keras_pose.data.augmentation import Augmentation

NUMBERS = np.arange(4000)
NO_CHANGE = NO_AUGMENTATION.draw(0, 0)
NAMES = st.integers(0, 2**40)


def assert_same(change, other):
    for name, value in change._asdict().items():
        np.testing.assert_array_equal(value, getattr(other, name), name)


@pytest.mark.parametrize("number", [5, np.arange(3)], ids=["one", "batch"])
def test_nothing_is_changed_where_nothing_is_asked_for(number):
    change = NO_AUGMENTATION.draw(3, number)
    expected = np.broadcast_to(np.eye(3), (*np.shape(number), 3, 3))
    np.testing.assert_array_equal(change.changed_from_crop(64), expected)
    for name, neutral in (
        ("hue_saturation", 0),
        ("contrast", 1),
        ("gains", 1),
        ("grey", False),
        ("place", 0),
        ("erased", 0),
        ("kernel", 1),
        ("quality", 0),
    ):
        assert np.all(getattr(change, name) == neutral), name


@given(NAMES, NAMES)
def test_a_draw_follows_from_seed_and_position_alone(seed, position):
    augmentation = Augmentation(rotation=30, stretch=0.2, jpeg=0.5)
    change = augmentation.draw(seed, position)
    rows = augmentation.draw(seed, position + np.arange(-2, 3)).rows()
    assert_same(rows[2], change)
    others = (
        augmentation.draw(seed + 1, position),
        augmentation.draw(seed, position + 1),
        augmentation.draw(seed + 1, position - 1),
        augmentation.draw(seed - 1 if seed else 7, position + 1),
    )
    assert change.rotation not in [other.rotation for other in others]


def test_an_operation_leaves_the_draws_of_the_others(full):
    without = dataclasses.replace(full, hue_saturation=0, blur=0, flip=0)
    change, other = full.draw(1, NUMBERS), without.draw(1, NUMBERS)
    for name in ("rotation", "stretch", "gains", "place", "erased", "quality"):
        np.testing.assert_array_equal(
            getattr(change, name), getattr(other, name), name
        )


RANGES = {  # field: how it is read from a change, and its range
    "rotation": (lambda c: np.degrees(c.rotation), -20, 20),
    "scale": (lambda c: c.scale, 1 / 1.3, 1.3),
    "stretch": (lambda c: c.stretch, 0.75, 1.25),
    "shift": (lambda c: c.shift, -0.07, 0.07),
    "hue_saturation": (lambda c: c.hue_saturation, -60, 60),
    "contrast": (lambda c: c.contrast, 0.7, 1.3),
    "brightness": (lambda c: c.gains, 0.5, 1.5),
}
AMOUNTS = {"rotation": 20, "scale": 0.3, "stretch": 0.25, "shift": 0.07}
AMOUNTS |= {"hue_saturation": 60, "contrast": 0.3, "brightness": 0.5}


@pytest.mark.parametrize("field", RANGES)
def test_draws_fill_their_range_evenly_and_no_more(field):
    read, low, high = RANGES[field]
    values = read(Augmentation(**{field: AMOUNTS[field]}).draw(0, NUMBERS))
    values = values.reshape(len(NUMBERS), -1).astype(float)
    assert np.all((low - 1e-6 <= values) & (values <= high + 1e-6))
    share = (values - low) / (high - low)
    if field == "scale":  # as often more as less
        share = np.log(values / low) / np.log(high / low)
    np.testing.assert_allclose(
        np.quantile(share, [0, 0.25, 0.5, 0.75, 1], axis=0).T,
        np.broadcast_to([0, 0.25, 0.5, 0.75, 1], (share.shape[1], 5)),
        atol=0.03,
    )


def test_x_and_y_are_drawn_each_alone():
    change = Augmentation(stretch=0.2, shift=0.1).draw(0, NUMBERS)
    for pairs in (change.stretch, change.shift):
        assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.05


SHARES = {
    "flip": lambda c: c.flip,
    "grey": lambda c: c.grey,
    "paste": lambda c: c.place[:, 2] > 0,
    "erase": lambda c: c.erased[:, 2] > 0,
    "blur": lambda c: np.count_nonzero(c.kernel, axis=(1, 2)) > 1,
    "jpeg": lambda c: c.quality > 0,
}


@pytest.mark.parametrize("field", SHARES)
def test_shares_are_those_of_the_images(field):
    objects = np.full((2, 4, 4, 4), 255, np.uint8)
    augmentation = Augmentation(**{"objects": objects, field: 0.3})
    changed = SHARES[field](augmentation.draw(0, NUMBERS))
    assert np.mean(changed) == pytest.approx(0.3, abs=0.03)


def test_constant_shift_is_right_and_down():
    change = Augmentation(constant_shift=0.05).draw(0, 7)
    corner = change.changed_from_crop(200) @ [10, 20, 1]
    np.testing.assert_allclose(corner, [20, 30, 1], atol=1e-5)


def test_a_change_turns_mirrors_and_stretches_in_this_order():
    change = NO_CHANGE._replace(
        rotation=np.float32(math.pi / 2),
        flip=np.bool_(True),
        scale=np.float32(2),
        stretch=np.float32([1.5, 0.5]),
        shift=np.float32([0.1, -0.2]),
    )
    # 10 px right of the middle of 101: below it, 10 / 2 * 0.5 px, moved.
    right = change.changed_from_crop(101) @ [60, 50, 1]
    np.testing.assert_allclose(right, [60.1, 32.3, 1], atol=1e-4)
    # 10 px below the middle: left of it, mirrored to the right.
    below = change.changed_from_crop(101) @ [50, 60, 1]
    np.testing.assert_allclose(below, [67.6, 29.8, 1], atol=1e-4)


def test_erased_boxes_lie_inside_and_are_a_tenth_to_a_third_wide():
    left, top, right, bottom = Augmentation(erase=1).draw(0, NUMBERS).erased.T
    assert min(left.min(), top.min()) >= 0
    assert max(right.max(), bottom.max()) <= 1
    for side in (right - left, bottom - top):
        assert 0.1 - 1e-6 <= side.min() < 0.11
        assert 0.32 < side.max() <= 1 / 3 + 1e-6


@pytest.mark.parametrize("length", [2, 7, 10])
def test_blur_kernels_are_lines_through_the_middle(length):
    kernel = Augmentation(blur=1, blur_length=length).draw(0, NUMBERS).kernel
    side = kernel.shape[-1]
    assert side % 2 == 1
    np.testing.assert_allclose(kernel.sum(axis=(1, 2)), 1, atol=1e-6)
    np.testing.assert_allclose(kernel, kernel[:, ::-1, ::-1], atol=1e-6)
    y, x = np.mgrid[:side, :side] - side // 2
    spread = [
        np.sum(kernel * a * b, axis=(1, 2))
        for a, b in ((x, x), (x, y), (y, x), (y, y))
    ]
    along = np.linalg.eigvalsh(np.reshape(spread, (2, 2, -1)).T)
    # A line L long has variance L^2 / 12 along itself, and little across.
    assert along[:, 0].max() < 0.3
    assert (12 * along[:, 1].max()) ** 0.5 == pytest.approx(length, abs=1)


def test_pasted_picture_lies_where_its_place_says():
    change = NO_CHANGE._replace(
        picture=np.zeros((32, 32, 4), np.uint8),
        place=np.float32([0.25, 0.75, 0.5, math.pi / 2]),
    )
    # Its middle, and the middle of its right edge, which turns downwards.
    points = np.array([[15.5, 15.5, 1], [31.5, 15.5, 1]]).T
    placed = change.crop_from_picture(64) @ points
    np.testing.assert_allclose(placed[:2].T, [[15.5, 47.5], [15.5, 63.5]])


def test_objects_are_all_drawn():
    objects = np.arange(3, dtype=np.uint8)[:, None, None, None]
    objects = np.broadcast_to(objects, (3, 2, 2, 4))
    drawn = Augmentation(paste=1, objects=objects).draw(0, NUMBERS).picture
    _, counts = np.unique(drawn[:, 0, 0, 0], return_counts=True)
    assert len(counts) == 3
    assert counts.min() > 1200


def test_pasting_needs_objects():
    with pytest.raises(ValueError, match="`objects` must hold.*paste=0.5"):
        Augmentation(paste=0.5)
