"""Joint angles in degrees, as gait analysis names them.

The axes of a person follow from the hips and shoulders, which every skeleton
has: left along the line through the two hips (of the shoulder: through the two
shoulders), up along the trunk from the middle of the hips to the middle of the
shoulders as far as it is square to left, forward square to both. Joints alone
do not show how a bone turns about itself nor how the pelvis tilts, so hip
flexion is counted from the trunk.

`OF_SIDES` and `OF_TRUNK` say what each angle is.

Hip flexion and abduction are the first two angles of Grood & Suntay, "A Joint
Coordinate System for the Clinical Description of Three-Dimensional Motions"
(1983); the plane of elevation is that of Wu et al., "ISB recommendation on
definitions of joint coordinate systems", part II (2005). Upright is the
camera's own: the leans are right where the camera was held level.
"""

from typing import NamedTuple

import numpy as np

from keras_pose.outputs import table

SIDES = ("left", "right")


class Angle(NamedTuple):
    """How an angle is counted.

    Attributes:
        zero: The pose in which it is 0.
        positive: What a person does for it to grow.
        limits: Its least and its largest value, degrees.
    """

    zero: str
    positive: str
    limits: tuple[int, int]


OF_SIDES = {
    "knee_flexion": Angle("straight", "bent", (0, 180)),
    "hip_flexion": Angle(
        "thigh in line with the trunk", "thigh forwards", (-180, 180)
    ),
    "hip_abduction": Angle(
        "thigh in the sagittal plane", "away from the other leg", (-90, 90)
    ),
    "ankle_dorsiflexion": Angle(
        "ankle to toe square to the shank", "toe up", (-90, 90)
    ),
    "elbow_flexion": Angle("straight", "bent", (0, 180)),
    "shoulder_elevation": Angle(
        "upper arm down along the trunk", "raised, 180 overhead", (0, 180)
    ),
    "shoulder_plane": Angle(
        "raised to the side", "in front, 90 straight ahead", (-180, 180)
    ),
}
OF_TRUNK = {
    "trunk_forward_lean": Angle("upright", "forwards", (-180, 180)),
    "trunk_side_lean": Angle("upright", "to the person's right", (-90, 90)),
    "trunk_rotation": Angle(
        "shoulders parallel to the hips", "to the person's left", (-180, 180)
    ),
    "neck_flexion": Angle(
        "head in line with the trunk", "chin to the chest", (-180, 180)
    ),
}
NAMES = (
    *(f"{side}_{angle}" for angle in OF_SIDES for side in SIDES),
    *OF_TRUNK,
)

_UP = np.array([0.0, -1.0, 0.0])  # of the camera, whose y axis points down
# Turns about an axis that a bone nearly points along are noise.
_LEAST_SINE = np.sin(np.radians(10))


def joint_angles(skeleton, joints_mm):
    """Computes the joint angles of poses.

    Args:
        skeleton: The J joints.
        joints_mm: (N, J, 3) mm along the camera's axes: x right, y down, z
            away; from any origin.

    Returns:
        {name: (N,) degrees} of all of `NAMES`, in their order. NaN where the
        skeleton lacks a joint, where a joint is not known, and where a bone
        points within 10 degrees along the axis that the angle turns about.

    Raises:
        ValueError: The array has another shape.
    """
    joints = np.asarray(joints_mm, np.float64)
    if joints.ndim != 3 or joints.shape[1:] != (skeleton.num_joints, 3):
        raise ValueError(
            f"`joints_mm` must be (N, {skeleton.num_joints}, 3). "
            f"Received: {joints.shape}"
        )
    body = _Body(skeleton, joints)
    found = _trunk_angles(body)
    for side in SIDES:
        limbs = _leg_angles(body, side) | _arm_angles(body, side)
        found |= {f"{side}_{name}": angle for name, angle in limbs.items()}
    return {name: found[name] for name in NAMES}


def write_angles_csv(path, recording):
    """Writes the joint angles, a line for each frame and person.

    Args:
        path: Of the file, .csv or .csv.gz.
        recording: The Recording. Columns are those of `table.KEYS`, then
            "left_knee_flexion_deg" and so on, empty where not known.

    Raises:
        ValueError: The name ends in something else.
    """
    found = joint_angles(recording.skeleton, recording.joints_mm)
    columns = [table.Column(f"{name}_deg", 2) for name in found]
    values = np.stack(list(found.values()), axis=1)
    table.write(path, recording, columns, values)


