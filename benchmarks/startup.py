"""What the time from the command to the end of the first step is made of.

python prepare.py --source=synthetic --count=4000 --image_size=160 \
    --out=data/quickstart
python -m benchmarks.startup
python -m benchmarks.startup --config=configs/report/integral.py \
    --config.data.train=data/quickstart/train \
    --config.train.batch_size=8 --config.loss.heatmap=10.0

On one device, and on two virtual ones; each start is a process of its own, in
turns, and the medians are printed.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags
from absl import logging
from ml_collections import config_flags

_CONFIG = config_flags.DEFINE_config_file(
    "config", os.path.join("configs", "quickstart.py"), "Recipe."
)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Starts of each.", 1)
_BEGAN = flags.DEFINE_float("began", None, "Be the start of this instant.")
_DEVICES = flags.DEFINE_integer("devices", 0, "Virtual devices of a start.")


def main(argv):
    """Starts runs and prints medians, or is one of the starts."""
    del argv
    if _BEGAN.value:
        print(json.dumps(_start(_CONFIG.value, _BEGAN.value)))
        return
    found = {0: [], 2: []}
    for _ in range(_ROUNDS.value):
        for devices, laps in found.items():
            laps.append(_child(devices))
    for devices, laps in found.items():
        print(f"{devices} virtual devices" if devices else "one device")
        medians = {
            name: statistics.median(lap[name] for lap in laps)
            for name in laps[0]
        }
        for name, seconds in (medians | {"all": sum(medians.values())}).items():
            print(f"  {name:<40}{seconds:>8.2f} s")


def _child(devices):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.startup",
            *sys.argv[1:],
            f"--devices={devices}",
            f"--began={time.time()}",
        ],
        stdout=subprocess.PIPE,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _start(config, began):
    """{part: seconds} of a start, in their order."""
    laps, previous = {}, began
    logging.set_verbosity(logging.WARNING)

    def lap(name):
        nonlocal previous
        laps[name], previous = time.time() - previous, time.time()

    import tensorflow as tf

    from keras_pose.training.loop import fit
    from keras_pose.training.strategy import make_strategy
    from keras_pose.training.tensorflow_engine import TensorFlowEngine

    class Engine(TensorFlowEngine):
        """Times the first two steps, the first of them in its parts."""

        def make_step(self, *arguments, **options):
            lap("network and optimizer")
            step = super().make_step(*arguments, **options)

            def run(batches, signals):
                if "again" in laps:
                    return step(batches, signals)
                if "first" in laps:
                    nonlocal previous
                    previous = time.time()
                    result = step(batches, signals)
                    lap("again")
                    return result
                batch = next(batches)
                lap("folder of the run, first batch")
                step._whole.get_concrete_function(
                    batch, tf.constant(signals, tf.float32)
                )
                lap("tracing")
                result = step(iter([batch]), signals)
                lap("first")
                return result

            return run

    strategy = make_strategy(num_virtual_devices=_DEVICES.value)
    lap("importing TensorFlow and Keras")
    config.data.validation = ()
    config.train.epochs = config.train.accumulation = 1
    config.train.warmup_steps = 0
    config.train.steps_per_epoch = 2
    with tempfile.TemporaryDirectory() as workdir:
        fit(config, workdir, Engine(strategy))
    step = laps.pop("again")
    laps["optimizing the graph, XLA, memory"] = laps.pop("first") - step
    laps["the step itself"] = step
    return laps


if __name__ == "__main__":
    app.run(main)
