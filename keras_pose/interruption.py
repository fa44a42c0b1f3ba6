"""SIGTERM and SIGINT: as something to ask for, or as something to raise."""

import contextlib
import signal
import threading


class Interrupted(Exception):
    """A signal ended a run, which can go on."""

    def __init__(self, signal_number, message):
        super().__init__(message)
        self.signal_number = signal_number


class Terminated(BaseException):
    """SIGTERM came, as KeyboardInterrupt says that SIGINT did."""


class Interruption:
    """While it is entered, the first signal is noted; a second one ends all.

    Args:
        kills: Whether a second SIGTERM ends the process on the spot, as what
            hangs in a library needs; else it does what it did before.

    Attributes:
        signal_number: Of the signal that came; None for none.
    """

    def __init__(self, kills=True):
        self.signal_number = None
        self._kills = kills
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is not threading.main_thread():
            return self  # Python hands signals to the main thread alone
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error):
        while self._before:
            signal.signal(*self._before.popitem())

    def _note(self, number, frame):
        self.signal_number = number
        for before in self._before.items():
            signal.signal(*before)
        if self._kills:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def termination_raised():
    """Has SIGTERM raise, so that what is half done is tidied up.

    Raises:
        Terminated: The signal came.
    """

    def end(*_):
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
