import dataclasses
import json

import numpy as np
import pytest

from keras_pose.evaluation.predictions import Predictions
from keras_pose.evaluation.protocols import PROTOCOLS
from keras_pose.evaluation.report import Conventions
from keras_pose.evaluation.report import evaluate
from keras_pose.skeleton import LSP_14
from keras_pose.skeleton import MPI_INF_3DHP_17
from keras_pose.skeleton import MPII_16

EVERYTHING = PROTOCOLS["everything"]
CONVENTIONS = Conventions("true", "flip")


def score(truth, joints_mm=None, joints_px=None, protocol=EVERYTHING, draws=50):
    if joints_mm is None:
        joints_mm = np.full_like(truth.joints_mm, np.nan)
    predictions = Predictions(
        truth.skeleton.joints, truth.names, joints_mm, joints_px
    )
    return evaluate(truth, predictions, protocol, CONVENTIONS, draws)


def noisy(truth, seed=1, size=40):
    rng = np.random.default_rng(seed)
    return truth.joints_mm + rng.normal(0, size, truth.joints_mm.shape)


def test_perfect_poses_score_0_and_all(make_truth):
    truth = make_truth(5, frame=np.arange(5), head_size=np.full(5, 20.0))
    report = score(truth, truth.joints_mm, truth.joints_px)
    expected = {"pck_150": 1, "auc_150": 30 / 31, "pckh_05": 1}
    expected["pck_torso_02"] = 1
    for key, (value, _, _) in report.metrics.items():
        assert value == pytest.approx(expected.get(key, 0), abs=1e-9), key
    assert len(report.metrics) == 10


def test_mpjpe_of_joints_actions_and_subjects_are_plain_means(make_truth):
    actions = ["Eating", "Posing", "Posing", "Eating", "Eating", "Eating"]
    subjects = ["S9", "S9", "S11", "S11", "S9", "S9"]
    truth = make_truth(6, action=actions, subject=subjects)
    truth.weight_3d[2, 5] = truth.weight_3d[4, 9] = 0
    mm = noisy(truth)
    rows = {}
    for n in range(6):
        for j in range(17):
            if truth.weight_3d[n, j]:
                wrong = mm[n, j] - mm[n, 0]
                wrong = wrong - (truth.joints_mm[n, j] - truth.joints_mm[n, 0])
                rows[n, j] = sum(x * x for x in wrong) ** 0.5

    def mean(holds):
        values = [error for key, error in rows.items() if holds(*key)]
        return sum(values) / len(values)

    report = score(truth, mm)
    exact = {"rel": 0, "abs": 1e-6}
    assert report.value("mpjpe_mm") == pytest.approx(
        mean(lambda n, j: True), **exact
    )
    for j, joint in enumerate(truth.skeleton.joints):
        assert report.per_joint[joint]["mpjpe_mm"] == pytest.approx(
            mean(lambda n, k, j=j: k == j), **exact
        )
    for group, labels in (
        (report.per_action, actions),
        (report.per_subject, subjects),
    ):
        assert list(group) == sorted(set(labels))
        for label, values in group.items():
            assert values["mpjpe_mm"] == pytest.approx(
                mean(lambda n, j, x=label, y=labels: y[n] == x), **exact
            )
    per_action = [v["mpjpe_mm"] for v in report.per_action.values()]
    over = report.over_actions["mpjpe_mm"]
    assert over == pytest.approx(sum(per_action) / 2, **exact)
    assert over != pytest.approx(report.value("mpjpe_mm"), rel=1e-3)
    frames = [mean(lambda n, j, i=i: n == i) for i in range(6)]
    np.testing.assert_allclose(report.frame_errors, frames, atol=1e-6)
    assert report.quantiles["median"] == pytest.approx(np.median(frames))


def test_swapped_joints_are_noticed(make_truth):
    truth = make_truth(3)
    mm = truth.joints_mm.copy()
    mm[:, [13, 16]] = mm[:, [16, 13]]
    report = score(truth, mm)
    apart = np.linalg.norm(
        truth.joints_mm[:, 13] - truth.joints_mm[:, 16], 2, 1
    )
    assert report.value("mpjpe_mm") == pytest.approx(2 * apart.mean() / 17)
    for joint, values in report.per_joint.items():
        expected = apart.mean() if joint.endswith("wrist") else 0
        assert values["mpjpe_mm"] == pytest.approx(expected, abs=1e-9)


def test_a_mirrored_person_is_noticed_by_all_metrics(make_truth):
    truth = make_truth(4)
    report = score(truth, truth.joints_mm * [-1, 1, 1])
    for key in ("mpjpe_mm", "pa_mpjpe_mm", "rigid_pa_mpjpe_mm", "n_mpjpe_mm"):
        assert report.value(key) > 50


