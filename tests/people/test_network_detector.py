import concurrent.futures
import re

import numpy as np
import onnx
import pytest

from keras_pose.people import load_detector
from keras_pose.people import network_detector
from keras_pose.people import network_files
from keras_pose.people import output_layouts
from tests.people import made_networks
from tests.people.made_networks import CORNERS
from tests.people.made_networks import MIDDLES
from tests.people.made_networks import constant_rows
from tests.people.made_networks import with_box
from tests.people.made_networks import write_onnx
from tests.people.made_networks import write_tflite
from tests.people.made_networks import yxyx

# A picture of 200 x 300 px is halved for it, exactly.
SIZE = 240, 150
PERSON = np.array([50.0, 60.0, 60.0, 180.0])


def picture(width=200, height=300):
    image = np.full((height, width, 3), 40, np.uint8)
    x, y, w, h = PERSON.astype(int)
    image[y : y + h, x : x + w, 0] = made_networks.RED
    # What the wrong colour or the wrong scale would take for the person.
    image[:30, 150:, 0] = made_networks.NEARLY
    image[:30, :30, 1:] = 255
    return image


def rows_of(shape, columns, row, axis, matrix, classes):
    """One person in `row`, `axis` the one that counts rows."""
    values = np.zeros(shape, np.float32)
    numbers = np.arange(np.prod(shape)).reshape(shape)
    numbers, line = (np.moveaxis(v, axis, 0)[row] for v in (numbers, values))
    line[0, list(classes)] = list(classes.values())
    rows = constant_rows(shape, values)
    return {"output0": with_box(rows, numbers[0, columns], matrix)}


