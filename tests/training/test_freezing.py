import keras
import numpy as np
import pytest

from keras_pose.config import TrainConfig
from keras_pose.training import freezing


@pytest.fixture
def network():
    image = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(3, 1, name="conv1_conv")(image)
    x = keras.layers.BatchNormalization(name="conv1_bn")(x)
    x = keras.layers.ReLU(name="conv1_relu")(x)
    x = keras.layers.Conv2D(3, 1, use_bias=False, name="conv2_conv")(x)
    backbone = keras.Model(image, x, name="backbone")
    x = keras.layers.Conv2D(2, 1, name="head")(backbone(image))
    x = keras.layers.BatchNormalization(name="head_bn")(x)
    return keras.Model(image, x)


def learnt(network):
    return {variable.path for variable in network.trainable_variables}


CONV1 = {"conv1_conv/kernel", "conv1_conv/bias"}
CONV1_BN = {"conv1_bn/gamma", "conv1_bn/beta"}
CONV2 = {"conv2_conv/kernel"}
HEAD = {"head/kernel", "head/bias"}
HEAD_BN = {"head_bn/gamma", "head_bn/beta"}
ALL = CONV1 | CONV1_BN | CONV2 | HEAD | HEAD_BN


@pytest.mark.parametrize(
    ("patterns", "batch_norm", "expected"),
    [
        ((), False, ALL),
        (("backbone",), False, HEAD | HEAD_BN),
        (("conv1*",), False, CONV2 | HEAD | HEAD_BN),
        (("conv1_conv", "head"), False, CONV1_BN | CONV2 | HEAD_BN),
        (("*_bn",), False, CONV1 | CONV2 | HEAD),
        ((), True, CONV1 | CONV2 | HEAD),
        (("backbone",), True, HEAD),
    ],
    # Sets have no order that two processes share.
    ids=lambda value: None if isinstance(value, set) else str(value),
)
def test_what_is_not_named_learns(network, patterns, batch_norm, expected):
    freezing.freeze(network, patterns, batch_norm)
    assert learnt(network) == expected


@pytest.mark.parametrize("first", ["backbone", "conv1*", "conv2_conv", "*_bn"])
@pytest.mark.parametrize("second", ["backbone", "conv1*", "head*"])
def test_each_call_stands_for_itself(network, first, second):
    freezing.freeze(network, (second,))
    expected = learnt(network)
    freezing.freeze(network, (first,), batch_norm=True)
    freezing.freeze(network, (second,))
    assert learnt(network) == expected
    freezing.freeze(network, ())
    assert learnt(network) == ALL


def test_frozen_batch_norm_infers_and_keeps_its_statistics(network):
    freezing.freeze(network, ("head",), batch_norm=True)
    pixels = np.float32(np.random.default_rng(0).normal(3, 2, (2, 4, 4, 3)))
    before = network.get_weights()
    np.testing.assert_array_equal(
        network(pixels, training=True), network(pixels, training=False)
    )
    for weight, expected in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)
    freezing.freeze(network, ("head",))
    network(pixels, training=True)
    moved = network.get_layer("head_bn").moving_mean
    assert np.abs(moved).max() > 0


def test_weights_keep_their_order_for_a_file(network):
    paths = [weight.path for weight in network.weights]
    freezing.freeze(network, ("backbone",), batch_norm=True)
    assert [weight.path for weight in network.weights] == paths


@pytest.mark.parametrize(
    ("patterns", "named"),
    [
        (("backbone", "conv3*"), "`train.frozen` .*conv1_conv.*: 'conv3\\*'"),
        (("Backbone",), "`train.frozen` .*backbone.*: 'Backbone'"),
        (("conv1_relu",), "`train.frozen` .*weights.*: 'conv1_relu'"),
        (("backbone", "head*"), "leave a layer.*'backbone', 'head\\*'"),
    ],
)
def test_wrong_patterns_are_refused_by_name(network, patterns, named):
    with pytest.raises(ValueError, match=named):
        freezing.freeze(network, patterns)


@pytest.mark.parametrize(
    ("frozen_epochs", "expected"),
    [(0, [True, True, True]), (1, [True, False, False]), (3, [True] * 3)],
)
def test_epochs_of_frozen_layers(frozen_epochs, expected):
    train = TrainConfig(frozen=("a", "b"), frozen_epochs=frozen_epochs)
    frozen = [freezing.patterns_of(train, epoch) for epoch in range(3)]
    assert frozen == [("a", "b") if is_frozen else () for is_frozen in expected]
