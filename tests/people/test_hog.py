import cv2
import numpy as np
import pytest

from keras_pose.people import boxes
from keras_pose.people import hog
from keras_pose.people import load_detector
from keras_pose.synthesis.scene import Options
from keras_pose.synthesis.scene import Studio


@pytest.fixture(scope="module")
def detector():
    return load_detector("hog")


def rendered(index, size=384):
    sample = Studio(Options(seed=3, image_size=size)).sample(index)
    image = cv2.imdecode(np.frombuffer(sample.image, np.uint8), 1)
    return image[..., ::-1], sample


@pytest.fixture(scope="module")
def standing():
    """A rendered person who stands, and the box of the joints."""
    image, sample = rendered(2)
    low, high = sample.joints_px.min(axis=0), sample.joints_px.max(axis=0)
    return image, np.concatenate([low + 0.5, high - low])


def test_a_standing_person_is_found_tightly(detector, standing):
    image, joints = standing
    found = detector(image)
    overlap = boxes.iou(found.boxes, [joints])[:, 0]
    assert overlap.argmax() == 0
    assert overlap[0] > 0.6
    assert found.scores[0] >= 2
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize("zoom", [0.5, 2.5])
def test_the_size_of_the_picture_does_not_matter(detector, standing, zoom):
    image, joints = standing
    size = [round(side * zoom) for side in image.shape[1::-1]]
    found = detector(cv2.resize(image, size))
    assert boxes.iou(found.boxes[:1], [joints * zoom])[0, 0] > 0.6


def test_a_person_at_the_border_of_the_picture_is_found(detector, standing):
    image, joints = standing
    x, y, width, height = joints.round().astype(int)
    image = image[y - 8 : y + height + 8, x - 8 : x + width + 8]
    found = detector(image)
    # Less than this is left of a window, without what goes on around it.
    assert boxes.iou(found.boxes[:1], [[8, 8, width, height]])[0, 0] > 0.5


def test_boxes_move_with_the_person(detector, standing):
    image, joints = standing
    wide = np.full((384, 768, 3), image[0, 0])
    wide[:, 384:] = image
    found = detector(wide).boxes
    assert boxes.iou(found, [joints + [384, 0, 0, 0]]).max() > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (20, 1000), (1000, 3), (64, 64)])
def test_pictures_of_nobody(detector, shape):
    found = detector(np.full((*shape, 3), 90, np.uint8))
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)


def test_a_person_in_a_window_has_its_place():
    found = hog._person_in(np.array([[100.0, 200, 64, 128]]))
    left, top, right, bottom = np.array([0.195, 0.16, 0.805, 0.815]) * (
        64,
        128,
        64,
        128,
    )
    expected = [100 + left, 200 + top, right - left, bottom - top]
    np.testing.assert_allclose(found, [expected])


def test_an_opencv_without_hog_says_what_to_do(monkeypatch):
    monkeypatch.delattr(cv2, "HOGDescriptor")
    with pytest.raises(RuntimeError, match='"opencv-python<5".*--detector='):
        load_detector("hog")


def test_photos_of_people(detector, real_data):
    """Who stands upright in Human3.6M's photos is found."""
    path = next((real_data / "h36m_mmpose" / "S1").rglob("*.jpg"))
    image = cv2.imread(str(path))[..., ::-1]
    assert len(detector(image).boxes) > 0
