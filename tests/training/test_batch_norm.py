import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.training.batch_norm import prepare_batch_norm
from keras_pose.training.batch_norm import restore_batch_norm

SHAPE = (4, 5, 6, 3)
RNG = np.random.default_rng(0)
PIXELS = np.float32(RNG.normal([3, -1, 0.2], [2, 0.5, 5], SHAPE))
UPSTREAM = np.float32(RNG.normal(0, 1, SHAPE))
WEIGHTS = [
    np.float32(values)
    for values in ([1.5, -0.7, 0.3], [0.1, 2, -3], [1, 0, -1], [2, 1, 7])
]  # gamma, beta, moving mean and variance


def make_layer(dtype="float32", **options):
    """A layer of the weights above; the same in each call."""
    options = {"momentum": 0.8, "epsilon": 1.001e-5} | options
    layer = keras.layers.BatchNormalization(dtype=dtype, **options)
    layer.build(SHAPE)
    layer.set_weights(WEIGHTS)
    return layer


def network_of(*layers, shape=SHAPE[1:]):
    image = x = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(image, x)


def is_fused(layer):
    return "call" in vars(layer)


def train_once(layer, dtype="float32", prepared=True):
    """Output, gradients and new weights of one training call."""
    if prepared:
        prepare_batch_norm(network_of(layer), num_replicas=1)
        assert is_fused(layer)

    @tf.function
    def step(pixels):
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            output = layer(pixels, training=True)
        sources = [pixels, layer.gamma.value, layer.beta.value]
        upstream = tf.cast(UPSTREAM, output.dtype)
        return output, tape.gradient(output, sources, upstream)

    output, gradients = step(tf.cast(PIXELS, dtype))
    assert output.dtype == dtype
    parts = [output, *gradients, *layer.get_weights()]
    return [np.float32(part) for part in parts]


@pytest.mark.parametrize(
    ("dtype", "policy", "rtol"),
    [
        ("float32", "float32", 2e-5),
        ("bfloat16", "mixed_bfloat16", 3e-2),
        ("float16", "mixed_float16", 4e-3),
    ],
)
@pytest.mark.parametrize("epsilon", [1.001e-5, 1e-3, 0.5])
def test_fused_training_is_that_of_keras(dtype, policy, rtol, epsilon):
    fused = train_once(make_layer(policy, epsilon=epsilon), dtype)
    own = train_once(make_layer(policy, epsilon=epsilon), dtype, prepared=False)
    for received, expected in zip(fused, own, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            received, expected, rtol=rtol, atol=rtol * scale
        )


def test_moving_statistics_by_hand():
    *_, mean, variance = train_once(make_layer())
    axes = (0, 1, 2)
    expected = 0.8 * WEIGHTS[2] + 0.2 * PIXELS.mean(axes)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)
    expected = 0.8 * WEIGHTS[3] + 0.2 * PIXELS.var(axes)
    np.testing.assert_allclose(variance, expected, rtol=1e-5)


def test_fused_statistics_of_two_cells_are_not_those_of_a_sample():
    # With so few a variance divided by n - 1 would be twice as large.
    pixels = np.float32([[[[0.0, 1, 2]]], [[[2.0, 5, 2]]]])
    layer = make_layer()
    prepare_batch_norm(network_of(layer), num_replicas=1)
    layer(pixels, training=True)
    expected = 0.8 * WEIGHTS[3] + 0.2 * np.float32([1, 4, 0])
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-5)


def test_fused_statistics_of_one_cell_are_finite():
    layer = make_layer()
    prepare_batch_norm(network_of(layer), num_replicas=1)
    output = layer(PIXELS[:1, :1, :1], training=True)
    np.testing.assert_allclose(output[0, 0, 0], WEIGHTS[1], rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.8 * WEIGHTS[3], 1e-5)


@pytest.mark.parametrize("trainable", [True, False], ids=["normal", "frozen"])
def test_inference_and_frozen_layers_are_as_keras_has_them(trainable):
    fused, own = make_layer(), make_layer()
    for layer in (fused, own):
        layer.trainable = trainable
    prepare_batch_norm(network_of(fused), num_replicas=1)
    training = not trainable  # a frozen layer infers even then
    np.testing.assert_array_equal(
        fused(PIXELS, training=training), own(PIXELS, training=training)
    )
    for received, expected in zip(fused.get_weights(), WEIGHTS, strict=True):
        np.testing.assert_array_equal(received, expected)


def test_masked_call_is_that_of_keras():
    fused, own = make_layer(), make_layer()
    prepare_batch_norm(network_of(fused), num_replicas=1)
    mask = PIXELS[..., 0] > 3
    np.testing.assert_array_equal(
        fused(PIXELS, training=True, mask=mask),
        own(PIXELS, training=True, mask=mask),
    )


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"axis": 1}, (5, 6, 3)),
        ({"axis": 2}, (5, 6, 3)),
        ({}, (3,)),
        ({}, (5, 3)),
        ({}, (2, 5, 6, 3)),
        ({"scale": False}, (5, 6, 3)),
        ({"center": False}, (5, 6, 3)),
        ({"renorm": True}, (5, 6, 3)),
    ],
    ids=str,
)
def test_other_layers_are_left_to_keras(options, shape):
    fused = keras.layers.BatchNormalization(**options)
    own = keras.layers.BatchNormalization(**options)
    network, plain = (
        network_of(fused, shape=shape),
        network_of(own, shape=shape),
    )
    prepare_batch_norm(network, num_replicas=1)
    assert not is_fused(fused)
    pixels = np.float32(RNG.normal(1, 2, (4, *shape)))
    np.testing.assert_array_equal(
        network(pixels, training=True), plain(pixels, training=True)
    )


