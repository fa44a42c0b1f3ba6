import keras
import numpy as np
import pytest

from keras_pose import backbones
from keras_pose import models

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (2, 64, 64, 3), np.uint8)


def small_net(**options):
    """A network of 3 joints, as small as a backbone of Keras makes it."""
    options = {"input_size": 64, "deconv_filters": 4, "depth_bins": 5} | options
    return models.pose_net(3, **options)


def stub_backbone(weights, include_top, input_shape):
    """Mean colour of each 32 x 32 patch, and a dense layer on it."""
    assert (weights, include_top) in ((None, False), ("imagenet", False))
    image = keras.Input(input_shape)
    x = keras.layers.AveragePooling2D(32)(image)
    x = keras.layers.Dense(3, kernel_initializer="identity", name="mix")(x)
    return keras.Model(image, x)


@pytest.fixture
def make_stub_net(monkeypatch):
    """Gives `small_net` on a backbone whose features are colours."""
    stub = backbones.Backbone(stub_backbone, "caffe")
    monkeypatch.setitem(models.BACKBONES, "stub", stub)

    def make(**options):
        return small_net(backbone="stub", **options)

    return make


def randomise(net):
    """Large weights for the head; its first ones make near flat heatmaps."""
    for layer in net.layers:
        if layer.name.startswith(("heatmaps", "deconv", "joints")):
            layer.set_weights(
                [RNG.uniform(0.1, 3, w.shape) for w in layer.get_weights()]
            )


def expected_pose(logits):
    mass = np.exp(np.float64(logits) - logits.max((1, 2, 4), keepdims=True))
    mass /= mass.sum((1, 2, 4), keepdims=True)
    _, height, width, _, depth = logits.shape
    x = mass.sum((1, 4)).swapaxes(1, 2) @ (np.arange(width) + 0.5) / width
    y = mass.sum((2, 4)).swapaxes(1, 2) @ (np.arange(height) + 0.5) / height
    z = mass.sum((1, 2)) @ (np.arange(depth) + 0.5) / depth
    return np.stack([x, y, z], axis=-1)


@pytest.mark.parametrize(
    "backbone",
    [
        pytest.param(name, marks=() if name in kept else pytest.mark.slow)
        for kept in [{"resnet50", "mobilenetv3small"}]
        for name in models.BACKBONES
    ],
)
def test_every_backbone_maps_pixels_to_poses(backbone):
    net = small_net(backbone=backbone, deconv_layers=1)
    side = 4 if backbone == "resnet18_small" else 2
    assert net.get_layer("backbone").output_shape[1:3] == (side, side)
    output = net.predict_on_batch(PHOTO)
    shapes = {name: part.shape for name, part in output.items()}
    assert shapes == {"pose": (2, 3, 3), "std": (2, 3, 3), "confidence": (2, 3)}
    assert all(np.isfinite(part).all() for part in output.values())


@pytest.mark.parametrize(
    ("deconv_layers", "side"), [(0, 2), (1, 4), (2, 8), (3, 16)]
)
def test_each_deconv_layer_doubles_the_heatmap(
    make_stub_net, deconv_layers, side
):
    net = models.with_logits(make_stub_net(deconv_layers=deconv_layers))
    assert net.output["logits"].shape == (None, side, side, 3, 5)
    filters = [
        layer.filters
        for layer in net.layers
        if isinstance(layer, keras.layers.Conv2DTranspose)
    ]
    assert filters == deconv_layers * [4]


def test_default_heatmap_is_64_cells_of_a_256_pixel_image(make_stub_net):
    net = models.with_logits(models.pose_net(17, "stub"))
    assert net.input_shape == (None, 256, 256, 3)
    assert net.output["logits"].shape == (None, 64, 64, 17, 64)