def yolo5(classes, size=SIZE):
    cells = sum(-(-size[0] // s) * -(-size[1] // s) for s in (8, 16, 32))
    return rows_of((1, 3 * cells, 85), range(4), 7, 1, MIDDLES, classes)


def yolo8(classes, transposed=True, scale=1.0, columns=84):
    shape = (1, columns, 300) if transposed else (1, 300, columns)
    axis = 2 if transposed else 1
    return rows_of(shape, range(4), 7, axis, MIDDLES * scale, classes)


def end_to_end(values, scale=1.0):
    return rows_of((1, 300, 6), range(4), 7, 1, CORNERS * scale, values)


def torchvision(labels=(1, 3), scores=(0.9, 0.8)):
    return {
        "boxes": with_box(constant_rows((2, 4)), range(4), CORNERS),
        "labels": constant_rows((2,), labels, np.int64),
        "scores": constant_rows((2,), scores),
    }


def tensorflow(size=SIZE):
    boxes = with_box(constant_rows((1, 5, 4)), range(4, 8), yxyx(*size))
    return {
        "detection_anchor_indices": constant_rows((1, 5), 4),
        "detection_boxes": boxes,
        "detection_classes": constant_rows((1, 5), [[2, 1, 0, 0, 0]]),
        "detection_scores": constant_rows((1, 5), [[0.99, 0.9, 0, 0, 0]]),
        "num_detections": constant_rows((1,), 2),
    }


YOLO = {
    "v5": (yolo5({4: 0.9, 5: 0.8}), 0.72),
    "v8": (yolo8({4: 0.7, 5: 0.6}), 0.7),
    "v8 turned": (yolo8({4: 0.7, 5: 0.6}, transposed=False), 0.7),
    "end to end": (end_to_end({4: 0.8}), 0.8),
}


@pytest.mark.parametrize("planar", [True, False])
@pytest.mark.parametrize("pixels", ["unit", "uint8", "int8"])
@pytest.mark.parametrize("rows", YOLO.values(), ids=YOLO)
def test_yolo_finds_its_person_whatever_the_input(
    tmp_path, rows, pixels, planar
):
    path = write_onnx(tmp_path / "a.onnx", rows[0], SIZE, planar, pixels)
    detector = load_detector(path)
    boxes, scores = detector(picture())
    np.testing.assert_allclose(boxes, [PERSON], atol=1e-3)
    np.testing.assert_allclose(scores, [rows[1]], atol=1e-6)
    assert detector.name == "a.onnx"


@pytest.mark.parametrize("axes", [3, 4])
def test_torchvision_takes_one_image_and_says_person_is_1(tmp_path, axes):
    path = write_onnx(
        tmp_path / "a.onnx", torchvision(), (200, 300), True, axes=axes
    )
    boxes, scores = load_detector(path)(picture())
    np.testing.assert_allclose(boxes, [PERSON], atol=1e-3)
    np.testing.assert_allclose(scores, [0.9], atol=1e-6)


@pytest.mark.parametrize("pixels", ["uint8", "signed"])
def test_tensorflows_detections_in_onnx(tmp_path, pixels):
    path = write_onnx(tmp_path / "a.onnx", tensorflow(), SIZE, False, pixels)
    boxes, scores = load_detector(path)(picture())
    np.testing.assert_allclose(boxes, [PERSON], atol=1e-3)
    np.testing.assert_allclose(scores, [0.9], atol=1e-6)


@pytest.fixture(scope="module")
def tflite_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tflite")
    width, height = SIZE
    detections = {
        "output_0": constant_rows((1,), 2),
        "output_1": constant_rows((1, 5), [[0.99, 0.9, 0.8, 0, 0]]),
        "output_2": constant_rows((1, 5), [[2, 0, 0, 0, 0]]),
        "output_3": with_box(
            constant_rows((1, 5, 4)), range(4, 8), yxyx(*SIZE)
        ),
    }
    shares = yolo8({4: 0.9, 5: 0.2})["output0"]
    scale = np.array([1 / width, 1 / height, 1 / width, 1 / height])
    shape, dtype, matrix, values = shares
    columns = matrix.any(axis=0)
    matrix[:, columns] *= scale
    return {
        "signed": write_tflite(folder / "s.tflite", detections, SIZE, "signed"),
        "uint8": write_tflite(folder / "u.tflite", detections, SIZE, "uint8"),
        "unit": write_tflite(
            folder / "y.tflite", {"out": shares}, SIZE, "unit"
        ),
    }


@pytest.mark.parametrize("pixels", ["signed", "uint8", "unit"])
def test_tflite_finds_its_person(tflite_files, pixels):
    detector = load_detector(tflite_files[pixels])
    boxes, scores = detector(picture())
    # The third, with a score of 0.8, is behind the count.
    np.testing.assert_allclose(boxes, [PERSON], atol=1e-3)
    np.testing.assert_allclose(scores, [0.9], atol=1e-6)


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_threads_that_share_a_detector_have_each_their_people(
    kind, tflite_files, tmp_path
):
    paths = {
        "tflite": tflite_files["uint8"],
        "onnx": write_onnx(tmp_path / "a.onnx", YOLO["v8"][0], SIZE, True),
    }
    detector = load_detector(paths[kind])
    moves = [2 * number for number in range(45)]
    pictures = [np.roll(picture(), move, axis=1) for move in moves]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(detector, pictures * 4))
    for (boxes, _), move in zip(found, moves * 4, strict=True):
        np.testing.assert_allclose(boxes, [PERSON + [move, 0, 0, 0]], atol=0.1)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        ("TFLite_Detection_PostProcess{}", ("", ":1", ":2", ":3")),
        ("StatefulPartitionedCall:{}", "3210"),
        ("Identity{}", ("_3", "_2", "_1", "")),
        ("out_{}", ("box", "class", "score", "number")),
        ("tensor {}", "abcd"),
    ],
    ids=lambda names: names[0],
)
def test_tflites_outputs_are_told_by_name_or_number(names, swapped):
    name_of = [names[0].format(x) for x in names[1]]
    values = {
        name_of[0]: np.array([[[0.1, 0.2, 0.3, 0.4]] * 4]),
        name_of[1]: np.array([[0.0, 4, 0, 0]]),
        name_of[2]: np.array([[0.9, 0.8, 0.7, 0.6]]),
        name_of[3]: np.array([3.0]),
    }
    if swapped:
        values = dict(reversed(values.items()))
    layout = output_layouts.find_layout("a", values, SIZE, None)
    found = layout.decode(values)
    assert layout.name == "TFLite"
    assert found.scores.tolist() == [0.9, 0.7]
    np.testing.assert_array_equal(found.corners, [[0.2, 0.1, 0.4, 0.3]] * 2)


def test_names_of_classes_say_which_is_a_person(tmp_path):
    rows = yolo8({4: 0.2, 5: 0.1, 6: 0.9}, columns=7)
    names = "{0: 'cat', 1: 'dog', 2: 'Person'}"
    path = write_onnx(tmp_path / "a.onnx", rows, SIZE, True, names=names)
    boxes, scores = load_detector(path)(picture())
    np.testing.assert_allclose(boxes, [PERSON], atol=1e-3)
    np.testing.assert_allclose(scores, [0.9], atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (yolo8({4: 0.5, 5: 0.6}), 0),  # rather a bicycle
        (yolo8({4: 0.6, 5: 0.5}), 1),
        (yolo8({4: 0.39}), 0),
        (end_to_end({4: 0.9, 5: 2}), 0),
        (end_to_end({4: 0.9}, scale=np.nan), 0),
        (end_to_end({4: 0.9}, scale=1e30), 0),
        (end_to_end({4: 7.0}), 0),
        (torchvision(labels=(2, 3)), 0),
        (torchvision(labels=(1, 1)), 1),  # the second has no size
    ],
)
def test_what_is_no_person_or_no_number_is_left_out(tmp_path, rows, found):
    path = write_onnx(tmp_path / "a.onnx", rows, SIZE, True)
    boxes, scores = load_detector(path)(picture())
    assert boxes.shape == (found, 4)
    assert scores.shape == (found,)


