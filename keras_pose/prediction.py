"""From an image and a box to a pose in mm, by any artefact."""

import dataclasses

import numpy as np

from keras_pose import images
from keras_pose import location
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.geometry import rules
from keras_pose.geometry.volume import MetricVolume
from keras_pose.geometry.volume import View
from keras_pose.serving import artefacts
from keras_pose.skeleton import Skeleton


@dataclasses.dataclass(frozen=True)
class Pose:
    """One person's pose.

    Attributes:
        skeleton: The joints.
        joints_mm: (J, 3) mm, relative to the root, along the camera's axes.
        joints_camera_mm: (J, 3) mm, camera frame.
        joints_px: (J, 2) px in the whole image.
        std_mm: (J,) mm, root-mean-square distance under the heatmap, or None.
        confidence: (J,) in [0, 1], or None.
        box: (4,) px, the box that was used.
        intrinsics: (3, 3) px, those that were used.
        intrinsics_from: "given", or how they were guessed.
        position_from: How the person's place was found.
    """

    skeleton: Skeleton
    joints_mm: np.ndarray
    joints_camera_mm: np.ndarray
    joints_px: np.ndarray
    std_mm: np.ndarray | None
    confidence: np.ndarray | None
    box: np.ndarray
    intrinsics: np.ndarray
    intrinsics_from: str
    position_from: str

    def to_dict(self):
        """The pose for a JSON file, units in the names."""

        def rows(array, decimals):
            return None if array is None else np.round(array, decimals).tolist()

        return {
            "skeleton": self.skeleton.name,
            "joints": list(self.skeleton.joints),
            "joints_root_relative_mm": rows(_plain(self.joints_mm), 3),
            "joints_camera_mm": rows(_plain(self.joints_camera_mm), 3),
            "joints_image_px": rows(_plain(self.joints_px), 3),
            "std_mm": rows(_plain(self.std_mm), 3),
            "confidence": rows(_plain(self.confidence), 5),
            "box_px": rows(_plain(self.box), 3),
            "intrinsics_px": rows(_plain(self.intrinsics), 4),
            "intrinsics_from": self.intrinsics_from,
            "position_from": self.position_from,
        }


def _plain(array):
    return None if array is None else np.asarray(array, np.float64)


class Predictor:
    """An artefact that takes images.

    Args:
        model: An Artefact, or its path as of `artefacts.load`.
    """

    def __init__(self, model):
        is_loaded = isinstance(model, artefacts.Artefact)
        self.artefact = model if is_loaded else artefacts.load(model)
        self.spec = self.artefact.spec

    def __call__(
        self,
        image,
        box=None,
        intrinsics=None,
        distortion=None,
        root_depth=None,
    ):
        """Predicts the pose of one person.

        Args:
            image: (height, width, 3) uint8, RGB.
            box: (4,) x, y, width, height in px, tight on the person; None
                takes the whole image.
            intrinsics: (3, 3) px; None guesses them from a field of view of
                `camera.ORDINARY_FIELD_OF_VIEW` degrees.
            distortion: (5,) k1, k2, p1, p2, k3; None for a pinhole.
            root_depth: mm from the camera to the root along its axis; None
                estimates it.

        Returns:
            A Pose.

        Raises:
            ValueError: Names the argument, the rule and the value.
        """
        _check_image(image)
        height, width = image.shape[:2]
        margin = self.spec.box_margin
        if box is None:
            box = crop.box_of_image(width, height, margin)
        box = _check_numbers("box", box, (4,))
        _check_rules("box", rules.of_box(box, width, height), box)
        intrinsics, intrinsics_from = _check_camera(intrinsics, width, height)
        distortion = _check_numbers(
            "distortion",
            np.zeros(5) if distortion is None else distortion,
            (5,),
        )
        if root_depth is not None:
            _check_rules(
                "root_depth", rules.of_root_depth(root_depth), root_depth
            )
        elif location.needs_root_depth(self.spec):
            raise ValueError(f"`root_depth` {rules.NO_BONES}. Received: None")

        transform = crop.crop_from_image(box, self.spec.input_size, margin)
        pixels = images.crop_image(image, transform, self.spec.input_size)
        outputs = self.artefact.predict(pixels[None])
        outputs = {name: value[0] for name, value in outputs.items()}
        view = View(
            np.float64(transform),
            intrinsics,
            distortion,
            np.full((1, 1), float(root_depth or 0)),
        )
        # What a lens without meaning overflows to, the rules refuse.
        with np.errstate(all="ignore"):
            place = location.locate(
                self.spec, np.float64(outputs["pose"]), view, box
            )
        _check_rules(
            "root_depth` and `distortion",
            place.rules,
            f"root_depth={root_depth}, distortion={distortion.tolist()}",
        )
        return Pose(
            self.spec.skeleton,
            place.joints_mm,
            place.joints_camera_mm,
            place.joints_px,
            self._std_mm(outputs, place.view),
            outputs.get("confidence"),
            box,
            intrinsics,
            intrinsics_from,
            self._position_from(root_depth),
        )

    def _std_mm(self, outputs, view):
        if "std" not in outputs:
            return None
        unit_mm = self.spec.volume.unit_mm(view)
        return np.linalg.norm(outputs["std"] * unit_mm, axis=-1)

    def _position_from(self, root_depth):
        if isinstance(self.spec.volume, MetricVolume):
            if root_depth is None:
                return "the pose fills its box"
            return "the given root depth, and the box's centre"
        if root_depth is None:
            return "mean bone lengths of the training set"
        return "the given root depth"


def _check_image(image):
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


def _check_numbers(name, value, shape):
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


def _check_rules(name, checks, received):
    for rule in checks:
        if not rule.holds:
            text = rule.text.format(*rule.values)
            raise ValueError(f"`{name}` {text}. Received: {received}")


def _check_camera(intrinsics, width, height):
    if intrinsics is None:
        degrees = camera.ORDINARY_FIELD_OF_VIEW
        guess = camera.intrinsics_from_field_of_view(degrees, width, height)
        return guess, f"a guess: {degrees:.0f} degrees across the longer side"
    intrinsics = _check_numbers("intrinsics", intrinsics, (3, 3))
    _check_rules(
        "intrinsics", rules.of_intrinsics(intrinsics), intrinsics.tolist()
    )
    return intrinsics, "given"
