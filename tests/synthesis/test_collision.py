"""Capsules against closed forms, and drawn poses against the skin itself."""

import functools
from collections import Counter
from collections import defaultdict

import hypothesis
import numpy as np
import pytest
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from keras_pose.synthesis import collision
from keras_pose.synthesis import poses
from keras_pose.synthesis import scene
from keras_pose.synthesis.body import BONE_INDEX
from keras_pose.synthesis.body import BONES
from keras_pose.synthesis.body import FIRST_EYE_ROW
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.body import pose
from keras_pose.synthesis.collision import Capsules
from keras_pose.synthesis.poses import Angles

DEEP = 15.0  # mm; flesh gives way by less

_TRUNK = ("Hips", "LHipJoint", "RHipJoint", "LowerBack", "Spine", "Spine1")
PARTS = {
    "trunk": (*_TRUNK, "LeftShoulder", "RightShoulder"),
    "head": ("Neck", "Neck1", "Head"),
}
# The outer segment of a limb, whose skin must not lie in another part.
OUTER = {}
for _side in ("Left", "Right"):
    _hand = (
        *(f"{_side}{bone}" for bone in ("Hand", "FingerBase", "HandFinger1")),
        f"{_side[0]}Thumb",
    )
    OUTER[f"{_side} arm"] = (f"{_side}ForeArm", *_hand)
    PARTS[f"{_side} arm"] = (f"{_side}Arm", f"{_side}ForeArm", *_hand)
    _shank = tuple(f"{_side}{bone}" for bone in ("Leg", "Foot", "ToeBase"))
    OUTER[f"{_side} leg"] = _shank
    PARTS[f"{_side} leg"] = (f"{_side}UpLeg", *_shank)

coordinates = st.floats(-5, 5)
points = st.tuples(coordinates, coordinates, coordinates).map(np.array)


@pytest.fixture(scope="module")
def mean():
    return load_body().shape(np.zeros(load_body().num_shapes))


@pytest.fixture(scope="module")
def pierces(mean):
    """Gives `(angles) -> bool`."""
    capsules, upright = Capsules(mean), poses.upright_rotations(mean)

    def ask(angles):
        angles = Angles(CLEAR | angles)
        return capsules.pierce(poses.rotations_of(angles, upright))

    return ask


def distance(*ends):
    rows = [np.array([end], float) for end in ends]
    return collision._distance(*rows)[0]


@hypothesis.given(a=points, b=points, c=points, d=points)
def test_distances_of_segments_are_those_of_least_squares(a, b, c, d):
    hypothesis.assume(np.linalg.norm(b - a) > 1e-3)
    hypothesis.assume(np.linalg.norm(d - c) > 1e-3)
    best = lsq_linear(
        np.stack([b - a, c - d], axis=1), c - a, (0, 1), tol=1e-14
    )
    expected = np.sqrt(2 * best.cost)
    assert distance(a, b, c, d) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (((-1, 0, 0), (1, 0, 0), (0, -1, 3), (0, 1, 3)), 3),
        (((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0)), 0),
        (((0, 0, 0), (4, 0, 0), (1, 2, 0), (9, 2, 0)), 2),
        (((0, 0, 0), (1, 0, 0), (4, 4, 0), (9, 9, 0)), 5),
        (((0, 0, 0), (9, 0, 0), (3, 2, 0), (3, 7, 0)), 2),
        (((0, 0, 0), (9, 0, 0), (3, 7, 0), (3, 2, 0)), 2),
        (((3, 2, 0), (3, 7, 0), (0, 0, 0), (9, 0, 0)), 2),
        (((0, 0, 0), (0, 0, 0), (-1, 6, 0), (1, 6, 0)), 6),
        (((0, 0, 0), (0, 0, 0), (2, 0, 0), (2, 0, 0)), 2),
        (((0, 0, 0), (2, 0, 0), (5, 0, 0), (8, 0, 0)), 3),
    ],
    ids=[
        "crossing",
        "cutting",
        "parallel",
        "apart",
        "start of the second",
        "end of the second",
        "end of the first",
        "a point",
        "two points",
        "in a row",
    ],
)
def test_distances_of_segments_in_simple_places(ends, expected):
    assert distance(*ends) == pytest.approx(expected, abs=1e-6)


def test_distances_come_in_batches():
    rng = np.random.default_rng(0)
    ends = rng.normal(size=(4, 30, 3))
    found = collision._distance(*ends)
    each = [distance(*four) for four in ends.swapaxes(0, 1)]
    np.testing.assert_allclose(found, each)


