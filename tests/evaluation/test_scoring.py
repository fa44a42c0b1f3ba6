import dataclasses
import pathlib

import cv2
import numpy as np
import pytest

from keras_pose.data import conversion
from keras_pose.data.sample import Sample
from keras_pose.data.sources.source import Source
from keras_pose.data.store import Records
from keras_pose.evaluation import scoring
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17

SIZE, MARGIN = 32, 1.25
METRIC = PoseSpec(H36M_17, MetricVolume(2200), SIZE, MARGIN, (0,) * 17)
CROP = PoseSpec(H36M_17, CropVolume(SIZE, 2000), SIZE, MARGIN, (0,) * 17)
BOTH = pytest.mark.parametrize("spec", [METRIC, CROP], ids=["metric", "crop"])
INTRINSICS = np.float32([[150, 0, 31], [0, 160, 24], [0, 0, 1]])
LENS = np.float32([-0.1, 0.05, 0.001, -0.002, 0])
IMAGE = cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
ROOT, ELBOW, WRIST = 0, 12, 13


def make_sample(seed, **fields):
    rng = np.random.default_rng(seed)
    mm = rng.uniform([-400, -300, 2800], [400, 300, 3200], (17, 3))
    px, _ = cv2.projectPoints(mm, np.zeros(3), np.zeros(3), INTRINSICS, LENS)
    px = px[:, 0]
    right = {
        "image": IMAGE,
        "name": f"images/{seed}.png",
        "box": np.array([*(px.min(0) + 0.5), *np.ptp(px, axis=0)], np.float32),
        "joints_mm": np.float32(mm),
        "joints_px": np.float32(px),
        "weight_3d": np.ones(17, np.float32),
        "weight_2d": np.ones(17, np.float32),
        "intrinsics": INTRINSICS,
        "distortion": LENS,
        "head_size": np.float32(0),
        "subject": "S1",
        "action": "Walking",
        "camera": "left",
        "frame": seed,
        "source": "made",
    }
    return Sample(**right | fields)


def without_3d(seed, **fields):
    zeros = np.zeros(17, np.float32)
    joints_mm = np.zeros((17, 3), np.float32)
    return make_sample(seed, weight_3d=zeros, joints_mm=joints_mm, **fields)


def label(sample, volume):
    """What a perfect network says, worked out from the conventions."""
    mm = np.float64(sample.joints_mm - sample.joints_mm[ROOT])
    if isinstance(volume, MetricVolume):
        return mm / 2200 + 0.5
    x, y, width, height = np.float64(sample.box)
    centre = [x + width / 2 - 0.5, y + height / 2 - 0.5]
    plane = (sample.joints_px - centre) / (max(width, height) * MARGIN) + 0.5
    return np.concatenate([plane, mm[:, 2:] / 2000 + 0.5], axis=1)


def score_all(predict, spec, folders, batch_size, progress=None):
    records = Records(folders)
    errors = scoring.errors_of(
        predict, spec, records, batch_size, progress=progress
    )
    return scoring.summarise(errors, spec)


@pytest.fixture
def score_of(tmp_path):
    """Gives `(samples, spec, change of a label) -> Scores`."""

    def score(samples, spec, change=lambda pose: pose, **options):
        folder = tmp_path / f"set{len(list(tmp_path.iterdir()))}"
        source = Source("made", H36M_17, len(samples), samples)
        conversion.convert(source, folder, samples_per_shard=2)
        poses = iter([change(label(s, spec.volume)) for s in samples])

        def predict(images):
            assert (images.dtype, images.shape[1:]) == (np.uint8, (32, 32, 3))
            return {"pose": np.stack([next(poses) for _ in images])}

        return score_all(predict, spec, [str(folder)], 2, **options)

    return score


def swap_arm(pose):
    swapped = pose.copy()
    swapped[[ELBOW, WRIST]] = pose[[WRIST, ELBOW]]
    return swapped


@BOTH
def test_exact_labels_score_0(score_of, spec):
    scores = score_of([make_sample(seed) for seed in range(5)], spec)
    assert list(scores.per_joint) == list(H36M_17.joints)
    assert scores.count == 5
    errors = [scores.mpjpe, scores.pa_mpjpe, *scores.per_joint.values()]
    assert np.abs(np.hstack(errors)).max() < 0.05


