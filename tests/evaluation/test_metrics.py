import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from keras_pose.evaluation import metrics

ROOT = 2  # not the first joint, so that a fixed 0 shows
RNG = np.random.default_rng(0)
TARGET = RNG.normal(0, 300, (4, 6, 3)) + [100, -200, 3000]
PREDICTED = TARGET + RNG.normal(0, 40, TARGET.shape)
WEIGHT = np.ones((4, 6))


def test_joint_errors_by_hand():
    target = np.array([[[0, 0, 0], [10, 20, 30], [1, 1, 1]]], float)
    predicted = np.array([[[5, 5, 5], [18, 25, 29], [5, 8, 10]]], float)
    # Less the roots: (13, 20, 24) for (10, 20, 30), (0, 3, 5) for (1, 1, 1).
    errors = metrics.joint_errors(predicted, target, root=0)
    np.testing.assert_allclose(errors, [[0, np.sqrt(45), np.sqrt(21)]])


def test_joint_errors_do_not_see_where_a_pose_stands():
    errors = metrics.joint_errors(PREDICTED, TARGET, ROOT)
    shift = RNG.normal(0, 1000, (2, 4, 1, 3))
    moved = metrics.joint_errors(PREDICTED + shift[0], TARGET + shift[1], ROOT)
    np.testing.assert_allclose(moved, errors, atol=1e-9)
    np.testing.assert_array_equal(errors[:, ROOT], np.zeros(4))
    assert np.delete(errors, ROOT, axis=1).min() > 1


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["x", "y", "z"])
def test_joint_errors_count_each_axis(axis):
    predicted = TARGET.copy()
    predicted[1, 4, axis] += 7
    errors = metrics.joint_errors(predicted, TARGET, ROOT)
    expected = np.zeros((4, 6))
    expected[1, 4] = 7
    np.testing.assert_allclose(errors, expected, atol=1e-9)


def test_a_pose_5_percent_too_large_is_wrong_by_5_percent():
    predicted = 1.05 * TARGET
    distance = np.linalg.norm(TARGET - TARGET[:, [ROOT]], axis=-1)
    errors = metrics.joint_errors(predicted, TARGET, ROOT)
    np.testing.assert_allclose(errors, 0.05 * distance, atol=1e-9)
    pa_errors = metrics.pa_joint_errors(predicted, TARGET, WEIGHT)
    np.testing.assert_allclose(pa_errors, np.zeros((4, 6)), atol=1e-6)


def test_pa_errors_do_not_see_turn_size_and_place_of_the_prediction():
    turn = Rotation.random(4, rng=3).as_matrix()
    size = np.array([0.5, 2, 1.3, 0.9])[:, None, None]
    moved = size * PREDICTED @ turn.swapaxes(1, 2) + [[[500, 600, -700]]]
    np.testing.assert_allclose(
        metrics.pa_joint_errors(moved, TARGET, WEIGHT),
        metrics.pa_joint_errors(PREDICTED, TARGET, WEIGHT),
        atol=1e-6,
    )


def test_pa_errors_are_those_of_scipys_rotation():
    errors = metrics.pa_joint_errors(PREDICTED, TARGET, WEIGHT)
    for predicted, target, row in zip(PREDICTED, TARGET, errors, strict=True):
        a, b = predicted - predicted.mean(0), target - target.mean(0)
        turned = Rotation.align_vectors(b, a)[0].apply(a)
        scale = (turned * b).sum() / (turned**2).sum()
        expected = np.linalg.norm(scale * turned - b, axis=-1)
        np.testing.assert_allclose(row, expected, atol=1e-6)


def test_pa_errors_see_a_mirrored_pose():
    mirrored = TARGET * [-1, 1, 1]
    assert metrics.pa_joint_errors(mirrored, TARGET, WEIGHT).mean() > 20


def test_pa_alignment_leaves_out_joints_of_weight_0():
    predicted, weight = TARGET.copy(), WEIGHT.copy()
    predicted[:, 3] += [0, 0, 900]
    weight[:, 3] = 0
    errors = metrics.pa_joint_errors(predicted, TARGET, weight)
    expected = np.zeros((4, 6))
    expected[:, 3] = 900
    np.testing.assert_allclose(errors, expected, atol=1e-6)


ERRORS = np.array([[10.0, 20, 30], [40, 50, 60]])


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ([[1, 1, 1], [1, 1, 1]], 35),
        ([[1, 0, 0], [0, 0, 1]], 35),
        ([[1, 0, 1], [0, 0, 0]], 20),
        ([[1, 0, 0], [0, 0.25, 0]], 18),
        ([[0, 0, 0], [0, 0, 0]], np.nan),
    ],
    ids=["all", "corners", "one frame", "fraction", "nothing"],
)
def test_mean_by_hand(weight, expected):
    mean = metrics.mean(ERRORS, np.array(weight))
    np.testing.assert_allclose(mean, expected)


def test_mean_of_each_joint_is_nan_where_none_is_known():
    weight = np.array([[1, 1, 0], [3, 0, 0]])
    means = metrics.mean(ERRORS, weight, axis=0)
    np.testing.assert_allclose(means, [32.5, 20, np.nan])
