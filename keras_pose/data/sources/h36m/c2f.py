"""Human3.6M as crops around the person, with the poses in one HDF5 file.

`images/`, and in `annot/` a `train.h5` of `pose3d` (N, 17, 3) mm in the camera
frame and `pose2d` (N, 17, 2) px in the crop, and `train_images.txt`, the image
of each row below `images/`. The split and the folders are those of G. Pavlakos
et al., "Coarse-to-Fine Volumetric Prediction for Single-Image 3D Human Pose",
CVPR 2017; the crops those of the course that the report was written for.

There is no camera in the files. A crop is a scaled and shifted part of a
picture, so it is the picture of another pinhole camera, which the joints
themselves give: u = f X / Z + cx and v = f Y / Z + cy are linear in f, cx and
cy. How well the three explain the 34 numbers of `pose2d` is the proof that
the two poses belong together.

A file without poses is read as images alone, or as the full frames that
`c2f_frames` describes.
"""

import os

import numpy as np

from keras_pose import images
from keras_pose.data.sample import Sample
from keras_pose.data.sources import image_names
from keras_pose.data.sources import pinhole
from keras_pose.data.sources.h36m import c2f_frames
from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.h36m import leg_order
from keras_pose.data.sources.h36m import pose_samples
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading import hdf5
from keras_pose.data.sources.source import Source
from keras_pose.skeleton import H36M_17

NAME = "h36m_c2f"

_FIELDS = {"pose3d": (17, 3), "pose2d": (17, 2)}

# How far the fitted camera's picture of `pose3d` may lie from `pose2d` on
# average, as a share of the crop's longer side: 2.6 px of 256. Human3.6M's
# lenses, which a pinhole cannot follow, take 0.2 px as a rule and 1.1 px at the
# border of their images, whole pixels 0.4 px; mirrored sides 3.5 px and more.
MAX_RESIDUAL_SHARE = 0.01

# A camera has 3 numbers, and as many joints again must prove it.
_MIN_JOINTS = 6

# A person fills most of a crop made around them. Pixels of another image, or
# shares of the crop in place of pixels, would have a camera too.
_MIN_PERSON_SHARE = 0.1


# The names that a split has in `annot/`.
_FILES = {None: "train.h5", "train": "train.h5", "test": "valid.h5"}


def human36m(root, *, annotations=None, split=None, subjects=None, every=None):
    """Opens a split.

    Args:
        root: Folder with `images/` and `annot/`.
        annotations: Path of the HDF5 file; `annot/train.h5` by default. The
            list of images lies beside it: `a.h5` has `a_images.txt`.
        split: "train" or "test", which is `annot/valid.h5`: its subjects, all
            of their frames.
        subjects: The only ones to keep, as ("S1", "S5"); None for all.
        every: Take of each clip every n-th frame, by the names' numbers.
    """
    files.check_root(root)
    facts.select(split, subjects, every)
    path = annotations or os.path.join(root, "annot", _FILES[split])
    base, ending = os.path.splitext(path)
    if ending == ".mat":
        path = f"{base}.h5"
    image_root = os.path.join(root, "images")
    where = f"{base}_images.txt: a line"
    frames = None
    # Of a .mat alone, there is no HDF5 file to be opened.
    if os.path.isfile(path) or not os.path.isfile(f"{base}.mat"):
        count = hdf5.count_rows(path, _FIELDS)
    else:
        count = None
    if count is None:
        _check_no_pose(path)
        frames = c2f_frames.Frames(path, image_root)
        names = frames.names
    else:
        names = files.read_lines(f"{base}_images.txt", count)
    sifted = pose_samples.sift(names, where, split, subjects, every)
    rows, notes = sifted.rows, sifted.notes
    if frames is None or frames.labelled:
        notes += facts.drift_notes(
            False, sifted.num_drifted, "images", in_world=False
        )

    def match_of(name):
        return image_names.parse(name, image_names.HUMAN36M, where)

    if frames is not None:
        notes = (*frames.notes(rows[0]), *notes)
        samples = frames.samples(NAME, rows, match_of)
    else:
        order, leg_notes = leg_order.order_of(_first_poses(path, rows), path)
        notes = (*leg_notes, *notes)
        samples = _crops(path, image_root, names, rows, match_of, order)
    return Source(NAME, H36M_17, len(rows), samples, notes)


