import re

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.skeleton import H36M_17
from keras_pose.synthesis import body
from keras_pose.synthesis import motion
from keras_pose.synthesis import motion_files

SHAPE = body.load_body().shape(np.linspace(-1, 1, body.load_body().num_shapes))
BONE = body.BONE_INDEX
X, Y, Z = np.eye(3)


def tree_of(*trunk, legs=(0, -4, 0)):
    """Name, parent and offset of the joints of one in a T-pose, facing +z."""
    joints = [("Hips", "", (0, 0, 0))]
    for name in trunk:
        joints.append((name, joints[-1][0], (0, 3 / len(trunk), 0)))
    joints += [("Neck", trunk[-1], (0, 1, 0)), ("Head", "Neck", (0, 1, 0))]
    for side, x in (("Left", 1), ("Right", -1)):
        leg = (x * legs[0], *legs[1:])
        joints += [
            (f"{side}Shoulder", trunk[-1], (x * 0.2, 0.5, 0)),
            (f"{side}Arm", f"{side}Shoulder", (x * 2, 0, 0)),
            (f"{side}ForeArm", f"{side}Arm", (x * 3, 0, 0)),
            (f"{side}Hand", f"{side}ForeArm", (x * 2.5, 0, 0)),
            (f"{side}UpLeg", "Hips", (x, -0.5, 0)),
            (f"{side}Leg", f"{side}UpLeg", leg),
            (f"{side}Foot", f"{side}Leg", leg),
            (f"{side}ToeBase", f"{side}Foot", (0, -0.5, 1.5)),
        ]
    return joints


TREE = tree_of("Spine")


def renamed(names, tree=TREE):
    """The tree with other names: those of the left tell those of the right."""
    names = names | {
        old.replace("Left", "Right"): re.sub(
            r"_L$|^L(?=Thumb)", lambda m: m[0].replace("L", "R"), new
        ).replace("Left", "Right")
        for old, new in names.items()
    }
    return [
        (names.get(name, name), names.get(parent, parent), offset)
        for name, parent, offset in tree
    ]


def inserted(tree, name, parent, child, offset=(0, 0, 0)):
    """The tree with one more joint between two."""
    result = []
    for joint in tree:
        if joint[0] == child:
            result.append((name, parent, offset))
            joint = (child, name, joint[2])
        result.append(joint)
    return result


def bvh(frames, tree=TREE, order="ZXY", root="{position} {rotation}", ends=()):
    """A BVH file: frames of {joint: three angles in the order of `order`}."""
    rotation = " ".join(f"{axis}rotation" for axis in order)
    position = "Xposition Yposition Zposition"
    names = []

    def lines(name, parent, offset):
        names.append(name)
        channels = rotation
        if not parent:
            channels = root.format(position=position, rotation=rotation)
        yield f"{'JOINT' if parent else 'ROOT'} {name}\n{{"
        yield "OFFSET {} {} {}".format(*offset)
        yield f"CHANNELS {len(channels.split())} {channels}"
        children = [joint for joint in tree if joint[1] == name]
        for child in children:
            yield from lines(*child)
        if not children:
            end = dict(ends).get(name, "0 0 0")
            yield f"End Site\n{{\nOFFSET {end}\n}}"
        yield "}"

    text = ["HIERARCHY", *lines(*tree[0]), "MOTION"]
    text += [f"Frames: {len(frames)}", "Frame Time: 0.01"]
    for frame in frames:
        values = []
        for name in names:
            angles = " ".join(map(str, frame.get(name, (0, 0, 0))))
            if name == names[0]:
                angles = root.format(position="7 8 9", rotation=angles)
            values.append(angles)
        text.append(" ".join(values))
    return "\n".join(text) + "\n"


@pytest.fixture
def posed(tmp_path):
    """Gives `(frame, **bvh's arguments) -> (31, 3, 3)`."""

    def pose(frame, **arguments):
        path = tmp_path / "a.bvh"
        path.write_text(bvh([frame], **arguments))
        (clip,) = motion_files.read_clips(path)
        return motion.bone_rotations(clip, 0, SHAPE)

    return pose


def direction(rotations, bone, shape=SHAPE):
    vector = rotations[BONE[bone]] @ shape.bone_vectors[BONE[bone]]
    return vector / np.linalg.norm(vector)


