"""Memory of train.py: whether it grows, and what a step of ResNet50 takes.

python prepare.py --source=synthetic --count=4000 --image_size=160 \
    --out=data/quickstart
python -m benchmarks.memory growth
python -m benchmarks.memory peak

growth: the resident memory of a run of a small network at some of its steps,
with a validation and a checkpoint after every 100.

peak: the largest resident memory of a run of three steps of the report's
network with both losses, 256x256 px; it includes some 0.6 GiB of TensorFlow
and what XLA takes to compile. It needs up to 20 GiB.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags

_DATA = flags.DEFINE_string(
    "data", os.path.join("data", "quickstart"), "Folder made by prepare.py."
)
_BATCHES = flags.DEFINE_list("batches", ["8", "32"], "Batch sizes of `peak`.")

_STEPS = (200, 600, 1000, 1400, 2000)
_SMALL = {
    "model.input_size": 64,
    "train.batch_size": 4,
    "train.steps_per_epoch": 100,
    "train.epochs": _STEPS[-1] // 100,
    "train.validation_every": 1,
}
_LARGE = {
    "loss.heatmap": 10.0,
    "train.steps_per_epoch": 3,
    "train.epochs": 1,
}


def main(argv):
    """Prints the table that is asked for."""
    tables = {"growth": _growth, "peak": _peak}
    if len(argv) != 2 or argv[1] not in tables:
        raise app.UsageError("give one of: growth, peak")
    tables[argv[1]]()


def _growth():
    with tempfile.TemporaryDirectory() as workdir:
        settings = _SMALL | {
            "data.validation": os.path.join(_DATA.value, "validation")
        }
        process = _train("quickstart", workdir, settings)
        print(f"{'step':>6}{'MiB':>10}")
        for step in _STEPS:
            while _last_step(workdir) < step and process.poll() is None:
                time.sleep(0.1)
            print(f"{step:>6}{_resident_mib(process):>10.0f}", flush=True)
        _finish(process)


def _peak():
    print(f"{'batch':>6}  {'precision':<16}{'accumulation':>12}{'GiB':>8}")
    for batch in map(int, _BATCHES.value):
        for precision in ("float32", "mixed_bfloat16"):
            for accumulation in (1, 4) if batch >= 32 else (1,):
                gib = _peak_gib(batch, precision, accumulation)
                print(
                    f"{batch:>6}  {precision:<16}{accumulation:>12}{gib:>8.2f}",
                    flush=True,
                )


def _peak_gib(batch, precision, accumulation):
    settings = _LARGE | {
        "train.batch_size": batch,
        "train.precision": precision,
        "train.accumulation": accumulation,
    }
    with tempfile.TemporaryDirectory() as workdir:
        return _finish(
            _train(os.path.join("report", "integral"), workdir, settings)
        )


def _train(recipe, workdir, settings):
    """Starts train.py."""
    settings = {"data.train": os.path.join(_DATA.value, "train"), **settings}
    return subprocess.Popen(
        [
            sys.executable,
            "train.py",
            f"--config={os.path.join('configs', recipe)}.py",
            f"--workdir={workdir}",
            *(f"--config.{name}={value}" for name, value in settings.items()),
        ],
        stdout=subprocess.DEVNULL,
        text=True,
    )


def _finish(process):
    """Waits for its end; returns its largest resident memory, GiB."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    return usage.ru_maxrss / 2**20  # Linux counts KiB


def _last_step(workdir):
    """The last step of which the run has written a row."""
    try:
        with open(os.path.join(workdir, "metrics.jsonl")) as file:
            rows = [line for line in file if line.endswith("\n")]
    except FileNotFoundError:
        return 0
    return json.loads(rows[-1])["step"] if rows else 0


def _resident_mib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    raise RuntimeError(f"{process.args} has ended")


if __name__ == "__main__":
    app.run(main)
