"""Human3.6M as its archive unpacks: CDF files and videos.

`S1/MyPoseFeatures/D3_Positions/Directions 1.cdf`, `Pose` (1, N, 96) mm in the
world; or `D3_Positions_mono/Directions 1.54138969.cdf`, in that camera's frame.
`S1/Videos/Directions 1.54138969.mp4`. The cameras are in `metadata.xml` of the
archive's code, or in a `cameras.pkl` made of it. Where `D2_Positions` is there
too, in px, the cameras are proved with it.
"""

import dataclasses
import functools
import os

import numpy as np

from keras_pose.data.sources import conventions
from keras_pose.data.sources.h36m import camera_files
from keras_pose.data.sources.h36m import clip_images
from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.h36m import pose_samples
from keras_pose.data.sources.h36m.takes import Take
from keras_pose.data.sources.h36m.takes import open_takes
from keras_pose.data.sources.reading import confined
from keras_pose.data.sources.reading import files
from keras_pose.skeleton import H36M_17

NAME = "h36m_raw"

# Where the archives' folders are put, by those who unpack them.
_FOLDERS = ("MyPoseFeatures/{}", "Poses_{}", "{}")
_READER = f"{__package__}.raw_cdf"
_NUM_JOINTS = 32


def raw(
    root,
    *,
    cameras=None,
    images=None,
    split=None,
    subjects=None,
    every=None,
    correct_s9=None,
):
    """Opens the archive; of the CDF files it reads the length.

    Args:
        root: Folder of `S1` and so on.
        cameras: metadata.xml, cameras.pkl or a JSON file of the PoseNet
            layout, where it is not in the root.
        images: Folder of `S1/Videos` and so on, where it is another.
        split: "train" or "test": its subjects, every 5th or 64th frame.
        subjects: The only ones to take, as ("S1", "S5").
        every: Take every n-th frame.
        correct_s9: Whether to undo the drift of three of S9's clips.
    """
    files.check_root(root)
    wanted, every = facts.select(split, subjects, every)
    camera_path = camera_files.find(root, cameras)
    table = camera_files.read(camera_path)
    present = _subjects(root)
    where = f"{root}: must hold folders with D3_Positions"
    clips, num_broken = [], 0
    for subject in facts.wanted_of(wanted, present, where):
        found, broken = _clips(root, subject)
        clips += found
        num_broken += broken
    in_world = {clip.in_world for clip in clips}
    if len(in_world) != 1:
        raise ValueError(
            f"{root}: must hold D3_Positions of all subjects, or "
            "D3_Positions_mono of all, of clips not broken"
        )
    (in_world,) = in_world
    if correct_s9 and not in_world:
        raise ValueError(
            "`correct_s9` must not be given with D3_Positions_mono, which "
            f"knows no world. Received: {correct_s9}"
        )
    lenses = [_camera(table, clip, in_world, camera_path) for clip in clips]
    convention, note = _prove(root, clips, lenses, in_world, camera_path)
    numbered = camera_files.numbered_folders(camera_path)
    takes = [
        Take(
            clip.clip,
            clip.length,
            clip_images.find(
                images or root,
                clip.clip.subject,
                clip.name,
                clip.clip.camera,
                numbered,
            ),
            functools.partial(_poses, clip.path),
            convention.place(lens.rotation, lens.translation)
            if in_world
            else None,
            lens.intrinsics,
            lens.distortion,
        )
        for clip, lens in zip(clips, lenses, strict=True)
    ]
    notes = (note, *facts.broken_notes(num_broken, "clips"))
    return open_takes(NAME, takes, every, correct_s9, notes)


@dataclasses.dataclass(frozen=True)
class _Poses:
    """The poses of a clip, on disk.

    Attributes:
        clip: The Clip.
        name: As the archive has it, "Directions 1".
        path: The CDF file.
        in_world: Whether they are, else in the camera frame.
        length: Number of frames.
        middle: (17, 3) mm, that of frame `length` // 2.
    """

    clip: facts.Clip
    name: str
    path: str
    in_world: bool
    length: int
    middle: np.ndarray


def _folder(root, subject, kind):
    """Where a subject's CDF files of a kind lie, or None."""
    for folder in _FOLDERS:
        path = os.path.join(root, subject, folder.format(kind))
        if os.path.isdir(path):
            return path
    return None


