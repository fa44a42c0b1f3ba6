"""Human3.6M's poses as VideoPose3D keeps them, with videos or frames.

`data_3d_h36m.npz`, in the root or its `data/`: `positions_3d`, {subject:
{"Directions 1": (N, 32, 3) or (N, 17, 3) metres, world}}. It has no cameras,
which `metadata.xml` or `cameras.pkl` give, and no images: `images` names a
folder of the archive's videos, `S1/Videos/Directions 1.54138969.mp4`, or of
frames, `S1/Directions 1.54138969/..._000001.jpg`, or of numbered folders
`s_01_act_02_subact_01_ca_01/..._000001.jpg`, which need metadata.xml.
Source: D. Pavllo et al., VideoPose3D, data/prepare_data_h36m.py.
"""

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

NAME = "h36m_videopose3d"

_FILES = ("data_3d_h36m.npz", "data/data_3d_h36m.npz")

# Mean length of bones: metres, or mm where somebody has made them so.
_BONES = {1000.0: (0.05, 1.0), 1.0: (50.0, 1000.0)}


def videopose3d(
    root,
    *,
    annotations=None,
    cameras=None,
    images=None,
    split=None,
    subjects=None,
    every=None,
    correct_s9=None,
):
    """Opens the data set; reads the poses.

    Args:
        root: Folder of `data_3d_h36m.npz`.
        annotations: Path of that file, where it is another.
        cameras: metadata.xml, cameras.pkl or a JSON file of the PoseNet
            layout, where it is not in the root.
        images: Folder of videos or frames, where it is not the root.
        split: "train" or "test": its subjects, every 5th or 64th frame.
        subjects: The only ones to take, as ("S1", "S5").
        every: Take every n-th frame.
        correct_s9: Whether to undo the drift of three of S9's clips.
    """
    files.check_root(root)
    wanted, every = facts.select(split, subjects, every)
    path = annotations or files.first_file(root, _FILES)
    camera_path = camera_files.find(root, cameras)
    table = camera_files.read(camera_path)
    poses = _read(path, wanted)
    numbered = camera_files.numbered_folders(camera_path)
    clips, num_broken = [], 0
    for subject, name in poses:
        for serial in facts.CAMERAS:
            try:
                clip = facts.clip_from_name(subject, name, serial)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
            lens = table.get((subject, serial))
            if lens is None or lens.rotation is None:
                raise ValueError(
                    f"{camera_path}: must have camera {serial} of {subject}, "
                    "with R and T"
                )
            if clip.broken:
                num_broken += 1
                continue
            where = clip_images.find(
                images or root, subject, name, serial, numbered
            )
            clips.append((clip, poses[subject, name], lens, where))
    if not clips:
        raise ValueError(f"{path}: must hold poses of a clip not broken")
    convention, note = conventions.detect(
        _observations(clips), H36M_17, camera_path
    )
    takes = [
        Take(
            clip,
            len(joints),
            where,
            lambda joints=joints: joints,
            convention.place(lens.rotation, lens.translation),
            lens.intrinsics,
            lens.distortion,
        )
        for clip, joints, lens, where in clips
    ]
    notes = (note, *facts.broken_notes(num_broken, "clips"))
    return open_takes(NAME, takes, every, correct_s9, notes)


def _read(path, wanted):
    """{(subject, clip's name): (N, 17, 3) mm} of the subjects."""
    found = confined.read(f"{__package__}.videopose3d_npz:read", path)
    present = found["subjects"].tolist()
    wanted = facts.wanted_of(wanted, present, f"{path}: must hold poses")
    ends = np.cumsum(found["lengths"])
    scale = _mm_per_unit(path, found["poses"][ends - 1])
    return {
        (subject, name): found["poses"][end - length : end] * scale
        for subject, name, length, end in zip(
            present,
            found["names"].tolist(),
            found["lengths"],
            ends,
            strict=True,
        )
        if subject in wanted
    }


def _mm_per_unit(path, poses):
    """The unit of poses (N, 17, 3), by the length of their bones."""
    parents, children = np.transpose(H36M_17.bones)
    length = np.linalg.norm(
        poses[:, children] - poses[:, parents], axis=-1
    ).mean()
    for scale, (low, high) in _BONES.items():
        if low <= length <= high:
            return np.float32(scale)
    raise ValueError(
        f"{path}: poses must be in metres, or mm: bones some 0.25 m long. "
        f"Received: {length} on average"
    )


def _observations(clips):
    return [
        conventions.Observation(
            joints[len(joints) // 2],
            lens.rotation,
            lens.translation,
            lens.intrinsics,
            lens.distortion,
            frame=lens.frame,
        )
        for _, joints, lens, _ in (
            clips[row] for row in pose_samples.spread(len(clips))
        )
    ]
