"""Human3.6M in the layout of 3DMPPE PoseNet: three JSON files a subject.

`Human36M_subject1_data.json`: `images` with id, file_name, width, height,
action_idx, subaction_idx, cam_idx, frame_idx; `annotations` with image_id and
`bbox`. `Human36M_subject1_joint_3d.json`: {action: {subaction: {frame: 17 x 3
mm, world}}}. `Human36M_subject1_camera.json`: {camera: R, t, f, c}. They lie
in the root or in its `annotations/`, the images below `images/`.

The 2D joints are the projection of the 3D ones by a pinhole: the layout knows
no distortion. Its boxes are 1.2 times as large as those around the joints,
which is undone. Source: G. Moon, 3DMPPE_POSENET_RELEASE, data/Human36M,
tool/Human36M.
"""

import dataclasses
import os

import numpy as np

from keras_pose import images as image_files
from keras_pose.data.sources import conventions
from keras_pose.data.sources.h36m import camera_files
from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.h36m import pose_samples
from keras_pose.data.sources.h36m import posenet_files
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.source import Source
from keras_pose.geometry import camera as camera_geometry
from keras_pose.skeleton import H36M_17

NAME = "h36m_posenet"

_SUBJECTS = tuple(f"S{number}" for number in range(1, 12))
# A video of 1002 rows is said to have 1000 in places; rows are missing at the
# bottom then, where no label counts from.
_MAX_SIZE_DIFFERENCE = 2

# How much larger boxes are, about their middle.
_BOX_PADDING = 1.2

# How far the middle of the joints may lie from that of their box, as a share
# of the box's longer side.
_MAX_BOX_SHIFT = 0.1


@dataclasses.dataclass(frozen=True)
class _Subject:
    """What the three files of a subject hold, of the images that are kept.

    Attributes:
        numbers: (N, 6) width, height, action, subaction, camera, frame from 0.
        names: (N,) bytes.
        boxes: (N, 4) px.
        poses: (M, 17, 3) mm, world.
        rows: (N,) row of each image's pose.
        places: {camera: (rotation, centre, intrinsics)}.
        note: What was found about its cameras.
    """

    numbers: np.ndarray
    names: np.ndarray
    boxes: np.ndarray
    poses: np.ndarray
    rows: np.ndarray
    places: dict
    note: str


def posenet(
    root,
    *,
    annotations=None,
    images=None,
    split=None,
    subjects=None,
    every=None,
    correct_s9=None,
):
    """Opens the data set; reads all of its JSON files, but no image.

    Args:
        root: Folder with the JSON files, or with `annotations/`, and `images/`.
        annotations: Folder of the JSON files, where it is another.
        images: Folder of the images, where it is another.
        split: "train" or "test": its subjects, every 5th or 64th frame.
        subjects: The only ones to take, as ("S1", "S5").
        every: Take every n-th frame.
        correct_s9: Whether to undo the drift of three of S9's clips.
    """
    files.check_root(root)
    folder = _folder(root, annotations)
    image_root = images or os.path.join(root, "images")
    wanted, every = facts.select(split, subjects, every)
    present = [s for s in _SUBJECTS if os.path.isfile(_path(folder, s, "data"))]
    where = f"{folder}: must hold Human36M_subject1_data.json and the like"
    parts, notes, num_broken, num_drifted = {}, [], 0, 0
    for subject in facts.wanted_of(wanted, present, where):
        part, broken = _read_subject(folder, subject, every)
        num_broken += broken
        parts[subject] = part
        notes.append(part.note)
        num_drifted += sum(
            posenet_files.clip_of(subject, row).drifted for row in part.numbers
        )

    def samples():
        for subject, part in parts.items():
            for row in range(len(part.names)):
                yield _sample(image_root, subject, part, row, correct_s9)

    return Source(
        NAME,
        H36M_17,
        sum(len(part.names) for part in parts.values()),
        samples(),
        (
            *notes,
            *facts.broken_notes(num_broken, "images"),
            *facts.drift_notes(correct_s9, num_drifted, "images"),
        ),
    )


def _folder(root, annotations):
    if annotations is not None:
        if not os.path.isdir(annotations):
            raise ValueError(
                "`annotations` must be the folder of the JSON files. "
                f"Received: {annotations}"
            )
        return annotations
    nested = os.path.join(root, "annotations")
    return nested if os.path.isdir(nested) else root


