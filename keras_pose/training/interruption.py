"""SIGTERM and SIGINT as something to ask for, between two steps."""

import signal
import threading


class Interrupted(Exception):
    """A signal ended a run, which can go on."""

    def __init__(self, signal_number, message):
        super().__init__(message)
        self.signal_number = signal_number


class Interruption:
    """While it is entered, the first signal is noted; a second one ends all.

    Attributes:
        signal_number: Of the signal that came; None for none.
    """

    def __init__(self):
        self.signal_number = None
        self._handlers = {}

    def __enter__(self):
        if threading.current_thread() is not threading.main_thread():
            return self  # Python hands signals to the main thread alone
        for number in (signal.SIGTERM, signal.SIGINT):
            self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error):
        self._restore()

    def _note(self, number, frame):
        self.signal_number = number
        self._restore()

    def _restore(self):
        while self._handlers:
            signal.signal(*self._handlers.popitem())
