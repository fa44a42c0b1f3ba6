"""The human body: a mesh whose shape and pose can be chosen, and its joints.

`body.npz` is made by tools/make_body.py from MakeHuman's base mesh, rig and
targets, which are CC0: see BODY_LICENSE.md beside it.
"""

import dataclasses
import functools
import os

import numpy as np

from keras_pose.skeleton import H36M_17

BODY_FILE = os.path.join(os.path.dirname(__file__), "body.npz")

# bone: (parent, point where it starts, point where it ends). The bones and
# their names are those of the CMU motion capture skeleton; parents come first.
BONES = {
    "Hips": ("", "pelvis", "spine-4"),
    "LHipJoint": ("Hips", "pelvis", "l-upper-leg"),
    "LeftUpLeg": ("LHipJoint", "l-upper-leg", "l-knee"),
    "LeftLeg": ("LeftUpLeg", "l-knee", "l-ankle"),
    "LeftFoot": ("LeftLeg", "l-ankle", "l-toe-3-1"),
    "LeftToeBase": ("LeftFoot", "l-toe-3-1", "l-toe-3-4"),
    "RHipJoint": ("Hips", "pelvis", "r-upper-leg"),
    "RightUpLeg": ("RHipJoint", "r-upper-leg", "r-knee"),
    "RightLeg": ("RightUpLeg", "r-knee", "r-ankle"),
    "RightFoot": ("RightLeg", "r-ankle", "r-toe-3-1"),
    "RightToeBase": ("RightFoot", "r-toe-3-1", "r-toe-3-4"),
    "LowerBack": ("Hips", "spine-4", "spine-2"),
    "Spine": ("LowerBack", "spine-2", "spine-1"),
    "Spine1": ("Spine", "spine-1", "neck"),
    "Neck": ("Spine1", "neck", "head"),
    "Neck1": ("Neck", "neck", "head"),
    "Head": ("Neck1", "head", "head-2"),
    "LeftShoulder": ("Spine1", "l-clavicle", "l-shoulder"),
    "LeftArm": ("LeftShoulder", "l-shoulder", "l-elbow"),
    "LeftForeArm": ("LeftArm", "l-elbow", "l-hand"),
    "LeftHand": ("LeftForeArm", "l-hand", "l-finger-3-1"),
    "LeftFingerBase": ("LeftHand", "l-finger-3-1", "l-finger-3-2"),
    "LeftHandFinger1": ("LeftFingerBase", "l-finger-3-2", "l-finger-3-4"),
    "LThumb": ("LeftHand", "l-finger-1-1", "l-finger-1-4"),
    "RightShoulder": ("Spine1", "r-clavicle", "r-shoulder"),
    "RightArm": ("RightShoulder", "r-shoulder", "r-elbow"),
    "RightForeArm": ("RightArm", "r-elbow", "r-hand"),
    "RightHand": ("RightForeArm", "r-hand", "r-finger-3-1"),
    "RightFingerBase": ("RightHand", "r-finger-3-1", "r-finger-3-2"),
    "RightHandFinger1": ("RightFingerBase", "r-finger-3-2", "r-finger-3-4"),
    "RThumb": ("RightHand", "r-finger-1-1", "r-finger-1-4"),
}
# MakeHuman's number of the first vertex of the eyeballs.
FIRST_EYE_ROW = 14598

BONE_INDEX = {name: index for index, name in enumerate(BONES)}
PARENTS = tuple(BONE_INDEX.get(parent, -1) for parent, _, _ in BONES.values())

# The points that move with the shape: MakeHuman's joint cubes of these names.
POINTS = tuple(
    sorted({point for _, *ends in BONES.values() for point in ends} | {"jaw"})
)
POINT_INDEX = {name: index for index, name in enumerate(POINTS)}

