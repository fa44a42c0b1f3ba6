"""What is asked of an image: boxes and a camera, checked and completed."""

import dataclasses
import typing

import numpy as np

from keras_pose import images
from keras_pose import location
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.geometry import rules
from keras_pose.geometry.volume import View
from keras_pose.pose import GIVEN
from keras_pose.pose import Caveat

WHOLE_IMAGE = "image"  # in place of boxes


class People(typing.NamedTuple):
    """Where to look for people in an image: fields of a Shot."""

    boxes: np.ndarray
    box_from: str | tuple[str, ...] = GIVEN
    persons: tuple[int, ...] | None = None
    is_strict: bool = True
    caveats: Caveat = Caveat(0)


@dataclasses.dataclass(frozen=True)
class Shot:
    """What is asked of one image.

    Attributes:
        image: (height, width, 3) uint8, RGB.
        boxes: (N, 4) x, y, width, height in px, tight on each person.
        intrinsics: (3, 3) px, or None where the camera is unknown.
        distortion: (5,) k1, k2, p1, p2, k3, or None for a pinhole.
        root_depths: (N,) mm from the camera to each root along its axis, 0
            where it is not known; None estimates all.
        field_of_view: Degrees across the longer side of the image, where the
            intrinsics are unknown.
        intrinsics_from: How the intrinsics were found; None says it.
        box_from: How the boxes were found, one text for all or one for each.
        persons: (N,) number of each person; None counts from 1.
        is_strict: Whether a box or pose that cannot be is an error; else it
            is left out, and `Poses.refused` says why.
        caveats: The `pose.Caveat` of how the boxes were found.
    """

    image: np.ndarray
    boxes: np.ndarray
    intrinsics: np.ndarray | None = None
    distortion: np.ndarray | None = None
    root_depths: np.ndarray | None = None
    field_of_view: float | None = None
    intrinsics_from: str | None = None
    box_from: str | tuple[str, ...] = GIVEN
    persons: tuple[int, ...] | None = None
    is_strict: bool = True
    caveats: Caveat = Caveat(0)


class Scene:
    """A Shot, checked and completed; boxes that cannot be are left out.

    Args:
        shot: The Shot.
        spec: The PoseSpec of the network that will look at it.

    Raises:
        ValueError: Names the argument, the rule and the value.
    """

    def __init__(self, shot, spec):
        check_image(shot.image)
        self.image = shot.image
        self.height, self.width = shot.image.shape[:2]
        self.is_strict, self.refused = shot.is_strict, []
        self.caveats = shot.caveats
        self.intrinsics, self.intrinsics_from = self._camera(shot)
        self.distortion = _numbers(
            "distortion",
            np.zeros(5) if shot.distortion is None else shot.distortion,
            (5,),
        )
        boxes = _rows_of_four("boxes", shot.boxes)
        count = len(boxes)
        depths = shot.root_depths
        depths = np.zeros(count) if depths is None else depths
        depths = _numbers("root_depths", np.atleast_1d(depths), (count,))
        one = isinstance(shot.box_from, str)
        box_from = (shot.box_from,) * count if one else shot.box_from
        persons = shot.persons
        persons = range(1, count + 1) if persons is None else persons
        self._check_depths(depths, spec)
        checks = rules.of_box(boxes, self.width, self.height)
        kept = [
            row
            for row in range(count)
            if self.allows("boxes", checks, row, boxes[row].tolist())
        ]
        self.boxes, self.root_depths = boxes[kept], depths[kept]
        self.box_from = [box_from[row] for row in kept]
        self.persons = [persons[row] for row in kept]

    def _camera(self, shot):
        if shot.intrinsics is not None:
            intrinsics = _numbers("intrinsics", shot.intrinsics, (3, 3))
            _check(
                "intrinsics",
                rules.of_intrinsics(intrinsics),
                intrinsics.tolist(),
            )
            return intrinsics, shot.intrinsics_from or GIVEN
        degrees, said = shot.field_of_view, GIVEN
        if degrees is None:
            degrees, said = camera.ORDINARY_FIELD_OF_VIEW, "a guess"
            self.caveats |= Caveat.CAMERA_GUESSED
        if not 1 <= degrees <= 170:
            raise ValueError(
                f"`field_of_view` must be 1 to 170 degrees. Received: {degrees}"
            )
        intrinsics = camera.intrinsics_from_field_of_view(
            degrees, self.width, self.height
        )
        said = f"{said}: {degrees:g} degrees across the longer side"
        return intrinsics, shot.intrinsics_from or said

    def _check_depths(self, depths, spec):
        for depth in depths:
            if depth != 0:
                _check("root_depths", rules.of_root_depth(depth), depth)
        if location.needs_root_depth(spec) and not depths.all():
            raise ValueError(
                f"`root_depths` {rules.NO_BONES}. Received: {depths.tolist()}"
            )

    def allows(self, name, checks, row, received):
        """Whether a row meets the rules; an error where boxes are given."""
        for rule in checks:
            if not rule.holds[row]:
                values = [v[row] if np.ndim(v) else v for v in rule.values]
                text = f"`{name}` {rule.text.format(*values)}"
                text = f"{text}. Received: {received}"
                if self.is_strict:
                    raise ValueError(text)
                self.refused.append(text)
                return False
        return True

    def view(self, spec):
        """The View of all crops."""
        count = len(self.boxes)
        return View(
            crop.crop_from_image(self.boxes, spec.input_size, spec.box_margin),
            np.broadcast_to(self.intrinsics, (count, 3, 3)),
            np.broadcast_to(self.distortion, (count, 5)),
            self.root_depths[:, None, None],
        )

    def crops(self, spec):
        """What the network sees, (N, S, S, 3) uint8."""
        size = spec.input_size
        found = np.empty((len(self.boxes), size, size, 3), np.uint8)
        transforms = self.view(spec).crop_from_image
        for row, transform in enumerate(transforms):
            found[row] = images.crop_image(self.image, transform, size)
        return found


def check_image(image):
    """Refuses what is no image.

    Raises:
        ValueError: It is not (height, width, 3) uint8.
    """
    shape, dtype = getattr(image, "shape", None), getattr(image, "dtype", None)
    if (
        shape is None
        or len(shape) != 3
        or shape[2] != 3
        or 0 in shape
        or dtype != np.uint8
    ):
        raise ValueError(
            "`image` must be (height, width, 3) uint8, RGB. "
            f"Received: shape {shape}, {dtype}"
        )


def _rows_of_four(name, value):
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    array = array.reshape(1, 4) if array.shape == (4,) else array
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(
            f"`{name}` must be numbers of shape (N, 4) or (4,). "
            f"Received: {value}"
        )
    return array


def _numbers(name, value, shape):
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != shape or not np.all(np.isfinite(array)):
        raise ValueError(
            f"`{name}` must be finite numbers of shape {shape}. "
            f"Received: {value}"
        )
    return array


def _check(name, checks, received):
    for rule in checks:
        if not rule.holds:
            text = rule.text.format(*rule.values)
            raise ValueError(f"`{name}` {text}. Received: {received}")
