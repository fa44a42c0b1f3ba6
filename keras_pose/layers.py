"""The two layers of the project that Keras does not have."""

import keras
from keras import ops

from keras_pose.geometry.volume import cell_centres

# Half-width, in unit coordinates, of the window in which heatmap mass counts
# as agreeing with the predicted joint: 5 cells of 64, the report's radius.
_CONFIDENCE_WINDOW = 5 / 64


@keras.saving.register_keras_serializable(package="keras_pose")
class PixelScaling(keras.layers.Layer):
    """Scales uint8 RGB pixels to what a backbone was made for.

    Args:
        mode: `"report"`: x / 128 - 1. `"inception"`: x / 127.5 - 1, the
            published weights of ResNetV2. `"caffe"`: BGR less the mean of
            ImageNet, those of ResNet. `"none"`: as it is, for backbones that
            scale their pixels themselves.

    Shapes:
        (B, H, W, 3) uint8 -> (B, H, W, 3) float.
    """

    MODES = ("report", "inception", "caffe", "none")
    _IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)

    def __init__(self, mode="report", **kwargs):
        super().__init__(**kwargs)
        if mode not in self.MODES:
            raise ValueError(
                f"`mode` must be one of {self.MODES}. Received: mode={mode!r}"
            )
        self.mode = mode

    def call(self, image):
        pixels = ops.cast(image, self.compute_dtype)
        if self.mode == "report":
            return pixels / 128.0 - 1.0
        if self.mode == "inception":
            return pixels / 127.5 - 1.0
        if self.mode == "caffe":
            mean = ops.cast(self._IMAGENET_MEAN_BGR, self.compute_dtype)
            return ops.flip(pixels, axis=-1) - mean
        return pixels

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}


@keras.saving.register_keras_serializable(package="keras_pose")
class SoftArgmax3D(keras.layers.Layer):
    """The expected place of each joint under its heatmap.

    The logits of a joint become a probability by a softmax over the whole
    volume; the pose is its mean. Computed in float32 under any precision.

    Shapes:
        logits (B, H, W, J, D) -> pose (B, J, 3), std (B, J, 3) and
        confidence (B, J). Pose and std are x, y, z in unit coordinates; std is
        the heatmap's standard deviation along each axis. The confidence, in
        [0, 1], is the heatmap's mass near the pose: the product over the axes
        of the marginal's mass under a Gaussian window of 5/64 of the volume.
        A sharp heatmap has a confidence near 1, a flat one or one with two
        distant peaks near 0.

    Source: Sun et al., "Integral Human Pose Regression", 2018, equation 2.

    Example:
        pose, std, confidence = SoftArgmax3D()(logits)
    """

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, logits):
        marginals = axis_marginals(logits)
        pose, std, agreement = [], [], []
        for marginal in marginals:  # (B, J, cells)
            centres = ops.convert_to_tensor(cell_centres(marginal.shape[-1]))
            mean = ops.sum(marginal * centres, axis=-1, keepdims=True)
            square = ops.square(centres - mean)
            window = ops.exp(-0.5 * square / _CONFIDENCE_WINDOW**2)
            pose.append(mean[..., 0])
            std.append(ops.sqrt(ops.sum(marginal * square, axis=-1)))
            agreement.append(ops.sum(marginal * window, axis=-1))
        confidence = agreement[0] * agreement[1] * agreement[2]
        return ops.stack(pose, -1), ops.stack(std, -1), confidence

    def compute_output_shape(self, logits_shape):
        batch, _, _, joints, _ = logits_shape
        return (batch, joints, 3), (batch, joints, 3), (batch, joints)


def axis_marginals(logits):
    """Marginals along x, y, z of the softmax over each joint's volume.

    Args:
        logits: (B, H, W, J, D) float32.

    Returns:
        (B, J, W), (B, J, H) and (B, J, D), each summing to 1.
    """
    _, height, width, joints, depth = logits.shape
    # TFLite broadcasts up to four dimensions.
    flat = ops.reshape(logits, (-1, height * width, joints, depth))
    peak = ops.max(flat, axis=(1, 3), keepdims=True)
    mass = ops.exp(flat - ops.stop_gradient(peak))
    along_z = ops.sum(mass, axis=1)  # (B, J, D)
    plane = ops.sum(mass, axis=3)  # (B, H * W, J)
    plane = ops.reshape(plane, (-1, height, width, joints))
    along_x = ops.transpose(ops.sum(plane, axis=1), (0, 2, 1))
    along_y = ops.transpose(ops.sum(plane, axis=2), (0, 2, 1))
    total = ops.sum(along_z, axis=-1, keepdims=True)  # (B, J, 1)
    return along_x / total, along_y / total, along_z / total


def soft_argmax(logits):
    """The pose of `SoftArgmax3D` alone, (B, J, 3)."""
    pose = []
    for marginal in axis_marginals(logits):
        centres = ops.convert_to_tensor(cell_centres(marginal.shape[-1]))
        pose.append(ops.sum(marginal * centres, axis=-1))
    return ops.stack(pose, axis=-1)
