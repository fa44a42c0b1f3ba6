import dataclasses

import keras
import numpy as np
import pytest

from keras_pose import backbones
from keras_pose import models
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import artefacts
from keras_pose.skeleton import COCO_17
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPII_16
from keras_pose.training.initial import load_initial

PHOTO = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)


def named_backbone(weights, include_top, input_shape):
    del include_top
    assert weights is None or weights == "imagenet"
    image = keras.Input(input_shape)
    x = keras.layers.Conv2D(6, 32, 32, name="conv1")(image)
    x = keras.layers.BatchNormalization(name="conv1_bn")(x)
    x = keras.layers.Conv2D(6, 1, use_bias=False, name="conv2")(x)
    return keras.Model(image, x)


@pytest.fixture
def make_net(monkeypatch):
    """Gives `(seed, skeleton, **options) -> (network, spec)`, random."""
    backbone = backbones.Backbone(named_backbone, "caffe")
    monkeypatch.setitem(models.BACKBONES, "named", backbone)

    def make(seed, skeleton=H36M_17, **options):
        options = {
            "backbone": "named",
            "input_size": 64,
            "deconv_layers": 1,
            "deconv_filters": 5,
            "depth_bins": 3,
        } | options
        net = models.pose_net(skeleton.num_joints, **options)
        rng = np.random.default_rng(seed)
        net.set_weights([rng.uniform(0.5, 1, w.shape) for w in net.weights])
        lengths = (0.0,) * skeleton.num_joints
        spec = PoseSpec(skeleton, MetricVolume(), 64, 1.2, lengths)
        return net, spec

    return make


@pytest.fixture
def make_file(make_net, tmp_path):
    """Gives `make_net`'s arguments -> (network, path of its file)."""

    def make(seed, *args, **options):
        net, spec = make_net(seed, *args, **options)
        path = str(tmp_path / f"net{seed}.keras")
        artefacts.save_keras(net, spec, path)
        return net, path

    return make


def weights_by_layer(net):
    return {
        layer.name: layer.get_weights()
        for layer in models.layers_of(net)
        if layer.weights and not isinstance(layer, keras.Model)
    }


def assert_same(received, expected):
    for array, other in zip(received, expected, strict=True):
        np.testing.assert_array_equal(array, other)


BACKBONE = ("backbone/conv1", "backbone/conv1_bn", "backbone/conv2")
HEAD = ("deconv1", "deconv1_bn", "heatmaps")


@pytest.mark.parametrize("head", ["integral", "regression"])
def test_same_network_is_taken_whole(make_net, make_file, head):
    earlier, path = make_file(1, head=head)
    net, spec = make_net(2, head=head)
    taken = load_initial(net, spec, path)
    assert_same(net.get_weights(), earlier.get_weights())
    assert_same(
        net.predict_on_batch(PHOTO).values(),
        earlier.predict_on_batch(PHOTO).values(),
    )
    last = HEAD if head == "integral" else ("joints",)
    assert taken.whole == (*BACKBONE, *last)
    assert not taken.in_part
    assert not taken.left
    count = len(taken.whole)
    assert str(taken) == f"{count} layers taken over, 0 in part, 0 not"


def test_run_stands_for_its_best_network(make_net, make_file, tmp_path):
    best, path = make_file(1)
    _, last = make_file(2)
    (tmp_path / "run").mkdir()
    (tmp_path / "net1.keras").rename(tmp_path / "run" / "best.keras")
    (tmp_path / "net2.keras").rename(tmp_path / "run" / "last.keras")
    net, spec = make_net(3)
    load_initial(net, spec, tmp_path / "run")
    assert_same(net.get_weights(), best.get_weights())


def heatmaps_of(joint, skeleton, weights):
    """Kernel and bias of a joint's heatmap, cut by hand: 3 bins a joint."""
    index = skeleton.joints.index(joint)
    return [weight[..., 3 * index : 3 * index + 3] for weight in weights]


@pytest.mark.parametrize("skeleton", [COCO_17, MPII_16], ids=lambda s: s.name)
@pytest.mark.parametrize("head", ["integral", "regression"])
def test_joints_are_taken_by_name(make_net, make_file, skeleton, head):
    earlier, path = make_file(1, skeleton, head=head)
    net, spec = make_net(2, head=head)
    name = "heatmaps" if head == "integral" else "joints"
    theirs = weights_by_layer(earlier)[name]
    before = weights_by_layer(net)[name]
    taken = load_initial(net, spec, path)
    after = weights_by_layer(net)[name]
    shared = [j for j in H36M_17.joints if j in skeleton.joints]
    assert 5 < len(shared) < 17
    assert taken.in_part == {name: tuple(shared)}
    for joint in H36M_17.joints:
        source = (skeleton, theirs) if joint in shared else (H36M_17, before)
        assert_same(
            heatmaps_of(joint, H36M_17, after), heatmaps_of(joint, *source)
        )
    assert f"{name}: only {', '.join(shared)}" in str(taken)


