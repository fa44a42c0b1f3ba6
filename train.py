"""Trains a network, or goes on where an earlier run stopped.

python train.py      the small network of configs/quickstart.py
python train.py --config=configs/h36m_resnet50.py --workdir=runs/h36m \
    --config.data.train=data/h36m_train
"""

import os

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
_NUM_VIRTUAL_DEVICES = flags.DEFINE_integer(
    "num_virtual_devices", 0, "Split the CPU into so many devices; a test."
)


def main():
    """Reads the flags and trains."""
    console.import_tensorflow()
    from keras_pose.training.loop import fit
    from keras_pose.training.strategy import make_strategy

    recipe = config_flags.get_config_filename(flags.FLAGS["config"])
    name, _ = os.path.splitext(os.path.basename(recipe))
    workdir = _WORKDIR.value or os.path.join("runs", name)
    strategy = make_strategy(_NUM_VIRTUAL_DEVICES.value)
    best = fit(_CONFIG.value, workdir, strategy)
    score = "" if best is None else f", best validation MPJPE {best:.2f} mm"
    logging.info("%s: done%s", workdir, score)


if __name__ == "__main__":
    console.run(main, required=[])
