"""The network on other Keras backends gives what it gives on TensorFlow.

pytest runs TensorFlow. Another backend is tried by running this file as a
script, with the interpreter of KERAS_POSE_TORCH_PYTHON or
KERAS_POSE_JAX_PYTHON, if given, which needs keras, the backend and pytest.
"""

import itertools
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_pose import backbones
from keras_pose import heatmap_loss
from keras_pose import layers
from keras_pose import losses
from keras_pose import models
from keras_pose.config import TrainConfig
from keras_pose.training.optimizer import averaged
from keras_pose.training.optimizer import clip
from keras_pose.training.optimizer import make_optimizer

ROOT = pathlib.Path(__file__).parents[1]
WEIGHTS, NET, ARRAYS = "net.weights.h5", "net.keras", "arrays.npz"


def small_backbone(weights, include_top, input_shape):
    """Keras's own are Keras's business, and JAX takes a minute for one."""
    image = keras.Input(input_shape)
    x = keras.layers.Conv2D(8, 7, strides=4, padding="same")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.MaxPooling2D(4)(x)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(x)
    return keras.Model(image, x)


def tiny_net(head="integral", **options):
    models.BACKBONES["small"] = backbones.Backbone(small_backbone, "caffe")
    return models.pose_net(
        2,
        backbone="small",
        input_size=64,
        head=head,
        deconv_layers=1,
        deconv_filters=4,
        depth_bins=5,
        **options,
    )