# Arms that hang clear of the thighs, unless a pose says otherwise.
CLEAR = {
    f"{side} {name}": value
    for side in ("left", "right")
    for name, value in (("shoulder_elevation", 20), ("shoulder_plane", 90))
}
FREE = {
    "standing": {},
    "arms to the sides": {
        "left shoulder_elevation": 90,
        "right shoulder_elevation": 90,
    },
    "arms forwards": {
        f"{side} {name}": value
        for side in ("left", "right")
        for name, value in (("shoulder_elevation", 90), ("shoulder_plane", 0))
    },
    "sitting": {
        f"{side} {name}": 85
        for side in ("left", "right")
        for name in ("knee", "hip_flexion")
    },
    "leg raised": {"left hip_flexion": 100, "left knee": 100},
    "arms up": {"left shoulder_elevation": 150, "left shoulder_plane": 60},
}
THROUGH = {
    "hand in the belly": {
        "left shoulder_elevation": 5,
        "left elbow": 80,
        "left shoulder_rotation": -60,
    },
    "hand in the thigh": {
        "left hip_flexion": 90,
        "left shoulder_elevation": 10,
        "left shoulder_plane": 0,
        "left elbow": 40,
    },
    "hand in the head": {
        "left shoulder_elevation": 110,
        "left shoulder_plane": 65,
        "left shoulder_rotation": 65,
        "left elbow": 120,
    },
    "thigh in the thigh": {
        "left hip_abduction": -15,
        "right hip_abduction": -15,
    },
    "shank in the shank": {
        "left hip_abduction": -10,
        "left hip_flexion": 15,
        "left knee": 45,
        "left hip_rotation": 35,
        "left ankle": -20,
    },
    "forearm in the flank": {
        "left shoulder_elevation": 15,
        "left shoulder_plane": 155,
        "left shoulder_rotation": -30,
        "left elbow": 70,
    },
    "arm in the arm": {
        "left shoulder_elevation": 90,
        "left shoulder_plane": -35,
        "right shoulder_elevation": 90,
        "right shoulder_plane": -35,
    },
    "foot in the other thigh": {
        "left hip_flexion": 50,
        "left knee": 120,
        "left hip_rotation": 45,
    },
    "hand in a thigh that is raised": {
        "left shoulder_elevation": 30,
        "left shoulder_plane": 0,
        "left shoulder_rotation": -20,
        "left elbow": 30,
        "left hip_flexion": 105,
        "left knee": 60,
    },
}


def mirrored(angles):
    swap = {"left": "right", "right": "left"}
    return {
        " ".join([swap[side], name]): value
        for (side, name), value in (
            (key.split(), value) for key, value in angles.items()
        )
    }


@pytest.mark.parametrize("angles", FREE.values(), ids=FREE)
def test_free_limbs_pierce_nothing(angles, pierces):
    assert not pierces(angles)
    assert not pierces(mirrored(angles))


@pytest.mark.parametrize("angles", THROUGH.values(), ids=THROUGH)
def test_limbs_that_go_through_another_part_pierce(angles, pierces):
    assert pierces(angles)
    assert pierces(mirrored(angles))


def test_where_a_person_stands_does_not_matter(mean, pierces):
    capsules, upright = Capsules(mean), poses.upright_rotations(mean)
    for angles in (*FREE.values(), *THROUGH.values()):
        lying = CLEAR | {"root_pitch": 90, "root_roll": 30} | angles
        turned = poses.rotations_of(Angles(lying), upright)
        assert capsules.pierce(turned) == pierces(angles)


def test_a_hand_pierces_from_where_it_meets_the_belly(pierces):
    found = [
        pierces(
            {
                "left shoulder_elevation": 5,
                "left elbow": 90,
                "left shoulder_rotation": angle,
            }
        )
        for angle in range(40, -81, -10)
    ]
    assert not any(found[:5])
    assert all(found[-2:])
    assert found == sorted(found)


