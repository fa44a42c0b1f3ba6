import json
import zipfile

import numpy as np
import pytest

from keras_pose.people import class_names
from keras_pose.people import load_detector
from tests.people.made_networks import constant_rows
from tests.people.made_networks import write_tflite


def packed(tmp_path, files, content=b"TFL3 network"):
    """Bytes with files behind them, as TFLite's metadata are added."""
    path = tmp_path / "packed.tflite"
    path.write_bytes(content)
    if files:
        with zipfile.ZipFile(path, "a") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    return path.read_bytes()


YOLO = {"task": "detect", "names": {0: "cat", 1: "person"}, "end2end": True}
COCO = {0: "person", 1: "bicycle"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"model.pbtxt": "{"}, None),
        ({"metadata.json": json.dumps(YOLO)}, YOLO["names"]),
        ({"temp_meta.txt": str(YOLO)}, YOLO["names"]),
        ({"meta.txt": "{'names': ['cat', 'person']}"}, YOLO["names"]),
        ({"metadata.json": json.dumps({"task": "detect"})}, None),
        ({"labelmap.txt": "person\r\nbicycle"}, COCO),
        ({"labelmap.txt": "???\nperson\nbicycle"}, COCO),
        ({"labelmap.txt": "person\nbicycle\n"}, COCO),
        ({"labelmap.txt": "\ufeffperson\nbicycle\n"}, COCO),
        ({"LICENSE.txt": "Apache", "l.txt": "person\nbicycle\n"}, COCO),
        # A number in the middle that no class has keeps its place.
        (
            {"l.txt": "person\n???\ncar"},
            {0: "person", 1: "???", 2: "car"},
        ),
    ],
)
def test_names_behind_a_tflite_network(tmp_path, files, expected):
    content = packed(tmp_path, files)
    assert class_names.of_tflite("a.tflite", content) == expected


@pytest.mark.parametrize(
    "files",
    [
        {"metadata.json": "{"},
        {"metadata.json": '{"names": 7}'},
        {"meta.txt": "{__import__('os')}"},
        {"meta.txt": "{'names': {'a': 'person'}}"},
        {"l.txt": b"\xff\xfe\xff"},
        {"l.txt": "x" * 300_000},
    ],
)
def test_packed_files_that_say_nothing_sensible_are_refused(tmp_path, files):
    content = packed(tmp_path, files)
    with pytest.raises(ValueError, match=r"a\.tflite: "):
        class_names.of_tflite("a.tflite", content)


def test_a_damaged_archive_is_refused(tmp_path):
    content = bytearray(packed(tmp_path, {"l.txt": "person\n" * 9}))
    content[60] ^= 255  # a letter of the text; its check sum tells
    with pytest.raises(ValueError, match="damaged"):
        class_names.of_tflite("a.tflite", bytes(content))


def test_properties_of_an_onnx_network():
    properties = {"names": "{0: 'cat', 1: 'person'}"}
    assert class_names.of_onnx("a", properties) == YOLO["names"]
    assert class_names.of_onnx("a", {}) is None
    with pytest.raises(ValueError, match="a: `names`"):
        class_names.of_onnx("a", {"names": "[" * 2**18 + "]" * 2**18})


def test_a_detector_of_other_things_is_refused(tmp_path):
    rows = {"out": constant_rows((1, 6, 100))}
    path = write_tflite(tmp_path / "a.tflite", rows, (64, 64), "unit")
    assert load_detector(path)(np.zeros((9, 9, 3), np.uint8)).boxes.size == 0
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labelmap.txt", "wallet\nkey")
    with pytest.raises(ValueError, match="wallet, key"):
        load_detector(path)
