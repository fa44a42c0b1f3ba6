import dataclasses
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_pose.synthesis import scene
from keras_pose.synthesis import workers

OPTIONS = scene.Options(image_size=64, seed=3)
ROOT = pathlib.Path(workers.__file__).parents[2]


def as_bytes(sample):
    return [
        value.tobytes() if isinstance(value, np.ndarray) else value
        for value in (
            getattr(sample, field.name) for field in dataclasses.fields(sample)
        )
    ]


class Deadly:
    """An index at which the process that reads it is gone."""

    def __reduce__(self):
        return os._exit, (9,)


def test_two_processes_give_what_one_gives(monkeypatch):
    monkeypatch.setattr(workers, "_AHEAD", 3)  # so that they meet in between
    indices = [5, 0, 9, 2, 11, 5, 7]
    one, two = (
        [as_bytes(s) for s in workers.render_samples(OPTIONS, indices, n)]
        for n in (1, 2)
    )
    assert two == one
    studio = scene.Studio(OPTIONS)
    assert one == [as_bytes(studio.sample(index)) for index in indices]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("processes", [None, 1, 2])
def test_no_indices_give_no_samples(processes):
    assert list(workers.render_samples(OPTIONS, [], processes)) == []


def test_one_process_is_this_one():
    samples = workers.render_samples(OPTIONS, iter([1, 2]), 1)
    next(samples)
    assert multiprocessing.active_children() == []


def test_none_takes_every_core(monkeypatch):
    asked = []

    def pool(context, processes, *arguments):
        asked.append(processes)
        raise RuntimeError("enough")

    monkeypatch.setattr(multiprocessing.context.BaseContext, "Pool", pool)
    monkeypatch.setattr(workers, "available_cores", lambda: 7)
    for count, processes in ((20, None), (5, None), (20, 3)):
        with pytest.raises(RuntimeError, match="enough"):
            next(workers.render_samples(OPTIONS, range(count), processes))
    assert asked == [7, 5, 3]


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    cores = workers.available_cores()
    assert 1 <= cores <= os.cpu_count()
    monkeypatch.setattr(
        os, "sched_getaffinity", lambda pid: {4, 7, 9}, raising=False
    )
    assert workers.available_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert workers.available_cores() == os.cpu_count()


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_of_a_worker_reaches_the_caller(processes):
    options = dataclasses.replace(OPTIONS, motion="/nowhere")
    with pytest.raises(ValueError, match="motion .*Received: /nowhere"):
        list(workers.render_samples(options, [0, 1, 2], processes))
    assert multiprocessing.active_children() == []


def test_a_worker_that_is_gone_ends_the_rendering(monkeypatch):
    monkeypatch.setattr(workers, "_DEAD_CHECK", 0.2)
    samples = workers.render_samples(OPTIONS, [0, Deadly(), 1], 2)
    with pytest.raises(RuntimeError, match="was ended"):
        list(samples)
    assert multiprocessing.active_children() == []


def test_closing_early_leaves_no_process():
    samples = workers.render_samples(OPTIONS, range(1000), 2)
    next(samples)
    assert len(multiprocessing.active_children()) == 2
    samples.close()
    assert multiprocessing.active_children() == []


ENDLESS = """
import sys
from keras_pose.synthesis import scene, workers
if __name__ == "__main__":
    options = scene.Options(image_size=64)
    for number, _ in enumerate(workers.render_samples(options, range(9999), 2)):
        print(number, flush=True)
"""


def group_members(group):
    """Processes of a group that are not yet dead."""
    members = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            members.append(stat.parent.name)
    return members


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process(stop, tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    run = subprocess.Popen(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while run.stdout.readline().strip() != "20":
        assert run.poll() is None
    assert len(group_members(run.pid)) >= 3
    if stop == signal.SIGINT:
        os.killpg(run.pid, stop)  # as the terminal does
    else:
        run.kill()
    _, errors = run.communicate(timeout=30)
    assert run.returncode == -stop
    if stop == signal.SIGINT:
        assert errors.splitlines()[-1] == "KeyboardInterrupt"
        assert "PoolWorker" not in errors  # it is the main process's alone
    until = time.monotonic() + 20
    while group_members(run.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert group_members(run.pid) == []
