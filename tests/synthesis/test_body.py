import dataclasses
import os

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from keras_pose.skeleton import H36M_17
from keras_pose.synthesis import poses
from keras_pose.synthesis import scene
from keras_pose.synthesis.body import BODY_FILE
from keras_pose.synthesis.body import BONE_INDEX
from keras_pose.synthesis.body import BONES
from keras_pose.synthesis.body import FIRST_EYE_ROW
from keras_pose.synthesis.body import PARENTS
from keras_pose.synthesis.body import POINT_INDEX
from keras_pose.synthesis.body import Posed
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.body import pose

REST = np.tile(np.eye(3), (len(BONES), 1, 1))
MIRROR = np.array([-1.0, 1, 1])

# mm between neighbouring joints of real people in Human3.6M.
HUMAN36M_LENGTHS = {
    ("left_hip", "left_knee"): 440,
    ("left_knee", "left_ankle"): 445,
    ("pelvis", "spine"): 233,
    ("spine", "neck"): 255,
    ("neck", "nose"): 118,
    ("nose", "head_top"): 115,
    ("left_shoulder", "left_elbow"): 279,
    ("left_elbow", "left_wrist"): 252,
}
# The joints that move when a bone turns with all that hangs on it.
MOVED = {
    "LeftForeArm": {"left_wrist"},
    "LeftArm": {"left_elbow", "left_wrist"},
    "LeftShoulder": {"left_shoulder", "left_elbow", "left_wrist"},
    "LeftHand": set(),
    "RightForeArm": {"right_wrist"},
    "RightUpLeg": {"right_knee", "right_ankle"},
    "LeftLeg": {"left_ankle"},
    "RightFoot": set(),
    "Neck": {"nose", "head_top"},
    "Spine1": {
        "neck",
        "nose",
        "head_top",
        *(
            f"{side}_{joint}"
            for side in ("left", "right")
            for joint in ("shoulder", "elbow", "wrist")
        ),
    },
}
# Between joints that bend: the same whatever the pose.
RIGID = [
    *(
        (f"{side}_{first}", f"{side}_{second}")
        for side in ("left", "right")
        for first, second in (
            ("hip", "knee"),
            ("knee", "ankle"),
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
        )
    ),
    ("nose", "head_top"),
]


@pytest.fixture(scope="module")
def mean():
    return load_body().shape(np.zeros(load_body().num_shapes))


@pytest.fixture(scope="module")
def someone():
    coefficients = np.random.default_rng(3).normal(size=load_body().num_shapes)
    return load_body().shape(coefficients)


def named(posed):
    return dict(zip(H36M_17.joints, posed.joints, strict=True))


def skin(shape, posed):
    return posed.skin(shape.vertices, load_body().weights)


def below(bone):
    """A bone and all that hangs on it."""
    parents = {name: parent for name, (parent, _, _) in BONES.items()}

    def hangs(name):
        while name and name != bone:
            name = parents[name]
        return bool(name)

    return [name for name in BONES if hangs(name)]


def bent(bone, rotation):
    """Rotations of the rest pose with one bone turned."""
    turned = REST.copy()
    turned[[BONE_INDEX[name] for name in below(bone)]] = rotation
    return turned


def lengths(joints, pairs):
    places = dict(zip(H36M_17.joints, joints, strict=True))
    return [np.linalg.norm(places[a] - places[b]) for a, b in pairs]


def other_side(bone):
    """The bone of the same name on the other side."""
    for one, two in (("Left", "Right"), ("LHip", "RHip"), ("LT", "RT")):
        if bone.startswith(one):
            return two + bone.removeprefix(one)
        if bone.startswith(two):
            return one + bone.removeprefix(two)
    return bone


def test_the_asset_is_small_and_has_its_licence_beside_it():
    assert os.path.getsize(BODY_FILE) < 2e6
    folder = os.path.dirname(BODY_FILE)
    with open(os.path.join(folder, "BODY_LICENSE.md"), encoding="utf-8") as f:
        text = f.read()
    assert "CC0 1.0 Universal" in text


def test_skinning_weights_are_shares():
    weights = load_body().weights
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


