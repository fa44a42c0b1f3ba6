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


@dataclasses.dataclass(slots=True)
class AugmentationConfig:
    """How training images are changed, see data/augmentation.py; 0 is none."""

    # "host": OpenCV; "device": in the training step, on its accelerator;
    # "imgaug": the report's library, for what the report has.
    backend: str = "host"
    flip: float = 0.0  # share of the images
    rotation: float = 0.0  # degrees to either side
    scale: float = 0.0  # width and height together, share to either side
    stretch: float = 0.0  # each alone, factor 1 +- this; the report: 0.25
    shift: float = 0.0  # in x and y, share of the crop to either side
    constant_shift: float = 0.0  # always right and down, share of the crop
    hue_saturation: int = 0  # imgaug's steps of 255 to either side; report: 60
    contrast: float = 0.0  # factor 1 +- this; the report: 0.3
    brightness: float = 0.0  # of each channel, factor 1 +- this; report: 0.5
    grey: float = 0.0  # share of the images
    paste: float = 0.0  # share of the images, with an object laid over
    objects: str = ""  # folder of pictures to paste, PNG or WebP with alpha
    erase: float = 0.0  # share of the images, with a box painted over
    blur: float = 0.0  # share of the images, as if they had moved
    blur_length: int = 9  # px of the crop, the longest
    jpeg: float = 0.0  # share of the images, compressed once more
    jpeg_quality: int = 30  # the lowest, up to 95


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
    temperature: float = 1.0  # what the logits are divided by
    debias: bool = False  # take the background out of the soft-argmax
    # As all peers have it; Keras's own 0.99 lags a short or changing run.
    batch_norm_momentum: float = 0.9
    volume: str = "metric"  # or "crop", see geometry/volume.py
    metric_size: float = 2200.0  # mm, side of the metric volume
    crop_depth: float = 2000.0  # mm, depth of the crop volume


