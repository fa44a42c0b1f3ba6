"""Made motion, whose joints are known."""

import numpy as np

from keras_pose.pose import Pose
from keras_pose.pose import Poses
from keras_pose.recording import Recorder
from keras_pose.skeleton import H36M_17


def random_joints(frames, skeleton=H36M_17, seed=0):
    """Joints (F, J, 3) mm that move smoothly and anyhow, camera frame."""
    rng = np.random.default_rng(seed)
    bones = rng.normal(size=(2, skeleton.num_joints, 3))
    turn = np.linspace(0, 1, frames)[:, None, None]
    direction = (1 - turn) * bones[0] + turn * bones[1]
    length = rng.uniform(150, 450, skeleton.num_joints)
    stretch = 1 + 0.1 * np.sin(9 * turn[..., 0] + np.arange(len(length)))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    bones = direction * (length * stretch)[..., None]
    joints = np.zeros((frames, skeleton.num_joints, 3))
    joints[:, skeleton.root] = [300, -200, 4000] + 500 * turn[:, 0]
    waiting = [skeleton.root]
    while waiting:
        parent = waiting.pop()
        for child, of in enumerate(skeleton.parents):
            if of == parent:
                joints[:, child] = joints[:, parent] + bones[:, child]
                waiting.append(child)
    return joints


def with_mean_lengths(joints, skeleton):
    """The poses with bones of constant length, from the root outwards."""
    found, waiting = joints.copy(), [skeleton.root]
    for parent in waiting:
        for child, of in enumerate(skeleton.parents):
            if of == parent:
                bone = joints[:, child] - joints[:, parent]
                length = np.sqrt((bone**2).sum(-1))[:, None]
                bone = bone / length * length.mean()
                found[:, child] = found[:, parent] + bone
                waiting.append(child)
    return found


def recording_of(joints, times_s=None, skeleton=H36M_17, rate=25.0, person=1):
    """A Recording of one person who is seen at these times."""
    frames = [{person: pose} for pose in joints]
    return recording_of_people(frames, times_s, skeleton, rate)


def recording_of_people(frames, times_s=None, skeleton=H36M_17, rate=25.0):
    """A Recording of frames that are {person: joints (J, 3)}."""
    kind = "photos" if times_s is None else "video"
    recorder = Recorder(skeleton, "model", kind)
    for number, people in enumerate(frames):
        found = tuple(_pose(skeleton, *one) for one in people.items())
        poses = Poses(
            skeleton, found, (640, 480), np.eye(3), "given", np.zeros(5)
        )
        time = None if times_s is None else times_s[number]
        recorder.add(f"clip.mp4#{number}", time, poses)
    return recorder.finish(None if times_s is None else rate)


def _pose(skeleton, person, joints):
    return Pose(
        skeleton,
        joints - joints[skeleton.root],
        joints,
        joints[:, :2] / 10,
        None,
        None,
        np.array([1.0, 2, 30, 40]),
        "given",
        "given",
        person,
    )