@BOTH
def test_two_swapped_joints_score_the_distance_between_them(score_of, spec):
    samples = [make_sample(seed) for seed in range(5)]
    scores = score_of(samples, spec, swap_arm)
    joints_mm = np.stack([sample.joints_mm for sample in samples])
    arm = np.linalg.norm(joints_mm[:, ELBOW] - joints_mm[:, WRIST], axis=-1)
    expected = {"left_elbow": arm.mean(), "left_wrist": arm.mean()}
    for joint, (mpjpe, _) in scores.per_joint.items():
        np.testing.assert_allclose(mpjpe, expected.get(joint, 0), atol=0.05)
    np.testing.assert_allclose(scores.mpjpe, 2 * arm.mean() / 17, atol=0.05)
    assert 10 < scores.pa_mpjpe < 2 * scores.mpjpe


def test_a_pose_of_another_size_scores_0_after_a_similarity(score_of):
    samples = [make_sample(seed) for seed in range(3)]
    scores = score_of(samples, METRIC, lambda pose: 0.8 * pose + 0.1)
    offsets = [sample.joints_mm - sample.joints_mm[ROOT] for sample in samples]
    distance = np.linalg.norm(offsets, axis=-1)
    mpjpe, pa_mpjpe = np.transpose(list(scores.per_joint.values()))
    np.testing.assert_allclose(mpjpe, 0.2 * distance.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(scores.mpjpe, 0.2 * distance.mean(), rtol=1e-4)
    np.testing.assert_allclose([*pa_mpjpe, scores.pa_mpjpe], 0, atol=0.01)


@BOTH
def test_frames_without_3d_do_not_count(score_of, spec):
    samples = [make_sample(0), without_3d(1), make_sample(2), without_3d(3)]
    scores = score_of(samples, spec, swap_arm)
    known = score_of([samples[0], samples[2]], spec, swap_arm)
    assert scores.count == 2
    np.testing.assert_allclose(scores.mpjpe, known.mpjpe, rtol=1e-5)
    np.testing.assert_allclose(scores.pa_mpjpe, known.pa_mpjpe, rtol=1e-5)


@BOTH
def test_frames_without_a_camera_do_not_count(score_of, spec):
    blind = without_3d(1, intrinsics=np.zeros((3, 3), np.float32))
    scores = score_of([make_sample(0), blind], spec)
    assert scores.count == 1
    np.testing.assert_allclose(scores.mpjpe, 0, atol=0.05)


def test_a_3d_pose_in_a_crop_volume_needs_its_camera(score_of):
    blind = make_sample(1, intrinsics=np.zeros((3, 3), np.float32))
    with pytest.raises(ValueError, match="images/1.png: `intrinsics` must"):
        score_of([make_sample(0), blind], CROP)
    assert score_of([make_sample(0), blind], METRIC).count == 2


def test_a_frame_without_its_root_does_not_count(score_of):
    weight = np.ones(17, np.float32)
    weight[ROOT] = 0
    samples = [make_sample(0), make_sample(1, weight_3d=weight)]
    assert score_of(samples, METRIC).count == 1


def test_unknown_joints_do_not_count(score_of):
    def garble(pose):
        return np.where(np.arange(17)[:, None] == WRIST, 9.0, pose)

    weight = np.ones(17, np.float32)
    weight[WRIST] = 0
    samples = [make_sample(seed, weight_3d=weight) for seed in range(3)]
    scores = score_of(samples, METRIC, garble)
    np.testing.assert_allclose([scores.mpjpe, scores.pa_mpjpe], 0, atol=0.01)
    assert np.isnan(scores.per_joint["left_wrist"]).all()


@BOTH
def test_a_score_needs_3d_poses(score_of, spec):
    with pytest.raises(ValueError, match="needs samples with a 3D.*2 without"):
        score_of([without_3d(0), without_3d(1)], spec)


@BOTH
def test_parts_that_workers_score_join_to_the_whole(write_set, spec):
    weight = np.ones(17, np.float32)
    weight[WRIST] = 0
    samples = [
        make_sample(0),
        without_3d(1),
        make_sample(2, weight_3d=weight),
        make_sample(3),
        make_sample(4),
    ]
    records = Records([write_set("a", samples)])
    poses = [swap_arm(label(sample, spec.volume)) for sample in samples]
    poses[3] = poses[3] + 0.03 * np.arange(17)[:, None]  # no two score alike

    def errors_of(numbers, batch_size):
        left = iter(numbers)

        def predict(images):
            return {"pose": np.stack([poses[next(left)] for _ in images])}

        return scoring.errors_of(predict, spec, records, batch_size, numbers)

    whole = scoring.summarise(errors_of(range(5), 5), spec)
    parts = [errors_of(n, 2) for n in (range(3), [], range(3, 5))]
    assert [part.weight.shape for part in parts] == [(3, 17), (0, 17), (2, 17)]
    assert {array.dtype for part in parts for array in part} == {
        np.dtype(np.float32)
    }
    joined = scoring.JointErrors(*map(np.concatenate, zip(*parts, strict=True)))
    assert scoring.summarise(joined, spec) == whole
    first = scoring.summarise(parts[0], spec)
    assert (whole.count, first.count) == (4, 2)
    assert first.mpjpe != whole.mpjpe


def test_a_damaged_sample_is_not_scored_but_named(write_set):
    folder = pathlib.Path(write_set("a", [make_sample(i) for i in range(3)]))
    (shard,) = folder.glob("*.tfrecord")
    content = bytearray(shard.read_bytes())
    content[-40] ^= 1  # of the last record
    shard.write_bytes(content)
    poses = np.full((3, 17, 3), 0.5)
    with pytest.raises(ValueError, match=f"{shard}: record 2: its checksum"):
        score_all(lambda _: {"pose": poses}, METRIC, [str(folder)], 3)


def test_progress_hears_the_number_of_frames_done(score_of):
    heard = []
    samples = [make_sample(seed) for seed in range(5)]
    score_of(samples, METRIC, progress=heard.append)
    assert heard == [2, 4, 5]


def test_several_data_sets_are_scored_as_one(tmp_path):
    samples = [make_sample(seed) for seed in range(3)]
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    for folder, part in zip(folders, (samples[:1], samples[1:]), strict=True):
        source = Source("made", H36M_17, len(part), part)
        conversion.convert(source, folder)
    poses = np.stack([label(sample, METRIC.volume) for sample in samples])
    scores = score_all(lambda _: {"pose": poses}, METRIC, folders, 9)
    assert scores.count == 3
    np.testing.assert_allclose(scores.mpjpe, 0, atol=0.01)


@pytest.mark.parametrize(
    ("spec", "root_depth"), [(METRIC, "none"), (CROP, "true")]
)
def test_scores_say_their_conventions(score_of, spec, root_depth):
    scores = score_of([make_sample(0)], spec, swap_arm)
    content = scores.to_dict()
    assert content["mpjpe_mm"] == scores.mpjpe
    assert content["per_joint_mm"]["left_elbow"] == {
        "mpjpe": scores.per_joint["left_elbow"][0],
        "pa_mpjpe": scores.per_joint["left_elbow"][1],
    }
    assert (content["frames"], content["root_depth"]) == (1, root_depth)


def test_table_has_a_row_a_joint_and_the_mean():
    scores = scoring.Scores(94.382, 65.5, {"pelvis": (0, 1.25)}, 7, "none")
    header, joint, mean, conventions = scores.table().splitlines()
    assert joint.split() == ["pelvis", "0.00", "1.25"]
    assert mean.split() == ["mean", "94.38", "65.50"]
    assert header.split() == ["mm", "MPJPE", "PA-MPJPE"]
    assert conventions.startswith("7 frames; MPJPE: roots aligned")
    assert dataclasses.replace(scores, count=8).table() != scores.table()


@pytest.fixture
def write_set(tmp_path):
    """Gives `(name, samples) -> folder`."""

    def write(name, samples):
        source = Source("made", H36M_17, len(samples), samples)
        conversion.convert(source, tmp_path / name)
        return str(tmp_path / name)

    return write
