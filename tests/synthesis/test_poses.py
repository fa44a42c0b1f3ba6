from collections import Counter

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from keras_pose.skeleton import H36M_17
from keras_pose.synthesis import poses
from keras_pose.synthesis.body import BONE_INDEX
from keras_pose.synthesis.body import BONES
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.body import pose
from keras_pose.synthesis.poses import Angles

SIDES = pytest.mark.parametrize(
    ("side", "out"), [("left", 1), ("right", -1)], ids=["left", "right"]
)
MIRROR = np.diag([-1.0, 1, 1])
DRAWS = 80


@pytest.fixture(scope="module")
def mean():
    return load_body().shape(np.zeros(load_body().num_shapes))


@pytest.fixture(scope="module")
def stand(mean):
    """Gives `(angles) -> (joints by name, rotations by bone)`."""
    upright = poses.upright_rotations(mean)

    def take(angles=()):
        turned = poses.rotations_of(Angles(angles), upright)
        joints = pose(mean, turned).joints
        return (
            dict(zip(H36M_17.joints, joints, strict=True)),
            dict(zip(BONES, turned, strict=True)),
        )

    return take


def along(joints, start, end):
    """Unit vector from a joint to another."""
    vector = joints[end] - joints[start]
    return vector / np.linalg.norm(vector)


def assert_along(joints, start, end, expected, atol=1e-3):
    np.testing.assert_allclose(
        along(joints, start, end), expected, atol=atol, err_msg=f"{start} {end}"
    )


def degrees(values):
    return np.cos(np.radians(values)), np.sin(np.radians(values))


def bone_direction(mean, turned, bone):
    vector = turned[bone] @ mean.bone_vectors[BONE_INDEX[bone]]
    return vector / np.linalg.norm(vector)


def other_side(bone):
    for one, two in (("Left", "Right"), ("LHip", "RHip"), ("LT", "RT")):
        if bone.startswith(one):
            return two + bone.removeprefix(one)
        if bone.startswith(two):
            return one + bone.removeprefix(two)
    return bone


# Where each angle takes the body.


@SIDES
def test_in_the_neutral_pose_arms_and_legs_hang(side, out, stand, mean):
    joints, turned = stand()
    for start, end in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
    ):
        assert_along(joints, f"{side}_{start}", f"{side}_{end}", (0, -1, 0))
    name = side.title()
    assert bone_direction(mean, turned, f"{name}FingerBase")[1] < -0.8
    # Palms face the thighs and toes point forwards.
    assert bone_direction(mean, turned, f"{name[0]}Thumb")[2] > 0.3
    mesh = load_body().skin
    hand = pose(mean, np.array(list(turned.values()))).skin(
        mean.vertices[mesh.rows], mesh.weights
    )[mesh.owners == BONE_INDEX[f"{name}FingerBase"]]
    palm = np.linalg.svd(hand - hand.mean(axis=0))[2][2]
    assert abs(palm[0]) > 0.8
    assert bone_direction(mean, turned, f"{name}ToeBase")[2] > 0.9
    assert joints[f"{side}_ankle"][0] * out > 50


def test_the_neutral_trunk_and_head_are_those_of_the_rest_pose(stand):
    _, turned = stand()
    for bone in ("Hips", "LowerBack", "Spine", "Spine1", "Neck", "Head"):
        np.testing.assert_allclose(turned[bone], np.eye(3), atol=1e-12)


@SIDES
@pytest.mark.parametrize("angle", [-20, 40, 90])
def test_hip_flexion_brings_its_knee_forward(side, out, angle, stand):
    joints, _ = stand({f"{side} hip_flexion": angle})
    cos, sin = degrees(angle)
    for start, end in (("hip", "knee"), ("knee", "ankle")):
        assert_along(joints, f"{side}_{start}", f"{side}_{end}", (0, -cos, sin))
    still, _ = stand()
    moved = {j for j in joints if np.linalg.norm(joints[j] - still[j]) > 1}
    assert moved == {f"{side}_knee", f"{side}_ankle"}


