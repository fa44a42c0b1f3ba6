import json

import pytest
import tensorflow as tf

from keras_pose.training.strategy import make_strategy
from keras_pose.training.strategy import needing_workers
from keras_pose.training.strategy import worker_of


@pytest.fixture
def cluster(monkeypatch):
    """Gives `cluster(**variables)`: sets those of the environment alone."""

    def set_variables(**variables):
        for name in ("TF_CONFIG", "SLURM_PROCID"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    set_variables()
    return set_variables


@pytest.mark.parametrize("name", ["mirrored", "one_device"])
def test_strategy_without_a_gpu_has_one_replica(name):
    strategy = make_strategy(name)
    assert strategy.num_replicas_in_sync == 1
    assert worker_of(strategy) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"name": "all"}, "`strategy` must be one of .*'all'"),
        ({"num_virtual_devices": -1}, "num_virtual_devices.*-1"),
        (
            {"name": "multi_worker", "cluster": "ssh"},
            "`cluster` must be one of .*'ssh'",
        ),
        ({"name": "multi_worker"}, "`cluster` must have workers"),
        (
            {"name": "multi_worker", "cluster": "slurm"},
            "`cluster` must be described by the environment",
        ),
    ],
)
def test_strategy_that_cannot_be_is_refused_by_name(cluster, arguments, named):
    with pytest.raises(ValueError, match=named):
        make_strategy(**arguments)


def test_cluster_that_is_no_json_is_refused(cluster):
    cluster(TF_CONFIG="{")
    with pytest.raises(ValueError, match="`cluster` must be described"):
        make_strategy("multi_worker")


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ({"type": "chief", "index": 0}, (0, 3)),
        ({"type": "worker", "index": 0}, (1, 3)),
        ({"type": "worker", "index": 1}, (2, 3)),
    ],
)
def test_chief_comes_before_the_workers(cluster, monkeypatch, task, expected):
    class Strategy(tf.distribute.MultiWorkerMirroredStrategy):
        """None that connects to the others."""

        def __init__(self, resolver):
            self.cluster_resolver = resolver

        cluster_resolver = None

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", Strategy)
    addresses = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    cluster(TF_CONFIG=json.dumps({"cluster": addresses, "task": task}))
    assert worker_of(make_strategy("multi_worker")) == expected


@pytest.mark.parametrize(
    "error",
    [tf.errors.UnavailableError, tf.errors.AbortedError],
    ids=["unavailable", "aborted"],
)
def test_the_end_of_another_worker_is_said_in_words(error):
    message = "{{node x}} Collective ops is aborted by: Socket closed\nMore:"
    with pytest.raises(RuntimeError) as raised, needing_workers(3):
        raise error(None, None, message)
    said = str(raised.value)
    assert "a run of 3 workers needs all of them, and one has ended" in said
    assert "ended: Socket closed. The last checkpoint" in said
    assert isinstance(raised.value.__cause__, error)


def test_errors_of_a_single_worker_are_its_own():
    error = tf.errors.UnavailableError(None, None, "a disk")
    with pytest.raises(tf.errors.UnavailableError), needing_workers(1):
        raise error


def test_other_errors_of_workers_are_their_own():
    error = tf.errors.InvalidArgumentError(None, None, "a shape")
    with pytest.raises(tf.errors.InvalidArgumentError), needing_workers(2):
        raise error
