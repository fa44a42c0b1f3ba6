import bvhio
import numpy as np
import pytest
from bvh import Bvh

from keras_pose.outputs import bvh
from keras_pose.outputs import rig
from keras_pose.outputs.bvh import write_bvh
from keras_pose.skeleton import COCO_17
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import SKELETONS
from keras_pose.skeleton import Skeleton
from keras_pose.synthesis.motion_files import read_clips
from tests.outputs.motion import random_joints
from tests.outputs.motion import recording_of
from tests.outputs.motion import with_mean_lengths

ROOTED = [s for s in SKELETONS.values() if s.root is not None]
TO_CAMERA = np.array([10, -10, -10])  # cm, y up, to mm of the camera frame


def read_by_bvhio(path):
    """{name: joints (F, 3)} in mm of the camera frame."""
    root = bvhio.readAsHierarchy(str(path))
    found = {}
    for frame in range(bvhio.readAsBvh(str(path)).FrameCount):
        root.loadPose(frame)
        for joint, _, _ in root.layout():
            place = np.array(list(joint.PositionWorld)) * TO_CAMERA
            found.setdefault(joint.Name, []).append(place)
    return {name: np.array(places) for name, places in found.items()}


def about(axis, degrees):
    """Rotation about one of "XYZ", typed in."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array(
        {
            "X": [[1, 0, 0], [0, c, -s], [0, s, c]],
            "Y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            "Z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        }[axis]
    )


def parse(path):
    """(joints as dicts, (F, channels)), by the rules of Blender's importer.

    A joint's second line after its name is OFFSET, its third CHANNELS; what
    is placed by channels is placed from its parent, whatever its offset.
    """
    lines = [line.split() for line in path.read_text("utf-8").splitlines()]
    assert lines[0] == ["HIERARCHY"]
    joints, open_joints = [], []
    count = 0
    for at, words in enumerate(lines):
        if words[0] in ("ROOT", "JOINT"):
            assert len(words) == 2
            assert lines[at + 1] == ["{"]
            offset, channels = lines[at + 2], lines[at + 3]
            assert (offset[0], channels[0]) == ("OFFSET", "CHANNELS")
            assert len(channels) == int(channels[1]) + 2
            joints.append(
                {
                    "name": words[1],
                    "parent": open_joints[-1] if open_joints else None,
                    "offset": np.array(offset[1:], float),
                    "channels": channels[2:],
                    "column": count,
                }
            )
            count += int(channels[1])
            open_joints.append(joints[-1])
        elif words == ["End", "Site"]:
            open_joints[-1]["end"] = np.array(lines[at + 2][1:], float)
            open_joints.append(None)
        elif words == ["}"]:
            open_joints.pop()
        elif words == ["MOTION"]:
            assert open_joints == []
            assert lines[at + 1][0] == "Frames:"
            assert lines[at + 2][:2] == ["Frame", "Time:"]
            rows = np.array(lines[at + 3 :], float)
            assert rows.shape == (int(lines[at + 1][1]), count)
            assert len({joint["name"] for joint in joints}) == len(joints)
            return joints, rows
    raise AssertionError("no MOTION")


def channels_of(path):
    """{joint: {channel: (F,) numbers}} as they stand in the file."""
    joints, rows = parse(path)
    return {
        joint["name"]: {
            channel: rows[:, joint["column"] + at]
            for at, channel in enumerate(joint["channels"])
        }
        for joint in joints
    }


def read_by_hand(path):
    """As `read_by_bvhio`, by forward kinematics of `parse`."""
    joints, rows = parse(path)
    found = {joint["name"]: [] for joint in joints}
    for row in rows:
        world = {None: (np.eye(3), np.zeros(3))}
        for joint in joints:
            turn, place = np.eye(3), joint["offset"].copy()
            for at, channel in enumerate(joint["channels"]):
                value = row[joint["column"] + at]
                if channel.endswith("rotation"):
                    turn = turn @ about(channel[0], value)
                else:
                    place["XYZ".index(channel[0])] = value
            parent = joint["parent"] and joint["parent"]["name"]
            before, origin = world[parent]
            world[joint["name"]] = before @ turn, origin + before @ place
            found[joint["name"]].append(world[joint["name"]][1] * TO_CAMERA)
    return {name: np.array(places) for name, places in found.items()}


READERS = pytest.mark.parametrize(
    "read", [read_by_bvhio, read_by_hand], ids=["bvhio", "by hand"]
)


def joints_of(read, path, skeleton):
    """(F, J, 3) mm in the order of the skeleton."""
    found = read(path)
    return np.stack([found[name] for name in rig.joint_names(skeleton)], 1)


@READERS
@pytest.mark.parametrize("skeleton", ROOTED, ids=lambda s: s.name)
@pytest.mark.parametrize("fixed_bones", [True, False], ids=["fixed", "free"])
def test_readers_give_the_same_joints(skeleton, read, fixed_bones, tmp_path):
    joints = random_joints(12, skeleton)
    recording = recording_of(joints, np.arange(12) / 25, skeleton)
    path = tmp_path / "person1.bvh"
    write_bvh(path, recording, 1, fixed_bones, on_ground=False)
    if fixed_bones:
        joints = with_mean_lengths(joints, skeleton)
    found = joints_of(read, path, skeleton)
    np.testing.assert_allclose(found, joints, atol=0.01)


def test_a_third_reader_finds_the_same_parents_and_channels(tmp_path):
    path = tmp_path / "person1.bvh"
    recording = recording_of(random_joints(4), np.arange(4) / 25)
    write_bvh(path, recording, 1)
    read = Bvh(path.read_text("utf-8"))
    assert (read.nframes, read.frame_time) == (4, 0.04)
    channels = channels_of(path)
    assert read.get_joints_names() == list(channels)
    names = dict(zip(H36M_17.joints, rig.joint_names(H36M_17), strict=True))
    assert read.joint_parent(names["left_knee"]).name == names["left_hip"]
    for name, columns in channels.items():
        assert read.joint_channels(name) == list(columns)
        found = read.frames_joint_channels(name, list(columns))
        np.testing.assert_array_equal(found, np.stack([*columns.values()], -1))


def test_only_the_root_of_fixed_bones_moves(tmp_path):
    path = tmp_path / "person1.bvh"
    write_bvh(path, recording_of(random_joints(3)), 1)
    joints, _ = parse(path)
    assert [len(joint["channels"]) for joint in joints] == [6] + [3] * (
        len(joints) - 1
    )
    order = ["Zrotation", "Xrotation", "Yrotation"]
    assert all(joint["channels"][-3:] == order for joint in joints)


def stand(**turned):
    """A T-pose facing the camera, mm; the person's left on the right."""
    joints = np.zeros((17, 3))
    rows = {
        4: (0, (130, 0, 0)),
        5: (4, (0, 440, 0)),
        6: (5, (0, 430, 0)),
        1: (0, (-130, 0, 0)),
        2: (1, (0, 440, 0)),
        3: (2, (0, 430, 0)),
        7: (0, (0, -240, 0)),
        8: (7, (0, -250, 0)),
        9: (8, (0, -100, -50)),
        10: (9, (0, -120, 0)),
        11: (8, (150, 0, 0)),
        12: (11, (280, 0, 0)),
        13: (12, (250, 0, 0)),
        14: (8, (-150, 0, 0)),
        15: (14, (-280, 0, 0)),
        16: (15, (-250, 0, 0)),
    }
    for child, (parent, bone) in rows.items():
        bone = turned.get(H36M_17.joints[child], bone)
        joints[child] = joints[parent] + bone
    return joints + [0, 0, 4000]


