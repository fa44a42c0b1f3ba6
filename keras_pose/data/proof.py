"""The proof that a sample was read right.

Shapes and values, the box and the image; and what no wrong reading passes:
bones as long as people's, and 3D joints that the camera sees where the 2D
joints are. What fails is tried in the ways that files are usually misread, so
that the error can say which it is.
"""

import dataclasses

import numpy as np

from keras_pose import images
from keras_pose.data import records
from keras_pose.data.anatomy import bone_lengths
from keras_pose.geometry import camera

# How far the projection of the 3D joints may lie from the 2D joints on
# average, as a share of the box's longer side. Right files stay below 0.001; a
# wrong camera or side is off by 0.05 and more.
MAX_REPROJECTION_SHARE = 0.02

# Mean bone lengths of people, mm, with much to spare. A projection does not
# show the unit of length; these show metres and centimetres.
BONE_LENGTHS_MM = (50.0, 1000.0)

# How far outside the box a joint may lie, share of its sides: boxes are drawn
# by hand, and around what is seen.
BOX_SLACK = 0.25
_FEW_JOINTS = 4  # say little about a box


def check_sample(sample, skeleton):
    """Checks a sample: shapes, values, the box, the image, the camera.

    Raises:
        ValueError: Names the image, the field, the rule and the value.
    """

    def require(holds, field, rule, received):
        if not holds:
            raise ValueError(
                f"{sample.name}: `{field}` {rule}. Received: {received}"
            )

    _check_numbers(sample, skeleton, require)
    _check_image_and_box(sample, require)
    _check_joints(sample, skeleton, require)


def _check_numbers(sample, skeleton, require):
    size = sample.head_size
    require(size >= 0, "head_size", "must be 0 px or more", size)
    for field, (dtype, shape, _) in records.FIELDS.items():
        if dtype is not np.float32:
            continue
        value = np.asarray(getattr(sample, field))
        expected = records.concrete_shape(shape, skeleton.num_joints)
        require(
            value.shape == expected,
            field,
            f"must have shape {expected} for the joints of {skeleton.name}",
            f"shape {value.shape}",
        )
        require(np.all(np.isfinite(value)), field, "must be finite", value)
        if field.startswith("weight"):
            inside = np.all((value >= 0) & (value <= 1))
            require(inside, field, "must be in [0, 1]", value)


def _check_image_and_box(sample, require):
    width, height, file_format = images.check_image(sample.image, sample.name)
    require(
        file_format in ("JPEG", "MPO", "PNG"),
        "image",
        "must be a JPEG or PNG",
        file_format,
    )
    x, y, box_width, box_height = sample.box
    require(
        box_width > 0 and box_height > 0,
        "box",
        "must have a positive width and height",
        sample.box,
    )
    require(
        x < width and y < height and x + box_width > 0 and y + box_height > 0,
        "box",
        f"must overlap the image of {width} x {height} px",
        sample.box,
    )
    inside = _inside(sample.joints_px, (0, 0, width, height))
    seen = sample.joints_px[(sample.weight_2d > 0) & inside]
    grown = np.concatenate(
        [
            sample.box[:2] - BOX_SLACK * sample.box[2:],
            sample.box[2:] * (1 + 2 * BOX_SLACK),
        ]
    )
    count = np.count_nonzero(_inside(seen, grown))
    require(
        len(seen) < _FEW_JOINTS or 2 * count >= len(seen),
        "box",
        "must be around the person: half of the joints in the image, or more",
        f"{sample.box.tolist()}, near which are {count} of {len(seen)}",
    )


def _inside(points, box):
    """Which points, (J, 2) px, lie in a box: (J,) bool."""
    away = points + 0.5 - np.asarray(box[:2])
    return ((away >= 0) & (away <= box[2:])).all(axis=-1)


def _check_joints(sample, skeleton, require):
    depth = sample.joints_mm[sample.weight_3d > 0, 2]
    require(
        np.all(depth > 0),
        "joints_mm",
        "must lie in front of the camera, z > 0 mm",
        depth,
    )
    lengths = bone_lengths(sample.joints_mm, sample.weight_3d, skeleton)
    lengths = lengths[np.isfinite(lengths)]
    length = lengths.mean() if len(lengths) else None
    low, high = BONE_LENGTHS_MM
    if length is not None and not low <= length <= high:
        require(
            False,
            "joints_mm",
            f"must be in mm, bones {low:.0f} to {high:.0f} mm long on average",
            f"{length:.4g} mm{_other_unit(length)}",
        )
    error = reprojection_error(sample)
    limit = MAX_REPROJECTION_SHARE * max(sample.box[2:])
    if error is not None and not error <= limit:
        require(
            False,
            "joints_mm",
            "must project onto `joints_px` with `intrinsics` and `distortion` "
            f"within {limit:.1f} px on average",
            f"{error:.1f} px{_misreading(sample, skeleton, limit)}",
        )


def _other_unit(length):
    """Says in which unit a mean bone length would be a person's."""
    low, high = BONE_LENGTHS_MM
    for unit, factor in (("metres", 1000.0), ("centimetres", 10.0)):
        if low <= length * factor <= high:
            return f"; the file may be in {unit}"
    return ""


def _misreading(sample, skeleton, limit):
    """Says with which change the 3D joints would be seen at the 2D joints."""
    flipped = list(skeleton.flip_permutation)
    width, _, _ = images.image_header(sample.image, sample.name)
    mirrored = sample.joints_px * [-1, 1] + [width - 1, 0]
    changes = {
        "the sides of either exchanged": {
            "joints_px": sample.joints_px[flipped],
            "weight_2d": sample.weight_2d[flipped],
        },
        "no distortion": {"distortion": np.zeros(5)},
        "`joints_px` mirrored": {"joints_px": mirrored},
        "`joints_px` mirrored and their sides exchanged": {
            "joints_px": mirrored[flipped],
            "weight_2d": sample.weight_2d[flipped],
        },
    }
    for change, fields in changes.items():
        error = reprojection_error(dataclasses.replace(sample, **fields))
        if error is not None and error <= limit:
            return f"; with {change} {error:.1f} px"
    return ""


def reprojection_error(sample):
    """Mean distance in px from projected 3D joints to the 2D joints.

    Returns:
        None where no joint has both, or the camera is unknown.
    """
    both = (sample.weight_2d > 0) & (sample.weight_3d > 0)
    if not both.any() or not sample.intrinsics.any():
        return None
    with np.errstate(all="ignore"):  # a joint at the camera is nowhere
        projected = camera.image_from_camera(
            sample.joints_mm[both], sample.intrinsics, sample.distortion
        )
        distance = np.linalg.norm(projected - sample.joints_px[both], axis=-1)
        return float(distance.mean())
