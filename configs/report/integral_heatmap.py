"""The report's third approach, its best: the heatmap loss for two last epochs.

As `integral.py` for 23 epochs, then both losses. Source: report, sections 2.2.2
and 5, equations 5 to 9.

python train.py --config=configs/report/integral_heatmap.py

Expected: the report has 92.36 mm MPJPE on its test images. Its last two epochs
took 4.7 times as long as the others; docs/method.md has what they take here.
Not yet measured here: Human3.6M is licensed.
"""

from configs.report import integral


def get_config():
    """The recipe."""
    config = integral.get_config()
    config.loss.heatmap = 10.0
    config.loss.heatmap_epochs = (24, 0)
    return config
