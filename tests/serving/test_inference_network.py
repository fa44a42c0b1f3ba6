import keras
import numpy as np
import pytest

from keras_pose import models
from keras_pose.serving.inference_network import inference_network

JOINTS, DEPTH = 3, 8
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)


def trained(backbone, head="integral", **arguments):
    """A network whose batch norms all scale and shift."""
    keras.utils.set_random_seed(0)
    model = models.pose_net(
        JOINTS,
        backbone,
        input_size=64,
        head=head,
        deconv_layers=2,
        deconv_filters=6,
        depth_bins=DEPTH,
        **arguments,
    )
    rng = np.random.default_rng(1)
    ranges = {
        "gamma": (0.7, 1.3),
        "beta": (-0.2, 0.2),
        "moving_mean": (-0.2, 0.2),
        "moving_variance": (0.7, 1.5),
    }
    for layer in models.batch_norms_of(model):
        for weight in layer.weights:
            weight.assign(rng.uniform(*ranges[weight.name], weight.shape))
    if head == "integral":  # heatmaps neither flat nor of a single cell
        kernel = model.get_layer("heatmaps").kernel
        kernel.assign(
            kernel * 3 / np.std(models.with_logits(model)(IMAGES)["logits"])
        )
    return model


def check_same(model, network, tolerance=2e-5):
    expected = model(IMAGES, training=False)
    found = network(IMAGES, training=False)
    assert set(found) == set(expected)
    for name, value in expected.items():
        value = np.array(value)
        assert value.std() > 0
        np.testing.assert_allclose(
            np.array(found[name]), value, atol=tolerance * np.abs(value).max()
        )


@pytest.fixture(scope="module")
def small():
    return trained("resnet18_small", debias=True, temperature=0.7)


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("phases", [False, True])
def test_outputs_are_those_of_the_network(small, channels_first, phases):
    network = inference_network(small, channels_first, phases)
    check_same(small, network)
    assert network.input.dtype == "uint8"
    assert network.input.name == small.input.name


def test_a_softmax_that_does_not_sum_to_one_does_no_harm(small, monkeypatch):
    # ONNX Runtime's is off by 1e-5 over as many cells, 0.04 mm.
    softmax = keras.ops.softmax
    network = inference_network(small, channels_first=True)
    monkeypatch.setattr(
        keras.ops,
        "softmax",
        lambda x, axis: 1.01 * softmax(x, axis=axis),
    )
    check_same(small, network)


def test_no_batch_norm_is_left_after_a_convolution(small):
    assert len(models.batch_norms_of(small)) == 21
    assert models.batch_norms_of(inference_network(small)) == []


def test_no_transposed_convolution_is_left_but_on_demand(small):
    def transposed(model):
        return sum(
            isinstance(layer, keras.layers.Conv2DTranspose)
            for layer in models.layers_of(model)
        )

    assert transposed(inference_network(small)) == 0
    assert transposed(inference_network(small, phases=False)) == 2


def test_the_given_network_stays_as_it_was(small):
    before = [np.array(weight) for weight in small.weights]
    pose = np.array(small(IMAGES)["pose"])
    inference_network(small)
    for weight, value in zip(small.weights, before, strict=True):
        np.testing.assert_array_equal(np.array(weight), value)
    np.testing.assert_array_equal(np.array(small(IMAGES)["pose"]), pose)


def test_a_regression_head_and_depthwise_convolutions():
    model = trained("mobilenetv3small", head="regression")
    network = inference_network(model)
    check_same(model, network)
    assert models.batch_norms_of(network) == []


def test_batch_norms_before_convolutions_stay():
    """ResNetV2 normalises what it adds up, which has no convolution."""
    model = trained("resnet50v2")
    network = inference_network(model, channels_first=True)
    check_same(model, network)
    assert 0 < len(models.batch_norms_of(network)) < 20


def test_pixels_are_normalised_by_numbers_of_the_network():
    image = keras.Input((8, 8, 3))
    normalised = keras.layers.Normalization(
        mean=[100, 120, 140], variance=[3000, 4000, 0.0]
    )(image)
    model = keras.Model(image, normalised)
    network = inference_network(model)
    assert not any(
        isinstance(layer, keras.layers.Normalization)
        for layer in models.layers_of(network)
    )
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3))
    deviations = np.sqrt([3000, 4000, 1e-14])
    np.testing.assert_allclose(
        network.predict(pixels, verbose=0),
        (pixels - [100, 120, 140]) / deviations,
        rtol=1e-5,
        atol=1e-5,
    )


def test_mixed_precision_is_refused():
    policy = keras.mixed_precision.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = trained("resnet18_small")
    finally:
        keras.config.set_dtype_policy(policy)
    with pytest.raises(ValueError, match=r"`model` must compute in float32.*"):
        inference_network(model)


def test_a_batch_norm_whose_convolution_is_taken_twice_stays():
    image = keras.Input((8, 8, 3))
    convolved = keras.layers.Conv2D(4, 3)(image)
    normalised = keras.layers.BatchNormalization()(convolved)
    model = keras.Model(image, keras.layers.Add()([convolved, normalised]))
    (batch_norm,) = models.batch_norms_of(model)
    batch_norm.moving_mean.assign([1, 2, 3, 4])
    network = inference_network(model)
    assert len(models.batch_norms_of(network)) == 1
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 3))
    np.testing.assert_allclose(
        np.array(network(x)), np.array(model(x)), atol=1e-6
    )
