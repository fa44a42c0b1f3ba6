import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.geometry import camera
from keras_pose.geometry import crop

BOX = np.array([100.0, 40, 90, 60])
POINTS = np.array([[100.0, 40], [130, 95], [-7, 300]])

UNCHANGED = {
    "rotation": 0.0,
    "flip": False,
    "scale": 1.0,
    "stretch": (1.0, 1.0),
    "shift": (0.0, 0.0),
}


def changed_crop(box, size, margin=1.0, **changes):
    """The map from the image to the changed crop of a box."""
    changed = crop.changed_from_crop(size, **(UNCHANGED | changes))
    return changed @ crop.crop_from_image(np.asarray(box), size, margin)


TRANSFORMS = st.builds(
    changed_crop,
    st.tuples(
        st.floats(-100, 900),
        st.floats(-100, 900),
        st.floats(20, 900),
        st.floats(20, 900),
    ),
    st.sampled_from([64, 255, 256]),
    scale=st.floats(0.7, 2),
    rotation=st.floats(-math.pi, math.pi),
    flip=st.booleans(),
    stretch=st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)),
    shift=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
)


def test_crop_of_the_whole_image_at_its_own_size_is_the_identity():
    transform = crop.crop_from_image(np.array([0, 0, 48, 48]), 48)
    np.testing.assert_allclose(transform, np.eye(3))


@pytest.mark.parametrize(
    ("box", "scale", "top_left", "bottom_right"),
    [
        ([10, 20, 8, 8], 1, [9.5, 19.5], [17.5, 27.5]),
        ([10, 20, 30, 60], 1, [-5.5, 19.5], [54.5, 79.5]),
        ([10, 20, 60, 30], 1, [9.5, 4.5], [69.5, 64.5]),
        ([10, 20, 8, 8], 1.5, [7.5, 17.5], [19.5, 29.5]),
    ],
    ids=["square", "tall", "wide", "scaled"],
)
def test_corners_of_the_square_become_those_of_the_crop(
    box, scale, top_left, bottom_right
):
    transform = crop.crop_from_image(np.array(box), 256, scale=scale)
    corners = crop.apply(transform, np.array([top_left, bottom_right]))
    np.testing.assert_allclose(corners, [[-0.5, -0.5], [255.5, 255.5]])


@pytest.mark.parametrize(
    ("degrees", "flip", "right", "below"),
    [
        (0, False, [60, 50], [50, 70]),
        (90, False, [50, 60], [30, 50]),
        (30, False, [50 + 75**0.5, 55], [40, 50 + 300**0.5]),
        (0, True, [40, 50], [50, 70]),
        (90, True, [50, 60], [70, 50]),
    ],
    ids=["upright", "turned", "tilted", "mirrored", "turned then mirrored"],
)
def test_content_turns_clockwise_and_then_mirrors(degrees, flip, right, below):
    # 10 px right of the centre, and 20 px below it.
    points = np.array([[60, 50], [50, 70]])
    transform = changed_crop(
        [0, 0, 101, 101], 101, rotation=math.radians(degrees), flip=flip
    )
    np.testing.assert_allclose(crop.apply(transform, points), [right, below])


@pytest.mark.parametrize(
    ("changes", "right", "below"),
    [
        ({"scale": 2.0}, [55, 50], [50, 60]),
        ({"stretch": (1.5, 0.5)}, [65, 50], [50, 60]),
        ({"shift": (0.1, -0.1)}, [70, 40], [60, 60]),
        ({"stretch": (1.5, 0.5), "shift": (0.1, -0.1)}, [75, 40], [60, 50]),
        (
            {"rotation": math.pi / 2, "stretch": (1.5, 0.5)},
            [50, 55],
            [20, 50],
        ),
    ],
    ids=["scale", "stretch", "shift", "stretch, shift", "turn, stretch"],
)
def test_crop_changes_about_its_centre_by_hand(changes, right, below):
    # 10 px right of the centre, and 20 px below it; a share of 0.1 is 10 px.
    points = np.array([[59.5, 49.5], [49.5, 69.5]])
    transform = changed_crop([0, 0, 100, 100], 100, **changes)
    expected = np.array([right, below]) - 0.5
    np.testing.assert_allclose(crop.apply(transform, points), expected)