def test_joints_that_were_not_predicted_do_not_count_but_are_told(make_truth):
    truth = make_truth(3)
    mm = truth.joints_mm.copy()
    mm[0, 3] = np.nan
    mm[2] = np.nan
    report = score(truth, mm)
    assert report.value("mpjpe_mm") == pytest.approx(0, abs=1e-9)
    assert report.value("pa_mpjpe_mm") == pytest.approx(0, abs=1e-6)
    assert report.counts["frames"] == 2
    assert report.counts["missing_joints"] == 18
    assert any("18 of 51 joints were not predicted" in x for x in report.notes)
    assert any("1 samples do not count in 3D" in x for x in report.notes)
    full = score(truth, truth.joints_mm)
    assert not any("not predicted" in note for note in full.notes)


def test_a_sample_counts_in_3d_only_with_its_root(make_truth):
    truth = make_truth(4)
    mm = noisy(truth)
    expected = score(truth.take(np.array([0, 3])), mm[[0, 3]])
    mm[1, 0] = np.nan  # not predicted
    truth.weight_3d[2, 0] = 0  # not known
    truth.joints_mm[2, 0] = 0
    report = score(truth, mm)
    for key in ("mpjpe_mm", "pa_mpjpe_mm", "rigid_pa_mpjpe_mm", "pck_150"):
        assert report.value(key) == pytest.approx(expected.value(key)), key
    assert report.terms.is_3d.tolist() == [True, False, False, True]
    assert np.isnan(report.frame_errors[[1, 2]]).all()
    assert any("2 samples do not count in 3D" in x for x in report.notes)


def test_velocity_needs_a_joint_in_both_frames(make_truth):
    truth = make_truth(3, frame=np.arange(3))
    mm = truth.joints_mm.copy()
    mm[0, 5] += 500
    truth.weight_3d[0, 5] = 0
    mm[2, 9] = np.nan
    report = score(truth, mm)
    assert report.value("mpjve_mm") == pytest.approx(0, abs=1e-9)
    weight = report.terms.terms["mpjve_mm"][1]
    assert weight[:, 5].tolist() == [0, 0, 1]
    assert weight[:, 9].tolist() == [0, 1, 0]


def test_unknown_joints_do_not_count_in_any_metric(make_truth):
    truth = make_truth(3, frame=np.arange(3), head_size=np.full(3, 20.0))
    truth.weight_3d[:, 7] = truth.weight_2d[:, 7] = 0
    mm, px = truth.joints_mm.copy(), truth.joints_px.copy()
    clean = score(truth, mm, px)
    mm[1, 7] += 5000
    px[1, 7] += 5000
    truth.joints_mm[:, 7] = 0
    wild = score(truth, mm, px)
    for key, (value, *_) in clean.metrics.items():
        assert wild.value(key) == pytest.approx(value, abs=1e-6), key
    assert np.isnan(wild.per_joint["spine"]["mpjpe_mm"])


def test_velocity_counts_pairs_of_a_clip_alone(make_truth):
    truth = make_truth(
        4, frame=np.array([1, 2, 3, 4]), camera=["a", "a", "b", "b"]
    )
    mm = truth.joints_mm.copy()
    mm[:2, 3, 0] += [10, 3]  # a step of 7 mm in camera a, of 2 in b
    mm[2:, 3, 0] += [100, 98]
    report = score(truth, mm)
    expected = (7 + 2) / (2 * 17)
    assert report.value("mpjve_mm") == pytest.approx(expected)
    apart = score(dataclasses.replace(truth, frame=truth.frame * 64), mm)
    assert apart.value("mpjve_mm") is None
    assert any("no MPJVE" in note for note in apart.notes)


def test_mpi_inf_3dhp_scores_its_14_joints(make_truth):
    truth = make_truth(
        6, MPI_INF_3DHP_17, subject=[f"TS{n}" for n in range(1, 7)]
    )
    mm = truth.joints_mm.copy()
    left_out = [truth.skeleton.joints.index(x) for x in ("spine", "head")]
    mm[:, left_out] += 1000
    mm[0, truth.skeleton.joints.index("neck")] += [0, 0, 151]
    report = score(truth, mm, protocol=PROTOCOLS["mpi_inf_3dhp"])
    assert report.headline == "pck_150"
    assert len(report.joints) == 14
    assert report.value("pck_150") == pytest.approx(1 - 1 / (6 * 14))
    assert report.value("mpjpe_mm") == pytest.approx(151 / (6 * 14))
    assert report.to_dict()["aggregation"].endswith("known of 14 joints")


def test_pckh_needs_the_size_of_the_head(make_truth):
    truth = make_truth(3, MPII_16, head_size=np.array([20.0, 40, 0]))
    px = truth.joints_px.copy()
    px[:, 0, 0] += [10, 20, 0]  # at the limit
    px[:, 1, 1] += [10.1, 0, 999]
    px[:, 6] += 999  # the pelvis, which does not count
    report = score(truth, None, px, PROTOCOLS["mpii_pckh"])
    assert report.headline == "pckh_05"
    assert report.value("pckh_05") == pytest.approx(1 - 1 / 28)
    assert report.value("mpjpe_mm") is None
    assert any(
        "1 samples without the size of a head" in x for x in report.notes
    )
    assert report.unit == "px"


