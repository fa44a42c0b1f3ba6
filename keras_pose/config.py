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
    # Of each folder in every batch, in any unit; none: by their sizes.
    train_shares: tuple[float, ...] = ()
    validation: tuple[str, ...] = ()  # likewise; none: no validation
    skeleton: str = "h36m_17"  # joints of the network, see skeleton.py
    box_margin: float = 1.2  # side of the crop over the box's longer side
    # How several workers share it: "record", the same batches for any number of
    # workers, or "file", each reads a part of the files alone.
    shard_by: str = "record"
    damaged_records: int = 0  # left out, before more of them stop the run


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
    # A network to start from, a .keras file or the folder of a run; what it
    # shares with this one is taken over, joints by their names.
    initial: str = ""
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

    batch_size: int = 16  # samples of a step
    batch_size_per: str = "run"  # over all replicas together, or "replica"
    accumulation: int = 1  # parts of a batch, which are computed in turn
    epochs: int = 25
    steps_per_epoch: int = 0  # 0: once through the training data
    deterministic: bool = False  # the same bits every time; slower on GPUs
    precision: str = "float32"  # or "mixed_bfloat16", "mixed_float16"
    batch_norm: str = "synchronized"  # over replicas; or "local", "frozen"
    optimizer: str = "adam"  # or "adamw", "lamb", "lion", "sgd"
    learning_rate: float = 1e-3  # the highest
    backbone_rate: float = 1.0  # the backbone's learning rate over the head's
    frozen: tuple[str, ...] = ()  # layers left as they are: "backbone", "conv*"
    frozen_epochs: int = 0  # so many of the first; 0: the whole run
    momentum: float = 0.9  # of "sgd"
    weight_decay: float = 0.0  # of kernels, share a step at learning rate 1
    clip_norm: float = 0.0  # the longest gradient of all weights; 0: any
    ema: float = 0.0  # of the weights that are scored and saved; 0: the last
    schedule: str = "constant"  # or "cosine", "step", "exponential"
    schedule_steps: tuple[float, ...] = (0.7, 0.9)  # "step": shares of the run
    schedule_factor: float = 0.1  # "step": at each; "exponential": at the end
    warmup_steps: int = 0  # linear from 0
    skipped_steps: int = 10  # not finite, before more of them stop the run
    validation_every: int = 1  # epochs between validations
    patience: int = 0  # validations in a row without a better score; 0: any
    checkpoint_minutes: float = 10.0  # within an epoch; each ends in one
    checkpoints_kept: int = 2
    histograms_every: int = 0  # epochs between those of the weights; 0: none
    pictures: int = 8  # validation samples drawn after each validation
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
    _check_numbers(config)
    _check_choices(config)
    if not 0 <= config.train.seed < 2**32:
        raise ValueError(
            f"`train.seed` must be in [0, 2^32). Received: {config.train.seed}"
        )
    if not config.data.train:
        raise ValueError(
            "`data.train` must name at least one folder made by prepare.py. "
            "Received: ()"
        )
    _check_shares(config.data)
    _check_augmentation(config.augmentation)
    _check_losses(config)
    _check_train(config.train)


def _check_numbers(config):
    data, model = config.data, config.model
    loss, train = config.loss, config.train
    positive = {
        "data.box_margin": data.box_margin,
        "model.deconv_filters": model.deconv_filters,
        "model.depth_bins": model.depth_bins,
        "model.metric_size": model.metric_size,
        "model.crop_depth": model.crop_depth,
        "model.temperature": model.temperature,
        "train.batch_size": train.batch_size,
        "train.accumulation": train.accumulation,
        "train.epochs": train.epochs,
        "train.learning_rate": train.learning_rate,
        "train.backbone_rate": train.backbone_rate,
        "train.schedule_factor": train.schedule_factor,
        "train.validation_every": train.validation_every,
        "train.checkpoints_kept": train.checkpoints_kept,
    }
    at_least_0 = {
        "data.damaged_records": data.damaged_records,
        "loss.integral": loss.integral,
        "loss.heatmap": loss.heatmap,
        "loss.uncertainty": loss.uncertainty,
        "loss.bone_length": loss.bone_length,
        "train.steps_per_epoch": train.steps_per_epoch,
        "train.warmup_steps": train.warmup_steps,
        "train.frozen_epochs": train.frozen_epochs,
        "train.weight_decay": train.weight_decay,
        "train.clip_norm": train.clip_norm,
        "train.skipped_steps": train.skipped_steps,
        "train.patience": train.patience,
        "train.checkpoint_minutes": train.checkpoint_minutes,
        "train.histograms_every": train.histograms_every,
        "train.pictures": train.pictures,
    }
    below_1 = {
        "model.batch_norm_momentum": model.batch_norm_momentum,
        "train.momentum": train.momentum,
        "train.ema": train.ema,
    }
    for field, value in positive.items():
        if not 0 < value < math.inf:
            raise ValueError(f"`{field}` must be positive. Received: {value}")
    for field, value in at_least_0.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"`{field}` must be at least 0. Received: {value}")
    for field, value in below_1.items():
        if not 0 <= value < 1:
            raise ValueError(f"`{field}` must be in [0, 1). Received: {value}")


def _check_choices(config):
    for field, value, choices in (
        ("data.shard_by", config.data.shard_by, ("record", "file")),
        ("model.volume", config.model.volume, ("metric", "crop")),
        (
            "train.batch_size_per",
            config.train.batch_size_per,
            ("run", "replica"),
        ),
        (
            "train.precision",
            config.train.precision,
            ("float32", "mixed_bfloat16", "mixed_float16"),
        ),
        (
            "train.batch_norm",
            config.train.batch_norm,
            ("synchronized", "local", "frozen"),
        ),
    ):
        if value not in choices:
            *most, last = map(repr, choices)
            raise ValueError(
                f"`{field}` must be {', '.join(most)} or {last}. "
                f"Received: {value!r}"
            )


def _check_shares(data):
    shares = data.train_shares
    numbers = all(0 < share < math.inf for share in shares)
    if shares and (len(shares) != len(data.train) or not numbers):
        raise ValueError(
            "`data.train_shares` must be a positive number for each of the "
            f"{len(data.train)} folders of `data.train`, or none. "
            f"Received: {shares}"
        )


def _check_train(train):
    shares = train.schedule_steps
    if sorted(set(shares)) != list(shares) or not all(
        0 < x < 1 for x in shares
    ):
        raise ValueError(
            "`train.schedule_steps` must be shares of the run in (0, 1) that "
            f"rise. Received: {shares}"
        )
    if train.frozen_epochs and not train.frozen:
        raise ValueError(
            "`train.frozen` must name layers with "
            f"`train.frozen_epochs={train.frozen_epochs}`. Received: ()"
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


# They change what is kept or shown of a run, not what it learns; that data
# which have moved are the same, their checksums prove.
_FREE = {
    "data": {"train", "validation", "damaged_records"},
    "train": {
        "skipped_steps",
        "checkpoint_minutes",
        "checkpoints_kept",
        "histograms_every",
        "pictures",
    },
}


def differences(config, text):
    """Fields in which a config differs from the text of an earlier one.

    Those that a run may change when it goes on are none of them.

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
            if field in _FREE.get(section, ()):
                continue
            old = known[field]
            if old != value:
                rows.append(f"{section}.{field}: {old!r} -> {value!r}")
        for field in known.keys() - fields.keys():
            # One that is gone does nothing any more; nor did it at 0.
            if known[field]:
                rows.append(f"{section}.{field}: {known[field]!r} -> gone")
    return rows
