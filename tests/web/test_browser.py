"""The page in a browser says what Python says."""

import json
import os
import pathlib
import shutil
import subprocess

import jsonschema
import keras
import numpy as np
import pytest

from keras_pose import models
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.prediction import Predictor
from keras_pose.skeleton import H36M_17

ROOT = pathlib.Path(__file__).parents[2]
WEB = ROOT / "web"

# Five of the photos of the shared data; a model and photos of one's own are
# given by KERAS_POSE_WEB_MODEL and KERAS_POSE_WEB_PHOTOS.
_PHOTOS = (
    "coco/000000000785.jpg",
    "coco/000000197388.jpg",
    "mpii/060754485.jpg",
    "lsp/images/im00001.jpg",
    "mpi_inf_3dhp_mmpose/S4_Seq2_Cam0_001033.jpg",
)
_WORST_MM = 1.0


def test_the_units_of_the_page_hold():
    if shutil.which("node") is None:
        pytest.skip("Node.js is not installed")
    tests = sorted(map(str, (WEB / "tests").glob("*.test.js")))

    done = subprocess.run(
        ["node", "--test", *tests],
        cwd=WEB,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout


@pytest.fixture
def photos(request):
    given = os.environ.get("KERAS_POSE_WEB_PHOTOS")
    if given:
        return given.split(os.pathsep)
    folder = request.getfixturevalue("real_data")
    return [str(folder / name) for name in _PHOTOS]


@pytest.fixture(params=[CropVolume(64, 400.0), MetricVolume(2200.0)], ids=repr)
def model(request, tmp_path, tiny_backbone):
    """A network as TFLite: a given one, or one of random weights."""
    given = os.environ.get("KERAS_POSE_WEB_MODEL")
    if given:
        return given
    from keras_pose.serving import saved_model
    from keras_pose.serving import tflite

    keras.utils.set_random_seed(0)
    network = models.pose_net(
        17,
        tiny_backbone,
        None,
        64,
        deconv_layers=1,
        deconv_filters=16,
        depth_bins=8,
    )
    # Joints far from each other, as people's are: a heap of joints could only
    # be very far away.
    heatmaps = network.get_layer(models.JOINT_LAYERS[0])
    heatmaps.set_weights([15 * weight for weight in heatmaps.get_weights()])
    lengths = tuple(400.0 + joint for joint in range(17))
    spec = PoseSpec(H36M_17, request.param, 64, 1.25, lengths)
    plain, path = str(tmp_path / "plain"), str(tmp_path / "made.tflite")
    saved_model.export_network(network, plain)
    tflite.export_tflite(plain, spec, path)
    return path


@pytest.mark.slow
def test_poses_of_photos_are_those_of_python(model, photos):
    files = _saved_by_the_page(model, photos)
    schema = json.loads((ROOT / "docs/poses.schema.json").read_text())
    for content in files:
        jsonschema.validate(content, schema)
        assert content["model"] == os.path.basename(model)
    saved = [content["frames"][0] for content in files]
    predictor = Predictor(model)

    worst_of_all = 0.0
    assert len(saved) == 2 * len(photos)
    assert [len(frame["people"]) for frame in saved] == [1, 2] * len(photos)
    for frame, photo in zip(saved, np.repeat(photos, 2), strict=True):
        is_whole = len(frame["people"]) == 1
        boxes = [person["box_px"] for person in frame["people"]]
        poses = predictor(str(photo), "image" if is_whole else boxes)
        expected = {"time_s": None} | poses.to_dict()
        people = expected.pop("people")
        assert frame["name"] == os.path.basename(photo)
        assert {name: frame[name] for name in expected} == expected
        for found, person in zip(frame["people"], people, strict=True):
            assert list(found) == list(person)
            assert found["box_from"] == person["box_from"]
            assert found["position_from"] == person["position_from"]
            for name in ("joints_camera_mm", "joints_root_relative_mm"):
                apart = np.subtract(found[name], person[name])
                worst = np.linalg.norm(apart, axis=-1).max()
                assert worst < _WORST_MM, (photo, name)
                worst_of_all = max(worst_of_all, worst)
    print(f"worst joint of {len(photos)} photos: {worst_of_all:.4f} mm")


def _saved_by_the_page(model, photos):
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    for program in ("node", chromium):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if not (WEB / "node_modules").is_dir():
        pytest.skip(f"npm ci has not been run in {WEB}")
    done = subprocess.run(
        ["node", "tests/browser/poses.js", os.path.abspath(model), *photos],
        cwd=WEB,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
