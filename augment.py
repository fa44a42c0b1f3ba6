"""Draws a sheet of training images as a recipe changes them, with their joints.

python augment.py --config=configs/quickstart.py --out=sheet.png
python augment.py --config=configs/h36m_resnet50.py --out=sheet.png \
    --config.data.train=data/h36m_train --config.augmentation.stretch=0.25
"""

import os

from absl import flags
from ml_collections import config_flags

from keras_pose import console

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    os.path.join(os.path.dirname(__file__), "configs", "quickstart.py"),
    "Recipe; --config.section.field=value changes it.",
)
_OUT = flags.DEFINE_string("out", None, "PNG or JPEG to write.")
_COUNT = flags.DEFINE_integer("count", 32, "Images to show.", 1)
_EPOCH = flags.DEFINE_integer("epoch", 0, "Whose changes are shown.", 0)


def main():
    """Reads the flags, draws, writes."""
    if _CONFIG.value.augmentation.backend == "device":
        console.choose_backend("tensorflow")
    else:
        console.choose_backend("tensorflow", "jax", "torch")
    from PIL import Image

    from keras_pose.training.preview import draw_sheet

    sheet = draw_sheet(_CONFIG.value, _COUNT.value, _EPOCH.value)
    Image.fromarray(sheet).save(_OUT.value)
    print(f"{_OUT.value}: {_COUNT.value} training images")


if __name__ == "__main__":
    console.run(main, required=["out"])
