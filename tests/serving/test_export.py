import dataclasses
import json
import os
import shutil

import numpy as np
import pytest

from keras_pose import models
from keras_pose.serving import artefacts
from keras_pose.serving import export

NAMES = ["saved_model", "model_float32.tflite", "model_float16.tflite"]
ROWS = [NAMES[0], *NAMES]  # both endpoints of the SavedModel


@pytest.fixture
def quick(exported, monkeypatch):
    """Export, but what it writes is copied from an earlier one."""

    def saved_model(model, spec, folder):
        shutil.copytree(exported.saved_model, folder)

    def tflite(saved_model, spec, path, float16=False):
        shutil.copy(exported.out / os.path.basename(path), path)

    monkeypatch.setattr(export, "export_saved_model", saved_model)
    monkeypatch.setattr(export, "export_tflite", tflite)


@pytest.fixture
def spoil(monkeypatch):
    """Gives `(ending, change)` that changes what such artefacts predict."""
    load = artefacts.load

    def apply(ending, change):
        def spoilt(path):
            artefact = load(path)
            if not artefact.path.endswith(ending):
                return artefact

            def predict(images):
                outputs = artefact.predict(images)
                return outputs | {"pose": change(outputs["pose"])}

            return dataclasses.replace(artefact, predict=predict)

        monkeypatch.setattr(artefacts, "load", spoilt)

    return apply


def move_one_joint(mm):
    def change(pose):
        moved = pose.copy()
        moved[-1, -1, -1] += mm / 2200
        return moved

    return change


def test_export_writes_every_artefact_and_a_report(exported):
    names = sorted(path.name for path in exported.out.iterdir())
    assert names == sorted([*NAMES, "export_report.json"])
    assert [row.name for row in exported.rows] == ROWS
    assert list(exported.out.parent.glob(".*")) == []
    assert exported.out.stat().st_mode & 0o777 == 0o755


def test_rows_tell_size_and_difference(exported):
    for row in exported.rows:
        path = exported.out / row.name
        files = [path, *path.rglob("*")]
        size = sum(file.stat().st_size for file in files if file.is_file())
        assert row.megabytes == pytest.approx(size / 1e6)
        assert row.worst_mm < (0.1 if "float16" in row.name else 0.01)
    assert exported.rows[3].worst_mm > exported.rows[2].worst_mm > 0


def test_report_holds_the_rows_and_what_they_were_compared_on(exported):
    report = json.loads((exported.out / "export_report.json").read_text())
    assert report == {
        "artefacts": [dataclasses.asdict(row) for row in exported.rows],
        "compared_on": "smooth noise",
    }


def test_table_has_a_line_an_artefact():
    rows = [
        export.Row("saved_model", "serve_bytes", 136.94, 123.46, 0.0, 0.1),
        export.Row(
            "model_float16.tflite", "serving_default", 68.5, 9.0, 0.01234, 0.5
        ),
    ]
    head, *lines = export.table(rows).splitlines()
    assert head.split() == [
        *(
            "artefact",
            "endpoint",
            "MB",
            "ms",
            "an",
            "image",
            "worst",
            "joint,",
            "mm",
            "limit",
        )
    ]
    assert [line.split() for line in lines] == [
        ["saved_model", "serve_bytes", "136.9", "123.5", "0.00000", "0.1"],
        [
            "model_float16.tflite",
            "serving_default",
            "68.5",
            "9.0",
            "0.01234",
            "0.5",
        ],
    ]


def test_export_compares_on_the_data_set_it_is_given(
    quick, exported, data_set, tmp_path
):
    rows = export.export(exported.run, tmp_path / "out", [str(data_set)])
    report = json.loads((tmp_path / "out/export_report.json").read_text())
    assert report["compared_on"] == [str(data_set)]
    assert [row.name for row in rows] == ROWS


