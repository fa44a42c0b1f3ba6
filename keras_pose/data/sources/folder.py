"""Anybody's images in a folder, with a table of what is known of them.

The images lie below the root, at any depth. Without a table each of them is
one person who fills it, and nothing else is known: that is enough to predict.

`annotations.csv` in the root, or another that `annotations` names, has a row
for each person. A column that nobody needs is left out, a cell that nobody
knows is left empty, and only `image` must be there:

    image,x,y,width,height,fx,fy,cx,cy,left_wrist_x_px,left_wrist_y_px
    walk/001.jpg,310,95,180,420,1145,1144,512,515,352.5,310.0
    walk/002.jpg,318,94,176,421,1145,1144,512,515,,
    selfie.png,,,,,,,,,,

- `image`: path below the root, or below `images`.
- `x`, `y`, `width`, `height`: the person's box, px from the image's corner;
  else the whole image.
- `fx`, `fy`, `cx`, `cy`: the camera, px; with it `k1`, `k2`, `p1`, `p2`, `k3`,
  its distortion as OpenCV has it, each 0 where it is not given.
- `left_wrist_x_px`, `left_wrist_y_px` and so on: joints in the image, px,
  (0, 0) the centre of the top-left pixel, as the lens bends them.
- `left_wrist_x_mm`, `..._y_mm`, `..._z_mm`: joints in the camera frame, mm,
  x right, y down, z away from the camera.
- `head_size`: px, the unit of PCKh.
- `subject`, `action`, `camera`: text; `frame`: a whole number.

`annotations.json` says the same as a list of objects:

    [{"image": "walk/001.jpg", "box": [310, 95, 180, 420],
      "intrinsics": [1145, 1144, 512, 515], "distortion": [0, 0, 0, 0, 0],
      "joints_px": {"left_wrist": [352.5, 310.0]},
      "joints_mm": {"left_wrist": [-410.2, -511.7, 2890.3]},
      "head_size": 38.5, "subject": "Ann", "action": "walk",
      "camera": "left", "frame": 1}]

`skeleton` names the joint set, h36m_17 if it is not given.

A photo that its camera took turned, and says so in its EXIF orientation, is
read upright, as viewers show it. With a box, joints or a camera such a photo is
refused: whether they count the turned pixels or the upright ones, nothing says.
"""

import os

import numpy as np

from keras_pose import images as image_files
from keras_pose.data.sources import folder_table
from keras_pose.data.sources import labels
from keras_pose.data.sources import options
from keras_pose.data.sources.reading import csv_table
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading.json_stream import read_items
from keras_pose.data.sources.source import Source
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import SKELETONS

NAME = "folder"

_TABLES = ("annotations.csv", "annotations.json")
_ENDINGS = (".jpg", ".jpeg", ".png")
_AXES = {"joints_px": 2, "joints_mm": 3}
_TEXTS = ("subject", "action", "camera")
_FIELDS = (
    "image",
    "box",
    *_AXES,
    "intrinsics",
    "distortion",
    "head_size",
    *_TEXTS,
    "frame",
)


def people(root, *, annotations=None, images=None, skeleton=None):
    """Opens a folder of images.

    Args:
        root: The folder.
        annotations: Path of a CSV or JSON; else `annotations.csv` or
            `annotations.json` of the root; else there is none.
        images: Folder of the images; else the root.
        skeleton: Name of the joint set.

    Raises:
        ValueError: Names the file, the line, the column and the value.
    """
    files.check_root(root)
    skeleton = options.one_of(skeleton, SKELETONS, "skeleton", H36M_17.name)
    joint_set = SKELETONS[skeleton]
    image_root = files.image_folder(root, images, ())
    path = annotations or _table_of(root)
    if path is None:
        return _open_images(image_root, joint_set)

    def entries():
        for where, item in _items(path, joint_set):
            yield where, _checked(item, where, joint_set)

    count = sum(1 for _ in entries())

    def samples():
        for where, item in entries():
            try:
                image = files.read_bytes(image_root, item["image"])
                yield _sample(_upright(image, item), joint_set, item)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error

    return Source(NAME, joint_set, count, samples())


def _table_of(root):
    """The root's own table, or None."""
    found = [
        path
        for name in _TABLES
        if os.path.lexists(path := os.path.join(root, name))
    ]
    if len(found) > 1:
        raise ValueError(
            "`annotations` must name one of several tables. "
            f"Received: none, of {', '.join(found)}"
        )
    return found[0] if found else None


def _open_images(image_root, joint_set):
    seen = [
        os.path.relpath(os.path.join(parent, name), image_root)
        for parent, _, names in os.walk(image_root)
        for name in names
    ]
    names = sorted(x for x in seen if x.lower().endswith(_ENDINGS))
    if not names:
        raise ValueError(
            f"{image_root}: must hold images, {', '.join(_ENDINGS)}"
        )

    def samples():
        for frame, name in enumerate(names):
            item = {"image": name, "frame": frame}
            image = _upright(files.read_bytes(image_root, name), item)
            yield _sample(image, joint_set, item)

    notes = [f"{image_root}: no table, so each image is one person, whole"]
    others = sorted(set(seen) - set(names))
    if others:
        shown = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
        notes.append(
            f"{image_root}: {len(others)} files that are not called "
            f"{' or '.join(_ENDINGS)} are left out: {shown}"
        )
    return Source(NAME, joint_set, len(names), samples(), tuple(notes))


