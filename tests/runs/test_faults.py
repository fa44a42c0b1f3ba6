"""What ends a run, and how the same command goes on; as a user sees it."""

import signal

import pytest

EPOCHS = "--config.train.epochs=6"


def test_second_run_is_refused_and_a_signal_saves_and_says_so(make_run):
    run = make_run("run", "--config.train.epochs=1000")
    (first,) = run.start()
    run.wait_for_progress()
    second = make_run("second", "--config.train.epochs=1000")
    second.workdir = run.workdir
    (refused,) = second.start()
    assert refused.ended() == 1
    assert f"`workdir` must be free. Received: {run.workdir}" in refused.output
    assert first.is_running
    first.signal(signal.SIGTERM)
    assert first.ended() == 128 + signal.SIGTERM
    step = int(run.checkpoints()[-1].split("-")[2].removesuffix(".npz"))
    said = first.output.splitlines()[-1]
    assert f"stopped by SIGTERM after step {step}, which is saved" in said
    assert "the same command goes on" in said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_that_was_signalled_goes_on_as_if_it_never_was(make_run, number):
    whole = make_run("whole", EPOCHS).finish().content()
    run = make_run("cut", EPOCHS)
    (started,) = run.start()
    run.wait_for_progress()
    started.signal(number)
    assert started.ended() == 128 + number
    assert run.finish().content() == whole


@pytest.mark.slow
def test_full_disk_is_named_and_nothing_saved_is_lost(make_run, small_disk):
    whole = make_run("whole", EPOCHS).finish().content()
    run = make_run("cut", EPOCHS)
    run.workdir = small_disk.folder / "run"
    (started,) = run.start()
    run.wait_for_progress()
    small_disk.fill()
    assert started.ended() == 1
    assert "No space left on device" in started.output.splitlines()[-1]
    saved = run.checkpoints()
    # Nor does a start on the full disk lose anything.
    (again,) = run.start()
    assert again.ended() == 1
    assert "No space left on device" in again.output.splitlines()[-1]
    assert run.checkpoints() == saved
    small_disk.make_room()
    assert run.finish().content() == whole


@pytest.mark.slow
def test_missing_shard_is_named_and_may_come_back(make_run, tmp_path):
    whole = make_run("whole", EPOCHS).finish().content()
    run = make_run("cut", EPOCHS)
    (started,) = run.start()
    run.wait_for_progress()
    shard = tmp_path / "train" / "00002-of-00006.tfrecord"
    shard.rename(tmp_path / "aside")
    started.signal(signal.SIGKILL)  # a file that is open would be read on
    started.ended()
    saved = run.checkpoints()
    (again,) = run.start()
    assert again.ended() == 1
    assert f"{shard}: No such file or directory" in again.output
    assert run.checkpoints()[-1] >= saved[-1]
    (tmp_path / "aside").rename(shard)
    assert run.finish().content() == whole
