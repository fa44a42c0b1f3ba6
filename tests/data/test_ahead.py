import itertools
import threading
import time

import pytest

from keras_pose.data import ahead


def run_on(function, arguments=None):
    return ahead.made_ahead(function, arguments or itertools.count())


def test_results_come_in_order_however_long_each_takes():
    def make(number):
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number

    assert list(run_on(make, range(20))) == list(range(20))


def test_only_so_many_are_made_ahead(monkeypatch):
    monkeypatch.setattr(ahead, "num_threads", lambda: 3)
    begun = []
    stream = run_on(begun.append)
    assert begun == []  # nothing before it is asked for
    next(stream)
    time.sleep(0.1)
    assert 2 <= len(begun) <= 3 + ahead._AHEAD + 1
    next(stream)
    time.sleep(0.1)
    assert len(begun) <= 3 + ahead._AHEAD + 2
    stream.close()


def test_several_are_made_at_once(monkeypatch):
    monkeypatch.setattr(ahead, "num_threads", lambda: 3)
    together = threading.Barrier(3, timeout=10)
    assert len(list(run_on(lambda _: together.wait(), range(6)))) == 6


def test_what_a_thread_raises_is_raised_in_its_place():
    before = threading.active_count()

    def make(number):
        if number == 3:
            raise ZeroDivisionError("the third")
        return number

    stream = run_on(make)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError, match="the third"):
        next(stream)
    assert threading.active_count() == before
