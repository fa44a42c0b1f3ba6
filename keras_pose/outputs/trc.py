"""Poses as TRC, the marker files of OpenSim, Pose2Sim and motion capture.

Y is up, x as in the image, z towards the camera; mm. Each joint is a marker of
its name. OpenSim takes nothing but this header, and NaN for what is not known:
an empty field, which the format allows too, only its later versions read.
"""

import os
import re

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
            all markers are NaN.
        person: The person's number.
        on_ground: As of `tracks.Track.upright_mm`.

    Raises:
        ValueError: There is no such person.
        OSError: The file cannot be written.
    """
    track = track_of(recording, person)
    joints = track.upright_mm(on_ground)
    joints[~track.is_seen] = float("nan")
    markers = recording.skeleton.joints
    rate = f"{1 / track.seconds_per_frame:.9g}"
    frames = str(len(joints))
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
            for number, (time, row) in enumerate(
                zip(track.times_s, joints.reshape(len(joints), -1), strict=True)
            ):
                cells = "\t".join(f"{value:.3f}" for value in row.tolist())
                cells = cells.replace("nan", "NaN")
                file.write(f"{number + 1}\t{time:.6f}\t{cells}\n")
