"""The commands of the README, one after the other, as a user runs them."""

import json
import pathlib
import pickle
import subprocess
import sys

import cv2
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]
FRAMES = 6
TINY = (
    "--config.model.backbone=mobilenetv3small",
    "--config.model.input_size=64",
    "--config.model.deconv_layers=2",
    "--config.model.deconv_filters=32",
    "--config.model.depth_bins=16",
    "--config.train.learning_rate=3e-3",
    "--config.train.steps_per_epoch=100",
    "--config.train.epochs=2",
)


def finish(script, *arguments):
    """Runs a script to its end, good or bad."""
    return subprocess.run(
        [sys.executable, ROOT / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


def run(script, *arguments, code=0):
    """Runs a script; returns what it printed."""
    result = finish(script, *arguments)
    assert result.returncode == code, result.stderr
    return result.stderr if code else result.stdout


@pytest.fixture(autouse=True)
def no_log_level(monkeypatch):
    """Scripts are loud where it is set, which tf2onnx does when imported."""
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)


@pytest.fixture
def human36m(tmp_path):
    """A folder in MMPose's layout: random poses on plain, distinct images."""
    rng = np.random.default_rng(0)
    joints = rng.normal(0, 0.3, (FRAMES, 17, 3)) + [0, 0, 5]  # metres
    px = joints[..., :2] / joints[..., 2:] * 600 + 200
    low, high = px.min(axis=1), px.max(axis=1)
    names = [f"S1/S1_Posing.54138969_{i:06d}.jpg" for i in range(FRAMES)]
    (tmp_path / "S1").mkdir()
    for index, name in enumerate(names):
        image = np.full((400, 400, 3), 40 * index, np.uint8)
        for x, y in px[index]:
            cv2.circle(image, (int(x), int(y)), 6, (255, 60, 60), -1)
        cv2.imwrite(str(tmp_path / name), image)
    one = np.ones((FRAMES, 17, 1))
    np.savez(
        tmp_path / "h36m_train.npz",
        imgname=names,
        center=(low + high) / 2,
        scale=(high - low).max(axis=1) * 1.2 / 200,
        part=np.concatenate([px, one], axis=-1),
        S=np.concatenate([joints, one], axis=-1),
    )
    camera = {"f": np.full((2, 1), 600.0), "c": np.full((2, 1), 200.0)}
    with open(tmp_path / "cameras.pkl", "wb") as file:
        pickle.dump({("S1", "54138969"): camera}, file, protocol=3)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("volume", ["metric", "crop"])
def test_five_commands_lead_from_files_to_a_pose(human36m, volume):
    data, work, out = (human36m / name for name in ("data", "run", "exported"))
    run(
        "prepare.py",
        "--source=h36m_mmpose",
        f"--root={human36m}",
        f"--out={data}",
    )
    folders = f"('{data}',)"
    run(
        "train.py",
        "--config=configs/overfit.py",
        f"--workdir={work}",
        f"--config.data.train={folders}",
        f"--config.data.validation={folders}",
        f"--config.model.volume={volume}",
        *TINY,
    )
    scores = {}
    export = finish(
        "export.py", f"--model={work}", f"--out={out}", f"--data={data}"
    )
    # So little training may leave a network that float16 moves too far.
    float16 = "model_float16.tflite"
    assert (out / float16).exists() == (export.returncode == 0)
    assert export.returncode == 0 or f"Received: {float16}" in export.stderr
    for model in (work, out / "tf_serving", out / "model_float32.tflite"):
        path = human36m / "scores.json"
        run(
            "evaluate.py", f"--model={model}", f"--data={data}", f"--out={path}"
        )
        scores[model] = json.loads(path.read_text())["mpjpe_mm"]
    # It has begun to tell the six frames apart: their mean is 480 mm away.
    assert scores[work] < 380
    np.testing.assert_allclose(list(scores.values()), scores[work], atol=0.01)
    predict = finish(
        "predict.py",
        f"--model={out / 'tf_serving'}",
        f"--input={human36m / 'S1' / 'S1_Posing.54138969_000003.jpg'}",
        "--boxes=image",
        "--intrinsics=600,600,200,200",
        f"--out={human36m / 'pose'}",
    )
    # No line of TensorFlow's own.
    assert (predict.returncode, predict.stderr) == (0, "")
    (frame,) = json.loads((human36m / "pose/poses.json").read_text())["frames"]
    (person,) = frame["people"]
    assert np.shape(person["joints_camera_mm"]) == (17, 3)
    still = human36m / "pose/S1_Posing.54138969_000003_3d.png"
    assert still.stat().st_size > 10_000


@pytest.mark.slow
def test_rendered_people_lead_to_a_pose_of_a_test_person(tmp_path):
    data, work, out = (tmp_path / name for name in ("data", "run", "exported"))
    run(
        "prepare.py",
        "--source=synthetic",
        "--count=60",
        "--image_size=96",
        f"--out={data}",
    )
    run(
        "train.py",
        f"--workdir={work}",
        f"--config.data.train=('{data}/train',)",
        f"--config.data.validation=('{data}/validation',)",
        "--config.model.input_size=64",
        "--config.train.epochs=20",
        "--config.train.warmup_steps=5",
    )
    sheet = tmp_path / "sheet.png"
    run(
        "augment.py",
        f"--config.data.train=('{data}/train',)",
        f"--out={sheet}",
        "--count=9",
    )
    assert cv2.imread(str(sheet)).shape == (2 * 128, 8 * 128, 3)
    scores = tmp_path / "scores.json"
    table = run(
        "evaluate.py",
        f"--model={work}",
        f"--data={data}/test",
        f"--mean_pose_of={data}/train",
        f"--out={scores}",
    )
    scored = json.loads(scores.read_text())
    assert f"MPJPE {scored['mean_pose']['mpjpe_mm']:.1f}" in table
    assert scored["frames"] == 6
    # Nobody learns from 48 people who these 6 are; nor is it all wrong.
    assert 100 < scored["mpjpe_mm"] < 600
    poses = tmp_path / "submission.csv.gz"
    run(
        "predict.py",
        f"--model={work}",
        f"--dataset={data}/test",
        f"--csv={poses}",
    )
    page, again = tmp_path / "scores.html", tmp_path / "again.json"
    for source in (f"--predictions={poses}", f"--model={work}"):
        estimated = (
            [] if source.startswith("--p") else ["--root_depth_from=estimated"]
        )
        run(
            "evaluate.py",
            source,
            f"--data={data}/test",
            f"--out={again}",
            f"--html={page}",
            *estimated,
        )
        mpjpe = json.loads(again.read_text())["mpjpe_mm"]
        if source.startswith("--p"):
            by_file = mpjpe
    # The file has three decimals.
    np.testing.assert_allclose(by_file, mpjpe, atol=0.002)
    assert page.stat().st_size > 50_000
    export = finish("export.py", f"--model={work}", f"--out={out}")
    assert (out / "model_float32.tflite").exists(), export.stderr
    example = json.loads((data / "examples/examples.json").read_text())[0]
    run(
        "predict.py",
        f"--model={out}/model_float32.tflite",
        f"--input={data}/examples/{example['image']}",
        "--box=" + ",".join(map(str, example["box"])),
        "--intrinsics=" + ",".join(map(str, example["intrinsics"])),
        f"--out={tmp_path}/pose",
    )
    (frame,) = json.loads((tmp_path / "pose/poses.json").read_text())["frames"]
    assert frame["intrinsics_from"] == "given"
    assert (tmp_path / "pose/page.html").stat().st_size > 10**6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "arguments", "named"),
    [
        ("prepare.py", ["--source=nope", "--root=.", "--out=o"], "h36m_mmpose"),
        (
            "prepare.py",
            ["--source=h36m_mmpose", "--root=/nowhere", "--out=o"],
            "/nowhere",
        ),
        (
            "train.py",
            ["--config=configs/overfit.py", "--workdir=w"],
            "data.train",
        ),
        (
            "train.py",
            [
                "--config=configs/overfit.py",
                "--workdir=w",
                "--config.train.epoch=3",
            ],
            "epoch",
        ),
        (
            "augment.py",
            ["--out=o", "--config.data.train=/nowhere"],
            "/nowhere",
        ),
        ("evaluate.py", ["--model=/nowhere", "--data=/nowhere"], "/nowhere"),
        ("export.py", ["--model=/nowhere", "--out=o"], "/nowhere"),
        (
            "predict.py",
            ["--model=/nowhere", "--input=a.jpg", "--out=o"],
            "/nowhere",
        ),
    ],
)
def test_wrong_arguments_end_with_one_clear_error(script, arguments, named):
    error = run(script, *arguments, code=1)
    assert named in error.splitlines()[-1] or named in error
    assert not (ROOT / "o").exists()
