import numpy as np
import pytest
import scipy.spatial
from scipy.spatial.transform import Rotation

from keras_pose.geometry.alignment import rigid_align
from keras_pose.geometry.alignment import similarity_align

BOTH = pytest.mark.parametrize(
    "align", [rigid_align, similarity_align], ids=["rigid", "similarity"]
)


@pytest.fixture
def rng():
    return np.random.default_rng(36)


@pytest.fixture
def pose(rng):
    return rng.normal(scale=300, size=(17, 3))


def squared_error(points, target):
    return ((points - target) ** 2).sum()


@pytest.mark.parametrize(
    ("align", "scale"),
    [(rigid_align, 1), (similarity_align, 1), (similarity_align, 0.3)],
    ids=["rigid", "similarity", "similarity of another size"],
)
def test_align_recovers_a_known_motion(align, scale, pose, rng):
    turn = Rotation.random(rng=rng)
    target = scale * turn.apply(pose) + [100, -900, 5000]
    np.testing.assert_allclose(align(pose, target), target, atol=1e-8)


def test_only_similarity_forgives_a_pose_5_percent_too_large(pose):
    np.testing.assert_allclose(similarity_align(1.05 * pose, pose), pose)
    of_rigid = rigid_align(1.05 * pose, pose) - pose
    np.testing.assert_allclose(of_rigid, 0.05 * (pose - pose.mean(axis=0)))


@pytest.mark.parametrize("mirror", [1, -1], ids=["noisy", "mirrored"])
def test_rigid_align_agrees_with_scipy(mirror, pose, rng):
    points = rng.normal(pose * [mirror, 1, 1], 50) + 700
    weight = rng.uniform(size=17)
    points_mean = np.average(points, axis=0, weights=weight)
    target_mean = np.average(pose, axis=0, weights=weight)
    turn, _ = Rotation.align_vectors(
        pose - target_mean, points - points_mean, weights=weight
    )
    expected = turn.apply(points - points_mean) + target_mean
    np.testing.assert_allclose(rigid_align(points, pose, weight), expected)


def test_similarity_align_leaves_the_disparity_of_scipy(pose, rng):
    points = rng.normal(pose, 50)
    _, _, disparity = scipy.spatial.procrustes(pose, points)
    left = squared_error(similarity_align(points, pose), pose)
    size = squared_error(pose, pose.mean(axis=0))
    np.testing.assert_allclose(left / size, disparity)


@BOTH
@pytest.mark.parametrize("mirror", [1, -1], ids=["noisy", "mirrored"])
def test_no_small_motion_improves_on_align(align, mirror, pose, rng):
    aligned = align(rng.normal(pose * [mirror, 1, 1], 50), pose)
    mean = aligned.mean(axis=0)
    may_scale = align is similarity_align
    for turn in Rotation.from_rotvec(rng.normal(scale=0.02, size=(100, 3))):
        size = 1 + may_scale * rng.normal(scale=0.02)
        moved = size * turn.apply(aligned - mean) + mean + rng.normal(size=3)
        assert squared_error(moved, pose) > squared_error(aligned, pose)


@BOTH
def test_align_never_mirrors(align, pose):
    aligned = align(pose * [-1, 1, 1], pose)
    edges = [
        points[[1, 2, 3]] - points[0]
        for points in (aligned, pose * [-1, 1, 1], pose)
    ]
    found, own, target = np.sign(np.linalg.det(edges))
    assert found == own == -target


@BOTH
def test_align_ignores_joints_of_zero_weight(align, pose):
    target = Rotation.from_euler("xyz", [0.3, 1, -2]).apply(pose) + 50
    outlier = target.copy()
    outlier[4] += 1e5
    weight = np.where(np.arange(17) == 4, 0, 0.5)
    aligned = align(pose, outlier, weight)
    np.testing.assert_allclose(aligned, target, atol=1e-8)


@BOTH
@pytest.mark.parametrize(
    "points",
    [np.outer(np.arange(17), [1, 2, 3]), np.full((17, 3), 7)],
    ids=["collinear", "coincident"],
)
def test_align_of_flat_points_is_finite_and_central(align, points, pose):
    aligned = align(points, pose)
    assert np.isfinite(aligned).all()
    np.testing.assert_allclose(aligned.mean(axis=0), pose.mean(axis=0))


@BOTH
def test_align_without_a_known_joint_is_finite(align, pose):
    assert np.isfinite(align(pose, pose + 1, np.zeros(17))).all()


@BOTH
def test_align_treats_each_pose_of_a_batch_alone(align, rng):
    points, target = rng.normal(size=(2, 3, 4, 17, 3))
    weight = rng.uniform(size=(3, 4, 17))
    aligned = align(points, target, weight)
    for index in np.ndindex(3, 4):
        alone = align(points[index], target[index], weight[index])
        np.testing.assert_allclose(aligned[index], alone, atol=1e-9)