def test_the_rest_pose_has_no_rotation_and_its_left_is_left(tmp_path):
    path = tmp_path / "person1.bvh"
    write_bvh(path, recording_of(stand()[None]), 1)
    for name, channels in channels_of(path).items():
        for axis in "XYZ":
            angle = channels[f"{axis}rotation"]
            np.testing.assert_allclose(angle, 0, atol=1e-3, err_msg=name)
    root = channels_of(path)["Hips"]
    assert root["Zposition"] == -400
    assert root["Yposition"] == pytest.approx(87)  # its feet on the ground
    offsets = {joint["name"]: joint["offset"] for joint in parse(path)[0]}
    np.testing.assert_allclose(offsets["LeftUpLeg"], [13, 0, 0])
    np.testing.assert_allclose(offsets["RightForeArm"], [-28, 0, 0])
    np.testing.assert_allclose(offsets["LeftFoot"], [0, -43, 0])
    ends = {joint["name"]: joint.get("end") for joint in parse(path)[0]}
    last = "HeadTop_End LeftFoot LeftHand RightFoot RightHand".split(" ")
    assert sorted(name for name in ends if ends[name] is not None) == last
    # A third of the bone before it; of feet that are not known, forward.
    np.testing.assert_allclose(ends["LeftFoot"], [0, 0, 43 / 3], atol=1e-4)
    np.testing.assert_allclose(ends["RightHand"], [-25 / 3, 0, 0], atol=1e-4)


