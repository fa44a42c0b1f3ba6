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


def best_rotation(points, target):
    """The rotation of least squares, from the largest eigenvector of Horn's
    quaternion matrix: no SVD, and never a mirror."""
    sxx, sxy, sxz, syx, syy, syz, szx, szy, szz = (points.T @ target).ravel()
    matrix = np.array(
        [
            [sxx + syy + szz, syz - szy, szx - sxz, sxy - syx],
            [syz - szy, sxx - syy - szz, sxy + syx, szx + sxz],
            [szx - sxz, sxy + syx, syy - sxx - szz, syz + szy],
            [sxy - syx, szx + sxz, syz + szy, szz - sxx - syy],
        ]
    )
    w, x, y, z = np.linalg.eigh(matrix)[1][:, -1]
    return Rotation.from_quat([x, y, z, w]).as_matrix()


def aligned_by_horn(points, target, with_scale):
    points, target = points - points.mean(0), target - target.mean(0)
    turned = points @ best_rotation(points, target).T
    scale = 1.0
    if with_scale:
        scale = (turned * target).sum() / (turned**2).sum()
    return np.linalg.norm(scale * turned - target, axis=-1)


LINE = np.linspace(-1, 1, 6)[:, None] * [200.0, 300, 50]
SHAPES = {
    "near": (PREDICTED[0], TARGET[0]),
    "far": (RNG.normal(0, 300, (6, 3)), TARGET[1]),
    "reflected": (TARGET[2] * [-1, 1, 1], TARGET[2]),
    "scaled": (3.0 * PREDICTED[3], TARGET[3]),
    "collinear": (LINE[::-1] * [1, -1, 1], LINE),
    "planar": (TARGET[0] * [1, 1, 0], TARGET[1] * [1, 0, 1]),
}
EVERY_SHAPE = pytest.mark.parametrize(
    ("predicted", "target"), list(SHAPES.values()), ids=list(SHAPES)
)


@EVERY_SHAPE
@pytest.mark.parametrize("with_scale", [True, False], ids=["pa", "rigid"])
def test_aligned_errors_are_those_of_horns_quaternion(
    predicted, target, with_scale
):
    terms = (
        metrics.pa_joint_errors if with_scale else metrics.rigid_joint_errors
    )
    errors = terms(predicted[None], target[None], np.ones((1, 6)))[0]
    expected = aligned_by_horn(predicted, target, with_scale)
    # Where several rotations are best, the sums of squares still agree.
    assert (errors**2).sum() == pytest.approx((expected**2).sum(), abs=1e-6)
    if np.linalg.matrix_rank(target - target.mean(0), 1e-6) == 3:
        np.testing.assert_allclose(errors, expected, atol=1e-6)


