"""Where the time of a run goes."""

import contextlib
import time

_FIRST_STEP = 10  # since the start; the ones before are spent on tracing


class Waiting:
    """An iterator that counts the seconds for which it is waited for."""

    def __init__(self, iterator):
        self.seconds = 0.0
        self._iterator = iterator

    def __iter__(self):
        return self

    def __next__(self):
        began = time.perf_counter()
        try:
            return next(self._iterator)
        finally:
            self.seconds += time.perf_counter() - began


class Profile:
    """Profiles some steps, once a run is under way.

    Args:
        engine: The run's engine.
        folder: Where TensorBoard looks for it.
        steps: How many; 0 for none.
        stack: An ExitStack, which ends a profile that a run leaves early.
    """

    def __init__(self, engine, folder, steps, stack):
        self._engine = engine
        self._folder = folder
        self._last = _FIRST_STEP + steps if steps else 0
        self._stack = stack
        self._step = 0
        self._running = None

    def begin_step(self):
        """Counts a step."""
        self._step += 1
        if self._running and self._step == self._last:
            self._running.close()
            self._running = None
        if self._step == _FIRST_STEP < self._last:
            self._running = self._stack.enter_context(contextlib.ExitStack())
            self._running.enter_context(self._engine.profiled(self._folder))
