"""The pinhole camera that joints in 3D and in 2D give together.

u = f X / Z + cx and v = f Y / Z + cy are linear in f, cx and cy.
"""

import numpy as np


def fit(joints, points, square=True):
    """Fits a pinhole camera by least squares.

    Args:
        joints: (K, 3) mm, camera frame, z > 0.
        points: (K, 2) px.
        square: Whether both axes have one focal length. Of one person's
            joints, two would follow the lens's bend; of a whole clip's, they
            are the camera's own.

    Returns:
        Focal lengths (2,) px, principal point (2,) px, and the mean distance
        in px of the camera's picture of `joints` from `points`. They are not
        finite where the joints lie in one place.
    """
    with np.errstate(all="ignore"):
        rays = np.float64(joints[:, :2]) / joints[:, 2:]
        ray, point = rays.mean(axis=0), np.float64(points).mean(axis=0)
        centred = rays - ray
        axis = None if square else 0
        focal = np.broadcast_to(
            np.sum(centred * (points - point), axis=axis)
            / np.sum(centred**2, axis=axis),
            (2,),
        )
        centre = point - focal * ray
        distance = np.linalg.norm(rays * focal + centre - points, axis=1)
    return focal, centre, distance.mean()
