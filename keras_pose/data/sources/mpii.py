"""MPII: people in photos, 16 joints.

Two forms are read. The data set's own `mpii_human_pose_v1_u12_1.mat` has the
box of the head, whose size is PCKh's unit, and what people do. The lists that
readers of it share, `train.json` and `valid.json`, have neither:

    [{"image": "015601864.jpg", "center": [594, 257], "scale": 3.02,
      "joints": [[620, 394], ... 16], "joints_vis": [1, ... 16]}, ...]

Both count pixels as MATLAB does, the first one 1. A joint's place is known
where it is labelled, hidden or not; in a list, where `joints_vis` is 1.

The box is the square that HRNet and its like cut out, without their margin of
a quarter: 200 px of it for each unit of `scale`, a person's height by 200,
around `center`, which lies too high and is moved down by 15 px a unit.
Source: M. Andriluka et al., "2D Human Pose Estimation", CVPR 2014; the reader
of X. Sun et al., "Integral Human Pose Regression", ECCV 2018.
"""

import collections
import os

import numpy as np

from keras_pose.data.sources import coco_table
from keras_pose.data.sources import labels
from keras_pose.data.sources import options
from keras_pose.data.sources.reading import confined
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading.json_stream import read_items
from keras_pose.data.sources.source import Source
from keras_pose.skeleton import MPII_16

NAME = "mpii"

_MAT = "mpii_human_pose_v1_u12_1.mat"
_LISTS = {
    "train": ("train.json", "mpii_train.json"),
    "test": ("test.json", "mpii_test.json"),
}
_FOLDERS = ("", "annot", "annotations")
_FIELDS = ("image", "center", "scale", "joints", "joints_vis")
_READER = "keras_pose.data.sources.reading.mat_file:mpii"

_PX_PER_SCALE = 200.0
_SHIFT_PER_SCALE = 15.0
_HEAD_SHARE = 0.6  # of the head box's diagonal; the official PCKh's


def people(root, *, annotations=None, images=None, split=None):
    """Opens a split.

    Args:
        root: Folder with `images/` and, in itself, `annot/` or `annotations/`,
            the .mat or the list; the .mat where there are both.
        annotations: Path of the .mat or the list.
        images: Folder of the images; else `images/` or the root.
        split: "train" (the default), or "test", whose joints were never
            published. Not with a list as `annotations`: it is one split.

    Raises:
        ValueError: Names the file, the person in it and what is wrong.
    """
    files.check_root(root)
    part = options.one_of(split, _LISTS, "split", "train")
    path = annotations or files.first_file(
        root,
        [
            os.path.join(folder, name)
            for name in (_MAT, *_LISTS[part])
            for folder in _FOLDERS
        ],
    )
    image_root = files.image_folder(root, images, ("images",))
    if path.endswith(".mat"):
        return _open_mat(path, image_root, part)
    if annotations and split:
        raise ValueError(
            "`split` must not be given with a list as `annotations`, which is "
            f"one. Received: {split}"
        )
    return _open_list(path, image_root)


def _box(centre, scale):
    """The square around a person, from the image's corner."""
    side = _PX_PER_SCALE * scale
    # 1-based centres of pixels: pixel 1 ends 1 px from the corner.
    middle = centre - 0.5 + [0, _SHIFT_PER_SCALE * scale]
    return np.array([*(middle - side / 2), side, side])


def _open_list(path, image_root):
    def people_of(counter):
        for _, where, item in read_items(path, {None: _FIELDS}):
            reason, person = _listed_person(item, where)
            counter[reason] += 1
            if reason is None:
                yield where, person

    skipped = collections.Counter()
    count = sum(1 for _ in people_of(skipped))

    def samples():
        for where, person in people_of(collections.Counter()):
            yield _sample(image_root, where, *person)

    notes = coco_table.notes_of(path, skipped)
    return Source(NAME, MPII_16, count, samples(), notes)


def _listed_person(item, where):
    """(why the person is left out or None, what `_sample` takes)."""
    name = labels.text(item.get("image"), f"{where}: `image`")
    centre = labels.numbers(item.get("center"), (2,), f"{where}: `center`")
    scale = labels.numbers(item.get("scale"), (), f"{where}: `scale`")
    if not (scale > 0 and centre[0] > 0):
        return "people without a place or size", None
    shape = (MPII_16.num_joints,)
    joints, labelled = np.zeros((*shape, 2)), np.zeros(shape)
    if "joints" in item or "joints_vis" in item:  # a test split has neither
        joints = labels.numbers(
            item.get("joints"), joints.shape, f"{where}: `joints`"
        )
        labelled = labels.numbers(
            item.get("joints_vis"), shape, f"{where}: `joints_vis`"
        )
        if not set(labelled).issubset((0, 1)):
            raise ValueError(
                f"{where}: `joints_vis` must be 0 or 1. Received: {labelled}"
            )
    return None, (name, _box(centre, scale), joints, labelled, {})


def _open_mat(path, image_root, part):
    rows = confined.read(_READER, path)
    chosen, skipped = [], collections.Counter()
    wanted = rows["train"] == (part == "train")
    for person in np.flatnonzero(wanted[rows["image"]]):
        place = [*rows["centre"][person], rows["scale"][person]]
        known = np.isfinite(place).all() and place[2] > 0
        if not known:
            skipped["people without a place or size"] += 1
        elif part == "train" and np.isnan(rows["joints"][person]).all():
            skipped["people without a labelled joint"] += 1
        else:
            chosen.append(person)

    def samples():
        for person in chosen:
            where = f"{path}: person {person}"
            yield _sample(image_root, where, *_mat_person(rows, person, where))

    notes = coco_table.notes_of(path, skipped)
    return Source(NAME, MPII_16, len(chosen), samples(), notes)


def _mat_person(rows, person, where):
    image = rows["image"][person]
    joints = rows["joints"][person]
    labelled = np.isfinite(joints).all(axis=1)
    joints = np.where(labelled[:, None], joints, 0)
    joints = labels.numbers(joints, joints.shape, f"{where}: `point`")
    centre = labels.numbers(rows["centre"][person], (2,), f"{where}: `objpos`")
    scale = labels.numbers(rows["scale"][person], (), f"{where}: `scale`")
    known = {"action": str(rows["actions"][image])}
    head = rows["head"][person]
    if np.isfinite(head).all():
        head = labels.numbers(head, (4,), f"{where}: head box")
        diagonal = np.linalg.norm(head[2:] - head[:2])
        known["head_size"] = float(_HEAD_SHARE * diagonal)
    name = labels.text(str(rows["names"][image]), f"{where}: `image.name`")
    return name, _box(centre, scale), joints, labelled, known


def _sample(image_root, where, name, box, joints, labelled, known):
    image = files.read_bytes(image_root, name, where)
    return labels.photo_sample(
        image, name, box, joints - 1, labelled, NAME, **known
    )
