"""From a network's unit coordinates to joints in mm before the camera.

Written once for arrays and tensors: `xp` is NumPy, or a module with its names,
and `repeat` its loop. Leading dimensions are those of a batch.
"""

import typing

import numpy as np

from keras_pose.geometry import camera
from keras_pose.geometry import placement
from keras_pose.geometry import rules
from keras_pose.geometry.volume import MetricVolume
from keras_pose.geometry.volume import View

# Of joints that a metric and a crop network share, to place a pose by both.
_FEWEST_SHARED = 4
# Nearer than this to the crop's border, in crops, a joint may lie outside.
_BORDER = 0.01
_OUTSIDE_WEIGHT = 0.01
# So that the joints of a network whose confidence is near 0 count alike.
_LEAST_CONFIDENCE = 0.1


class Location(typing.NamedTuple):
    """Where a person's joints are.

    Attributes:
        joints_mm: (..., J, 3) mm, relative to the root.
        joints_camera_mm: (..., J, 3) mm, camera frame.
        joints_px: (..., J, 2) px in the whole image.
        view: The View that was used, its root depth that of the pose.
        rules: `rules.Rule`s that the pose must meet.
    """

    joints_mm: typing.Any
    joints_camera_mm: typing.Any
    joints_px: typing.Any
    view: View
    rules: tuple


def needs_root_depth(spec):
    """Whether nothing tells a person's place but a given root depth."""
    return not isinstance(spec.volume, MetricVolume) and not any(
        length > 0 for length in spec.bone_lengths_mm
    )


def locate(spec, pose, view, box, xp=np, repeat=placement.repeat_step):
    """Places poses in front of the camera.

    The metric volume knows the size: its pose stands where it fills its box.
    The crop volume knows the pixels: its pose stands where its bones have the
    mean length of the training set.

    Args:
        spec: The network's PoseSpec.
        pose: (..., J, 3) float64 unit coordinates.
        view: The View of the crop, float64; its root depth is in mm where it
            is known, and 0 where it is to be estimated.
        box: (..., 4) px, tight on the person.
        xp: NumPy, or what has its names.
        repeat: As `placement.repeat_step`.

    Returns:
        A Location.
    """
    root = spec.skeleton.root
    if isinstance(spec.volume, MetricVolume):
        relative = spec.volume.decode(pose, view)
        relative = relative - relative[..., root : root + 1, :]
        place = placement.root_from_box(
            relative,
            box,
            view.intrinsics,
            view.distortion,
            view.root_depth,
            xp,
            repeat,
        )
        joints = relative + place
        view = view._replace(root_depth=place[..., 2:])
    else:
        view = view._replace(
            root_depth=_crop_depth(spec, pose, view, xp, repeat)
        )
        joints = spec.volume.decode(pose, view)
    joints_px = camera.image_from_camera(
        joints, view.intrinsics, view.distortion
    )
    if isinstance(spec.volume, MetricVolume):
        low = xp.min(joints_px, axis=-2, keepdims=True)
        high = xp.max(joints_px, axis=-2, keepdims=True)
        centre = box[..., None, :2] + box[..., None, 2:] / 2 - 0.5
        misplaced_px = (low + high) / 2 - centre
    else:
        misplaced_px = joints_px - spec.volume.image_points(pose, view)
    return Location(
        joints - joints[..., root : root + 1, :],
        joints,
        joints_px,
        view,
        rules.of_pose(joints, misplaced_px, box, xp),
    )


def check_pair(spec, crop_spec):
    """Refuses two networks that cannot place a pose together.

    Raises:
        ValueError: The first has no metric volume, the second no crop volume,
            or they share fewer than `_FEWEST_SHARED` joints.
    """
    shared = set(spec.skeleton.joints) & set(crop_spec.skeleton.joints)
    kinds = [type(s.volume).__name__ for s in (spec, crop_spec)]
    if kinds != ["MetricVolume", "CropVolume"] or len(shared) < _FEWEST_SHARED:
        raise ValueError(
            "`model` must have a metric volume and `crop_model` a crop volume, "
            f"with {_FEWEST_SHARED} joints in common. Received: "
            f"{kinds[0]} and {kinds[1]}, {len(shared)} joints in common"
        )


def locate_by_both(spec, outputs, crop_spec, crop_outputs, crop_view, box):
    """Places poses of a metric volume where a crop volume sees their joints.

    Args:
        spec: PoseSpec of the network with the metric volume.
        outputs: What it says, float64: its "pose" (N, J, 3), and if it has
            heatmaps its "confidence" (N, J).
        crop_spec: PoseSpec of the network with the crop volume.
        crop_outputs: What that one says.
        crop_view: The View of that network's crops.
        box: (N, 4) px.

    Returns:
        A Location.
    """
    root = spec.skeleton.root
    relative = spec.volume.decode(outputs["pose"], crop_view)
    relative = relative - relative[..., root : root + 1, :]
    here = [
        (joint, other)
        for joint, other in enumerate(
            spec.skeleton.indices_in(crop_spec.skeleton)
        )
        if other >= 0
    ]
    joints, others = map(list, zip(*here, strict=True))
    seen = crop_outputs["pose"][:, others]
    pixels = crop_spec.volume.image_points(seen, crop_view)
    rays = camera.camera_from_image(
        pixels, 1.0, crop_view.intrinsics, crop_view.distortion
    )[..., :2]
    # A heatmap cannot show what is outside the crop.
    inside = np.abs(seen[..., :2] - 0.5).max(axis=-1) < 0.5 - _BORDER
    weight = inside + _OUTSIDE_WEIGHT
    for said, of_shared in ((outputs, joints), (crop_outputs, others)):
        if "confidence" in said:
            confidence = said["confidence"][:, of_shared]
            weight = weight * (confidence + _LEAST_CONFIDENCE)
    place = placement.root_from_points(relative[:, joints], rays, weight)
    found = relative + place
    joints_px = camera.image_from_camera(
        found, crop_view.intrinsics, crop_view.distortion
    )
    again = camera.image_from_camera(
        np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1),
        crop_view.intrinsics,
        crop_view.distortion,
    )
    return Location(
        relative,
        found,
        joints_px,
        crop_view._replace(root_depth=place[..., 2:]),
        rules.of_pose(found, again - pixels, box),
    )


def _crop_depth(spec, pose, view, xp, repeat):
    """Root depths of poses of a crop volume, (..., 1, 1) mm."""
    if needs_root_depth(spec):
        return view.root_depth
    rays = camera.camera_from_image(
        spec.volume.image_points(pose, view),
        1.0,
        view.intrinsics,
        view.distortion,
    )
    depth = placement.root_depth_from_bone_lengths(
        rays[..., :2],
        (pose[..., 2:] - 0.5) * spec.volume.depth_mm,
        spec.skeleton.bones,
        spec.bone_lengths_mm,
        xp,
        repeat,
    )
    return xp.where(view.root_depth > 0, view.root_depth, depth)
