import colorsys

import cv2
import numpy as np
import pytest

from keras_pose.data import augmentation_host
from keras_pose.data.augmentation import BEST_QUALITY
from keras_pose.data.augmentation import NO_AUGMENTATION

NO_CHANGE = NO_AUGMENTATION.draw(0, np.zeros(1, int))


def cut(image, **changes):
    """The image, itself the crop, after a Change."""
    changes = {k: np.asarray(v)[None] for k, v in changes.items()}
    change = NO_CHANGE._replace(**changes)
    transform = change.changed_from_crop(image.shape[0])
    return augmentation_host.cut([image], transform, change, image.shape[0])[0]


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (40, 40, 3), np.uint8)


def test_no_change_leaves_the_crop(image):
    np.testing.assert_array_equal(cut(image), image)


def test_contrast_and_gains_are_rounded_down_one_after_the_other(image):
    changed = cut(
        image, contrast=np.float32(1.5), gains=np.float32([1.2, 0.5, 1])
    )
    contrasted = np.floor(np.clip(127 + 1.5 * (image - 127.0), 0, 255))
    expected = np.clip(np.floor(contrasted * np.float32([1.2, 0.5, 1])), 0, 255)
    np.testing.assert_allclose(changed, expected, atol=1)
    assert np.mean(changed == expected) > 0.99


def test_contrast_alone_is_the_distance_to_grey(image):
    expected = np.clip(127 + 0.5 * (image - 127.0), 0, 255)
    np.testing.assert_array_equal(
        cut(image, contrast=np.float32(0.5)), np.floor(expected)
    )


@pytest.mark.parametrize("steps", [60, -60, 200], ids=str)
def test_hue_turns_and_saturation_rises(image, steps):
    changed = cut(image, hue_saturation=steps)
    degrees = 2 * int(steps / 255 * 180)
    expected = []
    for pixel in image.reshape(-1, 3) / 255:
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        saturation = np.clip(saturation + steps / 255, 0, 1)
        turned = (hue + degrees / 360) % 1
        expected.append(colorsys.hsv_to_rgb(turned, saturation, value))
    expected = 255 * np.reshape(expected, image.shape)
    assert np.abs(changed - expected).mean() < 1.5


def test_grey_has_the_brightness_of_the_colours(image):
    expected = image @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(
        cut(image, grey=True), np.stack(3 * [expected], axis=-1), atol=1
    )


def test_erased_box_lies_where_it_says_in_its_colour():
    changed = cut(
        np.zeros((40, 40, 3), np.uint8),
        erased=np.float32([0.5, 0.25, 0.75, 0.875]),
        erased_colour=np.uint8([9, 8, 7]),
    )
    expected = np.zeros((40, 40, 3), np.uint8)
    expected[10:35, 20:30] = (9, 8, 7)
    np.testing.assert_array_equal(changed, expected)


def test_pasted_object_covers_and_lets_through_what_its_alpha_says(image):
    picture = np.zeros((20, 20, 4), np.uint8)
    picture[:10] = (200, 100, 50, 255)  # the upper half is opaque
    picture[10:] = (100, 50, 25, 128)  # the lower one is half seen through
    changed = cut(
        image, picture=picture, place=np.float32([0.5, 0.5, 0.5, 0])
    ).astype(int)
    np.testing.assert_array_equal(changed[:9], image[:9])
    np.testing.assert_array_equal(changed[:, :9], image[:, :9])
    np.testing.assert_array_equal(changed[12:19, 12:28] - [200, 100, 50], 0)
    np.testing.assert_allclose(
        changed[21:28, 12:28],
        image[21:28, 12:28] * (1 - 128 / 255) + [100, 50, 25],
        atol=1,
    )


def test_motion_blur_smears_along_its_kernel_alone():
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 250
    kernel = np.zeros((5, 5), np.float32)
    kernel[2] = 0.2  # to left and right
    changed = cut(point, kernel=kernel)
    np.testing.assert_array_equal(changed[20, 18:23], 50)
    assert changed.astype(int).sum() == 5 * 3 * 50


def test_jpeg_loses_more_the_lower_its_quality():
    soft = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8),
        (0, 0),
        2,
    )
    lost = [
        np.abs(cut(soft, quality=quality) - soft.astype(float)).mean()
        for quality in (BEST_QUALITY, 40, 10)
    ]
    assert 0 < lost[0] < 3
    assert lost[0] < lost[1] < lost[2]


def test_operations_follow_in_their_order():
    # White, erased in red after the greying, which leaves red red.
    changed = cut(
        np.full((40, 40, 3), 255, np.uint8),
        gains=np.float32([1, 0.5, 0.5]),
        grey=True,
        erased=np.float32([0, 0, 0.5, 1]),
        erased_colour=np.uint8([255, 0, 0]),
    )
    np.testing.assert_array_equal(changed[0, 0], [255, 0, 0])
    grey = round(255 * 0.299 + 127 * 0.701)
    np.testing.assert_allclose(changed[0, -1], [grey] * 3, atol=1)
