"""What a camera file means, found by projecting poses with it.

A rotation and three numbers say where a camera stands in four ways, in mm or
in metres, and files of one layout have been written in several of them. Wrong
ones raise no error: they put people elsewhere. So each way is tried on poses
whose place in the image is known, and one must fit and no other.
"""

import dataclasses
import itertools

import numpy as np

from keras_pose.geometry import camera

# How far, as a share of the person's longer side, the projected joints may lie
# from their pixels on average. Right files stay below 0.005, for the lens.
MAX_JOINT_SHARE = 0.02
# The same for the sides of a box around the joints, whose padding is not known.
MAX_BOX_SHARE = 0.03
# Where only the frame is known: the person is seen in it, but for a hand, and
# is upright as a rule: from the pelvis to the head it goes up, not sideways.
MAX_FRAME_SHARE = 0.1
_MIN_UPRIGHT = 0.5
# No other reading may fit too, nor be less than so many times worse.
_MARGIN = 2.0
_MIN_LENGTH_SHARE = 0.05
# Annotated boxes are padded by up to so much.
_PADDING = (1.0, 1.5)

_MM_PER_M = 1000.0


@dataclasses.dataclass(frozen=True)
class Observation:
    """A pose whose place in an image is known.

    Attributes:
        joints: (J, 3) mm, world.
        rotation: (3, 3) as the file has it.
        translation: (3,) as the file has it.
        intrinsics: (3, 3) px.
        distortion: (5,) k1, k2, p1, p2, k3.
        joints_px: (J, 2) px, or None.
        box: (4,) x, y, width, height, px, around the joints, or None.
        frame: (2,) width and height of the image, px; used without the two.
    """

    joints: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    intrinsics: np.ndarray
    distortion: np.ndarray
    joints_px: np.ndarray | None = None
    box: np.ndarray | None = None
    frame: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Convention:
    """One way to read a rotation R, three numbers T and sides.

    Attributes:
        transposed: Whether R goes from the camera to the world.
        centre: Whether T is the camera's place, else it is added after R.
        mm_per_unit: Of T.
        mirrored: Whether left joints are named right.
    """

    transposed: bool
    centre: bool
    mm_per_unit: float
    mirrored: bool

    def __str__(self):
        rotation = "R^T" if self.transposed else "R"
        form = f"{rotation} (X - T)" if self.centre else f"{rotation} X + T"
        unit = "mm" if self.mm_per_unit == 1 else "m"
        sides = ", sides swapped" if self.mirrored else ""
        return f"{form}, T in {unit}{sides}"

    def place(self, rotation, translation):
        """Where a camera stands.

        Args:
            rotation: (3, 3) as the file has it.
            translation: (3,) as the file has it.

        Returns:
            (3, 3) world to camera, and the camera's place (3,) mm in the
            world, as `geometry.camera` takes them.
        """
        rotation = np.asarray(rotation, np.float64)
        translation = np.asarray(translation, np.float64) * self.mm_per_unit
        if self.transposed:
            rotation = rotation.T
        if not self.centre:
            translation = -rotation.T @ translation
        return rotation, translation


def check_rotation(rotation):
    """Refuses what is no rotation matrix (3, 3)."""
    rotation = np.asarray(rotation, np.float64)
    # Files give 6 digits and more; a mirror has the determinant -1.
    if (
        rotation.shape != (3, 3)
        or not (np.abs(rotation) < 2).all()  # nor NaN, nor what overflows
        or not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
        or np.linalg.det(rotation) < 0
    ):
        raise ValueError(
            f"R must be a (3, 3) rotation matrix. Received: {rotation.tolist()}"
        )


# Poses in the camera frame need no place; their sides may still be wrong.
IN_CAMERA = (Convention(False, True, 1.0, False),)
_IN_WORLD = tuple(
    itertools.starmap(
        Convention,
        itertools.product(
            (False, True), (True, False), (1.0, _MM_PER_M), (False,)
        ),
    )
)


