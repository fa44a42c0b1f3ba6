"""The npz files of MMPose, for Human3.6M and MPI-INF-3DHP.

They are looked for where MMPose's documentation puts them, with the images in
`images/`, and all in the root itself, as in MMPose's own samples. An npz has
`imgname` (N), `center` (N, 2) px and `scale` (N) of a square box, `part`
(N, 17, 3) px with a visibility, `S` (N, 17, 4) camera frame in METRES with a
visibility. Beside it lies a pickle of cameras. Source: MMPose,
tools/dataset_converters/preprocess_h36m.py and preprocess_mpi_inf_3dhp.py.
"""

import dataclasses
import os

import numpy as np

from keras_pose.data.sample import Sample
from keras_pose.data.sources import image_names
from keras_pose.data.sources import labels
from keras_pose.data.sources.h36m import camera_files
from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.h36m import pose_samples
from keras_pose.data.sources.lens import lens_of
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading.numpy_pickle import load_numpy_pickle
from keras_pose.data.sources.source import Source
from keras_pose.geometry import camera
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPI_INF_3DHP_17

_FIELDS = {
    "imgname": ((None,), "U"),
    "center": ((None, 2), "f"),
    "scale": ((None,), "f"),
    "part": ((None, 17, 3), "f"),
    "S": ((None, 17, 4), "f"),
}
# MMPose's converter writes the first names, its own samples have the last.
_MPI_INF_3DHP_TRAIN = ("mpi_inf_3dhp_train.npz", "test_3dhp_train.npz")
_MPI_INF_3DHP_FILES = (
    *_MPI_INF_3DHP_TRAIN,
    "mpi_inf_3dhp_test_valid.npz",
    "mpi_inf_3dhp_test_all.npz",
    "test_3dhp_test.npz",
)
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
_MAX_NUMBER = 1e5  # of px and of metres, by far


_H36M_NAMES = {
    None: ("h36m_train.npz", "h36m_test.npz", "test_h36m_body3d.npz"),
    "train": ("h36m_train.npz",),
    "test": ("h36m_test.npz",),
}


def human36m(
    root,
    *,
    annotations=None,
    split=None,
    subjects=None,
    every=None,
    correct_s9=None,
):
    """Human3.6M.

    Args:
        root: Folder with `images/`, `annotation_body3d/cameras.pkl` and
            `annotation_body3d/fps10/h36m_train.npz` or the like.
        annotations: Path of the npz, where the root holds several.
        split: "train" or "test": which npz, and its subjects; all frames of
            the npz, of which MMPose writes one with every frame and one thinned
            to every 5th.
        subjects: The only ones to keep, as ("S1", "S5"); None for all.
        every: Take of each clip every n-th frame, by the names' numbers.
        correct_s9: Whether to undo the drift of three of S9's clips.
    """
    facts.select(split, subjects, every)
    sifted = None

    def pick(names, where):
        nonlocal sifted
        sifted = pose_samples.sift(names, where, split, subjects, every)
        return sifted.rows

    source = _open(
        "h36m_mmpose",
        root,
        annotations,
        _H36M_NAMES[split],
        "cameras.pkl",
        H36M_17,
        image_names.HUMAN36M,
        lambda parts: (parts["subject"], parts["camera"]),
        pick,
    )
    rotations = None
    if correct_s9 and sifted.num_drifted:
        rotations = camera_files.rotations_to_world(
            _only_file(root, ["cameras.pkl"]), facts.DRIFTED_SUBJECT
        )
    return dataclasses.replace(
        source,
        samples=(_as_clip(sample, rotations) for sample in source.samples),
        notes=(
            *sifted.notes,
            *facts.drift_notes(correct_s9, sifted.num_drifted, "images"),
        ),
    )


def _as_clip(sample, rotations):
    """Gives a sample its action's name, and undoes its drift.

    Args:
        sample: The Sample.
        rotations: {camera: (3, 3) from it to the world} of the subject; None
            to leave the drift.
    """
    clip = facts.clip_from_name(sample.subject, sample.action, sample.camera)
    sample = dataclasses.replace(sample, action=clip.title)
    if rotations is None or not clip.drifted:
        return sample
    known = (sample.weight_2d > 0) & (sample.weight_3d > 0)
    if not known.any():
        return sample
    joints, points = sample.joints_mm.copy(), sample.joints_px.copy()
    drift = np.float64(facts.DRIFT_CORRECTION_MM)
    joints[known] += drift @ rotations[sample.camera]
    points[known] = camera.image_from_camera(
        np.float64(joints[known]), sample.intrinsics, sample.distortion
    )
    box = np.float64(sample.box)
    for sign, places in ((1, points), (-1, sample.joints_px)):
        x, y, width, height = labels.box_around(places[known])
        box[:2] += sign * np.array([x + width / 2, y + height / 2])
    return dataclasses.replace(
        sample, joints_mm=joints, joints_px=points, box=np.float32(box)
    )