def test_every_bone_moves_some_skin():
    assert (load_body().weights.max(axis=0) > 0.4).all()


def test_parents_come_before_their_bones():
    assert PARENTS[0] == -1
    assert all(0 <= parent < bone for bone, parent in enumerate(PARENTS[1:], 1))


def test_faces_and_texture_coordinates_exist():
    body = load_body()
    assert body.plain.faces.max() < len(body.plain.rows)
    assert body.skin.faces.max() < len(body.skin.rows)
    assert body.skin_face_uv.shape == body.skin_faces.shape
    assert body.skin_face_uv.max() < len(body.uv)
    assert body.uv.min() >= 0
    assert body.uv.max() <= 1
    assert (np.diff(body.base_rows) > 0).all()


@pytest.mark.parametrize("name", ["plain", "skin"])
def test_faces_look_outwards_and_leave_no_holes(name, mean):
    mesh = getattr(load_body(), name)
    corners = mean.vertices[mesh.rows][mesh.faces].astype(float)
    # The divergence theorem: outward faces enclose a positive volume.
    litres = np.linalg.det(corners).sum() / 6 / 1e6
    assert 50 < litres < 100
    # Each edge is walked as often in one direction as in the other.
    edges = np.concatenate([mesh.faces[:, [i, i - 1]] for i in range(3)])
    forth, back = edges @ [1, len(mesh.rows)], edges @ [len(mesh.rows), 1]
    np.testing.assert_array_equal(np.sort(forth), np.sort(back))


def test_meshes_take_their_vertices_from_the_whole_body(mean):
    body = load_body()
    for mesh in (body.plain, body.skin):
        np.testing.assert_array_equal(mesh.weights, body.weights[mesh.rows])
        np.testing.assert_allclose(mesh.rest, mean.vertices[mesh.rows])


def test_the_rest_pose_is_the_shape(someone):
    posed = pose(someone, REST)
    np.testing.assert_allclose(
        skin(someone, posed), someone.vertices, atol=1e-3
    )
    joints = named(posed)
    for joint, point in (
        ("left_knee", "l-knee"),
        ("right_wrist", "r-hand"),
        ("left_shoulder", "l-shoulder"),
        ("right_hip", "r-upper-leg"),
        ("spine", "spine-2"),
    ):
        np.testing.assert_allclose(
            joints[joint], someone.points[POINT_INDEX[point]], atol=1e-4
        )
    hips = (joints["left_hip"] + joints["right_hip"]) / 2
    np.testing.assert_allclose(joints["pelvis"], hips, atol=1e-6)


@hypothesis.given(
    vector=st.tuples(*[st.floats(-3, 3)] * 3),
    translation=st.tuples(*[st.floats(-900, 900)] * 3),
)
def test_turning_all_bones_alike_is_a_rigid_motion(vector, translation):
    shape = load_body().shape(np.ones(load_body().num_shapes))
    turn = Rotation.from_rotvec(vector)
    posed = pose(shape, np.tile(turn.as_matrix(), (31, 1, 1)), translation)
    centre = shape.points[POINT_INDEX["pelvis"]]
    rows = slice(None, None, 97)

    def moved(points):
        return turn.apply(points - centre) + centre + translation

    vertices = posed.skin(shape.vertices[rows], load_body().weights[rows])
    np.testing.assert_allclose(vertices, moved(shape.vertices[rows]), atol=2e-2)
    rest = pose(shape, REST).joints
    np.testing.assert_allclose(posed.joints, moved(rest), atol=1e-2)


def test_skin_between_two_bones_moves_by_the_mean_of_both():
    transforms = np.tile(np.eye(3, 4), (31, 1, 1))
    transforms[3, :, 3] = (40, 0, 0)
    transforms[5, :, :3] = Rotation.from_euler("z", 90, True).as_matrix()
    weights = np.zeros((3, 31), np.float32)
    weights[0, 3] = weights[1, 5] = 1
    weights[2, [3, 5]] = 0.25, 0.75
    points = np.tile(np.float32([8, 4, -2]), (3, 1))
    moved = Posed(transforms, np.zeros((17, 3))).skin(points, weights)
    first, second = np.array([48, 4, -2]), np.array([-4, 8, -2])
    expected = [first, second, 0.25 * first + 0.75 * second]
    np.testing.assert_allclose(moved, expected, atol=1e-5)


