"""The training data of a run, in the order in which it is seen."""

from absl import logging

from keras_pose.data.store import Records
from keras_pose.training import build

_TRIED = 100  # images of a data set without 3D, for joints in 2D


class Samples:
    """What each step of a run trains on.

    Args:
        config: The Config.
        spec: Its PoseSpec.
        engine: The run's engine.

    Attributes:
        batch_size: Samples of a step, those of all workers together.
        damage: The Damage of the records.

    Raises:
        ValueError: The data are wrong, or there are too few of them.
    """

    def __init__(self, config, spec, engine):
        self._config = config
        self._spec = spec
        self._engine = engine
        self._augmentation = build.make_augmentation(config, spec)
        self._records = Records(config.data.train, config.data.damaged_records)
        _check_labels(config, self._records)
        self.damage = Damage(self._records)
        self.batch_size = build.batch_size_of(config, engine.num_replicas)
        if len(self) < self.batch_size:
            raise ValueError(
                f"`train.batch_size` must be at most the {len(self)} samples "
                f"of `data.train`. Received: {self.batch_size}"
            )
        self._order = build.make_order(
            config, self._records, self.batch_size, engine.num_workers
        )

    def __len__(self):
        return len(self._records)

    @property
    def conditions(self):
        """{name: number} of what the order depends on beside the config."""
        by_file = self._config.data.shard_by == "file"
        return {
            "samples a step": self.batch_size,
            "workers, by file": self._engine.num_workers if by_file else 0,
        }

    def first_step(self, epoch):
        """The step with which an epoch begins."""
        return build.first_step_of(
            epoch, self._config, len(self), self.batch_size
        )

    def batches(self, first_step):
        """An iterator over this worker's batches, as the engine takes them."""
        return self._engine.batches(
            self._records,
            self._order,
            self._spec,
            self._config.train.seed,
            self._augmentation,
            self._config.augmentation.backend,
            first_step=first_step,
            accumulation=self._config.train.accumulation,
        )

    def names(self, step):
        """Names of the samples of a step, counted from 0."""
        numbers, _ = self._order.batch(step)
        return [self._records.name(number) for number in numbers]


def _check_labels(config, records):
    """Refuses data sets of which a network would learn nothing."""
    first = 0
    for folder, info in zip(config.data.train, records.infos, strict=True):
        numbers = range(first, first + min(info.count, _TRIED))
        first += info.count
        if any(info.bone_lengths_mm):
            continue
        if not records.read(numbers)["weight_2d"].any():
            raise ValueError(
                "`data.train` must have images whose joints are known. "
                f"Received: {folder}, whose first {len(numbers)} are not"
            )
        if config.model.volume == "metric":
            raise ValueError(
                "`model.volume` must be 'crop' to learn from images whose "
                "joints are known in 2D alone: a metric volume knows no "
                f"pixels. Received: 'metric', and {folder}, which has no 3D"
            )


class Damage:
    """The damaged records that have been met, each named once in the log."""

    def __init__(self, records):
        self._records = records
        self.lines = []

    def check(self):
        """Names what is newly found.

        Raises:
            OSError, ValueError: As of `Records.check`.
        """
        for line in self._records.damaged:
            if line not in self.lines:
                self.lines.append(line)
                logging.warning(
                    "left out, damaged record %d of at most %d: %s",
                    len(self.lines),
                    self._records.damaged_limit,
                    line,
                )
        self._records.check()
