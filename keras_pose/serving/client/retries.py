"""Calls that are tried again, within one deadline over all attempts."""

import itertools
import random
import time

# Seconds; each pause is drawn between 0 and a bound that doubles from the first
# of these to the second, so that clients that failed together do not come back
# together.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class Deadline:
    """An instant that calls may not outlast.

    Args:
        seconds: From now.

    Raises:
        ValueError: `seconds` is not a positive number.
    """

    def __init__(self, seconds):
        if not 0 < seconds < float("inf"):
            raise ValueError(
                f"`timeout` must be positive and finite. Received: {seconds}"
            )
        self._end = time.monotonic() + seconds

    def remaining(self):
        """Seconds that are left, 0 where none are."""
        return max(0.0, self._end - time.monotonic())

    def within(self, seconds):
        """The nearer of this and a Deadline in `seconds`."""
        nearer = Deadline(seconds)
        nearer._end = min(nearer._end, self._end)
        return nearer


def call(attempt, is_transient, deadline, retries, draw=random.uniform):
    """Calls a function until it succeeds, as often as makes sense.

    Args:
        attempt: What to call; it must be safe to call twice.
        is_transient: Exception -> whether another attempt may succeed.
        deadline: Deadline over all attempts and pauses.
        retries: Attempts after the first.
        draw: (low, high) -> a number between.

    Returns:
        What `attempt` returns.
    """
    for number in itertools.count():
        try:
            return attempt()
        except Exception as error:
            if number == retries or not is_transient(error):
                raise
            bound = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**number)
            pause = draw(0, bound)
            if pause >= deadline.remaining():
                raise
        time.sleep(pause)