# Joint of Human3.6M: the bone that it moves with, and its place as a mean of
# points. Limbs bend about the rig's own joints. The trunk's joints lie where
# Human3.6M has them on people who stand: its neck is the base of the neck,
# 60 to 80 mm above the shoulders, its nose about 100 mm above and 70 mm before
# that, and its head_top 115 mm from the nose, inside the skull. Its hips are
# 20 to 40 mm wider than a hip bends.
JOINTS = {
    "pelvis": ("Hips", {"l-upper-leg": 0.5, "r-upper-leg": 0.5}),
    "right_hip": ("RHipJoint", {"r-upper-leg": 1.0}),
    "right_knee": ("RightUpLeg", {"r-knee": 1.0}),
    "right_ankle": ("RightLeg", {"r-ankle": 1.0}),
    "left_hip": ("LHipJoint", {"l-upper-leg": 1.0}),
    "left_knee": ("LeftUpLeg", {"l-knee": 1.0}),
    "left_ankle": ("LeftLeg", {"l-ankle": 1.0}),
    "spine": ("LowerBack", {"spine-2": 1.0}),
    "neck": (
        "Spine1",
        {"neck": 0.75, "l-shoulder": 0.125, "r-shoulder": 0.125},
    ),
    "nose": ("Head", {"head": 0.6, "jaw": 0.4}),
    "head_top": ("Head", {"head": 0.5, "head-2": 0.5}),
    "left_shoulder": ("LeftShoulder", {"l-shoulder": 1.0}),
    "left_elbow": ("LeftArm", {"l-elbow": 1.0}),
    "left_wrist": ("LeftForeArm", {"l-hand": 1.0}),
    "right_shoulder": ("RightShoulder", {"r-shoulder": 1.0}),
    "right_elbow": ("RightArm", {"r-elbow": 1.0}),
    "right_wrist": ("RightForeArm", {"r-hand": 1.0}),
}


def _point_matrix(rows):
    """The matrix that takes points to means of them."""
    matrix = np.zeros((len(rows), len(POINTS)))
    for row, means in enumerate(rows):
        for point, weight in means.items():
            matrix[row, POINT_INDEX[point]] = weight
    return matrix


_STARTS = np.array([POINT_INDEX[start] for _, start, _ in BONES.values()])
_ENDS = np.array([POINT_INDEX[end] for _, _, end in BONES.values()])
_JOINT_RULES = [JOINTS[name] for name in H36M_17.joints]
_JOINT_BONES = np.array([BONE_INDEX[bone] for bone, _ in _JOINT_RULES])
_JOINT_MEANS = _point_matrix([means for _, means in _JOINT_RULES])


@dataclasses.dataclass(frozen=True)
class Shape:
    """One person's body at rest.

    Attributes:
        vertices: (V, 3) mm.
        points: (P, 3) mm, in the order of `POINTS`.
    """

    vertices: np.ndarray
    points: np.ndarray

    @property
    def bone_starts(self):
        """(31, 3) mm, where the bones of `BONES` start."""
        return self.points[_STARTS]

    @property
    def bone_vectors(self):
        """(31, 3) mm, from the start of each bone to its end."""
        return self.points[_ENDS] - self.points[_STARTS]


@dataclasses.dataclass(frozen=True)
class Posed:
    """A person in a pose.

    Attributes:
        transforms: (31, 3, 4) what each bone does to a point of the rest pose.
        joints: (17, 3) mm, those of `H36M_17`.
    """

    transforms: np.ndarray
    joints: np.ndarray

    def skin(self, vertices, weights):
        """Moves vertices with the bones (linear blend skinning).

        Args:
            vertices: (V, 3) mm at rest.
            weights: (V, 31), rows that sum to 1.

        Returns:
            (V, 3) float32 mm.
        """
        blended = weights @ self.transforms.reshape(-1, 12).astype(np.float32)
        blended = blended.reshape(-1, 3, 4)
        rotated = np.einsum("vij,vj->vi", blended[:, :, :3], vertices)
        return (rotated + blended[:, :, 3]).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Mesh:
    """A part of the body that is drawn.

    Attributes:
        rows: (V,) its vertices as rows of the whole body.
        faces: (F, 3) rows of its own vertices.
        weights: (V, 31) float32 skinning weights.
        rest: (V, 3) float32 mm, its place on the mean body at rest: what is
            painted on the body is painted there.
    """

    rows: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    rest: np.ndarray

    @functools.cached_property
    def owners(self):
        """(V,) index of the bone that moves each vertex most."""
        return self.weights.argmax(axis=1)


