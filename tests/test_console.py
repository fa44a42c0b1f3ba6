import io
import logging
import pathlib
import subprocess
import sys
import types

import pytest

from keras_pose import console

ROOT = pathlib.Path(__file__).parents[1]
SCRIPT = """
import sys

sys.path.insert(0, {root!r})
from absl import flags
from keras_pose import console

_NAME = flags.DEFINE_string("name", None, "A name.")


def main():
    {body}


if __name__ == "__main__":
    console.run(main, required=["name"])
"""


@pytest.fixture
def run_script(tmp_path):
    """Gives `(body, *arguments)` -> the finished process of such a script."""

    def run(body, *arguments):
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.format(root=str(ROOT), body=body))
        return run_python(path, *arguments)

    return run


def run_python(script, *arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, ROOT / script, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


def test_script_that_succeeds_prints_its_result_alone(run_script):
    done = run_script("print(_NAME.value)", "--name=a")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n", "")


@pytest.mark.parametrize("error", ["ValueError", "OSError", "RuntimeError"])
def test_what_the_user_can_mend_is_one_line(error, run_script):
    done = run_script(f"raise {error}('`name` must be b')", "--name=a")
    assert done.returncode == 1
    assert done.stderr == "script.py: error: `name` must be b\n"
    assert done.stdout == ""


def test_verbosity_adds_the_traceback(run_script):
    body = "raise ValueError('`name` must be b')"
    done = run_script(body, "--name=a", "--verbosity=1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("script.py: error: `name` must be b\n")


def test_error_of_the_program_keeps_its_traceback(run_script):
    done = run_script("raise TypeError('a bug')", "--name=a")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("TypeError: a bug\n")


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")],
)
def test_signals_end_a_script_when_it_has_tidied_up(
    name, code, said, run_script
):
    body = f"""import signal
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        signal.raise_signal(signal.{name})
    finally:
        print("tidy")"""
    done = run_script(body, "--name=a")
    assert (done.returncode, done.stdout) == (code, "tidy\n")
    assert done.stderr == f"script.py: {said}\n"


def test_leftover_arguments_are_refused(run_script):
    done = run_script("print('ran')", "--name=a", "--", "left", "over")
    assert done.returncode == 1
    assert "unknown arguments: left over" in done.stdout + done.stderr
    assert "ran\n" not in done.stdout


@pytest.mark.parametrize(
    ("script", "flag"),
    [
        ("prepare.py", "source"),
        ("evaluate.py", "data"),
        ("export.py", "model"),
        ("predict.py", "model"),
    ],
)
def test_missing_flag_is_named(script, flag):
    done = run_python(script)
    assert done.returncode == 1
    assert f"--{flag}" in done.stderr
    assert "Traceback" not in done.stderr


def test_train_without_flags_is_the_quickstart(tmp_path):
    # Its data are looked for where the user stands.
    done = run_python("train.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "data/quickstart/train: not a data set" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_prepare_names_the_sources_it_knows(tmp_path):
    out = tmp_path / "out"
    done = run_python("prepare.py", "--source=nope", "--root=/", f"--out={out}")
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith("prepare.py: error: --source must be ")
    assert line.endswith("Received: nope")
    assert not out.exists()


@pytest.mark.parametrize(("level", "shown"), [(None, False), ("0", True)])
def test_what_runtimes_say_on_their_own_is_for_who_asks(
    level, shown, run_script, monkeypatch
):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if level:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    body = """import os
    with console.quiet():
        os.write(2, b"of its own ")
    os.write(2, b"for the user")
    with console.quiet():
        raise ValueError("wrong")"""
    done = run_script(body, "--name=a")
    assert ("of its own " in done.stderr) == shown
    assert "for the user" in done.stderr
    assert done.stderr.endswith("script.py: error: wrong\n")


@pytest.mark.parametrize(
    ("place", "level", "shown"),
    [
        ("/lib/tensorflow/python/saved_model.py", logging.INFO, False),
        ("/lib/tensorflow/python/saved_model.py", logging.WARNING, True),
        ("/lib/keras_pose/training/loop.py", logging.INFO, True),
    ],
)
def test_only_tensorflow_s_own_progress_is_hidden(place, level, shown):
    record = logging.LogRecord("absl", level, place, 1, "", None, None)
    assert console._is_for_users(record) == shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal was sent; time passes by the second."""
    times = iter(range(1000))
    monkeypatch.setattr(console.time, "monotonic", lambda: next(times))
    terminal = Terminal()
    # pytest itself sets sys.stdout between this and the test.
    monkeypatch.setattr(console, "sys", types.SimpleNamespace(stdout=terminal))
    return terminal


def test_a_bar_says_what_is_done_and_left(terminal):
    update = console.progress_bar(4, "image")
    for done in (1, 2, 4):
        update(done)
    # A second for each call, the first of them for the first image.
    assert terminal.getvalue() == (
        "\r1/4 images, 1 s, 1.0 a second, 3 s left\033[K"
        "\r2/4 images, 2 s, 1.0 a second, 2 s left\033[K"
        "\r4/4 images, 3 s, 1.3 a second\033[K\n"
    )


def test_a_bar_without_a_total_says_what_it_can(terminal):
    update = console.progress_bar(None, "frame")
    update(1)
    update(6, is_end=True)
    assert terminal.getvalue() == (
        "\r1 frames, 1 s, 1.0 a second\033[K"
        "\r6 frames, 2 s, 3.0 a second\033[K\n"
    )


def test_a_bar_goes_on_where_the_total_was_wrong(terminal):
    update = console.progress_bar(2, "frame")
    update(3, is_end=False)
    update(4, is_end=True)
    assert "left" not in terminal.getvalue()
    assert terminal.getvalue().count("\n") == 1


def test_a_bar_expects_the_rest_to_take_as_long_as_this_run(terminal):
    update = console.progress_bar(100, "image")
    update(51)  # 50 of an earlier run, and one of this
    assert "1 s, 1.0 a second, 49 s left" in terminal.getvalue()


def test_a_bar_is_not_drawn_for_every_one(terminal, monkeypatch):
    monkeypatch.setattr(console, "_BAR_INTERVAL", 2.5)
    update = console.progress_bar(8, "image")
    for done in range(1, 9):
        update(done)
    shown = [line.split("/")[0] for line in terminal.getvalue().split("\r")[1:]]
    assert shown == ["1", "4", "7", "8"]


def test_no_bar_is_drawn_into_a_file(monkeypatch):
    file = types.SimpleNamespace(stdout=io.StringIO())
    monkeypatch.setattr(console, "sys", file)
    assert console.progress_bar(4, "image") is None
