"""A training step with JAX against one with TensorFlow, on the same machine.

python -m benchmarks.jax --jax_python=VENV/bin/python [--rounds=5]
    [--networks=quickstart,resnet50]

The step is the one of train.py, its batch from memory: the quickstart's network
with its batch of 16, and a ResNet50 at 256x256 pixels with a batch of 8. Both
run in turns; "assigned" is JAX with all variables written after each step, as
a callback that looks at its model has it.
"""

import itertools
import sys

from absl import app
from absl import flags

from benchmarks import turns

_JAX = flags.DEFINE_string("jax_python", sys.executable, "Python with JAX.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Steps of each.", 1)
_NETWORKS = flags.DEFINE_list(
    "networks", ["quickstart", "resnet50"], "What is compared."
)
_RUN = flags.DEFINE_string("run", None, "Be this contestant.")


def main(argv):
    """Runs the contest, or is one of its contestants."""
    del argv
    if _RUN.value:
        turns.serve(_step(*_RUN.value.split()))
        return
    for network in _NETWORKS.value:
        commands = {
            f"{network} {engine}": [
                sys.executable if engine == "tensorflow" else _JAX.value,
                "-m",
                "benchmarks.jax",
                f"--run={network} {engine}",
            ]
            for engine in ("tensorflow", "jax", "jax-assigned")
        }
        results = turns.contest(commands, _ROUNDS.value)
        first = next(iter(results.values()))[0]
        print(f"{'':<28}{'s':>8}{'time':>8}{'GiB':>8}")
        for name, (seconds, mib) in results.items():
            print(
                f"{name:<28}{seconds:>8.3f}{seconds / first:>8.2f}"
                f"{mib / 1024:>8.2f}"
            )


def _step(network, engine):
    """A function that takes a step of train.py."""
    import os

    backend, _, is_assigned = engine.partition("-")
    os.environ["KERAS_BACKEND"] = backend
    from configs import h36m_resnet50
    from configs import quickstart
    from keras_pose.geometry.volume import CropVolume
    from keras_pose.pose_spec import PoseSpec
    from keras_pose.skeleton import H36M_17
    from keras_pose.training.learner import Learner

    recipe = quickstart if network == "quickstart" else h36m_resnet50
    config = recipe.get_config()
    if network == "resnet50":
        config.train.batch_size = 8
    size = config.model.input_size
    spec = PoseSpec(H36M_17, CropVolume(size), size, 1.2, (0.0,) * 17)
    learner = Learner(config, spec, _engine(backend), total_steps=1000)
    run = learner.step_of(0)
    batches = itertools.repeat(_batch(config.train.batch_size, size, backend))

    def step():
        logs, _ = run(batches, [0.0, 0.0])
        if is_assigned:
            learner.sync()
        return logs["loss"]

    return step


def _engine(backend):
    if backend == "jax":
        from keras_pose.training.jax_engine import JaxEngine

        return JaxEngine()
    from keras_pose.training.strategy import make_strategy
    from keras_pose.training.tensorflow_engine import TensorFlowEngine

    return TensorFlowEngine(make_strategy())


def _batch(count, size, backend):
    """People in the middle of their crops, on the device."""
    import numpy as np

    from keras_pose.geometry.volume import View

    rng = np.random.default_rng(0)
    eyes = np.tile(np.eye(3, dtype=np.float32), (count, 1, 1))
    pose = rng.uniform(0.2, 0.8, (count, 17, 3)).astype(np.float32)
    joints_mm = np.float32(2000 * (pose - 0.5) + [0, 0, 4000])
    batch = {
        "image": rng.integers(0, 256, (count, size, size, 3), np.uint8),
        "pose": pose,
        "weight": np.ones_like(pose),
        "joints_mm": joints_mm,
        "weight_3d": np.ones_like(pose[..., 0]),
        "view": View(
            eyes,
            eyes,
            np.zeros((count, 5), np.float32),
            joints_mm[:, :1, 2:],
        ),
    }
    if backend == "jax":
        import jax

        return jax.device_put(batch)
    import tensorflow as tf

    return tf.nest.map_structure(tf.constant, batch)


if __name__ == "__main__":
    app.run(main)