def heading(rotations, bone):
    along = direction(rotations, bone) * [1, 0, 1]
    return along / np.linalg.norm(along)


def assert_points(rotations, **expected):
    for bone, towards in expected.items():
        np.testing.assert_allclose(
            direction(rotations, bone), towards, atol=1e-6, err_msg=bone
        )


def turn(axis, degrees):
    """(3, 3) about a basis vector, by OpenCV."""
    return cv2.Rodrigues(np.eye(3)["XYZ".index(axis)] * np.radians(degrees))[0]


def test_motion_at_rest_puts_the_limbs_where_the_motion_has_them(posed):
    assert_points(
        posed({}),
        LeftArm=X,
        LeftForeArm=X,
        RightArm=-X,
        RightForeArm=-X,
        LeftUpLeg=-Y,
        LeftLeg=-Y,
        RightUpLeg=-Y,
        RightLeg=-Y,
    )


@pytest.mark.parametrize(
    ("order", "angles", "expected"),
    [
        ("ZXY", (90, 90, 0), Y),
        ("XZY", (90, 90, 0), Z),
        ("YZX", (90, 90, 0), Y),
        ("ZYX", (90, 90, 0), -Z),
        ("XYZ", (90, 0, 90), Z),
        ("YXZ", (90, 0, 90), Y),
    ],
)
def test_rotations_multiply_in_the_order_of_the_channels(
    posed, order, angles, expected
):
    turned = posed({"LeftArm": angles}, order=order)
    assert_points(turned, LeftArm=expected, LeftForeArm=expected, RightArm=-X)


def test_children_turn_with_their_parents(posed):
    turned = posed({"LeftArm": (90, 0, 0), "LeftForeArm": (0, 90, 90)})
    # y by 90 takes x to -z, then x by 90 to y, then the arm's z by 90 to -x.
    assert_points(turned, LeftArm=Y, LeftForeArm=-X)


def test_left_leg_lifts_forward_and_the_right_one_stays(posed):
    turned = posed({"LeftUpLeg": (0, -90, 0), "LeftLeg": (0, 90, 0)})
    assert_points(turned, LeftUpLeg=Z, LeftLeg=-Y, RightUpLeg=-Y, RightLeg=-Y)
    for side in ("Left", "Right"):
        np.testing.assert_allclose(heading(turned, f"{side}Foot"), Z, atol=1e-6)


@pytest.mark.parametrize(
    "root",
    [
        "{position} {rotation}",
        "{rotation} {position}",
        "{rotation}",
    ],
)
def test_heading_is_the_roots_wherever_its_position_is_listed(posed, root):
    turned = posed({"Hips": (0, 0, 90)}, root=root)
    assert_points(turned, LeftArm=-Z, RightArm=Z, LeftLeg=-Y)
    for bone in ("Hips", "Spine1", "Head"):
        np.testing.assert_allclose(turned[BONE[bone]] @ Z, X, atol=1e-6)
    for bone in ("LeftFoot", "RightFoot"):
        np.testing.assert_allclose(heading(turned, bone), X, atol=1e-6)


@pytest.mark.parametrize("rest", [("Y", 90), ("X", 90), ("Z", 180)])
def test_rest_pose_may_face_any_way(posed, rest):
    there = turn(*rest)
    tree = [
        (name, parent, tuple(there @ offset)) for name, parent, offset in TREE
    ]
    axis, degrees = rest
    back = dict(zip("ZXY", (0, 0, 0), strict=True)) | {axis: -degrees}
    turned = posed({"Hips": tuple(back.values())}, tree=tree)
    np.testing.assert_allclose(turned, posed({}), atol=1e-6)


def test_forearm_only_bends_at_the_elbow_to_take_the_rest_pose(posed):
    vectors = SHAPE.bone_vectors
    for side in ("Left", "Right"):
        arm, forearm = BONE[f"{side}Arm"], BONE[f"{side}ForeArm"]
        hinge = np.cross(vectors[arm], vectors[forearm])
        turned = posed({})
        np.testing.assert_allclose(
            turned[arm] @ hinge,
            turned[forearm] @ hinge,
            atol=1e-6 * np.linalg.norm(hinge),
        )


