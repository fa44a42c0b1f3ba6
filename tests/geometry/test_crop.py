import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.geometry import camera
from keras_pose.geometry import crop

BOX = np.array([100.0, 40, 90, 60])
POINTS = np.array([[100.0, 40], [130, 95], [-7, 300]])

TRANSFORMS = st.builds(
    crop.crop_from_image,
    st.tuples(
        st.floats(-100, 900),
        st.floats(-100, 900),
        st.floats(20, 900),
        st.floats(20, 900),
    ).map(np.array),
    st.sampled_from([64, 255, 256]),
    scale=st.floats(0.7, 2),
    rotation=st.floats(-math.pi, math.pi),
    flip=st.booleans(),
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
    transform = crop.crop_from_image(
        np.array([0, 0, 101, 101]),
        101,
        rotation=math.radians(degrees),
        flip=flip,
    )
    np.testing.assert_allclose(crop.apply(transform, points), [right, below])


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


def test_zoom_of_is_free_of_turn_and_mirror():
    transform = crop.crop_from_image(
        BOX, 270, scale=1.5, rotation=0.7, flip=True
    )
    np.testing.assert_allclose(crop.zoom_of(transform), [[2]])


def test_camera_of_an_upright_crop_sees_the_crop():
    points = np.array([[100.0, 200, 4000], [-500, 300, 5000]])
    intrinsics = np.array([[1145.0, 0, 512], [0, 1090, 480], [0, 0, 1]])
    lens = np.array([-0.2, 0.24, -0.001, 0.002, 0])
    transform = crop.crop_from_image(BOX, 256, scale=1.2)
    pixels = camera.image_from_camera(points, intrinsics, lens)
    of_crop = crop.crop_intrinsics(transform, intrinsics)
    seen = camera.image_from_camera(points, of_crop, lens)
    np.testing.assert_allclose(seen, crop.apply(transform, pixels))


def turned_crop(box):
    return crop.crop_from_image(box, 256, scale=1.3, rotation=-0.4, flip=True)


BOXES = np.float32([BOX, [7, 5, 33, 80]])
POINT_BATCH = np.float32([POINTS, POINTS[::-1] + 3])


@pytest.mark.parametrize(
    ("function", "batch"),
    [
        (turned_crop, [BOXES]),
        (crop.zoom_of, [turned_crop(BOXES)]),
        (crop.apply, [turned_crop(BOXES), POINT_BATCH]),
        (crop.apply_inverse, [turned_crop(BOXES), POINT_BATCH]),
        (crop.crop_intrinsics, [turned_crop(BOXES), turned_crop(BOXES[::-1])]),
    ],
    ids=["crop", "zoom", "apply", "apply_inverse", "crop_intrinsics"],
)
def test_crop_takes_batches_and_tensors(
    function, batch, assert_same_for_batch_and_tensor
):
    assert_same_for_batch_and_tensor(function, *batch)