@SIDES
@pytest.mark.parametrize("angle", [30, 90])
def test_knee_flexion_moves_its_ankle_backwards(side, out, angle, stand):
    joints, _ = stand({f"{side} knee": angle})
    cos, sin = degrees(angle)
    assert_along(joints, f"{side}_hip", f"{side}_knee", (0, -1, 0))
    assert_along(joints, f"{side}_knee", f"{side}_ankle", (0, -cos, -sin))
    still, _ = stand()
    moved = {j for j in joints if np.linalg.norm(joints[j] - still[j]) > 1}
    assert moved == {f"{side}_ankle"}


@SIDES
def test_hip_abduction_takes_the_leg_outwards(side, out, stand):
    joints, _ = stand({f"{side} hip_abduction": 30})
    cos, sin = degrees(30)
    assert_along(
        joints, f"{side}_hip", f"{side}_ankle", (out * sin, -cos, 0), 0.01
    )


@SIDES
def test_hip_rotation_turns_toes_outwards(side, out, stand, mean):
    angles = {f"{side} hip_rotation": 40, f"{side} knee": 90}
    joints, _ = stand(angles)
    cos, sin = degrees(40)
    assert_along(joints, f"{side}_knee", f"{side}_ankle", (-out * sin, 0, -cos))
    _, turned = stand({f"{side} hip_rotation": 40})
    toes = bone_direction(mean, turned, f"{side.title()}Foot")
    assert toes[0] * out > 0.4
    assert toes[2] > 0.4


@SIDES
def test_ankle_flexion_lifts_the_toes(side, out, stand, mean):
    def toes(angle):
        joints, turned = stand({f"{side} ankle": angle})
        direction = bone_direction(mean, turned, f"{side.title()}Foot")
        return np.degrees(np.arctan2(direction[1], direction[2]))

    assert toes(20) - toes(0) == pytest.approx(20, abs=0.01)
    assert toes(-40) - toes(0) == pytest.approx(-40, abs=0.01)


@SIDES
@pytest.mark.parametrize("elevation", [20, 60])
@pytest.mark.parametrize("plane", [-30, 0, 45, 90, 180])
def test_an_arm_rises_in_its_plane(side, out, elevation, plane, stand):
    joints, _ = stand(
        {
            f"{side} shoulder_elevation": elevation,
            f"{side} shoulder_plane": plane,
        }
    )
    cos, sin = degrees(elevation)
    forward, outward = degrees(plane)
    expected = (out * sin * outward, -cos, sin * forward)
    assert_along(joints, f"{side}_shoulder", f"{side}_wrist", expected)
    other = "right" if side == "left" else "left"
    assert_along(joints, f"{other}_shoulder", f"{other}_wrist", (0, -1, 0))


@SIDES
def test_the_collar_bone_follows_an_arm_above_60_degrees(side, out, stand):
    # It lifts the shoulder by a fifth of what the arm is above 60.
    angles = {
        f"{side} shoulder_elevation": 160,
        f"{side} shoulder_plane": 90,
    }
    joints, _ = stand(angles)
    cos, sin = degrees(160 + (160 - 60) * 0.2)
    assert_along(
        joints, f"{side}_shoulder", f"{side}_wrist", (out * sin, -cos, 0)
    )
    still, _ = stand()
    assert joints[f"{side}_shoulder"][1] > still[f"{side}_shoulder"][1] + 30
    forward, _ = stand({f"{side} shoulder_elevation": 90})
    assert_along(forward, f"{side}_shoulder", f"{side}_wrist", (0, 0, 1))


@SIDES
@pytest.mark.parametrize("angle", [25, 90, 140])
def test_elbow_flexion_brings_its_wrist_forward(side, out, angle, stand):
    joints, _ = stand({f"{side} elbow": angle})
    cos, sin = degrees(angle)
    assert_along(joints, f"{side}_shoulder", f"{side}_elbow", (0, -1, 0))
    assert_along(joints, f"{side}_elbow", f"{side}_wrist", (0, -cos, sin))
    still, _ = stand()
    moved = {j for j in joints if np.linalg.norm(joints[j] - still[j]) > 1}
    assert moved == {f"{side}_wrist"}