def _items(path, joint_set):
    """Yields (what errors call it, object) of a table of either kind."""
    if path.lower().endswith(".csv"):
        yield from folder_table.read_rows(path, joint_set.joints)
    else:
        for _, where, item in read_items(path, {None: None}):
            for key in item:
                if key not in _FIELDS:
                    raise ValueError(
                        f"{where}: unknown key `{key:.80}`"
                        f"{csv_table.nearest(key, _FIELDS)}"
                    )
            yield where, item


def _checked(item, where, joint_set):
    """The object with its values checked, and those without one left out."""
    item = {key: value for key, value in item.items() if value is not None}
    labels.text(item.get("image"), f"{where}: `image`")
    for field, size in (("box", 4), ("intrinsics", 4), ("distortion", 5)):
        if field in item:
            name = f"{where}: `{field}`"
            item[field] = labels.numbers(item[field], (size,), name)
    for field, positive in (("box", slice(2, 4)), ("intrinsics", slice(2))):
        if field in item and not (item[field][positive] > 0).all():
            rule = "width and height" if field == "box" else "focal lengths"
            raise ValueError(
                f"{where}: `{field}` must have positive {rule}. "
                f"Received: {item[field]}"
            )
    if "distortion" in item and "intrinsics" not in item:
        raise ValueError(
            f"{where}: `distortion` must not be given without `intrinsics`. "
            f"Received: {item['distortion']}"
        )
    if "head_size" in item:
        name = f"{where}: `head_size`"
        item["head_size"] = size = labels.numbers(item["head_size"], (), name)
        if size < 0:
            raise ValueError(f"{name} must not be negative. Received: {size}")
    for field in _TEXTS:
        if item.get(field):
            labels.text(item[field], f"{where}: `{field}`")
    if "frame" in item:
        labels.whole(item["frame"], f"{where}: `frame`")
    for field, axes in _AXES.items():
        item[field] = _joints(
            item.get(field, {}), field, axes, where, joint_set
        )
    return item


def _joints(given, field, axes, where, joint_set):
    """((J, axes) with 0 for what is not known, (J,) weights)."""
    if not isinstance(given, dict):
        raise ValueError(
            f"{where}: `{field}` must be an object, a place for each joint by "
            f"name. Received: {type(given).__name__}"
        )
    joints = np.zeros((joint_set.num_joints, axes), np.float32)
    weights = np.zeros(joint_set.num_joints, np.float32)
    for name, place in given.items():
        if name not in joint_set.joints:
            raise ValueError(
                f"{where}: `{field}`: {joint_set.name} has no joint "
                f"`{name:.80}`{csv_table.nearest(name, joint_set.joints)}"
            )
        if place is not None:
            index = joint_set.joints.index(name)
            place_name = f"{where}: `{field}`: `{name}`"
            joints[index] = labels.numbers(place, (axes,), place_name)
            weights[index] = 1
    return joints, weights


def _upright(image, item):
    """The image as viewers show it; refused if there are numbers of it."""
    name = item["image"]
    placed = [
        *(field for field in ("box", "intrinsics") if field in item),
        *(field for field in _AXES if field in item and item[field][1].any()),
    ]
    if placed and image_files.is_turned(image, name):
        raise ValueError(
            f"{name}: must be saved upright, without an EXIF orientation, for "
            "its pixels may be counted either way. "
            f"Received: one turned, with `{'`, `'.join(placed)}`"
        )
    return image_files.turn_upright(image, name)


def _sample(image, joint_set, item):
    nothing = [np.zeros(joint_set.num_joints, np.float32)]
    px, weight_2d = item.get(
        "joints_px", (np.zeros((joint_set.num_joints, 2), np.float32), *nothing)
    )
    mm, weight_3d = item.get(
        "joints_mm", (np.zeros((joint_set.num_joints, 3), np.float32), *nothing)
    )
    name = item["image"]
    known = {
        field: item[field] for field in (*_TEXTS, "frame") if field in item
    }
    box = item.get("box")
    if box is None:
        width, height, _ = image_files.image_header(image, name)
        box = [0, 0, width, height]
    if "intrinsics" in item:
        known["intrinsics"] = labels.pinhole(*item["intrinsics"])
    if "distortion" in item:
        known["distortion"] = np.float32(item["distortion"])
    return labels.photo_sample(
        image,
        name,
        box,
        px,
        weight_2d,
        NAME,
        joints_mm=mm,
        weight_3d=weight_3d,
        head_size=float(item.get("head_size", 0)),
        **known,
    )
