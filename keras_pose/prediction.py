"""From an image and a box to a pose in mm, by any artefact."""

import dataclasses

import numpy as np

from keras_pose import images
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.geometry import placement
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
        path: As of `artefacts.load`.
    """

    def __init__(self, path):
        self.artefact = artefacts.load(path)
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
            # The box whose crop, with its margin, is the whole image.
            side = max(width, height) / margin
            box = [(width - side) / 2, (height - side) / 2, side, side]
        box = _check_box(box, width, height)
        intrinsics, intrinsics_from = _check_camera(intrinsics, width, height)
        distortion = _check_numbers(
            "distortion",
            np.zeros(5) if distortion is None else distortion,
            (5,),
        )
        if root_depth is not None and not 0 < root_depth < np.inf:
            raise ValueError(
                "`root_depth` must be a positive number of mm. "
                f"Received: {root_depth}"
            )

        transform = crop.crop_from_image(box, self.spec.input_size, margin)
        pixels = images.crop_image(image, transform, self.spec.input_size)
        outputs = self.artefact.predict(pixels[None])
        outputs = {name: value[0] for name, value in outputs.items()}
        view = View(
            np.float64(transform), intrinsics, distortion, np.ones((1, 1))
        )
        return self._pose(outputs, view, box, root_depth, intrinsics_from)

    def _pose(self, outputs, view, box, root_depth, intrinsics_from):
        """Puts the network's outputs for one crop in front of the camera."""
        locate = (
            self._locate_metric
            if isinstance(self.spec.volume, MetricVolume)
            else self._locate_crop
        )
        joints, view, position_from = locate(
            np.float64(outputs["pose"]), view, box, root_depth
        )
        joints_px = camera.image_from_camera(
            joints, view.intrinsics, view.distortion
        )
        if not np.all(joints[:, 2] > 0) or not np.all(np.isfinite(joints_px)):
            raise ValueError(
                "`root_depth` and `distortion` must leave every joint in front "
                "of the camera, on the image plane. Received: "
                f"root_depth={root_depth}, "
                f"distortion={view.distortion.tolist()}, "
                f"nearest joint at {joints[:, 2].min():.0f} mm"
            )
        std_mm = None
        if "std" in outputs:
            std_mm = np.linalg.norm(
                outputs["std"] * self.spec.volume.unit_mm(view), axis=-1
            )
        return Pose(
            self.spec.skeleton,
            joints - joints[self.spec.skeleton.root],
            joints,
            joints_px,
            std_mm,
            outputs.get("confidence"),
            box,
            view.intrinsics,
            intrinsics_from,
            position_from,
        )

    def _locate_metric(self, pose, view, box, root_depth):
        """The metric volume knows the size: the box says how far away."""
        joints = self.spec.volume.decode(pose, view)
        joints = joints - joints[self.spec.skeleton.root]
        root = placement.root_from_box(
            joints, box, view.intrinsics, view.distortion, root_depth
        )
        position_from = "the pose fills its box"
        if root_depth is not None:
            position_from = "the given root depth, and the box's centre"
        return joints + root, view, position_from

    def _locate_crop(self, pose, view, box, root_depth):
        """The crop volume knows the pixels: the bones say how far away."""
        del box
        position_from = "the given root depth"
        if root_depth is None:
            rays = camera.camera_from_image(
                self.spec.volume.image_points(pose, view),
                1.0,
                view.intrinsics,
                view.distortion,
            )
            depth = (pose[:, 2] - 0.5) * self.spec.volume.depth_mm
            root_depth = placement.root_depth_from_bone_lengths(
                rays[:, :2],
                depth,
                self.spec.skeleton.bones,
                self.spec.bone_lengths_mm,
            )
            position_from = "mean bone lengths of the training set"
        view = view._replace(root_depth=np.full((1, 1), float(root_depth)))
        return self.spec.volume.decode(pose, view), view, position_from


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


def _check_box(box, width, height):
    box = _check_numbers("box", box, (4,))
    x, y, box_width, box_height = box
    if box_width <= 0 or box_height <= 0:
        raise ValueError(
            f"`box` must have a positive width and height. Received: {box}"
        )
    if x >= width or y >= height or x + box_width <= 0 or y + box_height <= 0:
        raise ValueError(
            f"`box` must overlap the image of {width} x {height} px. "
            f"Received: {box}"
        )
    return box


def _check_camera(intrinsics, width, height):
    if intrinsics is None:
        degrees = camera.ORDINARY_FIELD_OF_VIEW
        guess = camera.intrinsics_from_field_of_view(degrees, width, height)
        return np.float64(guess), (
            f"a guess: {degrees:.0f} degrees across the longer side"
        )
    intrinsics = _check_numbers("intrinsics", intrinsics, (3, 3))
    (fx, _, cx), (_, fy, cy) = intrinsics[:2]
    pinhole = [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]
    if fx <= 0 or fy <= 0 or not np.array_equal(intrinsics, pinhole):
        raise ValueError(
            "`intrinsics` must have positive focal lengths, no skew, and "
            "0, 0, 1 as its last row. "
            f"Received: {intrinsics.tolist()}"
        )
    return intrinsics, "given"
