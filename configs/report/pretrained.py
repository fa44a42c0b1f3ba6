"""The report's fourth approach: a backbone that knows ImageNet.

As `integral.py`, with the weights that Keras publishes. Source: report,
sections 4 and 5.

python train.py --config=configs/report/pretrained.py

The weights are downloaded; where that cannot be, give a file of the same ones:
--config.model.weights=resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5

Expected: the report finds it slightly better than `integral.py`, without a
number. Not yet measured here: Human3.6M is licensed.
"""

from configs.report import integral


def get_config():
    """The recipe."""
    config = integral.get_config()
    config.model.weights = "imagenet"
    return config