def test_a_bent_knee_turns_the_knee_alone(tmp_path):
    # The lower leg points away from the camera.
    path = tmp_path / "person1.bvh"
    pose = stand(left_ankle=(0, 0, 430))
    write_bvh(path, recording_of(pose[None]), 1)
    for name, channels in channels_of(path).items():
        expected = 90 if name == "LeftLeg" else 0
        # About x, from down to -z, away from the camera.
        np.testing.assert_allclose(
            channels["Xrotation"], expected, atol=1e-3, err_msg=name
        )
        for axis in "YZ":
            np.testing.assert_allclose(
                channels[f"{axis}rotation"], 0, atol=1e-3, err_msg=name
            )


def test_angles_do_not_jump_when_a_limb_goes_round(tmp_path):
    turn = np.radians(np.arange(5, 805, 10))
    poses = [
        stand(right_ankle=(430 * np.sin(t), 430 * np.cos(t), 0)) for t in turn
    ]
    path = tmp_path / "person1.bvh"
    write_bvh(path, recording_of(np.array(poses), np.arange(80) / 25), 1)
    for channels in channels_of(path).values():
        for axis in "XYZ":
            steps = np.abs(np.diff(channels[f"{axis}rotation"]))
            assert steps.max() < 11


def angles_of(pose, path):
    """{joint: angles about Z, X and Y in degrees}, of joints that turn."""
    write_bvh(path, recording_of(pose[None]), 1)
    found = {
        name: [channels[f"{axis}rotation"][0] for axis in "ZXY"]
        for name, channels in channels_of(path).items()
    }
    return {
        name: pytest.approx(angles, abs=1e-3)
        for name, angles in found.items()
        if np.abs(angles).max() > 1e-3
    }


def test_shoulders_turn_the_spine_and_hips_the_hips(tmp_path):
    c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
    # The left one goes forward, which is about -y where y is up.
    shoulders = {
        "left_shoulder": (150 * c, 0, -150 * s),
        "right_shoulder": (-150 * c, 0, 150 * s),
    }
    hips = {
        "left_hip": (130 * c, 0, -130 * s),
        "right_hip": (-130 * c, 0, 130 * s),
    }
    path = tmp_path / "person1.bvh"
    found = angles_of(stand(**shoulders), path)
    assert found["Spine"] == [0, 0, -30]
    assert {"Hips", "LeftShoulder", "RightShoulder"}.isdisjoint(found)
    found = angles_of(stand(**hips), path)
    assert found["Hips"] == [0, 0, -30]
    assert {"LeftHipJoint", "RightHipJoint"}.isdisjoint(found)


