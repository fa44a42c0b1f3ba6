import csv
import gzip

import numpy as np
import pytest

from keras_pose.outputs import angles
from keras_pose.outputs.angles import joint_angles
from keras_pose.skeleton import COCO_17
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPI_INF_3DHP_28
from keras_pose.skeleton import MUCO_21
from keras_pose.skeleton import SKELETONS

# Metres along the person's own left, up and forward.
UPRIGHT = {
    "pelvis": (0, 0, 0),
    "left_hip": (0.15, 0, 0),
    "left_knee": (0.15, -0.4, 0),
    "left_ankle": (0.15, -0.8, 0),
    "left_toe": (0.15, -0.8, 0.2),
    "left_shoulder": (0.2, 0.5, 0),
    "left_elbow": (0.2, 0.2, 0),
    "left_wrist": (0.2, -0.1, 0),
    "neck": (0, 0.5, 0),
    "head_top": (0, 0.8, 0),
}
UPRIGHT |= {
    name.replace("left", "right"): (-left, up, forward)
    for name, (left, up, forward) in UPRIGHT.items()
    if name.startswith("left")
}
LEG = ("left_knee", "left_ankle", "left_toe")
ARM = ("left_elbow", "left_wrist")
HEAD = ("neck", "head_top")
SHOULDERS = tuple(
    f"{side}_{name}"
    for side in ("left", "right")
    for name in ("shoulder", "elbow", "wrist")
)
TRUNK = (*SHOULDERS, *HEAD)
# What is turned; about which joint; from which axis towards which other.
LEFT, UP, FORWARD = np.eye(3)
TURNS = {
    "left_knee_flexion": (LEG[1:], "left_knee", -UP, -FORWARD),
    "left_hip_flexion": (LEG, "left_hip", -UP, FORWARD),
    "left_hip_abduction": (LEG, "left_hip", -UP, LEFT),
    "left_ankle_dorsiflexion": (LEG[2:], "left_ankle", FORWARD, UP),
    "left_elbow_flexion": (ARM[1:], "left_elbow", -UP, FORWARD),
    "left_shoulder_elevation": (ARM, "left_shoulder", -UP, LEFT),
    "trunk_forward_lean": (TRUNK, "pelvis", UP, FORWARD),
    "trunk_side_lean": (TRUNK, "pelvis", UP, -LEFT),
    "trunk_rotation": (TRUNK, "pelvis", LEFT, -FORWARD),
    "neck_flexion": (HEAD[1:], "neck", UP, FORWARD),
}
SIGNED = {name for name in TURNS if "knee" not in name and "elbow" not in name}
SIGNED.remove("left_shoulder_elevation")


def turned(person, names, about, start, end, degrees):
    """Joints turned about one of them, from an axis towards another."""
    person = dict(person)
    centre = np.array(person[about])
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    for name in names:
        arm = person[name] - centre
        x, y = arm @ start, arm @ end
        rest = arm - x * start - y * end
        person[name] = (
            centre
            + rest
            + (x * cosine - y * sine) * start
            + (x * sine + y * cosine) * end
        )
    return person


def in_camera(person, skeleton, heading=0.0):
    """(1, J, 3) mm of a person who faces the camera, then turns to the left."""
    joints = []
    for name in skeleton.joints:
        left, up, forward = person.get(name, (0, 0, 0))
        c, s = np.cos(np.radians(heading)), np.sin(np.radians(heading))
        left, forward = c * left + s * forward, c * forward - s * left
        joints.append([1000 * left, -1000 * up, 5000 - 1000 * forward])
    return np.array([joints])


def values_of(person, skeleton=MPI_INF_3DHP_28, heading=0.0):
    found = joint_angles(skeleton, in_camera(person, skeleton, heading))
    return {name: value.item() for name, value in found.items()}


