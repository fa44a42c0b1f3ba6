"""Leeds Sports Pose and its extension: one person in a photo, 14 joints.

`joints.mat` with an array `joints`, and the photos in `images/`, in the order
of their names. Both count pixels as MATLAB does, the first one 1.

The original's is 3 x 14 x 2000: x, y and whether the joint is HIDDEN. All of
them are labelled, the hidden ones too, and all count. The extension's is
14 x 3 x 10000: x, y and whether the joint is SEEN. Those that are not have no
place, whatever stands there, and weigh 0.

There is no box: it is the labelled joints', a tenth of its longer side larger
on each side, for heads, hands and feet end behind the last joint.
Source: S. Johnson and M. Everingham, "Clustered Pose and Nonlinear Appearance
Models", BMVC 2010, and "Learning Effective Human Pose Estimation from
Inaccurate Annotation", CVPR 2011.
"""

import os
import re

import numpy as np

from keras_pose.data.sources import labels
from keras_pose.data.sources import options
from keras_pose.data.sources.reading import confined
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.source import Source
from keras_pose.skeleton import LSP_14

_READER = "keras_pose.data.sources.reading.mat_file:joints"
_IMAGE = re.compile(r"im0*(\d{1,9})\.(?:jpg|jpeg|png)", re.IGNORECASE)
_NUM_TRAIN = 1000  # of the original, the first ones

_MARGIN_SHARE = 0.1
_LEAST_PX = 16.0  # side of a box around a single joint


def original(root, *, annotations=None, images=None, split=None):
    """Leeds Sports Pose.

    Args:
        root: Folder with `joints.mat` and `images/`.
        annotations: Path of the .mat.
        images: Folder of the photos.
        split: "train", the first 1000 (the default), or "test", the others.

    Raises:
        ValueError: Names the file and what is wrong with it.
    """
    part = options.one_of(split, ("train", "test"), "split", "train")
    path, folder, names, joints = _read(root, annotations, images, (3, 14))
    rows = np.arange(len(names))
    rows = rows[:_NUM_TRAIN] if part == "train" else rows[_NUM_TRAIN:]
    labelled = np.ones(joints.shape[:2], bool)
    samples = _samples("lsp", path, folder, names, joints, labelled, rows)
    return Source("lsp", LSP_14, len(rows), samples)


def extended(root, *, annotations=None, images=None):
    """Leeds Sports Pose Extended, which is for training alone.

    Args:
        root: Folder with `joints.mat` and `images/`.
        annotations: Path of the .mat.
        images: Folder of the photos.

    Raises:
        ValueError: Names the file and what is wrong with it.
    """
    path, folder, names, joints = _read(root, annotations, images, (14, 3))
    labelled = joints[..., 2] > 0
    rows = np.flatnonzero(labelled.any(axis=1))
    samples = _samples("lspet", path, folder, names, joints, labelled, rows)
    left = len(names) - len(rows)
    note = f"{path}: left out {left} photos without a seen joint"
    return Source("lspet", LSP_14, len(rows), samples, (note,) if left else ())


def _read(root, annotations, images, layout):
    """The file, the folder and names of its photos, (N, 14, 3) 1-based px.

    `layout`: the first two sides of the array, of which one is the joints.
    """
    files.check_root(root)
    path = annotations or files.first_file(root, ("joints.mat",))
    folder = files.image_folder(root, images, ("images",))
    array = confined.read(_READER, path)["joints"]
    if array.shape[:2] != layout:
        raise ValueError(
            f"{path}: `joints` must be {layout[0]} x {layout[1]} x N. "
            f"Received: {array.shape}"
        )
    names = _image_names(folder)
    if len(names) != array.shape[2]:
        raise ValueError(
            f"{path}: `joints` must have a row for each of the {len(names)} "
            f"photos in {folder}. Received: {array.shape[2]}"
        )
    rows = np.moveaxis(array, 2, 0)
    joints = rows if layout[0] == LSP_14.num_joints else rows.swapaxes(1, 2)
    strange = joints[..., 2][~np.isin(joints[..., 2], (0, 1))]
    if strange.size:
        raise ValueError(
            f"{path}: `joints` must have a 0 or 1 for each joint beside its x "
            f"and y. Received: {strange[:5]}"
        )
    return path, folder, names, joints


def _image_names(folder):
    """Names as im0001.jpg in a folder, by their number."""
    found = [_IMAGE.fullmatch(name) for name in os.listdir(folder)]
    found = [match for match in found if match]
    found.sort(key=lambda match: (int(match[1]), match.string))
    return [match.string for match in found]


def _samples(source, path, folder, names, joints, labelled, rows):
    for row in rows:
        known = labelled[row]
        # What stands where a joint was not seen may be anything.
        points = np.where(known[:, None], joints[row, :, :2], 1)
        points = labels.numbers(points, points.shape, f"{path}: row {row}") - 1
        box = labels.box_around(points[known], _MARGIN_SHARE, _LEAST_PX)
        image = files.read_bytes(folder, names[row])
        yield labels.photo_sample(image, names[row], box, points, known, source)
