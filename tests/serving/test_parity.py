import dataclasses

import numpy as np
import pytest

from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import View
from keras_pose.serving import parity

INFINITE = (float("inf"), float("inf"))
# The crop is the image; the camera sees 45 degrees to its border.
VIEW = View(
    np.eye(3)[None],
    np.array([[[32, 0, 31.5], [0, 32, 31.5], [0, 0, 1]]]),
    np.zeros((1, 5)),
    np.full((1, 1, 1), 4000.0),
)


def pose(change=0.0, joint=(1, 16)):
    """(2, 17, 3) unit coordinates, one joint of which may differ."""
    pose = np.random.default_rng(0).uniform(size=(2, 17, 3))
    pose[joint] += change
    return np.float32(pose)


def test_differences_in_a_metric_volume_by_hand(spec):
    # 3, 4 and 12 mm along the axes make 13 mm, at one joint of 34.
    change = np.array([3, 4, 12]) / 2200
    mean, worst = parity.differences(pose(change), pose(), spec, VIEW)
    assert worst == pytest.approx(13, abs=1e-3)
    assert mean == pytest.approx(13 / 34, abs=1e-4)


def test_differences_in_a_crop_volume_by_hand(spec):
    spec = dataclasses.replace(spec, volume=CropVolume(64, 2000))
    centre = np.full((2, 17, 3), 0.5)
    beside = centre + [1 / 64, 0, 0]
    mean, worst = parity.differences(beside, centre, spec, VIEW)
    # One pixel of 32 to a focal length, at 4 m.
    assert worst == pytest.approx(125, abs=1e-3)
    assert mean == pytest.approx(125, abs=1e-3)


def test_equals_do_not_differ(spec):
    assert parity.differences(pose(), pose(), spec, VIEW) == (0, 0)


@pytest.mark.parametrize("joint", [(0, 0, 2), (1, 16, 0)], ids=str)
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_missing_number_is_infinitely_far(spec, joint, wrong):
    broken = pose(wrong, joint)
    for pair in ((broken, pose()), (pose(), broken), (broken, broken)):
        assert parity.differences(*pair, spec, VIEW) == INFINITE


def test_missing_joints_are_infinitely_far(spec):
    assert parity.differences(pose()[:, :16], pose(), spec, VIEW) == INFINITE
    assert parity.distances(np.zeros((1, 3)), np.zeros((2, 3))) == INFINITE


def test_data_crops_are_of_the_data_set(data_set, spec):
    crops = parity.data_crops([data_set], spec, 5)
    assert crops.images.shape == (2, 64, 64, 3)
    # The persons' boxes are the left and the right half: red, then green.
    assert crops.images[0, 32, 32].argmax() == 0
    assert crops.images[1, 32, 32].argmax() == 1
    assert crops.view.root_depth.ravel().tolist() == [4000, 5000]
    assert crops.joints_mm[:, 0, 2].tolist() == [4000, 5000]


def test_data_crops_are_spread_evenly(data_set, spec):
    # The middle of two samples is the second, that of four the third.
    for folders in ([data_set], [data_set, data_set]):
        crops = parity.data_crops(folders, spec, 1)
        assert crops.view.root_depth.ravel().tolist() == [
            5000 if len(folders) == 1 else 4000
        ]


def test_mpjpe_is_of_the_labels(data_set, spec):
    crops = parity.data_crops([data_set], spec, 2)
    root = crops.joints_mm[:, :1]
    right = (crops.joints_mm - root) / 2200 + 0.5
    assert parity.mpjpe(right, spec, crops) == pytest.approx(0, abs=1e-3)
    wrong = right.copy()
    wrong[1, 5, 2] += 34 / 2200  # one joint of 34
    assert parity.mpjpe(wrong, spec, crops) == pytest.approx(1, abs=1e-3)
    unknown = dataclasses.replace(crops, weight_3d=0 * crops.weight_3d)
    assert np.isnan(parity.mpjpe(right, spec, unknown))


def test_rendered_people_differ_and_are_the_same_again(spec):
    crops = parity.synthetic_crops(spec, 3)
    assert crops.images.shape == (3, 64, 64, 3)
    assert len({image.tobytes() for image in crops.images}) == 3
    np.testing.assert_array_equal(
        crops.images, parity.synthetic_crops(spec, 3).images
    )


def test_joined_crops_keep_their_order(data_set, spec):
    crops = parity.data_crops([data_set], spec, 2)
    both = parity.join(crops, parity.synthetic_crops(spec, 1))
    assert len(both.images) == len(both.joints_mm) == len(both.weight_3d) == 3
    assert both.view.root_depth.ravel()[:2].tolist() == [4000, 5000]
    np.testing.assert_array_equal(both.images[:2], crops.images)
