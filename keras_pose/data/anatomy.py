"""What poses must have in common with people: bone lengths, and sides."""

import numpy as np

# How far a knee must stand before the line from hip to ankle to tell where
# forward is: 10 degrees of bend.
_BENT_MM = 40.0
# Legs that make an opinion, and the share of them that it takes. Of the bent
# knees of quickstart.py's rendered people 1.7 % seem to bend backwards
# (prepare.py --check --source=tfrecord --root=data/quickstart/train).
_MIN_LEGS = 20
_MOST = 0.8


def bone_lengths(joints_mm, weight_3d, skeleton):
    """Lengths of the bones to each joint from its parent.

    Args:
        joints_mm: (J, 3) mm.
        weight_3d: (J,) weights.
        skeleton: Their Skeleton.

    Returns:
        (J,) mm; NaN where there is no parent or an end is not known.
    """
    # A joint without a parent, -1, gets another joint's place and no length.
    parents = np.array(skeleton.parents)
    known = (weight_3d > 0) & (weight_3d[parents] > 0) & (parents >= 0)
    bones = np.float64(joints_mm) - joints_mm[parents]
    lengths = np.sqrt((bones * bones).sum(axis=-1))
    return np.where(known, lengths, np.nan)


class BoneLengths:
    """Running mean and spread of the bone lengths of a data set."""

    def __init__(self, skeleton):
        self._skeleton = skeleton
        self._count = np.zeros(skeleton.num_joints)
        self._mean = np.zeros(skeleton.num_joints)
        self._squares = np.zeros(skeleton.num_joints)  # about the mean

    def add(self, joints_mm, weight_3d):
        """Counts a pose: (J, 3) mm and (J,) weights."""
        lengths = bone_lengths(joints_mm, weight_3d, self._skeleton)
        known = np.isfinite(lengths)
        # Welford's way, which loses no digits.
        self._count += known
        away = np.where(known, lengths - self._mean, 0)
        self._mean += away / np.maximum(self._count, 1)
        self._squares += away * np.where(known, lengths - self._mean, 0)

    def mean(self):
        """Mean length of each joint's bone, J numbers; 0 if none is known."""
        return tuple(self._mean)

    def spread(self):
        """Standard deviation of each joint's bone, J numbers, mm."""
        return tuple(np.sqrt(self._squares / np.maximum(self._count, 1)))


class Sides:
    """Counts on which side of people a data set has their left.

    Knees bend to the front. Torso and knees thus tell the front of a person,
    and the front tells left from right; a projection does not, when 2D and 3D
    are exchanged alike.

    Attributes:
        right: Legs whose hips are on the sides that their names say.
        wrong: Legs whose hips are on the other sides.
    """

    def __init__(self, skeleton):
        self.right = self.wrong = 0
        self._indices = {
            name: skeleton.joints.index(name)
            for side in ("left", "right")
            for part in ("hip", "knee", "ankle", "shoulder")
            if (name := f"{side}_{part}") in skeleton.joints
        }

    def add(self, joints_mm, weight_3d):
        """Counts a pose: (J, 3) mm, x right, y down, z away; (J,) weights."""
        joints = {
            name: joints_mm[index]
            for name, index in self._indices.items()
            if weight_3d[index] > 0
        }
        if len(joints) < 8:
            return
        across = joints["right_hip"] - joints["left_hip"]
        hips = (joints["right_hip"] + joints["left_hip"]) / 2
        shoulders = (joints["right_shoulder"] + joints["left_shoulder"]) / 2
        # To the front, if left is left: of a person that faces the camera
        # across is -x, up is -y, and their product +z, away.
        front = -np.cross(across, shoulders - hips)
        for side in ("left", "right"):
            hip, knee, ankle = (
                joints[f"{side}_{part}"] for part in ("hip", "knee", "ankle")
            )
            leg = ankle - hip
            way = np.dot(knee - hip, leg) / max(np.dot(leg, leg), 1e-9)
            bend = knee - hip - way * leg
            if np.linalg.norm(bend) > _BENT_MM:
                if np.dot(bend, front) > 0:
                    self.right += 1
                else:
                    self.wrong += 1

    @property
    def is_enough(self):
        """Whether there are enough legs to judge by."""
        return self.right + self.wrong >= _MIN_LEGS

    def check(self):
        """Refuses a data set of mirrored people.

        Raises:
            ValueError: Most knees bend backwards.
        """
        legs = self.right + self.wrong
        if self.is_enough and self.wrong > _MOST * legs:
            raise ValueError(
                "`joints_mm` must have left and right as the person has them, "
                f"knees bent to the front. Received: {self.wrong} of {legs} "
                "bent knees to the back: the sides are exchanged, or an axis "
                "is mirrored"
            )