@EVERY_SHAPE
def test_scaled_errors_are_those_of_the_best_scale(predicted, target):
    errors = metrics.scaled_joint_errors(
        predicted[None], target[None], ROOT, np.ones((1, 6))
    )[0]
    a, b = predicted - predicted[ROOT], target - target[ROOT]
    across = sum(float(p @ t) for p, t in zip(a, b, strict=True))
    scale = max(across / sum(float(p @ p) for p in a), 0)
    expected = [
        sum((scale * x - y) ** 2 for x, y in zip(p, t, strict=True)) ** 0.5
        for p, t in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(errors, expected, atol=1e-6)


def test_a_wrong_size_is_seen_by_mpjpe_and_rigid_alone():
    predicted = 1.05 * TARGET + [[[9.0, -4, 30]]]
    assert metrics.joint_errors(predicted, TARGET, ROOT).mean() > 10
    assert metrics.rigid_joint_errors(predicted, TARGET, WEIGHT).mean() > 10
    for errors in (
        metrics.pa_joint_errors(predicted, TARGET, WEIGHT),
        metrics.scaled_joint_errors(predicted, TARGET, ROOT, WEIGHT),
    ):
        np.testing.assert_allclose(errors, np.zeros((4, 6)), atol=1e-6)


def test_rigid_errors_do_not_see_turn_and_place_but_a_mirror():
    turn = Rotation.random(4, rng=5).as_matrix()
    moved = TARGET @ turn.swapaxes(1, 2) + [[[70, -20, 900]]]
    errors = metrics.rigid_joint_errors(moved, TARGET, WEIGHT)
    np.testing.assert_allclose(errors, np.zeros((4, 6)), atol=1e-6)
    mirrored = metrics.rigid_joint_errors(moved * [-1, 1, 1], TARGET, WEIGHT)
    assert mirrored.mean() > 20


@pytest.mark.parametrize(
    "terms", [metrics.rigid_joint_errors, metrics.pa_joint_errors]
)
def test_coincident_points_are_laid_on_the_mean(terms):
    predicted = np.full((1, 6, 3), 7.0)
    errors = terms(predicted, TARGET[:1], WEIGHT[:1])[0]
    centred = TARGET[0] - TARGET[0].mean(axis=0)
    np.testing.assert_allclose(errors, np.linalg.norm(centred, axis=-1))


def test_scaled_errors_of_coincident_points_are_defined():
    predicted = np.full((1, 6, 3), 7.0)
    errors = metrics.scaled_joint_errors(
        predicted, TARGET[:1], ROOT, WEIGHT[:1]
    )
    np.testing.assert_allclose(
        errors[0], np.linalg.norm(TARGET[0] - TARGET[0, ROOT], axis=-1)
    )


def test_scaling_leaves_out_joints_of_weight_0():
    predicted, weight = 0.5 * TARGET, WEIGHT.copy()
    predicted[:, 4] += 800
    weight[:, 4] = 0
    errors = metrics.scaled_joint_errors(predicted, TARGET, ROOT, weight)
    np.testing.assert_allclose(np.delete(errors, 4, axis=1), 0, atol=1e-6)


def test_velocity_errors_by_hand():
    target = np.zeros((1, 2, 2, 3))
    target[0, 1, 1] = [3, 0, 0]  # joint 1 moves by 3 mm
    predicted = np.zeros((1, 2, 2, 3))
    predicted[0, 0] += 50  # where the whole pose stands does not matter
    predicted[0, 1, 1] = [0, 4, 0]
    errors = metrics.velocity_errors(predicted, target, root=0)
    np.testing.assert_allclose(errors, [[0, 5]])


def test_pairs_follow_each_other_in_one_clip():
    clips = np.array([1, 0, 0, 1, 0, 0, 2])
    frames = np.array([5, 3, 1, 6, 2, 9, 7])
    pairs = metrics.following_pairs(clips, frames)
    assert sorted(map(tuple, pairs.tolist())) == [(0, 3), (2, 4), (4, 1)]


def test_pairs_leave_out_frames_that_are_there_twice():
    frames = np.array([1, 2, 2, 3, 4])
    pairs = metrics.following_pairs(np.zeros(5, int), frames)
    assert pairs.tolist() == [[3, 4]]
    assert metrics.following_pairs(np.zeros(0, int), frames[:0]).shape == (0, 2)


def test_pck_and_auc_are_those_of_a_plain_loop():
    errors = np.array([[0, 4.999, 5, 149.9], [150, 150.1, 77, 1e9]])
    limits = range(0, 151, 5)
    for error, pck, auc in zip(
        errors.ravel(),
        metrics.pck_terms(errors).ravel(),
        metrics.auc_terms(errors).ravel(),
        strict=True,
    ):
        assert pck == (error < 150)
        expected = sum(error < limit for limit in limits) / len(limits)
        assert auc == pytest.approx(expected)


def test_pck_curve_counts_joints_of_weight_alone():
    errors = np.array([[10.0, 90], [40, 900]])
    weight = np.array([[1.0, 1], [1, 0]])
    curve = metrics.pck_curve(errors, weight, [0, 10, 50, 100])
    np.testing.assert_allclose(curve, [0, 0, 2 / 3, 1])


def test_pixel_pck_is_right_at_the_limit_and_of_each_persons_own_unit():
    target = np.zeros((2, 2, 2))
    predicted = np.array([[[3.0, 4], [3, 4.01]], [[3, 4], [6, 8]]])
    right = metrics.pixel_pck_terms(predicted, target, np.array([10, 20]), 0.5)
    assert right.tolist() == [[1, 0], [1, 1]]