@dataclasses.dataclass(slots=True)
class LossConfig:
    """Weights of the losses; a weight of 0 is off.

    See losses.py and heatmap_loss.py. Epochs are the first and the last with
    the loss, counted from 1; a last one of 0 is the end of the run.
    """

    integral: float = 1.0
    integral_epochs: tuple[int, int] = (1, 0)
    uncertainty: float = 0.0
    bone_length: float = 0.0
    heatmap: float = 0.0  # the report uses 10
    heatmap_epochs: tuple[int, int] = (1, 0)
    heatmap_target: str = "gaussian"  # or "one_hot"
    heatmap_prediction: str = "softmax"  # or "sigmoid", "rendered"
    heatmap_peak: str = "equation"  # or "one"
    heatmap_sigma: float = 1.0  # cells
    heatmap_radius: int = 5  # cells

    def active(self, epoch):
        """{name: weight} of the losses of an epoch, counted from 0."""
        weights = {
            "integral": self.integral,
            "uncertainty": self.uncertainty,
            "bone_length": self.bone_length,
            "heatmap": self.heatmap,
        }
        for name, (first, last) in (
            ("integral", self.integral_epochs),
            ("heatmap", self.heatmap_epochs),
        ):
            if epoch + 1 < first or 0 < last < epoch + 1:
                weights[name] = 0.0
        return {name: weight for name, weight in weights.items() if weight > 0}


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
    augmentation: AugmentationConfig = dataclasses.field(
        default_factory=AugmentationConfig
    )
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
        "model.temperature": config.model.temperature,
        "train.batch_size": config.train.batch_size,
        "train.epochs": config.train.epochs,
        "train.learning_rate": config.train.learning_rate,
        "train.validation_every": config.train.validation_every,
    }
    at_least_0 = {
        "loss.integral": config.loss.integral,
        "loss.heatmap": config.loss.heatmap,
        "loss.uncertainty": config.loss.uncertainty,
        "loss.bone_length": config.loss.bone_length,
        "train.steps_per_epoch": config.train.steps_per_epoch,
        "train.warmup_steps": config.train.warmup_steps,
    }
    for field, value in positive.items():
        if not 0 < value < math.inf:
            raise ValueError(f"`{field}` must be positive. Received: {value}")
    for field, value in at_least_0.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"`{field}` must be at least 0. Received: {value}")
    _check_augmentation(config.augmentation)
    if not 0 <= config.train.seed < 2**32:
        raise ValueError(
            f"`train.seed` must be in [0, 2^32). Received: {config.train.seed}"
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
    _check_losses(config)
    if config.model.volume not in ("metric", "crop"):
        raise ValueError(
            "`model.volume` must be 'metric' or 'crop'. "
            f"Received: {config.model.volume!r}"
        )


def _check_losses(config):
    loss = config.loss
    for field in ("heatmap", "uncertainty"):
        if getattr(loss, field) > 0 and config.model.head == "regression":
            raise ValueError(
                f"`loss.{field}` must be 0 with `model.head='regression'`, "
                f"which has no heatmaps. Received: {getattr(loss, field)}"
            )
    epochs = config.train.epochs
    for field in ("integral_epochs", "heatmap_epochs"):
        stage = getattr(loss, field)
        whole = len(stage) == 2 and all(type(x) is int for x in stage)
        first, last = stage if whole else (0, 0)
        if not 1 <= first <= epochs or (last and last < first):
            raise ValueError(
                f"`loss.{field}` must be a first epoch from 1 to {epochs}, and "
                "a last one not before it, or 0. "
                f"Received: {getattr(loss, field)}"
            )
        weight = field.removesuffix("_epochs")
        if stage != (1, 0) and getattr(loss, weight) == 0:
            raise ValueError(
                f"`loss.{weight}` must be positive with `loss.{field}`. "
                f"Received: 0 and {stage}"
            )
    if config.model.debias and loss.heatmap_prediction == "rendered":
        raise ValueError(
            "`loss.heatmap_prediction` must not be 'rendered' with "
            "`model.debias`, whose pose is not the heatmap's mean. "
            "Received: 'rendered'"
        )
    for epoch in range(epochs):
        if not loss.active(epoch):
            raise ValueError(
                "`loss` must have a positive weight in every epoch. "
                f"Received: none in epoch {epoch + 1}"
            )


def _check_augmentation(augmentation):
    """Checks ranges, and what the backend can do."""
    ranges = {
        "rotation": (0, 180),
        "scale": (0, 1),
        "stretch": (0, 0.9),
        "shift": (0, 1),
        "constant_shift": (0, 1),
        "hue_saturation": (0, 255),
        "contrast": (0, 1),
        "brightness": (0, 1),
        "blur_length": (2, 31),
        "jpeg_quality": (1, 95),
    }
    shares = ("flip", "grey", "paste", "erase", "blur", "jpeg")
    for field, (least, most) in (
        ranges | dict.fromkeys(shares, (0, 1))
    ).items():
        value = getattr(augmentation, field)
        if not least <= value <= most:
            raise ValueError(
                f"`augmentation.{field}` must be in [{least}, {most}]. "
                f"Received: {value}"
            )
    if augmentation.backend not in ("host", "device", "imgaug"):
        raise ValueError(
            "`augmentation.backend` must be 'host', 'device' or 'imgaug'. "
            f"Received: {augmentation.backend!r}"
        )
    if augmentation.paste > 0 and not augmentation.objects:
        raise ValueError(
            "`augmentation.objects` must be a folder of pictures with "
            f"`augmentation.paste={augmentation.paste}`. Received: ''"
        )
    for field in ("rotation", "scale", *shares):
        value = getattr(augmentation, field)
        if augmentation.backend == "imgaug" and value > 0:
            raise ValueError(
                f"`augmentation.{field}` must be 0 with "
                "`augmentation.backend='imgaug'`, which does what the report "
                f"has. Received: {value}"
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
        for field in known.keys() - fields.keys():
            # One that is gone does nothing any more; nor did it at 0.
            if known[field]:
                rows.append(f"{section}.{field}: {known[field]!r} -> gone")
    return rows
