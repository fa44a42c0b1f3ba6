"""The learning rate of each step: a warm-up, then one of Keras's schedules."""

import keras
from keras import ops
from keras.optimizers import schedules


@keras.saving.register_keras_serializable(package="keras_pose")
class WarmUp(schedules.LearningRateSchedule):
    """A linear rise from 0, and a schedule that starts at its end.

    Args:
        schedule: A LearningRateSchedule; the rise leads to its first value.
        steps: Steps of the rise, 0 for none.
    """

    def __init__(self, schedule, steps):
        super().__init__()
        self.schedule = schedule
        self.steps = steps

    def __call__(self, step):
        """The learning rate of a step, counted from 0."""
        rate = self.schedule(ops.maximum(ops.subtract(step, self.steps), 0))
        if not self.steps:
            return rate
        return rate * ops.minimum(ops.cast(step, rate.dtype) / self.steps, 1.0)

    def get_config(self):
        """The arguments, as Keras saves them."""
        return {
            "schedule": schedules.serialize(self.schedule),
            "steps": self.steps,
        }

    @classmethod
    def from_config(cls, config):
        """Makes what `get_config` describes."""
        return cls(schedules.deserialize(config["schedule"]), config["steps"])


def make_schedule(train, total_steps):
    """The learning rate of a run.

    Args:
        train: A TrainConfig.
        total_steps: Steps of the whole run.

    Returns:
        A LearningRateSchedule of the step, counted from 0. After the warm-up
        "cosine" falls to 0 at `total_steps`, "exponential" to the share
        `schedule_factor`; "step" takes that factor at each of
        `schedule_steps`, shares of the whole run.

    Raises:
        ValueError: Names the setting and the value.
    """
    warm_up, rate = train.warmup_steps, train.learning_rate
    if warm_up >= total_steps:
        raise ValueError(
            "`train.warmup_steps` must be less than the run's "
            f"{total_steps} steps. Received: {warm_up}"
        )
    steps = total_steps - warm_up
    if train.schedule == "constant":
        schedule = schedules.ExponentialDecay(rate, steps, 1.0)
    elif train.schedule == "cosine":
        schedule = schedules.CosineDecay(rate, steps)
    elif train.schedule == "exponential":
        schedule = schedules.ExponentialDecay(
            rate, steps, train.schedule_factor
        )
    elif train.schedule == "step":
        schedule = _step_schedule(train, total_steps)
    else:
        raise ValueError(
            "`train.schedule` must be 'constant', 'cosine', 'step' or "
            f"'exponential'. Received: {train.schedule!r}"
        )
    return WarmUp(schedule, warm_up)


def _step_schedule(train, total_steps):
    # The first steps at the next value, counted from the end of the warm-up.
    starts = [
        round(share * total_steps) - train.warmup_steps
        for share in train.schedule_steps
    ]
    if not starts:
        raise ValueError(
            "`train.schedule_steps` must not be empty with "
            "`train.schedule='step'`. Received: ()"
        )
    if train.warmup_steps and starts[0] <= 0:
        raise ValueError(
            "`train.warmup_steps` must be less than the first of "
            f"`train.schedule_steps`, step {starts[0] + train.warmup_steps}. "
            f"Received: {train.warmup_steps}"
        )
    # Keras keeps a value at its boundary itself.
    return schedules.PiecewiseConstantDecay(
        [start - 1 for start in starts],
        [
            train.learning_rate * train.schedule_factor**index
            for index in range(len(starts) + 1)
        ],
    )
