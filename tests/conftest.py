import os
import pathlib
import subprocess
import sys

import cv2
import hypothesis
import keras
import numpy as np
import pytest

from keras_pose import backbones
from keras_pose import models
from keras_pose.data.sample import Sample
from keras_pose.data.sources.source import Source
from keras_pose.skeleton import H36M_17

WIDTH, HEIGHT = 64, 48

# The same examples in every run, and no deadline: machines are shared.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, deadline=None, max_examples=50
)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def real_data():
    folder = pathlib.Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def interpreter_of():
    """Gives `package -> path` of a Python that has it; skips without one.

    KERAS_POSE_TORCH_PYTHON, KERAS_POSE_JAX_PYTHON, KERAS_POSE_BPY_PYTHON and
    KERAS_POSE_PYOPENSIM_PYTHON name others than this.
    """

    def find(package, beside=("keras", "pytest")):
        variable = f"KERAS_POSE_{package.upper()}_PYTHON"
        python = os.environ.get(variable, sys.executable)
        code = "import importlib.util, sys; sys.exit(not all(map("
        code += f"importlib.util.find_spec, {(package, *beside)})))"
        if subprocess.run([python, "-c", code], check=False).returncode:
            pytest.skip(f"{python} has no {package}; set {variable}")
        return python

    return find


@pytest.fixture
def make_jpeg():
    """Gives `seed -> bytes` of a 64 x 48 JPEG of noise."""

    def make(seed=0):
        noise = np.random.default_rng(seed).integers(
            0, 256, (HEIGHT, WIDTH, 3), np.uint8
        )
        return cv2.imencode(".jpg", noise)[1].tobytes()

    return make


@pytest.fixture
def make_sample(make_jpeg):
    """Gives `(seed, **fields) -> Sample`, right unless fields say otherwise."""

    def make(seed=0, **fields):
        rng = np.random.default_rng(seed)
        mm = rng.uniform([-400, -300, 2800], [400, 300, 3200], (17, 3))
        fx, fy, cx, cy = 150.0, 160.0, 31.0, 24.0
        px = mm[:, :2] / mm[:, 2:] * [fx, fy] + [cx, cy]
        corner = px.min(0) + 0.5
        right = {
            "image": make_jpeg(seed),
            "name": f"images/{seed}.jpg",
            "box": np.float32([*corner, *(px.max(0) - px.min(0))]),
            "joints_mm": np.float32(mm),
            "joints_px": np.float32(px),
            "weight_3d": np.ones(17, np.float32),
            "weight_2d": np.ones(17, np.float32),
            "intrinsics": np.float32([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
            "distortion": np.zeros(5, np.float32),
            "head_size": np.float32(0),
            "subject": "S1",
            "action": "Walking",
            "camera": "left",
            "frame": seed,
            "source": "made",
        }
        return Sample(**right | fields)

    return make


@pytest.fixture
def make_source():
    """Gives `(samples, count) -> Source` of the Human3.6M skeleton."""

    def make(samples, count=None):
        count = len(samples) if count is None else count
        return Source("made", H36M_17, count, samples)

    return make


def _tiny_backbone(include_top, input_shape, weights):
    """A backbone of stride 32 that compiles in a second."""
    del include_top, weights
    x = image = keras.Input(input_shape)
    for filters, stride in ((8, 4), (16, 4), (32, 2)):
        x = keras.layers.Conv2D(filters, stride + 1, stride, "same")(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    return keras.Model(image, x)


@pytest.fixture
def tiny_backbone(monkeypatch):
    """Adds the backbone "tiny" and gives its name."""
    backbone = backbones.Backbone(_tiny_backbone, "inception")
    monkeypatch.setitem(models.BACKBONES, "tiny", backbone)
    return "tiny"
