import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import keras_pose
from keras_pose.data import conversion
from keras_pose.data import records
from keras_pose.skeleton import H36M_17

H36M_PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)


def read_examples(folder):
    """Every record of a folder, parsed without the package."""
    shards = sorted(str(path) for path in folder.glob("*.tfrecord"))
    return [
        tf.train.Example.FromString(record.numpy()).features.feature
        for record in tf.data.TFRecordDataset(shards)
    ]


@pytest.mark.parametrize(
    ("per_shard", "counts"),
    [(2, [2, 2, 1]), (5, [5]), (1000, [5])],
    ids=["rest", "full", "one"],
)
def test_convert_fills_shards_in_order(
    make_sample, make_source, tmp_path, per_shard, counts
):
    source = make_source([make_sample(seed) for seed in range(5)])
    info = conversion.convert(source, tmp_path / "out", per_shard)
    assert [shard["count"] for shard in info.shards] == counts
    assert [shard["file"] for shard in info.shards] == [
        f"{i:05d}-of-{len(counts):05d}.tfrecord" for i in range(len(counts))
    ]
    frames = [e["frame"].int64_list for e in read_examples(tmp_path / "out")]
    assert [frame.value[0] for frame in frames] == [0, 1, 2, 3, 4]


def test_convert_writes_the_info_it_returns(make_sample, make_source, tmp_path):
    samples = [make_sample(seed) for seed in range(3)]
    info = conversion.convert(make_source(samples), tmp_path / "out", 2)
    read = records.read_info(tmp_path / "out")
    assert (read.source, read.skeleton, read.count) == ("made", H36M_17, 3)
    assert read.shards == info.shards
    np.testing.assert_allclose(
        read.bone_lengths_mm, info.bone_lengths_mm, atol=0.0005
    )


def test_convert_writes_the_length_of_every_record(
    make_sample, make_source, tmp_path
):
    samples = [make_sample(seed, action="a" * seed) for seed in range(5)]
    conversion.convert(make_source(samples), tmp_path / "out", 2)
    shards = sorted(str(path) for path in (tmp_path / "out").glob("*.tfrecord"))
    expected = [len(r.numpy()) for r in tf.data.TFRecordDataset(shards)]
    assert len(set(expected)) > 1
    lengths = np.load(tmp_path / "out" / "lengths.npy")
    assert lengths.tolist() == expected


def test_convert_keeps_the_images_byte_for_byte(
    make_sample, make_source, make_jpeg, tmp_path
):
    samples = [make_sample(seed) for seed in range(3)]
    conversion.convert(make_source(samples), tmp_path / "out", 2)
    images = [
        example["image"].bytes_list.value[0]
        for example in read_examples(tmp_path / "out")
    ]
    assert images == [make_jpeg(0), make_jpeg(1), make_jpeg(2)]


def test_convert_averages_the_bones_whose_two_ends_are_known(
    make_sample, make_source, tmp_path
):
    samples = [make_sample(seed) for seed in range(3)]
    samples[0].weight_3d[12] = 0  # left elbow: end of one bone, start of one
    info = conversion.convert(make_source(samples), tmp_path / "out")
    for child, parent in enumerate(H36M_PARENTS):
        known = samples[1:] if child in (12, 13) else samples
        bones = [s.joints_mm[child] - s.joints_mm[parent] for s in known]
        lengths = [np.sqrt(x * x + y * y + z * z) for x, y, z in bones]
        expected = np.mean(lengths) if parent >= 0 else 0
        assert info.bone_lengths_mm[child] == pytest.approx(expected, rel=1e-5)


def test_convert_gives_bones_of_0_where_there_is_no_3d(
    make_sample, make_source, tmp_path
):
    flat = make_sample(weight_3d=np.zeros(17, np.float32))
    info = conversion.convert(make_source([flat]), tmp_path / "out")
    assert info.bone_lengths_mm == (0,) * 17


def test_convert_reports_progress(make_sample, make_source, tmp_path):
    seen = []
    source = make_source([make_sample(seed) for seed in range(3)])
    conversion.convert(source, tmp_path / "out", 2, seen.append)
    assert seen == [1, 2, 3]


def test_convert_makes_parents_and_lets_others_read(
    make_sample, make_source, tmp_path
):
    out = tmp_path / "new" / "out"
    conversion.convert(make_source([make_sample()]), out)
    assert out.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_convert_leaves_nothing_after_a_wrong_sample(
    make_sample, make_source, tmp_path
):
    samples = [make_sample(seed) for seed in range(4)]
    samples[2].box[:] = 0
    with pytest.raises(ValueError, match="images/2.jpg: `box`"):
        conversion.convert(make_source(samples), tmp_path / "out", 1)
    assert list(tmp_path.iterdir()) == []


def test_convert_leaves_nothing_when_interrupted(
    make_sample, make_source, tmp_path
):
    def interrupt(count):
        if count == 2:
            raise KeyboardInterrupt

    source = make_source([make_sample(seed) for seed in range(3)])
    with pytest.raises(KeyboardInterrupt):
        conversion.convert(source, tmp_path / "out", 1, interrupt)
    assert list(tmp_path.iterdir()) == []


KILLED_HALF_WAY = """
import os, pickle, signal, sys
from keras_pose.data import conversion
source = pickle.load(open(sys.argv[1], "rb"))
def kill(count):
    if count == 2:
        os.kill(os.getpid(), signal.SIGKILL)
conversion.convert(source, sys.argv[2], 1, kill)
"""


def test_convert_killed_half_way_leaves_no_data_set(
    make_sample, make_source, tmp_path
):
    out, pickled = tmp_path / "out", tmp_path / "source.pkl"
    source = make_source([make_sample(seed) for seed in range(3)])
    pickled.write_bytes(pickle.dumps(source))
    command = [sys.executable, "-c", KILLED_HALF_WAY, pickled, out]
    root = Path(keras_pose.__file__).parents[1]
    run = subprocess.run(command, cwd=root, capture_output=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert not out.exists()
    assert conversion.convert(source, out).count == 3
    assert len(read_examples(out)) == 3


@pytest.mark.parametrize(
    "make",
    [
        os.mkdir,
        lambda out: out.write_bytes(b"kept"),
        lambda out: out.symlink_to("nowhere"),
    ],
    ids=["folder", "file", "dangling_link"],
)
def test_convert_refuses_an_out_that_exists(
    make_sample, make_source, tmp_path, make
):
    make(tmp_path / "out")
    before = (tmp_path / "out").lstat()
    with pytest.raises(ValueError, match="`out` must not exist"):
        conversion.convert(make_source([make_sample()]), tmp_path / "out")
    assert (tmp_path / "out").lstat() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("given", "listed"),
    [(0, 0), (2, 3), (3, 2), (0, 1)],
    ids=["empty", "one_less", "one_more", "none_of_one"],
)
def test_convert_refuses_a_source_without_the_samples_it_lists(
    make_sample, make_source, tmp_path, given, listed
):
    source = make_source([make_sample(i) for i in range(given)], listed)
    with pytest.raises(ValueError, match=f"made: .* Received: {given}"):
        conversion.convert(source, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
