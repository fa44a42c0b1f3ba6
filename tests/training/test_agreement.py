import numpy as np
import pytest

from keras_pose.training.agreement import check_agreement


class Worker:
    """An engine that hears the first worker's numbers."""

    def __init__(self, worker, first=None):
        self.worker = worker
        self._first = first
        self.told = None

    def total(self, array):
        self.told = array
        return array if self._first is None else array + self._first


FACTS = {"config": {"train": {"seed": 1}}, "data": ["ab"], "checkpoint": 3}


@pytest.fixture
def told():
    """What a first worker with FACTS tells the others."""
    first = Worker(0)
    check_agreement(first, **FACTS)
    return first.told


def test_workers_that_agree_go_on(told):
    check_agreement(Worker(1, told), **FACTS)
    # In any order of the settings.
    other = {"config": {"train": dict(seed=1)}, **FACTS}
    check_agreement(Worker(2, told), **other)


@pytest.mark.parametrize("name", FACTS)
def test_worker_that_differs_is_told_in_what(told, name):
    with pytest.raises(ValueError, match=f"another {name} in worker 2 than"):
        check_agreement(Worker(1, told), **FACTS | {name: "another"})


def test_all_that_differs_is_named(told):
    other = FACTS | {"data": [], "checkpoint": 4}
    with pytest.raises(ValueError, match="another data, another checkpoint in"):
        check_agreement(Worker(1, told), **other)


def test_numbers_are_exact_in_float32(told):
    assert told.dtype == np.float32
    assert told.shape == (3, 32)
    np.testing.assert_array_equal(told, told.astype(np.uint8))
