"""Renders images on several cores; the result is that of one core."""

import contextlib
import multiprocessing
import os
import signal

import cv2

from keras_pose.synthesis.scene import Studio

_AHEAD = 50  # images a process

# Windows waits on few processes at once.
_MOST_ON_WINDOWS = 60

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_DEAD_CHECK = 1.0  # seconds without an image, before workers are looked at

_options = _studio = None  # of a worker process


def render_samples(options, indices, processes=None):
    """Renders images in parallel.

    Args:
        options: The scene.Options of the data set.
        indices: Numbers of the images.
        processes: How many at once; None: one for each core that this process
            may use.

    Yields:
        Samples in the order of `indices`.

    Raises:
        ValueError: A file that the options name is missing or wrong.
        RuntimeError: A worker process was ended from outside.
    """
    indices = list(indices)
    processes = min(processes or available_cores(), len(indices))
    if os.name == "nt":
        processes = min(processes, _MOST_ON_WINDOWS)
    if processes <= 1:
        studio = Studio(options)
        yield from map(studio.sample, indices)
        return
    # A fork would copy the locks of TensorFlow's threads.
    context = multiprocessing.get_context("spawn")
    others = multiprocessing.active_children()
    with _single_threaded():
        pool = context.Pool(processes, _start, (options,))
    with pool:
        workers = [
            process
            for process in multiprocessing.active_children()
            if process not in others
        ]
        # Not all at once: a slow reader would let the images pile up.
        ahead = _AHEAD * processes
        for start in range(0, len(indices), ahead):
            results = pool.imap(_render, indices[start : start + ahead])
            yield from _while_alive(results, workers)


@contextlib.contextmanager
def _single_threaded():
    """Has the libraries of processes that start inside use one thread each."""
    # They read it when they are imported, which is before `_start`.
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _while_alive(results, workers):
    """What a pool gives, which for want of a worker would be waited for."""
    while True:
        try:
            result = results.next(_DEAD_CHECK)
        except StopIteration:
            return
        except multiprocessing.TimeoutError:
            if all(worker.is_alive() for worker in workers):
                continue
            raise RuntimeError(
                "a process that renders was ended, perhaps for want of memory; "
                "fewer `processes` need less"
            ) from None
        yield result


def available_cores():
    """Number of cores that this process may use; blind to quotas of time."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()  # macOS and Windows bind no process to cores


def _start(options):
    """Prepares a worker process."""
    global _options
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends it
    cv2.setNumThreads(1)
    _options = options


def _render(index):
    global _studio
    # Only here does an error reach the main process: a pool starts workers
    # that fail to start again and again.
    _studio = _studio or Studio(_options)
    return _studio.sample(index)
