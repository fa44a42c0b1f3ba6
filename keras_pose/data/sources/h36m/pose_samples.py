"""Samples of Human3.6M from poses and cameras, whatever file they came from."""

import dataclasses

import numpy as np

from keras_pose.data.sample import Sample
from keras_pose.data.sources import image_names
from keras_pose.data.sources import labels
from keras_pose.data.sources.h36m import facts
from keras_pose.geometry import camera as camera_geometry

# Of an opened file, so many poses prove its convention.
MAX_OBSERVATIONS = 40

_MAX_DISTANCE_MM = 1e6


def spread(count):
    """Up to `MAX_OBSERVATIONS` of `count` indices, ends included."""
    number = min(count, MAX_OBSERVATIONS)
    return np.unique(np.linspace(0, count - 1, number).astype(int))


@dataclasses.dataclass(frozen=True)
class Sifted:
    """Rows of a list of images that are read.

    Attributes:
        rows: (R,) row numbers, at least one, ascending.
        num_drifted: How many are of clips whose markers drifted.
        notes: Lines for the user: what is left out.
    """

    rows: np.ndarray
    num_drifted: int
    notes: tuple[str, ...]


def sift(names, where, split, subjects, every):
    """Leaves out other subjects, the frames between, and broken clips.

    Args:
        names: The image name of every row, as `image_names.HUMAN36M`; they
            count frames from 1.
        where: What an error names, the file and the field.
        split: Keep its subjects; None for all.
        subjects: Keep them alone, who must all be there; None for all.
        every: Keep every n-th frame; None for all.

    Returns:
        The Sifted.

    Raises:
        ValueError: A name's action or camera is none, or nothing is left.
    """
    wanted, every = facts.select(split, subjects, every, sampled=False)
    matches = [
        image_names.parse(name, image_names.HUMAN36M, where) for name in names
    ]
    present = {str(match["subject"]) for match in matches}
    if wanted is not None and subjects is None:
        # Of a split, a file may hold a part.
        wanted = sorted(present.intersection(wanted)) or wanted
    wanted = facts.wanted_of(wanted, sorted(present), f"{where} must be")
    kept, num_others, num_broken, num_drifted = [], 0, 0, 0
    for row, match in enumerate(matches):
        if match["subject"] not in wanted:
            num_others += 1
            continue
        if (int(match["frame"]) - 1) % every:
            continue
        try:
            clip = facts.clip_from_name(
                match["subject"], match["action"], match["camera"]
            )
        except ValueError as error:
            raise ValueError(f"{where}: {names[row]!r}: {error}") from error
        if clip.broken:
            num_broken += 1
        else:
            kept.append(row)
            num_drifted += clip.drifted
    if not kept:
        raise ValueError(
            f"`every` must leave a frame of those listed. Received: {every}, "
            f"with {len(matches) - num_others} frames, {num_broken} of broken "
            "videos"
        )
    notes = (
        *facts.others_notes(num_others, "images", wanted),
        *facts.broken_notes(num_broken, "images"),
    )
    return Sifted(np.array(kept), num_drifted, notes)


def undrifted(clip, joints, correct):
    """World poses of a clip, with S9's drift taken out where asked for.

    Args:
        clip: The Clip.
        joints: (..., 17, 3) mm, world.
        correct: Whether to.
    """
    if correct and clip.drifted:
        return joints + np.float32(facts.DRIFT_CORRECTION_MM)
    return joints


def pose_sample(
    source, image, name, clip, frame, joints, intrinsics, distortion, box=None
):
    """Makes a Sample of a pose whose 2D joints are its projection.

    Args:
        source: Name of the source.
        image: Bytes of the encoded image.
        name: Its name.
        clip: The Clip.
        frame: Number of the frame, from 1, as image names have it.
        joints: (17, 3) mm, camera frame.
        intrinsics: (3, 3) px.
        distortion: (5,) k1, k2, p1, p2, k3.
        box: (4,) px, or None for that around the joints.
    """
    joints = np.float64(joints)
    near = (np.abs(joints) <= _MAX_DISTANCE_MM).all()  # nor NaN
    if not (near and (joints[:, 2] > 0).all()):
        raise ValueError(
            f"{name}: joints must lie in front of the camera, within "
            f"{_MAX_DISTANCE_MM:g} mm. Received: z = {joints[:, 2]}"
        )
    points = camera_geometry.image_from_camera(
        joints, np.float64(intrinsics), np.float64(distortion)
    )
    ones = np.ones(len(joints), np.float32)
    return Sample(
        image=image,
        name=name,
        box=np.float32(labels.box_around(points) if box is None else box),
        joints_mm=np.float32(joints),
        joints_px=np.float32(points),
        weight_3d=ones,
        weight_2d=ones,
        intrinsics=np.float32(intrinsics),
        distortion=np.float32(distortion),
        head_size=0.0,
        subject=clip.subject,
        action=clip.title,
        camera=clip.camera,
        frame=int(frame),
        source=source,
    )
