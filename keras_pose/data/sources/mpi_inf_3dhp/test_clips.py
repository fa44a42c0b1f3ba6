"""The test clips of MPI-INF-3DHP, TS1 to TS6: MATLAB files of version 7.3."""

import os

import numpy as np

from keras_pose import images
from keras_pose.data.sources import labels
from keras_pose.data.sources.mpi_inf_3dhp.clip import POSE
from keras_pose.data.sources.mpi_inf_3dhp.clip import UNIVERSAL_POSE
from keras_pose.data.sources.mpi_inf_3dhp.clip import Clip
from keras_pose.data.sources.mpi_inf_3dhp.clip import fitted_intrinsics
from keras_pose.data.sources.mpi_inf_3dhp.clip import in_picture
from keras_pose.data.sources.mpi_inf_3dhp.clip import make_sample
from keras_pose.data.sources.mpi_inf_3dhp.clip import universal_pose
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading import hdf5
from keras_pose.skeleton import MPI_INF_3DHP_17

# Of the file's numbers, from 1.
ACTIVITIES = (
    "Standing/Walking",
    "Exercising",
    "Sitting",
    "Reaching/Crouching",
    "On the Floor",
    "Sports",
    "Miscellaneous",
)

_MAX_FRAMES = 10**5  # the longest clip has 6151
_CAMERA = "0"  # of every clip, the only one


def open_subject(folder, image_folder, subject, step, universal):
    """Opens a clip.

    Args:
        folder: The clip's, with annot_data.mat.
        image_folder: The folder with its `imageSequence/`.
        subject: Its name, as "TS1".
        step: Take every n-th valid frame.
        universal: Whether people get the height of the universal skeleton.

    Returns:
        ([Clip], [lines for the user]).

    Raises:
        ValueError: Names the file and what is wrong with it.
    """
    path = os.path.join(folder, "annot_data.mat")
    rows = _read(path, (POSE, UNIVERSAL_POSE) if universal else (POSE,))
    valid = np.flatnonzero(rows["valid_frame"][:, 0])
    if not len(valid):
        raise ValueError(f"{path}: `valid_frame` must be of some. Received: 0")
    px = _valid_places(path, rows, "annot2", valid)
    mm = _valid_places(path, rows, POSE, valid)
    notes = [f"{path}: the camera is fitted to the joints"]
    camera = fitted_intrinsics(mm, px, path)
    if universal:
        pose = _valid_places(path, rows, UNIVERSAL_POSE, valid)
        mm, elsewhere = universal_pose(mm, pose, MPI_INF_3DHP_17.root, path)
        if elsewhere:
            notes.append(
                f"{path}: {elsewhere} of {mm[..., 0].size} joints are "
                f"elsewhere in `{UNIVERSAL_POSE}`; taken as in `{POSE}`"
            )
    actions = _actions(path, rows.get("activity_annotation"), valid)
    first = files.read_bytes(image_folder, _image_name(valid[0]))
    width, height, _ = images.image_header(first, _image_name(valid[0]))
    taken = np.arange(0, len(valid), step)
    seen = taken[in_picture(px[taken], width, height)]

    def samples():
        for index in seen:
            name = _image_name(valid[index])
            yield make_sample(
                files.read_bytes(image_folder, name),
                px[index],
                mm[index],
                camera,
                name=os.path.join(subject, name),
                subject=subject,
                action=actions[index],
                camera=_CAMERA,
                frame=int(valid[index]),
            )

    if left := len(taken) - len(seen):
        notes.append(f"{path}: left out {left} frames with nobody in picture")
    return [Clip(len(seen), samples)], notes


def _valid_places(path, rows, field, valid):
    """(V, 17, 2 or 3) of the valid frames; others may have anything."""
    places = rows[field][valid, 0]
    return labels.numbers(places, places.shape, f"{path}: `{field}`")


def _image_name(frame):
    return os.path.join("imageSequence", f"img_{frame + 1:06d}.jpg")


def _read(path, poses):
    """{field: array of all frames}; `activity_annotation` where it is."""
    fields = {"valid_frame": (1,), "annot2": (1, 17, 2)}
    fields |= {pose: (1, 17, 3) for pose in poses}
    activities = {**fields, "activity_annotation": (1,)}
    if hdf5.count_rows(path, activities, kinds="fiu") is not None:
        fields = activities
    count = hdf5.count_rows(path, fields, kinds="fiu")
    if count is None or count > _MAX_FRAMES:
        raise ValueError(
            f"{path}: must have {', '.join(f'`{name}`' for name in fields)}, "
            f"of at most {_MAX_FRAMES} frames. "
            f"Received: {'not all of them' if count is None else count}"
        )
    arrays = {
        field: np.empty((count, *shape), np.float32)
        for field, shape in fields.items()
    }
    with np.errstate(over="ignore"):  # what is no float32 is not finite
        for row, values in hdf5.read_rows(
            path, fields, np.arange(count), kinds="fiu"
        ):
            for field, value in values.items():
                arrays[field][row] = value
    return arrays


def _actions(path, numbers, frames):
    """The activity of each frame by name; "" where the file has none."""
    if numbers is None:
        return [""] * len(frames)
    numbers = numbers[frames, 0]
    if not np.isin(numbers, np.arange(len(ACTIVITIES) + 1)).all():
        raise ValueError(
            f"{path}: `activity_annotation` must be 1 to {len(ACTIVITIES)}, or "
            f"0 where there is none. Received: {np.unique(numbers)[:20]}"
        )
    names = ("", *ACTIVITIES)
    return [names[int(number)] for number in numbers]
