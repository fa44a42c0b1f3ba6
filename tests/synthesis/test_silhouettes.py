"""Labels against pixels: each joint lies behind the skin of its own limb."""

import dataclasses
import functools

import numpy as np
import pytest
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from keras_pose.skeleton import H36M_17
from keras_pose.synthesis import render
from keras_pose.synthesis import scene
from keras_pose.synthesis.body import BONES
from keras_pose.synthesis.body import FIRST_EYE_ROW
from keras_pose.synthesis.body import load_body

SIZE = 256
FEW, MANY = 60, 1000

_HIPS = ("Hips", "LHipJoint", "RHipJoint", "LowerBack")
_SHOULDERS = ("Spine1", "LeftShoulder", "RightShoulder")
_NECK = ("Neck", "Neck1", "Head")
_HAND = ("Hand", "FingerBase", "HandFinger1")
# The bones whose skin surrounds each joint; {S} is the side.
_SIDED = {
    "hip": (*_HIPS, "{S}UpLeg"),
    "knee": ("{S}UpLeg", "{S}Leg"),
    "ankle": ("{S}Leg", "{S}Foot", "{S}ToeBase"),
    "shoulder": ("Spine", "Spine1", "Neck1", "{S}Shoulder", "{S}Arm"),
    "elbow": ("{S}Arm", "{S}ForeArm"),
    "wrist": ("{S}ForeArm", *("{S}" + bone for bone in _HAND), "{T}Thumb"),
}
LIMBS = {
    "pelvis": (*_HIPS, "LeftUpLeg", "RightUpLeg"),
    "spine": (*_HIPS, "Spine", *_SHOULDERS),
    "neck": (*_SHOULDERS, *_NECK, "LeftArm", "RightArm"),
    "nose": _NECK,
    "head_top": _NECK,
} | {
    f"{side.lower()}_{joint}": tuple(
        bone.format(S=side, T=side[0]) for bone in bones
    )
    for side in ("Left", "Right")
    for joint, bones in _SIDED.items()
}
# Joints on one side whose limb holds no bone of the trunk.
OUTER = [
    index
    for index, joint in enumerate(H36M_17.joints)
    if joint.endswith(("knee", "ankle", "elbow", "wrist"))
]


@functools.cache
def face_bones():
    """(F, 3) names of the bones that move the corners of each face most."""
    mesh = load_body().plain
    return np.array(list(BONES))[mesh.owners][mesh.faces]


@functools.cache
def limb_faces(joint):
    """(F,) bool, the faces that belong to the limb of a joint."""
    return np.isin(face_bones(), LIMBS[joint]).all(axis=1)


@functools.cache
def face_sides():
    """(F,) 1 for faces of the person's left, -1 right, 0 neither."""
    left = np.char.startswith(face_bones(), "L") & (face_bones() != "LowerBack")
    right = np.char.startswith(face_bones(), "R")
    return np.where(left.all(1), 1, 0) - np.where(right.all(1), 1, 0)


def first_hits(vertices, faces, origins, directions):
    """Face (N,), -1 for none, and distance (N,) of what rays hit first."""
    embree = EmbreeScene()
    TriangleMesh(embree, np.float32(vertices), np.int32(faces))
    found = embree.run(
        np.ascontiguousarray(origins, np.float32),
        np.ascontiguousarray(directions, np.float32),
        query="INTERSECT",
        output=True,
    )
    return found["primID"], found["tfar"]


@dataclasses.dataclass
class Labelled:
    """What one image shows, and what is stored about it."""

    shot: scene.Shot
    sample: object

    def rays(self, pixels):
        """Origins and directions of unit depth of rays through (..., 2) px."""
        camera = self.shot.camera
        homogeneous = np.insert(np.float64(pixels), 2, 1, axis=-1)
        slopes = homogeneous @ np.linalg.inv(self.sample.intrinsics).T
        directions = slopes @ camera.rotation
        return np.broadcast_to(camera.centre, directions.shape), directions

    def hit_limbs(self, *pixel_sets):
        """(K, 17) bool: the ray through each joint's pixel hits its limb."""
        (person,) = self.shot.person
        origins, directions = self.rays(np.stack(pixel_sets, axis=1))
        hit = [
            first_hits(
                person.vertices,
                person.faces[limb_faces(joint)],
                origins[row],
                directions[row],
            )[0]
            for row, joint in enumerate(H36M_17.joints)
        ]
        return np.array(hit).T >= 0

    def seen(self, pixels):
        """The faces (17,) seen at joints' pixels, and those near the joint.

        Near means that the joint lies at most 150 mm behind what is seen, and
        not in front of it.
        """
        (person,) = self.shot.person
        face, depth = first_hits(
            person.vertices, person.faces, *self.rays(pixels)
        )
        behind = self.sample.joints_mm[:, 2] - depth
        return face, (face >= 0) & (behind > 0) & (behind < 150)