@SIDES
def test_shoulder_rotation_takes_the_forearm_outwards(side, out, stand):
    joints, _ = stand({f"{side} elbow": 90, f"{side} shoulder_rotation": 35})
    cos, sin = degrees(35)
    assert_along(joints, f"{side}_shoulder", f"{side}_elbow", (0, -1, 0))
    assert_along(joints, f"{side}_elbow", f"{side}_wrist", (out * sin, 0, cos))


@SIDES
def test_the_forearm_turns_about_itself(side, out, stand, mean):
    still, before = stand({f"{side} elbow": 70})
    joints, turned = stand({f"{side} elbow": 70, f"{side} forearm": 60})
    for joint, place in joints.items():
        np.testing.assert_allclose(place, still[joint], atol=1e-3)
    name = side.title()
    change = turned[f"{name}Hand"] @ before[f"{name}Hand"].T
    forearm = along(joints, f"{side}_elbow", f"{side}_wrist")
    # The thumbs turn away from each other.
    expected = Rotation.from_rotvec(-out * np.radians(60) * forearm)
    np.testing.assert_allclose(change, expected.as_matrix(), atol=1e-3)


def test_the_trunk_bends_forward(stand):
    joints, turned = stand({"trunk_flexion": 50})
    still, _ = stand()
    expected = Rotation.from_euler("x", 50, True)
    np.testing.assert_allclose(turned["Spine1"], expected.as_matrix())
    before = along(still, "neck", "head_top")
    assert_along(joints, "neck", "head_top", expected.apply(before))
    assert joints["neck"][2] > still["neck"][2] + 100
    # It bends a little in each of its bones.
    lean = [
        np.degrees(Rotation.from_matrix(turned[bone]).magnitude())
        for bone in ("Hips", "LowerBack", "Spine", "Spine1")
    ]
    assert lean[0] == pytest.approx(0)
    assert (np.diff(lean) > 10).all()


def test_the_trunk_bends_to_the_left(stand):
    joints, _ = stand({"trunk_side": 25})
    still, _ = stand()
    cos, sin = degrees(25)
    assert_along(joints, "right_shoulder", "left_shoulder", (cos, -sin, 0))
    assert joints["neck"][0] > still["neck"][0] + 50
    assert_along(joints, "right_hip", "left_hip", (1, 0, 0))


def test_the_trunk_turns_to_the_left(stand):
    joints, _ = stand({"trunk_twist": 40})
    cos, sin = degrees(40)
    # The left shoulder goes back.
    assert_along(joints, "right_shoulder", "left_shoulder", (cos, 0, -sin))
    assert joints["nose"][0] > 30
    assert_along(joints, "right_hip", "left_hip", (1, 0, 0))


@pytest.mark.parametrize(
    ("way", "axis", "sign"),
    [("flexion", "x", 1), ("side", "z", -1), ("twist", "y", 1)],
)
def test_the_neck_bends_the_head_alone(way, axis, sign, stand):
    joints, turned = stand({f"neck_{way}": 30})
    expected = Rotation.from_euler(axis, sign * 30, True).as_matrix()
    np.testing.assert_allclose(turned["Head"], expected, atol=1e-9)
    still, _ = stand()
    moved = {j for j in joints if np.linalg.norm(joints[j] - still[j]) > 3}
    assert moved <= {"nose", "head_top"}
    shift = joints["nose"] - still["nose"]
    assert {
        "flexion": shift[1] < -10,  # nods
        "side": shift[0] > 8,  # ear to the left shoulder
        "twist": shift[0] > 20,  # looks to the left
    }[way]


def test_mixed_angles_of_the_trunk_are_those_of_scipy(stand):
    _, turned = stand(
        {"trunk_flexion": 40, "trunk_side": 20, "trunk_twist": 30}
    )

    def bone(share):
        turn = Rotation.from_euler("YZX", np.array([30, -20, 40]) * share, True)
        return turn.as_matrix()

    expected = bone(0.35)
    np.testing.assert_allclose(turned["LowerBack"], expected, atol=1e-9)
    expected = expected @ bone(0.35)
    np.testing.assert_allclose(turned["Spine"], expected, atol=1e-9)
    expected = expected @ bone(0.3)
    np.testing.assert_allclose(turned["Spine1"], expected, atol=1e-9)


