"""The report's first approach: a ResNet50, pooling and a dense layer.

As `integral.py`, without heatmaps. Source: report, section 4.

python train.py --config=configs/report/regression.py

Expected: the report gives no number for it. Not yet measured here: Human3.6M is
licensed.
"""

from configs.report import integral


def get_config():
    """The recipe."""
    config = integral.get_config()
    config.model.head = "regression"
    return config