def test_feet_are_flat_once_splayed_legs_stand_straight(posed):
    splay = np.radians(20)
    tree = tree_of("Spine", legs=(4 * np.sin(splay), -4 * np.cos(splay), 0))
    turned = posed(
        {"LeftUpLeg": (-20, 0, 0), "RightUpLeg": (20, 0, 0)}, tree=tree
    )
    assert_points(turned, LeftLeg=-Y, RightLeg=-Y)
    for bone in ("LeftFoot", "RightFoot", "LeftToeBase", "RightToeBase"):
        np.testing.assert_allclose(turned[BONE[bone]] @ Y, Y, atol=1e-6)
    # The toes, 0.5 below and 1.5 before the ankle, lie inside once unsplayed.
    inside = np.array([-0.5 * np.sin(splay), 0, 1.5])
    np.testing.assert_allclose(
        heading(turned, "LeftFoot"),
        inside / np.linalg.norm(inside),
        atol=1e-6,
    )


def test_feet_are_flat_where_knees_are_bent_at_rest(posed):
    bent = {"LeftLeg": (0, -4, 0.7), "LeftFoot": (0, -4, -0.7)}
    tree = [
        (name, parent, bent.get(name, offset)) for name, parent, offset in TREE
    ]
    turned = posed({}, tree=tree)
    np.testing.assert_allclose(turned[BONE["LeftFoot"]] @ Y, Y, atol=1e-6)


def test_foot_without_toes_points_to_its_end_site(posed):
    tree = [joint for joint in TREE if "Toe" not in joint[0]]
    turned = posed({}, tree=tree, ends={"LeftFoot": "1 -1 1"})
    np.testing.assert_allclose(
        heading(turned, "LeftFoot"), [0.5**0.5, 0, 0.5**0.5], atol=1e-6
    )


def test_bones_that_the_motion_lacks_turn_with_their_parents(posed):
    turned = posed(
        {"Hips": (10, 20, 30), "LeftHand": (40, 0, 0), "Neck": (0, 50, 0)}
    )
    for bone, parent in {
        "LHipJoint": "Hips",
        "LeftFingerBase": "LeftHand",
        "LeftHandFinger1": "LeftHand",
        "LThumb": "LeftHand",
        "RThumb": "RightHand",
        "Neck1": "Neck",
    }.items():
        np.testing.assert_array_equal(turned[BONE[bone]], turned[BONE[parent]])


@pytest.mark.parametrize(
    ("trunk", "turning", "turned_bones"),
    [
        (["Chest"], "Chest", ["LowerBack", "Spine", "Spine1"]),
        (["Spine", "Chest"], "Chest", ["Spine1"]),
        (["Spine", "Spine1", "Spine2"], "Spine2", ["Spine1"]),
        (["Spine", "Spine1", "Spine2"], "Spine1", ["Spine", "Spine1"]),
        (["LowerBack", "Spine", "Spine1"], "Spine1", ["Spine1"]),
        (["a", "b", "c", "d", "e"], "e", ["Spine1"]),
        (["a", "b", "c", "d", "e"], "b", ["Spine", "Spine1"]),
        (["a", "b", "c", "d", "e"], "a", ["LowerBack", "Spine", "Spine1"]),
    ],
)
def test_trunk_of_any_length_ends_below_the_arms(
    posed, trunk, turning, turned_bones
):
    turned = posed({turning: (0, 30, 0)}, tree=tree_of(*trunk))
    moved = [*turned_bones, "Neck", "Head", "LeftShoulder"]
    for bone in ("Hips", "LowerBack", "Spine", "Spine1", *moved):
        expected = turn("X", 30) if bone in moved else np.eye(3)
        np.testing.assert_allclose(
            turned[BONE[bone]], expected, atol=1e-6, err_msg=bone
        )


