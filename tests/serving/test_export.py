import dataclasses
import json
import math
import shutil

import pytest

from keras_pose import models
from keras_pose.serving import artefacts
from keras_pose.serving import export
from keras_pose.serving import gate
from keras_pose.serving import measure
from keras_pose.serving import proof
from keras_pose.serving import writer

FILES = {
    "saved_model": "tf_serving",
    "tflite_float32": "model_float32.tflite",
    "tflite_float16": "model_float16.tflite",
    "tflite_int8": "model_int8.tflite",
}


@pytest.fixture
def quick(exported, monkeypatch):
    """Export, but what it writes is copied from an earlier one."""

    def write(self, name):
        path = FILES[name]
        copy = shutil.copytree if path == "tf_serving" else shutil.copy
        copy(exported.out / path, f"{self._folder}/{path}")

    monkeypatch.setattr(writer.Writer, "write", write)


def request(exported, tmp_path, **fields):
    return dataclasses.replace(
        exported.request, out=str(tmp_path / "out"), **fields
    )


def test_export_writes_every_artefact_and_a_report(exported):
    names = sorted(path.name for path in exported.out.iterdir())
    assert names == sorted([*FILES.values(), "export_report.json"])
    assert [row.format for row in exported.rows] == ["saved_model", *FILES]
    assert [row.endpoint for row in exported.rows[:2]] == [
        measure.NETWORK,
        measure.BYTES,
    ]
    assert list(exported.out.parent.glob(".*")) == []
    assert exported.out.stat().st_mode & 0o777 == 0o755


def test_the_saved_model_lies_as_tensorflow_serving_wants_it(exported):
    serving = exported.out / "tf_serving"
    assert sorted(path.name for path in serving.iterdir()) == [
        "batching_parameters.txt",
        "models.config",
        "pose",
    ]
    assert (serving / "pose/3/saved_model.pb").is_file()
    extra = serving / "pose/3/assets.extra"
    assert {path.name for path in extra.iterdir()} >= {
        "MODEL_CARD.md",
        "pose_spec.json",
        "skeleton.json",
        "tf_serving_warmup_requests",
    }


def test_rows_tell_size_time_memory_and_difference(exported):
    for row in exported.rows:
        path = exported.out / row.path
        files = [path, *path.rglob("*")]
        size = sum(file.stat().st_size for file in files if file.is_file())
        assert row.megabytes == pytest.approx(size / 1e6)
        assert row.milliseconds > 0
        assert row.milliseconds_8 > 0
        # TensorFlow is in one of them; in none is the process that asked.
        heavy = row.format == "saved_model"
        assert (row.peak_megabytes > 300) == heavy
        assert row.fault == ""
    by_format = {row.format: row for row in exported.rows}
    float32 = by_format["tflite_float32"].worst_mm
    assert 0 < float32 < by_format["tflite_int8"].worst_mm
    assert by_format["tflite_float16"].worst_mm == pytest.approx(float32)


def test_report_holds_the_rows_and_what_they_were_compared_on(exported):
    report = json.loads((exported.out / "export_report.json").read_text())
    assert report["artefacts"] == [row.to_dict() for row in exported.rows]
    assert report["compared_on"] == {
        "data": list(exported.request.data),
        "samples": 2,
        "rendered_people": 16,
    }
    assert report["keras_mpjpe_mm"] > 0


def test_a_row_that_knows_little_is_json_all_the_same():
    row = gate.Row("onnx", "model.onnx", "network", worst_mm=math.inf)
    content = json.loads(json.dumps(row.to_dict(), allow_nan=False))
    assert content["worst_mm"] is None
    assert content["milliseconds"] is None
    assert content["format"] == "onnx"


def test_what_is_wrong_is_removed_and_what_is_right_kept(
    quick, exported, tmp_path, monkeypatch
):
    right = measure.measure

    def spoilt(path, *arguments):
        done = right(path, *arguments)
        if path.endswith("float16.tflite"):
            done.outputs["pose"][3, 2, 1] += 0.6 / 2200
        return done

    monkeypatch.setattr(measure, "measure", spoilt)
    formats = ("tflite_float16", "tflite_float32")
    rows = export.export(request(exported, tmp_path, formats=formats))
    assert [bool(row.fault) for row in rows] == [False, True]
    kept = {path.name for path in (tmp_path / "out").iterdir()}
    assert kept == {FILES["tflite_float32"], "export_report.json"}
    with pytest.raises(
        RuntimeError,
        match=r"Received: model_float16.tflite, network: a joint is 0\.6\d+ mm",
    ):
        export.check(rows)
    export.check(rows[:1])


def test_a_tflite_file_without_its_weights_is_removed(
    quick, exported, tmp_path, monkeypatch
):
    """As a SavedModel that lost track of its variables converts to."""
    from ai_edge_litert import schema_py_generated as schema

    from keras_pose.serving.tflite_half import packed

    write = writer.Writer.write

    def hollow(self, name):
        write(self, name)
        path = f"{self._folder}/{FILES[name]}"
        with open(path, "rb") as file:
            model = schema.ModelT.InitFromObj(
                schema.Model.GetRootAs(file.read())
            )
        for buffer in model.buffers:
            if buffer.data is not None and len(buffer.data) > 1000:
                buffer.data = buffer.data * 0 + 255  # NaN in float32
        with open(path, "wb") as file:
            file.write(packed(model))
        artefacts.add_spec_to_file(path, artefacts.load(exported.run).spec)

    monkeypatch.setattr(writer.Writer, "write", hollow)
    (row,) = export.export(
        request(exported, tmp_path, formats=("tflite_float32",))
    )
    assert row.fault == "its pose is not finite"
    assert not (tmp_path / "out" / FILES["tflite_float32"]).exists()


