"""Pictures and poses that the made data sets share.

The labels come from OpenCV's projection.
"""

import cv2
import numpy as np

WIDTH, HEIGHT = 96, 80
INTRINSICS = np.float64([[130, 0, 47], [0, 131, 39], [0, 0, 1]])
DISTORTION = np.float64([0.05, -0.02, 0.001, -0.002, 0.003])


def jpeg(seed=0, width=WIDTH, height=HEIGHT):
    """A smooth picture: one that a video's coding keeps."""
    rows, columns = np.mgrid[:height, :width]
    grey = (rows + columns + 8 * seed) % 256
    picture = np.stack([grey, 255 - grey, grey // 2], -1).astype(np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def write_jpeg(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(seed))


def pose(seed, joints):
    """(J, 3) mm in front of the camera."""
    rng = np.random.default_rng(seed)
    return rng.uniform([-400, -400, 2600], [400, 400, 3400], (joints, 3))


def project(mm, intrinsics=INTRINSICS, distortion=None):
    distortion = np.zeros(5) if distortion is None else distortion
    px, _ = cv2.projectPoints(
        mm.reshape(-1, 3), np.zeros(3), np.zeros(3), intrinsics, distortion
    )
    return px.reshape(*mm.shape[:-1], 2)


def tight_box(px):
    """x, y, width, height from the image's corner, as COCO's."""
    return [*(px.min(0) + 0.5).tolist(), *np.ptp(px, axis=0).tolist()]
