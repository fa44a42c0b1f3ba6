import numpy as np
import pytest
import tensorflow as tf

from keras_pose import images
from keras_pose.serving.graph import crop_graph

SIZE = 64


@pytest.fixture(scope="module")
def cut():
    """`crop_graph.crop_image` as a graph."""
    return graph()


def graph():
    return tf.function(
        lambda image, transform: crop_graph.crop_image(image, transform, SIZE),
        autograph=False,
        input_signature=[
            tf.TensorSpec((None, None, 3), tf.uint8),
            tf.TensorSpec((3, 3), tf.float64),
        ],
    )


def square_crop(centre_x, centre_y, side, turn=0.0):
    """The map to the crop of a square around a pixel, written out."""
    zoom = SIZE / side
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = (SIZE - 1) / 2 - linear @ [centre_x, centre_y]
    return np.vstack([np.column_stack([linear, shift]), [0, 0, 1]])


def noise(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


TRANSFORMS = {
    "enlarged": square_crop(100, 80, 40),
    "1:1": square_crop(100, 80, 64),
    "just not halved": square_crop(150, 100, 127),
    "half": square_crop(150, 100, 128),
    "eighth": square_crop(150, 100, 600),
    "turned": square_crop(150, 100, 200, 0.6),
    "outside": square_crop(-10, 190, 100),
    "far larger": square_crop(150, 100, 20_000),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("shape", [(200, 301), (201, 300)], ids=str)
def test_crop_is_that_of_opencv(transform, shape, cut):
    image = noise(*shape)
    expected = images.crop_image(image, transform, SIZE)
    found = cut(image, transform)
    assert found.dtype == tf.uint8
    assert np.ptp(expected) > 50
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("seed", range(60))
def test_any_crop_of_any_image_is_that_of_opencv(seed, cut):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, rng.choice([5, 30, 600]), 2)
    image = noise(height, width, seed)
    side = np.exp(rng.uniform(np.log(2), np.log(20 * max(height, width))))
    centre = rng.uniform(-0.5, [width - 0.5, height - 0.5])
    transform = square_crop(*centre, side)
    expected = images.crop_image(image, transform, SIZE)
    np.testing.assert_array_equal(cut(image, transform), expected)


def test_image_is_halved_alike_in_bands(monkeypatch):
    image = noise(700, 300)
    transform = square_crop(150, 350, 700)
    monkeypatch.setattr(crop_graph, "_BAND_PIXELS", 150 * 60)
    expected = images.crop_image(image, transform, SIZE)
    np.testing.assert_array_equal(graph()(image, transform), expected)
