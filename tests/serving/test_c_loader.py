import pathlib
import subprocess
import sys

import numpy as np
from tensorflow.core.protobuf import saved_model_pb2

ROOT = pathlib.Path(__file__).parents[2]


def signature_of(folder):
    """The SignatureDef of crops, which names the graph's tensors."""
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((folder / "saved_model.pb").read_bytes())
    (graph,) = proto.meta_graphs
    return graph.signature_def["serving_default"]


def test_saved_model_runs_without_python_s_tensorflow(
    exported, model, crops, tmp_path
):
    images, out = tmp_path / "images.npy", tmp_path / "out.npz"
    np.save(images, crops)
    program = [sys.executable, "-m", "tests.serving.c_loader"]
    paths = [exported.saved_model, images, out]
    subprocess.run([*program, *paths], check=True, cwd=ROOT)
    expected = model.predict_on_batch(crops)
    with np.load(out) as found:
        assert found.keys() >= expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5)


def test_signature_names_its_input_as_servers_expect(exported):
    signature = signature_of(exported.saved_model)
    assert signature.inputs["image"].name == "serving_default_image:0"
    assert sorted(signature.outputs) == [
        "confidence",
        "joints_mm",
        "joints_px",
        "pose",
        "std",
        "std_mm",
    ]
