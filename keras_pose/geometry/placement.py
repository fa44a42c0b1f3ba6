"""Where in front of the camera a pose stands, when nobody says.

A volume's pose lacks what one image cannot show: how far away the person is.
These are the estimates that need no second network. They are written once for
arrays and tensors: `xp` is NumPy or a module with NumPy's names, and `repeat`
its loop.
"""

import numpy as np

from keras_pose.geometry import camera

# Depths that are searched, mm: from a hand's reach to across a stadium.
_NEAREST, _FARTHEST = 200.0, 200_000.0
_HALVINGS = 40  # of the range of depths, to a billionth of the depth
_BOX_PASSES = 20  # those of a lens; a pinhole needs none
_CLEARANCE = 100.0  # mm between the camera and a pose's nearest joint

_ONES_OF_3 = np.ones((3, 1), np.float32)
_XY_OF_3 = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
_Z_OF_3 = np.array([0, 0, 1], np.float32)
_LEAST_SQUARE = 1e-12  # mm^2: a bone of no length has no direction


def repeat_step(step, state, passes):
    """The state after so many steps."""
    for _ in range(passes):
        state = step(state)
    return state


def root_depth_from_bone_lengths(
    rays, relative_depth, bones, bone_lengths_mm, xp=np, repeat=repeat_step
):
    """The root depth at which the bones are as long as people's are.

    A joint at relative depth d on the ray n is at n (Z + d), so every bone
    grows with the root depth Z; the answer is the Z at which their summed
    length is the expected one.

    Args:
        rays: (..., J, 2) float64, x / z and y / z of the joints.
        relative_depth: (..., J, 1) mm, behind the root.
        bones: (parent, child) index pairs.
        bone_lengths_mm: (J,), the length of the bone that ends at each joint;
            bones of length 0 are left out.
        xp: NumPy, or what has its names.
        repeat: As `repeat_step`.

    Returns:
        (..., 1, 1) mm along the optical axis.

    Raises:
        ValueError: No bone has a length.
    """
    pairs = [pair for pair in bones if bone_lengths_mm[pair[1]] > 0]
    if not pairs:
        raise ValueError(
            "`bone_lengths_mm` must hold a positive length to estimate a root "
            "depth; give the root depth instead. Received: none"
        )
    expected = sum(float(bone_lengths_mm[child]) for _, child in pairs)
    child_less_parent = np.zeros((len(pairs), len(bone_lengths_mm)))
    for row, (parent, child) in enumerate(pairs):
        child_less_parent[row, [parent, child]] = -1, 1
    points = rays @ np.float64(_XY_OF_3) + _Z_OF_3
    growth = child_less_parent @ points  # a bone is growth * Z + start
    start = child_less_parent @ (points * relative_depth)

    def halve(depths):
        low, high = depths
        middle = (low * high) ** 0.5
        bone = growth * middle + start
        square = (bone * bone) @ np.float64(_ONES_OF_3)
        length = (square + _LEAST_SQUARE) ** 0.5  # (..., bones, 1)
        along = (bone * growth) @ np.float64(_ONES_OF_3)
        total = xp.sum(length, axis=-2, keepdims=True)
        slope = xp.sum(along / length, axis=-2, keepdims=True)
        # The sum is convex in Z: past its least value it only grows.
        is_past = (total > expected) & (slope > 0)
        return (
            xp.where(is_past, low, middle),
            xp.where(is_past, middle, high),
        )

    depth = 0 * xp.sum(growth * growth, axis=(-2, -1), keepdims=True)
    _, depth = repeat(halve, (depth + _NEAREST, depth + _FARTHEST), _HALVINGS)
    return depth


