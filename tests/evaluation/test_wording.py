import math

import numpy as np
import pytest

from keras_pose.evaluation import wording
from keras_pose.evaluation.predictions import Predictions
from keras_pose.evaluation.protocols import PROTOCOLS
from keras_pose.evaluation.report import Conventions
from keras_pose.evaluation.report import Score
from keras_pose.evaluation.report import evaluate
from keras_pose.skeleton import MPII_16


@pytest.fixture
def report(make_truth):
    truth = make_truth(
        6,
        subject=["S9", "S11"] * 3,
        action=["Posing", "Eat|<b>", "Posing"] * 2,
    )
    rng = np.random.default_rng(3)
    mm = truth.joints_mm + rng.normal(0, 30, truth.joints_mm.shape)
    return evaluate(
        truth,
        Predictions(truth.skeleton.joints, truth.names, mm),
        PROTOCOLS["h36m_p2"],
        Conventions("true", "none"),
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("mpjpe_mm", 62.34, "62.3 mm"),
        ("pck_150", 0.8768, "87.7 %"),
        ("mpjve_mm", 1.0, "1.0 mm a frame"),
        ("mpjpe_mm", math.nan, "–"),
        ("auc_150", None, "–"),
    ],
)
def test_a_value_has_its_unit(key, value, expected):
    assert wording.with_unit(key, value) == expected


def test_an_interval_is_told_where_there_is_one():
    score = Score(0.5, 0.4, 0.62)
    assert wording.interval("pck_150", score) == "40.0 % to 62.0 %"
    nothing = Score(0.5, math.nan, math.nan)
    assert wording.interval("pck_150", nothing) == "–"


def test_headline_is_that_of_the_protocol(report, make_truth):
    text = wording.meaning(report, report)
    score = report.metrics["pa_mpjpe_mm"]
    assert f"frame is {score.value:.1f} mm." in text
    assert f"{score.low:.1f} to {score.high:.1f} in 95 of 100" in text
    assert f"less than {report.quantiles['median']:.0f} mm" in text
    assert "this is 100.0% of it" in text
    truth = make_truth(3, MPII_16, head_size=np.full(3, 10.0))
    nothing = np.full_like(truth.joints_mm, np.nan)
    found = Predictions(
        truth.skeleton.joints, truth.names, nothing, truth.joints_px
    )
    shares = evaluate(
        truth, found, PROTOCOLS["mpii_pckh"], Conventions(), num_draws=0
    )
    assert wording.meaning(shares).startswith("100.0 % of the joints are right")


def test_conventions_leave_nothing_out(report):
    rows = dict(wording.conventions(report))
    assert rows["subjects"] == "S9, S11"
    assert rows["frames"].startswith("6 of 6 samples; every 64th")
    assert rows["units"].endswith("px of the image as it was prepared")
    assert rows["joints"].startswith("17: pelvis, right_hip")
    assert "PA-MPJPE: similarity; rigid PA-MPJPE: rigid" in rows["alignment"]
    assert rows["aggregation"] == (
        "mean over frames and known joints, root included"
    )
    assert (rows["root depth"], rows["test-time augmentation"]) == (
        "true",
        "none",
    )
    assert "VideoPose3D" in rows["also called"]
    assert "rigid" in rows["not to be confused with"]


def test_table_has_a_row_a_joint_and_the_mean(report):
    lines = [line.split() for line in wording.table(report).splitlines()]
    assert lines[0] == ["mm", "MPJPE", "PA-MPJPE"]
    assert [line[0] for line in lines[1:18]] == list(report.per_joint)
    value, aligned = (report.value(x) for x in ("mpjpe_mm", "pa_mpjpe_mm"))
    assert lines[18] == ["mean", f"{value:.1f}", f"{aligned:.1f}"]
    text = wording.table(report)
    assert "N-MPJPE" in text
    assert "no MPJVE" in text


def test_markdown_holds_all_and_breaks_no_table(report):
    text = wording.markdown(report, "a|<i>", {"data": "x|y"}, report)
    assert "# a\\|&lt;i>" in text
    assert "| data | x\\|y |" in text
    assert "<" not in text
    for part in text.split("\n\n"):
        if part.startswith("|"):
            rows = part.replace("\\|", "").splitlines()
            assert len({row.count("|") for row in rows}) == 1
    for joint in report.per_joint:
        assert f"| {joint} |" in text
    assert "| Posing |" in text
    assert "| Eat\\|&lt;b> |" in text


@pytest.mark.parametrize(
    ("count", "expected"), [(12, ", ".join("abcdefghijkl")), (1300, "1,300")]
)
def test_many_subjects_are_counted(make_truth, count, expected):
    names = [chr(97 + n) if count == 12 else f"p{n:04}" for n in range(count)]
    truth = make_truth(count, subject=names)
    found = Predictions(truth.skeleton.joints, truth.names, truth.joints_mm)
    report = evaluate(
        truth, found, PROTOCOLS["everything"], Conventions(), num_draws=0
    )
    assert dict(wording.conventions(report))["subjects"] == expected
    assert f"subjects: {expected}\n" in wording.table(report)
