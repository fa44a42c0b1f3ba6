"""From clips of Human3.6M to samples: poses, a camera and images of each."""

import collections.abc
import dataclasses

import numpy as np

from keras_pose import images as image_files
from keras_pose.data.sources.h36m import clip_images
from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.h36m import pose_samples
from keras_pose.data.sources.lens import check_full_frame
from keras_pose.data.sources.source import Source
from keras_pose.geometry import camera as camera_geometry
from keras_pose.skeleton import H36M_17


@dataclasses.dataclass(frozen=True)
class Take:
    """A clip that is read.

    Attributes:
        clip: The Clip.
        length: How many frames it has poses for.
        images: Its video or folder, as `clip_images.find` gives it.
        poses: Gives (length, 17, 3) mm: in the world, or in the camera frame
            where there is no place.
        place: (rotation, centre) of the camera in the world, or None.
        intrinsics: (3, 3) px.
        distortion: (5,) k1, k2, p1, p2, k3.
    """

    clip: facts.Clip
    length: int
    images: str
    poses: collections.abc.Callable[[], np.ndarray]
    place: tuple[np.ndarray, np.ndarray] | None
    intrinsics: np.ndarray
    distortion: np.ndarray


def open_takes(name, takes, every, correct_s9, notes):
    """Makes a Source of takes.

    Args:
        name: The source's name.
        takes: The Takes, without those of broken clips.
        every: Take every n-th frame.
        correct_s9: Whether to undo S9's drift.
        notes: Lines for the user.
    """
    counts = [len(range(0, take.length, every)) for take in takes]
    drifted = sum(
        count
        for count, take in zip(counts, takes, strict=True)
        if take.clip.drifted
    )
    in_world = all(take.place is not None for take in takes)
    return Source(
        name,
        H36M_17,
        sum(counts),
        _samples(name, takes, every, correct_s9),
        (
            *notes,
            *facts.drift_notes(correct_s9, drifted, "frames", in_world),
        ),
    )


def _samples(source, takes, every, correct_s9):
    for take in takes:
        clip = take.clip
        joints = np.float64(take.poses())
        if len(joints) != take.length:
            raise ValueError(
                f"{take.images}: its poses have changed since they were opened"
            )
        if take.place is not None:
            joints = camera_geometry.camera_from_world(
                pose_samples.undrifted(clip, joints, correct_s9), *take.place
            )
        base = "_".join(filter(None, (clip.subject, clip.action, clip.take)))
        base = f"{base}.{clip.camera}"
        frames = range(0, take.length, every)
        for frame, image in clip_images.read(take.images, frames):
            name = f"{clip.subject}/{base}/{base}_{frame + 1:06d}.jpg"
            size = image_files.image_header(image, name)[:2]
            check_full_frame(name, take.intrinsics, size)
            yield pose_samples.pose_sample(
                source,
                image,
                name,
                clip,
                frame + 1,
                joints[frame],
                take.intrinsics,
                take.distortion,
            )