MIXAMO = {joint[0]: f"mixamorig:{joint[0]}" for joint in TREE}
BIOVISION = {
    "LeftShoulder": "LeftCollar",
    "LeftArm": "LeftShoulder",
    "LeftForeArm": "LeftElbow",
    "LeftHand": "LeftWrist",
    "LeftUpLeg": "LeftHip",
    "LeftLeg": "LeftKnee",
    "LeftFoot": "LeftAnkle",
    "LeftToeBase": "LeftToe",
    "Spine": "Chest",
}
BANDAI = {
    "LeftShoulder": "Shoulder_L",
    "LeftArm": "UpperArm_L",
    "LeftForeArm": "LowerArm_L",
    "LeftHand": "Hand_L",
    "LeftUpLeg": "UpperLeg_L",
    "LeftLeg": "LowerLeg_L",
    "LeftFoot": "Foot_L",
    "LeftToeBase": "Toes_L",
}
UNITY = {
    "LeftArm": "LeftUpperArm",
    "LeftForeArm": "LeftLowerArm",
    "LeftUpLeg": "LeftUpperLeg",
    "LeftLeg": "LeftLowerLeg",
}


@pytest.mark.parametrize(
    "names",
    [MIXAMO, BIOVISION, BANDAI, UNITY, {"Hips": "Hip"}, {"Hips": "Pelvis"}],
    ids=["mixamo", "biovision", "bandai", "unity", "hip", "pelvis"],
)
def test_other_names_of_the_joints_mean_the_same(posed, names):
    rng = np.random.default_rng(3)
    frame = {name: tuple(rng.uniform(-60, 60, 3)) for name, *_ in TREE}
    tree = renamed(names)
    other = {new[0]: frame[old[0]] for old, new in zip(TREE, tree, strict=True)}
    np.testing.assert_array_equal(posed(other, tree=tree), posed(frame))


def test_fingers_have_other_names(posed):
    tree = [
        *TREE,
        ("LeftHandThumb1", "LeftHand", (0.3, 0, 0.3)),
        ("LeftHandIndex1", "LeftHand", (1, 0, 0)),
    ]
    frame = {"LeftHandThumb1": (20, 0, 0), "LeftHandIndex1": (70, 0, 0)}
    turned = posed(frame, tree=tree)
    assert_points(turned, LeftHand=X)
    hand = turned[BONE["LeftHand"]]
    for bone, degrees in (("LThumb", 20), ("LeftHandFinger1", 70)):
        np.testing.assert_allclose(
            turned[BONE[bone]], turn("Z", degrees) @ hand, atol=1e-6
        )


def test_unknown_joints_on_the_way_count_and_others_do_not(posed):
    tree = inserted(TREE, "LeftThighTwist", "LeftUpLeg", "LeftLeg")
    tree = [("World", "", (0, 0, 0)), ("Hips", "World", (5, 5, 5)), *tree[1:]]
    tree += [("Tail", "Hips", (0, 0, -1)), ("Tip", "Tail", (0, 0, -1))]
    turned = posed(
        {
            "World": (0, 0, 90),
            "LeftThighTwist": (0, 0, -90),
            "LeftLeg": (90, 0, 0),
            "Tail": (30, 40, 50),
            "Tip": (30, 40, 50),
        },
        tree=tree,
    )
    assert_points(turned, LeftArm=-Z, LeftUpLeg=-Y, LeftLeg=X, RightLeg=-Y)


def test_bone_points_past_unknown_joints_to_the_next_known(posed):
    tree = inserted(TREE, "Twist", "LeftUpLeg", "LeftLeg", (0, -2, 1))
    tree = [
        (name, parent, (0, -2, -1) if name == "LeftLeg" else offset)
        for name, parent, offset in tree
    ]
    assert_points(posed({}, tree=tree), LeftUpLeg=-Y, LeftLeg=-Y)


def test_bone_lengths_do_not_matter_but_the_shape_does(tmp_path):
    path = tmp_path / "a.bvh"
    path.write_text(bvh([{}]))
    (clip,) = motion_files.read_clips(path)
    shape = body.load_body().shape(np.zeros(body.load_body().num_shapes))
    turned = motion.bone_rotations(clip, 0, shape)
    np.testing.assert_allclose(
        direction(turned, "LeftArm", shape), X, atol=1e-6
    )


def npz_fields(tree, rotvec, lengths, clips):
    names = [name for name, *_ in tree]
    return {
        "rotvec": np.float32(rotvec),
        "names": np.array(names),
        "parents": np.array(
            [names.index(parent) if parent else -1 for _, parent, _ in tree]
        ),
        "offsets": np.float32([offset for *_, offset in tree]),
        "lengths": np.array(lengths),
        "clips": np.array(clips),
    }