def test_one_who_nods_turns_the_neck_alone(tmp_path):
    nod = stand(nose=(0, 0, -111), head_top=(0, -60, -104))
    found = angles_of(nod, tmp_path / "person1.bvh")
    assert set(found) <= {"Neck", "Head"}
    # From (0, 1, 0.5) to (0, 0, 1) about x.
    assert found["Neck"] == [0, np.degrees(np.arctan2(1, 0.5)), 0]


def turned_about_y(pose, degrees):
    return (pose - pose[0]) @ about("Y", degrees).T + pose[0]


@pytest.mark.parametrize("axis", "XYZ")
@pytest.mark.parametrize("degrees", [45, -100, 180])
def test_who_turns_round_turns_the_hips_alone(axis, degrees, tmp_path):
    flip = np.diag([1, -1, -1])  # the camera's y is down
    turn = about("Y", 70) @ about(axis, degrees)
    pose = (stand() - stand()[0]) @ (flip @ turn @ flip).T + stand()[0]
    found = angles_of(pose, tmp_path / "person1.bvh")
    assert list(found) == ["Hips"]
    z, x, y = found["Hips"].expected
    found = about("Z", z) @ about("X", x) @ about("Y", y)
    np.testing.assert_allclose(found, turn, atol=1e-4)


@pytest.mark.parametrize(
    "pose",
    [
        # Thighs that point forward: the second angle is a right one.
        stand(left_knee=(0, 0, -440), right_knee=(0, 0, -440)),
        turned_about_y(stand(left_knee=(0, 0, -440)), 30),
        # Limbs that are folded back onto themselves.
        stand(left_wrist=(-250, 0, 0), right_ankle=(0, -430, 0)),
        stand(left_shoulder=(-150, 0, 0)),
        # One who lies on the ground, and one on the head.
        stand() @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
        stand() * [-1, -1, 1],
    ],
    ids=["sits", "turned", "folded", "crossed", "lies", "on the head"],
)
def test_poses_at_the_limits_of_angles_are_exact(pose, tmp_path):
    path = tmp_path / "person1.bvh"
    joints = np.stack([stand(), pose, pose + 1, stand()])
    recording = recording_of(joints, np.arange(4) / 25)
    write_bvh(path, recording, 1, on_ground=False)
    found = joints_of(read_by_hand, path, H36M_17)
    expected = with_mean_lengths(joints, H36M_17)
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_joints_at_one_place_are_no_obstacle(tmp_path):
    pose = stand(nose=(0, 0, 0), left_wrist=(0, 0, 0))
    path = tmp_path / "person1.bvh"
    write_bvh(path, recording_of(pose[None]), 1, on_ground=False)
    found = joints_of(read_by_hand, path, H36M_17)
    np.testing.assert_allclose(found, pose[None], atol=0.01)


def test_angles_go_on_through_a_right_one(tmp_path):
    # The whole body leans to one side and falls forward past the horizontal.
    lean = np.arange(60, 125, 5)
    flip = np.diag([1, -1, -1])
    poses = []
    for angle in lean:
        turn = flip @ about("Z", 30) @ about("X", angle) @ flip
        poses.append((stand() - [0, 0, 4000]) @ turn.T + [0, 0, 4000])
    path = tmp_path / "person1.bvh"
    write_bvh(path, recording_of(np.array(poses), np.arange(13) / 25), 1)
    root = channels_of(path)["Hips"]
    np.testing.assert_allclose(root["Zrotation"], 30, atol=1e-3)
    np.testing.assert_allclose(root["Xrotation"], lean, atol=1e-3)
    np.testing.assert_allclose(root["Yrotation"], 0, atol=1e-3)