@pytest.mark.parametrize(
    ("row", "column"), [(0, 3), (2, 0)], ids=["top right", "lower left"]
)
def test_pose_is_where_the_image_says(make_stub_net, row, column):
    net = make_stub_net(input_size=128, deconv_layers=0)
    bright = [np.full((1, 1, 3, 15), 50), np.zeros(15)]
    net.get_layer("heatmaps").set_weights(bright)
    image = np.zeros((1, 128, 128, 3), np.uint8)
    image[:, 32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = 255
    pose = net.predict_on_batch(image)["pose"]
    centre = [(column + 0.5) / 4, (row + 0.5) / 4, 0.5]
    np.testing.assert_allclose(pose, [3 * [centre]], atol=1e-6)


def test_heatmap_channels_are_joints_and_depth_within_a_joint(make_stub_net):
    net = make_stub_net(deconv_layers=0)
    bias = np.zeros((3, 5))
    bias[[0, 1, 2], [4, 0, 1]] = 100
    zeros = np.zeros((1, 1, 3, 15))
    net.get_layer("heatmaps").set_weights([zeros, bias.ravel()])
    z = net.predict_on_batch(PHOTO)["pose"][..., 2]
    np.testing.assert_allclose(z, 2 * [[0.9, 0.1, 0.3]], atol=1e-6)


def test_pose_is_the_soft_argmax_of_the_logits(make_stub_net):
    net = make_stub_net()
    randomise(net)
    output = models.with_logits(net).predict_on_batch(PHOTO)
    np.testing.assert_allclose(
        output["pose"], expected_pose(output["logits"]), atol=1e-5
    )
    for name, part in net.predict_on_batch(PHOTO).items():
        np.testing.assert_array_equal(part, output[name])


def test_batch_norm_momentum_reaches_backbone_and_head():
    net = small_net(
        backbone="mobilenetv3small", deconv_layers=2, batch_norm_momentum=0.5
    )
    layers = [*net.get_layer("backbone").layers, *net.layers]
    kind = keras.layers.BatchNormalization
    momenta = [layer.momentum for layer in layers if isinstance(layer, kind)]
    assert len(momenta) > 10
    assert set(momenta) == {0.5}


def test_with_logits_shares_every_weight(make_stub_net):
    net = make_stub_net()
    taught = models.with_logits(net)
    assert [id(w) for w in taught.weights] == [id(w) for w in net.weights]


def test_with_logits_refuses_a_regression_head(make_stub_net):
    with pytest.raises(ValueError, match="integral head.*model=pose_net"):
        models.with_logits(make_stub_net(head="regression"))


def test_regression_head_starts_at_the_middle_of_the_volume(make_stub_net):
    net = make_stub_net(head="regression")
    net.get_layer("backbone").get_layer("mix").set_weights(
        [np.zeros((3, 3)), np.zeros(3)]
    )
    output = net.predict_on_batch(PHOTO)
    assert list(output) == ["pose"]
    np.testing.assert_array_equal(output["pose"], np.full((2, 3, 3), 0.5))


def test_regression_head_gives_x_y_z_joint_by_joint(make_stub_net):
    net = make_stub_net(head="regression")
    net.get_layer("joints").set_weights([np.zeros((3, 9)), np.arange(9)])
    pose = net.predict_on_batch(PHOTO)["pose"]
    np.testing.assert_array_equal(pose, 2 * [[[0, 1, 2], [3, 4, 5], [6, 7, 8]]])


@pytest.mark.parametrize("head", ["integral", "regression"])
def test_outputs_are_float32_under_a_mixed_policy(make_stub_net, head):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        net = make_stub_net(head=head)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {part.dtype for part in net.output.values()} == {"float32"}
    assert (
        net.get_layer("backbone").get_layer("mix").compute_dtype == "bfloat16"
    )


def test_network_takes_uint8_and_scales_it_itself(make_stub_net):
    net = make_stub_net(deconv_layers=0)
    assert net.input.dtype == "uint8"
    scaled = keras.Model(net.input, net.get_layer("pixel_scaling").output)
    np.testing.assert_allclose(
        scaled.predict_on_batch(PHOTO), PHOTO / 128.0 - 1, atol=1e-6
    )


@pytest.mark.parametrize(
    ("published", "weights", "mode"),
    [
        ("caffe", None, "report"),
        ("caffe", "imagenet", "caffe"),
        ("inception", None, "report"),
        ("inception", "imagenet", "inception"),
        ("none", None, "none"),
        ("none", "imagenet", "none"),
    ],
)
def test_pixel_scaling_follows_the_weights(
    make_stub_net, monkeypatch, published, weights, mode
):
    stub = backbones.Backbone(stub_backbone, published)
    monkeypatch.setitem(models.BACKBONES, "stub", stub)
    net = make_stub_net(weights=weights)
    assert net.get_layer("pixel_scaling").mode == mode


def test_published_scaling_is_that_of_each_family():
    scaling = {n: b.published_scaling for n, b in models.BACKBONES.items()}
    families = {"resnet50": "caffe", "resnet152v2": "inception"}
    families |= {"mobilenetv3large": "none", "efficientnetv2l": "none"}
    assert families.items() <= scaling.items()


def test_resnet18_is_that_of_its_paper():
    # Convolutions and batch norm's scale and shift, without the top layer.
    def block(inside, outside, projected):
        conv = 9 * inside * outside + 9 * outside * outside + 4 * outside
        return conv + projected * (inside * outside + 2 * outside)

    expected = 7 * 7 * 3 * 64 + 2 * 64
    for inside, outside in ((64, 64), (64, 128), (128, 256), (256, 512)):
        expected += block(inside, outside, inside != outside)
        expected += block(outside, outside, False)
    make = models.BACKBONES["resnet18"].make
    net = make(weights=None, include_top=False, input_shape=(64, 64, 3))
    assert sum(np.prod(w.shape) for w in net.trainable_weights) == (expected)


def test_no_imagenet_weights_of_resnet18_are_looked_for():
    with pytest.raises(ValueError, match="no ImageNet weights of resnet18"):
        small_net(backbone="resnet18", weights="imagenet")


def test_a_head_starts_small_on_trained_features_alone(make_stub_net):
    untrained, trained = (
        np.std(net.get_layer("heatmaps").get_weights()[0])
        for net in (
            make_stub_net(deconv_filters=64),
            make_stub_net(deconv_filters=64, weights="imagenet"),
        )
    )
    assert trained == pytest.approx(0.001, rel=0.2)
    assert untrained == pytest.approx(np.sqrt(2 / 64), rel=0.2)


@pytest.mark.parametrize("backbone", ["mobilenetv3small", "efficientnetv2b0"])
def test_backbones_without_scaling_scale_their_pixels(backbone):
    make = models.BACKBONES[backbone].make
    layers = make(weights=None, include_top=False).layers
    kinds = [type(layer) for layer in layers]
    assert keras.layers.Rescaling in kinds


def test_weights_of_a_file_reach_the_backbone(make_stub_net, tmp_path):
    donor = stub_backbone(None, False, (96, 96, 3))
    kernel = RNG.normal(size=(3, 3)).astype(np.float32)
    donor.get_layer("mix").set_weights([kernel, np.arange(3)])
    donor.save_weights(tmp_path / "a.weights.h5")
    net = make_stub_net(weights=str(tmp_path / "a.weights.h5"))
    mix = net.get_layer("backbone").get_layer("mix")
    np.testing.assert_array_equal(mix.get_weights()[0], kernel)
    np.testing.assert_array_equal(mix.get_weights()[1], [0, 1, 2])
    assert net.get_layer("pixel_scaling").mode == "caffe"


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_of_another_backbone_are_refused(make_stub_net, tmp_path):
    other = keras.Sequential([keras.Input((9,)), keras.layers.Dense(4)])
    other.save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="could not be loaded"):
        make_stub_net(weights=str(tmp_path / "a.weights.h5"))


