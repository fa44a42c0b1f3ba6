import dataclasses

import numpy as np
import pytest

from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import View
from keras_pose.serving import parity

IMAGES = np.zeros((2, 64, 64, 3), np.uint8)
# The crop is the image; the camera sees 45 degrees to its border.
VIEW = View(
    np.eye(3)[None],
    np.array([[[32, 0, 31.5], [0, 32, 31.5], [0, 0, 1]]]),
    np.zeros((1, 5)),
    np.full((1, 1, 1), 4000.0),
)


def saying(change=0.0, joint=(1, 16)):
    """Gives `predict` of an artefact that differs at one joint."""
    pose = np.random.default_rng(0).uniform(size=(2, 17, 3))
    pose[joint] += change
    return lambda images: {"pose": np.float32(pose)}


def test_worst_difference_of_a_metric_volume_by_hand(spec):
    # 3, 4 and 12 mm along the axes make 13 mm.
    change = np.array([3, 4, 12]) / 2200
    worst = parity.worst_difference(
        saying(change), saying(), spec, IMAGES, VIEW
    )
    assert worst == pytest.approx(13, abs=1e-3)


def test_worst_difference_of_a_crop_volume_by_hand(spec):
    spec = dataclasses.replace(spec, volume=CropVolume(64, 2000))
    centre = {"pose": np.full((2, 17, 3), 0.5)}
    beside = {"pose": centre["pose"] + [1 / 64, 0, 0]}
    worst = parity.worst_difference(
        lambda images: beside, lambda images: centre, spec, IMAGES, VIEW
    )
    # One pixel of 32 to a focal length, at 4 m.
    assert worst == pytest.approx(125, abs=1e-3)


def test_worst_difference_of_equals_is_zero(spec):
    assert parity.worst_difference(saying(), saying(), spec, IMAGES, VIEW) == 0


@pytest.mark.parametrize("joint", [(0, 0, 2), (1, 16, 0)], ids=str)
def test_worst_difference_is_infinite_where_a_number_is_missing(spec, joint):
    broken = saying(np.nan, joint)
    for pair in ((broken, saying()), (saying(), broken), (broken, broken)):
        worst = parity.worst_difference(*pair, spec, IMAGES, VIEW)
        assert worst == float("inf")


def test_noise_crops_are_as_many_different_crops(spec):
    images, view = parity.noise_crops(spec, 5)
    assert images.shape == (5, 64, 64, 3)
    assert images.dtype == np.uint8
    assert len({image.tobytes() for image in images}) == 5
    np.testing.assert_array_equal(images, parity.noise_crops(spec, 5)[0])
    assert np.isfinite(spec.volume.decode(np.ones((5, 17, 3)), view)).all()


def test_real_crops_are_the_first_of_the_data_set(data_set, spec):
    images, view = parity.real_crops([data_set], spec, 2)
    assert images.shape == (2, 64, 64, 3)
    # The persons' boxes are the left and the right half: red, then green.
    assert images[0, 32, 32].argmax() == 0
    assert images[1, 32, 32].argmax() == 1
    assert view.root_depth.ravel().tolist() == [4000, 5000]
