"""Which person's numbers land where; a network that sees colours alone."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.serving.graph import encoded_images
from keras_pose.serving.graph import people_crops
from keras_pose.serving.graph import people_graph

SIDE = 20  # of a coloured square
COLUMNS, ROWS = 6, 4


@pytest.fixture(scope="module")
def serve(spec):
    """Gives `(images, boxes, num_boxes) -> outputs`; std is the colour."""
    batches, decoded = [], []

    def decode(encoded, max_pixels):
        tf.numpy_function(lambda x: decoded.append(len(x)), [encoded], [])
        return encoded_images.decode_image(encoded, max_pixels)

    def see(crops):
        colour = tf.cast(crops[:, 32, 32], tf.float32) / 255
        tf.numpy_function(lambda x: batches.append(len(x)), [colour], [])
        still = tf.linspace([0.7] * 3, [0.3] * 3, 17)[None]
        return {
            "pose": still + 0 * colour[:, None],
            "std": tf.tile(colour[:, None], [1, 17, 1]),
            "confidence": tf.tile(colour[:, None, 0], [1, 17]),
        }

    shape = (None, spec.input_size, spec.input_size, 3)
    network = tf.function(see, autograph=False).get_concrete_function(
        tf.TensorSpec(shape, tf.uint8)
    )
    graph = tf.function(
        lambda *inputs: people_graph.serve_people(
            people_graph.Request(*inputs), network, spec, 10**6
        ),
        autograph=False,
        input_signature=people_graph.SIGNATURE,
    )

    def serve(encoded, boxes, num_boxes, **named):
        boxes = np.float32(boxes)
        batch, people = boxes.shape[:2]
        inputs = {
            "image_bytes": tf.constant(encoded, tf.string, [batch]),
            "boxes": boxes,
            "num_boxes": np.int32(num_boxes),
            "intrinsics": np.zeros((batch, 3, 3), np.float32),
            "distortion": np.zeros((batch, 5), np.float32),
            "root_depth_mm": np.zeros((batch, people), np.float32),
            **named,
        }
        batches.clear()
        decoded.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(people_crops, "decode_image", decode)
            found = graph(*inputs.values())
        return {name: value.numpy() for name, value in found.items()}

    serve.batches, serve.decoded = batches, decoded
    return serve


def colours(seed):
    return np.random.default_rng(seed).integers(0, 256, (ROWS, COLUMNS, 3))


def picture(seed):
    """PNG of squares, each of a colour of its own."""
    pixels = np.repeat(np.repeat(colours(seed), SIDE, 0), SIDE, 1)
    return cv2.imencode(".png", pixels[..., ::-1].astype(np.uint8))[1].tobytes()


def box_of(row, column):
    return [column * SIDE + 2, row * SIDE + 2, SIDE - 4, SIDE - 4]


ALL_BOXES = [box_of(row, column) for row in range(ROWS) for column in range(6)]


def assert_colours(outputs, image, expected):
    """That the first slots say these colours, as std in mm does."""
    found = outputs["confidence"][image, : len(expected), 0]
    np.testing.assert_allclose(found, expected[:, 0] / 255, atol=0.01)
    mm = np.linalg.norm(2200 * expected / 255, axis=-1)
    found = outputs["std_mm"][image, : len(expected), 0]
    np.testing.assert_allclose(found, mm, rtol=0.02, atol=10)


def test_every_person_of_many_images_gets_its_own_numbers(serve):
    counts = [24, 5, 1, 17]
    encoded = [picture(seed) for seed in range(4)]
    outputs = serve(encoded, [ALL_BOXES] * 4, counts)
    for image, count in enumerate(counts):
        assert_colours(outputs, image, colours(image).reshape(24, 3)[:count])
        assert np.isnan(outputs["confidence"][image, count:]).all()
        assert np.isfinite(outputs["joints_px"][image, :count]).all()
    assert (outputs["error"] == b"").all()
    assert serve.batches == [16, 16, 15]


def test_image_of_many_people_is_decoded_once(serve):
    counts = [200, 30, 100, 256, 40]
    encoded = [picture(seed) for seed in range(5)]
    boxes = np.tile(ALL_BOXES, (11, 1))[:256]
    outputs = serve(encoded, [boxes] * 5, counts)
    assert serve.decoded == [len(image) for image in encoded]
    for image, count in enumerate(counts):
        expected = np.tile(colours(image).reshape(24, 3), (11, 1))[:count]
        assert_colours(outputs, image, expected)
        assert np.isnan(outputs["confidence"][image, count:]).all()
    # Crops of at most 256 people are held: 200 + 30, 100, 256, 40.
    held = [200 + 30, 100, 256, 40]  # crops, of at most 256 people
    assert serve.batches == [
        min(16, count - first)
        for count in held
        for first in range(0, count, 16)
    ]


def test_slots_beyond_the_count_cost_nothing(serve):
    boxes = np.full((3, 250, 4), np.nan)
    boxes[:, 0] = box_of(1, 2)
    outputs = serve([picture(seed) for seed in range(3)], boxes, [1, 1, 1])
    assert serve.batches == [3]
    assert outputs["error"].shape == (3, 250)
    for image in range(3):
        assert_colours(outputs, image, colours(image)[1:2, 2])


def test_what_is_wrong_does_not_run_and_harms_nobody(serve):
    encoded = [picture(0), b"no image", picture(2), picture(3)]
    boxes = np.array([ALL_BOXES[:3]] * 4, float)
    boxes[0, 1, 2] = -1
    depths = np.zeros((4, 3), np.float32)
    depths[0, 2] = np.inf
    outputs = serve(encoded, boxes, [3, 3, 4, 2], root_depth_mm=depths)
    assert serve.batches == [3]
    error = outputs["error"]
    assert_colours(outputs, 0, colours(0)[0, :1])
    assert_colours(outputs, 3, colours(3)[0, :2])
    assert error[0, 0] == b""
    assert error[0, 1].startswith(b"`boxes` must have a positive width")
    assert error[0, 2].startswith(b"`root_depth_mm` must be a positive")
    assert all(b"must be a JPEG" in text for text in error[1])
    assert set(error[2]) == {
        b"`num_boxes` must be from 0 to the 3 rows of `boxes`. Received: 4"
    }
    assert error[3].tolist() == [b""] * 3
    for name in set(outputs) - {"error"}:
        values = outputs[name].reshape(4, 3, -1)
        assert np.isfinite(values).all(axis=-1).tolist() == [
            [True, False, False],
            [False] * 3,
            [False] * 3,
            [True, True, False],
        ]


def test_person_who_would_stand_behind_the_camera_has_no_numbers(serve):
    depths = np.float32([[100, 4000]])
    outputs = serve([picture(0)], [ALL_BOXES[:2]], [2], root_depth_mm=depths)
    error = outputs["error"][0]
    assert error[0].startswith(
        b"`root_depth_mm` and `distortion` must leave every joint in front"
    )
    assert error[1] == b""
    for name in set(outputs) - {"error"}:
        assert np.isnan(outputs[name][0, 0]).all()
        assert np.isfinite(outputs[name][0, 1]).all()


def test_camera_that_is_wrong_is_told_before_the_image_is_decoded(serve):
    camera = np.float32([np.diag([1, 1, 2]), np.eye(3) * 0])
    outputs = serve(
        [b"no image", picture(1)],
        [[box_of(0, 0)]] * 2,
        [1, 1],
        intrinsics=camera,
    )
    assert outputs["error"][0, 0].startswith(b"`intrinsics` must have")
    assert_colours(outputs, 1, colours(1)[0, :1])


def test_image_without_boxes_is_one_person_in_the_middle(serve):
    outputs = serve([picture(1)] * 2, np.zeros((2, 0, 4)), [0, 0])
    assert outputs["joints_mm"].shape == (2, 1, 17, 3)
    # The middle of 6 x 4 squares, 120 px wide, is a corner of four.
    assert np.isfinite(outputs["joints_mm"]).all()
    assert serve.batches == [2]


def test_empty_batch_gives_empty_outputs(serve):
    outputs = serve([], np.zeros((0, 3, 4)), [])
    assert outputs["joints_mm"].shape == (0, 3, 17, 3)
    assert outputs["error"].shape == (0, 3)
    assert serve.batches == []


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"num_boxes": np.int32([1, 1])}, "`num_boxes` must have a row for"),
        (
            {"root_depth_mm": np.zeros((1, 2), np.float32)},
            "`root_depth_mm` must be of as many people",
        ),
        (
            {"boxes": np.zeros((1, 257, 4), np.float32)},
            "`boxes` must be of at most 256 people",
        ),
    ],
    ids=["batch", "people", "too many"],
)
def test_tensors_that_do_not_fit_are_refused(named, message, serve):
    request = {"boxes": [[box_of(0, 0)]], "num_boxes": [1]} | named
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        serve([picture(0)], **request)