@pytest.mark.parametrize("error", [Exception, OSError, ValueError])
def test_failed_download_says_what_to_do(make_stub_net, monkeypatch, error):
    def make(weights, **_):
        raise error("URL fetch failure on https://a.b")

    stub = backbones.Backbone(make, "caffe")
    monkeypatch.setitem(models.BACKBONES, "stub", stub)
    with pytest.raises(RuntimeError, match="path of a file.*URL fetch failure"):
        make_stub_net(weights="imagenet")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("backbone", "resnet19"),
        ("head", "heatmap"),
        ("input_size", 100),
        ("input_size", 0),
        ("input_size", -32),
        ("deconv_layers", -1),
        ("deconv_layers", 4),
        ("weights", "/no/such/file.weights.h5"),
    ],
)
def test_pose_net_refuses_and_names_the_argument(make_stub_net, option, value):
    with pytest.raises(ValueError, match=f"`{option}`.*{option}={value!r}"):
        small_net(**{"backbone": "stub", option: value})


@pytest.mark.parametrize("head", models.HEADS)
def test_network_survives_a_file(make_stub_net, tmp_path, head):
    net = make_stub_net(head=head)
    randomise(net)
    net.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    expected = net.predict_on_batch(PHOTO)
    for name, part in loaded.predict_on_batch(PHOTO).items():
        np.testing.assert_allclose(part, expected[name], atol=1e-6)
    assert np.ptp(expected["pose"]) > 0.05
