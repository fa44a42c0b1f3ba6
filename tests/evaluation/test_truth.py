import numpy as np
import pytest

from keras_pose import images
from keras_pose.data import conversion
from keras_pose.data.sources.source import Source
from keras_pose.data.store import Records
from keras_pose.evaluation import metrics
from keras_pose.evaluation.truth import read_truth
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import LSP_14
from keras_pose.skeleton import MPI_INF_3DHP_17


@pytest.fixture
def records(tmp_path, make_sample):
    samples = [
        make_sample(seed, head_size=np.float32(seed), subject=f"S{seed}")
        for seed in range(5)
    ]
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    for folder, part in zip(folders, (samples[:2], samples[2:]), strict=True):
        conversion.convert(Source("made", H36M_17, len(part), part), folder)
    return samples, Records(folders)


def test_truth_has_each_label_in_the_order_asked_for(records):
    samples, records = records
    truth = read_truth(records, H36M_17, [4, 0, 3])
    wanted = [samples[number] for number in (4, 0, 3)]
    assert truth.numbers.tolist() == [4, 0, 3]
    for (
        field
    ) in "joints_mm joints_px weight_3d weight_2d box head_size".split():
        np.testing.assert_array_equal(
            getattr(truth, field), [getattr(sample, field) for sample in wanted]
        )
    for field in "subject action camera frame source".split():
        expected = [getattr(sample, field) for sample in wanted]
        assert getattr(truth, field).tolist() == expected
    assert truth.names.tolist() == [sample.name for sample in wanted]
    assert len(read_truth(records, H36M_17)) == 5


def test_truth_decodes_no_image(records, monkeypatch):
    def fail(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(images, "decode_checked", fail)
    monkeypatch.setattr(images, "decode_image", fail)
    read_truth(records[1], H36M_17)


@pytest.mark.parametrize("skeleton", [MPI_INF_3DHP_17, LSP_14])
def test_truth_finds_joints_by_name(records, skeleton):
    samples, records = records
    truth = read_truth(records, skeleton, [1])
    for joint, name in enumerate(skeleton.joints):
        known = name in H36M_17.joints
        assert truth.weight_3d[0, joint] == truth.weight_2d[0, joint] == known
        if known:
            own = samples[1].joints_mm[H36M_17.joints.index(name)]
            np.testing.assert_array_equal(truth.joints_mm[0, joint], own)
        else:
            assert not truth.joints_mm[0, joint].any()


def test_a_damaged_record_is_named(tmp_path, make_sample):
    samples = [make_sample(seed) for seed in range(2)]
    conversion.convert(Source("made", H36M_17, 2, samples), tmp_path / "a")
    (shard,) = (tmp_path / "a").glob("*.tfrecord")
    content = bytearray(shard.read_bytes())
    content[-40] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match=f"{shard}: record 1: .*checksum"):
        read_truth(Records([str(tmp_path / "a")]), H36M_17)


def test_clips_are_of_one_subject_action_and_camera(make_truth):
    truth = make_truth(
        7,
        subject=["S9", "S9", "S11", "S9", "S9", "", ""],
        action=["Posing", "Eating", "Posing", "Posing", "Posing", "", ""],
        camera=["left", "left", "left", "right", "left", "", ""],
    )
    clips = truth.clips()
    assert clips[0] == clips[4]
    # Photos of nobody known are each for themselves.
    assert len(set(clips.tolist())) == 6


def test_root_relative_poses_need_their_root(make_truth):
    truth = make_truth(2)
    truth.weight_3d[1, 0] = 0
    offsets, weight = truth.root_relative()
    np.testing.assert_array_equal(offsets[:, 0], np.zeros((2, 3)))
    assert weight.tolist() == [[1.0] * 17, [0.0] * 17]
    with pytest.raises(ValueError, match="joints with a root.*lsp_14"):
        make_truth(2, LSP_14).root_relative()


def test_two_takes_of_an_action_are_two_clips(make_truth):
    truth = make_truth(
        6,
        action=["Posing"] * 3 + ["Posing 1"] * 3,
        frame=np.array([1, 2, 3, 1, 2, 3]),
    )
    assert truth.clips().tolist() == [0, 0, 0, 1, 1, 1]
    pairs = metrics.following_pairs(truth.clips(), truth.frame)
    assert pairs.tolist() == [[0, 1], [1, 2], [3, 4], [4, 5]]