class _Body:
    """Joints by name, and the axes of the person, unit vectors (N, 3)."""

    def __init__(self, skeleton, joints):
        self._skeleton, self._joints = skeleton, joints
        self.across_hips = self.bone("right_hip", "left_hip")
        self.across_shoulders = self.bone("right_shoulder", "left_shoulder")
        hips = (self.joint("left_hip") + self.joint("right_hip")) / 2
        shoulders = self.joint("left_shoulder") + self.joint("right_shoulder")
        self.trunk = _unit(shoulders / 2 - hips)
        self.hip_axes = _axes(self.across_hips, self.trunk)
        self.shoulder_axes = _axes(self.across_shoulders, self.trunk)

    def joint(self, name):
        """(N, 3) mm, NaN where the skeleton has no such joint."""
        if name not in self._skeleton.joints:
            return np.full_like(self._joints[:, 0], np.nan)
        return self._joints[:, self._skeleton.joints.index(name)]

    def bone(self, start, end):
        """(N, 3) the direction from one joint to another."""
        return _unit(self.joint(end) - self.joint(start))


def _leg_angles(body, side):
    thigh = body.bone(f"{side}_hip", f"{side}_knee")
    shank = body.bone(f"{side}_knee", f"{side}_ankle")
    foot = body.bone(f"{side}_ankle", f"{side}_toe")
    left, up, forward = body.hip_axes
    outward = left if side == "left" else -left
    return {
        "knee_flexion": _between(thigh, shank),
        "hip_flexion": _turn(thigh, -up, forward),
        "hip_abduction": _rise(thigh, outward),
        "ankle_dorsiflexion": 90 - _between(foot, -shank),
    }


def _arm_angles(body, side):
    upper_arm = body.bone(f"{side}_shoulder", f"{side}_elbow")
    forearm = body.bone(f"{side}_elbow", f"{side}_wrist")
    left, up, forward = body.shoulder_axes
    outward = left if side == "left" else -left
    return {
        "elbow_flexion": _between(upper_arm, forearm),
        "shoulder_elevation": _between(upper_arm, -up),
        "shoulder_plane": _turn(upper_arm, outward, forward),
    }


def _trunk_angles(body):
    upright = np.broadcast_to(_UP, body.trunk.shape)
    # Where the person faces, level with the ground.
    level_left, _, level_forward = _axes(
        _square_to(upright, body.across_hips), upright
    )
    left, up, forward = body.hip_axes
    _, thorax_up, thorax_forward = body.shoulder_axes
    head = body.bone("neck", "head_top")
    return {
        "trunk_forward_lean": _turn(body.trunk, upright, level_forward),
        "trunk_side_lean": _rise(body.trunk, -level_left),
        "trunk_rotation": _turn(body.across_shoulders, left, -forward),
        "neck_flexion": _turn(head, thorax_up, thorax_forward),
    }


def _axes(across, trunk):
    """Left along `across`, up near the trunk, forward: unit vectors."""
    up = _square_to(across, trunk)
    # The camera frame is right-handed: who faces it has left at +x, up at -y
    # and forward at -z.
    return across, up, np.cross(across, up)


def _square_to(axis, vector):
    """The direction of a unit vector's part that is square to an axis."""
    along = np.sum(vector * axis, axis=-1, keepdims=True)
    return _unit(vector - along * axis, _LEAST_SINE)


def _between(first, second):
    """The angle between unit vectors, in [0, 180] degrees."""
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(sine, np.sum(first * second, axis=-1)))


def _turn(vector, zero, ninety):
    """The angle of a vector's part in a plane of two axes, (-180, 180]."""
    x, y = np.sum(vector * zero, axis=-1), np.sum(vector * ninety, axis=-1)
    known = np.hypot(x, y) >= _LEAST_SINE
    return np.where(known, np.degrees(np.arctan2(y, x)), np.nan)


def _rise(vector, axis):
    """The angle of a unit vector above the plane square to an axis."""
    sine = np.clip(np.sum(vector * axis, axis=-1), -1, 1)
    return np.degrees(np.arcsin(sine))


def _unit(vectors, least=0.0):
    """Vectors at length 1; NaN where they are no longer than `least`."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > least, length, np.nan)