def test_a_person_who_stands_has_zero_angles():
    found = values_of(UPRIGHT)
    for name in set(angles.NAMES) - {"left_shoulder_plane"}:
        if not name.endswith("shoulder_plane"):
            assert found[name] == pytest.approx(0, abs=1e-6), name
    # Arms that hang have no plane that they are raised in.
    assert np.isnan(found["left_shoulder_plane"])


@pytest.mark.parametrize("heading", [0, 70, 200])
@pytest.mark.parametrize("name", TURNS)
def test_an_angle_is_what_the_joint_was_turned_by(name, heading):
    for degrees in (35, -35) if name in SIGNED else (35, 140):
        person = turned(UPRIGHT, *TURNS[name], degrees)
        found = values_of(person, heading=heading)
        assert found[name] == pytest.approx(degrees), degrees


@pytest.mark.parametrize(
    "name", [name for name in TURNS if not name.startswith("trunk")]
)
def test_one_joint_does_not_move_the_others_angles(name):
    found = values_of(turned(UPRIGHT, *TURNS[name], 35))
    for other, value in found.items():
        if other not in (name, "left_shoulder_plane", "right_shoulder_plane"):
            assert value == pytest.approx(0, abs=1e-6), other


@pytest.mark.parametrize(
    ("towards", "degrees"),
    [(LEFT, 0), (FORWARD, 90), (-FORWARD, -90), (LEFT + FORWARD, 45)],
    ids=["side", "front", "back", "between"],
)
def test_shoulder_plane_says_where_the_arm_is_raised(towards, degrees):
    axis = towards / np.linalg.norm(towards)
    person = turned(UPRIGHT, ARM, "left_shoulder", -UP, axis, 60)
    found = values_of(person)
    assert found["left_shoulder_plane"] == pytest.approx(degrees)
    assert found["left_shoulder_elevation"] == pytest.approx(60)


def test_hip_flexion_comes_before_abduction():
    out = turned(UPRIGHT, LEG, "left_hip", -UP, LEFT, 25)
    person = turned(out, LEG, "left_hip", -UP, FORWARD, 50)
    found = values_of(person)
    assert found["left_hip_flexion"] == pytest.approx(50)
    assert found["left_hip_abduction"] == pytest.approx(25)
    assert found["left_knee_flexion"] == pytest.approx(0, abs=1e-6)


def test_hip_flexion_is_counted_from_the_trunk():
    found = values_of(turned(UPRIGHT, TRUNK, "pelvis", UP, FORWARD, 40))
    assert found["left_hip_flexion"] == pytest.approx(40)
    assert found["right_hip_flexion"] == pytest.approx(40)


def test_arms_and_head_turn_with_the_shoulders():
    person = turned(UPRIGHT, ARM, "left_shoulder", -UP, FORWARD, 60)
    person = turned(person, HEAD[1:], "neck", UP, FORWARD, 20)
    found = values_of(turned(person, TRUNK, "pelvis", LEFT, -FORWARD, 40))
    assert found["trunk_rotation"] == pytest.approx(40)
    assert found["left_shoulder_plane"] == pytest.approx(90)
    assert found["neck_flexion"] == pytest.approx(20)
    assert found["left_hip_flexion"] == pytest.approx(0, abs=1e-6)


def test_a_mirror_swaps_the_sides():
    rng = np.random.default_rng(0)
    joints = in_camera(UPRIGHT, MUCO_21) + rng.normal(0, 150, (20, 21, 3))
    mirror = joints[:, list(MUCO_21.flip_permutation)] * [-1, 1, 1]
    found = joint_angles(MUCO_21, joints)
    flipped = joint_angles(MUCO_21, mirror)
    for name, value in found.items():
        side, _, angle = name.partition("_")
        other = {"left": "right", "right": "left"}.get(side, side)
        sign = -1 if name in ("trunk_side_lean", "trunk_rotation") else 1
        np.testing.assert_allclose(
            flipped[f"{other}_{angle}"], sign * value, atol=1e-6, err_msg=name
        )