def gradient_of(function, array):
    """The gradient of a scalar, as the backend derives it."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.jit(jax.grad(function))(keras.ops.convert_to_tensor(array))
    variable = keras.ops.convert_to_tensor(array)
    if backend == "torch":
        variable = variable.detach().clone().requires_grad_(True)
        function(variable).backward()
        return variable.grad
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = function(variable)
    return tape.gradient(value, variable)


def outputs_of(net, image, true, weight):
    """Everything that a backend computes: the pose and the losses of it."""
    arrays = net(image, training=False)
    arrays["integral"] = losses.IntegralLoss()(true, arrays["pose"], weight)
    spread = keras.ops.stack([arrays["pose"], arrays["std"]], axis=-1)
    arrays["uncertainty"] = losses.UncertaintyLoss()(true, spread, weight)
    bones = losses.BoneLengthLoss([(0, 1)])
    arrays["bone_length"] = bones(true, arrays["pose"], weight[:, :1, 0])
    logits = arrays["logits"]
    sharp = layers.SoftArgmax3D(temperature=0.3, debias=True)
    arrays["sharp"], arrays["sharp_std"], _ = sharp(logits)

    def sharp_loss(logits):
        pose, std, _ = sharp(logits)
        spread = keras.ops.stack([pose, std], axis=-1)
        bone = bones(true, pose, weight[:, :1, 0])
        return losses.UncertaintyLoss()(true, spread, weight) + bone

    gradients = {"sharp_gradient": gradient_of(sharp_loss, logits)}
    for target, prediction in itertools.product(
        heatmap_loss.HeatmapLoss.TARGETS, heatmap_loss.HeatmapLoss.PREDICTIONS
    ):
        loss = heatmap_loss.HeatmapLoss(target, prediction, radius=1)
        name = f"{target}_{prediction}"
        arrays[name] = loss(true, logits, weight[..., 0])
        gradients[f"{name}_gradient"] = gradient_of(
            lambda logits, loss=loss: loss(true, logits, weight[..., 0]), logits
        )
    # Of the mean of so many cells, a hundredth of the tolerance.
    arrays |= {name: 1e4 * array for name, array in gradients.items()}
    return {
        name: keras.ops.convert_to_numpy(keras.ops.stop_gradient(array))
        for name, array in arrays.items()
    }


def train(net, optimizer, gradient_of_values):
    """Five steps with clipped gradients, on JAX by its stateless functions."""

    def gradients(values):
        return clip(gradient_of_values(values), 2.0)[0]

    variables = net.trainable_variables
    if keras.backend.backend() != "jax":
        for _ in range(5):
            optimizer.apply(gradients([v.value for v in variables]), variables)
        return
    import jax

    @jax.jit
    def step(values, state):
        return optimizer.stateless_apply(state, gradients(values), values)

    values = [variable.value for variable in variables]
    state = [variable.value for variable in optimizer.variables]
    for _ in range(5):
        values, state = step(values, state)
    for variable, value in zip(
        [*variables, *optimizer.variables], [*values, *state], strict=True
    ):
        variable.assign(value)


def trained(name):
    """Weights, their averages and the rate after steps of an optimizer."""
    image = keras.Input((3,))
    inner = keras.Model(image, keras.layers.Dense(4)(image), name="backbone")
    net = keras.Model(image, keras.layers.Dense(2)(inner(image)))
    rng = np.random.default_rng(3)
    net.set_weights([rng.normal(0, 1, w.shape) for w in net.weights])
    targets = [np.float32(rng.normal(0, 1, w.shape)) for w in net.weights]
    settings = TrainConfig(
        optimizer=name,
        learning_rate=0.1,
        schedule="cosine",
        warmup_steps=2,
        ema=0.8,
        backbone_rate=0.25,
        weight_decay=0.1,
    )
    optimizer = make_optimizer(settings, net, total_steps=8)

    def gradients(values):  # of the squared distance to the targets
        pairs = zip(values, targets, strict=True)
        return [2 * (value - target) for value, target in pairs]

    train(net, optimizer, gradients)
    arrays = {f"weight{i}": w for i, w in enumerate(net.get_weights())}
    with averaged(optimizer, net):
        arrays |= {f"mean{i}": w for i, w in enumerate(net.get_weights())}
    arrays["rate"] = keras.ops.convert_to_numpy(optimizer.learning_rate)
    return {f"{name}_{key}": array for key, array in arrays.items()}


def trained_by_all():
    """What every optimizer does."""
    return {
        key: array
        for name in ("adam", "adamw", "lamb", "lion", "sgd")
        for key, array in trained(name).items()
    }


def main(folder):
    """What another backend does: all from the files, nothing of TensorFlow."""
    assert "tensorflow" not in sys.modules
    given = np.load(folder / ARRAYS)
    inputs = [given[name] for name in ("image", "true", "weight")]
    net = tiny_net(temperature=0.5, debias=True)
    net.load_weights(folder / WEIGHTS)
    built = outputs_of(models.with_logits(net), *inputs)
    loaded = keras.saving.load_model(folder / NET)
    soft_argmax = models.soft_argmax_of(loaded)
    assert (soft_argmax.temperature, soft_argmax.debias) == (0.5, True)
    read = outputs_of(models.with_logits(loaded), *inputs)
    assert tiny_net("regression")(inputs[0])["pose"].shape == (2, 2, 3)
    assert "tensorflow" not in sys.modules
    np.savez(folder / "built.npz", **built)
    np.savez(folder / "read.npz", **read)
    np.savez(folder / "trained.npz", **trained_by_all())
    assert "tensorflow" not in sys.modules


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a network and its inputs, and its outputs."""
    folder = tmp_path_factory.mktemp("net")
    rng = np.random.default_rng(0)
    inputs = {
        "image": rng.integers(0, 256, (2, 64, 64, 3), np.uint8),
        "true": rng.random((2, 2, 3), np.float32),
        "weight": rng.random((2, 2, 3), np.float32),
    }
    keras.utils.set_random_seed(0)
    net = tiny_net(temperature=0.5, debias=True)
    for name in ("deconv1", "heatmaps"):  # the first ones are near 0
        layer = net.get_layer(name)
        layer.set_weights([rng.normal(0, 0.5, w.shape) for w in layer.weights])
    net.save_weights(folder / WEIGHTS)
    net.save(folder / NET)
    np.savez(folder / ARRAYS, **inputs)
    return folder, outputs_of(models.with_logits(net), *inputs.values())


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends_agree_with_tensorflow(saved, backend, interpreter_of):
    folder, expected = saved
    environment = {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    command = [interpreter_of(backend), __file__, str(folder)]
    subprocess.run(command, env=os.environ | environment, check=True)
    assert np.ptp(expected["pose"], axis=0).max() > 0.01  # images differ
    for name, array in expected.items():
        assert not name.endswith("gradient") or np.abs(array).max() > 0.1
    for file in ("built.npz", "read.npz"):
        other = np.load(folder / file)
        assert set(other) == set(expected)
        for name, array in expected.items():
            np.testing.assert_allclose(
                other[name], array, rtol=1e-4, atol=1e-4, err_msg=name
            )
    other, expected = np.load(folder / "trained.npz"), trained_by_all()
    assert set(other) == set(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(
            other[name], array, rtol=0, atol=1e-5, err_msg=name
        )
    distance = expected["adam_weight0"] - expected["adam_mean0"]
    assert np.abs(distance).max() > 0.01
    assert expected["adam_rate"] == pytest.approx(0.05)  # of a half cosine


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
