"""The skeleton as an animation tool wants it: bones of fixed rest directions.

The rest pose is a T-pose that faces +z with y up. Joints have the names that
tools for retargeting know.

Every bone points where it was predicted, whatever its neighbours do: where
one ends at several, as the spine does at neck and shoulders, each of these is
a joint of its own at its end, and says how it is turned about itself; hips
hang on joints at the pelvis, as in CMU's files.
"""

import math
import re
from typing import NamedTuple

import numpy as np

# Where a joint lies from its parent in the T-pose, by its name less its side;
# for the right side with x the other way.
_REST = {
    "hip": (1, 0, 0),
    "knee": (0, -1, 0),
    "ankle": (0, -1, 0),
    "foot": (0, -1, 1),
    "toe": (0, 0, 1),
    "clavicle": (1, 0, 0),
    "shoulder": (1, 0, 0),
    "elbow": (1, 0, 0),
    "wrist": (1, 0, 0),
    "hand": (1, 0, 0),
    "nose": (0, 1, 0.5),
}
_REST_AFTER = {"ankle": (0, 0, 1)}  # feet that are not known lie on the ground
_REST_OF_OTHERS = (0, 1, 0)  # the spine and what is above it

# Names of joints in Mixamo's and CMU's files, and of those that point to them
# beside others, by the joint's name less its side.
_NAMES = {
    "pelvis": "Hips",
    "hip": "UpLeg",
    "knee": "Leg",
    "ankle": "Foot",
    "foot": "ToeBase",
    "toe": "Toe_End",
    "spine": "Spine",
    "spine2": "Spine1",
    "spine3": "Spine2",
    "spine4": "Spine3",
    "thorax": "Neck",
    "neck": "Neck",
    "nose": "Head",
    "head": "Head",
    "head_top": "HeadTop_End",
    "clavicle": "Shoulder",
    "shoulder": "Arm",
    "elbow": "ForeArm",
    "wrist": "Hand",
    "hand": "HandIndex1",
}
_NAMES_BEFORE = {"shoulder": "Shoulder", "hip": "HipJoint", "thorax": "Spine"}

# Weight of the parent's rotation where a joint's children leave one open.
_INERTIA = 1e-6


class Node(NamedTuple):
    """A joint of the file.

    Attributes:
        name: As the file has it.
        joint: Index of the skeleton's joint that is at its place.
        parent: Index of the node before it, which is at the same place or at
            that of the joint's parent; -1 for the root.
        axis: Index of the joint that it points to; -1 for none.
        sides: Indices of the joints that say how it is turned besides.
    """

    name: str
    joint: int
    parent: int
    axis: int
    sides: tuple[int, ...]


def nodes_of(skeleton):
    """The nodes of a skeleton with a root, each after its parent.

    Returns:
        A tuple of Nodes. Each joint has one of its name at its place.

    Raises:
        ValueError: The skeleton has no root, or joints that do not hang on it.
    """
    if skeleton.root is None:
        raise ValueError(
            "a skeleton must have a root to be animated. "
            f"Received: {skeleton.name}"
        )
    names = joint_names(skeleton)
    nodes = []

    def add(name, joint, parent, axis, sides=()):
        nodes.append(Node(name, joint, parent, axis, sides))
        return len(nodes) - 1

    def point(name, joint, parent, child):
        """Adds a node that points to a child, and what is beyond."""
        _, sides = _fork(skeleton, child)
        grow(child, add(name, joint, parent, child, sides))

    def grow(joint, parent):
        """Adds what begins at a joint, to which its parent points."""
        children = _children(skeleton, joint)
        first, sides = _fork(skeleton, joint)
        if not children:
            add(names[joint], joint, parent, -1)
        elif len(children) == 1:
            first = children[0]
        elif parent < 0 or not sides:  # nothing before has turned with them
            if first >= 0 and _fork(skeleton, first)[1]:
                first = -1
            sides = tuple(child for child in children if child != first)
            parent = add(names[joint], joint, parent, first, sides)
        for child in children:
            if child != first:
                name = _name_before(skeleton, child, names)
                point(name, joint, parent, child)
            elif parent >= 0 and nodes[parent].axis == child:
                grow(child, parent)
            else:
                point(names[joint], joint, parent, child)

    grow(skeleton.root, -1)
    missing = set(range(skeleton.num_joints)) - {node.joint for node in nodes}
    if missing:
        raise ValueError(
            "the joints of a skeleton must hang on its root. Received: "
            f"{', '.join(skeleton.joints[joint] for joint in sorted(missing))}"
        )
    return tuple(nodes)


