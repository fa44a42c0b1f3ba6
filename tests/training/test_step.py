import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import layers
from keras_pose.config import LossConfig
from keras_pose.config import TrainConfig
from keras_pose.data import threads
from keras_pose.data.store import Records
from keras_pose.evaluation import metrics
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17
from keras_pose.training import objective
from keras_pose.training import step
from keras_pose.training.optimizer import make_optimizer


@pytest.fixture(params=[MetricVolume(), CropVolume(64)], ids=["metric", "crop"])
def spec(request):
    return PoseSpec(H36M_17, request.param, 64, 1.2, (0.0,) * 17)


def summed_error(pose, batch, spec):
    of_a_pose = objective.make_objective(
        LossConfig(), {"integral": 1.0}, spec, soft_argmax=None
    )
    _, sums = of_a_pose(pose, batch)
    return sums["error_mm"], sums["joints"]


def test_mpjpe_of_a_step_is_that_of_the_metrics(dataset, spec):
    batch = next(threads.batches(Records([dataset]), spec, 4))
    batch["weight_3d"] = np.eye(4, 17, 3, dtype=np.float32)
    pose = np.random.default_rng(0).random((4, 17, 3), np.float32)
    error, weight = summed_error(tf.constant(pose), batch, spec)
    errors = metrics.joint_errors(
        spec.volume.decode(pose, batch["view"]), batch["joints_mm"], 0
    )
    expected = metrics.mean(errors, batch["weight_3d"])
    assert float(error / weight) == pytest.approx(expected, rel=1e-4)


def test_labels_have_no_error(dataset, spec):
    batch = next(threads.batches(Records([dataset]), spec, 4))
    error, weight = summed_error(batch["pose"], batch, spec)
    assert float(error / weight) < 0.1


@pytest.mark.parametrize("count", [1, 2, 5])
def test_predict_of_two_replicas_keeps_the_order(two_replicas, count):
    with two_replicas.scope():
        image = keras.Input((4, 4, 3), dtype="uint8")
        mean = keras.layers.GlobalAveragePooling2D()(
            keras.layers.Rescaling(1.0)(image)
        )
        model = keras.Model(image, {"pose": mean})
    images = np.zeros((count, 4, 4, 3), np.uint8) + np.arange(
        count, dtype=np.uint8
    ).reshape(-1, 1, 1, 1)
    pose = step.make_predict(model, two_replicas)(images)["pose"]
    np.testing.assert_allclose(pose[:, 0], np.arange(count))


WEIGHTS = {"integral": 1.0, "uncertainty": 0.5}


def random_batch(dataset, spec, count=8):
    """Labels of which some are unknown, and joints outside the volume."""
    batch = next(threads.batches(Records([dataset]), spec, count))
    del batch["name"]
    rng = np.random.default_rng(0)
    batch["image"] = rng.integers(0, 256, (count, 4, 4, 3), np.uint8)
    pose = batch["pose"].copy()
    pose[0, 1] = [0.5, 0.5, 1.01]
    pose[3, 2] = [-0.01, 0.5, 0.5]
    weight = np.ones((count, 17, 3), np.float32)
    weight[2] = 0  # replicas do not know equally many joints
    weight[1, 5:] = 0
    pose[weight == 0] = np.nan
    return batch | {
        "pose": pose,
        "weight": weight,
        "weight_3d": weight[..., 0],
    }