def test_changes_of_a_batch_are_those_of_its_rows():
    rng = np.random.default_rng(0)
    rotation, scale = rng.uniform(0.5, 2, (2, 5))
    stretch, shift = rng.uniform(0.5, 2, (2, 5, 2))
    batch = rotation, rng.random(5) < 0.5, scale, stretch, shift
    rows = [
        crop.changed_from_crop(64, *row) for row in zip(*batch, strict=True)
    ]
    np.testing.assert_allclose(crop.changed_from_crop(64, *batch), rows)


@given(TRANSFORMS)
def test_apply_is_the_homogeneous_product(transform):
    expected = [(transform @ [x, y, 1])[:2] for x, y in POINTS]
    np.testing.assert_allclose(crop.apply(transform, POINTS), expected)


@given(TRANSFORMS)
def test_apply_inverse_undoes_apply(transform):
    back = crop.apply_inverse(transform, crop.apply(transform, POINTS))
    np.testing.assert_allclose(back, POINTS, atol=1e-6)


@given(TRANSFORMS)
def test_apply_linear_maps_differences_of_points(transform):
    mapped = crop.apply(transform, POINTS)
    vectors = crop.apply_linear(transform, POINTS[1:] - POINTS[:-1])
    np.testing.assert_allclose(vectors, mapped[1:] - mapped[:-1], atol=1e-6)
    back = crop.apply_inverse_linear(transform, vectors)
    np.testing.assert_allclose(back, POINTS[1:] - POINTS[:-1], atol=1e-6)


def test_zoom_of_is_that_along_each_axis_of_the_crop():
    # 90 px times 1.5 fill 270 px.
    transform = changed_crop(
        BOX, 270, 1.5, rotation=0.7, flip=True, stretch=(1.25, 0.5)
    )
    np.testing.assert_allclose(crop.zoom_of(transform), [[2.5, 1]])


@pytest.mark.parametrize(
    "changes",
    [{}, {"stretch": (1.2, 0.8), "shift": (0.05, -0.1)}],
    ids=["plain", "stretched"],
)
def test_camera_of_an_upright_crop_sees_the_crop(changes):
    points = np.array([[100.0, 200, 4000], [-500, 300, 5000]])
    intrinsics = np.array([[1145.0, 0, 512], [0, 1090, 480], [0, 0, 1]])
    lens = np.array([-0.2, 0.24, -0.001, 0.002, 0])
    transform = changed_crop(BOX, 256, 1.2, **changes)
    pixels = camera.image_from_camera(points, intrinsics, lens)
    of_crop = crop.crop_intrinsics(transform, intrinsics)
    seen = camera.image_from_camera(points, of_crop, lens)
    np.testing.assert_allclose(seen, crop.apply(transform, pixels))


def test_camera_of_a_changed_crop_sees_the_moved_joints():
    points = np.array([[100.0, 200, 4000], [-500, 300, 5000]])
    intrinsics = np.array([[1145.0, 0, 512], [0, 1090, 480], [0, 0, 1]])
    transform = changed_crop(
        BOX, 256, rotation=0.6, flip=True, stretch=(1.2, 0.8), shift=(0.1, 0)
    )
    x, y, depth = crop.crop_intrinsics(transform, intrinsics) @ points.T
    pixels = camera.image_from_camera(points, intrinsics, np.zeros(5))
    expected = crop.apply(transform, pixels)
    np.testing.assert_allclose(np.transpose([x, y] / depth), expected)


BOXES = np.float32([BOX, [7, 5, 33, 80]])
TURNED = np.float32(
    [
        changed_crop(box, 256, rotation=-0.4, flip=True, stretch=(1.2, 0.9))
        for box in BOXES
    ]
)
POINT_BATCH = np.float32([POINTS, POINTS[::-1] + 3])


@pytest.mark.parametrize(
    ("function", "batch"),
    [
        (lambda box: crop.crop_from_image(box, 256, 1.3), [BOXES]),
        (crop.zoom_of, [TURNED]),
        (crop.apply, [TURNED, POINT_BATCH]),
        (crop.apply_inverse, [TURNED, POINT_BATCH]),
        (crop.crop_intrinsics, [TURNED, TURNED[::-1]]),
    ],
    ids=["crop", "zoom", "apply", "apply_inverse", "crop_intrinsics"],
)
def test_crop_takes_batches_and_tensors(
    function, batch, assert_same_for_batch_and_tensor
):
    assert_same_for_batch_and_tensor(function, *batch)
