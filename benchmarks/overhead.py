"""What the loop costs beside the step that it drives.

python prepare.py --source=synthetic --count=4000 --image_size=160 \
    --out=data/quickstart
python -m benchmarks.overhead
python -m benchmarks.overhead --config=configs/report/integral.py \
    --config.data.train=data/quickstart/train \
    --config.train.batch_size=8 --config.loss.heatmap=10.0 --rounds=10

A run trains on one batch in memory. It stands still after every `--steps`
steps, while the same compiled function is called as often by nothing but a
Python loop, and is then timed itself: a shared machine that is now fast and
now slow is so to both. The loop's part is all of it: progress, curves,
callbacks, the checks of a step, logs as numbers.
"""

import itertools
import os
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf
from absl import app
from absl import flags
from ml_collections import config_flags

from keras_pose.training.loop import fit
from keras_pose.training.strategy import make_strategy
from keras_pose.training.tensorflow_engine import TensorFlowEngine

_CONFIG = config_flags.DEFINE_config_file(
    "config", os.path.join("configs", "quickstart.py"), "Recipe."
)
_STEPS = flags.DEFINE_integer("steps", 1, "Steps in a turn.", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 300, "Turns of each.", 2)


def main(argv):
    """Prints the seconds of a step in both, and their ratio."""
    del argv
    config = _CONFIG.value
    config.data.validation = ()
    config.train.epochs = 1
    config.train.warmup_steps = 0
    # One turn more, in which all is compiled.
    config.train.steps_per_epoch = _STEPS.value * (_ROUNDS.value + 1)
    engine = _Engine(make_strategy())
    turns = _Turns(engine, _STEPS.value)
    with tempfile.TemporaryDirectory() as workdir:
        fit(config, workdir, engine, [turns])
    _print(turns.rows[1:])


def _print(rows):
    loop, bare, loop_own, bare_own = np.transpose(rows)
    own = np.median(loop_own - bare_own)
    low, middle, high = np.quantile(loop / bare, (0.25, 0.5, 0.75))
    print(f"bare step              {1000 * np.median(bare):9.2f} ms")
    print(f"loop's own, CPU time   {1000 * own:9.2f} ms")
    print(f"                       {100 * own / np.median(bare):9.2f} %")
    print(
        f"loop over bare step    {middle:9.4f}, half of the turns within "
        f"{low:.4f} to {high:.4f}"
    )


class _Engine(TensorFlowEngine):
    """Trains on its first batch alone, and keeps it and the step."""

    step = batch = None

    def make_step(self, *arguments, **options):
        self.step = super().make_step(*arguments, **options)
        return self.step

    def batches(self, *arguments, **options):
        self.batch = next(super().batches(*arguments, **options))
        return itertools.repeat(self.batch)


class _Turns(keras.callbacks.Callback):
    """Lets the bare step take its turn.

    Attributes:
        rows: Of each turn, the seconds of a step in the loop and bare, and in
            both those for which Python's thread was at work.
    """

    def __init__(self, engine, steps):
        super().__init__()
        self.rows = []
        self._engine = engine
        self._steps = steps
        self._began = None

    def on_train_begin(self, logs=None):
        self._began = _clocks()

    def on_train_batch_end(self, batch, logs=None):
        if (batch + 1) % self._steps:
            return
        middle = _clocks()
        signals = tf.constant([0.0, 0.0])
        for _ in range(self._steps):
            _, norm = self._engine.step._whole(self._engine.batch, signals)
            float(norm)  # waits for the step, as reading its logs does
        end = _clocks()
        seconds = np.stack([middle - self._began, end - middle], axis=1)
        self.rows.append(seconds.ravel() / self._steps)
        self._began = _clocks()


def _clocks():
    """Seconds that passed, and those for which this thread was at work."""
    return np.array([time.perf_counter(), time.thread_time()])


if __name__ == "__main__":
    app.run(main)