def _path(folder, subject, kind):
    return os.path.join(folder, f"Human36M_subject{subject[1:]}_{kind}.json")


def _sample(image_root, subject, part, row, correct_s9):
    numbers = part.numbers[row]
    width, height, *_, frame = numbers.tolist()
    clip = posenet_files.clip_of(subject, numbers)
    name = part.names[row].decode()
    image = files.read_bytes(image_root, name)
    seen = image_files.image_header(image, name)[:2]
    if np.abs(np.subtract(seen, (width, height))).max() > _MAX_SIZE_DIFFERENCE:
        raise ValueError(
            f"{name}: the image must have the {width} x {height} px that its "
            f"labels were made for. Received: {seen[0]} x {seen[1]}"
        )
    rotation, centre, intrinsics = part.places[clip.camera]
    world = np.float64(part.poses[part.rows[row]])
    joints = camera_geometry.camera_from_world(world, rotation, centre)
    published = pose_samples.pose_sample(
        NAME, image, name, clip, frame + 1, joints, intrinsics, np.zeros(5)
    )
    box = _tight(np.float64(part.boxes[row]))
    shift = _middle(published.box) - _middle(box)
    if np.abs(shift).max() > _MAX_BOX_SHIFT * box[2:].max():
        raise ValueError(
            f"{name}: the joints must lie in the middle of `bbox`, {box}. "
            f"Received: {published.box} around them"
        )
    if not (correct_s9 and clip.drifted):
        return dataclasses.replace(published, box=np.float32(box))
    world = pose_samples.undrifted(clip, world, correct_s9)
    joints = camera_geometry.camera_from_world(world, rotation, centre)
    moved = pose_samples.pose_sample(
        NAME, image, name, clip, frame + 1, joints, intrinsics, np.zeros(5)
    )
    box[:2] += _middle(moved.box) - _middle(published.box)
    return dataclasses.replace(moved, box=np.float32(box))


def _tight(box):
    """The box without its padding, from the image's corner.

    Args:
        box: (4,) px, from the middle of the top-left pixel.
    """
    size = box[2:] / _BOX_PADDING
    return np.array([*(box[:2] + 0.5 + (box[2:] - size) / 2), *size])


def _middle(box):
    return np.float64(box[:2]) + np.float64(box[2:]) / 2


def _read_subject(folder, subject, every):
    """Reads a subject's files; gives the _Subject and how many are broken."""
    path = _path(folder, subject, "data")
    numbers, names, boxes, broken, others = posenet_files.read_images(
        path, subject, every
    )
    if not len(names):
        raise ValueError(f"{path}: must list an image of every {every} frames")
    keys = posenet_files.pose_keys(*numbers[:, [2, 3, 5]].T)
    path_3d = _path(folder, subject, "joint_3d")
    pose_keys, poses = posenet_files.read_poses(path_3d, set(keys.tolist()))
    rows = np.searchsorted(pose_keys, keys)
    found = np.append(pose_keys, -1)[rows] == keys
    if not found.all():
        raise ValueError(
            f"{path_3d}: has no pose for "
            f"{names[np.argmin(found)].decode()} of {path}"
        )
    camera_path = _path(folder, subject, "camera")
    cameras = camera_files.read(camera_path)
    used = {
        number: cameras.get((subject, facts.CAMERAS[number - 1]))
        for number in np.unique(numbers[:, 4]).tolist()
    }
    for number, camera in used.items():
        if camera is None or camera.rotation is None:
            raise ValueError(f"{camera_path}: must have R and t of {number}")
    observations = []
    for row in pose_samples.spread(len(names)):
        camera = used[int(numbers[row, 4])]
        observations.append(
            conventions.Observation(
                poses[rows[row]],
                camera.rotation,
                camera.translation,
                camera.intrinsics,
                np.zeros(5),
                box=boxes[row],
            )
        )
    convention, note = conventions.detect(observations, H36M_17, camera_path)
    if others:
        note = f"{note}. {others} images are named after another subject"
    places = {
        facts.CAMERAS[number - 1]: (
            *convention.place(camera.rotation, camera.translation),
            camera.intrinsics,
        )
        for number, camera in used.items()
    }
    part = _Subject(numbers, names, boxes, poses, rows, places, note)
    return part, broken
