import math

import keras
import pytest

from keras_pose.config import TrainConfig
from keras_pose.training.schedule import make_schedule


def rates(schedule, steps):
    return {
        step: float(keras.ops.convert_to_numpy(schedule(step)))
        for step in steps
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {0: 0.1, 50: 0.1, 100: 0.1}),
        (
            {"warmup_steps": 10},
            {0: 0.0, 1: 0.01, 5: 0.05, 10: 0.1, 11: 0.1, 100: 0.1},
        ),
        ({"schedule": "cosine"}, {0: 0.1, 50: 0.05, 100: 0.0}),
        (
            {"schedule": "cosine", "warmup_steps": 20},
            {10: 0.05, 20: 0.1, 40: 0.05 * (1 + math.cos(math.pi / 4))},
        ),
        (
            {"schedule": "exponential", "schedule_factor": 0.01},
            {0: 0.1, 50: 0.01, 100: 0.001},
        ),
        (
            {"schedule": "exponential", "warmup_steps": 40},
            {20: 0.05, 40: 0.1, 70: 0.1 * math.sqrt(0.1), 100: 0.01},
        ),
        (
            {"schedule": "step"},
            {0: 0.1, 69: 0.1, 70: 0.01, 89: 0.01, 90: 0.001, 99: 0.001},
        ),
        (
            {
                "schedule": "step",
                "schedule_steps": (0.2, 0.5, 0.6),
                "schedule_factor": 0.5,
                "warmup_steps": 10,
            },
            {5: 0.05, 19: 0.1, 20: 0.05, 49: 0.05, 50: 0.025, 60: 0.0125},
        ),
        (
            {"schedule": "step", "schedule_steps": (0.3,), "warmup_steps": 10},
            {5: 0.05, 10: 0.1, 29: 0.1, 30: 0.01},
        ),
    ],
    ids=str,
)
def test_learning_rate_by_hand(settings, expected):
    train = TrainConfig(learning_rate=0.1, **settings)
    schedule = make_schedule(train, total_steps=100)
    assert rates(schedule, expected) == pytest.approx(expected, abs=1e-7)


def test_schedule_is_what_keras_saved():
    train = TrainConfig(schedule="step", warmup_steps=4)
    schedule = make_schedule(train, total_steps=20)
    serialized = keras.optimizers.schedules.serialize(schedule)
    loaded = keras.optimizers.schedules.deserialize(serialized)
    assert rates(loaded, range(20)) == rates(schedule, range(20))
    assert len(set(rates(loaded, range(20)).values())) == 7


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"schedule": "linear"}, "`train.schedule` .*: 'linear'"),
        ({"warmup_steps": 10}, "`train.warmup_steps` .* 10 steps.*: 10"),
        (
            {"schedule": "step", "schedule_steps": ()},
            r"`train.schedule_steps` .*: \(\)",
        ),
        (
            {"schedule": "step", "warmup_steps": 7},
            "`train.warmup_steps` .* step 7. .*: 7",
        ),
    ],
)
def test_wrong_settings_are_refused_by_name(settings, named):
    with pytest.raises(ValueError, match=named):
        make_schedule(TrainConfig(**settings), total_steps=10)
