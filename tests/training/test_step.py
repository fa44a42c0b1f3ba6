import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import layers
from keras_pose.config import LossConfig
from keras_pose.data import pipeline
from keras_pose.evaluation import metrics
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.geometry.volume import View
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17
from keras_pose.training import objective
from keras_pose.training import step


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
    batch = next(iter(pipeline.batches([dataset], spec, 4)))
    batch["weight_3d"] = tf.constant(np.eye(4, 17, 3, dtype=np.float32))
    pose = np.random.default_rng(0).random((4, 17, 3), np.float32)
    error, weight = summed_error(tf.constant(pose), batch, spec)
    view = View(*(part.numpy() for part in batch["view"]))
    errors = metrics.joint_errors(
        spec.volume.decode(pose, view), batch["joints_mm"].numpy(), 0
    )
    expected = metrics.mean(errors, batch["weight_3d"].numpy())
    assert float(error / weight) == pytest.approx(expected, rel=1e-4)


def test_labels_have_no_error(dataset, spec):
    batch = next(iter(pipeline.batches([dataset], spec, 4)))
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


def logits_net():
    """Images (4, 4) to logits of 17 joints, without batch norm."""
    keras.utils.set_random_seed(0)
    image = keras.Input((4, 4, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 128, -1)(image)
    x = keras.layers.Conv2D(17 * 5, 3, padding="same")(x)
    logits = keras.layers.Reshape((4, 4, 17, 5))(x)
    soft_argmax = layers.SoftArgmax3D()
    pose, _, _ = soft_argmax(logits)
    return keras.Model(image, {"pose": pose, "logits": logits}), soft_argmax


def two_steps(strategy, batch, spec):
    """Logs of each of two steps, and the weights after them."""
    weights = {"integral": 1.0, "uncertainty": 0.5}
    with strategy.scope():
        net, soft_argmax = logits_net()
        optimizer = keras.optimizers.SGD(0.5)
        optimizer.build(net.trainable_variables)
    train_step = step.make_train_step(
        net,
        optimizer,
        objective.make_objective(LossConfig(), weights, spec, soft_argmax),
        strategy,
    )
    dataset = tf.data.Dataset.from_tensor_slices(batch).batch(4).repeat()
    batches = iter(strategy.experimental_distribute_dataset(dataset))
    logs = [train_step(next(batches)) for _ in range(2)]
    logs = [{name: float(log[name]) for name in log} for log in logs]
    return logs, net.get_weights()


def test_two_replicas_log_and_learn_what_one_does(
    dataset, one_device, two_replicas
):
    spec = PoseSpec(H36M_17, MetricVolume(), 64, 1.2, (0.0,) * 17)
    batch = next(iter(pipeline.batches([dataset], spec, 4)))
    del batch["name"]
    rng = np.random.default_rng(0)
    batch["image"] = rng.integers(0, 256, (4, 4, 4, 3), np.uint8)
    pose = batch["pose"].numpy()
    pose[0, 1] = [0.5, 0.5, 1.01]
    pose[3, 2] = [-0.01, 0.5, 0.5]
    weight = np.ones((4, 17, 3), np.float32)
    weight[2] = 0  # replicas do not know equally many joints
    weight[1, 5:] = 0
    pose[weight == 0] = np.nan
    batch |= {"pose": pose, "weight": weight, "weight_3d": weight[..., 0]}
    one, weights_of_one = two_steps(one_device, batch, spec)
    two, weights_of_two = two_steps(two_replicas, batch, spec)
    names = {"loss", "integral", "uncertainty", "mpjpe_mm", "outside"}
    for first, second in zip(one, two, strict=True):
        assert set(first) == names
        assert second == pytest.approx(first, rel=1e-5)
        assert first["outside"] == pytest.approx(2 / (2 * 17 + 5))
    for first, second in zip(weights_of_one, weights_of_two, strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-4, atol=1e-6)
    assert one[1]["loss"] < one[0]["loss"]
    total = one[0]["integral"] + 0.5 * one[0]["uncertainty"]
    assert one[0]["loss"] == pytest.approx(total, rel=1e-5)