def test_npz_equals_bvh_of_the_same_motion(tmp_path):
    rng = np.random.default_rng(5)
    angles = rng.uniform(-170, 170, (5, len(TREE), 3))
    names = [name for name, *_ in TREE]
    frames = [
        dict(zip(names, map(tuple, frame), strict=True)) for frame in angles
    ]
    (tmp_path / "a.bvh").write_text(bvh(frames, order="YZX"))
    rotvec = [
        [
            cv2.Rodrigues(turn("Y", y) @ turn("Z", z) @ turn("X", x))[0][:, 0]
            for y, z, x in frame
        ]
        for frame in angles
    ]
    fields = npz_fields(TREE, rotvec, [2, 3], ["walk", "walk"])
    np.savez(tmp_path / "a.npz", **fields, fps=10)
    (whole,) = motion_files.read_clips(tmp_path / "a.bvh")
    first, second = motion_files.read_clips(str(tmp_path / "a.npz"))
    assert (first.name, second.name) == ("walk#0", "walk#1")
    assert [clip.num_frames for clip in (whole, first, second)] == [5, 2, 3]
    for frame in range(5):
        clip, there = (first, frame) if frame < 2 else (second, frame - 2)
        np.testing.assert_allclose(
            motion.bone_rotations(clip, there, SHAPE),
            motion.bone_rotations(whole, frame, SHAPE),
            atol=1e-5,
        )


def test_folder_is_read_by_relative_path(tmp_path):
    for name in ("b.bvh", "a/z.BVH", "a/c.bvh"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(bvh([{}]))
    (tmp_path / "a" / "._c.bvh").write_bytes(b"\0\5\26\7")
    (tmp_path / "README.txt").write_text("not motion")
    names = [clip.name for clip in motion_files.read_clips(tmp_path)]
    assert names == ["a/c.bvh", "a/z.BVH", "b.bvh"]


def test_bvh_may_have_other_white_space_and_case(tmp_path):
    text = bvh([{"LeftArm": (90, 0, 0)}, {}])
    text = text.replace("\n{", " {").replace("Xrotation", "XROTATION")
    text = text.replace("End Site", "End site").replace("\n", "\r\n\n")
    path = tmp_path / "a.bvh"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    (clip,) = motion_files.read_clips(path)
    assert clip.num_frames == 2
    assert_points(motion.bone_rotations(clip, 0, SHAPE), LeftArm=Y)
    assert_points(motion.bone_rotations(clip, 1, SHAPE), LeftArm=X)


CLIP = motion.Clip(
    "still",
    motion.Skeleton(
        tuple(name for name, *_ in TREE),
        tuple(npz_fields(TREE, 0, 1, "a")["parents"].tolist()),
        np.array([offset for *_, offset in TREE], float),
        np.zeros((len(TREE), 3)),
        {name: joint for joint, (name, *_) in enumerate(TREE)},
    ),
    np.random.default_rng(7).normal(0, 0.7, (1, len(TREE), 3)),
)


@given(st.lists(st.floats(-4, 4), min_size=3, max_size=3))
def test_turning_the_root_turns_the_whole_person(vector):
    turns = CLIP.turns.copy()
    turns[0, 0] = 0
    before = motion.bone_rotations(
        motion.Clip("a", CLIP.skeleton, turns), 0, SHAPE
    )
    turns = turns.copy()
    turns[0, 0] = vector
    after = motion.bone_rotations(
        motion.Clip("a", CLIP.skeleton, turns), 0, SHAPE
    )
    expected = cv2.Rodrigues(np.array(vector))[0] @ before
    np.testing.assert_allclose(after, expected, atol=1e-6)
    np.testing.assert_allclose(
        after @ after.transpose(0, 2, 1),
        np.broadcast_to(np.eye(3), after.shape),
        atol=1e-6,
    )


LIMBS = [
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("hip", "knee"),
        ("knee", "ankle"),
    )
]


def angles_between(first, second):
    first = first / np.linalg.norm(first, axis=-1, keepdims=True)
    second = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.degrees(np.arccos(np.clip((first * second).sum(-1), -1, 1)))


