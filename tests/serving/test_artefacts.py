import concurrent.futures
import json
import pathlib
import shutil
import zipfile

import numpy as np
import pytest

from keras_pose import models
from keras_pose.pose_spec import FILE_NAME
from keras_pose.serving import artefacts
from keras_pose.serving import saved_model
from keras_pose.serving.inference_network import inference_network

SIDE_MM = 2200  # of the network's cube
KINDS = ["keras", "saved_model", "tflite", "onnx", "openvino"]
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def test_the_network_of_these_tests_tells_crops_apart(model, crops):
    # Otherwise an artefact without weights would agree with it.
    joints_mm = SIDE_MM * model.predict_on_batch(crops)["pose"]
    assert np.ptp(joints_mm, axis=0).min() > 1
    assert np.ptp(joints_mm, axis=1).min() > 1


@EACH_KIND
@pytest.mark.parametrize("count", [1, 2, 6])
def test_every_kind_says_what_the_keras_model_says(
    kind, count, artefact_files, model, crops
):
    crops = crops[-count:]
    found = artefacts.load(getattr(artefact_files, kind)).predict(crops)
    expected = model.predict_on_batch(crops)
    assert sorted(found) == sorted(expected) == ["confidence", "pose", "std"]
    for output, value in expected.items():
        assert isinstance(found[output], np.ndarray)
        np.testing.assert_allclose(
            found[output], value, rtol=0, atol=0.01 / SIDE_MM
        )


@EACH_KIND
def test_no_crops_give_no_poses(kind, artefact_files, crops):
    predict = artefacts.load(getattr(artefact_files, kind)).predict
    one, found = predict(crops[:1]), predict(crops[:0])
    assert sorted(found) == sorted(one)
    for name, value in found.items():
        assert value.shape == (0, *one[name].shape[1:])
        assert value.dtype == one[name].dtype


@EACH_KIND
def test_what_was_predicted_stays_when_more_is_predicted(
    kind, artefact_files, crops
):
    predict = artefacts.load(getattr(artefact_files, kind)).predict
    first = predict(crops[:2])
    kept = {name: value.copy() for name, value in first.items()}
    predict(crops[2:4])
    for name, value in kept.items():
        np.testing.assert_array_equal(first[name], value)


@EACH_KIND
def test_threads_that_share_a_network_have_each_their_poses(
    kind, artefact_files, crops
):
    predict = artefacts.load(getattr(artefact_files, kind)).predict
    alone = [predict(crop[None])["pose"].copy() for crop in crops]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(predict, [crop[None] for crop in crops] * 20))
    np.testing.assert_allclose(
        [outputs["pose"] for outputs in found],
        alone * 20,
        rtol=0,
        atol=0.01 / SIDE_MM,
    )


@EACH_KIND
def test_spec_travels_in_every_kind(kind, artefact_files, spec):
    artefact = artefacts.load(getattr(artefact_files, kind))
    assert artefact.spec == spec
    assert artefact.kind == kind


@pytest.mark.parametrize("up", [0, 1, 2])
def test_folder_of_tensorflow_serving_stands_for_its_highest_version(
    up, artefact_files, tmp_path
):
    path = tmp_path / "served" / "pose"
    newest = shutil.copytree(artefact_files.saved_model, path / "10")
    for older in ("9", "tmp11"):  # the second one is no version
        shutil.copytree(artefact_files.saved_model, path / older)
    (path / "11").mkdir()  # being copied
    given = [newest, *newest.parents][up]
    artefact = artefacts.load(given)
    assert artefact.path == str(newest)
    assert artefact.kind == artefacts.SAVED_MODEL


@pytest.mark.parametrize("name", ["01", "\u0661", "007"])
def test_version_of_another_spelling_is_found(name, artefact_files, tmp_path):
    path = shutil.copytree(artefact_files.saved_model, tmp_path / name)
    assert artefacts.load(tmp_path).path == str(path)


def test_folder_of_two_served_models_stands_for_neither(
    artefact_files, tmp_path
):
    for name in ("a", "b"):
        shutil.copytree(artefact_files.saved_model, tmp_path / name / "1")
    with pytest.raises(ValueError, match="a model must be"):
        artefacts.load(tmp_path)


def test_openvino_folder_and_its_xml_are_the_same(artefact_files):
    folder = artefact_files.openvino
    assert artefacts.load(folder).path == str(folder / "model.xml")
    assert artefacts.load(folder / "model.xml").path == str(
        folder / "model.xml"
    )


def test_run_folder_stands_for_its_best_keras(artefact_files):
    artefact = artefacts.load(artefact_files.keras.parent)
    assert artefact.path == str(artefact_files.keras)
    assert artefact.kind == artefacts.KERAS


def test_network_with_a_regression_head_gives_the_pose_alone(
    make_net, spec, crops, tmp_path
):
    artefacts.save_keras(make_net("regression"), spec, tmp_path / "a.keras")
    found = artefacts.load(tmp_path / "a.keras").predict(crops)
    assert list(found) == ["pose"]
    assert found["pose"].shape == (6, 17, 3)


