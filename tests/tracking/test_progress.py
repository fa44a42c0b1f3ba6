import io
import logging
import os
import pty
import re

import pytest

from keras_pose.tracking import progress as progress_lib
from keras_pose.tracking.progress import Progress

LOGS = {"loss": 0.0123, "integral": 0.0101, "heatmap": 0.0022}
LOGS["mpjpe_mm"] = 167.31
SCORES = {**LOGS, "val_mpjpe_mm": 171.24, "val_pa_mpjpe_mm": 110.31}


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """Shows what a terminal of one line would."""

    encoding = "utf-8"

    def isatty(self):
        return True

    @property
    def lines(self):
        return [
            re.split("\r\x1b\\[K", line)[-1]
            for line in self.getvalue().split("\n")
        ]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def width(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")

    def set_width(columns):
        monkeypatch.setenv("COLUMNS", str(columns))

    set_width(200)
    return set_width


@pytest.fixture
def make(clock, width):
    del width
    made = []

    def make(stream, epochs=25, **options):
        made.append(
            Progress(
                epochs, ("integral", "heatmap"), 1, stream, clock, **options
            )
        )
        return made[-1]

    yield make
    for progress in made:
        progress.close()


def take_steps(progress, clock, steps, seconds=1.0, logs=LOGS):
    for index in steps:
        clock.now += seconds
        progress.step(index, logs, 16, seconds, 0.02 * seconds)


def test_line_says_where_the_run_is_and_how_fast(make, clock):
    terminal = Terminal()
    progress = make(terminal)
    progress.start(2, 250)
    take_steps(progress, clock, range(120))
    (line,) = terminal.lines
    bar = re.search("[━╸─]+", line).group()
    assert line.replace(bar, "BAR") == (
        "epoch  3/25 BAR  120/250  16.0 images/s  data 2 %  "
        "loss 0.0123 (integral 0.0101, heatmap 0.00220)  MPJPE 167.3 mm  "
        "left ≥1:33:50"  # 130 + 22 * 250 steps of 1 s, 23 validations unknown
    )
    assert bar.count("━") + 1 == round(len(bar) * 120 / 250)


def test_end_of_an_epoch_leaves_one_line(make, clock):
    terminal = Terminal()
    progress = make(terminal)
    progress.start(2, 3)
    take_steps(progress, clock, range(3))
    clock.now += 249
    progress.end(2, SCORES, best=True)
    progress.start(3, 3)
    take_steps(progress, clock, [0])
    left, moving = terminal.lines
    assert left == (
        "epoch  3/25  0:04:12  16.0 images/s  data 2 %  "
        "loss 0.0123 (integral 0.0101, heatmap 0.00220)  MPJPE 167.3 mm  "
        "validation 171.2 mm  PA 110.3 mm  best"
    )
    # 2 + 21 * 3 steps of 1 s, and 22 validations of 249 s.
    assert moving.endswith("left 1:32:23")


def test_an_epoch_that_is_not_best_does_not_say_so(make, clock):
    terminal = Terminal()
    progress = make(terminal)
    progress.start(2, 3)
    take_steps(progress, clock, range(3))
    progress.end(2, LOGS)
    assert "best" not in terminal.getvalue()
    assert "validation" not in terminal.getvalue()


@pytest.mark.parametrize("columns", range(20, 201, 9))
def test_lines_fit_the_terminal(columns, make, clock, width):
    width(columns)
    terminal = Terminal()
    progress = make(terminal)
    progress.start(2, 250)
    take_steps(progress, clock, range(250))
    for done in range(0, 401, 100):
        clock.now += 1
        progress.validating(done, 400)
    progress.end(2, SCORES, best=True)
    shown = re.split("\r\x1b\\[K|\n", terminal.getvalue())
    assert max(map(len, shown)) < columns or columns < 25
    assert all(not line or line.startswith("epoch  3/25") for line in shown)


def test_a_narrow_terminal_keeps_what_matters_most(make, clock, width):
    width(80)
    terminal = Terminal()
    progress = make(terminal)
    progress.start(2, 250)
    take_steps(progress, clock, range(120))
    (line,) = terminal.lines
    for part in ("120/250", "loss 0.0123", "MPJPE 167.3 mm", "left ≥1:33:50"):
        assert part in line
    progress.end(2, SCORES, best=True)
    line = terminal.lines[0]
    for part in ("validation 171.2 mm", "PA 110.3 mm", "best"):
        assert part in line


def test_losses_are_named_only_if_there_are_several(make, clock):
    terminal = Terminal()
    progress = make(terminal)
    progress.start(2, 250)
    take_steps(progress, clock, [0], logs={"loss": 1.0, "integral": 1.0})
    assert "loss 1.00  left" in terminal.lines[0]


def test_line_is_rewritten_at_most_five_times_a_second(make, clock):
    terminal, calls = Terminal(), []
    progress = make(terminal)
    progress.start(0, 1000)
    take_steps(
        progress, clock, range(500), 0.01, lambda: calls.append(1) or LOGS
    )
    assert 23 <= len(calls) <= 26
    assert terminal.getvalue().count("\r") == len(calls)


def test_last_step_is_always_shown(make, clock):
    terminal = Terminal()
    progress = make(terminal)
    progress.start(0, 10)
    take_steps(progress, clock, range(10), 0.001)
    assert " 10/10 " in terminal.lines[0]
    assert "━━━  10/10" in terminal.lines[0]


def test_validation_shows_its_own_frames(make, clock):
    terminal = Terminal()
    progress = make(terminal)
    progress.start(2, 3)
    take_steps(progress, clock, range(3))
    for done in (0, 30, 60):
        clock.now += 2
        progress.validating(done, 400)
    (line,) = terminal.lines
    assert line.startswith("epoch  3/25 validation ━")
    assert "   60/400 frames  15.0 frames/s  left" in line
    progress.end(2, LOGS)
    progress.start(3, 3)
    take_steps(progress, clock, range(3))
    clock.now += 100
    progress.validating(10, 400)
    assert "frames/s" not in terminal.lines[-1]


def test_a_message_stands_on_a_line_of_its_own(make, clock):
    terminal = Terminal()
    handler = logging.StreamHandler(terminal)
    logging.getLogger().addHandler(handler)
    try:
        progress = make(terminal)
        progress.start(0, 10)
        take_steps(progress, clock, range(5))
        logging.getLogger("absl").warning("a message")
        assert terminal.lines == ["a message", ""]
        take_steps(progress, clock, [5])
        assert terminal.lines[0] == "a message"
        assert " 6/10 " in terminal.lines[1]
        progress.close()
        take_steps(progress, clock, [6])
        logging.getLogger("absl").warning("afterwards")
        assert terminal.lines[-2].endswith("afterwards")
        assert len(terminal.lines[-2]) > len("afterwards")
    finally:
        logging.getLogger().removeHandler(handler)


def test_close_leaves_the_line_of_a_run_that_was_stopped(make, clock):
    terminal = Terminal()
    progress = make(terminal)
    progress.start(0, 10)
    take_steps(progress, clock, range(5))
    progress.close()
    progress.close()
    assert len(terminal.lines) == 2
    assert " 5/10 " in terminal.lines[0]


def test_a_file_gets_whole_lines_now_and_then(make, clock):
    file = io.StringIO()
    progress = make(file)
    progress.start(0, 1000)
    take_steps(progress, clock, range(1000))
    clock.now += 60
    progress.validating(400, 400)
    progress.end(0, SCORES)
    assert "\r" not in file.getvalue()
    *within, last, nothing = file.getvalue().split("\n")
    # 1000 s of steps, one line each 180 s; 60 s later the epoch ends.
    counts = [re.search(r"(\d+)/1000", line).group(1) for line in within]
    assert counts == ["180", "360", "540", "720", "900"]
    assert "━" not in within[0]
    assert last.startswith("epoch  1/25  0:17:40  16.0 images/s")
    assert nothing == ""


def test_a_dumb_terminal_is_written_to_like_a_file(make, clock, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    progress = make(terminal)
    progress.start(0, 10)
    take_steps(progress, clock, range(10))
    assert terminal.getvalue() == ""


def test_a_terminal_without_unicode_gets_ascii(make, clock):
    terminal = Terminal()
    terminal.encoding = "latin-1"
    progress = make(terminal)
    progress.start(0, 10)
    take_steps(progress, clock, range(5))
    assert terminal.getvalue().isascii()
    assert "=>---" in terminal.getvalue()


def test_a_real_terminal_shows_the_moving_line(make, clock):
    ours, theirs = pty.openpty()
    with open(theirs, "w", encoding="utf-8") as stream:
        progress = make(stream)
        progress.start(0, 10)
        take_steps(progress, clock, range(5))
        progress.close()
        shown = b""
        while not shown.endswith(b"\n"):
            shown += os.read(ours, 10_000)
    os.close(ours)
    shown = shown.decode()
    assert shown.count("\r\x1b[K") == 5
    assert " 5/10 " in shown.split("\r\x1b[K")[-1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00:00"), (59.6, "0:01:00"), (3661, "1:01:01"), (1e5, "27:46:40")],
)
def test_duration_is_hours_minutes_seconds(seconds, text):
    assert progress_lib._duration(seconds) == text
