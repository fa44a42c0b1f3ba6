"""The two layers of the project that Keras does not have."""

import math

import keras
from keras import ops

from keras_pose.geometry.volume import cell_centres

# Half-width, in unit coordinates, of the window in which heatmap mass counts
# as agreeing with the predicted joint: 5 cells of 64, the report's radius.
_CONFIDENCE_WINDOW = 5 / 64
_LEAST_VARIANCE = 1e-12  # of unit coordinates: a millionth of the volume


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

    Args:
        temperature: What the logits are divided by; below 1 it sharpens the
            heatmaps, above 1 it flattens them.
        debias: Whether the pull of the background towards the volume's centre
            is taken out of the pose, see `without_background`.

    Shapes:
        logits (B, H, W, J, D) -> pose (B, J, 3), std (B, J, 3) and
        confidence (B, J). Pose and std are x, y, z in unit coordinates; std is
        the heatmap's standard deviation along each axis. The confidence, in
        [0, 1], is the heatmap's mass near its mean: the product over the axes
        of the marginal's mass under a Gaussian window of 5/64 of the volume.
        A sharp heatmap has a confidence near 1, a flat one or one with two
        distant peaks near 0.

    Source: Sun et al., "Integral Human Pose Regression", 2018, equation 2.

    Example:
        pose, std, confidence = SoftArgmax3D()(logits)
    """

    def __init__(self, temperature=1.0, debias=False, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if not 0 < temperature < math.inf:
            raise ValueError(
                "`temperature` must be positive. "
                f"Received: temperature={temperature}"
            )
        self.temperature = temperature
        self.debias = debias

    def call(self, logits):
        return self.moments(*axis_marginals(self.tempered(logits)))

    def moments(self, marginals, log_total):
        """Pose, std and confidence of heatmaps, as of `axis_marginals`."""
        pose, std, agreement = [], [], []
        for marginal in marginals:  # (B, J, cells)
            centres = ops.convert_to_tensor(cell_centres(marginal.shape[-1]))
            mean = ops.sum(marginal * centres, axis=-1, keepdims=True)
            square = ops.square(centres - mean)
            window = ops.exp(-0.5 * square / _CONFIDENCE_WINDOW**2)
            pose.append(mean[..., 0])
            variance = ops.sum(marginal * square, axis=-1)
            # The square root has no gradient at 0.
            std.append(ops.sqrt(ops.maximum(variance, _LEAST_VARIANCE)))
            agreement.append(ops.sum(marginal * window, axis=-1))
        pose = ops.stack(pose, -1)
        if self.debias:
            cells = math.prod(marginal.shape[-1] for marginal in marginals)
            pose = without_background(pose, log_total, cells)
        confidence = agreement[0] * agreement[1] * agreement[2]
        return pose, ops.stack(std, -1), confidence

    def tempered(self, logits):
        """The logits whose softmax the layer takes, in float32."""
        logits = ops.cast(logits, "float32")
        return logits if self.temperature == 1 else logits / self.temperature

    def compute_output_shape(self, logits_shape):
        batch, _, _, joints, _ = logits_shape
        return (batch, joints, 3), (batch, joints, 3), (batch, joints)

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "debias": self.debias,
        }


def axis_marginals(logits):
    """Marginals along x, y, z of the softmax over each joint's volume.

    Args:
        logits: (B, H, W, J, D) float32.

    Returns:
        The marginals (B, J, W), (B, J, H) and (B, J, D), each summing to 1,
        and the logarithm (B, J) of the sum of all cells' exponentials.
    """
    _, height, width, joints, depth = logits.shape
    # TFLite broadcasts up to four dimensions.
    flat = ops.reshape(logits, (-1, height * width, joints, depth))
    # Without the highest logit taken off, large ones would overflow.
    peak = ops.stop_gradient(ops.max(flat, axis=(1, 3), keepdims=True))
    mass = ops.exp(flat - peak)
    along_z = ops.sum(mass, axis=1)  # (B, J, D)
    plane = ops.sum(mass, axis=3)  # (B, H * W, J)
    plane = ops.reshape(plane, (-1, height, width, joints))
    along_x = ops.transpose(ops.sum(plane, axis=1), (0, 2, 1))
    along_y = ops.transpose(ops.sum(plane, axis=2), (0, 2, 1))
    total = ops.sum(along_z, axis=-1, keepdims=True)  # (B, J, 1)
    marginals = along_x / total, along_y / total, along_z / total
    return marginals, ops.log(total[..., 0]) + peak[:, 0, :, 0]


def without_background(pose, log_total, cells):
    """Takes the background out of the pose of a soft-argmax.

    A softmax gives every cell some mass, so that a cell which knows nothing,
    of logit 0, pulls the pose to the centre of the volume. Such cells hold
    cells / total of the mass. A heatmap of which they would hold more than
    half says too little to be corrected further.

    Args:
        pose: (B, J, 3) unit coordinates.
        log_total: (B, J) as of `axis_marginals`.
        cells: Their number in the volume.

    Returns:
        (B, J, 3); outside [0, 1] where the heatmap lies at the border.

    Source: Gu et al., "Removing the Bias of Integral Pose Regression", 2021.
    """
    share = ops.exp(ops.minimum(math.log(cells) - log_total, math.log(0.5)))
    share = share[..., None]
    return (pose - 0.5 * share) / (1 - share)
