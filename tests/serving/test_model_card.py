import json

import pytest

from keras_pose.geometry.volume import CropVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import model_card
from keras_pose.skeleton import H36M_17

RUN = {
    "starts": [
        {"time": "2026-01-02T03:04:05+00:00", "git": {"commit": "abc123"}},
        {"time": "2026-02-03T04:05:06+00:00", "git": {"commit": "def456"}},
    ],
    "config": {
        "model": {
            "backbone": "resnet50",
            "head": "integral",
            "volume": "crop",
            "input_size": 256,
            "weights": "imagenet",
            "initial": "",
        },
        "train": {
            "epochs": 12,
            "batch_size": 34,
            "optimizer": "adamw",
            "seed": 5,
        },
    },
    "data": {
        "train": [{"folder": "data/a", "count": 77, "sha256": "aa11"}],
        "validation": [{"folder": "data/b", "count": 88, "sha256": "bb22"}],
    },
}
SCORES = {
    "model": "runs/x/best.keras",
    "data": ["data/c"],
    "mpjpe_mm": 51.26,
    "pa_mpjpe_mm": 40.04,
    "per_joint_mm": {
        "left_wrist": {"mpjpe": 99.06, "pa_mpjpe": 88.0},
        "nose": {"mpjpe": None, "pa_mpjpe": None},
    },
    "frames": 321,
    "aggregation": "mean over frames",
    "root_depth": "true",
    "mean_pose": {"mpjpe_mm": 250.04, "pa_mpjpe_mm": 200.0},
}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "best.keras").touch()
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    (tmp_path / "scores.json").write_text(json.dumps(SCORES))
    return tmp_path


def test_card_says_what_the_run_s_files_say(run, spec):
    card = model_card.card(spec, "stand_up", run)
    for text in (
        "# stand_up\n",
        "17 joints",
        "from `best.keras`",
        "- train: `data/a`, 77 samples, SHA-256 `aa11`",
        "- validation: `data/b`, 88 samples, SHA-256 `bb22`",
        "resnet50, integral head, crop volume, input 256 px",
        "at most 12 epochs of batches of 34, adamw, seed 5",
        "first started 2026-01-02T03:04:05+00:00, 2 starts",
        "at commit `def456`",
        "Of 321 frames of `data/c`, before the export; mean over frames",
        "| all | 51.3 | 40.0 |",
        "| all, by the mean pose of the training data | 250.0 | 200.0 |",
        "| left_wrist | 99.1 | 88.0 |",
        "| nose | - | - |",
        "; the true depth of the root was given.",
        "(here `imagenet`)",
    ):
        assert text in card, text


def test_scores_that_training_wrote_are_of_its_validation_data(run, spec):
    scores = {k: v for k, v in SCORES.items() if k not in ("model", "data")}
    (run / "scores.json").write_text(json.dumps(scores))
    card = model_card.card(spec, "pose", run)
    assert "Of 321 frames of `data/b`, before the export" in card
    assert "| all | 51.3 | 40.0 |" in card


def test_card_numbers_the_joints(run, spec):
    card = model_card.card(spec, "pose", run)
    assert "| 0 | pelvis | - |\n" in card
    assert "| 13 | left_wrist | left_elbow |\n" in card
    assert "its root is pelvis" in card


def test_card_says_where_joints_can_be(run, spec):
    assert "a cube of 2200 mm around" in model_card.card(spec, "pose", run)
    crop = PoseSpec(H36M_17, CropVolume(depth_mm=1800), 64, 1.25, (1.0,) * 17)
    card = model_card.card(crop, "pose", run)
    assert "within 900 mm of the root in depth" in card
    assert "(B, 64, 64, 3)" in card


def test_card_of_a_lone_file_claims_nothing(run, spec, tmp_path):
    (tmp_path / "mine.keras").touch()
    card = model_card.card(spec, "pose", tmp_path / "mine.keras")
    assert "from `mine.keras`" in card
    assert "without its run's `run.json`" in card
    assert "None are known of this network" in card
    assert "resnet50" not in card
    assert "51.3" not in card


def test_scores_of_another_network_of_the_run_are_left_out(run, spec):
    (run / "best.keras").rename(run / "last.keras")
    card = model_card.card(spec, "pose", run)
    assert "from `last.keras`" in card
    assert "resnet50" in card
    assert "None are known of this network" in card


def test_scores_of_another_systems_poses_are_left_out(run, spec):
    scores = json.loads((run / "scores.json").read_text())
    scores.pop("model", None)
    scores |= {"predictions": "other.npz", "data": ["test"]}
    (run / "scores.json").write_text(json.dumps(scores))
    card = model_card.card(spec, "pose", run)
    assert "None are known of this network" in card
    assert "51.3" not in card


@pytest.mark.parametrize("name", ["run.json", "scores.json"])
@pytest.mark.parametrize("text", ["{", "[]", "{}", "[1]"])
def test_damaged_files_of_a_run_are_refused(name, text, run, spec):
    (run / name).write_text(text)
    with pytest.raises(ValueError, match=f"{name}.* damaged"):
        model_card.card(spec, "pose", run)
