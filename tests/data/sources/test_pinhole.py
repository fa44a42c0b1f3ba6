import cv2
import numpy as np
import pytest

from keras_pose.data.sources import pinhole


def seen(focal, centre, count=40, seed=0):
    """Joints and OpenCV's picture of them."""
    mm = np.random.default_rng(seed).uniform(
        [-900, -900, 2000], [900, 900, 5000], (count, 3)
    )
    matrix = np.float64(
        [[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]]
    )
    px, _ = cv2.projectPoints(mm, np.zeros(3), np.zeros(3), matrix, None)
    return mm, px[:, 0]


@pytest.mark.parametrize("square", [True, False])
def test_the_camera_of_exact_points_is_found(square):
    mm, px = seen((1150, 1150), (512, 300))
    focal, centre, residual = pinhole.fit(mm, px, square)
    np.testing.assert_allclose(focal, [1150, 1150])
    np.testing.assert_allclose(centre, [512, 300])
    assert residual < 1e-9


def test_two_focal_lengths_are_found_where_they_are_allowed():
    mm, px = seen((1100, 1200), (512, 300))
    focal, centre, residual = pinhole.fit(mm, px, square=False)
    np.testing.assert_allclose(focal, [1100, 1200])
    np.testing.assert_allclose(centre, [512, 300])
    assert residual < 1e-9
    (first, second), _, residual = pinhole.fit(mm, px)
    assert first == second
    assert residual > 1


def test_the_residual_is_the_mean_distance():
    mm, px = seen((1000, 1000), (0, 0), count=2000)
    # Half the points 3 px to one side, half to the other: no camera helps.
    shift = np.where(np.arange(2000) % 2, 3, -3)
    _, _, residual = pinhole.fit(mm, px + np.stack([0 * shift, shift], -1))
    assert residual == pytest.approx(3, rel=0.01)


def test_mirrored_joints_have_a_negative_focal_length():
    mm, px = seen((1000, 1000), (0, 0))
    focal, _, _ = pinhole.fit(mm * [-1, 1, 1], px, square=False)
    assert focal[0] < 0 < focal[1]


def test_joints_in_one_place_have_no_camera():
    focal, _, residual = pinhole.fit(np.ones((5, 3)), np.ones((5, 2)))
    assert not np.isfinite([*focal, residual]).any()
