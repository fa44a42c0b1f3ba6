"""Work done ahead by a few threads, its results in order."""

import collections
import concurrent.futures
import os

# More of them wait for each other: Python itself runs one at a time.
_MOST_THREADS = 16
_AHEAD = 2  # results that wait to be taken while each thread makes another


def made_ahead(make, arguments):
    """Yields `make(argument)` of each, in order; raises what it raises."""
    waiting = collections.deque()
    pool = concurrent.futures.ThreadPoolExecutor(num_threads())
    try:
        for argument in arguments:
            waiting.append(pool.submit(make, argument))
            if len(waiting) > _AHEAD + num_threads():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # also where the consumer wants no more
        pool.shutdown(cancel_futures=True)


def num_threads():
    """How many threads make batches: the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    return min(os.cpu_count(), _MOST_THREADS)
