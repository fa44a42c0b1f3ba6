"""Everything that a run needs to go on, on disk: whole or not at all.

A checkpoint is an `.npz` file of plain arrays, which any backend can go on with
and whose checksums tell when it is damaged. It is written aside and renamed, so
that a run may be killed at any instant.
"""

import dataclasses
import json
import math
import os
import re

import numpy as np
from absl import logging

from keras_pose.durable import ASIDE
from keras_pose.durable import replaced

_STATE = "state"  # the array of the state's JSON
_NAME = re.compile(r"(\d{6,})-step-\d+\.npz")


@dataclasses.dataclass
class RunState:
    """Where a run stands; all that is not in an array.

    Data, their order and all that is drawn at random are functions of the
    config and the step: no more is needed to draw the same again.

    Attributes:
        step: Steps done.
        epoch: Epochs done, with their validation.
        best: Lowest validation MPJPE, mm.
        since_best: Validations since then.
        skipped: The steps that were skipped for not being finite.
        logged: The last step of which the journal has rows.
        epoch_sums: {name: sum over the steps of this epoch}.
        epoch_steps: The number of these.
        row_sums: {name: sum over the steps since `logged`}.
        row_steps: The number of these.
        stopped_early: Whether `train.patience` or a callback has ended it.
        pixel_scaling: Mode of the network's PixelScaling, which the weights
            that it began with may have brought.
        conditions: {name: number} of what must not change between starts.
    """

    step: int = 0
    epoch: int = 0
    best: float = math.inf
    since_best: int = 0
    skipped: list = dataclasses.field(default_factory=list)
    logged: int = 0
    epoch_sums: dict = dataclasses.field(default_factory=dict)
    epoch_steps: int = 0
    row_sums: dict = dataclasses.field(default_factory=dict)
    row_steps: int = 0
    stopped_early: bool = False
    pixel_scaling: str = ""
    conditions: dict = dataclasses.field(default_factory=dict)

    def add(self, logs):
        """Counts the logs of a step."""
        for name, value in logs.items():
            self.epoch_sums[name] = self.epoch_sums.get(name, 0.0) + value
            self.row_sums[name] = self.row_sums.get(name, 0.0) + value
        self.epoch_steps += 1
        self.row_steps += 1

    def epoch_means(self):
        """{name: mean over the steps of this epoch}; {} before the first."""
        count = self.epoch_steps
        return {name: total / count for name, total in self.epoch_sums.items()}

    def take_row(self):
        """{name: mean over the steps since the last row}, which this ends."""
        count = self.row_steps
        means = {name: total / count for name, total in self.row_sums.items()}
        self.row_sums, self.row_steps = {}, 0
        return means

    def end_epoch(self):
        """Counts an epoch as done."""
        self.epoch += 1
        self.epoch_sums, self.epoch_steps = {}, 0


class Checkpoints:
    """The checkpoints of a run, the newest of which are kept.

    Args:
        workdir: Folder of the run.
        kept: How many.
    """

    def __init__(self, workdir, kept):
        self._folder = os.path.join(workdir, "checkpoints")
        self._kept = kept
        self._damaged = set()  # names

    @property
    def exist(self):
        """Whether there is any, whole or not."""
        return bool(self._names())

    def save(self, state, arrays):
        """Writes a checkpoint; removes the oldest ones and damaged ones.

        Args:
            state: The RunState.
            arrays: {name: array}.

        Raises:
            OSError: It could not be written; the earlier ones are as they were.
        """
        # Never a name that is taken: the same step is saved again after its
        # validation, or where a damaged checkpoint was left out.
        taken = self._names()
        number = int(_NAME.fullmatch(taken[-1])[1]) + 1 if taken else 1
        path = os.path.join(self._folder, f"{number:06d}-step-{state.step}.npz")
        text = json.dumps(dataclasses.asdict(state)).encode()
        os.makedirs(self._folder, exist_ok=True)
        for name in os.listdir(self._folder):
            if name.endswith(ASIDE):  # what a killed run was writing
                os.remove(os.path.join(self._folder, name))
        with replaced(path) as aside, open(aside, "wb") as file:
            np.savez(file, **arrays, **{_STATE: np.frombuffer(text, np.uint8)})
        # One that cannot be read must not crowd out one that can.
        whole = [name for name in self._names() if name not in self._damaged]
        for name in set(self._names()) - set(whole[-self._kept :]):
            os.remove(os.path.join(self._folder, name))

    def load(self):
        """Reads the newest checkpoint that is whole.

        Returns:
            A RunState and {name: array}; a new one and {} without any.

        Raises:
            OSError: The newest one could not be read.
            ValueError: There are checkpoints, and all of them are damaged.
        """
        damaged = []
        for name in reversed(self._names()):
            path = os.path.join(self._folder, name)
            try:
                loaded = _read(path)
            except (OSError, MemoryError) as error:
                # Not the file's fault: what is newest is not to be passed over.
                raise OSError(f"{path}: cannot be read: {error}") from error
            # A damaged zip raises nearly anything.
            except Exception as error:
                damaged.append(f"{path}: {error!r}")
                self._damaged.add(name)
                logging.warning("%s: damaged, left out: %r", path, error)
                continue
            return loaded
        if damaged:
            raise ValueError(
                "a run must have a whole checkpoint to go on. "
                f"Received: {'; '.join(damaged)}"
            )
        return RunState(), {}

    def _names(self):
        """Names of the checkpoints, the oldest first."""
        if not os.path.isdir(self._folder):
            return []
        names = filter(_NAME.fullmatch, os.listdir(self._folder))
        return sorted(names, key=lambda name: int(name.partition("-")[0]))


def _read(path):
    # Plain arrays: nothing in the file can be code.
    with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    state = RunState(**json.loads(arrays.pop(_STATE).tobytes()))
    return state, arrays
