"""Errors of poses in mm, joint by joint.

All are distances between corresponding joints after an alignment; the names
are those of the papers. `mean` turns them into one number.
"""

import numpy as np

from keras_pose.geometry import alignment


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


def mean(errors, weight, axis=None):
    """Weighted mean of errors (N, J); NaN where nothing has weight."""
    total = np.sum(weight, axis=axis)
    with np.errstate(invalid="ignore"):
        return np.sum(errors * weight, axis=axis) / np.where(
            total > 0, total, np.nan
        )
