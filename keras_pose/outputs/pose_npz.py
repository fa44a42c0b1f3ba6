"""Recordings as arrays for NumPy, units in their names; nothing is pickled."""

import math

import numpy as np

from keras_pose import durable
from keras_pose.outputs.pose_json import FORMAT
from keras_pose.outputs.pose_json import KINDS
from keras_pose.outputs.pose_json import VERSION
from keras_pose.pose import Caveat
from keras_pose.recording import Recording
from keras_pose.skeleton import SKELETONS

_ALL_CAVEATS = (~Caveat(0)).value

# Fields of a Recording: their names in the file, shapes and kinds of dtype. J
# stands for the number of joints, None for the number of rows.
_OF_FRAMES = {
    "frame_names": ("frame_names", (None,), "U"),
    "times_s": ("times_s", (None,), "f"),
    "sizes_px": ("sizes_px", (None, 2), "i"),
    "intrinsics": ("intrinsics_px", (None, 3, 3), "f"),
    "intrinsics_from": ("intrinsics_from", (None,), "U"),
    "distortion": ("distortion", (None, 5), "f"),
    "caveats": ("caveats", (None,), "i"),
}
_OF_POSES = {
    "frame": ("frame", (None,), "i"),
    "person": ("person", (None,), "i"),
    "box": ("box_px", (None, 4), "f"),
    "box_from": ("box_from", (None,), "U"),
    "position_from": ("position_from", (None,), "U"),
    "joints_mm": ("joints_root_relative_mm", (None, "J", 3), "f"),
    "joints_camera_mm": ("joints_camera_mm", (None, "J", 3), "f"),
    "joints_px": ("joints_image_px", (None, "J", 2), "f"),
    "std_mm": ("std_mm", (None, "J"), "f"),
    "confidence": ("confidence", (None, "J"), "f"),
}
_OF_ALL = {
    "format": ((), "U"),
    "version": ((), "i"),
    "model": ((), "U"),
    "kind": ((), "U"),
    "frames_per_second": ((), "f"),
    "skeleton": ((), "U"),
}


def write_npz(path, recording):
    """Writes a recording's arrays, whole or not at all.

    Besides those of `Recording`, with units in all names, there are `skeleton`,
    its `joints` and `parents`, `root` (-1 for none), and `frames_per_second`,
    NaN where it is not known.

    Args:
        path: Of the file.
        recording: The Recording.
    """
    skeleton, rate = recording.skeleton, recording.frames_per_second
    arrays = {
        "format": FORMAT,
        "version": VERSION,
        "model": recording.model,
        "kind": recording.kind,
        "frames_per_second": math.nan if rate is None else float(rate),
        "skeleton": skeleton.name,
        "joints": skeleton.joints,
        "parents": skeleton.parents,
        "root": -1 if skeleton.root is None else skeleton.root,
    }
    for field, (name, _, kind) in (_OF_FRAMES | _OF_POSES).items():
        # An empty list would become an array of numbers.
        dtype = str if kind == "U" else None
        arrays[name] = np.asarray(getattr(recording, field), dtype)
    with durable.replaced(path) as aside, open(aside, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_npz(path):
    """Reads what `write_npz` wrote.

    Args:
        path: Of the file.

    Returns:
        The Recording, the same in every bit.

    Raises:
        ValueError: Names the file, and what is wrong with it.
    """
    # Only who reads needs what all of the data sets' formats need.
    from keras_pose.data.sources.reading import files

    header = {
        name: array.item()
        for name, array in files.read_npz(path, _OF_ALL).items()
    }
    skeleton = _checked_skeleton(path, header)
    names = files.read_npz(path, {"joints": ((None,), "U")})["joints"]
    if tuple(names.tolist()) != skeleton.joints:
        raise ValueError(f"{path}: `joints` must be those of {skeleton.name}")
    found = {}
    for fields in (_OF_FRAMES, _OF_POSES):
        arrays = files.read_npz(path, _expected(fields, skeleton))
        for field, (name, _, kind) in fields.items():
            array = arrays[name]
            found[field] = tuple(array.tolist()) if kind == "U" else array
    _check_order(path, header["kind"], found)
    rate = header["frames_per_second"]
    return Recording(
        skeleton=skeleton,
        model=header["model"],
        kind=header["kind"],
        frames_per_second=None if math.isnan(rate) else rate,
        **found,
    )


def _expected(fields, skeleton):
    return {
        name: (
            tuple(skeleton.num_joints if n == "J" else n for n in shape),
            kind,
        )
        for name, shape, kind in fields.values()
    }


def _checked_skeleton(path, header):
    """The skeleton of a header that is right."""
    rules = {
        "format": (FORMAT,),
        "version": (VERSION,),
        "kind": KINDS,
        "skeleton": tuple(SKELETONS),
    }
    for name, allowed in rules.items():
        if header[name] not in allowed:
            raise ValueError(
                f"{path}: `{name}` must be one of {allowed}. "
                f"Received: {header[name]!r:.80}"
            )
    rate = header["frames_per_second"]
    if not (math.isnan(rate) or 0 < rate < math.inf):
        raise ValueError(
            f"{path}: `frames_per_second` must be above 0, or NaN. "
            f"Received: {rate}"
        )
    return SKELETONS[header["skeleton"]]


def _check_order(path, kind, found):
    """Refuses rows that are no recording's."""
    times, frame, person = found["times_s"], found["frame"], found["person"]
    has_time = kind != "photos"
    if has_time and not np.all(np.isfinite(times)):
        raise ValueError(f"{path}: `times_s` must be numbers")
    if not has_time and not np.all(np.isnan(times)):
        raise ValueError(f"{path}: `times_s` of photos must be NaN")
    for name, values in (("times_s", times), ("frame", frame)):
        if np.any(np.diff(values) < 0):
            raise ValueError(f"{path}: `{name}` must be ascending")
    if np.any((frame < 0) | (frame >= len(times))):
        raise ValueError(f"{path}: `frame` must be in 0 to {len(times) - 1}")
    pairs = np.stack([frame, person], axis=1)
    if np.any(person < 1) or len(np.unique(pairs, axis=0)) < len(pairs):
        raise ValueError(
            f"{path}: `person` must be from 1, and once in each frame"
        )
    if np.any(found["caveats"] & ~_ALL_CAVEATS):
        raise ValueError(f"{path}: `caveats` must be in 0 to {_ALL_CAVEATS}")
    if np.any(found["sizes_px"] < 1):
        raise ValueError(f"{path}: `sizes_px` must be from 1")