def test_the_fat_pierce_sooner():
    # Of two bodies with the same bones, one has all its skin farther out.
    body = load_body()
    shape = body.shape(np.zeros(body.num_shapes))
    mesh, starts = body.plain, shape.bone_starts
    wide = shape.vertices.copy()
    along = shape.bone_vectors / np.linalg.norm(
        shape.bone_vectors, axis=1, keepdims=True
    )
    around = wide[mesh.rows] - starts[mesh.owners]
    direction = along[mesh.owners]
    lengthwise = np.sum(around * direction, axis=1, keepdims=True) * direction
    wide[mesh.rows] += 0.4 * (around - lengthwise)
    upright = poses.upright_rotations(shape)
    slim, fat = Capsules(shape), Capsules(type(shape)(wide, shape.points))
    counts = np.zeros(2)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        angles = poses.draw_angles(rng, "standing")
        turned = poses.rotations_of(angles, upright)
        found = slim.pierce(turned), fat.pierce(turned)
        assert found != (True, False)
        counts += found
    assert counts[1] > counts[0] + 5


# The skin itself.


def winding(vertices, faces, points, direction):
    """How often a closed mesh encloses points (N,), by the rays from them."""
    embree = EmbreeScene()
    TriangleMesh(embree, np.float32(vertices), np.int32(faces))
    corners = vertices[faces]
    normals = np.cross(
        corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    )
    leaves = np.sign(normals @ direction)
    total, alive = np.zeros(len(points)), np.arange(len(points))
    origins = np.float32(points)
    while len(alive):
        found = embree.run(
            np.ascontiguousarray(origins),
            np.tile(np.float32(direction), (len(alive), 1)),
            query="INTERSECT",
            output=True,
        )
        hit = found["primID"] >= 0
        total[alive[hit]] += leaves[found["primID"][hit]]
        travelled = (found["tfar"][hit] + 0.01)[:, None]
        origins = origins[hit] + travelled * np.float32(direction)
        alive = alive[hit]
    return total


def inside(vertices, faces, points):
    """(N,) bool by the majority of three rays, lest one meets an edge."""
    turns = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    votes = [winding(vertices, faces, points, way) > 0.5 for way in turns]
    return np.sum(votes, axis=0) >= 2


def depth_below(points, triangles):
    """Least distances (N,) from points to triangles (F, 3, 3)."""
    nearest = np.full((len(points), len(triangles)), np.inf)
    first = triangles[:, 0]
    normals = np.cross(triangles[:, 1] - first, triangles[:, 2] - first)
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-9)[:, None]
    above = np.ones(nearest.shape, bool)
    for corner in range(3):
        start = triangles[:, corner]
        edge = triangles[:, (corner + 1) % 3] - start
        towards = points[:, None] - start
        share = np.sum(towards * edge, -1) / np.sum(edge * edge, -1)
        off = towards - np.clip(share, 0, 1)[..., None] * edge
        nearest = np.minimum(nearest, np.linalg.norm(off, axis=-1))
        above &= np.sum(np.cross(edge, towards) * normals, -1) >= 0
    height = np.abs(np.sum((points[:, None] - first) * normals, axis=-1))
    return np.where(above, height, nearest).min(axis=1)


def boundary_loops(faces):
    """Edges (E, 2) that close the holes of a mesh, hole by hole."""
    edges = np.concatenate([faces[:, [i, (i + 1) % 3]] for i in range(3)])
    counts = Counter(map(tuple, edges.tolist()))
    after = defaultdict(list)
    for (a, b), count in counts.items():
        after[b] += [a] * (count - counts.get((b, a), 0))
    loops = []
    while any(after.values()):
        at = next(start for start, ends in after.items() if ends)
        loop = []
        while after[at]:
            end = after[at].pop()
            loop.append((at, end))
            at = end
        loops.append(np.array(loop))
    return loops


@functools.cache
def part_meshes():
    """Of each part its faces and the loops that close it."""
    body = load_body()
    mesh = body.plain
    bones = np.array(list(BONES))[mesh.owners]
    skin = body.base_rows[mesh.rows] < FIRST_EYE_ROW
    found = {}
    for part, names in PARTS.items():
        own = np.isin(bones, names)[mesh.faces].sum(axis=1) >= 2
        faces = mesh.faces[own & skin[mesh.faces].all(axis=1)]
        found[part] = faces, boundary_loops(faces)
    return found


@functools.cache
def outer_rows():
    owners = load_body().plain.owners
    return {
        limb: np.flatnonzero(np.isin(owners, [BONE_INDEX[b] for b in bones]))
        for limb, bones in OUTER.items()
    }


def closed(vertices, faces, loops):
    """The mesh with each hole closed by a fan about its middle."""
    middles = np.array([vertices[loop].mean(axis=(0, 1)) for loop in loops])
    fans = [
        np.insert(loop, 2, len(vertices) + row, axis=1)
        for row, loop in enumerate(loops)
    ]
    return (
        np.concatenate([vertices, middles.reshape(-1, 3)]),
        np.concatenate([faces, *fans]),
    )


