"""Errors of poses, joint by joint, and the shares of joints that are right.

Each function gives the terms of one metric, (N, J), and every metric is the
weighted `mean` of its terms; the names are those of the papers. Nothing here
takes NaN: who lacks a joint gives it weight 0.
"""

import numpy as np

from keras_pose.geometry import alignment

# MPI-INF-3DHP's own evaluation (mpii_compute_3d_pck.m of its test set).
PCK_MM = 150.0
AUC_MM = np.arange(0.0, 151.0, 5.0)
# MPII's and LSP's: shares of the head's size and of the torso's.
PCKH_SHARE = 0.5
TORSO_SHARE = 0.2


def joint_errors(predicted, target, root):
    """Distances after the roots are laid on each other: MPJPE's terms.

    Args:
        predicted: (N, J, 3) mm.
        target: (N, J, 3) mm.
        root: Index of the root joint.

    Returns:
        (N, J) mm. The root's own is 0, and counts in the mean as in the
        literature.
    """
    predicted = predicted - predicted[:, root : root + 1]
    target = target - target[:, root : root + 1]
    return np.linalg.norm(predicted - target, axis=-1)


def scaled_joint_errors(predicted, target, root, weight):
    """Distances of root-relative poses of the best size: N-MPJPE's terms.

    Args:
        predicted: (N, J, 3) mm.
        target: (N, J, 3) mm.
        root: Index of the root joint.
        weight: (N, J), joints of weight 0 do not take part in the scaling.

    Returns:
        (N, J) mm. The scale is the one of least squares that is not negative:
        a person has no negative size.

    Source: Rhodin et al., "Unsupervised Geometry-Aware Representation for 3D
    Human Pose Estimation", 2018.
    """
    predicted = predicted - predicted[:, root : root + 1]
    target = target - target[:, root : root + 1]
    share = weight[..., None]
    across = np.sum(share * predicted * target, axis=(1, 2))
    own = np.sum(share * predicted**2, axis=(1, 2))
    scale = np.where(own > 0, across / np.where(own > 0, own, 1.0), 1.0)
    scale = np.maximum(scale, 0.0)[:, None, None]
    return np.linalg.norm(scale * predicted - target, axis=-1)


def pa_joint_errors(predicted, target, weight):
    """Distances after the best similarity transform: PA-MPJPE's terms.

    Args:
        predicted: (N, J, 3) mm.
        target: (N, J, 3) mm.
        weight: (N, J), joints of weight 0 do not take part in the alignment.

    Returns:
        (N, J) mm.
    """
    aligned = alignment.similarity_align(predicted, target, weight)
    return np.linalg.norm(aligned - target, axis=-1)


def rigid_joint_errors(predicted, target, weight):
    """Distances after the best rotation and translation, without scale.

    What integral regression, MobileHumanPose and PoseNet call PA-MPJPE; a
    person of the wrong size stays wrong. Arguments and result as of
    `pa_joint_errors`.
    """
    aligned = alignment.rigid_align(predicted, target, weight)
    return np.linalg.norm(aligned - target, axis=-1)


def velocity_errors(predicted, target, root):
    """Errors of root-relative motion from one frame to the next: MPJVE's.

    Args:
        predicted: (P, 2, J, 3) mm, pairs of frames that follow each other.
        target: (P, 2, J, 3) mm.
        root: Index of the root joint.

    Returns:
        (P, J) mm a frame.

    Source: Pavllo et al., "3D human pose estimation in video with temporal
    convolutions and semi-supervised training", 2019.
    """
    offset = predicted - target
    offset = offset - offset[:, :, root : root + 1]
    return np.linalg.norm(offset[:, 1] - offset[:, 0], axis=-1)


def following_pairs(clips, frames):
    """Rows of frames i and i + 1 of one clip.

    Args:
        clips: (N,) number of each row's clip.
        frames: (N,) int, index in the clip.

    Returns:
        (P, 2) rows. None of a frame that its clip has twice: two people in
        one picture, of whom nothing says which is which.
    """
    order = np.lexsort((frames, clips))
    clips, frames = np.asarray(clips)[order], np.asarray(frames)[order]
    same_clip = clips[1:] == clips[:-1]
    twice = np.zeros(len(order) + 1, bool)  # with the row before
    twice[1:-1] = same_clip & (frames[1:] == frames[:-1])
    single = ~twice[:-1] & ~twice[1:]
    follows = same_clip & (frames[1:] == frames[:-1] + 1)
    first = np.flatnonzero(follows & single[1:] & single[:-1])
    return np.stack([order[first], order[first + 1]], axis=-1)


def pck_terms(errors, limit=PCK_MM):
    """1 for each joint nearer than `limit`, else 0: 3D PCK's terms."""
    return np.asarray(errors < limit, float)


def auc_terms(errors):
    """The mean of `pck_terms` over `AUC_MM`: the area under PCK's curve.

    0 mm is one of the thresholds, so that even without an error it is 30/31,
    as in the data set's own evaluation.
    """
    # Counted, not compared with all 31: whole data sets have many joints.
    larger = len(AUC_MM) - np.searchsorted(AUC_MM, errors, side="right")
    return larger / len(AUC_MM)


def pck_curve(errors, weight, limits):
    """The share of joints nearer than each limit.

    Args:
        errors: (N, J) mm.
        weight: (N, J).
        limits: (L,) mm.

    Returns:
        (L,) in [0, 1]; NaN where no joint has weight.
    """
    return np.array([mean(pck_terms(errors, x), weight) for x in limits])


def pixel_pck_terms(predicted, target, unit, share):
    """1 for each joint within a share of a person's own unit, else 0.

    Args:
        predicted: (N, J, 2) px.
        target: (N, J, 2) px.
        unit: (N,) px; positive.
        share: Of the unit; PCKh@0.5 is 0.5 of the head's size.

    Returns:
        (N, J). A joint at the limit is right, as in MPII's own evaluation.
    """
    distance = np.linalg.norm(predicted - target, axis=-1)
    return np.asarray(distance <= share * unit[:, None], float)


def mean(errors, weight, axis=None):
    """Weighted mean of errors (N, J); NaN where nothing has weight."""
    total = np.sum(weight, axis=axis)
    with np.errstate(invalid="ignore"):
        return np.sum(errors * weight, axis=axis) / np.where(
            total > 0, total, np.nan
        )
