import signal
import threading

import pytest

from keras_pose.interruption import Interruption
from keras_pose.interruption import Terminated
from keras_pose.interruption import termination_raised


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_is_noted(number):
    with Interruption() as interruption:
        assert interruption.signal_number is None
        signal.raise_signal(number)
        assert interruption.signal_number == number


@pytest.fixture
def python_interrupts():
    """As in a terminal; a shell's background job ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_second_signal_does_what_it_always_does(python_interrupts):
    with Interruption():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_second_sigterm_ends_what_hangs_in_a_library():
    with Interruption():
        signal.raise_signal(signal.SIGTERM)
        # No handler of Python's, which would wait for the library.
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_sigterm_may_be_raised():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), termination_raised():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_handlers_are_given_back_after_a_signal_too(number):
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    with Interruption():
        signal.raise_signal(number)
    after = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    assert after == before


def test_handlers_are_given_back():
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    with Interruption():
        pass
    after = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    assert after == before


def test_other_threads_leave_signals_alone():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def enter():
        with Interruption() as interruption:
            seen.append(signal.getsignal(signal.SIGINT))
            seen.append(interruption.signal_number)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before, None]