class Body:
    """The family of all bodies.

    Attributes:
        num_shapes: Number of shape directions.
        weights: (V, 31) float32 skinning weights of the whole body.
        base_rows: (V,) number of each vertex in MakeHuman's base mesh.
    """

    def __init__(self, arrays):
        self._mean = arrays["mean"].astype(np.float32) / 10
        self._shapes = arrays["shapes"].astype(np.float32) / 10
        self._points_mean = arrays["points_mean"]
        self._points_shapes = arrays["points_shapes"]
        self.num_shapes = len(self._shapes)
        self.base_rows = arrays["base_rows"].astype(np.int64)
        strengths = arrays["weights"].astype(np.float32)
        strengths /= np.maximum(strengths.sum(axis=1, keepdims=True), 1)
        self.weights = np.zeros((len(self._mean), len(BONES)), np.float32)
        np.put_along_axis(
            self.weights, arrays["bones"].astype(np.int64), strengths, axis=1
        )
        self._faces = arrays["plain_faces"].astype(np.int64)
        self.skin_faces = arrays["skin_faces"].astype(np.int64)
        self.skin_face_uv = arrays["skin_face_uv"].astype(np.int64)
        self.uv = arrays["uv"].astype(np.float32) / 65535

    def shape(self, coefficients):
        """Shapes a body.

        Args:
            coefficients: (num_shapes,) in standard deviations of the people
                that the directions were learnt from; 0 is the mean adult.

        Returns:
            A Shape; it stands on the ground, y = 0.
        """
        coefficients = np.asarray(coefficients, np.float32)
        vertices = self._mean + np.tensordot(coefficients, self._shapes, 1)
        points = self._points_mean + np.tensordot(
            coefficients, self._points_shapes, 1
        )
        return Shape(vertices, points)

    @functools.cached_property
    def eye(self):
        """(3,) mm, the middle of the left eyeball of the mean body."""
        eyes = self.plain.rest[self.base_rows[self.plain.rows] >= FIRST_EYE_ROW]
        return eyes[eyes[:, 0] > 0].mean(axis=0)

    @functools.cached_property
    def plain(self):
        """The Mesh that is drawn where no texture asks for more faces."""
        return self._mesh(self._faces)

    @functools.cached_property
    def skin(self):
        """The Mesh of the whole skin, its faces those of `skin_face_uv`."""
        return self._mesh(self.skin_faces)

    def _mesh(self, faces):
        rows, compact = np.unique(faces, return_inverse=True)
        return Mesh(
            rows,
            compact.reshape(faces.shape).astype(np.int32),
            self.weights[rows],
            self._mean[rows],
        )


@functools.cache
def load_body():
    """The Body of `body.npz`."""
    with np.load(BODY_FILE, allow_pickle=False) as arrays:
        return Body(dict(arrays))


def pose(shape, rotations, translation=(0, 0, 0)):
    """Poses a body.

    Args:
        shape: A Shape.
        rotations: (31, 3, 3), for each of `BONES` the rotation of the world
            that takes it from the rest pose to the pose, whatever its parent
            does.
        translation: mm by which the hips move.

    Returns:
        A Posed.
    """
    starts = shape.bone_starts
    posed = np.empty_like(starts)
    for bone, parent in enumerate(PARENTS):
        if parent < 0:
            posed[bone] = starts[bone] + translation
        else:
            offset = rotations[parent] @ (starts[bone] - starts[parent])
            posed[bone] = posed[parent] + offset
    shifts = posed - np.einsum("bij,bj->bi", rotations, starts)
    transforms = np.concatenate([rotations, shifts[:, :, None]], axis=2)
    rest = _JOINT_MEANS @ shape.points
    of_joint = transforms[_JOINT_BONES]
    joints = np.einsum("jab,jb->ja", of_joint[:, :, :3], rest)
    return Posed(transforms, joints + of_joint[:, :, 3])
