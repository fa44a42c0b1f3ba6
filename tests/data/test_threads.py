import pathlib
import subprocess
import sys
import threading

import numpy as np
import pytest

from keras_pose.data import threads
from keras_pose.data.order import Order
from keras_pose.data.store import Records
from keras_pose.geometry.volume import MetricVolume

ROOT = pathlib.Path(threads.__file__).parents[2]


def names_of(batches):
    return [name for batch in batches for name in batch["name"]]


@pytest.fixture
def records(make_dataset):
    return Records([make_dataset("a", 4), make_dataset("b", 3)])


@pytest.fixture
def spec(spec_of):
    return spec_of(MetricVolume())


NAMES = [*(f"a/{i}.jpg" for i in range(4)), *(f"b/{i}.jpg" for i in range(3))]


@pytest.mark.parametrize("batch_size", [1, 3, 7, 10])
def test_batches_give_every_sample_once_in_order(records, spec, batch_size):
    batches = list(threads.batches(records, spec, batch_size))
    assert names_of(batches) == NAMES
    sizes = [len(batch["image"]) for batch in batches]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)


@pytest.mark.parametrize(
    "numbers", [range(1, 6, 2), [6, 0], np.array([5]), []], ids=str
)
def test_workers_share_the_samples_by_number(records, spec, numbers):
    batches = threads.batches(records, spec, 2, numbers)
    assert names_of(batches) == [NAMES[number] for number in numbers]


def test_a_damaged_sample_is_named(make_dataset, damage_shard, spec):
    folder = make_dataset("a", 4)
    shard = damage_shard(folder, 1)
    message = f"{shard}: record 1: its checksum"
    with pytest.raises(ValueError, match=message):
        list(threads.batches(Records([folder]), spec, 2))
    stream = threads.training_batches_numpy(
        Records([folder]), Order(4, 4, 0), spec, 0
    )
    with pytest.raises(ValueError, match=message):
        next(stream)
    passed = threads.batches(Records([folder], damaged_limit=1), spec, 4)
    assert len(list(passed)) == 1


def test_a_shard_that_is_gone_is_named(records, spec, tmp_path):
    (tmp_path / "b" / "00000-of-00001.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match="b/00000-of-00001.tfrecord"):
        list(threads.batches(records, spec, 2))


@pytest.mark.parametrize("close", ["close", "forget"])
def test_a_stream_that_is_not_finished_leaves_no_thread(records, spec, close):
    before = threading.active_count()
    stream = threads.training_batches_numpy(records, Order(7, 2, 0), spec, 0)
    next(stream)
    assert threading.active_count() > before
    if close == "close":
        stream.close()
    del stream
    assert threading.active_count() == before


WITHOUT_TENSORFLOW = """
import sys
from keras_pose.data import conversion, order, store, synthetic, threads
from keras_pose.data.augmentation import Augmentation
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17
spec = PoseSpec(H36M_17, MetricVolume(), 32, 1.2, (0.0,) * 17)
records = store.Records([sys.argv[1]])
stream = threads.training_batches_numpy(
    records, order.Order(4, 2, 0), spec, 0, Augmentation(jpeg=0.5)
)
print(next(stream)["image"].shape)
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"tensorflow", "keras", "jax"}, loaded
"""


def test_reading_needs_no_tensorflow(make_dataset):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, make_dataset("a", 4)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "(2, 32, 32, 3)\n"), (
        done.stderr
    )
