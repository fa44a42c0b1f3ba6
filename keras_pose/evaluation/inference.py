"""The poses that a network gives for the samples of data sets.

A sample may be looked at several times: mirrored, turned to either side. What
the network says of each view is carried back to the plain crop, and its mean is
the pose.
"""

import contextlib
import functools

import numpy as np

from keras_pose import location
from keras_pose.data import threads
from keras_pose.data.augmentation import NO_AUGMENTATION
from keras_pose.evaluation.predictions import Predictions
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import View

# How far the outer ones of several crops are turned to either side, degrees.
_TURNED = 15.0

ROOT_DEPTHS = ("true", "estimated")


def infer(
    predict,
    spec,
    records,
    batch_size,
    numbers=None,
    flip=False,
    crops=1,
    root_depth="true",
    progress=None,
):
    """Runs a network over samples.

    Args:
        predict: (B, S, S, 3) uint8 -> {"pose": (B, J, 3) unit coordinates}.
        spec: The network's PoseSpec.
        records: The `store.Records`.
        batch_size: Images given to `predict` at once; fewer at the end.
        numbers: Those of the samples, all by default.
        flip: Whether each crop is also seen mirrored.
        crops: How often each sample is seen, turned evenly by up to 15 degrees
            to either side.
        root_depth: Of a crop volume: "true" takes that of the labels, and
            gives NaN where there is none; "estimated" that at which the bones
            have their mean length. A metric volume needs none.
        progress: Called with the number of samples done.

    Returns:
        Predictions of the samples, in the order of `numbers`: camera frame
        for a crop volume, relative to the root for a metric one. Where the
        camera is unknown the crop is taken for an ordinary photo.

    Raises:
        ValueError: An argument is wrong, a sample is damaged, or the network
            gives NaN.
        OSError: A sample cannot be read.
    """
    if root_depth not in ROOT_DEPTHS:
        raise ValueError(
            "`root_depth` must be 'true' or 'estimated'. "
            f"Received: {root_depth!r}"
        )
    if crops < 1:
        raise ValueError(f"`crops` must be at least 1. Received: {crops}")
    if (
        isinstance(spec.volume, CropVolume)
        and root_depth == "estimated"
        and location.needs_root_depth(spec)
    ):
        raise ValueError(
            "`root_depth` must be 'true' for a network that knows no bone "
            "lengths, since its data had no 3D. Received: 'estimated'"
        )
    numbers = np.arange(len(records)) if numbers is None else numbers
    turns = np.linspace(-_TURNED, _TURNED, crops) if crops > 1 else (0.0,)
    looks = [
        (turn, side) for turn in turns for side in (False, True)[: 1 + flip]
    ]
    parts = []
    found = _looked_at(
        predict, spec, records, batch_size, numbers, looks, progress
    )
    with contextlib.closing(found):
        for batch in found:
            parts.append(_placed(spec, *batch, root_depth))
    names, joints_mm, joints_px = map(np.concatenate, zip(*parts, strict=True))
    return Predictions(spec.skeleton.joints, names, joints_mm, joints_px)


def _looked_at(predict, spec, records, batch_size, numbers, looks, progress):
    """Yields labels, mean poses in the plain crop, boxes and plain Views."""
    # A batch has all looks at its samples, one sample after the other.
    size = max(1, batch_size // len(looks))
    stream = threads.batches(
        records,
        spec,
        size * len(looks),
        np.repeat(numbers, len(looks)),
        functools.partial(_changes, looks),
    )
    done = 0
    with contextlib.closing(stream):
        for batch in stream:
            pose = _predicted(predict, batch)
            mirrored = np.resize([side for _, side in looks], len(pose))
            swapped = pose[:, list(spec.skeleton.flip_permutation)]
            pose = np.where(mirrored[:, None, None], swapped, pose)
            box = np.float64(batch["box"])
            plain = crop.crop_from_image(box, spec.input_size, spec.box_margin)
            pose = _in_plain_crop(spec, pose, batch["view"], plain)
            pose = pose.reshape(-1, len(looks), *pose.shape[1:]).mean(axis=1)
            first = slice(None, None, len(looks))
            view = View(*(np.float64(part)[first] for part in batch["view"]))
            view = view._replace(crop_from_image=plain[first])
            labels = {
                "name": batch["name"][first],
                "weight_3d": batch["weight_3d"][first],
            }
            yield labels, pose, box[first], view
            done += len(pose)
            if progress:
                progress(done)


def _predicted(predict, batch):
    """(B, J, 3) float64 unit coordinates."""
    pose = np.asarray(predict(batch["image"])["pose"], np.float64)
    wrong = ~np.isfinite(pose).all(axis=(1, 2))
    if wrong.any():
        raise ValueError(
            f"{batch['name'][wrong][0]}: a pose must be finite to be scored. "
            "Received: NaN"
        )
    return pose


def _changes(looks, count):
    """How the crops of a batch are changed to be looked at: a Change."""
    plain = NO_AUGMENTATION.draw(0, np.zeros(count, int))
    turns, sides = zip(*looks, strict=True)
    return plain._replace(
        rotation=np.resize(np.radians(turns), count).astype(np.float32),
        flip=np.resize(sides, count),
    )


def _in_plain_crop(spec, pose, view, plain):
    """Unit coordinates of the plain crop for those of a changed one."""
    view = View(*(np.float64(part) for part in view))
    plain_view = view._replace(crop_from_image=plain)
    origin = np.zeros((1, 1, 3))
    if isinstance(spec.volume, CropVolume):
        points = spec.volume.image_points(pose, view)
        offset = (pose - 0.5) * spec.volume.depth_mm  # whose z alone counts
    else:
        points = None
        offset = spec.volume.decode(pose, view)
    return spec.volume.encode(offset, points, origin, plain_view)


def _placed(spec, labels, pose, box, view, root_depth):
    """Names, joints in mm and joints in px of one batch."""
    has_camera = view.intrinsics.any(axis=(1, 2))
    view = view._replace(intrinsics=_known_or_ordinary(view, spec.input_size))
    if isinstance(spec.volume, CropVolume) and root_depth == "true":
        root = spec.skeleton.root
        known = has_camera & (labels["weight_3d"][:, root] > 0)
        points = spec.volume.image_points(pose, view)
        joints = np.full_like(pose, np.nan)
        rows = View(*(part[known] for part in view))
        joints[known] = spec.volume.decode(pose[known], rows)
        return labels["name"], joints, points
    view = view._replace(root_depth=np.zeros_like(view.root_depth))
    place = location.locate(spec, pose, view, box)
    if isinstance(spec.volume, CropVolume):
        return labels["name"], place.joints_camera_mm, place.joints_px
    return labels["name"], place.joints_mm, place.joints_px


def _known_or_ordinary(view, size):
    """Intrinsics (B, 3, 3); of an ordinary photo, the crop, where unknown."""
    ordinary = camera.intrinsics_from_field_of_view(
        camera.ORDINARY_FIELD_OF_VIEW, np.float64(size), np.float64(size)
    )
    of_image = np.linalg.inv(view.crop_from_image) @ ordinary
    known = view.intrinsics.any(axis=(1, 2), keepdims=True)
    return np.where(known, view.intrinsics, of_image)
