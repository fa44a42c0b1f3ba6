import cv2
import numpy as np
import pytest

from keras_pose.data import augmentation_host
from keras_pose.data import imgaug_backend
from keras_pose.data.augmentation import Augmentation
from keras_pose.geometry import crop

SIZE = 128
FIELDS = {
    "stretch": 0.25,
    "shift": 0.05,
    "constant_shift": 0.05,
    "hue_saturation": 60,
    "contrast": 0.3,
    "brightness": 0.5,
}


def changes_of(count, **fields):
    return Augmentation(**fields).draw(0, np.arange(count))


def both(pictures, **fields):
    """Crops of the host and of imgaug, of images that are crops already."""
    crops = [
        cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        for image in pictures
    ]
    change = changes_of(len(crops), **fields)
    transform = change.changed_from_crop(SIZE)
    return [
        module.cut(crops, transform, change, SIZE).astype(float)
        for module in (augmentation_host, imgaug_backend)
    ]


@pytest.mark.parametrize("field", FIELDS)
def test_each_operation_is_that_of_imgaug(field, pictures):
    host, by_imgaug = both(pictures, **{field: FIELDS[field]})
    assert np.abs(host - by_imgaug).mean(axis=(1, 2, 3)).max() < 1


def test_all_operations_together_are_those_of_imgaug(pictures):
    host, by_imgaug = both(pictures, **FIELDS)
    assert np.abs(host - by_imgaug).mean(axis=(1, 2, 3)).max() < 1


def test_hues_and_tables_are_those_of_imgaug_to_the_last_bit(pictures):
    fields = {"hue_saturation": 60, "contrast": 0.3, "brightness": 0.5}
    # imgaug turns hues by 0 too, there and back again.
    turned = changes_of(len(pictures), **fields).hue_saturation != 0
    host, by_imgaug = both(pictures, **fields)
    assert turned.sum() > 3
    np.testing.assert_array_equal(host[turned], by_imgaug[turned])


def test_joints_move_as_those_of_imgaug():
    change = changes_of(20, stretch=0.25, shift=0.05, constant_shift=0.05)
    joints = np.random.default_rng(0).uniform(0, SIZE, (20, 17, 2))
    moved = crop.apply(change.changed_from_crop(SIZE), joints)
    # imgaug counts from the corner of a pixel, this project from its centre.
    expected = imgaug_backend.augmenter(change)(
        images=np.zeros((20, SIZE, SIZE, 3), np.uint8),
        keypoints=list(joints + 0.5),
    )[1]
    np.testing.assert_allclose(moved, np.array(expected) - 0.5, atol=0.01)


def test_report_shifts_right_and_down():
    change = changes_of(1, constant_shift=0.05)
    image = np.zeros((1, 40, 40, 3), np.uint8)
    image[0, 10, 20] = 255
    (shifted,) = imgaug_backend.augmenter(change)(images=image)
    assert np.argwhere(shifted[..., 0]).tolist() == [[12, 22]]


def test_numpy_is_left_as_it_was():
    has_it = np.lib.NumpyVersion(np.__version__) < "2.0.0"
    assert ("sctypes" in dir(np)) == has_it
