import importlib.util
import pathlib
import subprocess
import sys

import numpy as np
from tensorflow.core.protobuf import saved_model_pb2

PROGRAM = pathlib.Path(__file__).with_name("c_loader.py")


def signature_of(folder):
    """The SignatureDef of crops, which names the graph's tensors."""
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((folder / "saved_model.pb").read_bytes())
    (graph,) = proto.meta_graphs
    return graph.signature_def["serving_default"]


def folder_of_libraries():
    places = importlib.util.find_spec("tensorflow").submodule_search_locations
    library = "libtensorflow_cc.so.2"
    return next(x for x in places if pathlib.Path(x, library).exists())


def test_saved_model_runs_without_python_s_tensorflow(
    exported, model, crops, tmp_path
):
    images, out = tmp_path / "images.npy", tmp_path / "out.npz"
    np.save(images, crops)
    signature = signature_of(exported.saved_model)
    image = signature.inputs["image"].name
    names = [f"{name}={info.name}" for name, info in signature.outputs.items()]
    paths = [folder_of_libraries(), exported.saved_model, images, out]
    subprocess.run([sys.executable, PROGRAM, *paths, image, *names], check=True)
    expected = model.predict_on_batch(crops)
    with np.load(out) as found:
        assert sorted(found) == sorted(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5)


def test_signature_names_its_input_as_servers_expect(exported):
    signature = signature_of(exported.saved_model)
    assert signature.inputs["image"].name == "serving_default_image:0"
    assert sorted(signature.outputs) == ["confidence", "pose", "std"]
