"""MobileNetV3 for phones: 19 MB in float32, 5 MB in int8.

Source: Howard et al., "Searching for MobileNetV3", 2019; a head of two
transposed convolutions and 32 depth cells, as Choi et al., "MobileHumanPose",
2021, who keep the volume small too.

python train.py --config=configs/mobile.py --workdir=runs/mobile \
    --config.data.train=data/h36m_train \
    --config.data.validation=data/h36m_test --config.model.weights=imagenet
python export.py --model=runs/mobile --out=exported/mobile \
    --data=data/h36m_test --calibration=data/h36m_train

Expected: not yet measured on Human3.6M.
"""

from keras_pose.config import Config


def get_config():
    """The recipe."""
    config = Config()
    config.model.backbone = "mobilenetv3large"
    config.model.deconv_layers = 2
    config.model.deconv_filters = 96
    config.model.depth_bins = 32
    config.train.batch_size = 64
    config.train.epochs = 50
    config.train.learning_rate = 1e-3
    config.train.schedule = "cosine"
    config.train.warmup_steps = 500
    return config
