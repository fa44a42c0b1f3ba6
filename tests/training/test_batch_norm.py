import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.training.batch_norm import prepare_batch_norm

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


def train_on_replicas(strategy, mode, make=make_layer):
    """Output (4, ...), and statistics (replicas, 2, 3) of a training call."""
    with strategy.scope():
        layer = make()
    prepare_batch_norm(network_of(layer), strategy.num_replicas_in_sync, mode)

    @tf.function
    def step(pixels):
        return strategy.run(lambda part: layer(part, training=True), (pixels,))

    dataset = tf.data.Dataset.from_tensors(PIXELS)
    batch = next(
        iter(
            strategy.experimental_distribute_dataset(
                dataset.unbatch().batch(len(PIXELS))
            )
        )
    )
    output = strategy.experimental_local_results(step(batch))
    statistics = [
        strategy.experimental_local_results(variable.value)
        for variable in (layer.moving_mean, layer.moving_variance)
    ]
    return np.concatenate(output), np.stack(statistics, axis=1), layer


def normalised(pixels):
    axes = (0, 1, 2)
    spread = np.sqrt(pixels.var(axes) + 1.001e-5)
    return WEIGHTS[0] * (pixels - pixels.mean(axes)) / spread + WEIGHTS[1]


def test_local_statistics_of_two_replicas_by_hand(two_replicas):
    output, statistics, layer = train_on_replicas(two_replicas, "local")
    assert is_fused(layer)
    halves = PIXELS[:2], PIXELS[2:]
    expected = np.concatenate([normalised(half) for half in halves])
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    axes = (0, 1, 2)
    mean = np.mean([half.mean(axes) for half in halves], axis=0)
    variance = np.mean([half.var(axes) for half in halves], axis=0)
    expected = [
        0.8 * WEIGHTS[2] + 0.2 * mean,
        0.8 * WEIGHTS[3] + 0.2 * variance,
    ]
    for replica in statistics:
        np.testing.assert_allclose(replica, expected, rtol=1e-5)


def test_synchronized_statistics_of_two_replicas_by_hand(two_replicas):
    output, statistics, layer = train_on_replicas(two_replicas, "synchronized")
    assert not is_fused(layer)
    np.testing.assert_allclose(output, normalised(PIXELS), rtol=1e-4, atol=1e-5)
    axes = (0, 1, 2)
    expected = [
        0.8 * WEIGHTS[2] + 0.2 * PIXELS.mean(axes),
        0.8 * WEIGHTS[3] + 0.2 * PIXELS.var(axes),
    ]
    for replica in statistics:
        np.testing.assert_allclose(replica, expected, rtol=1e-5)


def test_local_layer_that_cannot_be_fused_is_synchronized(two_replicas):
    def make():
        layer = keras.layers.BatchNormalization(scale=False, momentum=0.8)
        layer.build(SHAPE)
        return layer

    _, statistics, layer = train_on_replicas(two_replicas, "local", make)
    assert not is_fused(layer)
    for mean, _ in statistics:
        np.testing.assert_allclose(mean, 0.2 * PIXELS.mean((0, 1, 2)), 1e-5)


@pytest.mark.parametrize("num_replicas", [1, 2])
def test_frozen_batch_norm_is_left_to_keras(num_replicas):
    layer = make_layer()
    prepare_batch_norm(network_of(layer), num_replicas, "frozen")
    assert not is_fused(layer)
    assert not layer.synchronized


@pytest.mark.parametrize("mode", ["synchronized", "local"])
def test_one_replica_is_fused(mode):
    layer = make_layer()
    prepare_batch_norm(network_of(layer), 1, mode)
    assert is_fused(layer)


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
