import os
import signal
import time

import numpy as np
import pytest

from keras_pose.data.sources.reading import confined

GIB = 2**30


def echo(path, **texts):
    with open(path, "rb") as file:
        size = len(file.read())
    return {"size": np.array(size), "texts": np.array(sorted(texts.items()))}


def eat(path, gib):
    return {"size": np.array(np.zeros(int(gib) * GIB, np.uint8).nbytes)}


def sleep(path):
    time.sleep(600)


def refuse(path):
    raise ValueError("has\ntwo faults")


def die(path):
    os.kill(os.getpid(), signal.SIGKILL)


def leave(path):
    os._exit(7)


def fail(path):
    raise KeyError("absent")


def call(reader, path, **arguments):
    return confined.read(f"{__name__}:{reader}", str(path), **arguments)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"12345")
    return tmp_path / "a.mat"


def test_arrays_come_back(path):
    found = call("echo", path, one="1", two="b c")
    assert found["size"] == 5
    assert found["texts"].tolist() == [["one", "1"], ["two", "b c"]]


@pytest.mark.parametrize(
    ("size", "memory", "seconds"),
    [
        (0, 0.75 * GIB, 60),
        (10**6, 0.75 * GIB + 128 * 10**6, 64),
        (12 * 10**6, 0.75 * GIB + 128 * 12 * 10**6, 108),
        (10**9, 4 * GIB, 600),
    ],
)
def test_limits_grow_with_the_file(size, memory, seconds):
    assert confined.limits_of(size) == (memory, seconds)


def test_a_small_file_may_not_take_what_a_large_one_may(path):
    message = "a.mat: must be read in at most 805307008 bytes.*for its 5 bytes"
    with pytest.raises(ValueError, match=message):
        call("eat", path, gib="3")
    os.truncate(path, 2**26)
    assert call("eat", path, gib="3")["size"] == 3 * GIB
    os.truncate(path, 2**30)
    with pytest.raises(ValueError, match=f"at most {4 * GIB} bytes"):
        call("eat", path, gib="4")


def test_a_reader_that_does_not_end_is_ended(path, monkeypatch):
    monkeypatch.setattr(confined, "BASE_SECONDS", 1)
    start = time.monotonic()
    message = "a.mat: must be read within 1 s, for its 5 bytes"
    with pytest.raises(ValueError, match=message):
        call("sleep", path)
    assert time.monotonic() - start < 30


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        ("refuse", "a.mat: has two faults$"),
        ("die", "a.mat: its reader was ended by signal 9"),
        ("leave", "a.mat: it cannot be read: exit code 7$"),
        ("fail", "a.mat: it cannot be read: KeyError: 'absent'"),
    ],
)
def test_what_went_wrong_is_said(path, reader, message):
    with pytest.raises(ValueError, match=message):
        call(reader, path)


@pytest.mark.parametrize("search", [None, "", ":", "/nowhere:"])
def test_what_lies_in_the_current_folder_is_not_run(path, monkeypatch, search):
    bait = "open('ran', 'w').close()\n"
    for name in ("numpy", "scipy", "h5py", "tempfile"):
        (path.parent / f"{name}.py").write_text(bait)
    monkeypatch.chdir(path.parent)
    if search is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", search)
    assert call("echo", path)["size"] == 5
    assert not (path.parent / "ran").exists()


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "absent", "."):
        with pytest.raises(ValueError, match="cannot be read: "):
            call("echo", tmp_path / name)