def test_place_and_size_do_not_matter():
    rng = np.random.default_rng(1)
    joints = in_camera(UPRIGHT, H36M_17) + rng.normal(0, 60, (5, 17, 3))
    found = joint_angles(H36M_17, joints)
    moved = joint_angles(H36M_17, 0.7 * joints + [300, -200, 900])
    for name in angles.NAMES:
        np.testing.assert_allclose(moved[name], found[name], atol=1e-6)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_each_skeleton_has_the_angles_of_its_joints(skeleton):
    rng = np.random.default_rng(2)
    joints = rng.normal(0, 500, (20, skeleton.num_joints, 3))
    found = joint_angles(skeleton, joints)
    assert tuple(found) == angles.NAMES
    unknown = {name for name in found if np.isnan(found[name]).all()}
    expected = set()
    if "left_toe" not in skeleton.joints:
        expected |= {"left_ankle_dorsiflexion", "right_ankle_dorsiflexion"}
    if not {"neck", "head_top"} <= set(skeleton.joints):
        expected.add("neck_flexion")
    assert unknown == expected


def test_what_is_not_known_is_nan():
    joints = in_camera(UPRIGHT, H36M_17).repeat(3, axis=0)
    knee, hip = (H36M_17.joints.index(f"left_{n}") for n in ("knee", "hip"))
    joints[1, knee] = np.nan
    joints[2, knee] = joints[2, hip]
    found = joint_angles(H36M_17, joints)
    for name in ("left_knee_flexion", "left_hip_flexion", "left_hip_abduction"):
        assert np.isnan(found[name]).tolist() == [False, True, True]
    assert not np.isnan(found["right_knee_flexion"]).any()


@pytest.mark.parametrize(
    ("degrees", "is_known"), [(75, True), (85, False), (95, False)]
)
def test_a_leg_along_the_axis_of_flexion_has_none(degrees, is_known):
    person = turned(UPRIGHT, LEG, "left_hip", -UP, LEFT, degrees)
    found = values_of(person)["left_hip_flexion"]
    assert np.isfinite(found) == is_known


def test_who_lies_on_the_side_leans_in_no_direction():
    person = turned(UPRIGHT, tuple(UPRIGHT), "pelvis", UP, LEFT, 90)
    found = values_of(person)
    assert np.isnan(found["trunk_forward_lean"])
    assert np.isnan(found["trunk_side_lean"])
    assert found["left_hip_flexion"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shape", [(17, 3), (2, 16, 3), (2, 17, 2)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="joints_mm"):
        joint_angles(H36M_17, np.zeros(shape))


def test_no_poses_have_no_angles():
    found = joint_angles(COCO_17, np.zeros((0, 17, 3)))
    assert {len(values) for values in found.values()} == {0}


@pytest.mark.parametrize("opened", [open, gzip.open], ids=[".csv", ".csv.gz"])
def test_the_csv_has_a_line_for_each_pose(tmp_path, make_recording, opened):
    path = tmp_path / ("a.csv" if opened is open else "a.csv.gz")
    recording = make_recording()
    angles.write_angles_csv(path, recording)
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    found = joint_angles(recording.skeleton, recording.joints_mm)
    assert len(lines) == len(recording.frame)
    for row, line in enumerate(lines):
        assert int(line["frame"]) == recording.frame[row]
        assert int(line["person"]) == recording.person[row]
        for name, values in found.items():
            cell = line[f"{name}_deg"]
            if np.isnan(values[row]):
                assert cell == ""
            else:
                assert float(cell) == pytest.approx(values[row], abs=0.0051)


def test_no_angle_leaves_its_limits_and_each_reaches_them():
    joints = np.random.default_rng(0).normal(0, 300, (20_000, 28, 3))
    of_all = angles.OF_SIDES | angles.OF_TRUNK
    for name, values in joint_angles(MPI_INF_3DHP_28, joints).items():
        low, high = of_all[
            name.removeprefix("left_").removeprefix("right_")
        ].limits
        found = values[np.isfinite(values)]
        assert low <= found.min() < low + 12
        assert high - 12 < found.max() <= high
