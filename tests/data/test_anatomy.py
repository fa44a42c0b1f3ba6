import numpy as np
import pytest

from keras_pose.data.anatomy import BoneLengths
from keras_pose.data.anatomy import Sides
from keras_pose.skeleton import COCO_17
from keras_pose.skeleton import H36M_17

# A person who faces the camera: their left is at x > 0. mm; y down, z away.
FACING = {
    "pelvis": (0, 0, 0),
    "right_hip": (-130, 0, 0),
    "left_hip": (130, 0, 0),
    "right_knee": (-140, 430, -150),
    "left_knee": (140, 430, -80),
    "right_ankle": (-140, 850, 0),
    "left_ankle": (140, 850, 0),
    "right_shoulder": (-180, -480, 0),
    "left_shoulder": (180, -480, 0),
}


def pose_of(places, skeleton=H36M_17):
    joints, weight = np.zeros((17, 3)), np.zeros(17)
    for name, place in places.items():
        if name in skeleton.joints:
            joints[skeleton.joints.index(name)] = place
            weight[skeleton.joints.index(name)] = 1
    return joints, weight


def rotation(seed):
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))


@pytest.mark.parametrize("skeleton", [H36M_17, COCO_17], ids=lambda s: s.name)
def test_sides_are_right_however_the_person_is_turned(skeleton):
    sides = Sides(skeleton)
    joints, weight = pose_of(FACING, skeleton)
    for seed in range(20):
        sides.add(joints @ rotation(seed).T + [100, 200, 4000], weight)
    assert (sides.right, sides.wrong) == (40, 0)
    sides.check()


@pytest.mark.parametrize("change", ["exchanged", "mirrored", "depth"])
def test_exchanged_sides_and_mirrored_axes_are_refused(change):
    joints, weight = pose_of(FACING)
    if change == "exchanged":
        joints = joints[list(H36M_17.flip_permutation)]
    elif change == "mirrored":
        joints = joints * [-1, 1, 1]
    else:
        joints = joints * [1, 1, -1]
    sides = Sides(H36M_17)
    for seed in range(10):
        sides.add(joints @ rotation(seed).T, weight)
    assert (sides.right, sides.wrong) == (0, 20)
    with pytest.raises(ValueError, match="20 of 20 bent knees to the back"):
        sides.check()


def test_straight_or_unknown_legs_have_no_opinion():
    straight = FACING | {
        "right_knee": (-135, 425, -10),
        "left_knee": (135, 425, 10),
    }
    sides = Sides(H36M_17)
    sides.add(*pose_of(straight))
    joints, weight = pose_of(FACING)
    weight[H36M_17.joints.index("left_ankle")] = 0
    sides.add(joints, weight)
    sides.check()
    assert (sides.right, sides.wrong) == (0, 0)


def test_a_few_odd_legs_are_no_proof():
    sides = Sides(H36M_17)
    joints, weight = pose_of(FACING)
    for _ in range(9):
        sides.add(joints * [-1, 1, 1], weight)
    sides.check()


def test_bone_lengths_have_mean_and_spread():
    bones = BoneLengths(H36M_17)
    knee = H36M_17.joints.index("right_knee")
    lengths = [400.0, 440.0, 450.0, 470.0]
    for length in lengths:
        joints, weight = pose_of(
            {"right_hip": (10, 20, 30), "right_knee": (10, 20 + length, 30)}
        )
        bones.add(joints, weight)
    assert bones.mean()[knee] == pytest.approx(440)
    assert bones.spread()[knee] == pytest.approx(np.std(lengths))
    others = np.delete(bones.mean(), knee)
    assert not others.any()
