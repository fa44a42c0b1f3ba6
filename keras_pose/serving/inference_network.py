"""The network rearranged to run fast: other operations, the same numbers.

A network that no longer learns needs no batch norm of its own: it is a scale
and a shift of the convolution before it. A transposed convolution of kernel 4
and stride 2 is four convolutions of kernel 2, one for each place of an output
pixel within its input pixel, whose channels are then laid side by side; that
runs two to three times as fast in TFLite and can be quantised. Runtimes that
keep channels first take the soft-argmax along that order.
"""

import keras
import numpy as np
from keras import ops

from keras_pose import models
from keras_pose.layers import SoftArgmax3D

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.DepthwiseConv2D,
)


def inference_network(model, channels_first=False, phases=True):
    """Makes a network of equal outputs that runs faster.

    Args:
        model: The Keras model of a trained network, in float32.
        channels_first: Whether the soft-argmax reads its heatmaps channels
            first, for runtimes that compute so: ONNX Runtime, OpenVINO.
        phases: Whether transposed convolutions become convolutions.

    Returns:
        A keras.Model with the same input and outputs. It shares the layers
        that stay as they are with the given one.

    Raises:
        ValueError: The model does not compute in float32.
    """
    for layer in models.layers_of(model):
        if layer.compute_dtype not in ("float32", "uint8"):
            raise ValueError(
                "`model` must compute in float32. Received: layer "
                f"{layer.name} in {layer.compute_dtype}"
            )
    batch_norm_after = _batch_norms_after_convolutions(model)
    folded = {batch_norm.name for batch_norm in batch_norm_after.values()}

    def rearranged(layer):
        if layer.name in folded:
            return _Nothing(name=layer.name)
        if isinstance(layer, _CONVOLUTIONS):
            return _convolution(layer, batch_norm_after.get(layer.name), phases)
        if isinstance(layer, keras.layers.Normalization):
            return _rescaling(layer)
        if channels_first and layer.name == models.LOGITS:
            return _Nothing(name=layer.name)
        if channels_first and isinstance(layer, SoftArgmax3D):
            joints, depth = model.get_layer(models.LOGITS).output.shape[-2:]
            return _ChannelsFirstSoftArgmax(joints, depth, layer)
        return layer

    return keras.models.clone_model(
        model, clone_function=rearranged, recursive=True
    )


def _rescaling(normalization):
    """What EfficientNetV2 does to pixels, by numbers that all formats hold.

    tf2onnx would ask for the tensors of the layer as inputs.
    """
    mean, variance = (
        np.ravel(np.float64(numbers))
        for numbers in (normalization.mean, normalization.variance)
    )
    scale = 1 / np.maximum(np.sqrt(variance), keras.backend.epsilon())
    return keras.layers.Rescaling(
        scale.tolist(), (-mean * scale).tolist(), name=normalization.name
    )


class _Nothing(keras.layers.Layer):
    """Stands where a layer was left out, and takes what that one took."""

    def call(self, x, training=None, mask=None):
        del training, mask
        return x


def _batch_norms_after_convolutions(model):
    """Name of each convolution -> the batch norm that alone takes its output.

    Names are unique within a network, as Keras demands of each of its models
    and as the backbones' prefixes keep it between them.
    """
    found = {}
    functionals = [model]
    functionals += [
        layer
        for layer in models.layers_of(model)
        if isinstance(layer, keras.Model)
    ]
    for functional in functionals:
        layers = [
            layer
            for layer in functional.layers
            if not isinstance(layer, keras.layers.InputLayer | keras.Model)
        ]
        made_by = {id(layer.output): layer for layer in layers}
        taken = [
            id(tensor)
            for tensor in functional.outputs
            + [t for layer in layers for t in keras.tree.flatten(layer.input)]
        ]
        for layer in layers:
            if not isinstance(layer, keras.layers.BatchNormalization):
                continue
            before = made_by.get(id(layer.input))
            if (
                isinstance(before, _CONVOLUTIONS)
                and before.activation is keras.activations.linear
                and taken.count(id(layer.input)) == 1
            ):
                found[before.name] = layer
    return found


def _convolution(layer, batch_norm, phases):
    """The convolution with its batch norm in its weights."""
    kernel = np.array(layer.kernel)
    scale, shift = _scale_and_shift(batch_norm)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        # (height, width, channels, multiplier); outputs go channel by channel.
        kernel = kernel * np.broadcast_to(
            scale, (kernel.shape[2] * kernel.shape[3],)
        ).reshape(kernel.shape[2:])
        filters = kernel.shape[2] * kernel.shape[3]
    elif isinstance(layer, keras.layers.Conv2DTranspose):
        # (height, width, filters, channels)
        kernel = kernel * np.expand_dims(scale, -1)
        filters = layer.filters
    else:
        kernel = kernel * scale
        filters = layer.filters
    bias = np.array(layer.bias) if layer.use_bias else np.zeros(filters)
    bias = np.float32(bias * scale + shift)
    if phases and _is_doubling(layer):
        made = _PhaseConvolution(filters, name=layer.name)
        kernel, bias = _phases(kernel), np.tile(bias, 4)
    else:
        made = type(layer).from_config(layer.get_config() | {"use_bias": True})
    made.build(layer.input.shape)
    made.set_weights([np.float32(kernel), bias])
    return made


