"""Reads Pavlakos' `valid.mat`; runs in a process of its own."""

import numpy as np
import scipy.io

_MAX_NAME = 255


def read(path):
    """Reads the poses and cameras of full frames.

    Args:
        path: A MATLAB v5 file with a struct `annot`.

    Returns:
        {imgname: (N,) text, center: (N, 2) px, scale: (N,) of 200 px,
        poses: (N, 17, 3) mm in the camera frame, intrinsics: (N, 3, 3) px}.

    Raises:
        ValueError: Says which field is wrong.
    """
    annot = scipy.io.loadmat(path, variable_names=("annot",)).get("annot")
    names = ("imgname", "center", "scale", "S", "K")
    found = () if annot is None else annot.dtype.names or ()
    if not set(names) <= set(found) or annot.shape != (1, 1):
        raise ValueError(
            f"must hold a struct `annot` of {', '.join(names)}. "
            f"Received: {', '.join(found) or 'none'}"
        )
    row = annot[0, 0]
    count = len(row["imgname"])
    poses = _numbers(row, "S", (count, 3, 17))
    intrinsics = [_unpacked(cell) for cell in np.ravel(row["K"])]
    if len(intrinsics) != count or any(
        np.shape(matrix) != (3, 3) for matrix in intrinsics
    ):
        raise ValueError(f"`K` must be {count} matrices of 3 x 3")
    return {
        "imgname": np.array(_texts(row["imgname"])),
        "center": _numbers(row, "center", (count, 2)),
        "scale": _numbers(row, "scale", (count, 1))[:, 0],
        "poses": np.swapaxes(poses, 1, 2),
        "intrinsics": np.array(intrinsics, np.float64).reshape(-1, 3, 3),
    }


def _numbers(row, name, shape):
    values = row[name]
    if values.shape != shape or values.dtype.kind not in "fiu":
        raise ValueError(
            f"`{name}` must be numbers of shape {shape}. "
            f"Received: {values.shape}, {values.dtype}"
        )
    return values.astype(np.float64)


def _unpacked(cell):
    """What a cell holds, and a cell in it."""
    while isinstance(cell, np.ndarray) and cell.dtype == object:
        if cell.size != 1:
            raise ValueError("a cell must hold one thing")
        cell = cell.ravel()[0]
    return cell


def _texts(cells):
    texts = [_unpacked(cell) for cell in np.ravel(cells)]
    for text in texts:
        if np.size(text) != 1 or np.asarray(text).dtype.kind != "U":
            raise ValueError("`imgname` must be texts")
    texts = [str(np.ravel(text)[0]) for text in texts]
    if max(map(len, texts), default=0) > _MAX_NAME:
        raise ValueError(f"`imgname` must have at most {_MAX_NAME} letters")
    return texts
