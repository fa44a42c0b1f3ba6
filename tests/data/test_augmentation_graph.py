import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data import augmentation_graph
from keras_pose.data import augmentation_host
from keras_pose.data import jpeg_graph
from keras_pose.data.augmentation import Augmentation
from keras_pose.geometry import crop

SIZE = 72  # no multiple of a JPEG's blocks of 16
OPERATIONS = [
    "warp",
    "stretch",
    "hue_saturation",
    "contrast",
    "brightness",
    "grey",
    "paste",
    "erase",
    "blur",
    "jpeg",
]


def both(augmentation, pictures, margin=1.0):
    """The crops of the host and those of the graph."""
    change = augmentation.draw(0, np.arange(len(pictures)))
    boxes = np.float32([[0, 0, *image.shape[1::-1]] for image in pictures])
    transform = change.changed_from_crop(SIZE) @ crop.crop_from_image(
        boxes, SIZE, margin
    )
    host = augmentation_host.cut(pictures, transform, change, SIZE)
    parts = augmentation_graph.make_parts(augmentation)(
        pictures, transform, change, SIZE
    )
    finish = tf.function(
        lambda parts: augmentation_graph.finish({"image": parts}, SIZE)
    )
    batch = finish({name: tf.constant(part) for name, part in parts.items()})
    return host, batch["image"].numpy()


def differences(host, graph):
    return np.abs(host - graph.astype(float)).mean(axis=(1, 2, 3))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_that_of_the_host(
    operation, every_operation, pictures
):
    augmentation = Augmentation(**every_operation[operation])
    host, graph = both(augmentation, pictures)
    assert graph.dtype == np.uint8
    assert differences(host, graph).max() < 1.5


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_does_something(operation, every_operation, pictures):
    _, plain = both(Augmentation(), pictures)
    _, graph = both(Augmentation(**every_operation[operation]), pictures)
    assert differences(plain, graph).max() > 1


def test_all_operations_together_are_those_of_the_host(full, pictures):
    host, graph = both(full, pictures)
    assert differences(host, graph).max() < 2


def test_large_images_are_halved_on_the_host(pictures):
    large = [cv2.resize(image, (700, 500)) for image in pictures]
    augmentation = Augmentation()
    change = augmentation.draw(0, np.arange(len(large)))
    transform = np.tile(np.diag([0.1, 0.15, 1]), (len(large), 1, 1))
    parts = augmentation_graph.make_parts(augmentation)(
        large, transform, change, SIZE
    )
    assert parts["source"].shape[1:] == (63, 88, 3)
    host = augmentation_host.cut(large, transform, change, SIZE)
    batch = augmentation_graph.finish({"image": parts}, SIZE)
    assert differences(host, batch["image"].numpy()).max() < 1


@pytest.mark.parametrize(
    "place", [(0, 0), (310.4, 222.7), (-40, 470), (9e3, 0)]
)
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_of_a_large_image_only_the_crop_travels(pictures, place, angle):
    large = [cv2.resize(image, (700, 500)) for image in pictures]
    augmentation = Augmentation()
    change = augmentation.draw(0, np.arange(len(large)))
    cos, sin = 0.8 * np.cos(angle), 0.8 * np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    shift = np.array([[1, 0, -place[0]], [0, 1, -place[1]], [0, 0, 1]])
    transform = np.tile(turn @ shift, (len(large), 1, 1))
    parts = augmentation_graph.make_parts(augmentation)(
        large, transform, change, SIZE
    )
    assert max(parts["source"].shape[1:3]) < 2 * SIZE
    host = augmentation_host.cut(large, transform, change, SIZE)
    batch = augmentation_graph.finish({"image": parts}, SIZE)
    assert differences(host, batch["image"].numpy()).max() < 1


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0]], ids=str)
def test_images_of_other_sizes_are_padded_with_black(order):
    shapes = np.array([[20, 30, 3], [40, 10, 3], [50, 20, 3]])[order]
    white = [np.full(shape, 255, np.uint8) for shape in shapes]
    change = Augmentation().draw(0, np.arange(3))
    parts = augmentation_graph.make_parts(Augmentation())(
        white, np.tile(np.eye(3), (3, 1, 1)), change, SIZE
    )
    source = parts["source"]
    assert source.shape == (3, 50, 30, 3)
    for image, (height, width, _) in zip(source, shapes, strict=True):
        assert image[:height, :width].min() == 255
        assert image.sum() == 255 * 3 * height * width


def test_what_is_off_does_not_travel(pictures):
    change = Augmentation().draw(0, np.arange(6))
    parts = augmentation_graph.make_parts(Augmentation(erase=0.5))(
        pictures, np.tile(np.eye(3), (6, 1, 1)), change, SIZE
    )
    expected = {"source", "source_from_crop", "erased_px", "erased_colour"}
    assert set(parts) == expected


def test_batches_that_are_finished_stay_as_they_are():
    batch = {"image": tf.zeros((1, 4, 4, 3), tf.uint8), "pose": 1}
    assert augmentation_graph.finish(batch, 4) is batch


@pytest.mark.parametrize("quality", [5, 30, 50, 75, 95])
def test_jpeg_loses_what_a_file_loses(quality, pictures):
    image = cv2.resize(pictures[0], (SIZE, SIZE))
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, encoded = cv2.imencode(".jpg", image[..., ::-1], flags)
    expected = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]
    lossy = jpeg_graph.compress(
        tf.constant(image[None], tf.float32), tf.constant([quality])
    )
    error = np.abs(lossy[0] - expected.astype(np.float32)).mean()
    lost = np.abs(image - expected.astype(np.float32)).mean()
    assert error < min(1.5, lost / 2)


def test_jpeg_of_one_colour_keeps_it():
    image = tf.fill((1, 16, 16, 3), 77.0)
    lossy = jpeg_graph.compress(image, tf.constant([90]))
    np.testing.assert_allclose(lossy, image, atol=2)