def directions(count):
    vectors = np.random.default_rng(1).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_children_on_a_line_turn_no_more_than_they_must():
    bar = Skeleton("bar", ("pelvis", "left_hip", "right_hip"), (-1, 0, 0), 0)
    left = directions(50)
    joints = np.stack([0 * left, left, -left], axis=1)
    turns = rig.rotations_of(bar, joints)[:, 0]
    np.testing.assert_allclose(turns @ [1, 0, 0], left, atol=1e-4)
    cosine = (np.trace(turns, axis1=1, axis2=2) - 1) / 2
    np.testing.assert_allclose(cosine, left[:, 0], atol=1e-3)


@pytest.mark.parametrize("opening", [1.0, 1e-5, 1e-9, 0.0], ids=str)
def test_a_limb_folded_back_is_turned_and_not_mirrored(opening):
    arm = Skeleton("arm", ("pelvis", "left_elbow", "left_wrist"), (-1, 0, 1), 0)
    upper = np.vstack([np.eye(3), directions(47)])
    lower = opening * directions(51)[1:] - upper
    joints = np.stack([0 * upper, upper, upper + lower], axis=1)
    turns = rig.rotations_of(arm, joints)
    found = turns[:, 1] @ [1, 0, 0]
    length = np.linalg.norm(lower, axis=-1, keepdims=True)
    np.testing.assert_allclose(found, lower / length, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-6)


def test_irregular_times_become_regular_ones(tmp_path):
    times = np.array([0, 0.04, 0.08, 0.2, 0.24])
    joints = np.array([stand() + [1000 * t, 0, 0] for t in times])
    path = tmp_path / "person1.bvh"
    write_bvh(path, recording_of(joints, times), 1)
    assert "Frame Time: 0.04" in path.read_text()
    found = channels_of(path)["Hips"]["Xposition"]
    np.testing.assert_allclose(found, 100 * np.arange(7) * 0.04, atol=1e-3)


def test_blocks_of_frames_go_on_from_each_other(tmp_path, monkeypatch):
    turn = np.radians(np.arange(0, 800, 20))
    poses = [
        stand(right_ankle=(430 * np.sin(t), 430 * np.cos(t), 9)) for t in turn
    ]
    recording = recording_of(np.array(poses), np.arange(40) / 25)
    whole, parts = tmp_path / "whole.bvh", tmp_path / "parts.bvh"
    write_bvh(whole, recording, 1)
    monkeypatch.setattr(bvh, "_BLOCK", 3)
    write_bvh(parts, recording, 1)
    assert parts.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("skeleton", ROOTED, ids=lambda s: s.name)
def test_the_project_reads_it_as_motion_capture(skeleton, tmp_path):
    path = tmp_path / "person1.bvh"
    joints = random_joints(5, skeleton)
    recording = recording_of(joints, np.arange(5) / 25, skeleton)
    for fixed_bones in (True, False):
        write_bvh(path, recording, 1, fixed_bones)
        (clip,) = read_clips(path)
        turns = clip.local_rotations(3)
        for node, parent in enumerate(clip.skeleton.parents):
            if parent >= 0:
                turns[node] = turns[parent] @ turns[node]
        for bone, below, start, end in (
            ("LeftUpLeg", "LeftLeg", "left_hip", "left_knee"),
            ("RightArm", "RightForeArm", "right_shoulder", "right_elbow"),
        ):
            node = clip.skeleton.bones[bone]
            offset = clip.skeleton.offsets[clip.skeleton.bones[below]]
            found = turns[node] @ offset * TO_CAMERA
            start, end = map(skeleton.joints.index, (start, end))
            there = joints[3, end] - joints[3, start]
            np.testing.assert_allclose(
                found / np.linalg.norm(found),
                there / np.linalg.norm(there),
                atol=1e-4,
            )


