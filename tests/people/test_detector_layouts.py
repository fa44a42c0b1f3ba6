"""Layouts of published detectors, by networks that return the very same."""

import types

import numpy as np
import pytest

from keras_pose.people import load_detector
from keras_pose.people import network_detector
from keras_pose.people import network_files
from keras_pose.people import output_layouts
from keras_pose.people.candidates import BYTES
from keras_pose.people.candidates import SIGNED
from keras_pose.people.candidates import UNIT
from tests.people import made_networks
from tests.people.made_networks import CORNERS
from tests.people.made_networks import MIDDLES
from tests.people.made_networks import constant_rows
from tests.people.made_networks import with_box
from tests.people.made_networks import write_onnx

# Of cells 8, 16 and 32 px wide: 24 * 16 + 12 * 8 + 6 * 4.
SIZE = 192, 128
CELLS = 504
PERSON = np.array([20.0, 10.0, 30.0, 90.0])
NAMES = "{0: 'cat', 1: 'person'}"


def picture():
    image = np.full((128, 192, 3), 40, np.uint8)
    x, y, w, h = PERSON.astype(int)
    image[y : y + h, x : x + w, 0] = made_networks.RED
    image[:, 150:, 2] = 255  # red to who swaps the colours
    return image


def row_of(shape, row, matrix, values, others=()):
    """The box in one row, `values` behind it; `others` in the next."""
    constants = np.zeros(shape, np.float32)
    constants[0, row, 4 : 4 + len(values)] = values
    constants[0, row + 1, : len(others)] = others
    columns = row * shape[2] + np.arange(4)
    return with_box(constant_rows(shape, constants), columns, matrix)


def turned(rows):
    shape, dtype, matrix, values = rows
    return (
        (1, shape[2], shape[1]),
        dtype,
        matrix.reshape(4, *shape[1:]).swapaxes(1, 2).reshape(4, -1),
        values.reshape(shape[1:]).T.reshape(-1),
    )


def yolox(row, column, line, stride, classes):
    """A row of the cell (column, line), relative to it and in logarithms."""
    rows = row_of((1, CELLS, 5 + classes), row, np.zeros((4, 4)), [0.9, 0.8])
    _, _, matrix, values = rows
    start = row * (5 + classes)
    matrix[:, start : start + 2] = MIDDLES[:, :2] / stride
    values[start : start + 4] = [-column, -line, *np.log(PERSON[2:] / stride)]
    return rows


FAR = [150, 100, 20, 20]  # somebody else's middle and size, px
SHARES = 1 / np.array([*SIZE, *SIZE])
POSE = np.linspace(-3, 300, 51)

LAYOUTS = {
    # name: (outputs, names, of BGR bytes, layout, score)
    "old v5 with its heads": (
        {
            "output": row_of((1, 1512, 85), 7, MIDDLES, [0.9, 0.8], FAR),
            "339": constant_rows((1, 3, 16, 24, 85), 7),
            "391": constant_rows((1, 3, 8, 12, 85), 7),
        },
        None,
        False,
        "YOLO, 5 + classes",
        0.72,
    ),
    "v5 of two classes": (
        {"o": row_of((1, 1512, 7), 7, MIDDLES, [0.9, 0.1, 0.8], FAR)},
        NAMES,
        False,
        "YOLO, 5 + classes",
        0.72,
    ),
    "v5 with masks": (
        {
            "o": row_of((1, 1512, 39), 7, MIDDLES, [0.9, 0.1, 0.8, 5.0], FAR),
            "p": constant_rows((1, 32, 32, 48)),
        },
        NAMES,
        False,
        "YOLO, 5 + classes",
        0.72,
    ),
    "v8 with joints": (
        {"o": turned(row_of((1, CELLS, 56), 7, MIDDLES, [0.7, *POSE], FAR))},
        "{0: 'person'}",
        False,
        "YOLO, 4 + classes",
        0.7,
    ),
    "v8 of more classes than cells": (
        {"o": turned(row_of((1, CELLS, 605), 7, MIDDLES, [0.7, 0.6], FAR))},
        None,
        False,
        "YOLO, 4 + classes",
        0.7,
    ),
    "end to end with joints": (
        {"o": row_of((1, 300, 57), 7, CORNERS, [0.7, 0, *POSE])},
        "{0: 'person'}",
        False,
        "YOLO, end to end",
        0.7,
    ),
    "end to end, class 1": (
        {"o": row_of((1, 300, 6), 7, CORNERS, [0.7, 1])},
        NAMES,
        False,
        "YOLO, end to end",
        0.7,
    ),
    "RT-DETR": (
        {
            "o": row_of(
                (1, 300, 6),
                7,
                MIDDLES * SHARES,
                [0.7, 0],
                [0.8, 0.8, 0.1, 0.1, 0.1, 3],
            )
        },
        None,
        False,
        "RT-DETR",
        0.7,
    ),
    "YOLOX, first size": (
        {"o": yolox(53, 5, 2, 8, 80)},  # 53 = 2 * 24 + 5
        None,
        True,
        "YOLOX",
        0.72,
    ),
    "YOLOX, last size, one class": (
        {"o": yolox(490, 4, 1, 32, 1)},  # 490 = 384 + 96 + 6 + 4
        None,
        True,
        "YOLOX",
        0.72,
    ),
    "YOLOX, decoded": (
        {"o": row_of((1, CELLS, 85), 7, MIDDLES, [0.9, 0.8], FAR)},
        None,
        True,
        "YOLOX",
        0.72,
    ),
}


