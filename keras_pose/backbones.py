"""The networks that turn pixels into features: Keras's, and small ResNets."""

import os
import typing
import warnings

import keras
from keras import applications

BACKBONE = "backbone"  # its layer's name in a network


class Backbone(typing.NamedTuple):
    """A backbone, and the pixels that its published weights expect.

    Attributes:
        make: Takes `weights`, `include_top` and `input_shape`, as Keras's
            applications do.
        published_scaling: A mode of `PixelScaling`; None where no weights are
            published.
    """

    make: typing.Callable
    published_scaling: str | None


def _resnet(widths, strides):
    """A maker of ResNets of two-convolution blocks, two blocks a stage.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016.
    """

    def make(weights, include_top, input_shape):
        del weights, include_top  # there are neither
        image = keras.Input(input_shape)
        x = _conv_bn(image, widths[0], 7, 2, "stem")
        x = keras.layers.ReLU(name="stem_relu")(x)
        x = keras.layers.MaxPooling2D(3, 2, padding="same", name="pool")(x)
        for stage, (width, stride) in enumerate(
            zip(widths, strides, strict=True), 1
        ):
            x = _residual(x, width, stride, f"stage{stage}_1")
            x = _residual(x, width, 1, f"stage{stage}_2")
        return keras.Model(image, x, name="resnet")

    return make


def _residual(x, width, strides, name):
    """Two convolutions beside an identity, or a projection where it must."""
    beside = x
    if strides > 1 or x.shape[-1] != width:
        beside = _conv_bn(x, width, 1, strides, f"{name}_projection")
    x = _conv_bn(x, width, 3, strides, f"{name}_a")
    x = keras.layers.ReLU(name=f"{name}_a_relu")(x)
    x = _conv_bn(x, width, 3, 1, f"{name}_b")
    x = keras.layers.Add(name=f"{name}_add")([beside, x])
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _conv_bn(x, width, kernel, strides, name):
    x = keras.layers.Conv2D(
        width,
        kernel,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return keras.layers.BatchNormalization(name=f"{name}_bn")(x)


# Each ends in a feature map of 1/32 of the input, but for resnet18_small, whose
# 1/16 keeps small inputs from losing all places. The last two families scale
# pixels themselves.
BACKBONES = {
    "resnet18": Backbone(_resnet((64, 128, 256, 512), (1, 2, 2, 2)), None),
    "resnet18_small": Backbone(_resnet((32, 64, 128, 128), (1, 2, 2, 1)), None),
    "resnet50": Backbone(applications.ResNet50, "caffe"),
    "resnet101": Backbone(applications.ResNet101, "caffe"),
    "resnet152": Backbone(applications.ResNet152, "caffe"),
    "resnet50v2": Backbone(applications.ResNet50V2, "inception"),
    "resnet101v2": Backbone(applications.ResNet101V2, "inception"),
    "resnet152v2": Backbone(applications.ResNet152V2, "inception"),
    "mobilenetv3small": Backbone(applications.MobileNetV3Small, "none"),
    "mobilenetv3large": Backbone(applications.MobileNetV3Large, "none"),
    "efficientnetv2b0": Backbone(applications.EfficientNetV2B0, "none"),
    "efficientnetv2s": Backbone(applications.EfficientNetV2S, "none"),
    "efficientnetv2m": Backbone(applications.EfficientNetV2M, "none"),
    "efficientnetv2l": Backbone(applications.EfficientNetV2L, "none"),
}


def make_backbone(make, weights, input_size):
    """Builds a backbone without its top.

    Args:
        make: As of Backbone.
        weights: None, `"imagenet"` or the path of a weights file.
        input_size: Side of the input, px.

    Returns:
        A keras.Model named `BACKBONE`.

    Raises:
        ValueError: The file is no weights file of this backbone.
        RuntimeError: The ImageNet weights could not be downloaded.
    """
    kwargs = {"include_top": False, "input_shape": (input_size, input_size, 3)}
    if weights == "imagenet":
        try:
            backbone = make(weights="imagenet", **kwargs)
        except Exception as error:  # Keras raises a bare Exception
            raise RuntimeError(
                "the ImageNet weights could not be downloaded; give `weights` "
                f"the path of a file instead. Keras says: {error}"
            ) from error
    else:
        backbone = make(weights=None, **kwargs)
        if weights is not None:
            _load_weights(backbone, weights)
    # EfficientNetV2 takes no name of ours.
    return keras.Model(backbone.inputs, backbone.outputs, name=BACKBONE)


def _load_weights(backbone, path):
    if not os.path.isfile(path):
        raise ValueError(
            "`weights` must be None, 'imagenet' or a file. "
            f"Received: weights={path!r}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one a layer that does not fit
            backbone.load_weights(path)
    except Exception as error:  # h5py and Keras raise nearly anything
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"`weights` must be a weights file of {backbone.name} without its "
            f"top. Received: weights={path!r} ({reason})"
        ) from error