@pytest.mark.parametrize("bone", MOVED)
def test_a_bone_moves_only_the_joints_below_it(bone, mean):
    turn = Rotation.from_euler("xyz", (30, 40, 20), True).as_matrix()
    shift = pose(mean, bent(bone, turn)).joints - pose(mean, REST).joints
    moved = np.linalg.norm(shift, axis=1) > 1
    assert {H36M_17.joints[row] for row in np.flatnonzero(moved)} == MOVED[bone]


@pytest.mark.parametrize(("side", "sign"), [("Left", 1), ("Right", -1)])
def test_a_bent_elbow_moves_the_skin_of_one_forearm_only(side, sign, mean):
    turn = Rotation.from_euler("xyz", (50, -20, 30), True)
    posed = pose(mean, bent(f"{side}ForeArm", turn.as_matrix()))
    elbow = pose(mean, REST).joints[
        H36M_17.joints.index(f"{side.lower()}_elbow")
    ]
    wrist = pose(mean, REST).joints[
        H36M_17.joints.index(f"{side.lower()}_wrist")
    ]
    forearm = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    bare = load_body().skin.rows
    vertices = mean.vertices[bare]
    moved = skin(mean, posed)[bare]
    along = (vertices - elbow) @ forearm
    on_arm = sign * vertices[:, 0] > abs(elbow[0]) - 120
    still = np.linalg.norm(moved - vertices, axis=1) < 0.01
    # Skin of the upper arm stretches near the elbow.
    assert still[~on_arm | (along < -130)].all()
    hand = (sign * vertices[:, 0] > 300) & (along > 260)
    assert hand.sum() > 500
    np.testing.assert_allclose(
        moved[hand], turn.apply(vertices[hand] - elbow) + elbow, atol=0.05
    )


def test_left_is_at_positive_x_and_up_is_up(mean):
    joints = named(pose(mean, REST))
    for joint, place in joints.items():
        if joint.startswith("left_"):
            assert place[0] > 50
        elif joint.startswith("right_"):
            assert place[0] < -50
        else:
            assert abs(place[0]) < 1
    order = ("head_top", "nose", "neck", "spine", "pelvis")
    heights = [joints[joint][1] for joint in order]
    assert (np.diff(heights) < -50).all()
    for side in ("left", "right"):
        hip, knee, ankle = (
            joints[f"{side}_{joint}"][1] for joint in ("hip", "knee", "ankle")
        )
        assert hip > knee + 300 > ankle + 600
        assert ankle > 30


def test_the_body_faces_positive_z(mean):
    body = load_body()
    rows = body.plain.rows
    eyes = mean.vertices[rows[body.base_rows[rows] >= FIRST_EYE_ROW]]
    assert len(eyes) > 50
    ankle = named(pose(mean, REST))["left_ankle"]
    feet = mean.vertices[body.skin.rows]
    feet = feet[feet[:, 1] < 40]
    assert (eyes[:, 2] > named(pose(mean, REST))["head_top"][2]).all()
    assert feet[:, 2].max() - ankle[2] > 2 * (ankle[2] - feet[:, 2].min())


def test_the_joints_of_the_mean_body_are_symmetric(mean):
    joints = pose(mean, REST).joints
    mirrored = joints[list(H36M_17.flip_permutation)] * MIRROR
    np.testing.assert_allclose(joints, mirrored, atol=0.5)


def test_the_skin_and_its_weights_are_symmetric(mean):
    mesh = load_body().skin
    vertices = mean.vertices[mesh.rows]
    apart, twin = KDTree(vertices).query(vertices * MIRROR)
    assert np.quantile(apart, 0.99) < 1
    swap = [BONE_INDEX[other_side(bone)] for bone in BONES]
    assert len(set(swap)) == len(BONES)
    exact = apart < 0.5
    difference = np.abs(mesh.weights - mesh.weights[twin][:, swap])[exact]
    assert np.quantile(difference.max(axis=1), 0.99) < 0.1
    assert difference.mean() < 1e-3