def test_a_box_that_is_no_number_does_not_hide_that_others_are_shares(
    tmp_path,
):
    shares = 1 / np.array([*SIZE, *SIZE])
    rows = end_to_end({4: 0.9}, shares)["output0"]
    rows[3][:6] = [np.nan, 0, 0, 0, 0.8, 0]
    path = write_onnx(tmp_path / "a.onnx", {"out": rows}, SIZE, True)
    boxes, _ = load_detector(path)(picture())
    np.testing.assert_allclose(boxes, [PERSON], atol=1e-3)


def test_quantised_outputs_are_what_they_stand_for():
    detail = {"quantization": (0.5, 3)}
    values = np.array([3, 255, 0], np.uint8)
    found = network_files._dequantised(values, detail)
    assert found.tolist() == [0, 126, -1.5]
    counts = np.array([7], np.int32)
    assert network_files._dequantised(counts, {"quantization": (0.0, 0)}) == 7


def test_scores_that_are_no_numbers_are_refused(tmp_path):
    rows = yolo8({4: np.nan})
    path = write_onnx(tmp_path / "a.onnx", rows, SIZE, True)
    with pytest.raises(ValueError, match=r"a\.onnx: .*NaN"):
        load_detector(path)(picture())


def test_many_rows_of_one_person_are_one_box(tmp_path):
    rows = yolo8({4: 0.7})["output0"]
    for row in range(20, 60):
        rows = with_box(rows, np.arange(4) * 300 + row, MIDDLES * 1.01)
        rows[3][4 * 300 + row] = 0.5
    path = write_onnx(tmp_path / "a.onnx", {"out": rows}, SIZE, True)
    boxes, scores = load_detector(path)(picture())
    assert len(boxes) == 1
    np.testing.assert_allclose(scores, 0.7, atol=1e-6)


@pytest.mark.parametrize("shape", [(30, 400), (400, 30), (1, 1), (150, 240)])
def test_pictures_of_any_shape_fit(shape):
    image = np.random.default_rng(0).integers(
        0, 256, (*shape, 3), dtype=np.uint8
    )
    fitted, zoom, corner = network_detector._fitted(image, SIZE)
    assert fitted.shape == (150, 240, 3)
    end = corner + zoom * image.shape[1::-1]
    # In the middle, and touching two edges.
    assert (np.abs(corner - (SIZE - end)) <= 1).all()
    assert (corner == 0).any()


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ({"a": constant_rows((1, 9))}, {}, r"a \(1, 9\)"),
        (
            {
                "p": constant_rows((1, 116, 500)),
                "m": constant_rows((1, 32, 40, 40)),
            },
            {},
            r"p \(1, 116, 500\), m \(1, 32, 40, 40\)",
        ),
        # An angle behind one class: a box that is turned.
        (
            {"a": constant_rows((1, 6, 500))},
            {"names": "{0: 'person'}"},
            r"a \(1, 6, 500\), names of 1 classes",
        ),
        # Heads of NanoDet, and of networks whose last step is left out.
        (
            {
                "a": constant_rows((1, 400, 80)),
                "b": constant_rows((1, 400, 32)),
            },
            {},
            "names of no classes",
        ),
        ({"a": constant_rows((1, 85, 22, 22))}, {}, r"\(1, 85, 22, 22\)"),
        (yolo8({}), {"names": "{0: 'cat', 1: 'dog'}"}, "cat, dog"),
        (yolo8({}), {"names": "__import__('os')"}, "`names`"),
        (yolo8({}), {"names": "7"}, "`names`"),
    ],
)
def test_unknown_layouts_are_refused(tmp_path, rows, options, message):
    path = write_onnx(tmp_path / "a.onnx", rows, SIZE, True, **options)
    with pytest.raises(ValueError, match=message):
        load_detector(path)


@pytest.mark.parametrize("name", ["a.onnx", "a.tflite"])
@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x08\x07" * 40])
def test_damaged_files_are_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        load_detector(path)


@pytest.mark.parametrize("name", ["a.pt", "hogs", "missing.onnx", "."])
def test_what_is_no_detector_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=re.escape(name)):
        load_detector(tmp_path / name)


def test_tensors_in_other_files_are_refused(tmp_path):
    path = write_onnx(tmp_path / "a.onnx", yolo8({}), SIZE, True)
    model = onnx.load(path)
    onnx.save(
        model,
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=16,
    )
    with pytest.raises(ValueError, match="another file"):
        load_detector(path)


def test_networks_with_other_inputs_are_refused(tmp_path):
    path = write_onnx(tmp_path / "a.onnx", yolo8({}), SIZE, True)
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    onnx.save(model, path)
    with pytest.raises(ValueError, match=r"\(1, 4, 150, 240\)"):
        load_detector(path)
    model.graph.input.append(onnx.helper.make_tensor_value_info("size", 1, [2]))
    onnx.save(model, path)
    with pytest.raises(ValueError, match="image, size"):
        load_detector(path)
