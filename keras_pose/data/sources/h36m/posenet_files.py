"""Reading the JSON files of the PoseNet layout; see `posenet`."""

import reprlib

import numpy as np

from keras_pose.data.sources import image_names
from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.reading import json_stream
from keras_pose.skeleton import H36M_17

# Of all cameras of a subject there are 300,000.
_MAX_IMAGES = 10**6
_MAX_NAME = 255
_MAX_FRAMES = 10**6
_MAX_PX = 2**16
_NUMBERS_OF_POSE = 3 * H36M_17.num_joints


def pose_keys(action, subaction, frame):
    """One number for a pose of a subject."""
    return (action * 10 + subaction) * _MAX_FRAMES + frame


def clip_of(subject, numbers):
    """The Clip of a row of the numbers that `read_images` gives."""
    _, _, action, subaction, camera, _ = map(int, numbers)
    number = int(subject[1:])
    return facts.clip_from_numbers(number, action, subaction, camera)


def read_images(path, subject, every):
    """Reads the images of every n-th frame, and their boxes.

    Returns:
        (N, 6) numbers and (N,) names width, height, action, subaction,
        camera, frame from 0, (N, 4) boxes px, how
        many images are of broken clips, and how many are named after somebody
        else.
    """
    ids, numbers, names, boxes = [], [], [], {}
    broken = others = 0
    sections = {"images": None, "annotations": ("image_id", "bbox")}
    for kind, _, item in json_stream.read_items(path, sections):
        if kind == "annotations":
            image_id = _number(path, item, "image_id", 2**53)
            if image_id in boxes:
                raise ValueError(
                    f"{path}: an image must have one annotation. "
                    f"Received: two, of image {image_id}"
                )
            boxes[image_id] = _box(path, item)
            if len(boxes) > _MAX_IMAGES:
                raise ValueError(
                    f"{path}: must list at most {_MAX_IMAGES} images"
                )
            continue
        frame = _number(path, item, "frame_idx", _MAX_FRAMES - 1)
        if frame % every:
            continue
        row = [
            _number(path, item, "width", _MAX_PX),
            _number(path, item, "height", _MAX_PX),
            _number(path, item, "action_idx", 16),
            _number(path, item, "subaction_idx", 2),
            _number(path, item, "cam_idx", 4),
            frame,
        ]
        name, others_too = _name(path, item, subject, row)
        if _clip_of(path, name, subject, row).broken:
            broken += 1
            continue
        others += others_too
        ids.append(_number(path, item, "id", 2**53))
        numbers.append(row)
        names.append(name.encode())
        if len(ids) > _MAX_IMAGES:
            raise ValueError(f"{path}: must list at most {_MAX_IMAGES} images")
    missing = [image_id for image_id in ids if image_id not in boxes]
    if missing or len(set(ids)) < len(ids):
        raise ValueError(
            f"{path}: each image must have an id of its own and an annotation. "
            f"Received: {len(missing)} without, ids {missing[:5]}"
        )
    return (
        np.array(numbers, np.int64).reshape(-1, 6),
        np.array(names),
        np.array([boxes[i] for i in ids], np.float32).reshape(-1, 4),
        broken,
        others,
    )


def _clip_of(path, name, subject, row):
    try:
        return clip_of(subject, row)
    except ValueError as error:
        raise ValueError(f"{path}: {name}: {error}") from error


def _number(path, item, field, most):
    """A whole number of an item, from 0."""
    value = item.get(field)
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(
            f"{path}: `{field}` must be a number from 0 to {most}. "
            f"Received: {reprlib.repr(value)} of {reprlib.repr(item)}"
        )
    return value


def _name(path, item, subject, row):
    """An image's name, and whether it is another subject's."""
    name = item.get("file_name")
    where = f"{path}: `file_name`"
    if type(name) is not str or len(name) > _MAX_NAME:
        raise ValueError(
            f"{where} must be a text of at most {_MAX_NAME} letters. "
            f"Received: {reprlib.repr(name)}"
        )
    match = image_names.parse(name, image_names.HUMAN36M_NUMBERED, where)
    _, _, action, subaction, camera, frame = row
    said = [int(match[part]) for part in ("action", "subaction", "camera")]
    # Names count frames from 1.
    if [*said, int(match["frame"])] != [action, subaction, camera, frame + 1]:
        raise ValueError(
            f"{where} must be of action {action}, subaction {subaction}, "
            f"camera {camera} and frame {frame + 1}. Received: {name!r}"
        )
    number = item.get("subject", int(subject[1:]))
    if number != int(subject[1:]):
        raise ValueError(
            f"{path}: `subject` must be {subject[1:]}. "
            f"Received: {reprlib.repr(number)}, of {name!r}"
        )
    return name, int(match["subject"]) != number


def _box(path, item):
    box = item.get("bbox")
    if (
        type(box) is not list
        or len(box) != 4
        or any(type(value) not in (int, float) for value in box)
        or not max(map(abs, box)) <= _MAX_PX
        or not min(box[2:]) > 0
    ):
        raise ValueError(
            f"{path}: `bbox` must be x, y, width and height in px. "
            f"Received: {reprlib.repr(box)} of {reprlib.repr(item)}"
        )
    return tuple(box)


def read_poses(path, wanted):
    """Reads the poses that are wanted.

    Args:
        path: The `joint_3d.json`.
        wanted: Set of `pose_keys`.

    Returns:
        (M,) keys, ascending, and (M, 17, 3) mm float32, world.
    """
    found, keys, depth, numbers = {}, ["", "", ""], 0, []
    for event, value in json_stream.events(path):
        if event == "number":
            numbers.append(value)
        elif event == "map_key" and depth <= 3:
            keys[depth - 1] = value
        elif event.startswith("start"):
            depth += 1
            if depth == 4:
                numbers = []
        elif event == "end_array":
            depth -= 1
            if depth == 3 and _key_of(path, keys) in wanted:
                found[_key_of(path, keys)] = _pose(path, keys, numbers)
        elif event == "end_map":
            depth -= 1
        elif event == "map_key" or depth > 3:
            raise ValueError(
                f"{path}: must hold 17 x 3 numbers for action, subaction and "
                f"frame. Received: {reprlib.repr(value)} in {keys}"
            )
        if len(numbers) > _NUMBERS_OF_POSE:
            _pose(path, keys, numbers)
    ordered = sorted(found)
    poses = np.array([found[key] for key in ordered], np.float32)
    return np.array(ordered, np.int64), poses.reshape(-1, 17, 3)


def _key_of(path, keys):
    numbers = [int(k) if k.isascii() and k.isdecimal() else -1 for k in keys]
    if min(numbers) < 0 or max(len(key) for key in keys) > 6:
        raise ValueError(
            f"{path}: action, subaction and frame must be numbers. "
            f"Received: {reprlib.repr(keys)}"
        )
    return pose_keys(*numbers)


def _pose(path, keys, numbers):
    with np.errstate(over="ignore"):
        pose = np.array(numbers, np.float32)
    if pose.shape != (_NUMBERS_OF_POSE,) or not np.isfinite(pose).all():
        raise ValueError(
            f"{path}: a pose must be 17 x 3 finite numbers. "
            f"Received: {len(numbers)} in {keys}"
        )
    return pose
