import logging
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from keras_pose.training.checkpoint import Checkpoints
from keras_pose.training.checkpoint import RunState

ARRAYS = {
    "model/0000": np.float32([[1, -2.5], [np.nan, 3e-45]]),
    "optimizer/0000": np.int64(7),
    "optimizer/0001": np.zeros((0, 3), np.float16),
}


def folders(tmp_path):
    return sorted(os.listdir(tmp_path / "checkpoints"))


def newest(tmp_path):
    return tmp_path / "checkpoints" / folders(tmp_path)[-1]


def test_nothing_is_a_new_run(tmp_path):
    state, arrays = Checkpoints(tmp_path, 2).load()
    assert state == RunState()
    assert arrays == {}


def test_what_is_saved_is_loaded_bit_by_bit(tmp_path):
    state = RunState(step=123, epoch=4, best=0.1 + 0.2, logged=100)
    state.add({"loss": 1 / 3, "mpjpe_mm": 1e-300})
    Checkpoints(tmp_path, 2).save(state, ARRAYS)
    loaded, arrays = Checkpoints(tmp_path, 2).load()
    assert loaded == state
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()


def test_infinite_best_survives(tmp_path):
    Checkpoints(tmp_path, 1).save(RunState(step=1), {})
    assert Checkpoints(tmp_path, 1).load()[0].best == float("inf")


def test_the_newest_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, 2)
    for step in (5, 9, 10, 10):
        checkpoints.save(RunState(step=step), {"a": np.array(step)})
    assert folders(tmp_path) == ["000003-step-10.npz", "000004-step-10.npz"]
    assert checkpoints.load()[1]["a"] == 10


def test_a_step_saved_again_after_its_validation_is_the_later_one(tmp_path):
    checkpoints = Checkpoints(tmp_path, 1)
    checkpoints.save(RunState(step=10, epoch=0), {})
    checkpoints.save(RunState(step=10, epoch=1), {})
    assert checkpoints.load()[0].epoch == 1


def test_order_is_that_of_writing_past_all_digits(tmp_path):
    checkpoints = Checkpoints(tmp_path, 3)
    checkpoints.save(RunState(step=1), {})
    newest(tmp_path).rename(tmp_path / "checkpoints" / "999999-step-1.npz")
    checkpoints.save(RunState(step=2), {})
    assert folders(tmp_path)[0] == "1000000-step-2.npz"
    assert checkpoints.load()[0].step == 2


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def empty(path):
    path.write_bytes(b"")


def flip_in_array(path):
    flip(path, np.arange(40.0)[10].tobytes())


def flip_in_state(path):
    flip(path, b"since_best")


def flip(path, what):
    content = bytearray(path.read_bytes())
    content[content.index(what)] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, empty, flip_in_array, flip_in_state])
def test_a_damaged_one_falls_back_with_a_warning(tmp_path, caplog, damage):
    checkpoints = Checkpoints(tmp_path, 2)
    for step in (1, 2):
        checkpoints.save(RunState(step=step), {"a": np.arange(40.0) + step})
    damage(newest(tmp_path))
    with caplog.at_level(logging.WARNING, "absl"):
        state, arrays = Checkpoints(tmp_path, 2).load()
    assert state.step == 1
    np.testing.assert_array_equal(arrays["a"], np.arange(40.0) + 1)
    assert "000002-step-2.npz: damaged" in caplog.text
    # The run goes on and saves the step again, beside the damaged one.
    checkpoints.save(RunState(step=2), {})
    assert Checkpoints(tmp_path, 2).load()[0].step == 2


def test_damaged_ones_do_not_crowd_out_whole_ones(tmp_path):
    checkpoints = Checkpoints(tmp_path, 2)
    for step in (1, 2):
        checkpoints.save(RunState(step=step), {})
    for step in (3, 4, 5):
        cut(newest(tmp_path))
        checkpoints = Checkpoints(tmp_path, 2)
        assert checkpoints.load()[0].step == 1
        checkpoints.save(RunState(step=step), {})
        assert folders(tmp_path) == [
            "000001-step-1.npz",
            f"{step:06d}-step-{step}.npz",
        ]
    checkpoints.save(RunState(step=6), {})
    assert len(folders(tmp_path)) == 2
    assert Checkpoints(tmp_path, 2).load()[0].step == 6


