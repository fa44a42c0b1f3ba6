import contextlib
import time

import pytest

from keras_pose.training.timing import Profile
from keras_pose.training.timing import Waiting


def test_seconds_of_waiting_add_up():
    def slow():
        for number in range(3):
            time.sleep(0.02)
            yield number

    waiting = Waiting(slow())
    assert list(waiting) == [0, 1, 2]
    assert 0.06 <= waiting.seconds < 1
    waiting.seconds = 0.0
    with pytest.raises(StopIteration):
        next(waiting)
    assert waiting.seconds < 0.02


class Engine:
    """Notes which profiles are begun and ended."""

    def __init__(self):
        self.events = []

    @contextlib.contextmanager
    def profiled(self, folder):
        self.events.append("begin")
        yield
        self.events.append("end")


@pytest.mark.parametrize(
    ("steps", "done", "expected"),
    [
        (0, 30, []),
        (3, 9, []),
        (3, 10, ["begin"]),
        (3, 12, ["begin"]),
        (3, 13, ["begin", "end"]),
        (3, 30, ["begin", "end"]),
    ],
)
def test_steps_are_profiled_after_the_first(steps, done, expected):
    engine = Engine()
    with contextlib.ExitStack() as stack:
        profile = Profile(engine, "folder", steps, stack)
        for _ in range(done):
            profile.begin_step()
        assert engine.events == expected
    assert engine.events in ([], ["begin", "end"])
