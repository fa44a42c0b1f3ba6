"""Trains a network, or goes on where an earlier run stopped.

python train.py      the small network of configs/quickstart.py
python train.py --config=configs/h36m_resnet50.py --workdir=runs/h36m \
    --config.data.train=data/h36m_train
"""

import os
import sys

from absl import flags
from absl import logging
from ml_collections import config_flags

from keras_pose import console

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    os.path.join(os.path.dirname(__file__), "configs", "quickstart.py"),
    "Recipe; --config.section.field=value changes it.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Folder of the run: checkpoints, best.keras, TensorBoard; by default "
    "runs/ and the name of the config.",
)
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "mirrored",
    ["mirrored", "one_device", "multi_worker", "tpu"],
    "Devices: all of this machine, its first, those of all machines, a TPU; "
    "see docs/scale.md.",
)
_CLUSTER = flags.DEFINE_enum(
    "cluster",
    "tf_config",
    ["tf_config", "slurm"],
    "How the workers of --strategy=multi_worker find each other.",
)
_SLURM_PORT = flags.DEFINE_integer(
    "slurm_port", 8888, "First port of the workers of --cluster=slurm."
)
_TPU = flags.DEFINE_string("tpu", "local", "Name or address of the TPU.")
_NUM_VIRTUAL_DEVICES = flags.DEFINE_integer(
    "num_virtual_devices", 0, "Split the CPU into so many devices; a test."
)
_PROFILE_STEPS = flags.DEFINE_integer(
    "profile_steps", 0, "Steps to profile, for TensorBoard."
)


def main():
    """Reads the flags and trains."""
    engine = _make_engine()
    from keras_pose.interruption import Interrupted
    from keras_pose.training.loop import fit

    recipe = config_flags.get_config_filename(flags.FLAGS["config"])
    name, _ = os.path.splitext(os.path.basename(recipe))
    workdir = _WORKDIR.value or os.path.join("runs", name)
    try:
        best = fit(
            _CONFIG.value, workdir, engine, profile_steps=_PROFILE_STEPS.value
        )
    except Interrupted as error:
        logging.error("%s", error)
        sys.exit(128 + error.signal_number)
    score = "" if best is None else f", best validation MPJPE {best:.2f} mm"
    logging.info("%s: done%s", workdir, score)


def _make_engine():
    """What trains: TensorFlow, or JAX with KERAS_BACKEND=jax."""
    if console.choose_backend("tensorflow", "jax") == "jax":
        _refuse_flags_of_tensorflow()
        from keras_pose.training.jax_engine import JaxEngine

        return JaxEngine()
    from keras_pose.training.strategy import make_strategy
    from keras_pose.training.tensorflow_engine import TensorFlowEngine

    strategy = make_strategy(
        _STRATEGY.value,
        _NUM_VIRTUAL_DEVICES.value,
        _CLUSTER.value,
        _SLURM_PORT.value,
        _TPU.value,
    )
    return TensorFlowEngine(strategy)


def _refuse_flags_of_tensorflow():
    """JAX trains on one device, the first of this machine."""
    if _STRATEGY.value not in ("mirrored", "one_device"):
        raise ValueError(
            "--strategy must be 'mirrored' or 'one_device' with "
            f"KERAS_BACKEND=jax. Received: {_STRATEGY.value!r}"
        )
    for flag in (_NUM_VIRTUAL_DEVICES, _CLUSTER, _SLURM_PORT, _TPU):
        if flag.present:
            raise ValueError(
                f"--{flag.name} must not be given with KERAS_BACKEND=jax. "
                f"Received: {flag.value!r}"
            )


if __name__ == "__main__":
    console.run(main, required=[])
