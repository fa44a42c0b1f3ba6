"""Optimizers and schedules, all of them Keras's own."""

import keras

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "lamb": keras.optimizers.Lamb,
    "lion": keras.optimizers.Lion,
    "sgd": keras.optimizers.SGD,
}


def make_optimizer(name, schedule, learning_rate, warmup_steps, total_steps):
    """Builds an optimizer with its learning-rate schedule.

    Args:
        name: A key of `OPTIMIZERS`.
        schedule: `"constant"`, or `"cosine"` down to 0 at `total_steps`.
        learning_rate: Its highest value.
        warmup_steps: Steps of a linear rise from 0 before the schedule.
        total_steps: Steps of the whole run.

    Raises:
        ValueError: Names the setting and the value.
    """
    if name not in OPTIMIZERS:
        raise ValueError(
            f"`optimizer` must be one of {', '.join(OPTIMIZERS)}. "
            f"Received: optimizer={name!r}"
        )
    if schedule not in ("constant", "cosine"):
        raise ValueError(
            "`schedule` must be 'constant' or 'cosine'. "
            f"Received: schedule={schedule!r}"
        )
    if warmup_steps >= total_steps:
        raise ValueError(
            f"`warmup_steps` must be less than the run's {total_steps} steps. "
            f"Received: warmup_steps={warmup_steps}"
        )
    rate = learning_rate
    if schedule == "cosine" or warmup_steps:
        # With alpha 1 the cosine does not fall: a constant after the rise.
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup_steps else learning_rate,
            decay_steps=total_steps - warmup_steps,
            alpha=0.0 if schedule == "cosine" else 1.0,
            warmup_target=learning_rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    return OPTIMIZERS[name](rate)
