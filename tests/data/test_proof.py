import dataclasses
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from keras_pose.data import proof
from keras_pose.skeleton import H36M_17


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


def encode_as(file_format):
    encoded = io.BytesIO()
    Image.new("RGB", (64, 48)).save(encoded, file_format)
    return encoded.getvalue()


MIRRORED = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]

# id: (what the error says, the change of a right sample).
CORRUPTIONS = {
    "nan_joint_3d": (
        "`joints_mm` must be finite",
        lambda s: {"joints_mm": changed(s.joints_mm, (3, 1), np.nan)},
    ),
    "infinite_joint_2d": (
        "`joints_px` must be finite",
        lambda s: {"joints_px": changed(s.joints_px, (3, 1), np.inf)},
    ),
    "nan_box": (
        "`box` must be finite",
        lambda s: {"box": changed(s.box, 2, np.nan)},
    ),
    "nan_camera": (
        "`intrinsics` must be finite",
        lambda s: {"intrinsics": changed(s.intrinsics, (0, 0), np.nan)},
    ),
    "nan_lens": (
        "`distortion` must be finite",
        lambda s: {"distortion": changed(s.distortion, 0, np.nan)},
    ),
    "16_joints_3d": ("`joints_mm`", lambda s: {"joints_mm": s.joints_mm[:16]}),
    "16_joints_2d": ("`joints_px`", lambda s: {"joints_px": s.joints_px[:16]}),
    "16_weights": ("`weight_3d`", lambda s: {"weight_3d": s.weight_3d[:16]}),
    "weight_of_2": (
        "`weight_2d`",
        lambda s: {"weight_2d": changed(s.weight_2d, 5, 2.0)},
    ),
    "negative_weight": (
        "`weight_3d`",
        lambda s: {"weight_3d": changed(s.weight_3d, 5, -0.1)},
    ),
    "flat_box": ("`box`", lambda s: {"box": changed(s.box, 3, 0)}),
    "negative_box": ("`box`", lambda s: {"box": changed(s.box, 2, -20)}),
    "box_right_of_image": ("`box`", lambda s: {"box": changed(s.box, 0, 64)}),
    "box_below_image": ("`box`", lambda s: {"box": changed(s.box, 1, 48)}),
    "box_left_of_image": (
        "`box`",
        lambda s: {"box": changed(s.box, 0, -s.box[2])},
    ),
    "box_above_image": (
        "`box`",
        lambda s: {"box": changed(s.box, 1, -s.box[3])},
    ),
    "behind_camera": (
        "`joints_mm` must lie in front",
        lambda s: {"joints_mm": s.joints_mm * np.float32([1, 1, -1])},
    ),
    "in_the_camera": (
        "`joints_mm` must lie in front",
        lambda s: {"joints_mm": changed(s.joints_mm, (3, 2), 0)},
    ),
    "mirrored_joints": (
        "`joints_mm` must project",
        lambda s: {"joints_mm": s.joints_mm[MIRRORED]},
    ),
    "root_relative_joints": (
        "`joints_mm` must",
        lambda s: {"joints_mm": s.joints_mm - s.joints_mm[0]},
    ),
    "focal_length_in_metres": (
        "`joints_mm` must project",
        lambda s: {
            "intrinsics": s.intrinsics * np.float32([[0.001], [1], [1]])
        },
    ),
    "wrong_lens": (
        "`joints_mm` must project",
        lambda s: {"distortion": np.float32([0, 0, 0.5, 0.5, 0])},
    ),
    "negative_head": ("`head_size`", lambda s: {"head_size": -1.0}),
    "box_beside_the_person": (
        "`box` must be around.*near which are 0 of 17",
        lambda s: {"box": np.float32([0, 0, 2, 2])},
    ),
    "cut_jpeg": ("image is damaged", lambda s: {"image": s.image[:-200]}),
    "no_image": ("not an image", lambda s: {"image": b"GET / HTTP/1.1"}),
    "empty_image": ("not an image", lambda s: {"image": b""}),
    "gif": ("`image`", lambda s: {"image": encode_as("GIF")}),
    "bmp": ("`image`", lambda s: {"image": encode_as("BMP")}),
}