def test_export_that_fails_leaves_nothing(exported, tmp_path):
    for fields, named in (
        ({"data": ("no_such_data",)}, "no_such_data"),
        ({"formats": ("tflite",)}, "Received: tflite$"),
        ({"formats": ("tflite_int8",), "data": ()}, "tflite_int8 must have"),
        ({"formats": ("openvino_int8",), "calibration": ()}, "calibration"),
        ({"formats": ("openvino_bfloat16",), "data": ()}, "must have `data`"),
        ({"samples": 0}, "`samples` must be at least 1. Received: 0"),
        ({"name": "../pose"}, "Received: '../pose'"),
        ({"version": 0}, "Received: 0"),
        ({"max_pixels": 0}, "`max_pixels` must be at least 1. Received: 0"),
        ({"model": "/nowhere"}, "/nowhere"),
    ):
        with pytest.raises(ValueError, match=named):
            export.export(request(exported, tmp_path, **fields))
        assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_converted_does_not_take_the_others_with_it(
    quick, exported, tmp_path, monkeypatch
):
    write = writer.Writer.write

    def fail(self, name):
        write(self, name)
        if name == "tflite_float16":
            raise RuntimeError("it could not be written: some words")

    monkeypatch.setattr(writer.Writer, "write", fail)
    formats = ("tflite_float16", "tflite_float32")
    rows = export.export(request(exported, tmp_path, formats=formats))
    assert [row.fault for row in rows] == [
        "",
        "it could not be written: some words",
    ]
    kept = {path.name for path in (tmp_path / "out").iterdir()}
    assert kept == {FILES["tflite_float32"], "export_report.json"}


def test_a_converter_s_own_error_is_told_in_a_line(
    exported, tmp_path, monkeypatch
):
    def fail(*arguments):
        raise KeyError("a converter's own words\nand more")

    monkeypatch.setattr(writer.Writer, "_write_tflite", fail)
    (row,) = export.export(
        request(exported, tmp_path, formats=("tflite_float32",))
    )
    assert row.fault.startswith("it could not be written: \"a converter's own")
    assert "\n" not in row.fault


def test_packages_that_are_missing_are_told_before_the_work(
    exported, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        export, "find_spec", lambda name: None if name == "nncf" else name
    )
    formats = ("tflite_float32", "openvino_int8")
    with pytest.raises(ValueError, match="openvino_int8 must have nncf inst"):
        export.export(request(exported, tmp_path, formats=formats))
    assert list(tmp_path.iterdir()) == []


def test_data_without_poses_cannot_judge_integers(
    exported, tmp_path, monkeypatch
):
    monkeypatch.setattr(proof.Proof, "_mpjpe", lambda self, pose: float("nan"))
    with pytest.raises(ValueError, match="tflite_int8 must have `data` with 3"):
        export.export(request(exported, tmp_path, formats=("tflite_int8",)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_export_refuses_an_out_that_exists(kind, exported, tmp_path):
    out = tmp_path / "out"
    {
        "folder": out.mkdir,
        "file": out.touch,
        "dangling link": lambda: out.symlink_to(tmp_path / "gone"),
    }[kind]()
    with pytest.raises(ValueError, match=r"`out` must not exist .*out$"):
        export.export(request(exported, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["saved_model", "float32"])
def test_export_refuses_what_is_exported_already(name, exported, tmp_path):
    path = str(getattr(exported, name))
    with pytest.raises(ValueError, match=r"`model` must be a \.keras file"):
        export.export(request(exported, tmp_path, model=path))


def test_without_int8_data_the_default_is_three_formats(
    quick, exported, tmp_path, monkeypatch
):
    written = []
    monkeypatch.setattr(
        writer.Writer, "write", lambda self, name: written.append(name)
    )
    monkeypatch.setattr(export, "judge", lambda *arguments: [])
    export.export(request(exported, tmp_path, calibration=()))
    assert written == ["saved_model", "tflite_float32", "tflite_float16"]


def test_network_with_a_regression_head_exports(
    make_net, spec, exported, tmp_path
):
    model = make_net("regression")
    artefacts.save_keras(model, spec, tmp_path / "best.keras")
    formats = ("saved_model", "tflite_float32", "tflite_int8")
    rows = export.export(
        request(exported, tmp_path, model=str(tmp_path), formats=formats)
    )
    export.check(rows)
    assert len(rows) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone", ["resnet50", "mobilenetv3small", "efficientnetv2b0"]
)
def test_networks_with_backbones_of_keras_export(
    backbone, spec, exported, tmp_path
):
    model = models.pose_net(
        17, backbone, None, 64, "integral", 1, 16, depth_bins=8
    )
    artefacts.save_keras(model, spec, tmp_path / "best.keras")
    formats = (
        *("saved_model", "tflite_float32", "tflite_float16", "tflite_int8"),
        *("onnx", "openvino_float32", "openvino_bfloat16", "openvino_int8"),
    )
    rows = export.export(
        request(exported, tmp_path, model=str(tmp_path), formats=formats)
    )
    export.check(rows)