def test_lsp_is_scored_by_the_torso(make_truth):
    truth = make_truth(2, LSP_14, weight_3d=np.zeros((2, 14)))
    joints = truth.skeleton.joints
    shoulder, hip = joints.index("left_shoulder"), joints.index("right_hip")
    truth.joints_px[0, shoulder], truth.joints_px[0, hip] = [10, 10], [40, 50]
    truth.weight_2d[1, hip] = 0  # no torso, so nothing to go by
    px = truth.joints_px.copy()
    px[0, :2, 0] += [10, 10.1]  # of 0.2 * 50 px
    px[1] += 900
    report = score(truth, None, px, PROTOCOLS["lsp_pck"])
    assert report.value("pck_torso_02") == pytest.approx(13 / 14)
    assert report.value("pckh_05") is None
    assert "no PCKh: no sample has the size of a head" in report.notes


def test_intervals_are_those_of_clips(make_truth):
    names = [f"c{n // 5}" for n in range(40)]
    truth = make_truth(40, camera=names)
    spread = 20 + 30 * (np.arange(40) // 5)
    mm = truth.joints_mm.copy()
    mm[:, 1:, 0] += spread[:, None]  # alike in a clip
    by_clip = score(truth, mm, draws=400).metrics["mpjpe_mm"]
    single = make_truth(40, camera=[f"c{n}" for n in range(40)])
    by_frame = score(single, mm, draws=400).metrics["mpjpe_mm"]
    assert by_clip.value == pytest.approx(by_frame.value)
    assert by_clip.low < by_clip.value < by_clip.high
    wide, narrow = (x.high - x.low for x in (by_clip, by_frame))
    assert wide == pytest.approx(narrow * 5**0.5, rel=0.25)
    one = score(make_truth(3), make_truth(3).joints_mm)
    assert np.isnan(one.metrics["mpjpe_mm"].low)
    assert any("at least two clips" in note for note in one.notes)


def test_takes_are_clips_apart_and_one_action(make_truth):
    # Each take begins at frame 1, and is wrong by its own constant.
    truth = make_truth(
        6,
        frame=np.array([1, 1, 2, 2, 3, 3]),
        action=["Directions 1", "Directions 2"] * 3,
    )
    mm = truth.joints_mm.copy()
    mm[0::2, 1:, 0] += 10
    mm[1::2, 1:, 0] += 50
    report = score(truth, mm)
    assert report.value("mpjve_mm") == pytest.approx(0, abs=1e-9)
    assert report.terms.terms["mpjve_mm"][1].any(axis=1).sum() == 4
    assert list(report.per_action) == ["Directions 1", "Directions 2"]
    merged = score(truth, mm, protocol=PROTOCOLS["h36m_p1"])
    assert list(merged.per_action) == ["Directions"]
    for found in (report, merged):
        assert found.counts["clips"] == 2
        # Both clips drawn twice are the two ends.
        bounds = found.metrics["mpjpe_mm"][1:]
        assert bounds == pytest.approx((10 * 16 / 17, 50 * 16 / 17))


def test_nothing_to_compare_is_refused(make_truth):
    truth = make_truth(2, weight_3d=np.zeros((2, 17)))
    with pytest.raises(ValueError, match="known and predicted.*none in 2"):
        score(truth, truth.joints_mm)
    with pytest.raises(ValueError, match="known and predicted.*none in 2"):
        score(make_truth(2))


@pytest.mark.parametrize(
    ("name", "title"), [("mpii_pckh", "PCKh@0.5"), ("lsp_pck", "PCK@0.2")]
)
def test_a_protocol_needs_its_own_metric(make_truth, name, title):
    truth = make_truth(2)
    with pytest.raises(
        ValueError, match=f"{name} needs .* for {title}: .*MPJPE"
    ):
        score(truth, truth.joints_mm, protocol=PROTOCOLS[name])


def test_json_says_all_conventions_and_has_no_nan(make_truth):
    truth = make_truth(3)
    truth.weight_3d[:, 7] = 0
    report = score(truth, noisy(truth), protocol=PROTOCOLS["h36m_p2"])
    content = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert content["mpjpe_mm"] == report.value("mpjpe_mm")
    assert content["per_joint_mm"]["spine"]["mpjpe"] is None
    assert content["per_joint_mm"]["neck"]["pa_mpjpe"] == pytest.approx(
        report.per_joint["neck"]["pa_mpjpe_mm"]
    )
    assert content["alignment"] == {"mpjpe": "root", "pa_mpjpe": "similarity"}
    assert content["frames"] == 3
    assert content["root_depth"] == "true"
    assert content["test_time_augmentation"] == "flip"
    assert content["protocol"]["every"] == 64
    assert "rigid" in content["protocol"]["confused_with"]
    assert content["metrics"]["rigid_pa_mpjpe_mm"]["alignment"] == "rigid"


def test_long_data_is_aligned_part_by_part(make_truth, monkeypatch):
    truth = make_truth(7)
    mm = noisy(truth)
    whole = score(truth, mm, draws=0)
    monkeypatch.setattr("keras_pose.evaluation.terms._ROWS", 3)
    parts = score(truth, mm, draws=0)
    for key, (value, *_) in whole.metrics.items():
        assert parts.value(key) == value