@pytest.mark.parametrize("pair", HUMAN36M_LENGTHS)
def test_bones_of_the_mean_body_are_as_long_as_in_human36m(pair, mean):
    (length,) = lengths(pose(mean, REST).joints, [pair])
    assert length == pytest.approx(HUMAN36M_LENGTHS[pair], rel=0.25)


def test_joints_lie_on_the_bones_that_the_skeleton_names(mean):
    # The joint cubes of the rig: knees lie where thighs end and shanks begin.
    starts = mean.bone_starts
    ends = starts + mean.bone_vectors
    for side in ("Left", "Right"):
        for first, second in (
            ("UpLeg", "Leg"),
            ("Leg", "Foot"),
            ("Shoulder", "Arm"),
            ("Arm", "ForeArm"),
            ("ForeArm", "Hand"),
        ):
            np.testing.assert_allclose(
                ends[BONE_INDEX[side + first]],
                starts[BONE_INDEX[side + second]],
                atol=1e-3,
            )


def test_limbs_keep_their_lengths_and_differ_between_people():
    studio = scene.Studio(scene.Options(seed=21))
    people = []
    for person in range(4):
        shape = studio.shape(person)
        upright = poses.upright_rotations(shape)
        measured = []
        for number in range(75):
            rng = np.random.default_rng((person, number))
            family = list(poses.FAMILIES)[number % len(poses.FAMILIES)]
            turned = poses.rotations_of(poses.draw_angles(rng, family), upright)
            measured.append(lengths(pose(shape, turned).joints, RIGID))
        assert np.ptp(measured, axis=0).max() < 1e-3
        people.append(measured[0])
    assert (np.std(people, axis=0) > 1).all()


def test_shapes_mix_linearly():
    body = load_body()
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, body.num_shapes))
    mixed = body.shape(0.3 * first - 2 * second)
    zero = body.shape(np.zeros(body.num_shapes))
    for part in dataclasses.fields(mixed):
        base, one, two, both = (
            getattr(shape, part.name)
            for shape in (zero, body.shape(first), body.shape(second), mixed)
        )
        expected = base + 0.3 * (one - base) - 2 * (two - base)
        np.testing.assert_allclose(both, expected, atol=0.01)


def test_every_shape_direction_changes_the_body(mean):
    body = load_body()
    for number in range(body.num_shapes):
        shape = body.shape(np.eye(body.num_shapes)[number])
        change = np.linalg.norm(shape.vertices - mean.vertices, axis=1)
        assert change.max() > 2


def test_points_move_with_the_skin_around_them():
    # The joint lies between the skin in front of it and that behind.
    body = load_body()
    rng = np.random.default_rng(5)
    mean = body.shape(np.zeros(body.num_shapes))
    rows = body.skin.rows
    for _ in range(20):
        shape = body.shape(rng.normal(size=body.num_shapes))
        change = shape.vertices - mean.vertices
        for name in ("l-knee", "r-elbow", "l-hand", "r-ankle", "neck"):
            point = POINT_INDEX[name]
            apart = np.linalg.norm(
                mean.vertices[rows] - mean.points[point], axis=1
            )
            around = change[rows[apart < 90]].mean(axis=0)
            moved = shape.points[point] - mean.points[point]
            np.testing.assert_allclose(moved, around, atol=60)


def heights_of_people():
    body = load_body()
    studio = scene.Studio(scene.Options(seed=1))
    shapes = [studio.shape(index) for index in range(500)]
    return np.array([np.ptp(s.vertices[body.skin.rows, 1]) for s in shapes])


def test_people_differ_in_height_about_that_of_adults():
    heights = heights_of_people()
    assert 1600 < heights.mean() < 1800
    assert heights.std() > 50


def test_no_one_is_a_child_or_a_giant():
    heights = heights_of_people()
    assert heights.min() > 1300
    assert heights.max() < 2100


def test_people_stand_on_the_ground():
    body = load_body()
    studio = scene.Studio(scene.Options(seed=1))
    lowest = [
        studio.shape(index).vertices[body.skin.rows, 1].min()
        for index in range(50)
    ]
    np.testing.assert_allclose(lowest, 0, atol=15)
