import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.geometry.volume import View
from keras_pose.geometry.volume import cell_centres

METRIC = MetricVolume(size_mm=2200)
CROP = CropVolume(crop_size=64, depth_mm=2000)
BOTH = pytest.mark.parametrize("volume", [METRIC, CROP], ids=["metric", "crop"])

INTRINSICS = np.float32([[1000, 0, 512], [0, 900, 480], [0, 0, 1]])
LENS = np.float32([-0.2, 0.24, -0.001, 0.002, 0])
ROOT_MM = np.float32([[200, 100, 5000]])
JOINTS_MM = ROOT_MM + np.float32(
    [[0, 0, 0], [1100, 0, 0], [0, -1100, 0], [0, 0, 550], [-300, 400, -500]]
)
JOINTS_PX = camera.image_from_camera(JOINTS_MM, INTRINSICS, LENS)
UNCHANGED = {
    "rotation": 0.0,
    "flip": False,
    "scale": 1.0,
    "stretch": (1.0, 1.0),
    "shift": (0.0, 0.0),
}


def view_of(box, size=64, lens=LENS, **changes):
    changed = crop.changed_from_crop(size, **(UNCHANGED | changes))
    transform = changed @ crop.crop_from_image(np.array(box), size)
    root_depth = ROOT_MM[..., 2:]
    return View(np.float32(transform), INTRINSICS, lens, root_depth)


def labels(volume, view):
    return volume.encode(JOINTS_MM, JOINTS_PX, ROOT_MM, view)


VIEWS = st.builds(
    lambda corner, side, **options: view_of([*corner, side, side], **options),
    st.tuples(st.floats(100, 700), st.floats(100, 700)),
    st.floats(100, 800),
    scale=st.floats(0.7, 2),
    rotation=st.floats(-math.pi, math.pi),
    flip=st.booleans(),
    stretch=st.tuples(st.floats(0.7, 1.4), st.floats(0.7, 1.4)),
    shift=st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2)),
)


def test_metric_volume_encodes_by_hand():
    pose = labels(METRIC, view_of([400, 300, 64, 64]))
    expected = [[0.5, 0.5, 0.5], [1, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0.75]]
    np.testing.assert_allclose(pose[:4], expected, atol=1e-6)


def test_crop_volume_encodes_by_hand():
    # The crop shows the image 1:1; its corner is at pixel (99.5, 199.5).
    view = view_of([100, 200, 64, 64])
    pixels = np.array([[99.5, 199.5], [115.5, 231.5], [163.5, 263.5]])
    joints_mm = np.array([[-7, -7, 4000], [-7, -7, 5500], [-7, -7, 6000]])
    pose = CROP.encode(joints_mm, pixels, ROOT_MM, view)
    np.testing.assert_allclose(pose, [[0, 0, 0], [0.25, 0.5, 0.75], [1, 1, 1]])


def test_crop_volume_decodes_by_hand():
    # Unit (0.5, 0.25) is pixel (631.5, 215.5) of the image.
    view = view_of([600, 200, 64, 64], lens=np.zeros(5))
    joint = CROP.decode(np.array([[0.5, 0.25, 0.25]]), view)
    x, y = 4.5 * (631.5 - 512), 4.5 * (215.5 - 480) / 0.9
    np.testing.assert_allclose(joint, [[x, y, 4500]], rtol=1e-6)


@given(VIEWS)
def test_metric_volume_decodes_what_it_encodes(view):
    offset = METRIC.decode(labels(METRIC, view), view)
    np.testing.assert_allclose(offset + ROOT_MM, JOINTS_MM, atol=0.01)


@given(VIEWS)
def test_crop_volume_decodes_what_it_encodes(view):
    pose = labels(CROP, view)
    np.testing.assert_allclose(CROP.decode(pose, view), JOINTS_MM, atol=0.01)
    np.testing.assert_allclose(
        CROP.image_points(pose, view), JOINTS_PX, atol=0.01
    )


def test_metric_volume_does_not_see_scale_stretch_and_shift():
    turned = {"rotation": 0.4, "flip": True}
    near = labels(METRIC, view_of([400, 300, 64, 64], **turned))
    far = view_of(
        [-90, 700, 333, 20],
        scale=1.7,
        stretch=(0.75, 1.25),
        shift=(0.05, -0.2),
        **turned,
    )
    np.testing.assert_allclose(labels(METRIC, far), near, atol=1e-6)


