"""What a run exports scores what its validation did, however it was trained."""

import json
import pathlib
import subprocess
import sys

import pytest

from keras_pose.serving.export import REPORT_FILE

ROOT = pathlib.Path(__file__).parents[2]
RUNS = {
    "two devices": ("--num_virtual_devices=2",),
    "averaged weights": ("--config.train.ema=0.8",),
    "mixed bfloat16": ("--config.train.precision=mixed_bfloat16",),
    "all of them": (
        "--num_virtual_devices=2",
        "--config.train.ema=0.8",
        "--config.train.precision=mixed_bfloat16",
    ),
}
FLOAT32 = {  # where export.py writes them
    "saved_model": "tf_serving/pose/1",
    "tflite_float32": "model_float32.tflite",
    "onnx": "model.onnx",
    "openvino_float32": "openvino_float32/model.xml",
    "keras": "model.keras",
}


def run_script(*command):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", RUNS)
def test_every_artefact_scores_what_validation_did(make_run, tmp_path, kind):
    run = make_run("run", "--config.train.epochs=2", *RUNS[kind]).finish()
    validated = json.loads((run.workdir / "scores.json").read_text())
    out = tmp_path / "exported"
    validation = tmp_path / "held"
    run_script(
        "export.py",
        f"--model={run.workdir}",
        f"--out={out}",
        f"--data={validation}",
        f"--formats={','.join(FLOAT32)}",
    )
    report = json.loads((out / REPORT_FILE).read_text())
    assert {row["format"] for row in report["artefacts"]} == set(FLOAT32)
    for path in FLOAT32.values():
        scores = tmp_path / "scores.json"
        run_script(
            "evaluate.py",
            f"--model={out / path}",
            f"--data={validation}",
            f"--out={scores}",
        )
        scored = json.loads(scores.read_text())
        assert scored["frames"] == validated["frames"]
        assert scored["mpjpe_mm"] == pytest.approx(
            validated["mpjpe_mm"], abs=0.005
        )
        assert scored["pa_mpjpe_mm"] == pytest.approx(
            validated["pa_mpjpe_mm"], abs=0.005
        )