def detect(observations, skeleton, where, candidates=_IN_WORLD):
    """Finds the one convention that puts poses where they are seen.

    Args:
        observations: Some tens of them, spread over the file; all with the
            same of `joints_px`, `box` and `frame`.
        skeleton: Names the joints.
        where: What messages name, the camera file.
        candidates: The Conventions to try, by default all for poses in the
            world; with 2D joints also those with the sides swapped.

    Returns:
        The Convention, and a line that says it with the errors of all.

    Raises:
        ValueError: None fits, or several do, or only with the sides swapped;
            says how well each one does.
    """
    error_of, limit = _measure(observations)
    if observations[0].joints_px is not None:
        candidates += tuple(
            dataclasses.replace(candidate, mirrored=True)
            for candidate in candidates
        )
    errors = {
        candidate: error_of(observations, skeleton, candidate)
        for candidate in candidates
    }
    ranked = sorted(errors, key=lambda candidate: errors[candidate][0])
    best, others = ranked[0], ranked[1:]
    report = "; ".join(
        f"{candidate}: {_text(errors[candidate][1])}" for candidate in ranked
    )
    if errors[best][0] > limit:
        raise ValueError(
            f"{where}: must put its poses where the images show them, within "
            f"{limit:.0%} of the person. Received: {report}"
        )
    least = max(limit, _MARGIN * errors[best][0])
    if others and errors[others[0]][0] <= least:
        raise ValueError(
            f"{where}: can be read in more than one way. Received: {report}"
        )
    if best.mirrored:
        raise ValueError(
            f"{where}: the left joints of its poses must be the left ones in "
            f"the image. Received: {report}"
        )
    return best, f"{where}: read as {report}"


def _text(px):
    return f"{px:.1f} px" if np.isfinite(px) else "behind the camera"


def _measure(observations):
    first = observations[0]
    if first.joints_px is not None:
        return _joint_error, MAX_JOINT_SHARE
    if first.box is not None:
        return _box_error, MAX_BOX_SHARE
    return _frame_error, MAX_FRAME_SHARE


def _project(observation, skeleton, convention):
    """(J, 2) px; None for who is behind the camera, or nowhere."""
    joints = np.float64(observation.joints)
    if convention.mirrored:
        joints = joints[list(skeleton.flip_permutation)]
    intrinsics = np.float64(observation.intrinsics)
    with np.errstate(all="ignore"):  # whatever a wrong file may hold
        joints = camera.camera_from_world(
            joints,
            *convention.place(observation.rotation, observation.translation),
        )
        if not (joints[:, 2] > 1).all():
            return None
        straight = camera.image_from_camera(joints, intrinsics, np.zeros(5))
        bent = camera.image_from_camera(
            joints, intrinsics, np.float64(observation.distortion)
        )
    # Far outside the image, the lens's polynomial may lead back into it.
    offset = np.abs(straight - intrinsics[:2, 2])
    points = bent if (offset < intrinsics[0, 0]).all() else straight
    return points if np.isfinite(points).all() else None


def _mean_errors(observations, skeleton, convention, error):
    """Means of (share of the person, px); infinite if one is behind."""
    rows = []
    for observation in observations:
        points = _project(observation, skeleton, convention)
        if points is None:
            return np.inf, np.inf
        rows.append(error(observation, points))
    return tuple(np.mean(rows, axis=0))


def _joint_error(observations, skeleton, convention):
    def error(observation, points):
        known = np.isfinite(observation.joints_px).all(axis=1)
        target = observation.joints_px[known]
        distance = np.linalg.norm(points[known] - target, axis=1).mean()
        return distance / np.ptp(target, axis=0).max(), distance

    return _mean_errors(observations, skeleton, convention, error)


def _box_error(observations, skeleton, convention):
    """Of the four sides of the joints' box, padded as fits best."""

    def sides(observation, points):
        low, high = points.min(axis=0), points.max(axis=0)
        return np.stack([(low + high) / 2, high - low])

    found = [_project(o, skeleton, convention) for o in observations]
    if any(points is None for points in found):
        return np.inf, np.inf
    tight = np.stack(
        [sides(o, p) for o, p in zip(observations, found, strict=True)]
    )
    boxes = np.stack([np.float64(o.box) for o in observations])
    size = boxes[:, 2:]
    with np.errstate(divide="ignore"):
        padding = np.median(size / tight[:, 1])
    padded = tight[:, 1] * np.clip(padding, *_PADDING)
    shift = np.abs(boxes[:, :2] + size / 2 - tight[:, 0])
    px = (shift + np.abs(size - padded) / 2).mean(axis=1)
    return (px / size.max(axis=1)).mean(), px.mean()


def _frame_error(observations, skeleton, convention):
    """How far joints lie outside the image; infinite if people lie."""
    head, pelvis = map(skeleton.joints.index, ("head_top", "pelvis"))
    upright = []

    def error(observation, points):
        inside = np.clip(points, 0, observation.frame)
        distance = np.linalg.norm(points - inside, axis=1).mean()
        spine = points[pelvis] - points[head]
        upright.append(spine[1] / max(np.linalg.norm(spine), 1e-6))
        length = np.ptp(points, axis=0).max()
        # A person of a few px is seen from a camera that is not there.
        far = length < _MIN_LENGTH_SHARE * max(observation.frame)
        return np.inf if far else distance / length, distance

    share, px = _mean_errors(observations, skeleton, convention, error)
    lying = np.mean(upright) < _MIN_UPRIGHT if upright else False
    return np.inf if lying else share, px
