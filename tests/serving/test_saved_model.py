import cv2
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_pose import images
from keras_pose.prediction import Predictor
from keras_pose.serving.saved_model import crop_image

SIZE = 64
MARGIN = 1.25
WIDTH, HEIGHT = 1000, 700
# 0.1 mm in a cube of 2200 mm; another crop of the same photo is 10 mm off.
# OpenCV 4, which comes with NumPy 1, warps on a grid of 1/32 px.
IS_COARSE = int(cv2.__version__.split(".")[0]) < 5
ATOL_MM = 0.5 if IS_COARSE else 0.1
ATOL = ATOL_MM / 2200


@pytest.fixture(scope="module")
def serve_bytes(exported):
    loaded = tf.saved_model.load(str(exported.saved_model))

    def serve(encoded, boxes):
        outputs = loaded.signatures["serve_bytes"](
            image_bytes=tf.constant(encoded),
            box=tf.constant(boxes, tf.float32),
        )
        return {name: value.numpy() for name, value in outputs.items()}

    return serve


@pytest.fixture(scope="module")
def photos(make_photo):
    """One photo's bytes by format."""
    bgr = make_photo(1, WIDTH, HEIGHT)
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    pictures = {"jpg": bgr, "png": bgr, "grey.png": grey}
    return {
        name: cv2.imencode("." + name.split(".")[-1], picture)[1].tobytes()
        for name, picture in pictures.items()
    }


def square_crop(centre_x, centre_y, side, turn=0.0):
    """The map to the crop of a square around a pixel, written out."""
    zoom = SIZE / side
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = (SIZE - 1) / 2 - linear @ [centre_x, centre_y]
    return np.vstack([np.column_stack([linear, shift]), [0, 0, 1]])


WHOLE = square_crop(WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5, WIDTH)
BOXES = {
    "inside": ([400, 200, 60, 40], square_crop(429.5, 219.5, 60 * MARGIN)),
    "tall": ([400, 200, 60, 90], square_crop(429.5, 244.5, 90 * MARGIN)),
    "partly outside": (
        [-30, 640, 80, 100],
        square_crop(9.5, 689.5, 100 * MARGIN),
    ),
    "4 times finer": (
        [350, 250, 300, 260],
        square_crop(499.5, 379.5, 300 * MARGIN),
    ),
    "whole": ([0, 0, 0, 0], WHOLE),
}


@pytest.mark.parametrize("encoding", ["jpg", "png", "grey.png"])
@pytest.mark.parametrize(("box", "transform"), BOXES.values(), ids=BOXES)
def test_serve_bytes_is_the_network_on_the_crop_of_training(
    box, transform, encoding, serve_bytes, photos, model
):
    image = images.decode_image(photos[encoding], encoding)
    crop = images.crop_image(image, transform, SIZE)
    expected = model.predict_on_batch(crop[None])
    found = serve_bytes([photos[encoding]], [box])
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=ATOL)


def test_boxes_of_these_tests_give_poses_that_differ(serve_bytes, photos):
    boxes = [box for box, _ in BOXES.values()]
    pose = serve_bytes([photos["jpg"]] * len(boxes), boxes)["pose"]
    apart = np.abs(pose[:, None] - pose).max(axis=(2, 3))
    assert apart[~np.eye(len(boxes), dtype=bool)].min() > 10 * ATOL


def test_serve_bytes_takes_images_of_two_sizes(serve_bytes, photos, make_photo):
    other = cv2.imencode(".png", make_photo(2, 90, 160))[1].tobytes()
    encoded = [photos["jpg"], other]
    boxes = [[400, 200, 60, 90], [10, 20, 50, 100]]
    both = serve_bytes(encoded, boxes)["pose"]
    for index in range(2):
        alone = serve_bytes([encoded[index]], [boxes[index]])["pose"]
        np.testing.assert_allclose(both[index], alone[0], atol=1e-6)


def test_serve_bytes_without_a_box_is_the_predictor_without_one(
    serve_bytes, photos, exported, model
):
    image = images.decode_image(photos["png"], "png")
    joints_mm = Predictor(exported.keras)(image).joints_mm
    pose = serve_bytes([photos["png"]], [[0, 0, 0, 0]])["pose"][0]
    found_mm = 2200 * (pose - pose[0])
    np.testing.assert_allclose(found_mm, joints_mm, rtol=0, atol=ATOL_MM)


TRANSFORMS = {
    "enlarged": square_crop(100, 80, 40),
    "1:1": square_crop(100, 80, 64),
    "just not halved": square_crop(150, 100, 127),
    "halved": square_crop(150, 100, 129),
    "eighth": square_crop(150, 100, 600),
    "turned": square_crop(150, 100, 200, 0.6),
    "outside": square_crop(-10, 190, 100),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("shape", [(200, 301), (201, 300)], ids=str)
def test_crop_image_is_that_of_opencv(transform, shape):
    # White noise is the worst case; the two round halves differently.
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    expected = images.crop_image(noise, transform, SIZE)
    found = tf.function(crop_image)(
        noise, tf.constant(transform, tf.float32), SIZE
    )
    assert found.dtype == tf.uint8
    assert np.ptp(expected) > 50
    apart = np.abs(np.int32(found) - expected)
    assert apart.max() <= (4 if IS_COARSE else 2)
    assert apart.mean() < (1.0 if IS_COARSE else 0.05)


@pytest.mark.parametrize("shape", [(2, 300), (3, 300)], ids=str)
def test_crop_image_halves_down_to_a_pixel_as_opencv_does(shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    transform = square_crop(shape[1] / 2, shape[0] / 2, 40 * SIZE)
    expected = images.crop_image(noise, transform, SIZE)
    found = crop_image(noise, tf.constant(transform, tf.float32), SIZE)
    assert np.abs(np.int32(found) - expected).max() <= 2


def test_saved_model_stores_each_weight_once(exported, model):
    (weights,) = (exported.saved_model / "variables").glob("*.data-*")
    assert weights.stat().st_size == pytest.approx(
        4 * model.count_params(), rel=0.1
    )


def test_no_function_asks_for_xla(exported):
    # Servers are built without it.
    model = saved_model_pb2.SavedModel()
    path = exported.saved_model / "saved_model.pb"
    model.ParseFromString(path.read_bytes())
    functions = [
        function
        for graph in model.meta_graphs
        for function in graph.graph_def.library.function
    ]
    assert len(functions) > 2
    for function in functions:
        nodes = [function, *function.node_def]
        for name in ("_XlaMustCompile", "_xla_compile_id", "_XlaScope"):
            assert not any(
                node.attr[name].b for node in nodes if name in node.attr
            )
