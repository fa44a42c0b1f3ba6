import json
import pathlib
import subprocess
import sys
import zipfile

import flatbuffers
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_pose.pose_spec import FILE_NAME
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import artefacts
from keras_pose.serving import tflite
from keras_pose.serving.tflite_half import with_half_weights

ALL = pytest.mark.parametrize("name", ["float32", "float16", "int8"])


@ALL
def test_file_needs_no_operator_beyond_those_of_tflite(name, exported):
    # TensorFlow's own operators appear as custom ones named "Flex...".
    assert b"Flex" not in getattr(exported, name).read_bytes()


@ALL
def test_file_is_tflite_and_a_zip_that_holds_the_spec(name, exported, spec):
    path = getattr(exported, name)
    assert path.read_bytes()[4:8] == b"TFL3"
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["SHA256SUMS", FILE_NAME]
        assert PoseSpec.from_json(archive.read(FILE_NAME), "") == spec


@ALL
def test_file_takes_one_image_of_bytes(name, exported):
    interpreter = Interpreter(str(getattr(exported, name)))
    (image,) = interpreter.get_input_details()
    assert image["dtype"] == np.uint8
    assert image["shape"].tolist() == [1, 64, 64, 3]
    assert interpreter.get_signature_list() == {
        "serving_default": {
            "inputs": ["image"],
            "outputs": ["confidence", "pose", "std"],
        }
    }


def tensors_of(path):
    """{name: (dtype, whether it is constant)} and the operators' names."""
    interpreter = Interpreter(str(path))
    results = {
        index
        for operator in interpreter._get_ops_details()
        for index in operator["outputs"]
    }
    inputs = {detail["index"] for detail in interpreter.get_input_details()}
    tensors = {
        tensor["name"]: (
            tensor["dtype"],
            tensor["index"] not in results | inputs,
        )
        for tensor in interpreter.get_tensor_details()
        if tensor["name"]
    }
    return tensors


def test_int8_leaves_pixels_and_soft_argmax_in_float(exported):
    tensors = tensors_of(exported.int8)
    convolved = [
        dtype
        for name, (dtype, is_constant) in tensors.items()
        if "convolution" in name and not is_constant
    ]
    assert np.int8 in convolved
    after = [
        dtype
        for name, (dtype, is_constant) in tensors.items()
        if "soft_argmax" in name and not is_constant
    ]
    assert len(after) > 20
    assert set(after) == {np.float32}


def test_int8_needs_crops(exported, spec, tmp_path):
    for crops in (None, np.zeros((0, 64, 64, 3), np.uint8)):
        with pytest.raises(ValueError, match="`crops` must be given for int8"):
            tflite.export_tflite(
                "network", spec, tmp_path / "a.tflite", "int8", crops
            )
    with pytest.raises(ValueError, match="`precision` must be one of"):
        tflite.export_tflite("network", spec, tmp_path / "a.tflite", "int4")
    assert list(tmp_path.iterdir()) == []


def float32_model(size):
    """A TFLite model that multiplies by a vector of `size` numbers."""
    weights = tf.constant(
        np.random.default_rng(0).normal(size=size), tf.float32
    )
    function = tf.function(
        lambda x: {"y": x * weights + 1.0},
        input_signature=[tf.TensorSpec((1, size), tf.float32, "x")],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()]
    )
    return weights.numpy(), converter.convert()


@pytest.mark.parametrize(("size", "bytes_each"), [(131_072, 2), (131_071, 4)])
def test_large_constants_alone_are_halved(size, bytes_each):
    weights, model = float32_model(size)
    half = with_half_weights(model)
    assert len(half) == pytest.approx(bytes_each * size, rel=0.05)
    interpreter = Interpreter(model_content=half)
    interpreter.allocate_tensors()
    x = np.ones((1, size), np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    y = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    stored = np.float16 if bytes_each == 2 else np.float32
    np.testing.assert_array_equal(y[0], np.float32(stored(weights)) + 1)


def test_metadata_says_what_goes_in_and_comes_out(exported, spec):
    """Read by the offsets of the format, without the code that wrote it."""
    model = schema.Model.GetRootAs(exported.int8.read_bytes())
    (buffer,) = [
        model.Buffers(model.Metadata(index).Buffer()).DataAsNumpy().tobytes()
        for index in range(model.MetadataLength())
        if model.Metadata(index).Name() == b"TFLITE_METADATA"
    ]
    assert buffer[4:8] == b"M001"
    place = flatbuffers.encode.Get(
        flatbuffers.number_types.UOffsetTFlags.packer_type, buffer, 0
    )
    root = flatbuffers.table.Table(buffer, place)

    def vector(table, slot):
        start = table.Vector(table.Offset(4 + 2 * slot))
        return [
            flatbuffers.table.Table(buffer, table.Indirect(start + 4 * index))
            for index in range(table.VectorLen(table.Offset(4 + 2 * slot)))
        ]

    def text(table, slot):
        return table.String(table.Offset(4 + 2 * slot) + table.Pos).decode()

    (graph,) = vector(root, 3)
    (image,) = vector(graph, 2)
    assert text(image, 0) == "image"
    assert "uint8 RGB, 0 to 255" in text(image, 1)
    outputs = {text(table, 0): text(table, 1) for table in vector(graph, 3)}
    assert outputs == spec.output_descriptions()
    assert "2200" in outputs["pose"]
    interpreter = Interpreter(str(exported.int8))
    runner = interpreter.get_signature_runner("serving_default")
    by_index = {
        detail["index"]: name
        for name, detail in runner.get_output_details().items()
    }
    order = [by_index[d["index"]] for d in interpreter.get_output_details()]
    assert [text(table, 0) for table in vector(graph, 3)] == order
    (file,) = vector(root, 6)
    assert text(file, 0) == FILE_NAME


def test_predict_keeps_the_order_of_a_batch(exported, crops):
    predict = artefacts.load(exported.float32).predict
    forward, backward = predict(crops), predict(crops[::-1])
    for name, value in forward.items():
        assert len(value) == len(crops)
        np.testing.assert_array_equal(value, backward[name][::-1])


EVALUATED_WITHOUT_TENSORFLOW = """
import runpy, sys
try:
    runpy.run_path("evaluate.py", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
loaded = {name.partition(".")[0] for name in sys.modules}
assert "ai_edge_litert" in loaded
assert not loaded & {"tensorflow", "keras"}, loaded
"""


def test_evaluation_of_a_file_needs_no_tensorflow(exported, data_set, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            EVALUATED_WITHOUT_TENSORFLOW,
            f"--model={exported.float32}",
            f"--data={data_set}",
            f"--out={tmp_path}/scores.json",
        ],
        cwd=pathlib.Path(artefacts.__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "scores.json").read_text())["frames"] == 2
