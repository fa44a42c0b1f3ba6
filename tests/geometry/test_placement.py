import cv2
import numpy as np
import pytest

from keras_pose.geometry import placement

INTRINSICS = np.array([[1150.0, 0, 512], [0, 980, 480], [0, 0, 1]])
LENS = np.array([-0.2, 0.24, -0.001, 0.002, 0.01])
BONES = ((0, 1), (1, 2), (2, 3), (0, 4), (4, 5))
SEEDS = pytest.mark.parametrize("seed", range(5))


def random_pose(seed):
    """Joints relative to joint 0 (6, 3), and the root's place (3,), in mm."""
    rng = np.random.default_rng(seed)
    joints_mm = rng.normal(0, [200, 500, 300], (6, 3))
    root = rng.uniform([-800, -500, 2500], [800, 500, 9000])
    return joints_mm - joints_mm[0], root


def tight_box(joints_mm):
    """Box of the joints in the image that OpenCV projects."""
    points, _ = cv2.projectPoints(
        joints_mm, np.zeros(3), np.zeros(3), INTRINSICS, LENS
    )
    low, high = points[:, 0].min(0), points[:, 0].max(0)
    # Pixel (0, 0) is a centre, so a box from its corner begins at 0.5.
    return np.array([*(low + 0.5), *(high - low)])


def lengths_of(joints_mm):
    lengths = np.zeros(6)
    for parent, child in BONES:
        lengths[child] = np.linalg.norm(joints_mm[child] - joints_mm[parent])
    return lengths


def estimated_depth(joints_mm, root, lengths):
    rays = (joints_mm + root)[:, :2] / (joints_mm + root)[:, 2:]
    return placement.root_depth_from_bone_lengths(
        rays, joints_mm[:, 2:], BONES, lengths
    ).item()


def root_of(joints_mm, box, lens=LENS, root_depth=0.0):
    """The root (3,) by `root_from_box`."""
    (root,) = placement.root_from_box(
        joints_mm, box, INTRINSICS, lens, np.full((1, 1), root_depth)
    )
    return root


@SEEDS
def test_bone_lengths_tell_the_root_depth(seed):
    joints_mm, root = random_pose(seed)
    depth = estimated_depth(joints_mm, root, lengths_of(joints_mm))
    np.testing.assert_allclose(depth, root[2], rtol=1e-4)


def test_unknown_bone_lengths_do_not_count():
    joints_mm, root = random_pose(7)
    lengths = lengths_of(joints_mm)
    lengths[[1, 5]] = 0
    depth = estimated_depth(joints_mm, root, lengths)
    np.testing.assert_allclose(depth, root[2], rtol=1e-4)


def test_a_flat_pose_is_twice_as_far_if_people_are_twice_as_large():
    joints_mm, root = random_pose(3)
    joints_mm[:, 2] = 0
    depth = estimated_depth(joints_mm, root, 2 * lengths_of(joints_mm))
    np.testing.assert_allclose(depth, 2 * root[2], rtol=1e-4)


@pytest.mark.parametrize(
    ("lengths", "low", "high"),
    [(np.full(6, 1e-3), 200, 20_000), (np.full(6, 1e9), 2e5, 2e5)],
    ids=["too short", "too long"],
)
def test_impossible_bone_lengths_give_a_depth_in_range(lengths, low, high):
    assert low <= estimated_depth(*random_pose(2), lengths) <= high


def test_of_two_depths_that_fit_the_bones_the_farther_counts():
    # One bone, on the ray (0.5, 0, 1) and 4 m nearer than the root's end:
    # (0.5 Z - 2000)^2 + 4000^2 = 4100^2, so Z is 4000 -+ 1800.
    depth = placement.root_depth_from_bone_lengths(
        np.array([[0, 0], [0.5, 0]]),
        np.array([[0.0], [-4000.0]]),
        [(0, 1)],
        [0, 4100.0],
    )
    assert depth.item() == pytest.approx(5800, rel=1e-6)


def test_no_bone_lengths_are_refused():
    with pytest.raises(ValueError, match="`bone_lengths_mm` must.*: none"):
        estimated_depth(*random_pose(0), np.zeros(6))


@SEEDS
def test_box_tells_the_root(seed):
    joints_mm, root = random_pose(seed)
    box = tight_box(joints_mm + root)
    found = root_of(joints_mm, box)
    np.testing.assert_allclose(found, root, rtol=1e-3, atol=1)


@SEEDS
def test_box_tells_where_a_root_of_known_depth_is(seed):
    joints_mm, root = random_pose(seed)
    box = tight_box(joints_mm + root)
    # Its size must not matter then, only its centre.
    box = np.array([*(box[:2] - 30), *(box[2:] + 60)])
    found = root_of(joints_mm, box, root_depth=root[2])
    np.testing.assert_allclose(found, root, rtol=1e-4, atol=0.1)