def test_limbs_of_real_motion_point_as_its_published_joints(real_data):
    clips = motion_files.read_clips(real_data / "mocap" / "cmu_actions_rot.npz")
    assert len(clips) == len({clip.name for clip in clips}) == 96
    assert clips[51].name == "walking_1#51"
    with np.load(real_data / "mocap" / "cmu_actions.npz") as published:
        joints = published["joints"].astype(float)
        names = [
            name.replace("l_", "left_").replace("r_", "right_")
            for name in published["joint_names"].tolist()
        ]
    starts = np.cumsum([0] + [clip.num_frames for clip in clips])
    assert starts[-1] == len(joints)
    ours, theirs = [], []
    for clip, start in zip(clips, starts[:-1], strict=True):
        frame = clip.num_frames // 2
        rotations = motion.bone_rotations(clip, frame, SHAPE)
        posed = body.pose(SHAPE, rotations).joints
        ours.append(dict(zip(H36M_17.joints, posed, strict=True)))
        theirs.append(dict(zip(names, joints[start + frame], strict=True)))
    for first, second in LIMBS:
        found, expected = (
            np.array([each[second] - each[first] for each in person])
            for person in (ours, theirs)
        )
        assert angles_between(found, expected).max() < 0.05, (first, second)


def test_real_bvh_starts_in_a_t_pose_on_flat_feet(real_data):
    path = real_data / "mocap" / "cmu_12_01_walk.bvh"
    (clip,) = motion_files.read_clips(path)
    assert (clip.name, clip.num_frames) == (path.name, 524)
    turned = motion.bone_rotations(clip, 0, SHAPE)
    for bone in ("Hips", "Spine1", "Neck", "Neck1", "Head"):
        np.testing.assert_allclose(turned[BONE[bone]], np.eye(3), atol=1e-6)
    for bone in ("LeftFoot", "RightFoot"):
        assert angles_between(turned[BONE[bone]] @ Y, Y) < 2, bone
        assert angles_between(heading(turned, bone), Z) < 6, bone
    for bone, sign in (("LeftForeArm", 1), ("RightForeArm", -1)):
        # The file lets the arms hang by 8 degrees.
        towards = turn("Z", -8 * sign) @ X * sign
        assert angles_between(direction(turned, bone), towards) < 0.01, bone


GOOD = bvh([{}, {}])
VALUES = GOOD.splitlines()[-1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HIERARCHY", "hierarchies", "line 1: must be `HIERARCHY`"),
        ("MOTION", "ROOT b\n{\n}\nMOTION", "`MOTION`. Received: ROOT"),
        ("OFFSET 0 3.0 0", "OFFSET 0 nan 0", "finite number. Received: nan"),
        ("OFFSET 0 3.0 0", "OFFSET 0 1e39 0", "finite number. Received: 1e39"),
        ("OFFSET 0 3.0 0", "OFFSET 0 x 0", "finite number. Received: x"),
        ("OFFSET 0 3.0 0", "OFFSET 0 0", "finite number. Received: CHANNELS"),
        ("OFFSET 0 3.0 0", "", "OFFSET and CHANNELS. Received: Spine"),
        ("CHANNELS 3", "CHANNELS 2", "CHANNELS must be 3 or 6. Received: 2"),
        ("CHANNELS 3 Z", "CHANNELS 3 Y", "Received: Yrotation Xrotation Yrot"),
        ("CHANNELS 3 Z", "CHANNELS 3 W", "Received: Wrotation Xrotation Yrot"),
        ("CHANNELS 6 X", "CHANNELS 6 Y", "Xposition Yposition Zposition. Rec"),
        ("JOINT Head\n{", "JOINT Head\n", "a joint's name must end in {"),
        ("JOINT Head", "LIMB Head", "JOINT, End or }. Received: LIMB"),
        ("End Site", "End Effector", "must be `Site`. Received: Effector"),
        ("Frames: 2", "Frames: 3", "as many as follow. Received: 3, followed"),
        ("Frames: 2", "Frames: 1", "as many as follow. Received: 1, followed"),
        ("Frames: 2", "Frames: -2", "Received: -2, followed by 2"),
        ("Frames: 2", "Frames: 1.5", "whole number. Received: 1.5"),
        ("Frames: 2", "Frames: 2 3", "must be `Frame`. Received: 3"),
        ("0.01\n", "0.01 1\n", "the line must end. Received: 1"),
        ("Time: 0.01", "Time: 0", "Frame Time must be positive"),
        (
            VALUES,
            VALUES + " 0",
            "frame 1 must have 63 finite numbers. Received: 64",
        ),
        (VALUES, VALUES[:-2], "frame 1 must have 63 finite numbers. Received"),
        (VALUES, "inf" + VALUES[1:], "63 finite numbers. Received: 63: inf 8"),
        (VALUES, "nan" + VALUES[1:], "63 finite numbers. Received: 63: nan 8"),
        (VALUES, "a" + VALUES[1:], "63 finite numbers. Received: 63: a 8 9"),
        ("LeftLeg", "LeftStilt", "joints must include LeftLeg. Received: Hi"),
        ("JOINT Neck", "JOINT Hips", "names of joints must be unique. Rece"),
    ],
)
def test_damaged_bvh_is_refused(tmp_path, old, new, message):
    assert old in GOOD
    path = tmp_path / "a.bvh"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        motion_files.read_clips(path)
    assert str(caught.value).startswith(str(path))


