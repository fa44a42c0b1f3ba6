"""The report's heatmap loss."""

import math

import keras
from keras import ops

from keras_pose.geometry.volume import cell_centres
from keras_pose.layers import axis_marginals

_EPSILON = 1e-7  # the least probability that has a logarithm


@keras.saving.register_keras_serializable(package="keras_pose")
class HeatmapLoss(keras.losses.Loss):
    """Binary cross-entropy between a heatmap and a blob at the true joint.

    Args:
        target: What stands at the true joint. `"gaussian"`: a Gaussian around
            the joint's cell, cut to a cube. `"one_hot"`: 1 in that cell.
        prediction: What is compared with it. `"softmax"`: the normalised
            heatmap. `"sigmoid"`: the sigmoid of the logits. `"rendered"`: a
            Gaussian around the predicted joint, of the target's shape.
        peak: Value of the Gaussian at the joint. `"equation"`: 1 / sqrt(2 pi)
            as equation 5 of the report has it; `"one"`: 1, as its text says.
        sigma: Standard deviation of the Gaussian, cells.
        radius: The Gaussian is 0 further than this many cells along any axis.

    Shapes:
        y_true (B, J, 3) in unit coordinates; y_pred (B, H, W, J, D) logits;
        sample_weight (B, J), one weight a joint. A joint outside the volume
        has a target that is cut off or empty.

    The Gaussian is a product of one Gaussian an axis, so its volume is never
    held in memory.

    Source: report, section 2.2.2, equations 5 to 9.
    """

    TARGETS = ("gaussian", "one_hot")
    PREDICTIONS = ("softmax", "sigmoid", "rendered")
    PEAKS = {"equation": 1 / math.sqrt(2 * math.pi), "one": 1.0}

    def __init__(
        self,
        target="gaussian",
        prediction="softmax",
        peak="equation",
        sigma=1.0,
        radius=5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value, choices in (
            ("target", target, self.TARGETS),
            ("prediction", prediction, self.PREDICTIONS),
            ("peak", peak, tuple(self.PEAKS)),
        ):
            if value not in choices:
                raise ValueError(
                    f"`{name}` must be one of {choices}. "
                    f"Received: {name}={value!r}"
                )
        if not (sigma > 0 and radius >= 0):
            raise ValueError(
                "`sigma` must be positive and `radius` at least 0, in cells. "
                f"Received: sigma={sigma}, radius={radius}"
            )
        self.target = target
        self.prediction = prediction
        self.peak = peak
        self.sigma = sigma
        self.radius = radius

    def call(self, y_true, y_pred):
        _, height, width, joints, depth = y_pred.shape
        cells = (width, height, depth)
        logits = ops.reshape(y_pred, (-1, height * width, joints, depth))
        # The joint's cell, not the joint, is the centre: equation 9.
        scale = ops.convert_to_tensor(cells, dtype=y_true.dtype)
        centre = (ops.floor(y_true * scale) + 0.5) / scale
        if self.target == "one_hot":
            target = _blob(centre, cells, sigma=1.0, radius=0, peak=1.0)
        else:
            target = self._gaussian(centre, cells)
        if self.prediction == "softmax":
            return _softmax_entropy(*target)(logits)
        plane, along_z = target
        target = plane * along_z
        if self.prediction == "sigmoid":
            log_p, log_not_p = ops.log_sigmoid(logits), ops.log_sigmoid(-logits)
        else:
            plane, along_z = self._gaussian(_mean(y_pred), cells)
            p = plane * along_z
            log_p = ops.log(ops.maximum(p, _EPSILON))
            log_not_p = ops.log(ops.maximum(1 - p, _EPSILON))
        return _mean_over_cells(-target * log_p - (1 - target) * log_not_p)

    def _gaussian(self, pose, cells):
        peak = self.PEAKS[self.peak]
        return _blob(pose, cells, self.sigma, self.radius, peak)

    def get_config(self):
        return {
            **super().get_config(),
            "target": self.target,
            "prediction": self.prediction,
            "peak": self.peak,
            "sigma": self.sigma,
            "radius": self.radius,
        }


def _mean(logits):
    """The mean (B, J, 3) of the softmax of logits (B, H, W, J, D)."""
    marginals, _ = axis_marginals(logits)
    mean = []
    for marginal in marginals:  # (B, J, cells)
        centres = ops.convert_to_tensor(cell_centres(marginal.shape[-1]))
        mean.append(ops.sum(marginal * centres, axis=-1))
    return ops.stack(mean, axis=-1)


def _blob(pose, cells, sigma, radius, peak):
    """A cut Gaussian around each joint, as the two factors of its volume.

    Returns:
        (B, H * W, J, 1) over the plane, and (B, 1, J, D) along z.
    """
    along = []
    for axis, count in enumerate(cells):
        centres = ops.convert_to_tensor(cell_centres(count))
        distance = (centres - pose[..., axis, None]) * count
        # (B, J, cells), in cells
        gaussian = ops.exp(-0.5 * ops.square(distance / sigma))
        inside = ops.abs(distance) <= radius + 1e-3
        along.append(ops.where(inside, gaussian, 0.0))
    along_x, along_y, along_z = along
    plane = ops.transpose(along_y, (0, 2, 1))[:, :, None]
    plane = plane * ops.transpose(along_x, (0, 2, 1))[:, None]
    width, height, _ = cells
    plane = ops.reshape(plane, (-1, height * width, pose.shape[1], 1))
    return peak * plane, along_z[:, None]


def _mean_over_cells(volume):
    """The mean (B, J) of volumes (B, H * W, J, D)."""
    # In two steps, for which XLA has fast code, as it has not for one.
    return ops.mean(ops.mean(volume, axis=3), axis=1)


def _softmax_entropy(plane, along_z):
    """Cross-entropy between the blob plane * along_z and a softmax.

    The gradient is written out: a derived one goes over the volume several
    times more.

    Args:
        plane: (B, H * W, J, 1).
        along_z: (B, 1, J, D).

    Returns:
        A function of logits (B, H * W, J, D) to (B, J), the mean over cells.
    """

    @ops.custom_gradient
    def entropy(logits):
        target = plane * along_z
        peak = ops.max(logits, axis=(1, 3), keepdims=True)
        mass = ops.exp(logits - peak)
        total = ops.sum(ops.sum(mass, axis=1), axis=-1)[:, None, :, None]
        p = mass * (1 / total)
        log_p = logits - peak - ops.log(total)
        not_p = ops.maximum(1 - p, _EPSILON)
        value = _mean_over_cells((target - 1) * ops.log(not_p) - target * log_p)
        # With q = (1 - target) / (1 - p), the derivative by the logit of cell
        # i is p_i (sum target - sum p q) + p_i q_i - target_i.
        pull = ops.where(p < 1 - _EPSILON, (1 - target) * (p / not_p), 0.0)
        cells = plane.shape[1] * along_z.shape[3]
        target_sum = ops.sum(plane, axis=(1, 3)) * ops.sum(along_z, axis=(1, 3))
        balance = target_sum - cells * _mean_over_cells(pull)

        def gradient(*arguments, upstream=None):
            if upstream is None:
                (upstream,) = arguments
            scale = upstream[:, None, :, None] / cells
            return scale * (p * balance[:, None, :, None] + pull - target)

        return value, gradient

    return entropy
