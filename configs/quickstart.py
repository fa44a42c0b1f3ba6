"""A small network on synthetic people: minutes on 2 CPU cores.

What `python train.py` runs when no config is named; `python3 quickstart.py`
renders its data first, and does the rest after.

python prepare.py --source=synthetic --count=4000 --image_size=160 \
    --out=data/quickstart
python train.py

Expected: 164 mm MPJPE and 106 mm PA-MPJPE on the 400 people of
data/quickstart/test, where the training data's mean pose has 285 and 202.
Measured on 2026-11-22 on 2 CPU cores, 7 minutes.
"""

from keras_pose.config import Config


def get_config():
    """The recipe."""
    config = Config()
    config.data.train = ("data/quickstart/train",)
    config.data.validation = ("data/quickstart/validation",)
    # Few people teach more when none looks the same twice.
    config.augmentation.flip = 0.5
    config.augmentation.rotation = 15.0
    config.augmentation.scale = 0.1
    config.augmentation.shift = 0.04
    config.augmentation.contrast = 0.2
    config.augmentation.brightness = 0.2
    config.model.backbone = "resnet18_small"
    config.model.input_size = 128
    config.model.deconv_layers = 1
    config.model.deconv_filters = 64
    config.model.depth_bins = 16
    # Joints lie where they are seen, which is learnt from fewer people than
    # where they are in the world.
    config.model.volume = "crop"
    config.loss.heatmap = 10.0
    config.train.batch_size = 16
    config.train.epochs = 25
    config.train.learning_rate = 2.5e-3
    config.train.schedule = "cosine"
    config.train.warmup_steps = 100
    config.train.validation_every = 5
    return config