def test_root_angles_lay_a_person_down(stand):
    still, _ = stand()
    for angles, turn in (
        ({"root_pitch": 90}, Rotation.from_euler("x", 90, True)),
        ({"root_roll": 90}, Rotation.from_euler("z", -90, True)),
        (
            {"root_pitch": 20, "root_roll": 50},
            Rotation.from_euler("ZX", (-50, 20), True),
        ),
    ):
        joints, _ = stand(angles)
        for first, second in H36M_17.bones:
            start, end = H36M_17.joints[first], H36M_17.joints[second]
            expected = turn.apply(along(still, start, end))
            assert_along(joints, start, end, expected, 1e-6)
    joints, _ = stand({"root_pitch": 90})
    assert joints["nose"][1] < joints["head_top"][1]  # face down
    joints, _ = stand({"root_roll": 90})
    assert joints["left_hip"][1] < joints["right_hip"][1] - 100


ONE_SIDED = [
    "hip_flexion",
    "hip_abduction",
    "hip_rotation",
    "knee",
    "ankle",
    "shoulder_elevation",
    "shoulder_plane",
    "shoulder_rotation",
    "elbow",
    "forearm",
]
CENTRAL = {
    "trunk_flexion": 1,
    "trunk_side": -1,
    "trunk_twist": -1,
    "neck_flexion": 1,
    "neck_side": -1,
    "neck_twist": -1,
    "root_pitch": 1,
    "root_roll": -1,
}


@hypothesis.given(seed=st.integers(0, 10_000))
def test_mirrored_angles_give_the_mirrored_pose(seed, stand):
    rng = np.random.default_rng(seed)
    angles, mirrored = {}, {}
    for name, sign in CENTRAL.items():
        angles[name] = rng.uniform(-80, 80)
        mirrored[name] = sign * angles[name]
    for name in ONE_SIDED:
        for side, other in (("left", "right"), ("right", "left")):
            angles[f"{side} {name}"] = rng.uniform(-30, 150)
            mirrored[f"{other} {name}"] = angles[f"{side} {name}"]
    joints, turned = stand(angles)
    twin, twin_turned = stand(mirrored)
    for joint, place in joints.items():
        other = H36M_17.joints[
            H36M_17.flip_permutation[H36M_17.joints.index(joint)]
        ]
        np.testing.assert_allclose(twin[other], MIRROR @ place, atol=0.1)
    for bone, matrix in turned.items():
        np.testing.assert_allclose(
            twin_turned[other_side(bone)],
            MIRROR @ matrix @ MIRROR,
            atol=1e-3,
            err_msg=bone,
        )


@hypothesis.given(seed=st.integers(0, 10_000))
def test_angles_give_rotations(seed, stand):
    rng = np.random.default_rng(seed)
    names = [
        f"{side} {name}" for name in ONE_SIDED for side in ("left", "right")
    ]
    angles = {name: rng.uniform(-180, 180) for name in [*names, *CENTRAL]}
    _, turned = stand(angles)
    for matrix in turned.values():
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(matrix) == pytest.approx(1)


def test_other_people_hang_their_limbs_as_well():
    body = load_body()
    for seed in range(5):
        shape = body.shape(
            np.random.default_rng(seed).normal(size=body.num_shapes)
        )
        turned = poses.upright_rotations(shape)
        joints = pose(shape, turned).joints
        joints = dict(zip(H36M_17.joints, joints, strict=True))
        for side in ("left", "right"):
            assert_along(
                joints, f"{side}_shoulder", f"{side}_wrist", (0, -1, 0)
            )
            assert_along(joints, f"{side}_hip", f"{side}_ankle", (0, -1, 0))


# Angles.


def test_angles_are_zero_until_they_are_set():
    angles = Angles()
    assert angles["left knee"] == 0
    assert not angles
    angles.both("knee", 30)
    assert angles == {
        "left knee": 30,
        "right knee": 30,
    }


def test_angles_are_clipped_where_a_joint_ends():
    angles = Angles(
        {
            "left knee": 190,
            "right knee": -30,
            "trunk_side": -70,
            "left elbow": 60,
            "root_pitch": -400,
        }
    )
    assert angles.clipped() == {
        "left knee": 140,
        "right knee": 0,
        "trunk_side": -30,
        "left elbow": 60,
        "root_pitch": -400,
    }
    assert angles["left knee"] == 190


