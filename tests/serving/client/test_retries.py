import time

import pytest

from keras_pose.serving.client import retries


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        self.slept = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def failing(errors):
    """An attempt that raises the errors in turn, then gives "done"."""
    left = list(errors)

    def attempt():
        if left:
            raise left.pop(0)
        return "done"

    return attempt


def longest(low, high):
    assert low == 0
    return high


def call(attempt, timeout=100, count=9, draw=longest):
    deadline = retries.Deadline(timeout)
    return retries.call(
        attempt,
        lambda error: isinstance(error, ConnectionError),
        deadline,
        count,
        draw,
    )


def test_pauses_double_up_to_a_bound(clock):
    assert call(failing([ConnectionError()] * 7)) == "done"
    assert clock.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_pauses_are_drawn(clock):
    call(failing([ConnectionError()] * 2), draw=lambda low, high: high / 4)
    assert clock.slept == [0.025, 0.05]


def test_success_at_once_does_not_pause(clock):
    assert call(failing([])) == "done"
    assert clock.slept == []


def test_last_retry_is_the_last(clock):
    first, last = ConnectionError("first"), ConnectionError("last")
    with pytest.raises(ConnectionError, match="last"):
        call(failing([first, last]), count=1)
    assert len(clock.slept) == 1


def test_other_errors_are_raised_at_once(clock):
    with pytest.raises(KeyError):
        call(failing([KeyError()]))
    assert clock.slept == []


def test_no_pause_outlasts_the_deadline(clock):
    with pytest.raises(ConnectionError):
        call(failing([ConnectionError()] * 9), timeout=0.5)
    assert clock.slept == [0.1, 0.2]  # 0.4 more would be too late
    assert clock.now < 100.5


def test_deadline_counts_down_to_zero(clock):
    deadline = retries.Deadline(3)
    clock.sleep(1)
    assert deadline.remaining() == 2
    assert deadline.within(0.5).remaining() == 0.5
    assert deadline.within(10).remaining() == 2
    clock.sleep(5)
    assert deadline.remaining() == 0


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_deadline_refuses_other_times(seconds):
    with pytest.raises(ValueError, match="`timeout` must be positive"):
        retries.Deadline(seconds)