@pytest.mark.parametrize("axis", [3, -1])
def test_layers_over_the_channels_are_fused(axis):
    layer = keras.layers.BatchNormalization(axis=axis)
    prepare_batch_norm(network_of(layer), num_replicas=1)
    assert is_fused(layer)


def batch_norms(network):
    return [
        layer
        for layer in network._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


@pytest.mark.parametrize(
    "make",
    [
        keras.applications.MobileNetV3Small,
        pytest.param(
            keras.applications.EfficientNetV2B0, marks=pytest.mark.slow
        ),
        pytest.param(keras.applications.ResNet50, marks=pytest.mark.slow),
    ],
    ids=lambda make: make.__name__,
)
def test_every_batch_norm_of_a_backbone_is_fused(make):
    backbone = make(weights=None, include_top=False, input_shape=(64, 64, 3))
    image = keras.Input((64, 64, 3))
    network = keras.Model(image, backbone(image))
    prepare_batch_norm(network, num_replicas=1)
    layers = batch_norms(network)
    assert len(layers) > 10
    assert all(map(is_fused, layers))


def test_several_replicas_share_their_statistics_instead():
    layer = make_layer()
    network = network_of(layer)
    prepare_batch_norm(network, num_replicas=2)
    assert layer.synchronized
    assert not is_fused(layer)
    restore_batch_norm(network)
    assert not layer.synchronized


def small_network():
    """One layer by itself, one in a model in the model, used twice."""
    keras.utils.set_random_seed(0)
    inner = network_of(
        keras.layers.Conv2D(3, 3, padding="same"),
        keras.layers.BatchNormalization(momentum=0.9),
    )
    image = keras.Input(SHAPE[1:])
    x = inner(inner(image))
    x = keras.layers.BatchNormalization(momentum=0.9, name="last")(x)
    return keras.Model(image, x)


def train(network, steps):
    """Steps of gradient descent towards a fixed image."""

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            error = network(PIXELS, training=True) - UPSTREAM
            loss = tf.reduce_mean(error**2)
        variables = network.trainable_variables
        for variable, gradient in zip(
            variables, tape.gradient(loss, variables), strict=True
        ):
            variable.assign_sub(0.1 * gradient)

    for _ in range(steps):
        step()


def test_network_that_uses_a_layer_twice_trains_as_keras_does():
    fused, own = small_network(), small_network()
    prepare_batch_norm(fused, num_replicas=1)
    prepare_batch_norm(fused, num_replicas=1)  # twice is once
    assert all(map(is_fused, batch_norms(fused)))
    train(fused, 5)
    train(own, 5)
    for received, expected in zip(
        fused.get_weights(), own.get_weights(), strict=True
    ):
        np.testing.assert_allclose(received, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(fused(PIXELS), own(PIXELS), atol=1e-3)


def test_restore_leaves_layers_as_they_were():
    network = small_network()
    before = [dict(vars(layer)) for layer in batch_norms(network)]
    prepare_batch_norm(network, num_replicas=1)
    restore_batch_norm(network)
    for layer, attributes in zip(batch_norms(network), before, strict=True):
        assert not is_fused(layer)
        assert vars(layer).keys() == attributes.keys()
        assert not layer.synchronized


def content(path):
    """What a .keras file holds, but for the time of its writing."""
    with zipfile.ZipFile(path) as archive:
        return {
            name: archive.read(name)
            for name in archive.namelist()
            if name != "metadata.json"
        }


@pytest.mark.parametrize("num_replicas", [1, 2])
def test_saved_file_shows_nothing_of_training(tmp_path, num_replicas):
    network = small_network()
    network.save(tmp_path / "before.keras")
    prepare_batch_norm(network, num_replicas)
    restore_batch_norm(network)
    network.save(tmp_path / "after.keras")
    before = content(tmp_path / "before.keras")
    assert content(tmp_path / "after.keras") == before
    assert {"config.json", "model.weights.h5"} <= before.keys()


def test_trained_network_loads_in_plain_keras(tmp_path):
    network = small_network()
    prepare_batch_norm(network, num_replicas=1)
    train(network, 2)
    restore_batch_norm(network)
    network.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    layers = batch_norms(loaded)
    assert {type(layer) for layer in layers} == {
        keras.layers.BatchNormalization
    }
    assert not any(map(is_fused, layers))
    np.testing.assert_array_equal(loaded(PIXELS), network(PIXELS))


def test_training_goes_on_after_a_network_is_saved(tmp_path):
    whole, saved = small_network(), small_network()
    for network in (whole, saved):
        prepare_batch_norm(network, num_replicas=1)
        train(network, 2)
    restore_batch_norm(saved)
    saved.save(tmp_path / "net.keras")
    prepare_batch_norm(saved, num_replicas=1)
    assert all(map(is_fused, batch_norms(saved)))
    train(whole, 2)
    train(saved, 2)
    for received, expected in zip(
        saved.get_weights(), whole.get_weights(), strict=True
    ):
        np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)
