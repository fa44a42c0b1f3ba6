"""MPI-INF-3DHP as its own archives lay it on disk.

Training, 28 joints: `S1/Seq1/annot.mat` with, for each of 14 cameras and each
frame, `annot2` in px of the image, `annot3` in mm in the camera frame, and
`univ_annot3`. Beside it `camera.calibration`, and the videos
`imageSequence/video_0.avi` or their frames, `imageFrames/video_0/*.jpg`; only
the cameras whose pictures there are, are read.

Test, 17 joints: `TS1/annot_data.mat`, of one camera, with the same three and
`valid_frame` and `activity_annotation`, and `imageSequence/img_000001.jpg`.
Frames that are not valid are left out: they are not scored.

`univ_annot3` is `annot3` around its own pelvis, scaled to the height of one
skeleton for all, the "universal" one, which the papers' PCK is of. Where the
pelvis stands is not part of it. Here the person is scaled towards the camera,
by the factor between the two, so that the picture stays the same. The revised
TS6 has knees and ankles elsewhere in `univ_annot3`, and `annot3` is the one
that its picture shows; how many joints differ so is said.

The box is that of the joints. Source: D. Mehta et al., "Monocular 3D Human
Pose Estimation In The Wild Using Improved CNN Supervision", 3DV 2017.
"""

import os

from keras_pose.data.sources import options
from keras_pose.data.sources.mpi_inf_3dhp import test_clips
from keras_pose.data.sources.mpi_inf_3dhp import train_clips
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.source import Source
from keras_pose.skeleton import MPI_INF_3DHP_17
from keras_pose.skeleton import MPI_INF_3DHP_28

NAME = "mpi_inf_3dhp"

_TRAIN_FOLDERS = ("", "train", "mpi_inf_3dhp_train_set")
_TEST_FOLDERS = ("", "test", "mpi_inf_3dhp_test_set")


def people(
    root, *, images=None, split=None, subjects=None, every=None, universal=None
):
    """Opens a split.

    Args:
        root: Folder with S1 to S8, or with TS1 to TS6; or with `train/` and
            `test/`, or `mpi_inf_3dhp_test_set/`, that have them.
        images: Folder laid like it that has the pictures instead.
        split: "train" (the default) or "test".
        subjects: The only ones to keep, as ("S1", "S8") or ("TS1",).
        every: Take every n-th frame, from the first; of the test split, every
            n-th valid one.
        universal: Whether people are scaled to the height of `univ_annot3`.

    Raises:
        ValueError: Names the file and what is wrong with it.
    """
    files.check_root(root)
    part = options.one_of(split, ("train", "test"), "split", "train")
    step = options.step(every)
    module, skeleton, folders, prefix = {
        "train": (train_clips, MPI_INF_3DHP_28, _TRAIN_FOLDERS, "S"),
        "test": (test_clips, MPI_INF_3DHP_17, _TEST_FOLDERS, "TS"),
    }[part]
    base, found = _subjects(root, folders, prefix)
    image_root = files.image_folder(base, images, ())
    clips, notes = [], []
    for subject in options.subjects_of(subjects, found):
        opened, lines = module.open_subject(
            os.path.join(base, subject),
            os.path.join(image_root, subject),
            subject,
            step,
            bool(universal),
        )
        clips += opened
        notes += lines
    if not clips:
        raise ValueError(f"{base}: has no pictures of {', '.join(found)}")

    def samples():
        for clip in clips:
            yield from clip.samples()

    count = sum(clip.count for clip in clips)
    return Source(NAME, skeleton, count, samples(), tuple(notes))


def _subjects(root, folders, prefix):
    """The folder that has subjects, and their names."""
    for folder in folders:
        base = os.path.join(root, folder)
        if not os.path.isdir(base):
            continue
        found = sorted(
            name
            for name in os.listdir(base)
            if name.removeprefix(prefix).isdecimal()
            and name.startswith(prefix)
            and os.path.isdir(os.path.join(base, name))
        )
        if found:
            return base, found
    raise ValueError(f"{root}: has no folders {prefix}1, {prefix}2, ...")
