"""Poses as a table: a line for each frame and person, a column a number."""

import numpy as np

from keras_pose.outputs import table

# What a joint has, and to how many decimals.
_OF_JOINT = {
    "x_mm": 3,
    "y_mm": 3,
    "z_mm": 3,
    "u_px": 3,
    "v_px": 3,
    "confidence": 5,
}


def write_csv(path, recording):
    """Writes where the joints are, whole or not at all.

    Args:
        path: Of the file, .csv or .csv.gz.
        recording: The Recording. Columns are those of `table.KEYS`, then for
            each joint as "left_knee_x_mm": x, y, z in the camera frame, u, v
            in the image, and its confidence; empty where not known.

    Raises:
        ValueError: The name ends in something else.
    """
    columns = [
        table.Column(f"{joint}_{name}", decimals)
        for joint in recording.skeleton.joints
        for name, decimals in _OF_JOINT.items()
    ]
    table.write(path, recording, columns, _rows(recording))


def _rows(recording):
    """Yields (J * 6,) of each pose."""
    for mm, px, confidence in zip(
        recording.joints_camera_mm,
        recording.joints_px,
        recording.confidence,
        strict=True,
    ):
        yield np.column_stack([mm, px, confidence]).ravel()
