import itertools
import threading
import time

import numpy as np
import pytest

from keras_pose.media import ahead
from keras_pose.media.frame import Frame
from keras_pose.media.frame import Note


def frame(number, size=1):
    return Frame(str(number), None, np.empty((size,), np.uint8))


class Source:
    """Gives what it is made of, and counts."""

    def __init__(self, items, error=None):
        self._items, self._error = items, error
        self.num_given, self.closed_in = 0, None

    def frames(self):
        for item in self._items:
            self.num_given += 1
            yield item
        if self._error:
            raise self._error

    def close(self):
        self.closed_in = threading.current_thread().name


def started(source, newest_only=False):
    mailbox = ahead.Mailbox(newest_only)
    return mailbox, ahead.start(source, mailbox)


def settled(count, wanted):
    """Waits for a count, and whether it stays."""
    deadline = time.monotonic() + 5
    while count() < wanted and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)
    return count()


def test_items_come_in_order_and_end():
    source = Source([frame(0), Note("a"), frame(1)])
    mailbox, thread = started(source)
    taken = [mailbox.take() for _ in range(4)]
    assert [getattr(item, "name", item) for item in taken] == [
        "0",
        Note("a"),
        "1",
        None,
    ]
    thread.join(5)
    assert source.closed_in == "media"


@pytest.mark.parametrize(
    ("size", "most"),
    [(1, ahead.MOST_FRAMES), (100, 2), (250, 1), (1000, 1)],
)
def test_only_so_many_wait(monkeypatch, size, most):
    monkeypatch.setattr(ahead, "MOST_BYTES", 250)
    source = Source([frame(number, size) for number in range(20)])
    mailbox, thread = started(source)
    # One more is made, and waits for its place.
    assert settled(lambda: source.num_given, most + 1) == most + 1
    mailbox.take()
    assert settled(lambda: source.num_given, most + 2) == most + 2
    mailbox.stop()
    thread.join(5)
    assert source.closed_in
    assert mailbox.take() is None


def test_an_error_comes_behind_what_was_read():
    mailbox, thread = started(Source([frame(0)], OSError("unplugged")))
    assert mailbox.take().name == "0"
    with pytest.raises(OSError, match="unplugged"):
        mailbox.take()
    thread.join(5)
    assert mailbox.take() is None


def test_of_live_frames_the_newest_waits():
    numbers = iter(range(1000))
    go_on = threading.Semaphore(0)

    def pictures():
        for number in numbers:
            go_on.acquire()
            yield Note("x") if number == 1 else frame(number)

    source = Source(pictures())
    mailbox, thread = started(source, newest_only=True)
    go_on.release(6)
    assert settled(lambda: source.num_given, 6) == 6
    assert mailbox.take() == Note("x")
    assert mailbox.take().name == "5"
    go_on.release(3)
    assert settled(lambda: source.num_given, 9) == 9
    assert mailbox.take().name == "8"
    mailbox.stop()
    go_on.release()
    thread.join(5)
    assert not thread.is_alive()


def test_what_passes_over_frames_can_be_stopped():
    source = Source(itertools.repeat(None))
    mailbox, thread = started(source)
    assert settled(lambda: source.num_given, 10) >= 10
    mailbox.stop()
    thread.join(5)
    assert not thread.is_alive()