def _scale_and_shift(batch_norm):
    """What a batch norm does to a channel when it no longer learns."""
    if batch_norm is None:
        return np.float64(1), np.float64(0)
    mean = np.float64(batch_norm.moving_mean)
    variance = np.float64(batch_norm.moving_variance)
    scale = 1 / np.sqrt(variance + batch_norm.epsilon)
    if batch_norm.scale:
        scale = scale * np.float64(batch_norm.gamma)
    shift = -mean * scale
    if batch_norm.center:
        shift = shift + np.float64(batch_norm.beta)
    return scale, shift


def _is_doubling(layer):
    return (
        isinstance(layer, keras.layers.Conv2DTranspose)
        and layer.kernel_size == (4, 4)
        and layer.strides == (2, 2)
        and layer.padding == "same"
        and layer.output_padding is None
        and layer.dilation_rate == (1, 1)
        and layer.activation is keras.activations.linear
    )


# Output pixel 2 i of a doubling transposed convolution sees the input pixels
# i - 1 and i through these taps of its kernel; 2 i + 1 sees i and i + 1.
_TAPS = ((3, 1), (2, 0))


def _phases(kernel):
    """(4, 4, filters, channels) -> (2, 2, channels, 4 * filters)."""
    phases = [
        kernel[np.ix_(_TAPS[row], _TAPS[column])].swapaxes(2, 3)
        for row in range(2)
        for column in range(2)
    ]
    return np.concatenate(phases, axis=-1)


class _PhaseConvolution(keras.layers.Layer):
    """A transposed convolution of kernel 4 and stride 2, by convolution.

    Args:
        filters: Of the transposed convolution.

    Shapes:
        (B, H, W, channels) -> (B, 2 H, 2 W, filters).

    Source: Shi et al., "Is the deconvolution layer the same as a convolutional
    layer?", 2016.
    """

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self._pad = keras.layers.ZeroPadding2D(1)
        self._convolution = keras.layers.Conv2D(4 * filters, 2)

    def build(self, input_shape):
        batch, height, width, channels = input_shape
        self._convolution.build((batch, height + 2, width + 2, channels))
        self.built = True

    def call(self, x):
        _, height, width, _ = x.shape
        x = self._convolution(self._pad(x))
        # Window i of the padded input holds the pixels i - 1 and i.
        phases = [
            x[:, row : row + height, column : column + width, channels]
            for row, column, channels in self._windows()
        ]
        return ops.depth_to_space(ops.concatenate(phases, axis=-1), 2)

    def _windows(self):
        for phase in range(4):
            start = phase * self.filters
            yield *divmod(phase, 2), slice(start, start + self.filters)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return batch, 2 * height, 2 * width, self.filters


class _ChannelsFirstSoftArgmax(SoftArgmax3D):
    """The soft-argmax of heatmaps (B, H, W, J * D), turned channels first.

    The turn costs nothing where the runtime computes channels first: it undoes
    the one with which the runtime hands them over.
    """

    def __init__(self, joints, depth, soft_argmax):
        super().__init__(**soft_argmax.get_config())
        self._joints, self._depth = joints, depth

    def call(self, heatmaps):
        _, height, width, _ = heatmaps.shape
        logits = ops.transpose(self.tempered(heatmaps), (0, 3, 1, 2))
        flat = ops.reshape(
            logits, (-1, self._joints, self._depth * height * width)
        )
        # One operation of these runtimes; exp and sum of our own take longer.
        share = ops.softmax(flat, axis=-1)  # (B, J, D * H * W)
        log_total = None
        if self.debias:
            log_total = ops.max(flat, axis=-1) - ops.log(ops.max(share, -1))
        share = ops.reshape(
            share, (-1, self._joints, self._depth, height * width)
        )
        plane = ops.reshape(
            ops.sum(share, axis=2), (-1, self._joints, height, width)
        )
        along_z = ops.sum(share, axis=3)  # (B, J, D)
        # A runtime's softmax over so many cells sums to 1 within 1e-5 only.
        total = ops.sum(along_z, axis=-1, keepdims=True)
        marginals = [
            axis / total
            for axis in (
                ops.sum(plane, axis=2),
                ops.sum(plane, axis=3),
                along_z,
            )
        ]
        return self.moments(marginals, log_total)

    def compute_output_shape(self, heatmaps_shape):
        batch = heatmaps_shape[0]
        joints = self._joints
        return (batch, joints, 3), (batch, joints, 3), (batch, joints)