def test_joints_in_another_order_are_taken_whole(make_net, make_file):
    earlier, path = make_file(1)
    order = tuple(reversed(range(17)))
    reversed_set = dataclasses.replace(
        H36M_17, joints=tuple(H36M_17.joints[i] for i in order)
    )
    net, spec = make_net(2, reversed_set)
    taken = load_initial(net, spec, path)
    assert "heatmaps" in taken.whole
    theirs = weights_by_layer(earlier)["heatmaps"]
    ours = weights_by_layer(net)["heatmaps"]
    for joint in H36M_17.joints:
        assert_same(
            heatmaps_of(joint, reversed_set, ours),
            heatmaps_of(joint, H36M_17, theirs),
        )


@pytest.mark.parametrize(
    ("skeleton", "options"),
    [
        (H36M_17, {"depth_bins": 6}),
        (H36M_17, {"depth_bins": 4}),
        # 16 joints of 17 bins are as many numbers as 17 joints of 16.
        (MPII_16, {"depth_bins": 17}),
    ],
    ids=str,
)
def test_other_depth_bins_are_not_taken(make_net, make_file, skeleton, options):
    _, path = make_file(1, skeleton, **options)
    net, spec = make_net(2, depth_bins=16)
    before = weights_by_layer(net)["heatmaps"]
    taken = load_initial(net, spec, path)
    assert_same(weights_by_layer(net)["heatmaps"], before)
    assert taken.whole == (*BACKBONE, *HEAD[:-1])
    channels = skeleton.num_joints * options["depth_bins"]
    reason = f"(1,1,5,{channels}) ({channels},) there, (1,1,5,272) (272,) here"
    assert taken.left == {"heatmaps": reason}
    assert f"{reason}: heatmaps" in str(taken)


def test_what_does_not_fit_is_named_with_its_reason(make_net, make_file):
    earlier, path = make_file(1, deconv_filters=4)
    net, spec = make_net(2, deconv_layers=2)
    before = weights_by_layer(net)
    taken = load_initial(net, spec, path)
    after = weights_by_layer(net)
    for name in ("deconv1", "deconv1_bn", "deconv2", "deconv2_bn", "heatmaps"):
        assert_same(after[name], before[name])
    assert_same(after["conv1"], weights_by_layer(earlier)["conv1"])
    assert taken.whole == BACKBONE
    assert taken.left.keys() == after.keys() - {"conv1", "conv1_bn", "conv2"}
    assert taken.left["deconv1"] == "(4,4,4,6) there, (4,4,5,6) here"
    assert "absent there: deconv2, deconv2_bn" in str(taken)
    assert str(taken).startswith("3 layers taken over, 0 in part, 5 not\n")


def test_backbone_goes_to_another_head(make_net, make_file):
    earlier, path = make_file(1)
    net, spec = make_net(2, head="regression")
    taken = load_initial(net, spec, path)
    assert taken.whole == BACKBONE
    assert taken.left == {"joints": "absent there"}
    for name in ("conv1", "conv1_bn", "conv2"):
        assert_same(
            weights_by_layer(net)[name], weights_by_layer(earlier)[name]
        )


def test_backbone_brings_its_scaling_of_pixels(make_net, make_file, tmp_path):
    earlier, path = make_file(1, weights="imagenet")
    net, spec = make_net(2)
    assert models.pixel_scaling_of(net).mode == "report"
    taken = load_initial(net, spec, path)
    assert taken.pixel_scaling == "caffe"
    assert "caffe" in str(taken)
    expected = earlier.predict_on_batch(PHOTO)["pose"]
    np.testing.assert_array_equal(net.predict_on_batch(PHOTO)["pose"], expected)
    artefacts.save_keras(net, spec, tmp_path / "again.keras")
    again, _ = artefacts.load_keras_model(tmp_path / "again.keras")
    np.testing.assert_array_equal(
        again.predict_on_batch(PHOTO)["pose"], expected
    )


def test_head_alone_brings_no_scaling(make_net, make_file, tiny_backbone):
    _, path = make_file(1, weights="imagenet")
    net, spec = make_net(2, backbone=tiny_backbone)
    taken = load_initial(net, spec, path)
    assert taken.whole == ("deconv1_bn", "heatmaps")
    assert taken.pixel_scaling is None
    assert models.pixel_scaling_of(net).mode == "report"


def test_network_without_a_common_layer_is_refused(
    make_net, make_file, tiny_backbone
):
    _, path = make_file(1, deconv_layers=0)
    net, spec = make_net(2, backbone=tiny_backbone, deconv_layers=0)
    before = net.get_weights()
    with pytest.raises(ValueError, match="`model.initial` .*heatmaps"):
        load_initial(net, spec, path)
    assert_same(net.get_weights(), before)


def test_path_of_no_network_is_refused(make_net, tmp_path):
    net, spec = make_net(1)
    with pytest.raises(ValueError, match="`model.initial` .*nowhere"):
        load_initial(net, spec, tmp_path / "nowhere")
    (tmp_path / "model.tflite").write_bytes(b"TFL3")
    with pytest.raises(ValueError, match="`model.initial` .*tflite"):
        load_initial(net, spec, tmp_path / "model.tflite")
