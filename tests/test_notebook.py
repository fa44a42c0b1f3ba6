"""The notebook runs from top to bottom, with a network of this test."""

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


def run(script, *arguments):
    subprocess.run([sys.executable, script, *arguments], cwd=ROOT, check=True)


@pytest.mark.slow
def test_notebook_runs_from_top_to_bottom(tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    data = tmp_path / "data/quickstart"
    run(
        "prepare.py",
        "--source=synthetic",
        "--count=60",
        "--image_size=96",
        f"--out={data}",
    )
    run(
        "train.py",
        f"--workdir={tmp_path}/run",
        f"--config.data.train=('{data}/train',)",
        f"--config.data.validation=('{data}/validation',)",
        "--config.train.epochs=1",
        "--config.train.warmup_steps=0",
        "--config.train.batch_size=4",
    )
    run(
        "export.py",
        f"--model={tmp_path}/run",
        "--formats=tflite_float32",
        f"--out={tmp_path}/exported/quickstart",
    )
    folder = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", folder)
    (tmp_path / "keras_pose").symlink_to(ROOT / "keras_pose")
    notebook = nbformat.read(folder / "predict.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(
        notebook, timeout=300, resources=resources
    ).execute()
    shown = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    assert any("image/png" in out.get("data", {}) for out in shown)
    printed = "".join(out.get("text", "") for out in shown)
    assert "left_knee" in printed
    assert "HIERARCHY" in printed
    assert (folder / "pose.bvh").exists()
