"""Where in front of the camera a pose stands, when nobody says.

A volume's pose lacks what one image cannot show: how far away the person is.
These are the estimates that need no second network.
"""

import numpy as np

from keras_pose.geometry import camera

# Depths that are searched, mm: from a hand's reach to across a stadium.
_DEPTHS = np.geomspace(200.0, 200_000.0, 4000)
_BOX_PASSES = 50


def root_depth_from_bone_lengths(rays, relative_depth, bones, bone_lengths_mm):
    """The root depth at which the bones are as long as people's are.

    A joint at relative depth d on the ray n is at n (Z + d), so every bone
    grows with the root depth Z; the answer is the Z at which their summed
    length is the expected one.

    Args:
        rays: (J, 2) x / z and y / z of the joints.
        relative_depth: (J,) mm, behind the root.
        bones: (parent, child) index pairs.
        bone_lengths_mm: (J,), the length of the bone that ends at each joint;
            bones of length 0 are left out.

    Returns:
        mm along the optical axis.

    Raises:
        ValueError: No bone has a length.
    """
    pairs = [pair for pair in bones if bone_lengths_mm[pair[1]] > 0]
    if not pairs:
        raise ValueError(
            "`bone_lengths_mm` must hold a positive length to estimate a root "
            "depth; give the root depth instead. Received: none"
        )
    parents, children = np.array(pairs).T
    expected = np.asarray(bone_lengths_mm, np.float64)[children].sum()
    rays = np.concatenate([rays, np.ones((len(rays), 1))], axis=-1)
    rays = rays.astype(np.float64)
    offset = rays * np.asarray(relative_depth, np.float64)[:, None]
    growth = rays[children] - rays[parents]  # a bone is growth * Z + start
    start = offset[children] - offset[parents]
    bone = growth * _DEPTHS[:, None, None] + start
    total = np.linalg.norm(bone, axis=-1).sum(axis=-1)
    longer = np.flatnonzero(total > expected)
    if not longer.size:
        return float(_DEPTHS[-1])
    # The sum is convex in Z: past its least value it only grows.
    shorter = np.flatnonzero(total <= expected)
    if not shorter.size:
        return float(_DEPTHS[np.argmin(total)])
    index = shorter[-1]
    if index + 1 == len(_DEPTHS):
        return float(_DEPTHS[-1])
    share = (expected - total[index]) / (total[index + 1] - total[index])
    return float(_DEPTHS[index] + share * (_DEPTHS[index + 1] - _DEPTHS[index]))


def root_from_box(joints_mm, box, intrinsics, distortion, root_depth=None):
    """The root's place at which the pose fills its box.

    Args:
        joints_mm: (J, 3) mm, relative to the root.
        box: (4,) x, y, width, height in px, tight on the joints.
        intrinsics: (3, 3) px.
        distortion: (5,).
        root_depth: mm, if it is known; then the box's size is not used.

    Returns:
        (3,) mm, camera frame: the projected joints have the box's centre and
        the box's longer side.
    """
    box = np.asarray(box, np.float64)
    joints_mm = np.asarray(joints_mm, np.float64)
    side = box[2:].max()
    centre = box[:2] + box[2:] / 2 - 0.5
    focal = np.array([intrinsics[0, 0], intrinsics[1, 1]], np.float64)
    principal = np.asarray(intrinsics[:2, 2], np.float64)
    extent = np.ptp(joints_mm[:, :2], axis=0).max()
    nearest = 100.0 - joints_mm[:, 2].min()  # every joint 100 mm away or more
    depth = root_depth
    if depth is None:
        depth = max(focal.max() * extent / side, nearest)
    root = np.array([*((centre - principal) / focal * depth), depth])
    for _ in range(_BOX_PASSES):
        points = camera.image_from_camera(
            joints_mm + root, intrinsics, distortion
        )
        low, high = points.min(axis=0), points.max(axis=0)
        if root_depth is None:
            depth = max(depth * (high - low).max() / side, nearest)
        shift = (centre - (low + high) / 2) / focal * depth
        root = np.array([*(root[:2] * depth / root[2] + shift), depth])
    return root