def label(studio, count, monkeypatch):
    """Gives Labelled images; what only colours pixels is left out."""

    def dark(*args, **kwargs):
        return np.zeros((SIZE, SIZE, 3), np.float32)

    monkeypatch.setattr(scene.render, "render", dark)
    monkeypatch.setattr(
        scene.backdrop, "draw_backdrop", lambda *_: (dark(), None)
    )
    monkeypatch.setattr(scene.sensor, "photograph", lambda *_: b"")
    shots = []
    make = studio.shot

    def keep(index):
        shots.append(make(index))
        return shots[-1]

    monkeypatch.setattr(studio, "shot", keep)
    samples = [studio.sample(index) for index in range(count)]
    return [Labelled(*pair) for pair in zip(shots, samples, strict=True)]


@pytest.fixture(scope="module")
def few():
    with pytest.MonkeyPatch.context() as patch:
        studio = scene.Studio(scene.Options(seed=5, image_size=SIZE))
        return label(studio, FEW, patch)


@pytest.fixture(scope="module")
def many():
    with pytest.MonkeyPatch.context() as patch:
        studio = scene.Studio(scene.Options(seed=6, image_size=SIZE))
        return label(studio, MANY, patch)


def as_stored(one):
    return one.sample.joints_px


def sides_swapped(one):
    return one.sample.joints_px[list(H36M_17.flip_permutation)]


def image_mirrored(one):
    pixels = one.sample.joints_px.copy()
    pixels[:, 0] = SIZE - 1 - pixels[:, 0]
    return pixels


def box_mirrored(one):
    """Mirrored about the middle of the person, so that most rays still hit."""
    x, _, width, _ = one.sample.box
    pixels = one.sample.joints_px.copy()
    pixels[:, 0] = 2 * x + width - 1 - pixels[:, 0]
    return pixels


def axes_swapped(one):
    return one.sample.joints_px[:, ::-1]


WRONG = (sides_swapped, image_mirrored, box_mirrored, axes_swapped)


def hit_shares(images, *pixels):
    """(K, 17) shares of images in which a joint's pixel shows its limb."""
    return np.mean(
        [one.hit_limbs(*(each(one) for each in pixels)) for one in images],
        axis=0,
    )


def seen_shares(images, pixels):
    """What is seen near joints, as shares of them.

    Returns:
        (own limb, own side, other side); the sides only of `OUTER` joints.
    """
    limb, side = [], []
    for one in images:
        face, near = one.seen(pixels(one))
        for row in np.flatnonzero(near):
            joint = H36M_17.joints[row]
            limb.append(limb_faces(joint)[face[row]])
            if row in OUTER:
                sign = {"left": 1, "right": -1}[H36M_17.side(row)]
                side.append(sign * face_sides()[face[row]])
    side = np.array(side)
    return np.mean(limb), np.mean(side == 1), np.mean(side == -1)


@pytest.fixture(scope="module")
def few_shares(few):
    return hit_shares(few, as_stored, *WRONG)


def check_hits(shares, least, least_of_joint):
    told = dict(zip(H36M_17.joints, shares.round(4).tolist(), strict=True))
    assert shares[OUTER].min() == 1, told
    assert shares.mean() >= least, told
    # Along the body the trunk is seen through its ends.
    assert shares.min() >= least_of_joint, told


def check_seen(images, least_limb, least_side):
    limb, side, other = seen_shares(images, as_stored)
    assert limb >= least_limb
    assert side >= least_side
    assert other <= 1 - least_side


def test_the_skin_of_its_limb_covers_each_joint(few_shares):
    check_hits(few_shares[0], 0.995, 0.96)


@pytest.mark.slow
def test_the_skin_of_its_limb_covers_each_joint_of_many(many):
    (shares,) = hit_shares(many, as_stored)
    check_hits(shares, 0.998, 0.98)