def _check_no_pose(path):
    """Refuses a file with one of the two poses, which is no test split."""
    for field, shape in _FIELDS.items():
        if os.path.isfile(path) and hdf5.count_rows(path, {field: shape}):
            raise ValueError(
                f"{path}: must hold both of {' and '.join(_FIELDS)}, or "
                f"neither. Received: `{field}`"
            )


def _first_poses(path, rows):
    fields = {"pose3d": _FIELDS["pose3d"]}
    found = hdf5.read_rows(path, fields, rows[: leg_order.MOST_POSES])
    return np.array([values["pose3d"] for _, values in found])


def _crops(path, image_root, names, rows, match_of, order):
    for row, poses in hdf5.read_rows(path, _FIELDS, rows):
        match = match_of(names[row])
        poses = {field: pose[order] for field, pose in poses.items()}
        try:
            image = files.read_bytes(image_root, names[row])
            sample = _sample(image, match, **poses)
        except ValueError as error:
            raise ValueError(f"{path}: row {row}: {error}") from error
        yield sample


def _sample(image, match, pose3d, pose2d):
    name = match.string
    clip = facts.clip_from_name(
        match["subject"], match["action"], match["camera"]
    )
    width, height, _ = images.image_header(image, name)
    with np.errstate(over="ignore"):  # what is no float32 is not finite
        pose3d, pose2d = np.float32(pose3d), np.float32(pose2d)
    known_3d, known_2d = (
        np.isfinite(pose).all(axis=-1) for pose in (pose3d, pose2d)
    )
    known = known_3d & known_2d
    if np.count_nonzero(known) < _MIN_JOINTS:
        raise ValueError(
            f"{name}: `pose3d` and `pose2d` must both have at least "
            f"{_MIN_JOINTS} joints, which give the camera. "
            f"Received: {np.count_nonzero(known)}"
        )
    _check_person(name, pose2d[known], width, height)
    limit = MAX_RESIDUAL_SHARE * max(width, height)
    return Sample(
        image=image,
        name=name,
        # The crop has been made: a margin of 1 takes it as it is.
        box=np.array([0, 0, width, height], np.float32),
        joints_mm=np.where(known_3d[:, None], pose3d, np.float32(0)),
        joints_px=np.where(known_2d[:, None], pose2d, np.float32(0)),
        weight_3d=np.float32(known_3d),
        weight_2d=np.float32(known_2d),
        intrinsics=_intrinsics(name, pose3d[known], pose2d[known], limit),
        distortion=np.zeros(5, np.float32),
        head_size=0.0,
        subject=clip.subject,
        action=clip.title,
        camera=clip.camera,
        frame=int(match["frame"]),
        source=NAME,
    )


def _check_person(name, points, width, height):
    """Refuses 2D joints, (K, 2), that are not pixels of this image."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle = low / 2 + high / 2
    least = _MIN_PERSON_SHARE * max(width, height)
    if not (
        (0 <= middle).all()
        and (middle <= (width, height)).all()
        and max(high - low) >= least
    ):
        raise ValueError(
            f"{name}: `pose2d` must be px of the image of {width} x {height}, "
            f"its middle inside and at least {least:.0f} px long. "
            f"Received: {low} to {high}"
        )


def _intrinsics(name, joints, points, limit):
    """Fits a pinhole camera, with one focal length for both axes.

    Two would follow the lens's bend across a narrow body: with Human3.6M's 44
    cameras their worst error is 4 % for people within 290 px of the image's
    middle and 7 % within 460 px, that of one is 3 % and 4 %. The real two
    differ by 0.2 %. And a mirrored person would pass for one of fx < 0.

    Args:
        name: The image.
        joints: (K, 3) mm, camera frame.
        points: (K, 2) px.
        limit: The largest mean distance, px.

    Returns:
        (3, 3) px.
    """
    if not (joints[:, 2] > 0).all():
        raise ValueError(
            f"{name}: `pose3d` must lie in front of the camera, z > 0 mm, and "
            f"not be relative to the hip. Received: {joints[:, 2]}"
        )
    (focal, _), centre, residual = pinhole.fit(joints, points)
    if not (focal > 0 and residual <= limit):
        raise ValueError(
            f"{name}: `pose2d` must be what a camera sees of `pose3d`, within "
            f"{limit:.1f} px on average. Received: {residual:.1f} px with the "
            f"best focal length, {focal:.1f} px"
        )
    return np.array(
        [[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]], np.float32
    )
