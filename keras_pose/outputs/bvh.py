"""Poses as BVH, which Blender, MotionBuilder and others animate.

Y is up, x as in the image, z towards the camera: who faces the camera faces
+z. A unit is a centimetre. The rest pose is a T-pose of the mean lengths of
the bones; `rig` says what the joints are called.
"""

import numpy as np

from keras_pose import durable
from keras_pose.outputs import rig
from keras_pose.outputs.tracks import track_of

_CM = 0.1  # in a mm
_ORDER = "ZXY"  # as most tools write it; R = Rz Rx Ry
_BLOCK = 1024  # frames at once
_POSITIONS = [f"{axis}position" for axis in "XYZ"]
_ROTATIONS = [f"{axis}rotation" for axis in _ORDER]
_SINGULAR = 1e-6  # cosine of the second angle; below, the others are one
_END = 1 / 3  # length of what follows a last joint, of the bone before it


def write_bvh(path, recording, person, fixed_bones=True, on_ground=True):
    """Writes one person's motion.

    Args:
        path: Of the file, whole or not there.
        recording: The Recording. Its times become regular ones: positions
            are interpolated, also where the person was not seen for a while.
        person: The person's number.
        fixed_bones: Whether bones keep their mean lengths, as rigs want it:
            each points where it was predicted, from a root that is where it
            was predicted. Else every joint has position channels besides,
            and is exactly where it was predicted; bones then stretch.
        on_ground: As of `tracks.Track.upright_mm`.

    Raises:
        ValueError: There is no such person, the skeleton has no root, or a
            joint is not known in any frame.
        OSError: The file cannot be written.
    """
    skeleton = recording.skeleton
    nodes = rig.nodes_of(skeleton)
    track = track_of(recording, person)
    joints = track.upright_mm(on_ground) * _CM
    _check_known(skeleton, joints)
    rest = rig.rest_directions(skeleton)
    lengths = np.zeros(skeleton.num_joints)
    for parent, child in skeleton.bones:
        bone = joints[:, child] - joints[:, parent]
        lengths[child] = np.linalg.norm(bone, axis=-1).mean()
    with durable.replaced(path) as aside:
        with open(aside, "w", encoding="utf-8", newline="") as file:
            file.write("HIERARCHY\n")
            ends = _END * rig.end_directions(skeleton) * lengths[:, None]
            offsets = rest * lengths[:, None]
            _write_node(file, nodes, 0, offsets, ends, fixed_bones)
            file.write(f"MOTION\nFrames: {len(joints)}\n")
            file.write(f"Frame Time: {track.seconds_per_frame:.8f}\n")
            last = np.zeros((len(nodes), 3))
            for start in range(0, len(joints), _BLOCK):
                block = joints[start : start + _BLOCK]
                turns = rig.rotations_of(skeleton, block)
                rows, last = _channels(
                    nodes, block, turns, rest, fixed_bones, last
                )
                for row in rows.tolist():
                    # Adding 0 makes a zero of a negative one.
                    cells = [f"{round(value, 5) + 0.0:.5f}" for value in row]
                    file.write(" ".join(cells) + "\n")


def _check_known(skeleton, joints):
    unknown = ~np.isfinite(joints).all(axis=(0, 2))
    if unknown.any():
        names = [skeleton.joints[joint] for joint in np.flatnonzero(unknown)]
        raise ValueError(
            "a motion must have every joint in some frame. "
            f"Received: no finite {', '.join(names)}"
        )


def _has_length(nodes, node):
    """Whether it is not at the place of the node before it."""
    return node.parent >= 0 and node.joint != nodes[node.parent].joint


def _write_node(file, nodes, index, offsets, ends, fixed_bones, depth=0):
    """Writes a node and those below it."""
    node, tab = nodes[index], "\t" * depth
    has_length = _has_length(nodes, node)
    offset = offsets[node.joint] if has_length else np.zeros(3)
    has_place = not depth or (has_length and not fixed_bones)
    channels = (_POSITIONS if has_place else []) + _ROTATIONS
    file.write(f"{tab}{'JOINT' if depth else 'ROOT'} {node.name}\n{tab}{{\n")
    file.write(f"{tab}\tOFFSET {_text(offset)}\n")
    file.write(f"{tab}\tCHANNELS {len(channels)} {' '.join(channels)}\n")
    for child, other in enumerate(nodes):
        if other.parent == index:
            _write_node(
                file, nodes, child, offsets, ends, fixed_bones, depth + 1
            )
    if all(other.parent != index for other in nodes):
        file.write(
            f"{tab}\tEnd Site\n{tab}\t{{\n"
            f"{tab}\t\tOFFSET {_text(ends[node.joint])}\n{tab}\t}}\n"
        )
    file.write(f"{tab}}}\n")


def _text(vector):
    return " ".join(f"{value:.5f}" for value in (vector + 0.0).tolist())


def _channels(nodes, joints, turns, rest, fixed_bones, last):
    """The rows (F, channels) of some frames, and their last angles."""
    local = turns.copy()
    for index, node in enumerate(nodes):
        if node.parent >= 0:
            back = turns[:, node.parent].swapaxes(-1, -2)
            local[:, index] = back @ turns[:, index]
    angles = _euler_angles(local, last)
    columns = []
    for index, node in enumerate(nodes):
        if node.parent < 0:
            columns.append(joints[:, node.joint])
        elif _has_length(nodes, node) and not fixed_bones:
            # Its parent points at it: only how far away it is can differ.
            before = nodes[node.parent].joint
            bone = joints[:, node.joint] - joints[:, before]
            length = np.linalg.norm(bone, axis=-1, keepdims=True)
            columns.append(length * rest[node.joint])
        columns.append(np.degrees(angles[:, index]))
    return np.concatenate(columns, axis=-1), angles[-1]


def _euler_angles(turns, last):
    """Angles in rad about Z, X and Y, without jumps from frame to frame.

    Args:
        turns: (F, N, 3, 3).
        last: (N, 3) rad, those of the frame before.

    Returns:
        (F, N, 3).
    """
    found = np.empty((*turns.shape[:2], 3))
    for frame, turn in enumerate(turns):
        cosine = np.hypot(turn[:, 0, 1], turn[:, 1, 1])
        z = np.arctan2(-turn[:, 0, 1], turn[:, 1, 1])
        z = np.where(cosine < _SINGULAR, last[:, 0], z)
        # What is left of the rotation is exact, whatever z is there.
        c, s = np.cos(z), np.sin(z)
        middle = c * turn[:, 1, 1] - s * turn[:, 0, 1]
        x = np.arctan2(turn[:, 2, 1], middle)
        y = np.arctan2(
            c * turn[:, 0, 2] + s * turn[:, 1, 2],
            c * turn[:, 0, 0] + s * turn[:, 1, 0],
        )
        # Each rotation has two readings, and each angle any number of turns.
        one = _near(np.stack([z, x, y], -1), last)
        other = _near(np.stack([z + np.pi, np.pi - x, y + np.pi], -1), last)
        is_farther = _distance(one, last) > _distance(other, last)
        last = found[frame] = np.where(is_farther[:, None], other, one)
    return found


def _near(angles, last):
    return angles + 2 * np.pi * np.round((last - angles) / (2 * np.pi))


def _distance(angles, last):
    return np.abs(angles - last).sum(axis=-1)