def mpi_inf_3dhp(root, *, annotations=None, subjects=None):
    """MPI-INF-3DHP's training frames, or its test frames.

    The training cameras' `h` is 204 in every file made by MMPose's converter,
    which loses a digit; image sizes are read from the images instead.

    Args:
        root: Folder with `images/`, `annotations/cameras_train.pkl` and
            `annotations/mpi_inf_3dhp_train.npz`; of the test frames
            `cameras_test.pkl` and `mpi_inf_3dhp_test_valid.npz`, or `..._all`.
        annotations: Path of the npz, where the root holds several. One with
            "test" in its name is of the test frames.
        subjects: The only ones to keep, as ("S1", "S5") or ("TS1",); None for
            all.
    """
    path = annotations
    if path is None:
        files.check_root(root)
        path = _only_file(root, _MPI_INF_3DHP_FILES)
    if os.path.basename(path) in _MPI_INF_3DHP_TRAIN or (
        "test" not in os.path.basename(path)
    ):
        camera_name, pattern = "cameras_train.pkl", image_names.MPI_INF_3DHP
        key = "{subject}_{action}_{camera}"
    else:
        camera_name = "cameras_test.pkl"
        pattern, key = image_names.MPI_INF_3DHP_TEST, "{subject}"
    return _open(
        "mpi_inf_3dhp_mmpose",
        root,
        path,
        (),
        camera_name,
        MPI_INF_3DHP_17,
        pattern,
        lambda parts: key.format(**parts),
        lambda names, where: image_names.rows_of(
            subjects, names, pattern, where
        ),
    )


def _open(
    name,
    root,
    annotations,
    npz_names,
    camera_name,
    skeleton,
    pattern,
    camera_key,
    pick,
):
    files.check_root(root)
    path = annotations or _only_file(root, npz_names)
    rows = files.read_npz(path, _FIELDS)
    camera_file = _only_file(root, [camera_name])
    cameras = load_numpy_pickle(camera_file)
    if not isinstance(cameras, dict):
        raise ValueError(
            f"{camera_file}: must hold a dict of cameras. "
            f"Received: {type(cameras).__name__}"
        )
    image_root = files.image_folder(root, None, ("images",))
    where = f"{path}: `imgname`"
    kept = pick(rows["imgname"], where)

    def samples():
        for row in kept:
            image_name = str(rows["imgname"][row])
            match = image_names.parse(image_name, pattern, where)
            key = camera_key(match.groupdict())
            if key not in cameras:
                raise ValueError(
                    f"{camera_file}: no camera {key!r} for {image_name}"
                )
            lens = lens_of(cameras[key], f"{camera_file}: camera {key!r}")
            image = files.read_bytes(image_root, image_name)
            yield _sample(name, image, image_name, match, lens, rows, row)

    return Source(name, skeleton, len(kept), samples())


def _sample(source, image, image_name, match, lens, rows, row):
    fields = {
        field: np.float64(rows[field][row])
        for field in ("center", "scale", "part", "S")
    }
    for field, values in fields.items():
        if not (np.abs(values) <= _MAX_NUMBER).all():  # nor NaN
            raise ValueError(
                f"{image_name}: `{field}` must be finite, and at most "
                f"{_MAX_NUMBER:g}. Received: {values.tolist()}"
            )
    part, joints = fields["part"], fields["S"]
    side = fields["scale"] * (_PX_PER_SCALE / _BOX_PADDING)
    # The centre is a pixel, a box counts from the image's corner.
    corner = fields["center"] + 0.5 - side / 2
    intrinsics, distortion = lens
    return Sample(
        image=image,
        name=image_name,
        box=np.float32([*corner, side, side]),
        joints_mm=np.float32(joints[:, :3] * _MM_PER_M),
        joints_px=np.float32(part[:, :2]),
        weight_3d=np.float32(joints[:, 3]),
        weight_2d=np.float32(part[:, 2]),
        intrinsics=np.float32(intrinsics),
        distortion=np.float32(distortion),
        head_size=0.0,
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