def test_pose_in_a_huge_box_stays_in_front_of_the_camera():
    joints_mm, _ = random_pose(1)
    box = np.array([-5000.0, -5000, 11_000, 11_000])
    found = root_of(joints_mm, box, np.zeros(5))
    assert np.isfinite(found).all()
    assert (joints_mm + found)[:, 2].min() >= 99.9


def seen_box(joints_mm, lens):
    """x, y, width, height that OpenCV's projection fills."""
    points, _ = cv2.projectPoints(
        joints_mm, np.zeros(3), np.zeros(3), INTRINSICS, lens
    )
    low, high = points[:, 0].min(0), points[:, 0].max(0)
    return np.array([*(low + 0.5), *(high - low)])


@pytest.mark.parametrize("seed", range(40))
def test_pose_fills_any_box_of_a_pinhole(seed):
    # Wide boxes bring some joints to a sixth of others' distance.
    joints_mm, _ = random_pose(seed)
    rng = np.random.default_rng(seed)
    size = rng.uniform(100, 1500, 2)
    box = np.array([*(rng.uniform(0, 1000, 2) - size / 2), *size])
    found = joints_mm + root_of(joints_mm, box, np.zeros(5))
    assert found[:, 2].min() >= 99.9
    seen = seen_box(found, np.zeros(5))
    np.testing.assert_allclose(
        seen[:2] + seen[2:] / 2, box[:2] + box[2:] / 2, atol=1e-3
    )
    if found[:, 2].min() > 101:
        assert seen[2:].max() == pytest.approx(size.max(), rel=1e-5)


def test_rows_of_a_batch_are_placed_as_each_alone():
    poses, roots = zip(*map(random_pose, range(6)), strict=True)
    joints_mm, boxes = np.stack(poses), []
    for pose, root in zip(poses, roots, strict=True):
        boxes.append(tight_box(pose + root))
    depth = np.array([0, 3000, 0, 0, 5000, 0.0])[:, None, None]
    found = placement.root_from_box(
        joints_mm, np.stack(boxes), INTRINSICS[None], LENS[None], depth
    )
    for row in range(6):
        alone = root_of(poses[row], boxes[row], root_depth=depth[row, 0, 0])
        np.testing.assert_allclose(found[row, 0], alone, rtol=1e-9)


@SEEDS
def test_joints_on_their_rays_tell_the_root(seed):
    joints_mm, root = random_pose(seed)
    rays = (joints_mm + root)[:, :2] / (joints_mm + root)[:, 2:]
    found = placement.root_from_points(joints_mm, rays, np.ones(6))
    np.testing.assert_allclose(found[0], root, atol=1e-6)


@SEEDS
def test_root_from_points_is_between_the_least_squares(seed):
    joints_mm, root = random_pose(seed)
    rng = np.random.default_rng(seed)
    rays = (joints_mm + root)[:, :2] / (joints_mm + root)[:, 2:]
    rays = rays + rng.normal(0, 0.02, rays.shape)
    weight = rng.uniform(0.1, 3, 6)
    # x - u z = t_z u - t_x, and v likewise; solved for either side of it.
    slopes = []
    height = joints_mm[:, :2] - rays * joints_mm[:, 2:]
    for known, wanted in ((rays, height), (height, rays)):
        ones = [np.repeat([[1.0, 0]], 6, axis=0), np.repeat([[0, 1.0]], 6, 0)]
        rows = np.concatenate(
            [np.column_stack([known[:, axis], ones[axis]]) for axis in (0, 1)]
        )
        root_weight = np.sqrt(np.tile(weight, 2))
        solved = np.linalg.lstsq(
            rows * root_weight[:, None],
            wanted.T.reshape(-1) * root_weight,
            rcond=None,
        )[0]
        slopes.append(solved[0])
    expected = np.sqrt(slopes[0] / slopes[1])
    found = placement.root_from_points(joints_mm, rays, weight)[0]
    assert found[2] == pytest.approx(expected, rel=1e-9)
    # Across, the weighted means lie on each other.
    off = joints_mm[:, :2] + found[:2] - rays * (joints_mm[:, 2:] + found[2])
    np.testing.assert_allclose(weight @ off, 0, atol=1e-6)


def test_a_joint_of_weight_0_does_not_move_the_root():
    joints_mm, root = random_pose(3)
    rays = (joints_mm + root)[:, :2] / (joints_mm + root)[:, 2:]
    rays[2] += 5
    weight = np.array([1.0, 1, 0, 1, 1, 1])
    batch = [array[None] for array in (joints_mm, rays, weight)]
    found = placement.root_from_points(*batch)
    assert found.shape == (1, 1, 3)
    np.testing.assert_allclose(found[0, 0], root, atol=1e-6)