def test_real_motion_keeps_its_bones_and_does_not_jump(real_data, tmp_path):
    file = np.load(real_data / "mocap" / "cmu_actions.npz")
    field = next(f for f in file.files if file[f].shape[1:] == (17, 3))
    joints = file[field][:300] * [1.0, -1.0, -1.0] + [0, 0, 4000]
    recording = recording_of(joints, np.arange(300) / 25)
    path = tmp_path / "person1.bvh"
    write_bvh(path, recording, 1, on_ground=False)
    found = joints_of(read_by_hand, path, H36M_17)
    expected = with_mean_lengths(joints, H36M_17)
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_what_cannot_be_animated_is_said(tmp_path):
    recording = recording_of(stand()[None])
    path = tmp_path / "person2.bvh"
    with pytest.raises(ValueError, match=r"`person` must be one of \[1\].*2"):
        write_bvh(path, recording, 2)
    recording.joints_camera_mm[:, 13] = np.nan
    with pytest.raises(ValueError, match="in some frame.*no finite left_wrist"):
        write_bvh(path, recording, 1)
    flat = recording_of(stand()[None])
    object.__setattr__(flat, "skeleton", COCO_17)
    with pytest.raises(ValueError, match="root to be animated.*coco_17"):
        write_bvh(path, flat, 1)
    loose = Skeleton("loose", ("pelvis", "ball"), (-1, -1), 0)
    flat = recording_of(np.zeros((1, 2, 3)), skeleton=loose)
    with pytest.raises(ValueError, match="hang on its root.*ball"):
        write_bvh(path, flat, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("skeleton", ROOTED, ids=lambda s: s.name)
def test_names_are_those_of_rigs_and_single(skeleton):
    names = rig.joint_names(skeleton)
    assert len(set(names)) == len(names)
    of = dict(zip(skeleton.joints, names, strict=True))
    assert of["pelvis"] == "Hips"
    assert of["left_knee"] == "LeftLeg"
    assert of["right_wrist"] == "RightHand"
    nodes = [node.name for node in rig.nodes_of(skeleton)]
    assert len(set(nodes)) == len(nodes)
    assert set(names) <= set(nodes)
    assert {"Spine", "Neck", "Head", "LeftShoulder", "RightShoulder"} <= set(
        nodes
    )


@pytest.mark.parametrize(
    ("name", "chest", "of_chest"),
    [
        ("h36m_17", "Hips Spine", "Neck {}Shoulder"),
        ("mpi_inf_3dhp_17", "Hips Spine", "Neck {}Shoulder"),
        ("muco_21", "Hips Spine", "Neck {}Shoulder"),
        ("mpii_16", "Hips Spine", "Neck {}Shoulder"),
        ("mpi_inf_3dhp_28", "Spine1 Spine2", "Spine3 {}ShoulderBase"),
    ],
)
def test_neck_and_shoulders_begin_where_the_spine_ends(
    name, chest, of_chest, tmp_path
):
    skeleton = SKELETONS[name]
    path = tmp_path / "person1.bvh"
    recording = recording_of(random_joints(2, skeleton), None, skeleton)
    write_bvh(path, recording, 1)
    of = {joint["name"]: joint for joint in parse(path)[0]}
    below, chest = chest.split()
    assert of[chest]["parent"]["name"] == below
    neck, shoulder = of_chest.split()
    for bone in (neck, shoulder.format("Left"), shoulder.format("Right")):
        assert of[bone]["parent"]["name"] == chest
        assert of[bone]["offset"][1] > 10
        np.testing.assert_array_equal(of[bone]["offset"], of[neck]["offset"])
    for side in ("Left", "Right"):
        joint = of[f"{side}HipJoint"]
        assert joint["parent"]["name"] == "Hips"
        np.testing.assert_array_equal(joint["offset"], 0)


def test_a_joint_without_a_usual_name_keeps_its_own():
    skeleton = Skeleton("pet", ("pelvis", "tail {tip}", "toe"), (-1, 0, 1), 0)
    assert rig.joint_names(skeleton) == ("Hips", "tail__tip_", "ToeBase")