def test_damaged_line_is_numbered(tmp_path):
    lines = GOOD.splitlines()
    number = lines.index("JOINT Head") + 3
    assert lines[number - 1].startswith("OFFSET")
    lines[number - 1] = "OFFSET 0 - 0"
    path = tmp_path / "a.bvh"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=f"bvh, line {number}: .*: -$"):
        motion_files.read_clips(path)


@pytest.mark.parametrize("kept", [0, 9, 100, 900, GOOD.index("MOTION") + 10])
def test_truncated_bvh_is_refused(tmp_path, kept):
    path = tmp_path / "a.bvh"
    path.write_text(GOOD[:kept])
    with pytest.raises(ValueError, match=r"a\.bvh"):
        motion_files.read_clips(path)


def test_bvh_without_frames_is_refused(tmp_path):
    path = tmp_path / "a.bvh"
    path.write_text(bvh([]))
    with pytest.raises(ValueError, match="Frames must be 1 or more"):
        motion_files.read_clips(path)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            [(f"bone{i}", f"bone{i - 1}" if i else "", X) for i in range(5)],
            "joints must include Hips, LeftUpLeg, LeftLeg, LeftArm, "
            "LeftForeArm, RightUpLeg, RightLeg, RightArm, RightForeArm. "
            "Received: bone0, bone1, bone2, bone3, bone4",
        ),
        (
            [
                (name, "Hips" if parent == "LeftUpLeg" else parent, offset)
                for name, parent, offset in TREE
            ],
            "joint LeftLeg must lie below LeftUpLeg",
        ),
        (
            [
                (name, "Hips" if parent == "Spine" else parent, offset)
                for name, parent, offset in TREE
            ],
            "joints must include a spine from Hips to the arms",
        ),
        (
            [
                (name, parent, np.abs(offset) * X)
                for name, parent, offset in TREE
            ],
            "offsets must put the hips apart and the arms above them",
        ),
        (tree_of("Spine", legs=(0, 4, 0)), "LeftUpLeg at most 60 degrees from"),
        (tree_of("Spine", legs=(0, 0, 0)), "offsets must give LeftUpLeg a len"),
        (
            [
                (name, parent, -np.array(offset))
                if name == "RightHand"
                else (name, parent, offset)
                for name, parent, offset in TREE
            ],
            "RightForeArm at most 120 degrees from straight. Received: 180",
        ),
        (
            [
                ("deep0", "", X),
                *((f"deep{i}", f"deep{i - 1}", X) for i in range(1, 101)),
            ],
            "must have at most 1000 joints, 100 deep. Received: 101, 101 deep",
        ),
        (
            [("top", "", X), *((f"wide{i}", "top", X) for i in range(1000))],
            "must have at most 1000 joints, 100 deep. Received: 1001, 2 deep",
        ),
    ],
    ids=[
        "unknown",
        "crossed",
        "spineless",
        "flat",
        "legs up",
        "no legs",
        "folded arm",
        "deep",
        "wide",
    ],
)
def test_skeleton_of_no_person_is_refused(tmp_path, tree, message):
    path = tmp_path / "a.bvh"
    path.write_text(bvh([{}], tree=tree))
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        motion_files.read_clips(path)
    assert str(caught.value).startswith(f"{path}")


