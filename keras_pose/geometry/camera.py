"""The pinhole camera with OpenCV's distortion, both ways."""

import numpy as np

# Degrees across the longer side of an ordinary photo, as MeTRAbs assumes.
ORDINARY_FIELD_OF_VIEW = 55.0

# Constant rows that place columns by matrix product, which arrays and tensors
# share; np.stack would turn a tensor into an array.
_XY_OF_3 = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
_Z_OF_3 = np.array([0, 0, 1], np.float32)
_X_OF_2 = np.array([1, 0], np.float32)
_Y_OF_2 = np.array([0, 1], np.float32)

# The inverse of the distortion is a fixed point. Each pass shrinks the error
# by the distortion's own slope, about 0.2 at the border of Human3.6M's images.
_UNDISTORT_PASSES = 20


def camera_from_world(points, rotation, centre):
    """Moves world points into the camera frame: R (X - C).

    Args:
        points: (..., J, 3) mm, world.
        rotation: (3, 3) world to camera.
        centre: (3,) mm, the camera's place in the world.

    Returns:
        (..., J, 3) mm, camera frame.
    """
    return (points - centre) @ np.swapaxes(rotation, -1, -2)


def image_from_camera(points, intrinsics, distortion):
    """Projects camera points to pixels.

    Args:
        points: (..., J, 3) mm, camera frame, z positive.
        intrinsics: (..., 3, 3) px, no skew.
        distortion: (..., 5) k1, k2, p1, p2, k3.

    Returns:
        (..., J, 2) px.

    Source: OpenCV, "Camera Calibration and 3D Reconstruction".
    """
    normalised = points[..., :2] / points[..., 2:3]
    focal, centre = _focal_and_centre(intrinsics)
    return distort(normalised, distortion) * focal + centre


def camera_from_image(points, depth, intrinsics, distortion):
    """Back-projects pixels at a known depth into the camera frame.

    Args:
        points: (..., J, 2) px.
        depth: (..., J, 1) mm along the optical axis.
        intrinsics: (..., 3, 3) px, no skew.
        distortion: (..., 5) k1, k2, p1, p2, k3.

    Returns:
        (..., J, 3) mm, camera frame.
    """
    focal, centre = _focal_and_centre(intrinsics)
    normalised = undistort((points - centre) / focal, distortion)
    return (normalised @ _XY_OF_3 + _Z_OF_3) * depth


def distort(points, distortion):
    """Bends normalised coordinates (x / z, y / z) as the lens does.

    Args:
        points: (..., J, 2).
        distortion: (..., 5) k1, k2, p1, p2, k3.

    Returns:
        (..., J, 2).
    """
    radial, tangential = _distortion_terms(points, distortion)
    return points * radial + tangential


def undistort(points, distortion):
    """The inverse of `distort`, by fixed-point iteration.

    Exact to float precision where the lens bends little: for Human3.6M's up to
    a radius of 0.9 (1000 px from the centre), far outside its images. Beyond,
    a lens model has no meaning and the result none either.
    """
    if isinstance(distortion, np.ndarray) and not distortion.any():
        return points  # a pinhole, as most are
    straight = points
    for _ in range(_UNDISTORT_PASSES):
        radial, tangential = _distortion_terms(straight, distortion)
        straight = (points - tangential) / radial
    return straight


def _distortion_terms(points, distortion):
    """Radial factor (..., J, 1) and tangential shift (..., J, 2)."""
    x, y = points[..., 0:1], points[..., 1:2]
    r2 = x * x + y * y
    k1, k2, p1, p2, k3 = (
        distortion[..., None, index : index + 1] for index in range(5)
    )
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    shift_x = 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    shift_y = p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return radial, shift_x * _X_OF_2 + shift_y * _Y_OF_2


def _focal_and_centre(intrinsics):
    """Focal lengths and principal point, each (..., 1, 2) px."""
    focal_x = intrinsics[..., 0, 0, None, None]
    focal_y = intrinsics[..., 1, 1, None, None]
    centre = intrinsics[..., None, :2, 2]
    return focal_x * _X_OF_2 + focal_y * _Y_OF_2, centre


def intrinsics_from_field_of_view(degrees, width, height, xp=np):
    """A camera for an image about which nothing is known.

    Args:
        degrees: Field of view across the image's longer side.
        width: (...) image width, px.
        height: (...) image height, px.
        xp: NumPy, or what has its names.

    Returns:
        (..., 3, 3) px, the principal point at the image's centre.
    """
    focal = xp.maximum(width, height) / (2 * np.tan(np.radians(degrees) / 2))
    zero = 0 * focal
    rows = (
        (focal, zero, (width - 1) / 2),
        (zero, focal, (height - 1) / 2),
        (zero, zero, zero + 1),
    )
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