def test_limits_are_those_of_people():
    assert set(poses.LIMITS) == {*ONE_SIDED, *CENTRAL} - {
        "root_pitch",
        "root_roll",
    }
    for name, (low, high) in poses.LIMITS.items():
        assert low < high
        assert -90 <= low <= 0 < high <= 180, name
    assert poses.LIMITS["knee"][0] == poses.LIMITS["elbow"][0] == 0
    for name in ("trunk_side", "trunk_twist", "neck_side", "neck_twist"):
        assert poses.LIMITS[name][0] == -poses.LIMITS[name][1]


# Families.


def drawn(family, count=DRAWS):
    return [
        poses.draw_angles(np.random.default_rng((7, seed)), family)
        for seed in range(count)
    ]


@pytest.fixture(scope="module")
def family_joints(stand):
    """Gives `(family) -> joints by name, each (DRAWS, 3)`."""
    found = {}

    def of(family):
        if family not in found:
            people = [stand(angles)[0] for angles in drawn(family)]
            found[family] = {
                joint: np.array([person[joint] for person in people])
                for joint in H36M_17.joints
            }
        return found[family]

    return of


def elevation(joints, start, end):
    """Degrees (DRAWS,) by which a line rises."""
    vector = joints[end] - joints[start]
    return np.degrees(np.arcsin(vector[:, 1] / np.linalg.norm(vector, axis=1)))


def lower_of(joints, joint):
    return np.minimum(
        joints[f"left_{joint}"][:, 1], joints[f"right_{joint}"][:, 1]
    )


FAMILY = pytest.mark.parametrize("family", poses.FAMILIES)


@FAMILY
def test_every_family_draws_inside_the_limits(family):
    for angles in drawn(family):
        for name, value in angles.items():
            joint = name.split()[-1]
            low, high = poses.LIMITS.get(joint, (-180, 180))
            assert low <= value <= high, name
            assert joint in ONE_SIDED or joint in CENTRAL
            assert (joint in ONE_SIDED) == name.startswith(("left ", "right "))


@FAMILY
def test_every_family_varies(family):
    people = drawn(family)
    for name in (
        "left hip_flexion",
        "right knee",
        "left elbow",
        "right shoulder_elevation",
        "trunk_flexion",
    ):
        assert np.std([angles[name] for angles in people]) > 3, name


@FAMILY
def test_families_are_not_one_sided(family):
    people = drawn(family, 400)
    for name in ("hip_flexion", "knee", "shoulder_elevation", "elbow"):
        left, right = (
            np.array([angles[f"{side} {name}"] for angles in people])
            for side in ("left", "right")
        )
        error = np.std(left - right) / 20 + 0.1
        assert abs(np.mean(left - right)) < 4 * error, name
    for name in ("trunk_side", "trunk_twist", "neck_twist", "root_roll"):
        values = np.array([angles[name] for angles in people])
        assert abs(values.mean()) < 4 * (values.std() / 20 + 0.1), name


@FAMILY
def test_a_family_is_drawn_from_its_numbers_alone(family):
    first = poses.draw_angles(np.random.default_rng(4), family)
    assert first == poses.draw_angles(np.random.default_rng(4), family)
    assert first != poses.draw_angles(np.random.default_rng(5), family)


def heads_up(joints):
    others = [
        place[:, 1]
        for joint, place in joints.items()
        if joint not in ("head_top", "nose")
        and not joint.endswith(("wrist", "elbow"))
    ]
    return joints["head_top"][:, 1] > np.max(others, axis=0)


def test_those_on_their_feet_hold_their_heads_up(family_joints):
    for family in ("standing", "walking", "running", "reaching", "squatting"):
        joints = family_joints(family)
        assert heads_up(joints).all(), family
    for family in ("standing", "walking"):
        assert elevation(family_joints(family), "pelvis", "neck").min() > 70


