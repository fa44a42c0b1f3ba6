"""From images to the poses of the people in them, by any artefact."""

import os
import threading

import numpy as np

from keras_pose import location
from keras_pose.geometry import crop
from keras_pose.geometry.volume import MetricVolume
from keras_pose.media.photos import read_photo
from keras_pose.people import load_detector
from keras_pose.pose import Caveat
from keras_pose.pose import Pose
from keras_pose.pose import Poses
from keras_pose.serving import artefacts
from keras_pose.shots import WHOLE_IMAGE
from keras_pose.shots import People
from keras_pose.shots import Scene
from keras_pose.shots import Shot
from keras_pose.shots import check_image


class Predictor:
    """An artefact that takes images.

    Args:
        model: An Artefact, or its path as of `artefacts.load`.
        crop_model: The same of a network with a crop volume, for a `model`
            with a metric one: the first says where in the image the joints
            are, the second how large the person is, both together how far
            away.
        detector: Finds people where no boxes are given; a name or path as of
            `people.load_detector`, or a detector.

    Raises:
        ValueError: There is no such model, or two that do not go together.
    """

    def __init__(self, model, crop_model=None, detector="hog"):
        self.artefact = _loaded(model)
        self.spec = self.artefact.spec
        self.crop_artefact = None
        if crop_model is not None:
            self.crop_artefact = _loaded(crop_model)
            location.check_pair(self.spec, self.crop_artefact.spec)
        self._detector, self._lock = detector, threading.Lock()

    @property
    def detector(self):
        """What finds people, loaded when it is first needed."""
        with self._lock:  # photos are looked at by several threads
            if not callable(self._detector):
                self._detector = load_detector(self._detector)
            return self._detector

    def __call__(
        self,
        image,
        boxes=None,
        intrinsics=None,
        distortion=None,
        root_depths=None,
        field_of_view=None,
        flip=False,
    ):
        """Predicts the poses of the people in an image.

        Args:
            image: (height, width, 3) uint8, RGB; or the path of an image
                file, which is turned upright as its EXIF says.
            boxes: (N, 4) or (4,) x, y, width, height in px, tight on each
                person; "image" takes the whole image for one; None finds
                people by the detector, and takes the whole image where it
                finds nobody.
            intrinsics: (3, 3) px; None takes what the EXIF of an image file
                says, or guesses them from the field of view.
            distortion: (5,) k1, k2, p1, p2, k3; None for a pinhole.
            root_depths: (N,) mm from the camera to each root along its axis;
                0 or None estimates it.
            field_of_view: Degrees across the image's longer side, 55 if None.
            flip: Whether to average with the mirrored image.

        Returns:
            `pose.Poses`, one for each box, in their order.

        Raises:
            ValueError: The image file cannot be read; or an argument is wrong:
                names it, the rule and the value.
        """
        camera_from = None
        if isinstance(image, str | os.PathLike):
            photo = read_photo(os.fspath(image))
            image = photo.image
            if intrinsics is None and field_of_view is None:
                intrinsics = photo.intrinsics
                camera_from = photo.intrinsics_from
        check_image(image)
        shot = Shot(
            image,
            intrinsics=intrinsics,
            distortion=distortion,
            root_depths=root_depths,
            field_of_view=field_of_view,
            intrinsics_from=camera_from,
            **self.find_people(image, boxes)._asdict(),
        )
        return self.predict([shot], flip)[0]

    def find_people(self, image, boxes=None):
        """Who is meant by `boxes`, as of a call: the `shots.People`."""
        height, width = image.shape[:2]
        whole = crop.box_of_image(width, height, self.spec.box_margin)[None]
        if isinstance(boxes, str) and boxes == WHOLE_IMAGE:
            return People(whole, "the whole image")
        if boxes is not None:
            return People(boxes)
        found, name = self.detector(image).boxes, self.detector.name
        if len(found):
            return People(found, name, is_strict=False)
        return People(
            whole,
            f"the whole image, {name} found nobody",
            caveats=Caveat.NOBODY_FOUND,
        )

    def predict(self, shots, flip=False):
        """Predicts the poses of several images with one run of the network.

        Args:
            shots: The Shots.
            flip: As of a call.

        Returns:
            A list of `pose.Poses`, one for each shot.

        Raises:
            ValueError: As of a call.
        """
        scenes = [Scene(shot, self.spec) for shot in shots]
        if self.crop_artefact is not None and any(
            scene.root_depths.any() for scene in scenes
        ):
            raise ValueError(
                "`root_depths` must not be given to two networks, which find "
                "them together"
            )
        looked = [scene for scene in scenes if len(scene.boxes)]
        outputs = _looked_at(self.artefact, looked, flip)
        seen = [None] * len(looked)
        if self.crop_artefact is not None:
            seen = _looked_at(self.crop_artefact, looked, flip)
        people = {
            id(scene): self._people(scene, *found)
            for scene, *found in zip(looked, outputs, seen, strict=True)
        }
        return [
            Poses(
                self.spec.skeleton,
                people.get(id(scene), ()),
                (scene.width, scene.height),
                scene.intrinsics,
                scene.intrinsics_from,
                scene.distortion,
                tuple(scene.refused),
                scene.caveats,
            )
            for scene in scenes
        ]

    def _people(self, scene, outputs, seen):
        view = scene.view(self.spec)
        # What a lens without meaning overflows to, the rules refuse.
        with np.errstate(all="ignore"):
            if seen is None:
                place = location.locate(
                    self.spec, outputs["pose"], view, scene.boxes
                )
            else:
                place = location.locate_by_both(
                    self.spec,
                    outputs,
                    self.crop_artefact.spec,
                    seen,
                    scene.view(self.crop_artefact.spec),
                    scene.boxes,
                )
            std = None
            if "std" in outputs:
                unit_mm = self.spec.volume.unit_mm(place.view)
                std = np.linalg.norm(outputs["std"] * unit_mm, axis=-1)
        confidence = outputs.get("confidence")
        people = []
        for row in range(len(scene.boxes)):
            if not scene.allows(
                "root_depths` and `distortion",
                place.rules,
                row,
                f"root depth {scene.root_depths[row]:g}, "
                f"distortion {scene.distortion.tolist()}",
            ):
                continue
            people.append(
                Pose(
                    self.spec.skeleton,
                    place.joints_mm[row],
                    place.joints_camera_mm[row],
                    place.joints_px[row],
                    None if std is None else std[row],
                    None if confidence is None else confidence[row],
                    scene.boxes[row],
                    scene.box_from[row],
                    self._position_from(scene.root_depths[row]),
                    scene.persons[row],
                )
            )
        return tuple(people)

    def _position_from(self, root_depth):
        if self.crop_artefact is not None:
            return "least squares of the joints in mm and in px"
        if isinstance(self.spec.volume, MetricVolume):
            if root_depth == 0:
                return "the pose fills its box"
            return "the given root depth, and the box's centre"
        if root_depth == 0:
            return "mean bone lengths of the training set"
        return "the given root depth"


def _looked_at(artefact, scenes, flip):
    """Outputs of a network for the crops of each scene, float64."""
    if not scenes:
        return []
    pixels = np.concatenate([scene.crops(artefact.spec) for scene in scenes])
    outputs = artefact.predict(pixels)
    if flip:
        mirrored = artefact.predict(np.ascontiguousarray(pixels[:, :, ::-1]))
        swapped = list(artefact.spec.skeleton.flip_permutation)
        mirrored = {name: v[:, swapped] for name, v in mirrored.items()}
        mirrored["pose"] = mirrored["pose"] * [-1, 1, 1] + [1, 0, 0]
        outputs = {n: (v + mirrored[n]) / 2 for n, v in outputs.items()}
    ends = np.cumsum([len(scene.boxes) for scene in scenes])[:-1]
    parts = {n: np.split(np.float64(v), ends) for n, v in outputs.items()}
    return [
        dict(zip(parts, rows, strict=True))
        for rows in zip(*parts.values(), strict=True)
    ]


def _loaded(model):
    is_loaded = isinstance(model, artefacts.Artefact)
    return model if is_loaded else artefacts.load(model)
