"""What a step and an engine of JAX do; test_jax.py runs it with JAX."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_pose.data import threads
from keras_pose.data.order import Order
from keras_pose.data.store import Records
from keras_pose.training import build
from keras_pose.training import loop
from keras_pose.training.jax_engine import JaxEngine

RATE = 0.5


def objective(raw, batch):
    """The mean over images of pose times slope, whose gradient is the slope."""
    loss = ops.mean(ops.sum(raw * batch["pose"], axis=-1))
    sums = dict.fromkeys(("error_mm", "joints", "outside", "inside"), 1.0)
    return loss, {"loss": loss, **sums}


def batch_of(slopes, level=0.0):
    """Two images, one of this level and one of two more, that share slopes."""
    slopes = np.tile(np.float32(slopes), (2, 1))
    image = np.float32([level, level + 2]).reshape(2, 1, 1, 1)
    labels = dict.fromkeys(("weight", "joints_mm", "weight_3d", "view"), slopes)
    return {"image": np.tile(image, 3), "pose": slopes, **labels}


class Trained:
    """A network whose pose is its bias, and the steps that it takes."""

    def __init__(self, trains=("kernel", "bias"), **options):
        image = keras.Input((1, 1, 3))
        norm = keras.layers.BatchNormalization(
            scale=False, center=False, momentum=0.75
        )
        dense = keras.layers.Dense(2, kernel_initializer="zeros")
        pose = dense(keras.layers.Flatten()(norm(image)))
        network = keras.Model(image, {"pose": pose})
        self.engine = JaxEngine()
        self.kernel, self.bias, self.mean = (
            dense.kernel,
            dense.bias,
            norm.moving_mean,
        )
        self.optimizer = keras.optimizers.SGD(RATE)
        self.optimizer.build([dense.kernel, dense.bias])
        self._make = lambda trained, **options: self.engine.make_step(
            network,
            self.optimizer,
            objective,
            [getattr(dense, name) for name in trained],
            **options,
        )
        self.become(trains, **options)

    def become(self, trains, **options):
        """Trains other variables from now on."""
        self._run = self._make(trains, **options)

    def step(self, *batches):
        """Takes a step; gives its logs."""
        logs, signals = self._run(iter(batches), [1.0, 0.0])
        assert signals.tolist() == [1.0, 0.0]
        return logs

    def values(self):
        """The bias, the moving mean of the first channel, and the count."""
        self.engine.sync()
        return (
            ops.convert_to_numpy(self.bias).tolist(),
            float(self.mean[0]),
            int(self.optimizer.iterations),
        )


def test_step_goes_down_the_gradient_and_counts():
    net = Trained()
    first = net.step(batch_of([1.0, -2.0]))
    second = net.step(batch_of([1.0, -2.0]))
    assert first["loss"] == 0.0
    assert second["loss"] == pytest.approx(1.0 * -0.5 - 2.0 * 1.0)
    assert first["gradient_norm"] == pytest.approx(5**0.5)
    assert (first["skipped"], first["overflow"]) == (0.0, 0.0)
    # Images of 0 and 2: a mean of 1, of which a quarter, then 7/16.
    assert net.values() == ([-1.0, 2.0], pytest.approx(7 / 16), 2)


def test_long_gradient_is_clipped_and_told_as_it_came():
    net = Trained(clip_norm=1.0)
    logs = net.step(batch_of([3.0, 4.0]))
    assert logs["gradient_norm"] == pytest.approx(5.0)
    bias, _, _ = net.values()
    assert bias == pytest.approx([-0.3, -0.4])


def test_parts_of_a_batch_make_one_step():
    net = Trained(accumulation=2)
    net.step(batch_of([1.0, 0.0]), batch_of([3.0, 2.0], level=8.0))
    logs = net.step(batch_of([2.0, 2.0]), batch_of([4.0, 6.0]))
    bias, mean, count = net.values()
    assert bias == pytest.approx([-1.0 - 1.5, -0.5 - 2.0])
    # Each part has moved it: to means of 1, 9, 1 and 1.
    expected = 0.0
    for level in (1, 9, 1, 1):
        expected = 0.75 * expected + 0.25 * level
    assert (mean, count) == (pytest.approx(expected), 2)
    losses = [-1.0 * 2 - 0.5 * 2, -1.0 * 4 - 0.5 * 6]
    assert logs["loss"] == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("part", [0, 1])
def test_step_that_is_not_finite_changes_nothing(bad, part):
    net = Trained(accumulation=2)
    net.step(batch_of([1.0, 1.0]), batch_of([1.0, 1.0]))
    before = net.values()
    parts = [batch_of([1.0, 1.0], level=4.0), batch_of([1.0, 1.0])]
    parts[part]["pose"][0, 0] = bad
    logs = net.step(*parts)
    assert (logs["skipped"], logs["gradient_norm"]) == (1.0, 0.0)
    assert net.values() == before
    assert net.step(*[batch_of([1.0, 1.0])] * 2)["skipped"] == 0.0
    assert net.values()[2] == before[2] + 1


def test_what_is_not_trained_stays():
    net = Trained(trains=["bias"])
    before = ops.convert_to_numpy(net.kernel)
    net.step(batch_of([1.0, 1.0]))
    bias, mean, _ = net.values()
    np.testing.assert_array_equal(net.kernel, before)
    assert (bias, mean) == ([-0.5, -0.5], 0.25)


def test_steps_take_the_memory_of_those_before():
    net = Trained()
    held = net.bias.value
    net.step(batch_of([1.0, 1.0]))
    assert held.is_deleted()
    assert net.values()[0] == [-0.5, -0.5]  # a sync gives it back


def test_another_step_goes_on_where_the_first_one_was():
    net = Trained()
    net.step(batch_of([1.0, 1.0]))
    net.become(["bias"])
    net.step(batch_of([1.0, -1.0]))
    assert net.values() == ([-1.0, 0.0], pytest.approx(7 / 16), 2)


def test_predict_of_a_short_batch_is_that_of_its_images():
    image = keras.Input((2, 2, 3), dtype="uint8")
    pose = keras.layers.Flatten()(keras.layers.Rescaling(1.0)(image))
    predict = JaxEngine().make_predict(keras.Model(image, {"pose": pose}))
    rng = np.random.default_rng(0)
    for count in (4, 1, 9):  # the first one is the size that is compiled
        images = rng.integers(0, 256, (count, 2, 2, 3), np.uint8)
        poses = predict(images)["pose"]
        np.testing.assert_array_equal(poses, images.reshape(count, -1))


def test_predict_sees_what_is_assigned():
    image = keras.Input((1,))
    dense = keras.layers.Dense(1, kernel_initializer="ones")
    predict = JaxEngine().make_predict(
        keras.Model(image, {"pose": dense(image)})
    )
    assert predict(np.ones((1, 1)))["pose"] == 1.0
    dense.bias.assign([2.0])
    assert predict(np.ones((1, 1)))["pose"] == 3.0


def test_batches_are_those_of_the_threads(tiny_config):
    spec = build.make_spec(tiny_config)
    records = Records(tiny_config.data.train)
    order = Order(len(records), 4, seed=3)
    arguments = records, order, spec, 3
    options = {"first_step": 2, "accumulation": 2}
    ours = JaxEngine().batches(*arguments, **options)
    theirs = threads.training_batches_numpy(*arguments, **options)
    for batch, expected in itertools.islice(zip(ours, theirs, strict=True), 3):
        assert set(batch) == set(expected)
        for name in ("image", "pose", "weight", "joints_mm", "weight_3d"):
            np.testing.assert_array_equal(batch[name], expected[name])
        for part, other in zip(batch["view"], expected["view"], strict=True):
            np.testing.assert_array_equal(part, other)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("augmentation", "backend", "device"),
        ("train", "precision", "mixed_float16"),
    ],
)
def test_what_jax_cannot_do_is_refused_by_name(
    tiny_config, tmp_path, section, field, value
):
    setattr(getattr(tiny_config, section), field, value)
    with pytest.raises(ValueError, match=f"`{section}.{field}`.*{value}"):
        loop.fit(tiny_config, tmp_path / "run", JaxEngine())
    assert not (tmp_path / "run").exists()


def test_run_of_bfloat16_shows_callbacks_its_weights(tiny_config, tmp_path):
    tiny_config.train.precision = "mixed_bfloat16"
    tiny_config.train.deterministic = True
    seen = []

    class Weights(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights())

    loop.fit(tiny_config, tmp_path / "run", JaxEngine(), [Weights()])
    assert len(seen) == 6
    for before, after in itertools.pairwise(seen):
        changes = [
            (one != other).any()
            for one, other in zip(before, after, strict=True)
        ]
        assert np.mean(changes) > 0.5
        assert {array.dtype.name for array in after} == {"float32"}
    last = keras.saving.load_model(tmp_path / "run" / "last.keras")
    assert last.dtype_policy.name == "float32"
    for one, other in zip(last.get_weights(), seen[-1], strict=True):
        np.testing.assert_array_equal(one, other)
