import numpy as np
import pytest

from keras_pose.data.store import Records
from keras_pose.evaluation import scoring
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17
from keras_pose.training.tensorflow_engine import TensorFlowEngine
from keras_pose.training.validation import Validation


@pytest.fixture(params=[MetricVolume(), CropVolume(64)], ids=["metric", "crop"])
def spec(request):
    return PoseSpec(H36M_17, request.param, 64, 1.2, (0.0,) * 17)


def predict(images):
    """Another pose for each image."""
    means = images.mean(axis=(1, 2))[:, None] / 255
    spread = np.linspace(0.3, 0.6, 17 * 3).reshape(17, 3)
    return {"pose": np.float32(spread + 0.3 * means)}


class Workers:
    """Engines of several workers whose turns are taken one by one."""

    def __init__(self, count):
        self.sums = []  # of each call of `total`, by all workers so far
        self.engines = [_Worker(self, number, count) for number in range(count)]


class _Worker:
    def __init__(self, workers, worker, num_workers):
        self._workers = workers
        self.worker, self.num_workers = worker, num_workers
        self._calls = 0

    def total(self, array):
        sums = self._workers.sums
        if self._calls == len(sums):
            sums.append(np.zeros_like(array))
        sums[self._calls] += array
        self._calls += 1
        return sums[self._calls - 1]


@pytest.mark.parametrize("num_workers", [1, 3, 7, 12])
def test_workers_count_each_sample_once(dataset, spec, num_workers):
    errors = scoring.errors_of(predict, spec, Records([dataset]), 4)
    expected = scoring.summarise(errors, spec)
    workers, shown = Workers(num_workers), []
    for engine in workers.engines:
        validation = Validation(spec, Records([dataset]), engine, 4, 0)
        scores = validation.scores(
            predict, lambda *done: shown.append(done), lambda: False
        )
    # The last worker has heard of all others.
    assert scores.mpjpe == pytest.approx(expected.mpjpe, abs=1e-4)
    assert scores.pa_mpjpe == pytest.approx(expected.pa_mpjpe, abs=1e-4)
    assert scores.count == expected.count == 10
    assert scores.per_joint.keys() == expected.per_joint.keys()
    ends = [total for done, total in shown if done == total]
    assert sum(ends) == 10


def test_worker_that_gives_up_ends_the_validation_of_all(dataset, spec):
    workers = Workers(2)
    results = []
    for engine, gives_up in zip(workers.engines, (True, False), strict=True):
        validation = Validation(spec, Records([dataset]), engine, 2, 0)
        results.append(
            validation.scores(
                predict, lambda *_: None, lambda gives_up=gives_up: gives_up
            )
        )
    assert results == [None, None]


def test_picture_shows_as_many_samples_as_asked(dataset, spec, one_device):
    engine = TensorFlowEngine(one_device)
    heights = []
    for count in (1, 4, 99):
        validation = Validation(spec, Records([dataset]), engine, 4, count)
        picture = validation.picture(predict)
        assert picture.dtype == np.uint8
        heights.append(len(picture))
    assert heights == sorted(set(heights))
    none = Validation(spec, Records([dataset]), engine, 4, 0)
    assert none.picture(predict) is None


def test_perfect_poses_lie_on_the_true_ones(
    dataset, spec, one_device, monkeypatch
):
    from keras_pose.data import threads

    (batch,) = threads.batches(Records([dataset]), spec, 10)
    drawn = {}

    def keep(crops, true_px, predicted_px, true_mm, predicted_mm, *rest):
        drawn.update(locals())
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr("keras_pose.training.validation.comparison_sheet", keep)
    validation = Validation(
        spec, Records([dataset]), TensorFlowEngine(one_device), 4, 10
    )
    validation.picture(lambda images: {"pose": batch["pose"]})
    known, skeleton = drawn["rest"]
    assert skeleton is H36M_17
    for name, tolerance in (("px", 0.1), ("mm", 0.5)):
        true = drawn[f"true_{name}"][known]
        np.testing.assert_allclose(
            drawn[f"predicted_{name}"][known], true, atol=tolerance
        )
    # Pixels are those of the crop, where the labels of a crop volume lie.
    labels = PoseSpec(H36M_17, CropVolume(64), 64, 1.2, (0.0,) * 17)
    (in_crop,) = threads.batches(Records([dataset]), labels, 10)
    expected = in_crop["pose"][..., :2] * 64 - 0.5
    np.testing.assert_allclose(
        drawn["true_px"][known], expected[known], atol=0.1
    )


def test_sum_of_one_worker_is_its_own(one_device):
    array = np.float32([1, 2])
    total = TensorFlowEngine(one_device).total(array)
    np.testing.assert_array_equal(total, array)
