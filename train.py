"""Trains a network, or goes on where an earlier run stopped.

python train.py --config=configs/h36m_resnet50.py --workdir=runs/h36m \
    --config.data.train=data/h36m_train
"""

from absl import flags
from absl import logging
from ml_collections import config_flags

from keras_pose import console

_CONFIG = config_flags.DEFINE_config_file(
    "config", help_string="Recipe; --config.section.field=value changes it."
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of the run: checkpoints, best.keras, TensorBoard."
)
_NUM_VIRTUAL_DEVICES = flags.DEFINE_integer(
    "num_virtual_devices", 0, "Split the CPU into so many devices; a test."
)


def main():
    """Reads the flags and trains."""
    console.import_tensorflow()
    from keras_pose.training.loop import fit
    from keras_pose.training.strategy import make_strategy

    strategy = make_strategy(_NUM_VIRTUAL_DEVICES.value)
    best = fit(_CONFIG.value, _WORKDIR.value, strategy)
    score = "" if best is None else f", best validation MPJPE {best:.2f} mm"
    logging.info("%s: done%s", _WORKDIR.value, score)


if __name__ == "__main__":
    console.run(main, required=["config", "workdir"])
