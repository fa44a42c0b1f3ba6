"""Scores of four frames of Human3.6M, against figures measured elsewhere."""

import pytest

from keras_pose.data import conversion
from keras_pose.data import sources
from keras_pose.data.store import Records
from keras_pose.evaluation.predictions import Predictions
from keras_pose.evaluation.protocols import PROTOCOLS
from keras_pose.evaluation.protocols import select
from keras_pose.evaluation.report import Conventions
from keras_pose.evaluation.report import evaluate
from keras_pose.evaluation.truth import read_truth
from keras_pose.skeleton import H36M_17
from keras_pose.tracking.worst_samples import draw_worst


@pytest.fixture(scope="module")
def frames(real_data, tmp_path_factory):
    root = real_data / "h36m_mmpose"
    if not root.is_dir():
        pytest.skip(f"{root} is absent")
    out = tmp_path_factory.mktemp("real") / "data"
    conversion.convert(sources.SOURCES["h36m_mmpose"](str(root)), out)
    records = Records([str(out)])
    return records, read_truth(records, H36M_17)


def score(truth, joints_mm):
    predictions = Predictions(H36M_17.joints, truth.names, joints_mm)
    report = evaluate(
        truth, predictions, PROTOCOLS["everything"], Conventions(), 0
    )
    return predictions, report


def test_a_size_wrong_by_5_percent_costs_what_it_is_known_to(frames):
    records, truth = frames
    predictions, report = score(truth, 1.05 * truth.joints_mm)
    assert report.counts["frames"] == 4
    assert report.value("mpjpe_mm") == pytest.approx(21.6, abs=0.05)
    assert report.value("rigid_pa_mpjpe_mm") == pytest.approx(21.0, abs=0.05)
    for key in ("pa_mpjpe_mm", "n_mpjpe_mm"):
        assert report.value(key) == pytest.approx(0, abs=1e-4)
    assert len(draw_worst(records, truth, predictions, report)) == 4


def test_a_flat_pose_is_seen_by_all_metrics(frames):
    _, truth = frames
    flat = truth.joints_mm.copy()
    flat[..., 2] = flat[:, :1, 2]
    _, report = score(truth, flat)
    for key in ("mpjpe_mm", "pa_mpjpe_mm", "rigid_pa_mpjpe_mm", "n_mpjpe_mm"):
        assert report.value(key) > 30


def test_training_frames_are_no_test_set(frames):
    _, truth = frames
    with pytest.raises(ValueError, match="lack S9, S11. Received: .*'S1'"):
        select(PROTOCOLS["h36m_p1"], truth)
