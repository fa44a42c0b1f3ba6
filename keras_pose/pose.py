"""What a prediction is: the poses of the people in one image."""

import dataclasses
import enum

import numpy as np

from keras_pose.skeleton import Skeleton

# How a box was found, where no detector found it.
GIVEN, FOLLOWED = "given", "followed"


class Caveat(enum.Flag):
    """What else a user should know of the poses of an image."""

    CAMERA_GUESSED = 1  # and so is how far away people are
    NOBODY_FOUND = 2  # by the detector; of a photo the whole is then the box
    NO_ENTRY = 4  # in the table of boxes, where others have one
    LOST = 8  # is somebody whom the user gave in the first frame


@dataclasses.dataclass(frozen=True, repr=False)
class Pose:
    """One person's pose.

    Attributes:
        skeleton: The joints.
        joints_mm: (J, 3) mm, relative to the root, along the camera's axes: x
            right, y down, z away from the camera.
        joints_camera_mm: (J, 3) mm, camera frame.
        joints_px: (J, 2) px in the whole image; (0, 0) is the centre of its
            top-left pixel.
        std_mm: (J,) mm, root-mean-square distance under the heatmap, or None.
        confidence: (J,) in [0, 1], or None.
        box: (4,) x, y, width, height in px, the box that was used.
        box_from: How it was found, for people to read.
        position_from: How the person's place was found, likewise.
        person: Number of the person, from 1, the same in all frames of a
            video.
    """

    skeleton: Skeleton
    joints_mm: np.ndarray
    joints_camera_mm: np.ndarray
    joints_px: np.ndarray
    std_mm: np.ndarray | None
    confidence: np.ndarray | None
    box: np.ndarray
    box_from: str
    position_from: str
    person: int

    def __repr__(self):
        box = ", ".join(f"{number:.0f}" for number in self.box)
        return (
            f"<Pose of person {self.person}, {self.skeleton.name}, box {box}>"
        )

    def joint(self, name):
        """The place of one joint, (3,) mm in the camera frame.

        Args:
            name: As in `skeleton.joints`, for example "left_knee".

        Raises:
            ValueError: The skeleton has no such joint.
        """
        if name not in self.skeleton.joints:
            raise ValueError(
                f"`name` must be one of {', '.join(self.skeleton.joints)}. "
                f"Received: {name!r}"
            )
        return self.joints_camera_mm[self.skeleton.joints.index(name)]

    def to_dict(self):
        """The pose for a JSON file."""
        return {
            "person": self.person,
            "joints_root_relative_mm": _rows(self.joints_mm, 3),
            "joints_camera_mm": _rows(self.joints_camera_mm, 3),
            "joints_image_px": _rows(self.joints_px, 3),
            "std_mm": _rows(self.std_mm, 3),
            "confidence": _rows(self.confidence, 5),
            "box_px": _rows(self.box, 3),
            "box_from": self.box_from,
            "position_from": self.position_from,
        }


@dataclasses.dataclass(frozen=True, repr=False)
class Poses:
    """The poses of the people in one image: a sequence of `Pose`.

    Attributes:
        skeleton: The joints of each.
        people: Tuple of Poses, any number.
        image_size: (width, height) px.
        intrinsics: (3, 3) px, those that were used.
        intrinsics_from: How they were found, for people to read.
        distortion: (5,) k1, k2, p1, p2, k3.
        refused: Why boxes that were found have no pose, a line for each.
        caveats: The Caveats that hold.
    """

    skeleton: Skeleton
    people: tuple[Pose, ...]
    image_size: tuple[int, int]
    intrinsics: np.ndarray
    intrinsics_from: str
    distortion: np.ndarray
    refused: tuple[str, ...] = ()
    caveats: Caveat = Caveat(0)

    def __repr__(self):
        width, height = self.image_size
        people = "".join(f", {pose!r}" for pose in self.people)
        return f"<Poses in {width} x {height} px{people}>"

    def __len__(self):
        return len(self.people)

    def __iter__(self):
        return iter(self.people)

    def __getitem__(self, index):
        return self.people[index]

    def to_dict(self):
        """The poses for a JSON file, units in the names."""
        width, height = self.image_size
        return {
            "skeleton": self.skeleton.name,
            "joints": list(self.skeleton.joints),
            "width_px": width,
            "height_px": height,
            "intrinsics_px": _rows(self.intrinsics, 4),
            "intrinsics_from": self.intrinsics_from,
            "distortion": _rows(self.distortion, 8),
            "people": [pose.to_dict() for pose in self.people],
            "caveats": [caveat.name.lower() for caveat in self.caveats],
        }

    def plot(self, image=None):
        """Draws the people in 3D, and on their image where it is given.

        Args:
            image: (height, width, 3) uint8, RGB.

        Returns:
            A Matplotlib figure, which a notebook shows.
        """
        from keras_pose.outputs import still

        return still.figure_of(self, image)


def _rows(array, decimals):
    if array is None:
        return None
    return np.round(np.asarray(array, np.float64), decimals).tolist()
