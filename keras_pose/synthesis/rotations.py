"""Rotation matrices, right-handed, for column vectors; angles in radians."""

import math

import numpy as np


def about(axis, angle):
    """Rotation about a unit axis.

    Args:
        axis: (..., 3), or "x", "y" or "z".
        angle: (...); a number with a named axis.

    Returns:
        (..., 3, 3).
    """
    if isinstance(axis, str):
        return _about_named(axis, angle)
    axis = np.asarray(axis, float)
    angle = np.asarray(angle, float)[..., None, None]
    cross = _cross_matrix(axis)
    return (
        np.eye(3)
        + np.sin(angle) * cross
        + (1 - np.cos(angle)) * (cross @ cross)
    )


def _about_named(axis, angle):
    """One rotation about "x", "y" or "z"; ten times as fast."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[second, first] = math.sin(angle)
    matrix[first, second] = -matrix[second, first]
    return matrix


def _cross_matrix(axis):
    x, y, z = np.moveaxis(axis, -1, 0)
    zero = np.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return np.stack(rows, axis=-1).reshape(*axis.shape[:-1], 3, 3)


def from_vector(vector):
    """Rotation by |vector| about its direction; (..., 3) to (..., 3, 3)."""
    vector = np.asarray(vector, float)
    angle = np.linalg.norm(vector, axis=-1)
    return about(vector / np.maximum(angle, 1e-12)[..., None], angle)


def between(start, end):
    """The least rotation that takes one direction to another.

    Args:
        start: (3,), any length but 0.
        end: (3,), likewise, and not opposite to `start`.

    Returns:
        (3, 3).
    """
    start = start / np.linalg.norm(start)
    end = end / np.linalg.norm(end)
    cross = _cross_matrix(np.cross(start, end))
    return np.eye(3) + cross + cross @ cross / (1 + start @ end)
