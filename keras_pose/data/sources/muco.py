"""MuCo-3DHP and MuPoTS-3D, several people in an image, as PoseNet's JSONs.

`MuCo-3DHP.json`, people of MPI-INF-3DHP put together in one picture, 21
joints: each image with `f` and `c`, px, and each person with `bbox` and, for
each joint, `keypoints_img` in px and `keypoints_cam` in mm, camera frame.
`MuPoTS-3D.json`, filmed to test on, 17 joints: each image with `intrinsic`,
fx, fy, cx, cy, and people that also say whether they are `is_valid`.

All joints are labelled, hidden ones too: many cameras saw them.
`keypoints_vis` says which are hidden, and is not read. Every person is a
sample, also those whom others hide.
Source: D. Mehta et al., "Single-Shot Multi-Person 3D Pose Estimation From
Monocular RGB", 3DV 2018; G. Moon et al., "Camera Distance-aware Top-down
Approach for 3D Multi-person Pose Estimation", ICCV 2019, whose files they are.
"""

import array
import os
import re

import numpy as np

from keras_pose.data.sample import Sample
from keras_pose.data.sources import coco_table
from keras_pose.data.sources import labels
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading.json_stream import read_items
from keras_pose.data.sources.source import Source
from keras_pose.skeleton import MPI_INF_3DHP_17
from keras_pose.skeleton import MUCO_21

_IMAGE_FIELDS = (*coco_table.FIELDS, "f", "c", "intrinsic")
_PERSON_FIELDS = (
    "image_id",
    "bbox",
    "keypoints_img",
    "keypoints_cam",
    "is_valid",
)
# As in TS1/img_000012.jpg.
_CLIP_FRAME = re.compile(r"(?:.*/)?(?P<clip>TS\d+)/\D*(?P<frame>\d{1,9})\.\w+")


def muco(root, *, annotations=None, images=None):
    """MuCo-3DHP.

    Args:
        root: Folder with `MuCo-3DHP.json` and the images that it names.
        annotations: Path of the JSON.
        images: Folder below which the images lie.

    Raises:
        ValueError: Names the file, the object in it and what is wrong.
    """
    return _open(
        "muco", MUCO_21, root, annotations, images, "MuCo-3DHP.json", _focal
    )


def mupots(root, *, annotations=None, images=None):
    """MuPoTS-3D.

    Args:
        root: Folder with `MuPoTS-3D.json` and `MultiPersonTestSet/`.
        annotations: Path of the JSON.
        images: Folder below which the images lie.

    Raises:
        ValueError: Names the file, the object in it and what is wrong.
    """
    return _open(
        "mupots",
        MPI_INF_3DHP_17,
        root,
        annotations,
        images,
        "MuPoTS-3D.json",
        _intrinsic,
    )


def _focal(item, where):
    return [
        *labels.numbers(item.get("f"), (2,), f"{where}: `f`"),
        *labels.numbers(item.get("c"), (2,), f"{where}: `c`"),
    ]


def _intrinsic(item, where):
    return labels.numbers(item.get("intrinsic"), (4,), f"{where}: `intrinsic`")


def _open(source, skeleton, root, annotations, images, file_name, lens_of):
    files.check_root(root)
    path = annotations or files.first_file(
        root, (file_name, os.path.join("annotations", file_name))
    )
    image_root = files.image_folder(
        root, images, ("MultiPersonTestSet", "images")
    )
    taken, table, notes = _survey(path, skeleton, lens_of)

    def samples():
        items = read_items(path, {"annotations": _PERSON_FIELDS})
        for (_, where, item), kept in zip(items, taken, strict=True):
            if kept:
                entry = table.find(item["image_id"])
                person = _person(item, where, skeleton)
                yield _sample(source, image_root, entry, where, *person)

    return Source(source, skeleton, int(taken.sum()), samples(), notes)


def _survey(path, skeleton, lens_of):
    """Which people are taken, (P,) bool, the ImageTable, and notes."""
    table = coco_table.ImageTable(path)
    boxes, valid = array.array("d"), array.array("b")
    sections = {"images": _IMAGE_FIELDS, "annotations": _PERSON_FIELDS}
    for section, where, item in read_items(path, sections):
        if section == "images":
            table.add(item, where, _checked_lens(lens_of(item, where), where))
        else:
            table.refer(item.get("image_id"), where)
            boxes.extend(_person(item, where, skeleton)[0])
            valid.append(bool(item.get("is_valid", True)))
    width, height = table.close().T
    seen = labels.overlaps(np.array(boxes).reshape(-1, 4), width, height)
    valid = np.array(valid, bool)
    skipped = {
        "people that are not valid": np.count_nonzero(~valid),
        "people outside their image": np.count_nonzero(valid & ~seen),
    }
    return valid & seen, table, coco_table.notes_of(path, skipped)


def _checked_lens(lens, where):
    if not min(lens[:2]) > 0:
        raise ValueError(
            f"{where}: focal lengths must be positive. "
            f"Received: {[float(x) for x in lens[:2]]}"
        )
    return lens


def _person(item, where, skeleton):
    """(box, joints in px, joints in mm) of a person's object."""
    joints = skeleton.num_joints
    return tuple(
        labels.numbers(item.get(field), shape, f"{where}: `{field}`")
        for field, shape in (
            ("bbox", (4,)),
            ("keypoints_img", (joints, 2)),
            ("keypoints_cam", (joints, 3)),
        )
    )


def _sample(source, image_root, entry, where, box, px, mm):
    image = files.read_bytes(image_root, entry.name, where)
    clip = _CLIP_FRAME.fullmatch(entry.name)
    ones = np.ones(len(mm), np.float32)
    return Sample(
        image=image,
        name=entry.name,
        box=np.float32(box),
        joints_mm=np.float32(mm),
        joints_px=np.float32(px),
        weight_3d=ones,
        weight_2d=ones,
        intrinsics=labels.pinhole(*entry.numbers),
        distortion=np.zeros(5, np.float32),
        head_size=0.0,
        subject=clip["clip"] if clip else "",
        action="",
        camera="",
        frame=int(clip["frame"]) if clip else 0,
        source=source,
    )
