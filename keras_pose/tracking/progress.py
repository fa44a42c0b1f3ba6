"""What a person sees while a network trains."""

import logging
import os
import shutil
import sys
import threading
import time

from keras_pose.tracking.pace import Pace

_REDRAW_SECONDS = 0.2
_PLAIN_SECONDS = 180.0  # between the lines of a long epoch in a log file
_SMALLEST_BAR, _LARGEST_BAR = 8, 30
_SYMBOLS, _ASCII_SYMBOLS = "━╸─≥", "=>->"  # of the bar, and "at least"
_CLEAR = "\r\x1b[K"


class Progress:
    """A line that moves in a terminal, a line now and then elsewhere.

    Each epoch leaves one line behind. Messages of `logging` clear the moving
    line before they appear; it returns with the next step.

    Args:
        epochs: Of the whole run.
        losses: Names of the losses in the logs, the parts of "loss".
        validation_every: Epochs between validations; 0 for none.
        stream: Text stream; by default standard output.
        clock: Gives seconds that never go back.
    """

    def __init__(
        self,
        epochs,
        losses=(),
        validation_every=0,
        stream=None,
        clock=time.monotonic,
    ):
        self.pace = Pace(epochs, validation_every)
        self._losses = losses
        self._stream = sys.stdout if stream is None else stream
        self._clock = clock
        self._moves = _is_terminal(self._stream)
        self._symbols = _symbols_of(self._stream)
        self._shown = False
        self._drawn_at = self._began = self._stepped = clock()
        self._validation = None  # when it began, and the frames done then
        # Messages may come from a thread that reads data.
        self._lock = threading.RLock()
        self._handlers = _handlers() if self._moves else ()
        for handler in self._handlers:
            handler.addFilter(self._clear_before)

    def start(self, epoch, steps, done=0):
        """Begins an epoch.

        Args:
            epoch: Counted from 0.
            steps: Steps of an epoch.
            done: Those that an earlier start of the run has done.
        """
        self.pace.start(epoch, steps, done)
        self._epoch, self._steps = epoch, steps
        self._began = self._stepped = self._clock()
        self._validation = None

    def step(self, index, logs, images, seconds, seconds_waiting):
        """Shows a step.

        Args:
            index: Of the step in its epoch, counted from 0.
            logs: {name: mean of the epoch so far}, among them "loss" and
                "mpjpe_mm"; or a function that gives it and is called only for
                a line that is drawn, for whoever reads a number off a device
                waits for it.
            images: Images of the step.
            seconds: How long the step took, waiting included.
            seconds_waiting: How long it waited for data.
        """
        self.pace.step(images, seconds, seconds_waiting)
        self._stepped = now = self._clock()
        if not self._is_due(now, index + 1 == self._steps):
            return
        logs = logs() if callable(logs) else logs
        self._draw(
            f"{index + 1:>{len(str(self._steps))}}/{self._steps}",
            (index + 1) / self._steps,
            self._parts(self.pace.current(), logs),
            now,
        )

    def validating(self, done, total):
        """Shows how many of a validation's frames are done."""
        now = self._clock()
        if self._validation is None:
            self._validation = now, done
        if not self._is_due(now, done == total):
            return
        began, before = self._validation
        parts = []
        if done > before and now > began:
            rate = (done - before) / (now - began)
            parts.append((3, f"{rate:.1f} frames/s"))
        self._draw(
            f"{done:>{len(str(total))}}/{total} frames",
            done / total,
            parts,
            now,
            title=" validation",
        )

    def end(self, epoch, logs, best=False):
        """Leaves the line of a finished epoch.

        Args:
            epoch: Counted from 0.
            logs: As of `step`, with the means of the epoch; with a validation
                also "val_mpjpe_mm" and "val_pa_mpjpe_mm".
            best: Whether its validation is the best so far.
        """
        now = self._clock()
        self.pace.end(now - self._stepped)
        parts = [
            (7, _duration(now - self._began)),
            *self._parts(self.pace.of_epoch(), logs),
        ]
        if "val_mpjpe_mm" in logs:
            parts.append((9, f"validation {logs['val_mpjpe_mm']:.1f} mm"))
        if "val_pa_mpjpe_mm" in logs:
            parts.append((6, f"PA {logs['val_pa_mpjpe_mm']:.1f} mm"))
        if best:
            parts.append((8, "best"))
        self._leave([(10, self._title()), *parts])

    def close(self):
        """Leaves a line that still moved, and lets go of the log."""
        with self._lock:
            if self._shown:
                self._write("\n", shown=False)
        for handler in self._handlers:
            handler.removeFilter(self._clear_before)
        self._handlers = ()

    def _parts(self, speed, logs):
        """What is said of steps: (importance, text) from left to right."""
        parts = []
        if speed:
            images, waiting = speed
            parts = [
                (5, f"{images:.1f} images/s"),
                (3, f"data {100 * waiting:.0f} %"),
            ]
        if "loss" in logs:
            parts.append((6, f"loss {logs['loss']:#.3g}"))
        losses = [name for name in self._losses if name in logs]
        if len(losses) > 1:
            each = [f"{name} {logs[name]:#.3g}" for name in losses]
            parts.append((2, f"({', '.join(each)})"))
        if "mpjpe_mm" in logs:
            parts.append((7, f"MPJPE {logs['mpjpe_mm']:.1f} mm"))
        return parts

    def _title(self):
        epochs = self.pace.epochs
        return f"epoch {self._epoch + 1:>{len(str(epochs))}}/{epochs}"

    def _is_due(self, now, is_last):
        passed = now - self._drawn_at
        if self._moves:
            return is_last or not self._shown or passed >= _REDRAW_SECONDS
        return passed >= _PLAIN_SECONDS and not is_last

    def _draw(self, count, share, parts, now, title=""):
        """Writes a line that is to move on."""
        self._drawn_at = now
        left = self.pace.left(now - self._stepped)
        if left:
            seconds, known = left
            at_least = "" if known else self._symbols[3]
            parts.append((7, f"left {at_least}{_duration(seconds)}"))
        parts = [(10, self._title() + title), (9, count), *parts]
        if not self._moves:
            self._leave(parts)
            return
        # The last column stays free: some terminals break the line there.
        width = shutil.get_terminal_size().columns - 1
        shown = _fitting(parts, width)
        room = min(width - len(_joined(shown)) - 1, _LARGEST_BAR)
        if room >= _SMALLEST_BAR:
            bar = _bar(share, room, self._symbols)
            shown[0] = (10, f"{shown[0][1]} {bar}")
        self._write(_CLEAR + _joined(shown), shown=True)

    def _leave(self, parts):
        """Writes a line that stays."""
        if self._moves:
            width = shutil.get_terminal_size().columns - 1
            parts = _fitting(parts, width)
            self._clear()
        self._drawn_at = self._clock()
        self._write(_joined(parts) + "\n", shown=False)

    def _write(self, text, shown):
        with self._lock:
            self._stream.write(text)
            self._stream.flush()
            self._shown = shown

    def _clear(self):
        with self._lock:
            if self._shown:
                self._write(_CLEAR, shown=False)

    def _clear_before(self, record):
        del record
        self._clear()
        return True


def _is_terminal(stream):
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _symbols_of(stream):
    """What a stream's encoding can write."""
    try:
        _SYMBOLS.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return _ASCII_SYMBOLS
    return _SYMBOLS


def _handlers():
    """The handlers through which messages reach the terminal."""
    return [*logging.getLogger().handlers, logging.lastResort]


def _fitting(parts, width):
    """Leaves out the least important parts until the others fit."""
    parts = list(parts)
    while len(parts) > 1 and len(_joined(parts)) > width:
        parts.remove(min(parts, key=lambda part: part[0]))
    return parts


def _joined(parts):
    first, *others = [text for _, text in parts]
    # What stands in parentheses belongs to what is before it.
    return first + "".join(
        (" " if text.startswith("(") else "  ") + text for text in others
    )


def _bar(share, length, symbols):
    done, edge, to_do, _ = symbols
    cells = round(share * length)
    if cells == length:
        return done * length
    return done * (cells - 1) + edge * min(cells, 1) + to_do * (length - cells)


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