def test_what_is_seen_just_before_a_joint_is_its_limb_and_side(few):
    check_seen(few, 0.99, 0.99)


@pytest.mark.slow
def test_what_is_seen_before_joints_of_many_is_their_limb_and_side(many):
    check_seen(many, 0.99, 0.99)


def test_wrong_labels_are_found_out_by_the_limbs(few_shares):
    shares = few_shares[1:]
    assert shares[:, OUTER].mean(axis=1).max() < 0.2
    assert shares.mean(axis=1).max() < 0.6


def test_swapped_sides_are_found_out_by_what_is_seen(few):
    _, side, other = seen_shares(few, sides_swapped)
    assert side < 0.25
    assert other > 0.6


def test_joints_in_mm_lie_at_their_pixels(few):
    for one in few:
        sample = one.sample
        projected = sample.joints_mm @ np.float64(sample.intrinsics).T
        projected = projected[:, :2] / projected[:, 2:]
        np.testing.assert_allclose(sample.joints_px, projected, atol=0.01)


def test_joints_in_mm_are_those_of_the_person_seen_from_the_camera(few):
    for one in few:
        camera, shot = one.shot.camera, one.shot
        expected = (shot.joints - camera.centre) @ camera.rotation.T
        np.testing.assert_allclose(one.sample.joints_mm, expected, atol=0.01)
        assert np.linalg.det(camera.rotation) == pytest.approx(1)


def test_boxes_touch_the_person_on_all_four_sides(few):
    for one in few:
        (person,) = one.shot.person
        camera = one.shot.camera
        seen = (person.vertices - camera.centre) @ camera.rotation.T
        pixels = seen @ np.float64(one.sample.intrinsics).T
        pixels = pixels[:, :2] / pixels[:, 2:]
        x, y, width, height = one.sample.box
        # Pixel (0, 0) is a centre; boxes count from the image's corner.
        np.testing.assert_allclose(pixels.min(axis=0) + 0.5, (x, y), atol=0.01)
        np.testing.assert_allclose(
            pixels.max(axis=0) + 0.5, (x + width, y + height), atol=0.01
        )


def test_the_left_shoulder_is_on_the_left_of_who_looks_out_of_the_eyes(few):
    mesh = load_body().plain
    eyes = load_body().base_rows[mesh.rows] >= FIRST_EYE_ROW
    head = (mesh.owners == list(BONES).index("Head")) & ~eyes
    agree = []
    for one in few:
        (person,) = one.shot.person
        joints = dict(zip(H36M_17.joints, one.shot.joints, strict=True))
        middle = person.vertices[head].mean(axis=0)
        forward = person.vertices[eyes].mean(axis=0) - middle
        left = np.cross(middle - joints["neck"], forward)
        across = joints["left_shoulder"] - joints["right_shoulder"]
        agree.append(across @ left > 0)
    # Some look over a shoulder.
    assert np.mean(agree) > 0.95


def test_each_limb_has_its_colour_in_the_photo():
    # What is left is painted red, what is right blue, the rest green.
    studio = scene.Studio(scene.Options(seed=8, image_size=SIZE))
    light = render.Light(
        np.array([0.0, 1, 0]), np.zeros(3), np.ones(3), np.ones(3)
    )
    behind = np.zeros((SIZE, SIZE, 3), np.float32)
    sides = []
    for index in range(6):
        shot = studio.shot(index)
        (person,) = shot.person
        colours = np.eye(3, dtype=np.float32)[1 - face_sides()]
        flat = dataclasses.replace(
            person,
            attributes=np.repeat(colours[:, None], 3, axis=1),
            paint=lambda attributes: attributes,
        )
        image = render.render([flat], shot.camera, SIZE, light, behind)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(studio, "shot", lambda _, shot=shot: shot)
            patch.setattr(scene.render, "render", lambda *_, b=behind: b)
            sample = studio.sample(index)
        one = Labelled(shot, sample)
        _, near = one.seen(sample.joints_px)
        column, row = np.round(sample.joints_px).astype(int).T
        for joint in np.intersect1d(OUTER, np.flatnonzero(near)):
            red, _, blue = image[row[joint], column[joint]]
            sign = {"left": 1, "right": -1}[H36M_17.side(joint)]
            sides.append(sign * np.sign(red - blue))
    assert len(sides) > 25
    assert np.mean(sides) > 0.9
