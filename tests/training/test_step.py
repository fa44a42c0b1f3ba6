import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.config import LossConfig
from keras_pose.data import pipeline
from keras_pose.evaluation import metrics
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.geometry.volume import View
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17
from keras_pose.training import step


@pytest.fixture(params=[MetricVolume(), CropVolume(64)], ids=["metric", "crop"])
def spec(request):
    return PoseSpec(H36M_17, request.param, 64, 1.2, (0.0,) * 17)


def test_mpjpe_of_a_step_is_that_of_the_metrics(dataset, spec):
    batch = next(iter(pipeline.batches([dataset], spec, 4)))
    batch["weight_3d"] = tf.constant(np.eye(4, 17, 3, dtype=np.float32))
    pose = np.random.default_rng(0).random((4, 17, 3), np.float32)
    error, weight = step._summed_error(tf.constant(pose), batch, spec)
    view = View(*(part.numpy() for part in batch["view"]))
    errors = metrics.joint_errors(
        spec.volume.decode(pose, view), batch["joints_mm"].numpy(), 0
    )
    expected = metrics.mean(errors, batch["weight_3d"].numpy())
    assert float(error / weight) == pytest.approx(expected, rel=1e-4)


def test_labels_have_no_error(dataset, spec):
    batch = next(iter(pipeline.batches([dataset], spec, 4)))
    error, weight = step._summed_error(batch["pose"], batch, spec)
    assert float(error / weight) < 0.1


def test_heatmap_loss_leaves_out_a_joint_without_depth():
    ((_, function),) = step.make_losses(
        LossConfig(integral=0.0, heatmap=10.0)
    ).values()
    logits = np.zeros((1, 4, 4, 2, 4), np.float32)
    logits[0, 0, 0] = 5.0
    weight = np.float32([[[1, 1, 0], [1, 1, 0]]])
    batch = {"pose": tf.fill((1, 2, 3), 0.9), "weight": weight}
    assert float(function({"logits": logits}, batch)) == 0.0


def test_losses_of_weight_0_are_not_computed():
    assert set(step.make_losses(LossConfig())) == {"integral"}


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
