"""Rigid and similarity alignment of poses (orthogonal Procrustes)."""

import numpy as np


def rigid_align(points, target, weight=None):
    """Moves `points` onto `target` by rotation and translation.

    Args:
        points: (..., J, 3).
        target: (..., J, 3).
        weight: (..., J), how much each joint counts; all equally if None.

    Returns:
        (..., J, 3), `points` moved so that the weighted sum of squared
        distances to `target` is least. Never mirrored.

    Source: Umeyama, "Least-squares estimation of transformation parameters
    between two point patterns", 1991.
    """
    return _align(points, target, weight, with_scale=False)


def similarity_align(points, target, weight=None):
    """Moves `points` onto `target` by rotation, translation and scale.

    Arguments, result and source as of `rigid_align`. Points that all coincide
    are moved to the target's mean and not scaled.
    """
    return _align(points, target, weight, with_scale=True)


def _align(points, target, weight, with_scale):
    points = np.asarray(points, np.float64)
    target = np.asarray(target, np.float64)
    if weight is None:
        weight = np.ones(points.shape[:-1])
    share = np.asarray(weight, np.float64)[..., None]
    share = share / np.maximum(share.sum(axis=-2, keepdims=True), 1e-12)
    points_mean = (share * points).sum(axis=-2, keepdims=True)
    target_mean = (share * target).sum(axis=-2, keepdims=True)
    centred = points - points_mean
    covariance = np.swapaxes(share * (target - target_mean), -1, -2) @ centred
    u, spread, vt = np.linalg.svd(covariance)
    # A rotation has determinant 1; where the best orthogonal map is a mirror,
    # the least direction gives way.
    signs = np.ones_like(spread)
    signs[..., -1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs[..., None, :]) @ vt
    scale = 1.0
    if with_scale:
        variance = (share * centred**2).sum(axis=(-2, -1))
        scale = (spread * signs).sum(axis=-1) / np.maximum(variance, 1e-12)
        scale = np.where(variance > 1e-12, scale, 1.0)[..., None, None]
    return scale * centred @ np.swapaxes(rotation, -1, -2) + target_mean
