"""Poses whose legs have left for right, and whose arms have not.

Such are the published files of Pavlakos et al.: of the 394 poses of their
`valid.mat` every one has hips and shoulders on opposite sides if its joints are
read in the order of Human3.6M. Nose and knees then point backwards too; with
the legs exchanged all of it is right.
"""

import numpy as np

from keras_pose.data.anatomy import Sides
from keras_pose.skeleton import H36M_17

# Fewer poses might be so by chance, and more say no more.
_FEWEST = 10
MOST_POSES = 200
# Of the poses, whose hips and shoulders are on one side, or are not: a person
# turns them against each other by less than a right angle.
_NEARLY_ALL = 0.9

_LEGS = ("hip", "knee", "ankle")


def order_of(poses, where):
    """The order in which a file has the joints of `H36M_17`.

    Args:
        poses: (N, 17, 3) mm, camera frame, some of the file's.
        where: What errors and notes call the file.

    Returns:
        (indices of the file's joints, 17 of them; notes for the user).

    Raises:
        ValueError: Hips and shoulders are on opposite sides, and it is not the
            legs that are exchanged.
    """
    plain = np.arange(H36M_17.num_joints)
    poses = np.float64(poses)
    poses = poses[np.isfinite(poses).all(axis=(1, 2))][:MOST_POSES]
    if len(poses) < _FEWEST:
        return plain, ()
    hips, shoulders = (
        poses[:, _index(f"right_{part}")] - poses[:, _index(f"left_{part}")]
        for part in ("hip", "shoulder")
    )
    opposite = np.sum(hips * shoulders, axis=1) < 0
    if np.mean(opposite) < _NEARLY_ALL:
        return plain, ()
    order = plain.copy()
    for part in _LEGS:
        left, right = _index(f"left_{part}"), _index(f"right_{part}")
        order[[left, right]] = right, left
    sides = Sides(H36M_17)
    for pose in poses[:, order]:
        sides.add(pose, np.ones(len(order)))
    found = f"{np.sum(opposite)} of {len(poses)} poses"
    if sides.wrong >= sides.right:
        raise ValueError(
            f"{where}: hips and shoulders must be on the same side, knees bent "
            f"to the front. Received: {found} otherwise, and with the legs "
            f"exchanged {sides.wrong} of {sides.wrong + sides.right} bent "
            "knees to the back"
        )
    return order, (
        f"{where}: left and right leg exchanged, for hips and shoulders are on "
        f"opposite sides in {found} without",
    )


def _index(joint):
    return H36M_17.joints.index(joint)
