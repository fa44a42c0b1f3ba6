"""Poses as TRC, the marker files of OpenSim, Pose2Sim and motion capture.

x is towards the camera, y up, z to the left in the image; mm. So who faces the
camera faces x, as OpenSim's models do: many of them turn no more than 90
degrees from there, nor go farther than 3 m from the origin. Each joint is a
marker of its name.

OpenSim takes nothing but this header, and NaN for what is not known: an empty
field, which the format allows too, only its later versions read. Its inverse
kinematics stops at a row of NaN alone, but not where rows are missing.
"""

import os
import re

import numpy as np

from keras_pose import durable
from keras_pose.outputs.tracks import track_of

_FIELDS = (
    "DataRate",
    "CameraRate",
    "NumFrames",
    "NumMarkers",
    "Units",
    "OrigDataRate",
    "OrigDataStartFrame",
    "OrigNumFrames",
)


def write_trc(path, recording, person, on_ground=True):
    """Writes one person's joints as markers.

    Args:
        path: Of the file, whole or not there.
        recording: The Recording. Its times become regular ones, from its
            start; where the person was not seen for more than half a second
            there are no rows. Markers that are never known are NaN.
        person: The person's number.
        on_ground: Whether the origin is on the ground, as of
            `tracks.Track.upright_mm`, beneath the middle of the person's
            joints in their first frame; rather than at the camera.

    Raises:
        ValueError: There is no such person.
        OSError: The file cannot be written.
    """
    track = track_of(recording, person)
    joints = _places(track, on_ground)
    seen = np.flatnonzero(track.is_seen)
    markers = recording.skeleton.joints
    rate = f"{1 / track.seconds_per_frame:.9g}"
    frames = str(len(seen))
    values = rate, rate, frames, str(len(markers)), "mm", rate, "1", frames
    # Readers split the first line at blanks.
    name = re.sub(r"\s", "_", os.path.basename(os.fspath(path)))
    axes = "\t".join(
        f"X{number}\tY{number}\tZ{number}"
        for number in range(1, len(markers) + 1)
    )
    with durable.replaced(path) as aside:
        # A file's name that is no Unicode is told by its bytes.
        with open(
            aside, "w", encoding="utf-8", errors="backslashreplace", newline=""
        ) as file:
            file.write(f"PathFileType\t4\t(X/Y/Z)\t{name}\n")
            file.write("\t".join(_FIELDS) + "\n" + "\t".join(values) + "\n")
            file.write("Frame#\tTime\t" + "\t\t\t".join(markers) + "\t\t\n")
            file.write(f"\t\t{axes}\n\n")
            for frame in seen.tolist():
                row = joints[frame].ravel().tolist()
                cells = "\t".join(f"{value:.3f}" for value in row)
                cells = cells.replace("nan", "NaN")
                time = track.times_s[frame]
                file.write(f"{frame + 1}\t{time:.6f}\t{cells}\n")


def _places(track, on_ground):
    """The joints (F, J, 3) mm along the axes of the file."""
    joints = track.upright_mm(on_ground)[..., ::-1] * [1.0, 1.0, -1.0]
    if on_ground:
        first = joints[0, np.isfinite(joints[0]).all(axis=-1)]
        if len(first):
            joints -= first.mean(axis=0) * [1.0, 0.0, 1.0]
    return joints
