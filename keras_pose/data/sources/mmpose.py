"""The npz files of MMPose, for Human3.6M and MPI-INF-3DHP.

They are looked for where MMPose's documentation puts them, with the images in
`images/`, and all in the root itself, as in MMPose's own samples.


`imgname` (N), `center` (N, 2) px and `scale` (N) of a square box, `part`
(N, 17, 3) px with a visibility, `S` (N, 17, 4) camera frame in METRES with a
visibility; beside it a pickle of cameras. Source: MMPose,
tools/dataset_converters/preprocess_h36m.py and preprocess_mpi_inf_3dhp.py.
"""

import os
import reprlib

import numpy as np

from keras_pose.data.sample import Sample
from keras_pose.data.sources import files
from keras_pose.data.sources import image_names
from keras_pose.data.sources.numpy_pickle import load_numpy_pickle
from keras_pose.data.sources.source import Source
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPI_INF_3DHP_17

_FIELDS = {
    "imgname": ((None,), "U"),
    "center": ((None, 2), "f"),
    "scale": ((None,), "f"),
    "part": ((None, 17, 3), "f"),
    "S": ((None, 17, 4), "f"),
}
_FOLDERS = (
    "",
    "annotations",
    "annotation_body3d",
    "annotation_body3d/fps10",
    "annotation_body3d/fps50",
)
_PX_PER_SCALE = 200.0
_BOX_PADDING = 1.2  # that `scale` holds around the joints
_MM_PER_M = 1000.0


def human36m(root, annotations=None, subjects=None):
    """Human3.6M.

    Args:
        root: Folder with `images/`, `annotation_body3d/cameras.pkl` and
            `annotation_body3d/fps10/h36m_train.npz` or the like.
        annotations: Path of the npz, where the root holds several.
        subjects: The only ones to keep, as ("S1", "S5"); None for all.
    """
    return _open(
        "h36m_mmpose",
        root,
        annotations,
        subjects,
        ("h36m_train.npz", "h36m_test.npz", "test_h36m_body3d.npz"),
        "cameras.pkl",
        H36M_17,
        image_names.HUMAN36M,
        lambda parts: (parts["subject"], parts["camera"]),
    )


def mpi_inf_3dhp(root, annotations=None, subjects=None):
    """MPI-INF-3DHP's training frames.

    The cameras' `h` is 204 in every file made by MMPose's converter, which
    loses a digit; image sizes are read from the images instead.

    Args:
        root: Folder with `images/`, `annotations/cameras_train.pkl` and
            `annotations/mpi_inf_3dhp_train.npz`.
        annotations: Path of the npz, where the root holds several.
        subjects: The only ones to keep, as ("S1", "S5"); None for all.
    """
    return _open(
        "mpi_inf_3dhp_mmpose",
        root,
        annotations,
        subjects,
        ("mpi_inf_3dhp_train.npz", "test_3dhp_train.npz"),
        "cameras_train.pkl",
        MPI_INF_3DHP_17,
        image_names.MPI_INF_3DHP,
        lambda parts: "{subject}_{action}_{camera}".format(**parts),
    )


def _open(
    name,
    root,
    annotations,
    subjects,
    npz_names,
    camera_name,
    skeleton,
    pattern,
    camera_key,
):
    if not os.path.isdir(root):
        raise ValueError(f"`root` must be a folder. Received: {root}")
    path = annotations or _only_file(root, npz_names)
    rows = files.read_npz(path, _FIELDS)
    camera_file = _only_file(root, [camera_name])
    cameras = load_numpy_pickle(camera_file)
    if not isinstance(cameras, dict):
        raise ValueError(
            f"{camera_file}: must hold a dict of cameras. "
            f"Received: {type(cameras).__name__}"
        )
    folder = os.path.join(root, "images")
    image_root = folder if os.path.isdir(folder) else root
    where = f"{path}: `imgname`"
    kept = image_names.rows_of(subjects, rows["imgname"], pattern, where)

    def samples():
        for row in kept:
            image_name = str(rows["imgname"][row])
            match = image_names.parse(image_name, pattern, where)
            key = camera_key(match.groupdict())
            if key not in cameras:
                raise ValueError(
                    f"{camera_file}: no camera {key!r} for {image_name}"
                )
            lens = _lens(cameras[key], camera_file, key)
            image = files.read_bytes(image_root, image_name)
            yield _sample(name, image, image_name, match, lens, rows, row)

    return Source(name, skeleton, len(kept), samples())


def _sample(source, image, image_name, match, lens, rows, row):
    side = rows["scale"][row] * _PX_PER_SCALE / _BOX_PADDING
    # The centre is a pixel, a box counts from the image's corner.
    corner = rows["center"][row] + 0.5 - side / 2
    part, joints = rows["part"][row], rows["S"][row]
    intrinsics, distortion = lens
    return Sample(
        image=image,
        name=image_name,
        box=np.array([*corner, side, side], np.float32),
        joints_mm=np.float32(joints[:, :3] * _MM_PER_M),
        joints_px=np.float32(part[:, :2]),
        weight_3d=np.float32(joints[:, 3]),
        weight_2d=np.float32(part[:, 2]),
        intrinsics=intrinsics,
        distortion=distortion,
        subject=match["subject"],
        action=match["action"],
        camera=match["camera"],
        frame=int(match["frame"]),
        source=source,
    )


def _only_file(root, names):
    """The one file of these names in the root's known folders."""
    found = [
        path
        for folder in _FOLDERS
        for name in names
        if os.path.isfile(path := os.path.join(root, folder, name))
    ]
    if not found:
        raise ValueError(f"{root}: holds none of {', '.join(names)}")
    if len(found) > 1:
        raise ValueError(
            "`annotations` must name one of several files. "
            f"Received: none, of {', '.join(found)}"
        )
    return found[0]


def _lens(entry, camera_file, key):
    """Intrinsics (3, 3) px and distortion (5,) of a camera's entry.

    Human3.6M's own tangential term lacks a factor 2 that OpenCV's has:
    x (p1 y + p2 x) + p2 r2. It is read as OpenCV's all the same, which moves a
    joint by 0.02 to 0.1 px on average and lets OpenCV undo it.
    """
    try:
        (fx, fy), (cx, cy) = (
            np.float32(entry[field]).ravel() for field in "fc"
        )
        k1, k2, k3 = np.float32(entry.get("k", np.zeros(3))).ravel()
        p1, p2 = np.float32(entry.get("p", np.zeros(2))).ravel()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{camera_file}: camera {key!r} must have f and c of 2 numbers, "
            f"and k of 3 and p of 2 or neither. Received: {reprlib.repr(entry)}"
        ) from error
    return (
        np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float32),
        np.array([k1, k2, p1, p2, k3], np.float32),
    )