def good_fields():
    rotvec = np.zeros((5, len(TREE), 3))
    return npz_fields(TREE, rotvec, [2, 3], ["walk", "run"])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("rotvec", np.zeros((5, 20, 4)), "`rotvec` must have shape (5, 20, 3)"),
        ("rotvec", np.zeros((5, 63)), "`rotvec` must have shape (None, None,"),
        ("rotvec", np.zeros((5, 20, 3), int), "of kind f. Received: (5, 20, 3"),
        ("rotvec", np.full((5, 20, 3), np.nan), "`rotvec` must be finite"),
        ("rotvec", np.full((5, 20, 3), 1e39), "`rotvec` must be finite"),
        ("rotvec", np.zeros((0, 20, 3)), "`lengths` must be positive and sum"),
        ("names", np.arange(20), "`names` must have shape (20,) and a dtype"),
        ("names", np.array(["a"] * 9), "`names` must have shape (20,)"),
        ("names", np.array(["a"] * 20), "joints must include Hips"),
        ("parents", np.zeros(20), "`parents` must have shape (20,) and a dtyp"),
        ("parents", np.arange(20), "`parents` must be -1"),
        ("parents", np.arange(20) - 2, "`parents` must be -1"),
        ("parents", np.r_[-1, -1, :18], "`parents` must be -1"),
        ("parents", np.r_[-1, 2, :18], "`parents` must be -1"),
        ("parents", np.r_[0, 0, :18], "`parents` must be -1"),
        ("offsets", np.zeros((20, 2)), "`offsets` must have shape (20, 3)"),
        ("offsets", np.full((20, 3), np.inf), "`offsets` must be finite"),
        ("lengths", np.array([2, 2]), "sum to 5. Received: [2, 2]"),
        ("lengths", np.array([6, -1]), "sum to 5. Received: [6, -1]"),
        ("lengths", np.array([5, 0]), "sum to 5. Received: [5, 0]"),
        ("lengths", np.array([5]), "`clips` must have shape (1,)"),
        ("lengths", np.zeros(2), "a dtype of kind i or u. Received: (2,), fl"),
        ("clips", np.array([object(), None]), "not a readable npz: Object arr"),
    ],
)
def test_damaged_npz_is_refused(tmp_path, field, value, message):
    path = tmp_path / "a.npz"
    np.savez(path, **good_fields() | {field: value})
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        motion_files.read_clips(path)
    assert str(caught.value).startswith(str(path))


def test_npz_without_a_field_is_refused(tmp_path):
    fields = good_fields()
    del fields["offsets"]
    np.savez(tmp_path / "a.npz", **fields)
    with pytest.raises(ValueError, match=r"a\.npz: .*offsets"):
        motion_files.read_clips(tmp_path / "a.npz")


def test_npz_that_unpacks_to_more_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, rotvec=np.zeros(2**20))
    assert path.stat().st_size < 2**20
    monkeypatch.setattr(motion_files, "MAX_NPZ_BYTES", 2**20)
    with pytest.raises(ValueError, match="must unpack to at most 1048576 byt"):
        motion_files.read_clips(path)


def test_bvh_of_any_size_is_not_read(tmp_path):
    path = tmp_path / "a.bvh"
    with open(path, "wb") as file:
        file.truncate(256 * 2**20 + 1)
    with pytest.raises(ValueError, match="at most 268435456 bytes"):
        motion_files.read_clips(path)


def test_endless_line_is_not_read(tmp_path):
    path = tmp_path / "a.bvh"
    path.write_text("HIERARCHY\nROOT " + 2**20 * "a ")
    with pytest.raises(ValueError, match="at most 1048576 characters"):
        motion_files.read_clips(path)


@pytest.mark.parametrize("name", ["no.bvh", "no.npz", "no.txt", "no"])
def test_missing_file_is_named(tmp_path, name):
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / name))):
        motion_files.read_clips(tmp_path / name)


@pytest.mark.parametrize("name", ["a.npz", "a.fbx"])
def test_file_that_is_no_motion_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"neither")
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / name))):
        motion_files.read_clips(tmp_path / name)


def test_folder_without_bvh_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds no BVH file"):
        motion_files.read_clips(tmp_path)