def deepest(vertices):
    """{(limb, part): mm} of the outer limbs that lie in other parts.

    Args:
        vertices: (V, 3) mm of the posed `Body.plain`.
    """
    found = {}
    for part, (faces, loops) in part_meshes().items():
        of_part = vertices[faces]
        low, high = of_part.min(axis=(0, 1)), of_part.max(axis=(0, 1))
        for limb, rows in outer_rows().items():
            points = vertices[rows]
            points = points[((points > low) & (points < high)).all(axis=1)]
            if limb == part or not len(points):
                continue
            points = points[inside(*closed(vertices, faces, loops), points)]
            if len(points):
                found[limb, part] = depth_below(points, of_part).max()
    return found


def posed_skin(shape, turned):
    mesh = load_body().plain
    return pose(shape, turned).skin(shape.vertices[mesh.rows], mesh.weights)


def piercing_share(count):
    """Share of drawn poses in which a limb lies deep in another part."""
    studio = scene.Studio(scene.Options(seed=4))
    deep = Counter()
    for index in range(count):
        shape = studio.shape(index)
        family, _, turned = studio.draw_pose(index, shape)
        depths = deepest(posed_skin(shape, turned)).values()
        deep[family] += any(depth > DEEP for depth in depths)
    return sum(deep.values()) / count, deep


def test_rays_tell_what_lies_in_a_closed_mesh():
    # Two boxes that overlap, the second one a hole in nothing but itself.
    corners = np.array(
        [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], float
    )
    quads = [
        (0, 1, 3, 2),
        (4, 6, 7, 5),
        (0, 4, 5, 1),
        (2, 3, 7, 6),
        (0, 2, 6, 4),
        (1, 5, 7, 3),
    ]
    faces = np.array(
        [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    )
    vertices = np.concatenate([corners * 100, corners * 100 + 50])
    both = np.concatenate([faces, faces + 8])
    points = np.array(
        [(20, 30, 40), (70, 80, 90), (120, 130, 70), (20, 120, 30), (-5, 9, 9)]
    )
    direction = np.array([0.6, 0.48, 0.64])
    np.testing.assert_array_equal(
        winding(vertices, both, points, direction), [1, 2, 1, 0, 0]
    )
    np.testing.assert_array_equal(
        inside(vertices, both, points), [True, True, True, False, False]
    )
    depth = depth_below(points[:1], corners[faces] * 100)
    np.testing.assert_allclose(depth, 20)
    # Without its lid the box has one hole, which a fan closes.
    loops = boundary_loops(faces[2:])
    assert [len(loop) for loop in loops] == [4]
    lid = closed(corners * 100, faces[2:], loops)
    np.testing.assert_array_equal(
        winding(*lid, points, direction), [1, 1, 0, 0, 0]
    )


def test_rays_find_a_hand_in_the_belly_but_none_in_the_air(mean):
    upright = poses.upright_rotations(mean)
    for angles, expected in (
        (THROUGH["hand in the belly"], {("Left arm", "trunk")}),
        (mirrored(THROUGH["hand in the belly"]), {("Right arm", "trunk")}),
        (FREE["arms to the sides"], set()),
    ):
        turned = poses.rotations_of(Angles(CLEAR | angles), upright)
        found = deepest(posed_skin(mean, turned))
        assert {pair for pair, depth in found.items() if depth > DEEP} == (
            expected
        )


def test_few_drawn_poses_pierce_the_skin():
    share, families = piercing_share(100)
    assert share < 0.12, families


@pytest.mark.slow
def test_few_of_many_drawn_poses_pierce_the_skin():
    share, families = piercing_share(1000)
    assert share < 0.10, families


def test_capsules_know_most_poses_that_pierce_and_few_that_do_not(mean):
    capsules, upright = Capsules(mean), poses.upright_rotations(mean)
    said = defaultdict(list)
    for index in range(90):
        family = list(poses.FAMILIES)[index % len(poses.FAMILIES)]
        angles = poses.draw_angles(np.random.default_rng(index), family)
        turned = poses.rotations_of(angles, upright)
        depth = max(deepest(posed_skin(mean, turned)).values(), default=0)
        kind = "deep" if depth > 30 else "some" if depth else "none"
        said[kind].append(capsules.pierce(turned))
    assert len(said["deep"]) > 8
    assert np.mean(said["deep"]) > 0.75
    assert np.mean(said["none"]) < 0.08
