"""COCO's people, and files of other data sets laid out like it.

`annotations/person_keypoints_train2017.json` with the images in `train2017/`.
Of each person: `bbox`, x, y, width, height from the image's corner, and
`keypoints`, 17 x (x, y, v), v 0 not labelled, 1 labelled but hidden, 2 seen.

The numbers of `keypoints` are indices of pixels, whole and from 0: pixel i
ends half a pixel behind its own number, and so they are taken as they are.
`bbox` is continuous, 0 the image's border, as the outline it was made of.
Source: T.-Y. Lin et al., "Microsoft COCO", ECCV 2014; that the one counts
pixels and the other distances, Detectron2's documentation of data sets.
"""

import collections
import os

from keras_pose.data.sources import coco_table
from keras_pose.data.sources import labels
from keras_pose.data.sources import options
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading.json_stream import read_items
from keras_pose.data.sources.source import Source
from keras_pose.skeleton import COCO_17

NAME = "coco"

_PARTS = {"train": "train2017", "test": "val2017"}
_PERSON_FIELDS = ("image_id", "bbox", "keypoints", "iscrowd")


def people(root, *, annotations=None, images=None, split=None):
    """Opens a file of people with at least one labelled joint.

    Args:
        root: Folder with `annotations/` and `train2017/` or `val2017/`, or
            with all in itself.
        annotations: Path of the JSON; else that of the split.
        images: Folder of the images; else the split's, or the root.
        split: "train" (the default) or "test", COCO's val2017.

    Raises:
        ValueError: Names the file, the object in it and what is wrong.
    """
    files.check_root(root)
    path = _annotation_file(root, annotations, split)
    image_root = files.image_folder(root, images, _image_folders(path))
    table = coco_table.ImageTable(path)
    skipped, count = collections.Counter(), 0
    sections = {
        "images": coco_table.FIELDS,
        "annotations": _PERSON_FIELDS,
        "categories": ("name", "keypoints"),
    }
    for section, where, item in read_items(path, sections):
        if section == "images":
            table.add(item, where)
        elif section == "categories":
            _check_joints(item, where)
        else:
            reason, _ = _person(item, where)
            skipped[reason] += 1
            count += reason is None
            table.refer(item.get("image_id"), where)
    table.close()

    def samples():
        for _, where, item in read_items(path, {"annotations": _PERSON_FIELDS}):
            reason, person = _person(item, where)
            if reason is None:
                entry = table.find(item["image_id"])
                yield _sample(image_root, entry.name, where, person)

    notes = coco_table.notes_of(path, skipped)
    return Source(NAME, COCO_17, count, samples(), notes)


def _annotation_file(root, annotations, split):
    part = _PARTS[options.one_of(split, _PARTS, "split", "train")]
    if annotations is None:
        name = f"person_keypoints_{part}.json"
        return files.first_file(root, (os.path.join("annotations", name), name))
    if split is not None:
        raise ValueError(
            "`split` must not be given with `annotations`, a file of one. "
            f"Received: {split}"
        )
    return annotations


def _image_folders(path):
    """Where the images of an annotation file lie, by its name."""
    return [
        os.path.join(folder, part)
        for part in _PARTS.values()
        for folder in ("", "images")
        if part in os.path.basename(path)
    ]


def _check_joints(category, where):
    """Refuses a file of other joints: their names tell."""
    joints = category.get("keypoints")
    if joints is not None and joints != list(COCO_17.joints):
        raise ValueError(
            f"{where}: `keypoints` must be COCO's {', '.join(COCO_17.joints)}. "
            f"Received: {joints}"
        )


def _person(item, where):
    """(why the person is left out or None, (box, joints, labelled))."""
    if item.get("iscrowd"):
        return "groups outlined as one", None
    if item.get("keypoints") is None:
        return "people without a labelled joint", None
    size = 3 * COCO_17.num_joints
    flat = labels.numbers(item["keypoints"], (size,), f"{where}: `keypoints`")
    joints, flags = flat.reshape(-1, 3)[:, :2], flat[2::3]
    if not set(flags).issubset((0, 1, 2)):
        raise ValueError(
            f"{where}: `keypoints` must have a 0, 1 or 2 as every third "
            f"number. Received: {flags}"
        )
    if not flags.any():
        return "people without a labelled joint", None
    box = labels.numbers(item.get("bbox"), (4,), f"{where}: `bbox`")
    if not (box[2:] > 0).all():
        return "people with an empty box", None
    return None, (box, joints, flags > 0)


def _sample(image_root, name, where, person):
    box, joints, labelled = person
    image = files.read_bytes(image_root, name, where)
    return labels.photo_sample(image, name, box, joints, labelled, NAME)
