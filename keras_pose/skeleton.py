"""Joint sets of the data sets, and the way from one to another by name.

A joint's name is its only identity: "left" and "right" are the person's own,
flip pairs follow from the names, and two sets share a joint exactly when they
share its name.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """An ordered set of joints.

    Attributes:
        name: How configs and data sets call it.
        joints: Names of the J joints, in the order of every (..., J, 3) array.
        parents: Index of each joint's parent; -1 for a joint without one.
        root: Index of the joint that root-relative poses are relative to, or
            None where the set has none (2D sets without a pelvis).
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    root: int | None

    @property
    def num_joints(self):
        """Number of joints, J."""
        return len(self.joints)

    @property
    def bones(self):
        """(parent, child) index pairs."""
        return tuple(
            (parent, child)
            for child, parent in enumerate(self.parents)
            if parent >= 0
        )

    @property
    def flip_pairs(self):
        """(left, right) index pairs that swap when an image is mirrored."""
        return tuple(
            (index, self.joints.index(name.replace("left_", "right_")))
            for index, name in enumerate(self.joints)
            if name.startswith("left_")
        )

    @property
    def flip_permutation(self):
        """Index array p such that joints[p] are the joints of the mirror."""
        permutation = list(range(self.num_joints))
        for left, right in self.flip_pairs:
            permutation[left], permutation[right] = right, left
        return tuple(permutation)

    def side(self, index):
        """Returns "left", "right" or "centre" for the joint at `index`."""
        prefix = self.joints[index].split("_")[0]
        return prefix if prefix in ("left", "right") else "centre"

    def indices_in(self, source):
        """Index of each of this set's joints in `source`; -1 where absent."""
        return tuple(
            source.joints.index(name) if name in source.joints else -1
            for name in self.joints
        )


def _skeleton(name, root, joints_and_parents):
    """Builds a Skeleton from rows of "joint parent"; "-" is no parent."""
    rows = [row.split() for row in joints_and_parents.strip().splitlines()]
    joints = tuple(joint for joint, _ in rows)
    parents = tuple(-1 if p == "-" else joints.index(p) for _, p in rows)
    return Skeleton(
        name, joints, parents, None if root is None else joints.index(root)
    )


# Human3.6M, the 17 of its 32 joints that the literature scores. The report
# calls joint 3 RFoot, 8 Thorax and 9 Neck/Nose; joint 8 is the data set's own
# "Neck", 9 its "Head" and 10 the end of its head.
H36M_17 = _skeleton(
    "h36m_17",
    "pelvis",
    """
    pelvis          -
    right_hip       pelvis
    right_knee      right_hip
    right_ankle     right_knee
    left_hip        pelvis
    left_knee       left_hip
    left_ankle      left_knee
    spine           pelvis
    neck            spine
    nose            neck
    head_top        nose
    left_shoulder   neck
    left_elbow      left_shoulder
    left_wrist      left_elbow
    right_shoulder  neck
    right_elbow     right_shoulder
    right_wrist     right_elbow
    """,
)

# MPI-INF-3DHP: the 28 joints of its annot.mat.
MPI_INF_3DHP_28 = _skeleton(
    "mpi_inf_3dhp_28",
    "pelvis",
    """
    spine3          spine2
    spine4          spine3
    spine2          spine
    spine           pelvis
    pelvis          -
    neck            spine4
    head            neck
    head_top        head
    left_clavicle   spine4
    left_shoulder   left_clavicle
    left_elbow      left_shoulder
    left_wrist      left_elbow
    left_hand       left_wrist
    right_clavicle  spine4
    right_shoulder  right_clavicle
    right_elbow     right_shoulder
    right_wrist     right_elbow
    right_hand      right_wrist
    left_hip        pelvis
    left_knee       left_hip
    left_ankle      left_knee
    left_foot       left_ankle
    left_toe        left_foot
    right_hip       pelvis
    right_knee      right_hip
    right_ankle     right_knee
    right_foot      right_ankle
    right_toe       right_foot
    """,
)

# MPI-INF-3DHP: the 17 joints of its test set and of MMPose's files.
MPI_INF_3DHP_17 = _skeleton(
    "mpi_inf_3dhp_17",
    "pelvis",
    """
    head_top        head
    neck            spine
    right_shoulder  neck
    right_elbow     right_shoulder
    right_wrist     right_elbow
    left_shoulder   neck
    left_elbow      left_shoulder
    left_wrist      left_elbow
    right_hip       pelvis
    right_knee      right_hip
    right_ankle     right_knee
    left_hip        pelvis
    left_knee       left_hip
    left_ankle      left_knee
    pelvis          -
    spine           pelvis
    head            neck
    """,
)

# MuCo-3DHP as PoseNet's files have it: those 17, hands and toes. What they call
# the thorax is MPI-INF-3DHP's neck.
MUCO_21 = _skeleton(
    "muco_21",
    "pelvis",
    """
    head_top        head
    neck            spine
    right_shoulder  neck
    right_elbow     right_shoulder
    right_wrist     right_elbow
    left_shoulder   neck
    left_elbow      left_shoulder
    left_wrist      left_elbow
    right_hip       pelvis
    right_knee      right_hip
    right_ankle     right_knee
    left_hip        pelvis
    left_knee       left_hip
    left_ankle      left_knee
    pelvis          -
    spine           pelvis
    head            neck
    right_hand      right_wrist
    left_hand       left_wrist
    right_toe       right_ankle
    left_toe        left_ankle
    """,
)

COCO_17 = _skeleton(
    "coco_17",
    None,
    """
    nose            -
    left_eye        nose
    right_eye       nose
    left_ear        left_eye
    right_ear       right_eye
    left_shoulder   nose
    right_shoulder  nose
    left_elbow      left_shoulder
    right_elbow     right_shoulder
    left_wrist      left_elbow
    right_wrist     right_elbow
    left_hip        left_shoulder
    right_hip       right_shoulder
    left_knee       left_hip
    right_knee      right_hip
    left_ankle      left_knee
    right_ankle     right_knee
    """,
)

# MPII: joint 8, its "upper neck", is where Human3.6M has its neck; its thorax
# lies between the shoulders, where Human3.6M has no joint.
MPII_16 = _skeleton(
    "mpii_16",
    "pelvis",
    """
    right_ankle     right_knee
    right_knee      right_hip
    right_hip       pelvis
    left_hip        pelvis
    left_knee       left_hip
    left_ankle      left_knee
    pelvis          -
    thorax          pelvis
    neck            thorax
    head_top        neck
    right_wrist     right_elbow
    right_elbow     right_shoulder
    right_shoulder  thorax
    left_shoulder   thorax
    left_elbow      left_shoulder
    left_wrist      left_elbow
    """,
)

LSP_14 = _skeleton(
    "lsp_14",
    None,
    """
    right_ankle     right_knee
    right_knee      right_hip
    right_hip       neck
    left_hip        neck
    left_knee       left_hip
    left_ankle      left_knee
    right_wrist     right_elbow
    right_elbow     right_shoulder
    right_shoulder  neck
    left_shoulder   neck
    left_elbow      left_shoulder
    left_wrist      left_elbow
    neck            -
    head_top        neck
    """,
)

SKELETONS = {
    skeleton.name: skeleton
    for skeleton in (
        H36M_17,
        MPI_INF_3DHP_28,
        MPI_INF_3DHP_17,
        MUCO_21,
        COCO_17,
        MPII_16,
        LSP_14,
    )
}
