"""The report's second approach: integral loss alone, from scratch.

A ResNet50 with three transposed convolutions, one heatmap of 64x64x64 cells a
joint and its soft-argmax, in a cube of 2200 mm around the hip. Source: report,
sections 2 and 4. `data/report` is made from the report's own files:

python prepare.py --source=h36m_c2f --root=... --out=data/report
python train.py --config=configs/report/integral.py

Expected: the report has 94.38 mm MPJPE on its test images after 23 epochs, an
hour and a half each on its GPU. Not yet measured here: Human3.6M is licensed.
"""

from keras_pose.config import Config


def get_config():
    """The recipe."""
    config = Config()
    config.data.train = ("data/report",)
    config.data.box_margin = 1.0  # the files are crops already
    config.augmentation.stretch = 0.25
    # Its call, translate_percent=0.05, shifts every image alike; a random
    # shift is what it says it wants.
    config.augmentation.shift = 0.05
    config.augmentation.hue_saturation = 60
    config.augmentation.contrast = 0.3
    config.augmentation.brightness = 0.5
    config.train.batch_size = 16
    config.train.epochs = 25
    config.train.learning_rate = 1e-3
    return config
