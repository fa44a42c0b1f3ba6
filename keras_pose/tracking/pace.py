"""How fast a run goes, and how long it still takes."""

import collections

_WINDOW = 10.0  # seconds of steps that the current speed is taken over


class Pace:
    """Measured speed of a run, and the time left that follows from it.

    Args:
        epochs: Of the whole run.
        validation_every: Epochs between validations, of which the last epoch
            has one; 0 for a run without them.
    """

    def __init__(self, epochs, validation_every=0):
        self.epochs = epochs
        self.validation_every = validation_every
        self._epoch = self._steps = self._done = 0
        self._seen = 0  # steps since the process began
        self._window = collections.deque()
        # Sums of images, seconds, and seconds waiting.
        self._in_window = self._in_epoch = self._in_run = (0, 0.0, 0.0)
        self._tails = {}  # whether validated: seconds from last step to end

    def start(self, epoch, steps, done=0):
        """Begins an epoch, counted from 0, of which `done` steps are done."""
        self._epoch, self._steps, self._done = epoch, steps, done
        self._in_epoch = (0, 0.0, 0.0)

    def step(self, images, seconds, seconds_waiting):
        """Counts a step of so many images, and how long it took and waited."""
        if self._seen == 1:
            # The first step compiles, which is no part of the speed.
            self._window.clear()
            self._in_window = self._in_epoch = self._in_run = (0, 0.0, 0.0)
        self._done += 1
        self._seen += 1
        row = (images, seconds, seconds_waiting)
        self._window.append(row)
        self._in_window = _plus(self._in_window, row)
        self._in_epoch = _plus(self._in_epoch, row)
        self._in_run = _plus(self._in_run, row)
        while self._in_window[1] - self._window[0][1] >= _WINDOW:
            self._in_window = _plus(self._in_window, self._window.popleft(), -1)

    def end(self, seconds):
        """Ends an epoch, so many seconds after its last step."""
        self._tails[self.validates(self._epoch)] = seconds

    def validates(self, epoch):
        """Whether an epoch, counted from 0, ends in a validation."""
        if not self.validation_every:
            return False
        is_last = epoch + 1 == self.epochs
        return is_last or (epoch + 1) % self.validation_every == 0

    def current(self):
        """(images/s, share of time that waits for data) of the last seconds.

        Returns:
            None until a step is done.
        """
        return _speed(self._in_window)

    def of_epoch(self):
        """As `current`, of the steps of this epoch."""
        return _speed(self._in_epoch)

    def left(self, seconds_since_step=0.0):
        """Seconds to the end of the run.

        Args:
            seconds_since_step: How long ago the last step was.

        Returns:
            None until a step is done, else the seconds, and whether all that
            is to come has been measured; a validation may not yet have been.
        """
        if not self._seen:
            return None
        step_seconds = self._in_run[1] / max(self._seen - 1, 1)
        later = self.epochs - self._epoch - 1
        steps = self._steps - self._done + later * self._steps
        validated = [self.validates(x) for x in range(self._epoch, self.epochs)]
        seconds = steps * step_seconds
        seconds += sum(self._tails.get(kind, 0.0) for kind in validated)
        if self._done == self._steps:  # in the tail of this epoch
            tail = self._tails.get(validated[0], 0.0)
            seconds -= min(tail, seconds_since_step)
        return seconds, not any(validated) or True in self._tails


def _plus(sums, row, sign=1):
    return tuple(x + sign * y for x, y in zip(sums, row, strict=True))


def _speed(sums):
    images, seconds, waiting = sums
    return (images / seconds, waiting / seconds) if seconds > 0 else None
