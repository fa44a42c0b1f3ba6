"""Learns a handful of frames by heart: the first test of any new data.

A full network that cannot do this has wrong labels, and saying so takes
minutes.

python train.py --config=configs/overfit.py --workdir=runs/overfit \
    --config.data.train=data/four_frames \
    --config.data.validation=data/four_frames --config.train.batch_size=4

Expected: below 20 mm MPJPE on the same frames.
"""

from keras_pose.config import Config


def get_config():
    """The recipe."""
    config = Config()
    config.train.batch_size = 6  # all the frames
    config.train.steps_per_epoch = 25
    config.train.epochs = 40
    config.train.learning_rate = 1e-3
    config.train.schedule = "cosine"
    config.train.warmup_steps = 10
    config.train.validation_every = 5
    return config