def test_those_who_stand_have_straight_legs_and_level_feet(family_joints):
    joints = family_joints("standing")
    for side in ("left", "right"):
        assert elevation(joints, f"{side}_hip", f"{side}_knee").max() < -55
        assert elevation(joints, f"{side}_knee", f"{side}_ankle").max() < -60
    assert (joints["pelvis"][:, 1] - lower_of(joints, "ankle")).min() > 780


@pytest.mark.parametrize("family", ["standing", "squatting", "reaching"])
def test_soles_lie_on_the_ground(family, stand):
    for angles in drawn(family):
        # Legs that are not spread, so that ankles alone can level the feet.
        for name in ("hip_abduction", "hip_rotation"):
            angles.both(name, 0)
        _, turned = stand(angles)
        for side in ("left", "right"):
            needed = (
                angles[f"{side} knee"]
                - angles[f"{side} hip_flexion"]
                + angles["root_pitch"]
            )
            bent = angles[f"{side} hip_flexion"] < 119
            if bent and -45 < needed < 25:
                up = turned[f"{side.title()}Foot"][:, 1]
                np.testing.assert_allclose(up, (0, 1, 0), atol=1e-6)


def step(joints):
    feet = joints["left_ankle"] - joints["right_ankle"]
    return np.abs(feet[:, 2])


def test_runners_take_larger_steps_and_bend_elbows(family_joints):
    walking, running = family_joints("walking"), family_joints("running")
    standing = family_joints("standing")
    assert np.median(step(standing)) < 50
    assert np.median(step(walking)) > 250
    assert np.quantile(step(running), 0.8) > 1.2 * np.quantile(
        step(walking), 0.8
    )

    def reach(joints):
        return np.linalg.norm(
            joints["left_wrist"] - joints["left_shoulder"], axis=1
        )

    assert reach(running).max() < reach(walking).min()


@pytest.mark.parametrize("family", ["walking", "running"])
def test_arms_and_shoulders_go_against_legs(family, stand):
    people = [stand(angles)[0] for angles in drawn(family, 300)]

    def ahead(joint):
        return [p[f"left_{joint}"][2] - p[f"right_{joint}"][2] for p in people]

    assert np.corrcoef(ahead("ankle"), ahead("elbow"))[0, 1] < -0.7
    assert np.corrcoef(ahead("ankle"), ahead("shoulder"))[0, 1] < -0.25


def test_those_who_sit_have_level_thighs(family_joints):
    joints = family_joints("sitting")
    thighs = [
        elevation(joints, f"{side}_hip", f"{side}_knee")
        for side in ("left", "right")
    ]
    assert abs(np.median(thighs)) < 15
    assert np.min(thighs) > -20
    assert np.max(thighs) < 60
    assert elevation(joints, "pelvis", "neck").min() > 50
    # Most have their feet below a seat, the others on the floor.
    rise = joints["pelvis"][:, 1] - lower_of(joints, "ankle")
    assert 0.5 < (rise > 300).mean() < 0.95
    assert rise.max() < 550


def test_those_who_squat_are_low(family_joints):
    joints = family_joints("squatting")
    rise = joints["pelvis"][:, 1] - lower_of(joints, "ankle")
    assert 250 < rise.min()
    assert rise.max() < 750
    assert (joints["left_knee"][:, 2] > joints["left_hip"][:, 2] + 200).all()


def test_those_who_kneel_have_a_shank_on_the_ground(family_joints):
    joints = family_joints("kneeling")
    shanks = [
        np.abs(elevation(joints, f"{side}_knee", f"{side}_ankle"))
        for side in ("left", "right")
    ]
    assert np.min(shanks, axis=0).max() < 12
    # In about half of them the other foot stands.
    assert 0.3 < (np.max(shanks, axis=0) > 60).mean() < 0.7
    assert elevation(joints, "pelvis", "neck").min() > 60


def test_those_who_lie_are_level(family_joints, stand):
    joints = family_joints("lying")
    assert np.abs(elevation(joints, "pelvis", "neck")).max() < 20
    ways = Counter()
    for angles in drawn("lying", 300):
        front = stand(angles)[1]["Hips"][:, 2]
        ways["side" if abs(front[1]) < 0.1 else np.sign(front[1])] += 1
    for way, share in ((1, 0.45), (-1, 0.25), ("side", 0.3)):
        assert ways[way] / 300 == pytest.approx(share, abs=0.1)


