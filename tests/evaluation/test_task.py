import importlib
import sys
import types

import numpy as np
import pytest

from keras_pose.data import conversion
from keras_pose.data.sources.source import Source
from keras_pose.evaluation.prediction_files import write_predictions
from keras_pose.evaluation.predictions import Predictions
from keras_pose.evaluation.protocols import PROTOCOLS
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import COCO_17
from keras_pose.skeleton import H36M_17

EVERYTHING = PROTOCOLS["everything"]


@pytest.fixture
def asked():
    """What the network was asked for."""
    return {}


@pytest.fixture
def task_module(monkeypatch, asked):
    """The module, its network replaced by one that knows nothing."""

    def infer(predict, spec, records, batch_size, numbers=None, **options):
        asked.update(options, numbers=numbers.tolist(), batch_size=batch_size)
        poses = np.zeros((len(numbers), spec.skeleton.num_joints, 3))
        names = [records.name(number) for number in numbers]
        return Predictions(spec.skeleton.joints, names, poses)

    fake = types.ModuleType("keras_pose.evaluation.inference")
    fake.infer = infer
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    name = "keras_pose.evaluation.task"
    monkeypatch.setitem(sys.modules, name, None)  # so that it comes back
    del sys.modules[name]
    return importlib.import_module(name)


@pytest.fixture
def folder(tmp_path, make_sample):
    samples = [
        make_sample(
            seed, subject=("S9", "S1", "S11")[seed % 3], frame=64 * seed
        )
        for seed in range(6)
    ]
    conversion.convert(
        Source("made", H36M_17, len(samples), samples), tmp_path / "data"
    )
    return str(tmp_path / "data")


def artefact(volume):
    spec = PoseSpec(H36M_17, volume, 32, 1.25, (0.0,) * 17)
    return types.SimpleNamespace(predict=None, spec=spec)


def test_a_task_has_the_samples_of_its_protocol(task_module, folder):
    task = task_module.Task.open([folder], PROTOCOLS["h36m_p1"])
    assert task.truth.subject.tolist() == ["S9", "S11", "S9", "S11"]
    assert task.rows.tolist() == [0, 2, 3, 5]
    assert len(task.given) == 6
    other = task_module.Task.open([folder], EVERYTHING, COCO_17)
    assert other.truth.skeleton is COCO_17


def test_a_network_sees_only_the_samples_that_count(task_module, folder, asked):
    task = task_module.Task.open([folder], PROTOCOLS["h36m_s11_pa"])
    predictions, conventions = task.infer(
        artefact(MetricVolume()), 7, flip=True, crops=5, root_depth="estimated"
    )
    assert asked == {
        "numbers": [2, 5],
        "batch_size": 7,
        "flip": True,
        "crops": 5,
        "root_depth": "estimated",
        "progress": None,
    }
    assert predictions.names.tolist() == ["images/2.jpg", "images/5.jpg"]
    # A metric volume has no use for it.
    assert conventions.root_depth == "none"
    assert conventions.augmentation == (
        "mean over 5 crops, mean with the mirrored image"
    )


def test_the_root_depth_of_a_crop_volume_is_told(task_module, folder):
    task = task_module.Task.open([folder], EVERYTHING)
    _, conventions = task.infer(artefact(CropVolume(32)), 2)
    assert conventions == ("true", "none")


def test_other_systems_poses_are_found_by_name(task_module, folder, tmp_path):
    task = task_module.Task.open([folder], PROTOCOLS["h36m_p1"])
    path = tmp_path / "poses.json"
    backwards = slice(None, None, -1)
    write_predictions(
        path,
        Predictions(
            H36M_17.joints,
            task.given.names[backwards],
            task.given.joints_mm[backwards],
        ),
    )
    predictions, conventions = task.read(path)
    np.testing.assert_allclose(
        predictions.joints_mm, task.truth.joints_mm, atol=1e-3
    )
    assert "not known" in conventions.root_depth


def test_mean_pose_is_scored_on_the_same_samples(task_module, folder):
    task = task_module.Task.open([folder], PROTOCOLS["h36m_s11_pa"])
    report = task.mean_pose([folder])
    offsets = task.given.joints_mm - task.given.joints_mm[:, :1]
    wrong = offsets[[2, 5]] - offsets.mean(axis=0)
    assert report.value("mpjpe_mm") == pytest.approx(
        np.linalg.norm(wrong, axis=-1).mean()
    )
    assert report.counts["frames"] == 2
