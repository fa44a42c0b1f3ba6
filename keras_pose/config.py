"""Every setting of a run, with its default.

A recipe in `configs/` changes some of them; on the command line any of them is
`--config.data.box_margin=1.3`.
"""

import dataclasses
import json
import math


@dataclasses.dataclass(slots=True)
class DataConfig:
    """What is read, and how a person is cut out of an image."""

    train: tuple[str, ...] = ()  # folders made by prepare.py
    validation: tuple[str, ...] = ()  # likewise; none: no validation
    skeleton: str = "h36m_17"  # joints of the network, see skeleton.py
    box_margin: float = 1.2  # side of the crop over the box's longer side
    shuffle_buffer: int = 2048  # encoded images held in memory
    # Changes of training images, see data/augmentation.py; 0 is none.
    flip: float = 0.0  # share of the images
    rotation: float = 0.0  # degrees
    scale: float = 0.0  # share of the crop
    shift: float = 0.0  # share of the crop
    colour: float = 0.0  # share of the brightness
    erase: float = 0.0  # share of the images


@dataclasses.dataclass(slots=True)
class ModelConfig:
    """The network; see `models.pose_net`."""

    backbone: str = "resnet50"
    weights: str = ""  # "" from scratch, "imagenet", or a weights file
    input_size: int = 256  # px
    head: str = "integral"  # or "regression"
    deconv_layers: int = 3
    deconv_filters: int = 256
    depth_bins: int = 64
    # As all peers have it; Keras's own 0.99 lags a short or changing run.
    batch_norm_momentum: float = 0.9
    volume: str = "metric"  # or "crop", see geometry/volume.py
    metric_size: float = 2200.0  # mm, side of the metric volume
    crop_depth: float = 2000.0  # mm, depth of the crop volume


@dataclasses.dataclass(slots=True)
class LossConfig:
    """Weights of the losses; see losses.py. A weight of 0 is off."""

    integral: float = 1.0
    heatmap: float = 0.0  # the report uses 10
    heatmap_target: str = "gaussian"  # or "one_hot"
    heatmap_prediction: str = "softmax"  # or "sigmoid", "rendered"
    heatmap_peak: str = "equation"  # or "one"
    heatmap_sigma: float = 1.0  # cells
    heatmap_radius: int = 5  # cells


@dataclasses.dataclass(slots=True)
class TrainConfig:
    """How long, how fast, how many."""

    batch_size: int = 16  # global, over all replicas
    epochs: int = 25
    steps_per_epoch: int = 0  # 0: once through the training data
    optimizer: str = "adam"  # or "adamw", "sgd", see training/optimizer.py
    learning_rate: float = 1e-3
    schedule: str = "constant"  # or "cosine", down to 0 at the last step
    warmup_steps: int = 0  # linear from 0
    validation_every: int = 1  # epochs between validations
    seed: int = 0


@dataclasses.dataclass(slots=True)
class Config:
    """One run."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)


def check(config):
    """Checks the rules that no single part of the project can see.

    Raises:
        ValueError: Names the field, the rule and the value.
    """
    positive = {
        "data.box_margin": config.data.box_margin,
        "data.shuffle_buffer": config.data.shuffle_buffer,
        "model.deconv_filters": config.model.deconv_filters,
        "model.depth_bins": config.model.depth_bins,
        "model.metric_size": config.model.metric_size,
        "model.crop_depth": config.model.crop_depth,
        "train.batch_size": config.train.batch_size,
        "train.epochs": config.train.epochs,
        "train.learning_rate": config.train.learning_rate,
        "train.validation_every": config.train.validation_every,
    }
    at_least_0 = {
        "loss.integral": config.loss.integral,
        "loss.heatmap": config.loss.heatmap,
        "train.steps_per_epoch": config.train.steps_per_epoch,
        "train.warmup_steps": config.train.warmup_steps,
    }
    for field, value in positive.items():
        if not 0 < value < math.inf:
            raise ValueError(f"`{field}` must be positive. Received: {value}")
    for field, value in at_least_0.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"`{field}` must be at least 0. Received: {value}")
    at_most = {"flip": 1, "rotation": 180, "scale": 1, "shift": 1}
    at_most |= {"colour": 1, "erase": 1}
    for field, most in at_most.items():
        value = getattr(config.data, field)
        if not 0 <= value <= most:
            raise ValueError(
                f"`data.{field}` must be in [0, {most}]. Received: {value}"
            )
    if not 0 <= config.model.batch_norm_momentum < 1:
        raise ValueError(
            "`model.batch_norm_momentum` must be in [0, 1). "
            f"Received: {config.model.batch_norm_momentum}"
        )
    if not config.data.train:
        raise ValueError(
            "`data.train` must name at least one folder made by prepare.py. "
            "Received: ()"
        )
    if config.loss.integral == config.loss.heatmap == 0:
        raise ValueError(
            "`loss.integral` or `loss.heatmap` must be positive. "
            "Received: 0 and 0"
        )
    if config.loss.heatmap > 0 and config.model.head == "regression":
        raise ValueError(
            "`loss.heatmap` must be 0 with `model.head='regression'`, which "
            f"has no heatmaps. Received: {config.loss.heatmap}"
        )
    if config.model.volume not in ("metric", "crop"):
        raise ValueError(
            "`model.volume` must be 'metric' or 'crop'. "
            f"Received: {config.model.volume!r}"
        )


def to_json(config):
    """The whole config as text, the same text for the same config."""
    return json.dumps(dataclasses.asdict(config), indent=1)


def differences(config, text):
    """Fields in which a config differs from the text of an earlier one.

    Returns:
        Rows of "section.field: earlier value -> value of config".
    """
    # A field that the earlier run did not know had its default.
    defaults = json.loads(to_json(Config()))
    earlier = json.loads(text)
    rows = []
    for section, fields in json.loads(to_json(config)).items():
        known = {**defaults[section], **earlier.get(section, {})}
        for field, value in fields.items():
            old = known[field]
            if old != value:
                rows.append(f"{section}.{field}: {old!r} -> {value!r}")
    return rows