@pytest.mark.parametrize(
    ("rows", "names", "is_bgr", "layout", "score"),
    LAYOUTS.values(),
    ids=LAYOUTS,
)
def test_published_layouts_find_their_person(
    tmp_path, rows, names, is_bgr, layout, score
):
    options = {"pixels": "bytes", "red": 2} if is_bgr else {}
    path = write_onnx(
        tmp_path / "a.onnx", rows, SIZE, True, names=names, **options
    )
    detector = load_detector(path)
    boxes, scores = detector(picture())
    assert detector.layout == layout
    np.testing.assert_allclose(boxes, [PERSON], atol=1e-3)
    np.testing.assert_allclose(scores, [score], atol=1e-6)


def test_yolov6_is_told_from_yolox_by_its_fifth_number(tmp_path):
    rows = row_of((1, CELLS, 85), 7, MIDDLES, [1, 0.8], FAR)
    rows[3].reshape(CELLS, 85)[:, 4] = 1
    path = write_onnx(tmp_path / "a.onnx", {"o": rows}, SIZE, True)
    detector = load_detector(path)
    boxes, scores = detector(picture())
    assert detector.layout == "YOLOv6"
    np.testing.assert_allclose(boxes, [PERSON], atol=1e-3)
    np.testing.assert_allclose(scores, [0.8], atol=1e-6)


@pytest.mark.parametrize("names", ["bls", "abc"])
def test_torchvisions_outputs_are_told_by_what_they_hold(tmp_path, names):
    boxes = with_box(constant_rows((2, 4)), range(4), CORNERS)
    labels = constant_rows((2,), [1, 3], np.int64)
    scores = constant_rows((2,), [0.9, 0.8])
    rows = dict(zip(names, (boxes, scores, labels), strict=True))
    rows["joints"] = constant_rows((2, 17, 4))
    path = write_onnx(tmp_path / "a.onnx", rows, SIZE, True, axes=3)
    found = load_detector(path)(picture())
    np.testing.assert_allclose(found.boxes, [PERSON], atol=1e-3)
    np.testing.assert_allclose(found.scores, [0.9], atol=1e-6)


@pytest.mark.parametrize(("names", "score"), [(None, 0.9), ("cp", 0.8)])
def test_labels_say_who_is_a_person_of_tflite(names, score):
    values = {
        "TFLite_Detection_PostProcess": np.array([[[0.1, 0.2, 0.3, 0.4]] * 2]),
        "TFLite_Detection_PostProcess:1": np.array([[0.0, 1.0]]),
        "TFLite_Detection_PostProcess:2": np.array([[0.9, 0.8]]),
        "TFLite_Detection_PostProcess:3": np.array([2.0]),
    }
    if names is not None:
        names = {0: "cat", 1: "Person "}
    layout = output_layouts.find_layout("a", values, SIZE, names)
    assert layout.decode(values).scores.tolist() == [score]


@pytest.mark.parametrize(
    ("dtype", "scale", "pixels", "expected"),
    [
        # Of calibration by other images: 255 is 1 / 0.02 - 14.
        (np.int8, (0.02, -14), UNIT, [-14, 11, 36]),
        (np.uint8, (0.02, 10), SIGNED, [0, 10, 60]),
        # From end to end, whatever the layout takes them for.
        (np.uint8, (1 / 255, 0), UNIT, [0, 128, 255]),
        (np.int8, (1 / 255, -128), UNIT, [-128, 0, 127]),
        (np.uint8, (0.0078125, 128), SIGNED, [0, 128, 255]),
        (np.uint8, (1 / 255, 0), SIGNED, [0, 128, 255]),
        (np.int8, (0.00784, -1), BYTES, [-128, 0, 127]),
        (np.int8, None, UNIT, [-128, 0, 127]),
        (np.float32, None, BYTES, [0, 128, 255]),
    ],
)
def test_pixels_become_what_the_network_takes(dtype, scale, pixels, expected):
    network = types.SimpleNamespace(
        input_dtype=np.dtype(dtype), input_scale=scale
    )
    image = np.array([0, 128, 255], np.uint8)
    found = network_detector._encoded(image, pixels, network)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=1)


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
def test_a_quantised_files_scale_is_read(tmp_path):
    import tensorflow as tf

    network = tf.function(
        lambda image: tf.reduce_mean(image * 2.0, axis=[1, 2]),
        input_signature=[tf.TensorSpec([1, 8, 8, 3], tf.float32)],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [network.get_concrete_function()], network
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    ends = np.zeros((1, 8, 8, 3), np.float32)
    ends[0, 0, 0] = -2, 0, 3.1
    converter.representative_dataset = lambda: [[ends]]
    converter.inference_input_type = tf.int8
    path = tmp_path / "a.tflite"
    path.write_bytes(converter.convert())
    scale, zero = network_files.load_network(path).input_scale
    np.testing.assert_allclose(
        [(-128 - zero) * scale, (127 - zero) * scale], [-2, 3.1], atol=0.02
    )
