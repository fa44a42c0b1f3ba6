import math

import keras
import pytest

from keras_pose.training.optimizer import make_optimizer


def rate(optimizer, step):
    optimizer.iterations.assign(step)
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


@pytest.mark.parametrize(
    ("schedule", "warmup", "expected"),
    [
        ("constant", 0, {0: 0.1, 50: 0.1, 100: 0.1}),
        ("constant", 10, {0: 0.0, 5: 0.05, 10: 0.1, 100: 0.1}),
        ("cosine", 0, {0: 0.1, 50: 0.05, 100: 0.0}),
        (
            "cosine",
            20,
            {10: 0.05, 20: 0.1, 40: 0.05 * (1 + math.cos(math.pi / 4))},
        ),
    ],
    ids=["constant", "warm-up", "cosine", "warm-up and cosine"],
)
def test_learning_rate_follows_its_schedule(schedule, warmup, expected):
    optimizer = make_optimizer("sgd", schedule, 0.1, warmup, total_steps=100)
    rates = {step: rate(optimizer, step) for step in expected}
    assert rates == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("adamm", "constant", 0.1, 0, 10), "optimizer='adamm'"),
        (("adam", "linear", 0.1, 0, 10), "schedule='linear'"),
        (("adam", "cosine", 0.1, 10, 10), "warmup_steps=10"),
    ],
)
def test_wrong_settings_are_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        make_optimizer(*arguments)
