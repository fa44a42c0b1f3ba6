"""A step on one device, on two virtual ones, and on two workers of one machine.

python prepare.py --source=synthetic --count=4000 --image_size=160 \
    --out=data/quickstart
python -m benchmarks.scaling

Each is a run of train.py, in turns, with the same batch in all: what the parts
add to the work, for two of them share the cores of this machine and nothing
can become faster. Beside it, how long the sum of the gradients over the parts
takes alone. What a network between machines does, no single machine can tell;
docs/scale.md has the sum to estimate it.
"""

import json
import os
import socket
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
_STEPS = flags.DEFINE_integer("steps", 200, "Steps of a run.", 100)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Runs of each.", 1)
_REDUCE = flags.DEFINE_string("reduce", None, "Time the sum of this kind.")

_KINDS = {
    "one device": ("--strategy=one_device",),
    "two virtual devices": ("--num_virtual_devices=2",),
    "two workers": ("--strategy=multi_worker",),
}


def main(argv):
    """Runs all kinds in turns and prints medians, or times one sum."""
    del argv
    if _REDUCE.value:
        print(json.dumps(_seconds_of_a_sum(_CONFIG.value, _REDUCE.value)))
        return
    steps = {kind: [] for kind in _KINDS}
    sums = {kind: [] for kind in _KINDS}
    for _ in range(_ROUNDS.value):
        for kind in _KINDS:
            steps[kind].append(_seconds_of_a_step(kind))
            sums[kind].append(_sum_alone(kind))
    one = statistics.median(steps["one device"])
    print(f"{'':<22}{'ms a step':>12}{'ratio':>8}{'sum, ms':>10}{'share':>8}")
    for kind in _KINDS:
        step, total = map(statistics.median, (steps[kind], sums[kind]))
        print(
            f"{kind:<22}{1000 * step:>12.1f}{step / one:>8.2f}"
            f"{1000 * total:>10.1f}{100 * total / step:>7.1f}%"
        )


def _seconds_of_a_step(kind):
    """Of the second half of a run of train.py."""
    settings = {
        "data.validation": "()",
        "train.epochs": 1,
        "train.warmup_steps": 0,
        "train.steps_per_epoch": _STEPS.value,
    }
    recipe = config_flags.get_config_filename(flags.FLAGS["config"])
    changes = [flag for flag in sys.argv if flag.startswith("--config.")]
    with tempfile.TemporaryDirectory() as workdir:
        command = [
            "train.py",
            f"--config={recipe}",
            *changes,
            *(f"--config.{name}={value}" for name, value in settings.items()),
            f"--workdir={workdir}",
            *_KINDS[kind],
        ]
        _run(command, kind)
        with open(os.path.join(workdir, "metrics.jsonl")) as file:
            rows = [json.loads(line) for line in file]
    late = [row for row in rows if row["step"] > _STEPS.value // 2]
    speed = statistics.median(row["speed/images_per_second"] for row in late)
    return _CONFIG.value.train.batch_size / speed


def _sum_alone(kind):
    command = ["-m", "benchmarks.scaling", *sys.argv[1:], f"--reduce={kind}"]
    return json.loads(_run(command, kind).splitlines()[-1])


def _run(command, kind):
    """Runs a command in each of the kind's processes; the first's output."""
    environments = [{}]
    if kind == "two workers":
        workers = [f"localhost:{port}" for port in _free_ports(2)]
        environments = [
            {
                "TF_CONFIG": json.dumps(
                    {
                        "cluster": {"worker": workers},
                        "task": {"type": "worker", "index": index},
                    }
                )
            }
            for index in range(2)
        ]
    processes = [
        subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **environment},
            text=True,
        )
        for environment in environments
    ]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"{command} failed")
    return outputs[0]


def _free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _seconds_of_a_sum(config, kind):
    """Seconds to sum tensors like the network's gradients, the median."""
    logging.set_verbosity(logging.WARNING)
    import tensorflow as tf

    from keras_pose.training import build
    from keras_pose.training.strategy import make_strategy

    strategy = make_strategy(
        "multi_worker" if kind == "two workers" else "mirrored",
        2 if kind == "two virtual devices" else 0,
    )
    model = build.make_model(config, build.make_spec(config))
    shapes = [variable.shape for variable in model.trainable_variables]

    @tf.function
    def summed(value):
        def of_replica():
            context = tf.distribute.get_replica_context()
            tensors = [tf.fill(shape, value) for shape in shapes]
            reduced = context.all_reduce("SUM", tensors)
            # All of them are read, so that none is left out.
            return tf.add_n([tf.reshape(one, [-1])[0] for one in reduced])

        return strategy.reduce("SUM", strategy.run(of_replica), axis=None)

    seconds = []
    for index in range(25):
        began = time.perf_counter()
        float(summed(tf.constant(1.0 + index)))
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[5:])


if __name__ == "__main__":
    app.run(main)