@pytest.mark.parametrize(
    ("ending", "change"),
    [
        ("saved_model", move_one_joint(0.2)),
        ("float32.tflite", move_one_joint(-0.2)),
        ("float16.tflite", lambda pose: np.full_like(pose, np.nan)),
        ("float32.tflite", np.zeros_like),
        ("float16.tflite", move_one_joint(0.6)),
    ],
    ids=["SavedModel 0.2 mm", "TFLite 0.2 mm", "NaN", "zeros", "float16"],
)
def test_export_removes_the_artefact_that_differs(
    ending, change, quick, spoil, exported, tmp_path
):
    spoil(ending, change)
    with pytest.raises(RuntimeError, match=f"Received: [^;]*{ending}, [^;]*$"):
        export.export(exported.run, tmp_path / "out")
    report = (tmp_path / "out" / "export_report.json").read_text()
    assert "Infinity" not in report  # JSON has no word for it
    kept = {path.name for path in (tmp_path / "out").iterdir()}
    right = {name for name in NAMES if not name.endswith(ending)}
    assert kept == right | {"export_report.json"}


def test_export_compares_the_endpoint_of_bytes_too(
    quick, exported, tmp_path, monkeypatch
):
    def wrong(folder):
        return lambda images: {"pose": np.zeros((len(images), 17, 3))}

    monkeypatch.setattr(export, "predict_by_bytes", wrong)
    with pytest.raises(RuntimeError, match="saved_model, serve_bytes: "):
        export.export(exported.run, tmp_path / "out")
    assert not (tmp_path / "out" / "saved_model").exists()


@pytest.mark.parametrize(
    ("ending", "row", "distance"),
    [("float32.tflite", 2, 0.09), ("float16.tflite", 3, 0.45)],
)
def test_export_forgives_what_is_within_the_limit(
    ending, row, distance, quick, spoil, exported, tmp_path
):
    spoil(ending, move_one_joint(distance))
    rows = export.export(exported.run, tmp_path / "out")
    assert rows[row].worst_mm == pytest.approx(distance, abs=0.03)


def test_export_that_fails_leaves_nothing(quick, exported, tmp_path):
    (tmp_path / "run").mkdir()
    shutil.copy(exported.keras, tmp_path / "run" / "best.keras")
    with pytest.raises(ValueError, match="no_such_data"):
        export.export(tmp_path / "run", tmp_path / "out", ["no_such_data"])
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_export_refuses_an_out_that_exists(kind, exported, tmp_path):
    out = tmp_path / "out"
    {
        "folder": out.mkdir,
        "file": out.touch,
        "dangling link": lambda: out.symlink_to(tmp_path / "gone"),
    }[kind]()
    with pytest.raises(ValueError, match=r"`out` must not exist .*out$"):
        export.export(exported.run, out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["saved_model", "float32"])
def test_export_refuses_what_is_exported_already(name, exported, tmp_path):
    path = getattr(exported, name)
    with pytest.raises(ValueError, match=f"`model` must be .*{path.name}"):
        export.export(path, tmp_path / "out")


def test_network_with_a_regression_head_exports(make_net, spec, tmp_path):
    model = make_net("regression")
    # Small enough for float16 to stay within the limit.
    kernel = model.get_layer("joints").kernel
    kernel.assign(0.1 * kernel)
    artefacts.save_keras(model, spec, tmp_path / "best.keras")
    rows = export.export(tmp_path, tmp_path / "out")
    assert [row.name for row in rows] == ROWS


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone", ["resnet50", "mobilenetv3small", "efficientnetv2b0"]
)
def test_networks_with_backbones_of_keras_export(backbone, spec, tmp_path):
    model = models.pose_net(
        17, backbone, None, 64, "integral", 1, 16, depth_bins=8
    )
    artefacts.save_keras(model, spec, tmp_path / "best.keras")
    rows = export.export(tmp_path, tmp_path / "out")
    assert [row.name for row in rows] == ROWS
