"""A recording as the page reads it: JSON, its numbers as short integers.

Each array is {"type", "shape", "step", "base64"}: little-endian, a number
being its integer times the step. The lowest signed integer, and 255 of
"uint8", say that a number is not known.
"""

import base64
import json
import math
import os

import numpy as np

from keras_pose.geometry import camera
from keras_pose.outputs import angles
from keras_pose.visualization import SIDE_COLOURS

STEP_MM = 0.1
STEP_DEGREES = 0.1
# Of the image's longer side: a quarter of a pixel in 4096.
STEP_OF_IMAGE = 1 / 16384
STEP_CONFIDENCE = 1 / 254

# What names and arrays may take in the page, about.
_MOST_BYTES = 5_400_000
_MANY_ANGLES = 24  # more than a skeleton has, to tell their bytes beforehand


def page_data(recording, picture_frames=()):
    """What the page shows, ready for `json.dumps`.

    A long video is thinned to every second, third, ... frame, so that the page
    stays of a size that a browser opens. Of photos, those without a picture
    are left out where there are pictures at all: another photo's picture would
    tell nothing.

    Args:
        recording: The Recording, of one frame or more.
        picture_frames: Indices of the frames that have a picture.

    Returns:
        A dict.
    """
    frames = _kept_frames(recording, picture_frames)
    # (N,) where each pose's frame is among the kept ones.
    at = np.searchsorted(frames, recording.frame)
    at = np.minimum(at, len(frames) - 1)
    poses = np.flatnonzero(frames[at] == recording.frame)
    return {
        "title": title_of(recording),
        "kind": recording.kind,
        "model": recording.model,
        "framesPerSecond": recording.frames_per_second,
        "frameCount": len(recording.frame_names),
        "skeleton": _skeleton(recording.skeleton),
        "colours": SIDE_COLOURS,
        "frames": _frames(recording, frames),
        "poses": {
            "frame": _whole(at[poses]),
            **_poses(recording, poses),
        },
        "angles": {
            name: angle._asdict()
            for name, angle in (angles.OF_SIDES | angles.OF_TRUNK).items()
        },
    }


def title_of(recording):
    """What the recording is called: its file, or how many photos it is."""
    names = recording.frame_names
    if recording.kind == "photos" and len(names) > 1:
        return f"{len(names):,} photos"
    name = os.path.basename(names[0].replace("\\", "/"))
    if recording.kind != "photos":
        name = name.rpartition("#")[0] or name
    return name


def _kept_frames(recording, picture_frames):
    """(K,) indices of the frames that the page has."""
    count = len(recording.frame_names)
    if recording.kind == "photos" and len(picture_frames):
        frames = np.unique(np.asarray(picture_frames, int))
        count = len(frames)
    else:
        frames = np.arange(count)
    poses = np.isin(recording.frame, frames).sum()
    joints = recording.skeleton.num_joints
    # What `_poses` and `_frames` below write for each, a third more in base64.
    size = 4 / 3 * poses * (11 * joints + 2 * _MANY_ANGLES + 40)
    size += 4 / 3 * 24 * count + len(json.dumps(recording.frame_names))
    return frames[:: math.ceil(size / _MOST_BYTES)]


def _skeleton(skeleton):
    return {
        "name": skeleton.name,
        "joints": [joint.replace("_", " ") for joint in skeleton.joints],
        "parents": skeleton.parents,
        "root": skeleton.root,
        "sides": [skeleton.side(j) for j in range(skeleton.num_joints)],
    }


def _frames(recording, frames):
    """Of each of the kept frames: name, time, image size and camera."""
    sizes, intrinsics = recording.sizes_px[frames], recording.intrinsics[frames]
    return {
        "number": _whole(frames),
        "names": [recording.frame_names[frame] for frame in frames],
        "timeS": _floats(recording.times_s[frames]),
        "sizePx": _whole(sizes),
        "camera": _texts([recording.intrinsics_from[f] for f in frames]),
        "corners": _different(_image_corners(sizes, intrinsics)),
    }


def _image_corners(sizes, intrinsics):
    """(K, 12) the image's corners at depth 1 in the camera frame.

    In the order of the image's outline, from its top left. Without distortion:
    at the corners a lens model is often no longer valid.
    """
    ends = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    corners = sizes[:, None] * ends - 0.5
    depth = np.ones((*corners.shape[:2], 1))
    rays = camera.camera_from_image(
        corners, depth, intrinsics, np.zeros((len(sizes), 5))
    )
    return rays.reshape(-1, 12)


def _poses(recording, poses):
    """Of each pose: whose it is, where its joints are, and how sure."""
    skeleton = recording.skeleton
    in_camera = recording.joints_camera_mm[poses]
    place = _places(in_camera, skeleton.root)
    longest = recording.sizes_px[recording.frame[poses]].max(axis=1)
    # Shares of the image's side, from its corner: of the pixels' centres too.
    shares = (recording.joints_px[poses] + 0.5) / longest[:, None, None]
    degrees = angles.joint_angles(skeleton, recording.joints_mm[poses])
    std = recording.std_mm[poses]
    return {
        "person": _whole(recording.person[poses]),
        "placeMm": _floats(place),
        "jointsMm": _steps(in_camera - place[:, None], STEP_MM),
        "jointsShare": _steps(shares, STEP_OF_IMAGE),
        "boxShare": _steps(
            recording.box[poses] / longest[:, None], STEP_OF_IMAGE
        ),
        "confidence": _steps(
            recording.confidence[poses], STEP_CONFIDENCE, np.uint8
        ),
        "stdMm": _floats(std.mean(axis=1)),
        "boxFrom": _texts([recording.box_from[pose] for pose in poses]),
        "placeFrom": _texts([recording.position_from[pose] for pose in poses]),
        "angles": {
            name: _steps(values, STEP_DEGREES)
            for name, values in degrees.items()
            if np.isfinite(values).any()
        },
    }


def _places(joints, root):
    """(N, 3) mm, where each person is: the root, or the mean without one."""
    if root is not None:
        return joints[:, root]
    return joints.mean(axis=1)


def _array(array, step=1):
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return {
        "type": array.dtype.name,
        "shape": array.shape,
        "step": step,
        "base64": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def _steps(values, step, dtype=np.int16):
    """Numbers as integers; those beyond the range at its end."""
    limits = np.iinfo(dtype)
    lowest, highest, unknown = limits.min + 1, limits.max, limits.min
    if limits.min == 0:
        lowest, highest, unknown = 0, limits.max - 1, limits.max
    known = np.isfinite(values)
    steps = np.round(np.where(known, values, 0) / step)
    steps = np.clip(steps, lowest, highest)
    return _array(np.where(known, steps, unknown).astype(dtype), step)


def _floats(values):
    return _array(np.asarray(values, np.float32))


def _whole(values):
    return _array(np.asarray(values, np.int32))


def _different(rows):
    """Rows that repeat, once each: {"values": ..., "index": ...}."""
    values, index = np.unique(rows, axis=0, return_inverse=True)
    return {"values": _floats(values), "index": _whole(index.ravel())}


def _texts(texts):
    """Texts that repeat, once each."""
    values = sorted(set(texts))
    place = {text: number for number, text in enumerate(values)}
    return {
        "values": values,
        "index": _whole([place[text] for text in texts]),
    }