@pytest.mark.parametrize("stretch", [(1, 1), (1.25, 0.75)], ids=str)
def test_metric_volume_turns_with_the_crop(stretch):
    view = view_of([9, 9, 64, 64], rotation=math.pi / 2, stretch=stretch)
    pose = labels(METRIC, view)
    expected = [[0.5, 0.5, 0.5], [0.5, 1, 0.5], [1, 0.5, 0.5], [0.5, 0.5, 0.75]]
    np.testing.assert_allclose(pose[:4], expected, atol=1e-6)


def test_crop_volume_is_stretched_and_moved_with_the_crop():
    plain = labels(CROP, view_of([400, 300, 200, 200]))
    changes = {"stretch": (1.25, 0.75), "shift": (0.05, -0.1)}
    changed = labels(CROP, view_of([400, 300, 200, 200], **changes))
    expected = (plain - 0.5) * [1.25, 0.75, 1] + [0.55, 0.4, 0.5]
    np.testing.assert_allclose(changed, expected, atol=1e-5)


@BOTH
def test_flip_of_the_crop_mirrors_x_alone(volume):
    pose = labels(volume, view_of([400, 300, 200, 200]))
    mirrored = labels(volume, view_of([400, 300, 200, 200], flip=True))
    expected = pose * [-1, 1, 1] + [1, 0, 0]
    np.testing.assert_allclose(mirrored, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (METRIC, [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5]]),
        (CROP, [[1, 1, 0], [0, 0, 1], [0.2, 0.2, 0.5]]),
    ],
    ids=["metric", "crop"],
)
def test_coordinate_weight_knows_what_each_axis_needs(volume, expected):
    weight_2d, weight_3d = np.array([[[1], [0], [0.2]], [[0], [1], [0.5]]])
    weight = volume.coordinate_weight(weight_2d, weight_3d)
    np.testing.assert_allclose(weight, expected)


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (METRIC, [2200, 2200, 2200]),
        (CROP, [128 / 1.25 * 5000 / 1000, 128 / 0.8 * 5000 / 900, 2000]),
    ],
    ids=["metric", "crop"],
)
def test_unit_mm_by_hand(volume, expected):
    view = view_of([300, 200, 128, 128], flip=True, stretch=(1.25, 0.8))
    unit = volume.unit_mm(view)
    np.testing.assert_allclose(unit.ravel(), expected, rtol=1e-6)


def test_cell_centres_by_hand():
    np.testing.assert_array_equal(cell_centres(4), [1 / 8, 3 / 8, 5 / 8, 7 / 8])


@pytest.mark.parametrize("cells", [1, 7, 64])
def test_cell_centres_are_symmetric_under_flip(cells):
    mirrored = 1 - cell_centres(cells)[::-1]
    np.testing.assert_allclose(mirrored, cell_centres(cells), atol=1e-7)


def test_a_cell_for_each_pixel_has_its_centre_on_the_pixel():
    pose = np.tile(cell_centres(64)[:, None], 3)
    pixels = CROP.image_points(pose, view_of([0, 0, 64, 64]))
    np.testing.assert_allclose(pixels, np.tile(np.arange(64)[:, None], 2))


VIEW_BATCH = [
    np.stack(arrays)
    for arrays in zip(
        view_of([400, 300, 200, 150], rotation=0.3),
        view_of([350, 280, 90, 120], stretch=(1.3, 0.9), flip=True),
        strict=True,
    )
]
LABEL_BATCH = [
    np.stack([array, array + 10]) for array in (JOINTS_MM, JOINTS_PX, ROOT_MM)
]
POSE_BATCH = [np.float32([[[0.5, 0.25, 0.4]], [[0.1, 1.1, 0.9]]])]


@BOTH
@pytest.mark.parametrize(
    ("method", "batch"),
    [("encode", LABEL_BATCH), ("decode", POSE_BATCH)],
    ids=["encode", "decode"],
)
def test_volumes_take_batches_and_tensors(
    volume, method, batch, assert_same_for_batch_and_tensor
):
    def function(*arguments):
        *arrays, matrix, intrinsics, lens, depth = arguments
        view = View(matrix, intrinsics, lens, depth)
        return getattr(volume, method)(*arrays, view)

    assert_same_for_batch_and_tensor(function, *batch, *VIEW_BATCH)
