"""Reads the poses of VideoPose3D; runs in a process of its own."""

import numpy as np

from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.reading.numpy_pickle import load_object_npz

_MAX_NAME = 64


def read(path):
    """Reads `data_3d_h36m.npz`.

    Args:
        path: An npz whose `positions_3d` is a dict of subjects, of actions, of
            (N, 32, 3) or (N, 17, 3), m or mm.

    Returns:
        {subjects: (C,) text, names: (C,) text, lengths: (C,), poses: (sum of
        lengths, 17, 3)}.

    Raises:
        ValueError: Names the clip that is wrong.
    """
    positions = load_object_npz(path, "positions_3d")
    rows = []
    for subject, actions in _items(positions, "`positions_3d`"):
        for name, poses in _items(actions, f"`{subject}`"):
            rows.append((subject, name, _poses(poses, f"{subject} {name}")))
    if not rows:
        raise ValueError("`positions_3d` must hold a clip")
    return {
        "subjects": np.array([subject for subject, _, _ in rows]),
        "names": np.array([name for _, name, _ in rows]),
        "lengths": np.array([len(poses) for _, _, poses in rows]),
        "poses": np.concatenate([poses for _, _, poses in rows]),
    }


def _items(mapping, where):
    if not isinstance(mapping, dict) or not all(
        isinstance(key, str) and len(key) <= _MAX_NAME for key in mapping
    ):
        raise ValueError(
            f"{where} must be a dict of names of at most {_MAX_NAME} letters. "
            f"Received: {type(mapping).__name__}"
        )
    return mapping.items()


def _poses(poses, where):
    shape = getattr(poses, "shape", None)
    if (
        not isinstance(poses, np.ndarray)
        or poses.dtype.kind != "f"
        or poses.ndim != 3
        or shape[0] < 1
        or shape[1:] not in ((32, 3), (17, 3))
    ):
        raise ValueError(
            f"{where} must be floats of shape (N, 32, 3) or (N, 17, 3). "
            f"Received: {shape}"
        )
    if shape[1] == 32:
        poses = poses[:, list(facts.JOINTS_OF_32)]
    poses = np.asarray(poses, np.float32)
    if not np.isfinite(poses).all():
        raise ValueError(f"{where} must be finite")
    return poses
