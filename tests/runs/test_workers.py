"""Two processes that train together, and what becomes of one alone."""

import os
import random
import signal
import time

import pytest

KILLS = int(os.environ.get("KERAS_POSE_KILLED_WORKERS", "4"))
SEED = int(os.environ.get("KERAS_POSE_FAULT_SEED", time.time_ns() % 10**6))
EPOCHS = "--config.train.epochs=20"
ALONE = 90.0  # seconds, the longest that a worker waits for a dead one


@pytest.mark.slow
def test_worker_left_alone_ends_and_both_go_on(make_run):
    print(f"seed {SEED}")
    draw = random.Random(SEED)
    whole = make_run("whole", EPOCHS, num_workers=2).finish().content()
    run = make_run("cut", EPOCHS, num_workers=2)
    killed = 0
    while killed < KILLS:
        workers = run.start()
        run.wait_for_progress()
        time.sleep(draw.uniform(0, 1.5))
        victim, left = draw.sample(workers, 2)
        if not victim.is_running:
            break
        victim.signal(signal.SIGKILL)
        killed += 1
        began = time.monotonic()
        assert left.ended(ALONE) == 1, left.output
        seconds = time.monotonic() - began
        print(
            f"kill {killed}: worker {workers.index(left)} ends: {seconds:.1f} s"
        )
        said = left.output.splitlines()[-1]
        assert "a run of 2 workers needs all of them, and one has ended" in said
    assert killed
    assert run.finish().content() == whole


@pytest.mark.slow
@pytest.mark.parametrize("worker", [0, 1])
def test_signal_to_one_worker_saves_and_ends_both(make_run, worker):
    whole = make_run("whole", EPOCHS, num_workers=2).finish().content()
    run = make_run("cut", EPOCHS, num_workers=2)
    workers = run.start()
    run.wait_for_progress()
    workers[worker].signal(signal.SIGTERM)
    for started in workers:
        assert started.ended(ALONE) == 128 + signal.SIGTERM, started.output
        assert "the same command goes on" in started.output.splitlines()[-1]
    assert run.finish().content() == whole