def test_exercises_are_of_many_kinds(family_joints):
    joints = family_joints("exercising")
    trunk = elevation(joints, "pelvis", "neck")
    assert (trunk < 20).any()
    assert (trunk > 75).any()
    assert (step(joints) > 500).any()
    rise = joints["pelvis"][:, 1] - lower_of(joints, "ankle")
    assert np.ptp(rise) > 500


@pytest.mark.parametrize(
    ("exercise", "expected"),
    [
        ("_press_up", lambda j: j["nose"][1] < j["left_shoulder"][1] + 250),
        ("_lunge", lambda j: abs(j["left_ankle"] - j["right_ankle"])[2] > 200),
        ("_bend_forward", lambda j: j["neck"][2] > j["pelvis"][2] + 200),
        ("_jumping_jack", lambda j: abs(j["left_wrist"][2]) < 300),
        (
            "_side_bend",
            # The arm on the outer side of the bend is the raised one.
            lambda j: (
                (j["left_wrist"] - j["right_wrist"])[1]
                * (j["right_shoulder"] - j["left_shoulder"])[1]
                < 0
            ),
        ),
        (
            "_leg_raise",
            lambda j: np.linalg.norm(j["left_ankle"] - j["right_ankle"]) > 200,
        ),
    ],
)
def test_each_exercise_is_what_it_is_called(exercise, expected, stand):
    for seed in range(40):
        angles = Angles()
        getattr(poses, exercise)(np.random.default_rng(seed), angles)
        joints, _ = stand(angles.clipped())
        assert expected(joints), seed


@SIDES
def test_a_hand_on_the_hip_is_near_it(side, out, stand):
    for seed in range(20):
        angles = Angles()
        poses._arm_on_hip(np.random.default_rng(seed), angles, side)
        joints, _ = stand(angles)
        wrist, hip = joints[f"{side}_wrist"], joints[f"{side}_hip"]
        assert np.linalg.norm(wrist - hip) < 350
        assert joints[f"{side}_elbow"][0] * out > wrist[0] * out + 50


# Poses.


def test_a_pose_is_drawn_from_its_numbers_alone(mean):
    family, turned = poses.draw_pose(np.random.default_rng(9), mean)
    again = poses.draw_pose(np.random.default_rng(9), mean)
    assert again[0] == family
    np.testing.assert_array_equal(again[1], turned)
    other = poses.draw_pose(np.random.default_rng(10), mean)
    assert not np.allclose(other[1], turned)


def test_families_are_drawn_as_often_as_they_say(mean, monkeypatch):
    monkeypatch.setattr(poses.Capsules, "pierce", lambda *_: False)
    rng = np.random.default_rng(0)
    counts = Counter(poses.draw_pose(rng, mean)[0] for _ in range(600))
    total = sum(share for share, _ in poses.FAMILIES.values())
    assert total == pytest.approx(1)
    for family, (share, _) in poses.FAMILIES.items():
        assert counts[family] / 600 == pytest.approx(share, abs=0.05)


def test_a_pose_that_pierces_is_drawn_again(mean, monkeypatch):
    # Both hands in the belly, twice; then they hang beside it.
    through = Angles()
    through.both("elbow", 100)
    through.both("shoulder_rotation", -80)
    clear = Angles()
    clear.both("shoulder_elevation", 20)
    clear.both("shoulder_plane", 90)
    made = [through, through, clear]
    monkeypatch.setattr(poses, "draw_angles", lambda *_: made.pop(0))
    _, turned = poses.draw_pose(np.random.default_rng(0), mean)
    assert not made
    upright = poses.upright_rotations(mean)
    np.testing.assert_allclose(turned, poses.rotations_of(clear, upright))


def test_poses_that_always_pierce_are_given_up(mean, monkeypatch):
    monkeypatch.setattr(poses.Capsules, "pierce", lambda *_: True)
    monkeypatch.setattr(poses, "draw_angles", lambda *_: Angles())
    monkeypatch.setattr(poses, "MAX_DRAWS", 5)
    with pytest.raises(RuntimeError, match="pose without piercing in 5"):
        poses.draw_pose(np.random.default_rng(0), mean)