class Trainee:
    """A small network with batch norm, and its step."""

    def __init__(
        self, strategy, spec, scale=None, dtype=None, frozen=False, **options
    ):
        self.strategy = strategy
        self.accumulation = options.get("accumulation", 1)
        with strategy.scope():
            keras.utils.set_random_seed(0)
            image = keras.Input((4, 4, 3), dtype="uint8")
            x = keras.layers.Rescaling(1 / 128, -1)(image)
            norm = keras.layers.BatchNormalization(
                synchronized=strategy.num_replicas_in_sync > 1, dtype=dtype
            )
            x = keras.layers.Conv2D(6, 3, padding="same", dtype=dtype)(x)
            x = keras.layers.Conv2D(85, 3, padding="same", dtype=dtype)(norm(x))
            logits = keras.layers.Reshape((4, 4, 17, 5))(x)
            soft_argmax = layers.SoftArgmax3D()
            pose, _, _ = soft_argmax(logits)
            self.net = keras.Model(image, {"pose": pose, "logits": logits})
            train = TrainConfig(learning_rate=0.01, ema=0.9)
            self.optimizer = make_optimizer(train, self.net, 100)
            norm.trainable = not frozen
            self.scale = step.LossScale() if scale else None
        if scale:
            self.scale.value.assign(scale)
        self.step = step.TrainStep(
            self.net,
            self.optimizer,
            objective.make_objective(LossConfig(), WEIGHTS, spec, soft_argmax),
            strategy,
            self.net.trainable_variables,
            [norm.moving_mean, norm.moving_variance],
            loss_scale=self.scale,
            **options,
        )

    def train(self, *batches, signals=(0.0, 1.0)):
        """Logs of a step of each batch."""
        parts = self.strategy.num_replicas_in_sync * self.accumulation
        rows = tf.nest.map_structure(
            lambda *some: np.concatenate(some), *batches
        )
        dataset = tf.data.Dataset.from_tensor_slices(rows)
        dataset = dataset.batch(len(batches[0]["pose"]) // parts)
        stream = iter(
            self.strategy.distribute_datasets_from_function(lambda _: dataset)
        )
        return [self.step(stream, signals)[0] for _ in batches]

    def state(self):
        variables = [*self.net.variables, *self.optimizer.variables]
        return [variable.numpy() for variable in variables]


@pytest.fixture
def metric():
    return PoseSpec(H36M_17, MetricVolume(), 64, 1.2, (0.0,) * 17)


def with_infinity(batch):
    pose = batch["pose"].copy()
    pose[-1, 3, 0] = np.inf  # in the last replica's share
    return batch | {"pose": pose}


@pytest.mark.parametrize("clip_norm", [0.0, 0.01])
def test_two_replicas_log_and_learn_what_one_does(
    dataset, one_device, two_replicas, metric, clip_norm
):
    batch = random_batch(dataset, metric)
    runs = []
    for strategy in (one_device, two_replicas):
        trainee = Trainee(strategy, metric, clip_norm=clip_norm)
        runs.append((trainee.train(batch, batch, batch), trainee.state()))
    (one, state_of_one), (two, state_of_two) = runs
    for first, second in zip(one, two, strict=True):
        assert second == pytest.approx(first, rel=2e-4)
        assert first["outside"] == pytest.approx(2 / (6 * 17 + 5))
        total = first["integral"] + 0.5 * first["uncertainty"]
        assert first["loss"] == pytest.approx(total, rel=1e-5)
    for first, second in zip(state_of_one, state_of_two, strict=True):
        np.testing.assert_allclose(second, first, rtol=2e-3, atol=1e-5)
    assert one[2]["loss"] < one[0]["loss"]


@pytest.mark.parametrize("replicas", ["one_device", "two_replicas"])
def test_parts_of_a_batch_add_up_to_it(
    dataset, metric, replicas, request, one_device
):
    strategy = request.getfixturevalue(replicas)
    batch = random_batch(dataset, metric)
    runs = []
    for where, accumulation in ((one_device, 1), (strategy, 4)):
        # Batch norm would see the parts alone.
        trainee = Trainee(where, metric, frozen=True, accumulation=accumulation)
        runs.append((trainee.train(batch, batch), trainee.state()))
    (whole, state), (parts, state_of_parts) = runs
    for first, second in zip(whole, parts, strict=True):
        assert second == pytest.approx(first, rel=2e-4)
    for first, second in zip(state, state_of_parts, strict=True):
        np.testing.assert_allclose(second, first, rtol=2e-3, atol=1e-5)


def test_clipped_gradient_is_as_long_as_it_may(dataset, metric, one_device):
    batch = random_batch(dataset, metric)
    free = Trainee(one_device, metric)
    (logs,) = free.train(batch)
    assert logs["gradient_norm"] > 0.01
    with one_device.scope():
        sgd = keras.optimizers.SGD(1.0)
    clipped = Trainee(one_device, metric, clip_norm=0.01)
    sgd.build(clipped.net.trainable_variables)
    clipped.step._optimizer = sgd
    before = [v.numpy() for v in clipped.net.trainable_variables]
    (logs_of_clipped,) = clipped.train(batch)
    # The norm that is told is that before it was clipped.
    assert logs_of_clipped["gradient_norm"] == pytest.approx(
        logs["gradient_norm"], rel=1e-4
    )
    moved = [
        np.sum((v.numpy() - old) ** 2)
        for v, old in zip(clipped.net.trainable_variables, before, strict=True)
    ]
    assert np.sqrt(np.sum(moved)) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("replicas", ["one_device", "two_replicas"])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_step_that_is_not_finite_changes_nothing(
    dataset, metric, replicas, accumulation, request
):
    strategy = request.getfixturevalue(replicas)
    batch = random_batch(dataset, metric)
    trainee = Trainee(strategy, metric, accumulation=accumulation)
    (first,) = trainee.train(batch)
    before = trainee.state()
    (bad,) = trainee.train(with_infinity(batch))
    assert (first["skipped"], bad["skipped"]) == (0, 1)
    assert bad["gradient_norm"] == 0
    for value, old in zip(trainee.state(), before, strict=True):
        np.testing.assert_array_equal(value, old)
    (after,) = trainee.train(batch)
    assert after["skipped"] == 0
    assert after["loss"] < first["loss"]


@pytest.mark.parametrize("replicas", ["one_device", "two_replicas"])
def test_loss_scale_changes_nothing_but_itself(
    dataset, metric, replicas, request, one_device
):
    batch = random_batch(dataset, metric)
    plain = Trainee(one_device, metric)
    scaled = Trainee(request.getfixturevalue(replicas), metric, scale=1024.0)
    logs, logs_of_scaled = (
        trainee.train(batch, batch) for trainee in (plain, scaled)
    )
    for first, second in zip(logs, logs_of_scaled, strict=True):
        assert second == pytest.approx(first, rel=1e-3)
    for first, second in zip(plain.state(), scaled.state(), strict=True):
        np.testing.assert_allclose(second, first, rtol=2e-3, atol=1e-5)
    assert scaled.scale.good_steps.numpy() == 2
    assert scaled.scale.value.numpy() == 1024


def test_loss_scale_that_is_too_large_is_halved(dataset, metric, one_device):
    batch = random_batch(dataset, metric)
    trainee = Trainee(one_device, metric, scale=2.0**40, dtype="mixed_float16")
    before = trainee.state()
    (logs,) = trainee.train(batch)
    assert np.isfinite(logs["loss"])
    assert (logs["overflow"], logs["skipped"]) == (1, 0)
    assert trainee.scale.value.numpy() == 2.0**39
    for value, old in zip(trainee.state(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_loss_scale_doubles_after_many_good_steps(one_device):
    with one_device.scope():
        scale = step.LossScale()
    scale.good_steps.assign(1998.0)
    scale.after_good_step()
    assert scale.value.numpy() == 2**15
    scale.after_good_step()
    assert (scale.value.numpy(), scale.good_steps.numpy()) == (2**16, 0)
    scale.value.assign(2.0**24)
    scale.good_steps.assign(1999.0)
    scale.after_good_step()
    assert scale.value.numpy() == 2**24
    scale.value.assign(1.0)
    scale.after_overflow()
    assert scale.value.numpy() == 1


@pytest.mark.parametrize("replicas", ["one_device", "two_replicas"])
def test_signals_come_from_any_replica(dataset, metric, replicas, request):
    trainee = Trainee(request.getfixturevalue(replicas), metric)
    batch = random_batch(dataset, metric)
    parts = trainee.strategy.num_replicas_in_sync
    stream = trainee.strategy.experimental_distribute_dataset(
        tf.data.Dataset.from_tensors(batch)
    )
    _, signals = trainee.step(iter(stream), [0.0, 1.0])
    np.testing.assert_array_equal(signals, [0, parts])
