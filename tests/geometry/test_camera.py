import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.data.sources import SOURCES
from keras_pose.geometry import camera

INTRINSICS = np.array([[1145, 0, 512], [0, 1090, 480], [0, 0, 1]], float)
PINHOLE = np.zeros(5)
HUMAN36M = np.array([-0.207, 0.248, -0.0014, -0.00098, -0.0031])

# A grid over the whole of a 1000 x 1000 image, at depths of 3 to 6 m.
DEPTH = np.linspace(3000, 6000, 49)[:, None]
PLANE = np.stack(np.meshgrid(*2 * [np.linspace(-0.45, 0.45, 7)]), axis=-1)
POINTS = np.hstack([PLANE.reshape(-1, 2) * DEPTH, DEPTH])


def opencv_projection(points, intrinsics, distortion):
    pixels, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), intrinsics, distortion
    )
    return pixels[:, 0]


def test_image_from_camera_without_distortion_by_hand():
    points = np.array([[0, 0, 4000], [400, -200, 4000]])
    pixels = camera.image_from_camera(points, INTRINSICS, PINHOLE)
    np.testing.assert_allclose(pixels, [[512, 480], [626.5, 425.5]])


@pytest.mark.parametrize(
    "distortion",
    [HUMAN36M, *0.1 * np.eye(5)],
    ids=["human36m", "k1", "k2", "p1", "p2", "k3"],
)
def test_image_from_camera_distorts_as_opencv(distortion):
    pixels = camera.image_from_camera(POINTS, INTRINSICS, distortion)
    expected = opencv_projection(POINTS, INTRINSICS, distortion)
    np.testing.assert_allclose(pixels, expected, atol=1e-6)


def test_undistort_agrees_with_opencv():
    bent = PLANE.reshape(-1, 2)
    many_passes = (cv2.TERM_CRITERIA_COUNT, 100, 0)
    # OpenCV 4 has the passes in a function of their own.
    undistort = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
    same = np.eye(3)
    expected = undistort(
        bent[:, None], same, HUMAN36M, R=same, P=same, criteria=many_passes
    )
    straight = camera.undistort(bent, HUMAN36M)
    np.testing.assert_allclose(straight, expected[:, 0], atol=1e-9)


@given(
    k1=st.floats(-0.25, 0.1),
    k2=st.floats(-0.1, 0.25),
    p1=st.floats(-0.003, 0.003),
    p2=st.floats(-0.003, 0.003),
    k3=st.floats(-0.01, 0.01),
)
def test_camera_from_image_inverts_the_projection(k1, k2, p1, p2, k3):
    lens = np.array([k1, k2, p1, p2, k3])
    pixels = camera.image_from_camera(POINTS, INTRINSICS, lens)
    found = camera.camera_from_image(pixels, DEPTH, INTRINSICS, lens)
    np.testing.assert_allclose(found, POINTS, atol=1e-3)


# Human3.6M's camera 54138969 as seen by subject 1; 3DMPPE PoseNet publishes
# the same camera with its translation -R C.
ROTATION = np.array(
    [
        [-0.91536173, 0.40180837, 0.02574754],
        [0.05154812, 0.18037357, -0.98224649],
        [-0.39931903, -0.89778361, -0.18581953],
    ]
)
CENTRE = np.array([1841.107, 4955.285, 1563.445])


def test_camera_from_world_takes_the_origin_to_the_published_translation():
    origin = camera.camera_from_world(np.zeros((1, 3)), ROTATION, CENTRE)
    np.testing.assert_allclose(origin, [[-346.05, 546.98, 5474.48]], atol=0.01)


def test_camera_from_world_by_hand():
    # The world's z points up; the camera stands 5 m behind, looking along y.
    rotation = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    centre = np.array([0, -5000, 1500])
    point = camera.camera_from_world([[300, 20, 1000]], rotation, centre)
    np.testing.assert_array_equal(point, [[300, 500, 5020]])


def test_the_inverse_motion_undoes_camera_from_world():
    there = camera.camera_from_world(POINTS, ROTATION, CENTRE)
    back = there @ ROTATION + CENTRE
    np.testing.assert_allclose(back, POINTS, atol=1e-3)


@pytest.mark.parametrize(
    ("width", "height", "corner_of_view"),
    [(640, 480, [-1, -0.75]), (480, 640, [-0.75, -1])],
    ids=["landscape", "portrait"],
)
def test_field_of_view_spans_the_longer_side(width, height, corner_of_view):
    intrinsics = camera.intrinsics_from_field_of_view(90, width, height)
    corner = np.array([[*corner_of_view, 1]])
    pixel = camera.image_from_camera(corner, intrinsics, PINHOLE)
    np.testing.assert_allclose(pixel, [[-0.5, -0.5]], atol=1e-4)


BATCH = {
    "points": np.float32([POINTS, 0.9 * POINTS]),
    "pixels": np.float32([[[10, 20], [300, 900]], [[512, 480], [999, 0]]]),
    "depth": np.float32([[[3000], [4000]], [[5000], [6000]]]),
    "intrinsics": np.float32([INTRINSICS, INTRINSICS + np.eye(3)]),
    "distortion": np.float32([HUMAN36M, PINHOLE]),
}


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (camera.image_from_camera, "points intrinsics distortion"),
        (camera.camera_from_image, "pixels depth intrinsics distortion"),
    ],
    ids=["image_from_camera", "camera_from_image"],
)
def test_camera_takes_batches_and_tensors(
    function, arguments, assert_same_for_batch_and_tensor
):
    batch = [BATCH[argument] for argument in arguments.split()]
    assert_same_for_batch_and_tensor(function, *batch)


def test_human36m_frames_reproject_only_with_their_distortion(real_data):
    source = SOURCES["h36m_mmpose"](real_data / "h36m_mmpose")
    misses = []
    for sample in source.samples:
        for lens in (sample.distortion, np.zeros(5, np.float32)):
            pixels = camera.image_from_camera(
                sample.joints_mm, sample.intrinsics, lens
            )
            miss = np.linalg.norm(pixels - sample.joints_px, axis=-1)
            misses.append(miss.mean())
    assert len(misses) == 2 * 4
    assert max(misses[0::2]) < 0.11
    assert min(misses[1::2]) > 0.35