@pytest.mark.slow
@pytest.mark.parametrize("head", models.HEADS)
@pytest.mark.parametrize(
    "backbone",
    ["resnet18_small", "mobilenetv3small", "efficientnetv2b0", "resnet50v2"],
)
def test_every_family_of_backbones_loads(backbone, head, spec, crops, tmp_path):
    model = models.pose_net(
        17, backbone, None, spec.input_size, head, 2, 16, depth_bins=8
    )
    artefacts.save_keras(model, spec, tmp_path / "a.keras")
    saved_model.export_saved_model(
        inference_network(model), spec, str(tmp_path / "1")
    )
    expected = model.predict_on_batch(crops)["pose"]
    for path in (tmp_path / "a.keras", tmp_path / "1"):
        found = artefacts.load(path).predict(crops)["pose"]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_run_that_was_not_validated_stands_for_its_last_keras(
    artefact_files, tmp_path
):
    shutil.copy(artefact_files.keras, tmp_path / "last.keras")
    assert artefacts.load(tmp_path).path == str(tmp_path / "last.keras")


@pytest.mark.parametrize("name", ["nothing", "no.tflite"])
def test_load_says_that_there_is_nothing(name, tmp_path):
    with pytest.raises(ValueError, match=f"there is no model at .*{name}$"):
        artefacts.load(tmp_path / name)


@pytest.mark.parametrize("name", ["", "notes.txt"])
def test_load_refuses_what_is_no_artefact(name, tmp_path):
    (tmp_path / "notes.txt").write_text("no model")
    with pytest.raises(ValueError, match=f"a model must be .*{name}$"):
        artefacts.load(tmp_path / name)


def without_spec(path, out):
    """A copy of a zip or a SavedModel, less its spec."""
    if path.is_dir():
        shutil.copytree(path, out)
        (out / "assets.extra" / FILE_NAME).unlink()
    else:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
            for name in set(old.namelist()) - {FILE_NAME}:
                new.writestr(name, old.read(name))


@pytest.mark.parametrize("kind", ["keras", "saved_model", "tflite"])
def test_load_refuses_a_model_without_spec(kind, artefact_files, tmp_path):
    path = getattr(artefact_files, kind)
    without_spec(path, tmp_path / path.name)
    with pytest.raises(ValueError, match=f"{path.name}: .*must hold .*spec"):
        artefacts.load(tmp_path / path.name)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-20],
        lambda text: "[]",
        lambda text: text.replace("h36m_17", "h36m_18"),
        lambda text: text.replace('"kind": "metric"', '"kind": "cube"'),
        lambda text: text.replace("size_mm", "size_cm"),
        lambda text: json.dumps(json.loads(text) | {"input_size": "wide"}),
    ],
    ids=["cut", "list", "skeleton", "volume", "volume field", "number"],
)
@pytest.mark.parametrize("name", ["keras", "saved_model"])
def test_load_refuses_a_damaged_spec(
    change, name, artefact_files, spec, tmp_path
):
    path = getattr(artefact_files, name)
    without_spec(path, tmp_path / path.name)
    text = change(spec.to_json())
    if name == "keras":
        with zipfile.ZipFile(tmp_path / path.name, "a") as archive:
            archive.writestr(FILE_NAME, text)
    else:
        (tmp_path / path.name / "assets.extra" / FILE_NAME).write_text(text)
    with pytest.raises(ValueError, match=f"{path.name}: {FILE_NAME} is dam"):
        artefacts.load(tmp_path / path.name)


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.keras", "not a Keras model"), ("a.tflite", "must hold")],
)
def test_load_refuses_garbage(name, words, tmp_path):
    (tmp_path / name).write_bytes(b"garbage " * 100)
    with pytest.raises(ValueError, match=f"{name}: {words}"):
        artefacts.load(tmp_path / name)


@pytest.mark.parametrize("name", ["a.onnx", "model.xml"])
def test_load_refuses_garbage_without_a_zip(name, tmp_path):
    (tmp_path / name).write_bytes(b"garbage " * 100)
    with pytest.raises(ValueError, match=f"{tmp_path.name}.*must"):
        artefacts.load(tmp_path / name)


def test_load_refuses_garbage_that_holds_spec_and_checksum(spec, tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"garbage " * 100)
    artefacts.add_spec_to_file(path, spec)
    with pytest.raises(ValueError, match=r"a\.tflite: not a TFLite model"):
        artefacts.load(path)


class HalfWritten:
    def save(self, path):
        pathlib.Path(path).write_bytes(b"half")
        raise OSError("disk full")


def test_save_keras_that_fails_keeps_the_file_of_before(spec, tmp_path):
    path = tmp_path / "best.keras"
    path.write_bytes(b"before")
    with pytest.raises(OSError, match="disk full"):
        artefacts.save_keras(HalfWritten(), spec, path)
    assert path.read_bytes() == b"before"


def test_save_keras_that_fails_leaves_no_file(spec, tmp_path):
    with pytest.raises(OSError, match="disk full"):
        artefacts.save_keras(HalfWritten(), spec, tmp_path / "best.keras")
    assert list(tmp_path.iterdir()) == []


def test_save_keras_leaves_one_file_when_it_writes_twice(model, spec, tmp_path):
    for _ in range(2):
        artefacts.save_keras(model, spec, tmp_path / "best.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["best.keras"]
    with zipfile.ZipFile(tmp_path / "best.keras") as archive:
        assert archive.namelist().count(FILE_NAME) == 1