def joint_names(skeleton):
    """Names of the skeleton's joints in the file, one for each."""
    names = []
    for joint, own in enumerate(skeleton.joints):
        side, kind = _side_and_kind(skeleton, joint)
        name = _NAMES.get(kind)
        if kind == "toe" and f"{side.lower()}_foot" not in skeleton.joints:
            name = _NAMES["foot"]
        if kind == "neck" and "thorax" in skeleton.joints:
            name = _NAMES["head"]  # that neck is its upper end
        name = re.sub(r"[^\w.-]", "_", own) if name is None else side + name
        names.append(own if name in names else name)
    return tuple(names)


def rest_directions(skeleton):
    """Directions (J, 3) of length 1 to each joint from its parent."""
    return _directions(skeleton, _REST)


def end_directions(skeleton):
    """Directions (J, 3) of length 1 from each joint if it is the last one."""
    return _directions(skeleton, _REST | _REST_AFTER)


def _directions(skeleton, directions):
    found = np.empty((skeleton.num_joints, 3))
    for joint in range(skeleton.num_joints):
        side, kind = _side_and_kind(skeleton, joint)
        x, y, z = directions.get(kind, _REST_OF_OTHERS)
        found[joint] = (-x if side == "Right" else x), y, z
        found[joint] /= math.hypot(x, y, z)
    return found


def rotations_of(skeleton, joints):
    """Rotations that take the T-pose to poses.

    A node with an axis alone makes the least turn of its parent's rotation
    that points to it, so that no limb twists by itself; one with joints at its
    sides takes the rotation that brings all nearest to where they are, and
    makes the least turn from there.

    Args:
        skeleton: One with a root.
        joints: (F, J, 3), any unit, y up.

    Returns:
        (F, N, 3, 3), from the frame of each of `nodes_of` to the world.
    """
    nodes, rest = nodes_of(skeleton), rest_directions(skeleton)
    bones = joints - joints[:, list(skeleton.parents)]  # but for the root
    turns = np.empty((len(joints), len(nodes), 3, 3))
    for index, (_, _, parent, axis, sides) in enumerate(nodes):
        turn = np.broadcast_to(np.eye(3), (len(joints), 3, 3))
        if parent >= 0:
            turn = turns[:, parent]
        if sides:
            aims = [*sides, axis] if axis >= 0 else list(sides)
            turn = _nearest_rotation(rest[aims], bones[:, aims], turn)
        if axis >= 0:
            turn = _least_turn(turn @ rest[axis], bones[:, axis]) @ turn
        turns[:, index] = turn
    return turns


def _children(skeleton, joint):
    parents = enumerate(skeleton.parents)
    return tuple(child for child, parent in parents if parent == joint)


def _fork(skeleton, joint):
    """The one child in the centre and those at its sides; else (-1, ())."""
    children = _children(skeleton, joint)
    centre = [c for c in children if skeleton.side(c) == "centre"]
    if len(children) < 2 or len(centre) != 1:
        return -1, ()
    return centre[0], tuple(c for c in children if c != centre[0])


def _side_and_kind(skeleton, joint):
    """("Left", "Right" or "", the joint's name without it)."""
    side = skeleton.side(joint)
    if side == "centre":
        return "", skeleton.joints[joint]
    return side.capitalize(), skeleton.joints[joint].removeprefix(f"{side}_")


def _name_before(skeleton, child, names):
    side, kind = _side_and_kind(skeleton, child)
    name = side + _NAMES_BEFORE.get(kind, "")
    if name == side or name in names:
        name = f"{names[child]}Base"
    return name


def _nearest_rotation(rest, bones, before):
    """The rotations (F, 3, 3) of `rest` (C, 3) nearest to `bones` (F, C, 3)."""
    weight = _INERTIA * (rest**2).sum()
    covariance = np.einsum("fci,cj->fij", bones, rest) + weight * before
    u, _, vt = np.linalg.svd(covariance)
    sign = np.ones((len(bones), 3))
    sign[:, 2] = np.linalg.det(u @ vt)
    return (u * sign[:, None, :]) @ vt


def _least_turn(start, end):
    """The rotations (F, 3, 3) about the shortest way between directions."""
    a, b = _normalised(start), _normalised(end)
    half = a + b
    # Of opposite directions any half way will do.
    other = np.cross(a, np.where(np.abs(a[:, :1]) < 0.9, [1, 0, 0], [0, 1, 0]))
    is_opposite = np.linalg.norm(half, axis=-1, keepdims=True) < 1e-6
    half = _normalised(np.where(is_opposite, other, half))
    # Half a turn about the half way, after half a turn about the first.
    return _half_turn(half) @ _half_turn(a)


def _normalised(vectors):
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def _half_turn(axis):
    """Rotations by 180 degrees, (F, 3, 3)."""
    return 2 * axis[:, :, None] * axis[:, None, :] - np.eye(3)
