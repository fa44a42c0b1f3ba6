import json
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keras_pose.pose_spec import FILE_NAME
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import artefacts

BOTH = pytest.mark.parametrize("name", ["float32", "float16"])


@BOTH
def test_file_needs_no_operator_beyond_those_of_tflite(name, exported):
    # TensorFlow's own operators appear as custom ones named "Flex...".
    assert b"Flex" not in getattr(exported, name).read_bytes()


@BOTH
def test_file_is_tflite_and_a_zip_that_holds_the_spec(name, exported, spec):
    path = getattr(exported, name)
    assert path.read_bytes()[4:8] == b"TFL3"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [FILE_NAME]
        assert PoseSpec.from_json(archive.read(FILE_NAME), "") == spec


@BOTH
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


def test_float16_halves_the_weights(exported, model):
    sizes = [exported.float32.stat().st_size, exported.float16.stat().st_size]
    saved = 2 * model.count_params()
    assert sizes[0] - sizes[1] == pytest.approx(saved, rel=0.1)


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