def root_from_box(
    joints_mm,
    box,
    intrinsics,
    distortion,
    root_depth,
    xp=np,
    repeat=repeat_step,
):
    """The root's place at which the pose fills its box.

    A joint at X + t and depth d + Z is seen at or left of u if X - u d + t is
    at most u Z. So the joints that touch two opposite edges of the box tell Z
    in closed form; what the lens adds to each joint is taken from the last
    pass.

    Args:
        joints_mm: (..., J, 3) mm float64, relative to the root.
        box: (..., 4) float64, x, y, width, height in px, tight on the joints.
        intrinsics: (..., 3, 3) px float64.
        distortion: (..., 5) float64.
        root_depth: (..., 1, 1) mm; where it is positive the box's size is not
            used, 0 stands for one that is not known.
        xp: NumPy, or what has its names.
        repeat: As `repeat_step`.

    Returns:
        (..., 1, 3) mm, camera frame: the projected joints have the box's
        centre and the box's longer side; or the box's centre alone where that
        would bring a joint nearer than 100 mm.
    """
    edges = _edges_of_square(box, intrinsics, xp)
    plane, behind = joints_mm[..., :2], joints_mm[..., 2:]
    nearest = _CLEARANCE - xp.min(behind, axis=-2, keepdims=True)

    def fill(root, lens=distortion):
        points = (plane + root[..., :2]) / (behind + root[..., 2:])
        bend = camera.distort(points, lens) - points
        low, high = edges
        moved = plane + bend * (behind + root[..., 2:])
        reach = xp.max(moved - high * behind, axis=-2, keepdims=True) - xp.min(
            moved - low * behind, axis=-2, keepdims=True
        )
        depth = xp.max(reach / (high - low), axis=-1, keepdims=True)
        depth = xp.maximum(depth, nearest)
        depth = xp.where(root_depth > 0, root_depth, depth)
        # A step of Newton's towards the centre, whose place is that of the
        # two outermost joints.
        inverse = 1 / (behind + depth)
        points = (plane + root[..., :2]) * inverse + bend
        first = xp.min(points, axis=-2, keepdims=True)
        last = xp.max(points, axis=-2, keepdims=True)
        slope = sum(
            xp.max(xp.where(points == x, inverse, 0.0), axis=-2, keepdims=True)
            for x in (first, last)
        )
        shift = ((low + high) - (first + last)) / slope
        return xp.concatenate([root[..., :2] + shift, depth], axis=-1)

    depth = xp.maximum(nearest, root_depth)
    root = xp.concatenate([(edges[0] + edges[1]) / 2 * depth, depth], axis=-1)
    # A lens has no meaning far outside its image, so begin without it.
    root = fill(fill(root, 0 * distortion), 0 * distortion)
    return repeat(fill, root, _BOX_PASSES)


def root_from_points(joints_mm, rays, weight):
    """The root's place at which the joints lie best on their rays.

    A joint at (x, y, z) + t is on the ray (u, v, 1) where x - u z is a line in
    u, its slope t_z and its offset -t_x; y and v likewise with t_y. Weighted
    least squares in x - u z would take all error for the network's in mm, and
    come out too near for that in px, by a tenth of the distance with weak
    networks. So the slope is the mean of this and of least squares in u, the
    geometric one: the reduced major axis. It is positive whatever the joints.

    Args:
        joints_mm: (..., J, 3) mm float64, relative to the root.
        rays: (..., J, 2) float64, x / z and y / z of the joints.
        weight: (..., J), how much each joint counts.

    Returns:
        (..., 1, 3) mm, camera frame.

    Sources: I. Sarandi et al., "Metric-Scale Truncation-Robust Heatmaps for 3D
    Human Pose Estimation", 2020, section 3.3, for the equations; P. Samuelson,
    "A Note on Alternative Regressions", 1942, for the slope.
    """
    share = (weight / weight.sum(axis=-1, keepdims=True))[..., None]
    height = joints_mm[..., :2] - rays * joints_mm[..., 2:]
    mean_ray = (share * rays).sum(axis=-2, keepdims=True)
    mean_height = (share * height).sum(axis=-2, keepdims=True)

    def spread(values, mean):
        square = share * (values - mean) ** 2
        return square.sum(axis=(-2, -1), keepdims=True)

    depth = np.sqrt(spread(height, mean_height) / spread(rays, mean_ray))
    return np.concatenate([mean_ray * depth - mean_height, depth], axis=-1)


def _edges_of_square(box, intrinsics, xp):
    """Left and upper, right and lower edge of the square around a box.

    Returns:
        Two of (..., 1, 2), x / z and y / z; its side is the box's longer one.
    """
    side = xp.max(box[..., None, 2:], axis=-1, keepdims=True)
    centre = box[..., None, :2] + box[..., None, 2:] / 2 - 0.5
    focal = xp.stack([intrinsics[..., 0, 0], intrinsics[..., 1, 1]], axis=-1)
    centre = centre - intrinsics[..., None, :2, 2]
    focal = focal[..., None, :]
    return (centre - side / 2) / focal, (centre + side / 2) / focal