def _subjects(root):
    """The subjects that have poses."""
    return [
        subject
        for subject in (f"S{number}" for number in range(1, 12))
        if _folder(root, subject, "D3_Positions")
        or _folder(root, subject, "D3_Positions_mono")
    ]


def _clips(root, subject):
    """The _Poses of a subject for each camera, and how many are broken."""
    folder = _folder(root, subject, "D3_Positions")
    in_world = folder is not None
    folder = folder or _folder(root, subject, "D3_Positions_mono")
    # "_ALL" is all of them again.
    names = sorted(
        name
        for name in os.listdir(folder)
        if name.endswith(".cdf") and not name.startswith("_")
    )
    if not names:
        raise ValueError(f"{folder}: must hold CDF files")
    paths = [os.path.join(folder, name) for name in names]
    lengths, middles = _survey(paths, 3)
    clips = []
    for path, name, length, middle in zip(
        paths, names, lengths, middles, strict=True
    ):
        name = name.removesuffix(".cdf")
        name, _, camera = (name, "", "") if in_world else name.partition(".")
        try:
            clips += [
                _Poses(
                    facts.clip_from_name(subject, name, serial),
                    name,
                    path,
                    in_world,
                    int(length),
                    middle,
                )
                for serial in (facts.CAMERAS if in_world else (camera,))
            ]
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    whole = [clip for clip in clips if not clip.clip.broken]
    return whole, len(clips) - len(whole)


def _survey(paths, axes):
    """Lengths (C,), and the middle frame of each, (C, 17, axes)."""
    first, *others = paths
    found = confined.read(f"{_READER}:survey", first, others="\n".join(others))
    return found["lengths"], _joints(first, found["middle"], axes)


@functools.lru_cache(maxsize=1)  # four cameras see the same poses
def _poses(path):
    """The (N, 17, 3) mm of a CDF file."""
    return _joints(path, confined.read(f"{_READER}:poses", path)["poses"], 3)


def _joints(path, rows, axes):
    """(N, 17, axes) of rows of all 32 joints."""
    if rows.shape[1] != _NUM_JOINTS * axes:
        raise ValueError(
            f"{path}: `Pose` must have {_NUM_JOINTS * axes} numbers a frame. "
            f"Received: {rows.shape[1]}"
        )
    rows = rows.reshape(-1, _NUM_JOINTS, axes)
    return rows[:, list(facts.JOINTS_OF_32)]


def _camera(table, clip, in_world, path):
    key = clip.clip.subject, clip.clip.camera
    if key not in table:
        raise ValueError(f"{path}: has no camera {key}")
    if in_world and table[key].rotation is None:
        raise ValueError(f"{path}: camera {key} must have R and T")
    return table[key]


def _prove(root, clips, lenses, in_world, path):
    """The Convention of a camera file, proved with some of the clips."""
    rows = pose_samples.spread(len(clips))
    paths = [_image_poses(root, clips[row]) for row in rows]
    points = [None] * len(rows)
    found = sum(map(os.path.isfile, paths))
    if found == len(paths):
        lengths, points = _survey(paths, 2)
        if any(lengths != [clips[row].length for row in rows]):
            raise ValueError(
                f"{os.path.dirname(paths[0])}: must have as many frames as "
                f"{clips[rows[0]].path} and the like"
            )
    observations = [
        conventions.Observation(
            clips[row].middle,
            lenses[row].rotation if in_world else np.eye(3),
            lenses[row].translation if in_world else np.zeros(3),
            lenses[row].intrinsics,
            lenses[row].distortion,
            joints_px=joints_px,
            frame=lenses[row].frame,
        )
        for row, joints_px in zip(rows, points, strict=True)
    ]
    convention, note = (
        conventions.detect(observations, H36M_17, path)
        if in_world
        else conventions.detect(
            observations, H36M_17, path, conventions.IN_CAMERA
        )
    )
    if found < len(paths):
        note = (
            f"{note}. That is by the frames of the images alone, for "
            f"D2_Positions has {found} of the {len(paths)} clips tried"
        )
    return convention, note


def _image_poses(root, clip):
    """Where the same poses in px would lie."""
    folder = _folder(root, clip.clip.subject, "D2_Positions") or root
    return os.path.join(folder, f"{clip.name}.{clip.clip.camera}.cdf")
