"""Frames made ahead, in a thread of their own."""

import collections
import threading

from keras_pose.media.frame import Frame

MOST_FRAMES = 4
MOST_BYTES = 2**28  # of pictures that wait, but that one always may

# Python on Windows hears of Ctrl-C only between waits.
_WAIT_S = 0.5


class Mailbox:
    """What one thread puts and another takes, in order.

    Args:
        newest_only: Whether a frame replaces those that were not taken, so
            that a live picture does not lag; else who puts it waits.
    """

    def __init__(self, newest_only=False):
        self._newest_only = newest_only
        self._changed = threading.Condition()
        self._items = collections.deque()
        self._is_stopped, self._is_finished, self._error = False, False, None

    def put(self, item):
        """Puts an item in; returns False where no more are wanted.

        None is no item: it asks whether more are wanted.
        """
        with self._changed:
            if item is None:
                return not self._is_stopped
            if self._newest_only and isinstance(item, Frame):
                kept = [i for i in self._items if not isinstance(i, Frame)]
                self._items = collections.deque(kept)
            while not self._is_stopped and self._is_full(item):
                self._changed.wait()
            if not self._is_stopped:
                self._items.append(item)
                self._changed.notify_all()
            return not self._is_stopped

    def _is_full(self, item):
        frames = [i for i in (*self._items, item) if isinstance(i, Frame)]
        return len(frames) > 1 and (
            len(frames) > MOST_FRAMES
            or sum(frame.image.nbytes for frame in frames) > MOST_BYTES
        )

    def take(self):
        """Takes the next item out, and waits for it.

        Returns:
            The item; None behind the last one.

        Raises:
            BaseException: What ended who puts them in.
        """
        with self._changed:
            while not (self._items or self._is_finished or self._is_stopped):
                self._changed.wait(_WAIT_S)
            if self._is_stopped:
                return None
            if self._items:
                self._changed.notify_all()
                return self._items.popleft()
            error, self._error = self._error, None
            if error is not None:
                raise error
            return None

    def finish(self, error=None):
        """Says that no more items come, for an error or at the end."""
        with self._changed:
            self._is_finished, self._error = True, error
            self._changed.notify_all()

    def stop(self):
        """Says that no more items are wanted."""
        with self._changed:
            self._is_stopped = True
            self._items.clear()
            self._changed.notify_all()


def start(source, mailbox):
    """Starts the thread that puts a source's frames into a mailbox.

    Args:
        source: Has `frames()`, an iterator of items, or of None where it only
            went on, and `close()`, which is called in the thread behind the
            last item that is wanted.
        mailbox: The Mailbox.

    Returns:
        The Thread.
    """
    thread = threading.Thread(
        target=_run, args=(source, mailbox), name="media", daemon=True
    )
    thread.start()
    return thread


def _run(source, mailbox):
    error = None
    try:
        for item in source.frames():
            if not mailbox.put(item):
                break
    except BaseException as raised:  # it belongs to who takes the frames
        error = raised
    try:
        source.close()
    finally:
        mailbox.finish(error)