@pytest.mark.parametrize(
    ("message", "corrupt"), CORRUPTIONS.values(), ids=CORRUPTIONS.keys()
)
def test_check_sample_names_the_image_and_the_field(
    make_sample, message, corrupt
):
    sample = make_sample()
    sample = dataclasses.replace(sample, **corrupt(sample))
    with pytest.raises(ValueError, match=f"^images/0.jpg: .*{message}"):
        proof.check_sample(sample, H36M_17)


@pytest.mark.parametrize("unit", [1000, 10], ids=["metres", "centimetres"])
def test_check_sample_refuses_other_units(make_sample, unit):
    sample = make_sample()
    sample.joints_mm /= unit
    with pytest.raises(ValueError, match="`joints_mm`"):
        proof.check_sample(sample, H36M_17)


@pytest.mark.parametrize("field", ["box", "intrinsics", "distortion"])
def test_check_sample_names_the_field_of_a_wrong_shape(make_sample, field):
    sample = make_sample()
    sample = make_sample(**{field: getattr(sample, field)[:1]})
    with pytest.raises(ValueError, match=f"^images/0.jpg: `{field}`"):
        proof.check_sample(sample, H36M_17)


ACCEPTED = {
    "right": lambda s: {},
    "png": lambda s: {"image": encode_as("PNG")},
    "grey": lambda s: {
        "image": cv2.imencode(".jpg", np.zeros((48, 64), np.uint8))[1].tobytes()
    },
    "box_over_the_border": lambda s: {"box": np.float32([-30, -30, 500, 500])},
    "unknown_joint": lambda s: {
        "joints_mm": changed(s.joints_mm, 3, 0),
        "weight_3d": changed(s.weight_3d, 3, 0),
    },
    "only_2d": lambda s: {
        "joints_mm": np.zeros_like(s.joints_mm),
        "weight_3d": np.zeros_like(s.weight_3d),
        "intrinsics": np.zeros_like(s.intrinsics),
    },
    "unknown_camera": lambda s: {"intrinsics": np.zeros_like(s.intrinsics)},
}


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_check_sample_accepts(make_sample, change):
    sample = make_sample()
    sample = dataclasses.replace(sample, **change(sample))
    proof.check_sample(sample, H36M_17)


def test_reprojection_error_is_the_mean_distance_of_known_joints(make_sample):
    sample = make_sample()
    sample.joints_px[:5] += np.float32([3, -4])  # 5 px each
    sample.joints_px[5:7] += 1000
    sample.weight_2d[5] = sample.weight_3d[6] = 0
    # 17 joints less 2 unknown ones, 5 of them 5 px off.
    assert proof.reprojection_error(sample) == pytest.approx(
        5 * 5 / 15, abs=1e-4
    )


@pytest.mark.parametrize(
    ("change", "diagnosis"),
    [
        (
            lambda s: {"joints_px": s.joints_px[MIRRORED]},
            "with the sides of either exchanged 0.0 px",
        ),
        (
            lambda s: {"joints_px": [63, 0] + [-1, 1] * s.joints_px},
            "with `joints_px` mirrored 0.0 px",
        ),
        (
            lambda s: {"distortion": np.float32([0, 0, 2, 2, 0])},
            "with no distortion 0.0 px",
        ),
        (
            lambda s: {"joints_px": s.joints_px[:, ::-1]},
            r"Received: \d+\.\d px$",
        ),
    ],
    ids=["sides", "mirrored", "lens", "x_for_y"],
)
def test_check_sample_says_what_was_misread(make_sample, change, diagnosis):
    sample = make_sample()
    sample = dataclasses.replace(sample, **change(sample))
    sample.joints_px = np.float32(sample.joints_px)
    sample.box = np.float32([-100, -100, 260, 260])
    with pytest.raises(ValueError, match=diagnosis):
        proof.check_sample(sample, H36M_17)


@pytest.mark.parametrize(
    ("factor", "unit"), [(1000, "metres"), (10, "centimetres")]
)
def test_check_sample_says_which_unit_it_may_be(make_sample, factor, unit):
    sample = make_sample()
    sample.joints_mm /= 2 * factor  # bones of 700 mm become a person's
    with pytest.raises(ValueError, match=f"may be in {unit}"):
        proof.check_sample(sample, H36M_17)


def test_a_mean_of_short_bones_need_not_be_of_another_unit(make_sample):
    sample = make_sample()
    sample.joints_mm /= 1e5
    with pytest.raises(ValueError, match=r"bones.*mm$"):
        proof.check_sample(sample, H36M_17)
