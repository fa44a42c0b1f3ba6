"""One pose for all, the mean of many: what any network must beat."""

import numpy as np

from keras_pose.evaluation.predictions import Predictions


def mean_pose(truth):
    """The mean root-relative pose of a Truth.

    Returns:
        (J, 3) mm; NaN for joints that are known in no sample.

    Raises:
        ValueError: No sample has a 3D pose, or the skeleton has no root.
    """
    offsets, weight = truth.root_relative()
    total = weight.sum(axis=0)
    if not total.any():
        raise ValueError(
            "a mean pose needs samples with a 3D pose. "
            f"Received: {len(truth)} without"
        )
    summed = np.einsum("njk,nj->jk", offsets, weight)
    return summed / np.where(total > 0, total, np.nan)[:, None]


def constant_predictions(pose, truth):
    """Predictions of one and the same pose for all samples of a Truth.

    Args:
        pose: (J, 3) mm, root-relative.
        truth: The Truth of N samples, of the same joints.
    """
    poses = np.broadcast_to(pose, (len(truth), *pose.shape))
    return Predictions(truth.skeleton.joints, truth.names, poses)
