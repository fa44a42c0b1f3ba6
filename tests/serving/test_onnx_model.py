import logging
import os
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from keras_pose import models
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import artefacts
from keras_pose.serving import onnx_model
from keras_pose.serving.inference_network import inference_network


@pytest.fixture(scope="module")
def model_proto(artefact_files):
    return onnx.load(artefact_files.onnx)


def shapes(values):
    return {
        value.name: [
            dim.dim_param or dim.dim_value
            for dim in value.type.tensor_type.shape.dim
        ]
        for value in values
    }


def test_file_takes_pixels_and_names_its_outputs(model_proto):
    (image,) = model_proto.graph.input
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert shapes([image]) == {"image": ["batch", 64, 64, 3]}
    assert shapes(model_proto.graph.output) == {
        "pose": ["batch", 17, 3],
        "std": ["batch", 17, 3],
        "confidence": ["batch", 17],
    }


def test_file_says_what_it_is(model_proto, spec):
    onnx.checker.check_model(model_proto, full_check=True)
    properties = {p.key: p.value for p in model_proto.metadata_props}
    assert PoseSpec.from_json(properties["pose_spec"], "") == spec
    assert "pose_spec" in model_proto.doc_string


def test_file_uses_operations_of_onnx_alone(model_proto):
    assert {node.domain for node in model_proto.graph.node} == {""}


def test_any_program_can_run_the_file(artefact_files, model, crops):
    session = onnxruntime.InferenceSession(artefact_files.onnx)
    (pose,) = session.run(["pose"], {"image": crops})
    expected = model.predict_on_batch(crops)["pose"]
    np.testing.assert_allclose(pose, expected, rtol=0, atol=1e-5)


def test_network_with_a_regression_head_gives_the_pose_alone(
    make_net, spec, crops, tmp_path
):
    model = make_net("regression")
    path = str(tmp_path / "a.onnx")
    onnx_model.export_onnx(inference_network(model, True), spec, path)
    found = artefacts.load(path).predict(crops)
    assert list(found) == ["pose"]
    expected = model.predict_on_batch(crops)["pose"]
    np.testing.assert_allclose(found["pose"], expected, rtol=0, atol=1e-5)


def test_a_network_that_tf2onnx_fails_to_rearrange_is_exported(
    spec, crops, tmp_path
):
    """One of its optimizers raises on MobileNet's squeeze and excitation."""
    model = models.pose_net(17, "mobilenetv3small", None, 64, "regression")
    path = str(tmp_path / "a.onnx")
    onnx_model.export_onnx(inference_network(model, True), spec, path)
    found = artefacts.load(path).predict(crops)["pose"]
    expected = model.predict_on_batch(crops)["pose"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_export_says_nothing_and_leaves_the_environment(
    model, spec, tmp_path, capfd, caplog, monkeypatch
):
    monkeypatch.setenv("TF2ONNX_CATCH_ERRORS", "mine")
    with caplog.at_level(logging.WARNING):
        onnx_model.export_onnx(
            inference_network(model, True), spec, str(tmp_path / "a.onnx")
        )
    assert caplog.messages == []
    assert capfd.readouterr().out == ""
    assert os.environ["TF2ONNX_CATCH_ERRORS"] == "mine"
    monkeypatch.delenv("TF2ONNX_CATCH_ERRORS")
    onnx_model.export_onnx(
        inference_network(model, True), spec, str(tmp_path / "a.onnx")
    )
    assert "TF2ONNX_CATCH_ERRORS" not in os.environ


def test_export_that_fails_leaves_no_file(model, spec, tmp_path, monkeypatch):
    def refuse(model, full_check):
        raise onnx.checker.ValidationError("not this one")

    monkeypatch.setattr(onnx.checker, "check_model", refuse)
    with pytest.raises(ValueError, match=r"a\.onnx: not valid .* not this one"):
        onnx_model.export_onnx(model, spec, str(tmp_path / "a.onnx"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["onnx", "tf2onnx"])
def test_export_without_its_packages_says_how_to_install_them(
    package, model, spec, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"^{package} must .*export.txt$"):
        onnx_model.export_onnx(model, spec, str(tmp_path / "a.onnx"))


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_load_without_its_packages_says_how_to_install_them(
    package, artefact_files, monkeypatch
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"^{package} must .*export.txt$"):
        artefacts.load(artefact_files.onnx)
