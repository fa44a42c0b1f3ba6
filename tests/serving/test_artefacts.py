import json
import os
import pathlib
import shutil
import zipfile

import keras
import numpy as np
import pytest

from keras_pose.pose_spec import FILE_NAME
from keras_pose.serving import artefacts

SIDE_MM = 2200  # of the network's cube
EACH_KIND = pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("keras", "keras"),
        ("saved_model", "saved_model"),
        ("float32", "tflite"),
        ("float16", "tflite"),
    ],
    ids=["keras", "saved_model", "float32", "float16"],
)


def test_the_network_of_these_tests_tells_crops_apart(model, crops):
    # Otherwise an artefact without weights would agree with it.
    joints_mm = SIDE_MM * model.predict_on_batch(crops)["pose"]
    assert np.ptp(joints_mm, axis=0).min() > 1
    assert np.ptp(joints_mm, axis=1).min() > 1


@EACH_KIND
def test_every_kind_says_what_the_keras_model_says(
    name, kind, exported, model, crops
):
    found = artefacts.load(getattr(exported, name)).predict(crops)
    expected = model.predict_on_batch(crops)
    atol = (0.5 if name == "float16" else 0.01) / SIDE_MM
    assert sorted(found) == sorted(expected) == ["confidence", "pose", "std"]
    for output, value in expected.items():
        np.testing.assert_allclose(found[output], value, rtol=0, atol=atol)


@EACH_KIND
def test_spec_travels_in_every_kind(name, kind, exported, spec):
    artefact = artefacts.load(getattr(exported, name))
    assert artefact.spec == spec
    assert artefact.kind == kind


def test_run_folder_stands_for_its_best_keras(exported):
    artefact = artefacts.load(exported.run)
    assert artefact.path == str(exported.keras)
    assert artefact.kind == artefacts.KERAS


def test_network_with_a_regression_head_gives_the_pose_alone(
    make_net, spec, crops, tmp_path
):
    artefacts.save_keras(make_net("regression"), spec, tmp_path / "a.keras")
    found = artefacts.load(tmp_path / "a.keras").predict(crops)
    assert list(found) == ["pose"]
    assert found["pose"].shape == (6, 17, 3)


def test_run_that_was_not_validated_stands_for_its_last_keras(
    exported, tmp_path
):
    shutil.copy(exported.keras, tmp_path / "last.keras")
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
    """A copy of an artefact, less its spec."""
    if path.is_dir():
        shutil.copytree(path, out)
        (out / "assets.extra" / FILE_NAME).unlink()
    elif path.suffix == ".keras":
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
            for name in set(old.namelist()) - {FILE_NAME}:
                new.writestr(name, old.read(name))
    else:
        out.write_bytes(path.read_bytes().split(b"PK\3\4")[0])


@EACH_KIND
def test_load_refuses_a_model_without_spec(name, kind, exported, tmp_path):
    path = getattr(exported, name)
    without_spec(path, tmp_path / path.name)
    with pytest.raises(ValueError, match=f"{path.name}: must hold {FILE_NAME}"):
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
def test_load_refuses_a_damaged_spec(change, name, exported, spec, tmp_path):
    path = getattr(exported, name)
    without_spec(path, tmp_path / path.name)
    text = change(spec.to_json())
    if name == "keras":
        with zipfile.ZipFile(tmp_path / path.name, "a") as archive:
            archive.writestr(FILE_NAME, text)
    else:
        (tmp_path / path.name / "assets.extra" / FILE_NAME).write_text(text)
    with pytest.raises(ValueError, match=f"{path.name}: {FILE_NAME} is dam"):
        artefacts.load(tmp_path / path.name)


@pytest.mark.parametrize("name", ["a.keras", "a.tflite"])
def test_load_refuses_garbage(name, tmp_path):
    (tmp_path / name).write_bytes(b"garbage " * 100)
    with pytest.raises(ValueError, match=f"{name}: must hold"):
        artefacts.load(tmp_path / name)


@pytest.mark.parametrize("name", ["a.keras", "a.tflite"])
def test_load_refuses_garbage_that_holds_a_spec(name, spec, tmp_path):
    (tmp_path / name).write_bytes(b"garbage " * 100)
    artefacts.add_spec_to_file(tmp_path / name, spec)
    with pytest.raises(ValueError, match=f"{name}: not a (Keras|TFLite) model"):
        artefacts.load(tmp_path / name)


def cut_variables(path):
    os.truncate(path / "variables" / "variables.data-00000-of-00001", 100)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path / "saved_model.pb").write_bytes(b"garbage " * 100),
        lambda path: shutil.rmtree(path / "variables"),
        cut_variables,
    ],
    ids=["graph", "no variables", "cut variables"],
)
def test_load_refuses_a_damaged_saved_model(damage, exported, tmp_path):
    path = shutil.copytree(exported.saved_model, tmp_path / "made")
    damage(path)
    with pytest.raises(ValueError, match="made: not a SavedModel"):
        artefacts.load(path)


def test_load_refuses_a_truncated_keras_file(exported, tmp_path):
    half = exported.keras.read_bytes()[:20_000]
    (tmp_path / "a.keras").write_bytes(half)
    with pytest.raises(ValueError, match=r"a\.keras: must hold"):
        artefacts.load(tmp_path / "a.keras")


def test_load_runs_no_code_that_a_keras_file_brings(spec, tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "a.keras"
    name = str(trace)  # a closure that Keras can store
    image = keras.Input((64, 64, 3))
    output = keras.layers.Lambda(
        lambda x: [__import__("pathlib").Path(name).touch(), x][1]
    )(image)
    artefacts.save_keras(keras.Model(image, output), spec, path)
    trace.unlink()
    with pytest.raises(ValueError, match=r"a\.keras: .*Lambda"):
        artefacts.load(path)
    assert not trace.exists()
    # Keras itself would run it when told that the file is safe.
    keras.models.load_model(path, safe_mode=False)
    assert trace.exists()


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
