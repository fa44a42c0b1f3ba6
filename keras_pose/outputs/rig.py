"""The skeleton as an animation tool wants it: bones of fixed rest directions.

The rest pose is a T-pose that faces +z with y up. Joints have the names that
tools for retargeting know. Between a joint with several children and each of
these stands a joint without length, as in CMU's files, so that every bone can
point where it does, whatever its neighbours do.
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
_REST_OF_OTHERS = (0, 1, 0)  # the spine and what is above it

# Names of joints in Mixamo's and CMU's files, and of those without length
# before them, by the joint's name less its side.
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
    "thorax": "Spine1",
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
_NAMES_BEFORE = {"shoulder": "Shoulder", "hip": "HipJoint"}

# Weight of the parent's rotation where a joint's children leave one open.
_INERTIA = 1e-6


class Node(NamedTuple):
    """A joint of the file.

    Attributes:
        name: As the file has it.
        joint: Index of the skeleton's joint that is at its place.
        parent: Index of the node before it; -1 for the root.
        is_before: Whether it is one without length, before a child.
        aims: Indices of the joints that its rotation points to.
    """

    name: str
    joint: int
    parent: int
    is_before: bool
    aims: tuple[int, ...]


def nodes_of(skeleton):
    """The nodes of a skeleton with a root, each after its parent.

    Returns:
        A tuple of Nodes.

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

    def add(joint, parent):
        children = _children(skeleton, joint)
        here = len(nodes)
        nodes.append(Node(names[joint], joint, parent, False, children))
        for child in children:
            before = here
            if len(children) > 1:
                before = len(nodes)
                name = _name_before(skeleton, child, names)
                nodes.append(Node(name, joint, here, True, (child,)))
            add(child, before)

    add(skeleton.root, -1)
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
        name = re.sub(r"[^\w.-]", "_", own) if name is None else side + name
        names.append(own if name in names else name)
    return tuple(names)


def rest_directions(skeleton):
    """Directions (J, 3) of length 1 to each joint from its parent."""
    found = np.empty((skeleton.num_joints, 3))
    for joint in range(skeleton.num_joints):
        side, kind = _side_and_kind(skeleton, joint)
        x, y, z = _REST.get(kind, _REST_OF_OTHERS)
        found[joint] = (-x if side == "Right" else x), y, z
        found[joint] /= math.hypot(x, y, z)
    return found


def rotations_of(nodes, joints, rest):
    """Rotations that take the T-pose to poses.

    A node with one aim makes the least turn of its parent's rotation that
    points to it, so that no limb twists by itself; one with several takes the
    rotation that brings them nearest to where they are.

    Args:
        nodes: Those of `nodes_of`.
        joints: (F, J, 3), any unit, y up.
        rest: (J, 3) to each joint from its parent in the T-pose, in any unit;
            of length more than 0.

    Returns:
        (F, N, 3, 3), from a node's frame to the world.
    """
    turns = np.empty((len(joints), len(nodes), 3, 3))
    for index, node in enumerate(nodes):
        if node.parent < 0:
            before = np.broadcast_to(np.eye(3), (len(joints), 3, 3))
        else:
            before = turns[:, node.parent]
        aims = list(node.aims)
        bones = joints[:, aims] - joints[:, node.joint, None]
        if len(aims) > 1:
            turns[:, index] = _nearest_rotation(rest[aims], bones, before)
        elif aims:
            least = _least_turn(before @ rest[aims[0]], bones[:, 0])
            turns[:, index] = least @ before
        else:
            turns[:, index] = before
    return turns


def _children(skeleton, joint):
    parents = enumerate(skeleton.parents)
    return tuple(child for child, parent in parents if parent == joint)


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
