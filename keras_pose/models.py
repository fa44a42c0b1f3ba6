"""The network: pixel scaling, backbone, head, soft-argmax."""

import keras

from keras_pose.backbones import BACKBONE
from keras_pose.backbones import BACKBONES
from keras_pose.backbones import make_backbone
from keras_pose.layers import PixelScaling
from keras_pose.layers import SoftArgmax3D

HEADS = ("integral", "regression")
_STRIDE = 32
# Names of the layers that are found again.
LOGITS = "logits"
_SOFT_ARGMAX = "soft_argmax"
_PIXEL_SCALING = "pixel_scaling"
_HEATMAPS, _JOINTS = "heatmaps", "joints"
# The last layers with weights of each head. Their outputs are (..., J * n), all
# n of a joint together: its depth bins, or its x, y, z.
JOINT_LAYERS = (_HEATMAPS, _JOINTS)


def pose_net(
    num_joints,
    backbone="resnet50",
    weights=None,
    input_size=256,
    head="integral",
    deconv_layers=3,
    deconv_filters=256,
    depth_bins=64,
    temperature=1.0,
    debias=False,
    batch_norm_momentum=0.9,
):
    """Builds the functional model from pixels to a pose.

    Args:
        num_joints: J.
        backbone: A key of `BACKBONES`.
        weights: None, `"imagenet"` (downloaded by Keras), or the path of a
            weights file of the same backbone without its top. Without
            weights the report's pixel scaling is used, with them that which
            the published weights expect.
        input_size: Side of the input, px; a multiple of 32.
        head: `"integral"`: a heatmap a joint and its soft-argmax.
            `"regression"`: pooling and a dense layer.
        deconv_layers: Transposed convolutions of the integral head, 0 to 3.
            Each doubles the heatmap, which starts as large as the
            backbone's features.
        deconv_filters: Their filters.
        depth_bins: Cells of the heatmap along z.
        temperature: Of the soft-argmax, see `SoftArgmax3D`.
        debias: Likewise.
        batch_norm_momentum: Share that the moving statistics of batch norm
            keep at each step, in backbone and head.

    Returns:
        A keras.Model from (B, S, S, 3) uint8 RGB to a dict: "pose" (B, J, 3)
        in unit coordinates, and for the integral head "std" and "confidence"
        as of `SoftArgmax3D`.

    Raises:
        ValueError: An argument is out of range, or the weights do not fit.
        RuntimeError: The ImageNet weights could not be downloaded.

    Source: Sun et al., "Integral Human Pose Regression", 2018; the head is
    that of Xiao et al., "Simple Baselines for Human Pose Estimation", 2018.
    """
    _check(backbone, input_size, head, deconv_layers)
    make, scaling = BACKBONES[backbone]
    if scaling is None and weights == "imagenet":
        raise ValueError(
            "`weights` must be None or a file, for no ImageNet weights of "
            f"{backbone} are published. Received: weights={weights!r}"
        )
    if scaling is None or (weights is None and scaling != "none"):
        scaling = "report"
    # Features that are trained already must not be washed out by the head's
    # first gradients; untrained ones learn only as fast as these are large.
    initializer = _small if weights else keras.initializers.HeNormal
    image = keras.Input(
        (input_size, input_size, 3), dtype="uint8", name="image"
    )
    pixels = PixelScaling(scaling, name=_PIXEL_SCALING)(image)
    backbone = make_backbone(make, weights, input_size)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    (features,) = keras.tree.flatten(backbone(pixels))
    if head == "regression":
        outputs = _regression_head(features, num_joints)
    else:
        for index in range(deconv_layers):
            features = _deconv(
                features,
                deconv_filters,
                batch_norm_momentum,
                initializer(),
                index + 1,
            )
        logits = _logits(features, num_joints, depth_bins, initializer())
        soft_argmax = SoftArgmax3D(temperature, debias, name=_SOFT_ARGMAX)
        outputs = _named(soft_argmax(logits))
    return keras.Model(image, outputs, name="pose_net")


def with_logits(model):
    """The same network that also returns "logits" (B, H, W, J, D).

    Raises:
        ValueError: The model has a regression head, which has no heatmaps.
    """
    soft_argmax = soft_argmax_of(model)
    if soft_argmax is None:
        raise ValueError(
            "`model` must have an integral head: a regression head has no "
            f"heatmaps. Received: model={model.name}"
        )
    logits = model.get_layer(LOGITS).output
    outputs = _named(soft_argmax.output)
    return keras.Model(
        model.inputs[0], {**outputs, "logits": logits}, name=model.name
    )


def soft_argmax_of(model):
    """The network's SoftArgmax3D, None with a regression head."""
    return _layer_of(model, _SOFT_ARGMAX)


def pixel_scaling_of(model):
    """The network's PixelScaling."""
    return _layer_of(model, _PIXEL_SCALING)


def backbone_of(model):
    """The network's backbone, None where a model has none."""
    return _layer_of(model, BACKBONE)


def layers_of(model):
    """All layers of a network: its own, its backbone's, and the backbone."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)


def batch_norms_of(model):
    """Every batch norm of a network."""
    return [
        layer
        for layer in layers_of(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


def _layer_of(model, name):
    for layer in model.layers:
        if layer.name == name:
            return layer
    return None


def _check(backbone, input_size, head, deconv_layers):
    if backbone not in BACKBONES:
        raise ValueError(
            f"`backbone` must be one of {', '.join(BACKBONES)}. "
            f"Received: backbone={backbone!r}"
        )
    if head not in HEADS:
        raise ValueError(
            f"`head` must be one of {HEADS}. Received: head={head!r}"
        )
    if input_size < _STRIDE or input_size % _STRIDE:
        raise ValueError(
            f"`input_size` must be a positive multiple of {_STRIDE} px. "
            f"Received: input_size={input_size}"
        )
    if not 0 <= deconv_layers <= 3:
        raise ValueError(
            "`deconv_layers` must be 0 to 3. "
            f"Received: deconv_layers={deconv_layers}"
        )


def _small():
    """The initializer of the head, that of Xiao et al."""
    return keras.initializers.RandomNormal(stddev=0.001)


def _deconv(x, filters, momentum, initializer, number):
    x = keras.layers.Conv2DTranspose(
        filters,
        kernel_size=4,
        strides=2,
        padding="same",
        use_bias=False,
        kernel_initializer=initializer,
        name=f"deconv{number}",
    )(x)
    x = keras.layers.BatchNormalization(
        momentum=momentum, name=f"deconv{number}_bn"
    )(x)
    return keras.layers.ReLU(name=f"deconv{number}_relu")(x)


def _logits(features, num_joints, depth_bins, initializer):
    x = keras.layers.Conv2D(
        num_joints * depth_bins,
        1,
        kernel_initializer=initializer,
        name=_HEATMAPS,
    )(features)
    height, width = x.shape[1:3]
    # Depth fastest: 12 % faster on a CPU than joints fastest.
    return keras.layers.Reshape(
        (height, width, num_joints, depth_bins), name=LOGITS
    )(x)


def _named(soft_argmax_output):
    return dict(
        zip(("pose", "std", "confidence"), soft_argmax_output, strict=True)
    )


def _regression_head(features, num_joints):
    x = keras.layers.GlobalAveragePooling2D(name="pooling")(features)
    # The bias starts at the centre of the volume.
    x = keras.layers.Dense(
        num_joints * 3,
        bias_initializer=keras.initializers.Constant(0.5),
        dtype="float32",
        name=_JOINTS,
    )(x)
    pose = keras.layers.Reshape((num_joints, 3), dtype="float32", name="pose")
    return {"pose": pose(x)}