def test_all_damaged_is_an_error_and_no_new_run(tmp_path):
    checkpoints = Checkpoints(tmp_path, 2)
    for step in (1, 2):
        checkpoints.save(RunState(step=step), {})
        newest(tmp_path).write_bytes(b"garbage")
    with pytest.raises(ValueError, match="step-2.*step-1"):
        checkpoints.load()


@pytest.mark.parametrize("error", [OSError(116, "Stale"), MemoryError()])
def test_one_that_cannot_be_read_now_is_not_passed_over(
    tmp_path, monkeypatch, error
):
    checkpoints = Checkpoints(tmp_path, 2)
    assert not checkpoints.exist
    for step in (1, 2):
        checkpoints.save(RunState(step=step), {})
    assert checkpoints.exist

    def fail(*arguments, **options):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(np, "load", fail)
        with pytest.raises(OSError, match="000002-step-2.npz: cannot be read"):
            checkpoints.load()
    assert checkpoints.load()[0].step == 2


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "boom"),)

    checkpoints = Checkpoints(tmp_path, 1)
    checkpoints.save(RunState(), {})
    array = np.empty(1, object)
    array[0] = Bomb()
    np.savez(newest(tmp_path), state=array)
    with pytest.raises(ValueError, match="whole checkpoint"):
        checkpoints.load()
    assert not (tmp_path / "boom").exists()


def test_a_failed_write_leaves_the_earlier_ones(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, 1)
    checkpoints.save(RunState(step=1), {})

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(RunState(step=2), {})
    assert folders(tmp_path) == ["000001-step-1.npz"]


def test_what_a_killed_writer_left_is_no_checkpoint(tmp_path):
    checkpoints = Checkpoints(tmp_path, 2)
    checkpoints.save(RunState(step=1), {})
    (tmp_path / "checkpoints" / "abc.new").write_bytes(b"half")
    assert checkpoints.load()[0].step == 1
    checkpoints.save(RunState(step=2), {})
    assert folders(tmp_path) == ["000001-step-1.npz", "000002-step-2.npz"]


def test_means_are_those_of_the_epoch_and_of_the_row():
    state = RunState()
    assert state.epoch_means() == {}
    state.add({"loss": 1.0})
    assert state.take_row() == {"loss": 1.0}
    state.add({"loss": 2.0})
    state.add({"loss": 6.0})
    assert state.epoch_means() == {"loss": 3.0}
    assert state.take_row() == {"loss": 4.0}
    state.end_epoch()
    assert state.epoch == 1
    assert state.epoch_means() == {}


# Kills itself, which nothing can answer, in the midst of a second checkpoint.
KILLED = """
import os, signal, sys
import numpy as np
from keras_pose.training.checkpoint import Checkpoints, RunState

name, workdir = sys.argv[1:]
checkpoints = Checkpoints(workdir, 1)
checkpoints.save(RunState(step=1), {"a": np.arange(9.0)})
module = np if name == "savez" else os
function = getattr(module, name)

def kill(*arguments, **more):
    if name == "savez":
        arguments[0].write(b"half")
        arguments[0].flush()
    os.kill(os.getpid(), signal.SIGKILL)

setattr(module, name, kill)
checkpoints.save(RunState(step=2), {"a": np.arange(9.0) + 1})
"""


@pytest.mark.parametrize(
    ("instant", "step"),
    [("savez", 1), ("fsync", 1), ("replace", 1), ("remove", 2)],
)
def test_a_kill_within_a_write_leaves_a_whole_checkpoint(
    tmp_path, instant, step
):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, instant, tmp_path], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    checkpoints = Checkpoints(tmp_path, 1)
    state, arrays = checkpoints.load()
    assert state.step == step
    np.testing.assert_array_equal(arrays["a"], np.arange(9.0) + step - 1)
    checkpoints.save(RunState(step=3), {})
    assert folders(tmp_path) == [f"{step + 1:06d}-step-3.npz"]
