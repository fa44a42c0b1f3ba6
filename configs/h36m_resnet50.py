"""ResNet50 with soft-argmax on Human3.6M, subjects 1, 5, 6, 7 and 8.

Source: Sun et al., "Integral Human Pose Regression", 2018, on the metric
volume of the 2019 report.

python train.py --config=configs/h36m_resnet50.py --workdir=runs/h36m \
    --config.data.train=data/h36m_train \
    --config.data.validation=data/h36m_test

Expected: not yet measured.
"""

from keras_pose.config import Config


def get_config():
    """The recipe."""
    config = Config()
    config.train.batch_size = 32
    config.train.epochs = 25
    config.train.learning_rate = 1e-3
    config.train.schedule = "cosine"
    config.train.warmup_steps = 500  # 1e-3 from the first step can diverge
    return config
