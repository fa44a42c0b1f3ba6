"""Training with JAX, beside that with TensorFlow.

JAX runs in a process of its own, with the interpreter of
KERAS_POSE_JAX_PYTHON, if given, which needs requirements-jax.txt and pytest.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from configs import quickstart
from keras_pose.serving import artefacts
from keras_pose.training import build

ROOT = pathlib.Path(__file__).parents[2]
HERE = pathlib.Path(__file__).parent
STEPS, HALF = 20, 10
PREDICT = """
import sys
import numpy as np
from keras_pose.serving import artefacts

model, images, poses = sys.argv[1:]
np.save(poses, artefacts.load(model).predict(np.load(images))["pose"])
"""

# Keras's random seed and its saving import TensorFlow wherever it is installed.
# Others, who could do without, would catch an ImportError.
NO_TENSORFLOW = """
import sys

frame = sys._getframe()
while frame:
    if frame.f_globals["__name__"] == "keras.src.utils.module_utils":
        raise ImportError("there is no TensorFlow")
    frame = frame.f_back
raise RuntimeError("TensorFlow is imported")
"""


def start(command, backend, folder=None):
    """Runs a command of a backend; `folder` is first where it imports from."""
    paths = [str(path) for path in (folder, ROOT) if path]
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join(paths),
    }
    return subprocess.run(
        [str(part) for part in command],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def check_tests(python, *arguments):
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = start([*command, *arguments], "jax")
    assert done.returncode == 0, done.stdout
    return int(re.search(r"(\d+) passed", done.stdout)[1])


def test_jax_engine(interpreter_of):
    python = interpreter_of("jax")
    assert check_tests(python, HERE / "jax_cases.py") >= 16


@pytest.mark.slow
def test_the_loop_does_with_jax_what_it_does_with_tensorflow(interpreter_of):
    # The same tests: what is killed, signalled, damaged, stopped early.
    assert check_tests(interpreter_of("jax"), HERE / "test_loop.py") >= 30


@pytest.mark.parametrize(
    ("flags", "backend", "message"),
    [
        (["--strategy=tpu"], "jax", "--strategy must .* 'tpu'"),
        (["--strategy=multi_worker"], "jax", "--strategy .* 'multi_worker'"),
        (["--num_virtual_devices=2"], "jax", "--num_virtual_devices .* 2"),
        (["--cluster=slurm"], "jax", "--cluster must .* 'slurm'"),
        (["--tpu=local"], "jax", "--tpu must not .* 'local'"),
        ([], "torch", "`KERAS_BACKEND` must be 'tensorflow' or 'jax'.*'torch'"),
    ],
)
def test_what_the_backend_cannot_do_is_one_line(flags, backend, message):
    done = start([sys.executable, "train.py", *flags], backend)
    assert done.returncode == 1
    assert re.fullmatch(f"train.py: error: .*{message}\n", done.stderr)


@pytest.fixture(scope="module")
def no_tensorflow(tmp_path_factory):
    """A folder with a TensorFlow that only Keras may try to import."""
    folder = tmp_path_factory.mktemp("none")
    (folder / "tensorflow").mkdir()
    (folder / "tensorflow" / "__init__.py").write_text(NO_TENSORFLOW)
    return folder


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Prepared data of 120 drawn people, and an untrained network for them."""
    folder = tmp_path_factory.mktemp("people")
    done = start(
        [
            sys.executable,
            "prepare.py",
            "--source=synthetic",
            "--count=120",
            "--image_size=160",
            f"--out={folder}/data",
        ],
        "tensorflow",
    )
    assert done.returncode == 0, done.stderr
    config = quickstart.get_config()
    config.data.train = (f"{folder}/data/train",)
    spec = build.make_spec(config)
    keras.utils.set_random_seed(0)
    model = build.make_model(config, spec)
    artefacts.save_keras(model, spec, folder / "initial.keras")
    return folder


@pytest.fixture(scope="module")
def train(interpreter_of, people, no_tensorflow):
    """Gives `(backend, workdir)` -> {step: loss} of that run so far.

    It is the quickstart's, with a checkpoint and a row of losses each step, at
    half the learning rates of its first steps: differences grow with them.
    """
    full, steps = quickstart.get_config().train, STEPS - 1
    rate = full.learning_rate * steps / full.warmup_steps / 2

    def run(backend, workdir):
        is_jax = backend == "jax"
        done = start(
            [
                interpreter_of("jax") if is_jax else sys.executable,
                "train.py",
                f"--workdir={workdir}",
                f"--config.data.train={people}/data/train",
                f"--config.data.validation={people}/data/validation",
                f"--config.model.initial={people}/initial.keras",
                f"--config.train.learning_rate={rate}",
                f"--config.train.warmup_steps={steps}",
                f"--config.train.epochs={STEPS}",
                f"--config.train.validation_every={STEPS}",
                f"--config.train.checkpoints_kept={STEPS}",
                "--config.train.steps_per_epoch=1",
            ],
            backend,
            no_tensorflow if is_jax else None,
        )
        assert done.returncode == 0, done.stderr
        lines = (workdir / "metrics.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return {row["step"]: row["train/loss"] for row in rows}

    return run


@pytest.fixture(scope="module")
def runs(train, tmp_path_factory):
    """{backend: (folder, {step: loss})} of whole runs."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        backend: (folder / backend, train(backend, folder / backend))
        for backend in ("tensorflow", "jax")
    }


def differences(losses, others):
    """The differences of the losses of steps, which both must have."""
    assert list(losses) == list(others) == list(range(1, STEPS + 1))
    return np.abs(np.subtract(list(losses.values()), list(others.values())))


# Rounding makes a ReLU of few pixels let one more of them pass, which changes
# gradients by one in 2000, and the steps after it more and more. TensorFlow
# differs as much from itself, with and without oneDNN.
@pytest.mark.slow
def test_losses_agree_over_the_first_steps(runs):
    (_, losses), (_, others) = runs.values()
    assert differences(losses, others).max() < 1e-4
    assert np.ptp(list(losses.values())) > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"), [("tensorflow", "jax"), ("jax", "tensorflow")]
)
def test_one_backend_goes_on_where_the_other_stopped(
    runs, train, tmp_path, first, second
):
    folder, losses = runs[first]
    shutil.copytree(folder, tmp_path / "run")
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        if int(path.stem.split("-")[-1]) > HALF:
            path.unlink()
    rest = train(second, tmp_path / "run")
    found = differences(losses, rest)
    assert (found[:HALF] == 0).all()
    assert 0 < found[HALF:].max() < 1e-4


@pytest.mark.slow
def test_network_of_jax_gives_its_poses_with_tensorflow(
    runs, interpreter_of, no_tensorflow, tmp_path
):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "images", rng.integers(0, 256, (3, 128, 128, 3), "u1"))
    (tmp_path / "predict.py").write_text(PREDICT)
    paths = [tmp_path / name for name in ("images.npy", "poses.npy")]
    model = runs["jax"][0] / "best.keras"
    python = interpreter_of("jax")
    done = start(
        [python, tmp_path / "predict.py", model, *paths], "jax", no_tensorflow
    )
    assert done.returncode == 0, done.stderr
    images, poses = map(np.load, paths)
    expected = artefacts.load(model).predict(images)["pose"]
    np.testing.assert_allclose(poses, expected, atol=1e-4, rtol=0)
    assert np.ptp(poses, axis=0).max() > 0.01
