"""The report's two losses.

Both reduce to the sum over all entries divided by their number, known or not:
the one reduction under which one replica and several agree.
"""

import math

import keras
from keras import ops

from keras_pose.geometry.volume import cell_centres
from keras_pose.layers import soft_argmax


@keras.saving.register_keras_serializable(package="keras_pose")
class IntegralLoss(keras.losses.Loss):
    """Mean absolute error of the pose.

    Shapes:
        y_true (B, J, 3) and y_pred (B, J, 3) in unit coordinates;
        sample_weight (B, J, 3), one weight a coordinate.

    Source: report, section 2.2.1.
    """

    def call(self, y_true, y_pred):
        return ops.abs(y_true - y_pred)  # (B, J, 3)


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

    Source: report, section 2.2.2, equations 5 to 9.
    """

    TARGETS = ("gaussian", "one_hot")
    PREDICTIONS = ("softmax", "sigmoid", "rendered")
    PEAKS = {"equation": 1 / math.sqrt(2 * math.pi), "one": 1.0}
    _EPSILON = 1e-7

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
        logits = ops.reshape(y_pred, (-1, height * width, joints, depth))
        cells = (width, height, depth)
        # The joint's cell, not the joint, is the centre: equation 9.
        scale = ops.convert_to_tensor(cells, dtype=y_true.dtype)
        centre = (ops.floor(y_true * scale) + 0.5) / scale
        if self.target == "one_hot":
            target = self._blob(centre, cells, sigma=1.0, radius=0, peak=1.0)
        else:
            target = self._gaussian(centre, cells)
        log_p, log_not_p = self._log_probabilities(logits, cells)
        entropy = -target * log_p - (1 - target) * log_not_p
        return ops.mean(entropy, axis=(1, 3))  # (B, J)

    def _log_probabilities(self, logits, cells):
        """Logarithms of the predicted map and of 1 less it."""
        if self.prediction == "sigmoid":
            return ops.log_sigmoid(logits), ops.log_sigmoid(-logits)
        if self.prediction == "softmax":
            log_p = logits - ops.logsumexp(logits, axis=(1, 3), keepdims=True)
            p = ops.exp(log_p)
        else:
            width, height, depth = cells
            shape = (-1, height, width, logits.shape[2], depth)
            pose = soft_argmax(ops.reshape(logits, shape))
            p = self._gaussian(pose, cells)
            log_p = ops.log(ops.maximum(p, self._EPSILON))
        return log_p, ops.log(ops.maximum(1 - p, self._EPSILON))

    def _gaussian(self, pose, cells):
        peak = self.PEAKS[self.peak]
        return self._blob(pose, cells, self.sigma, self.radius, peak)

    @staticmethod
    def _blob(pose, cells, sigma, radius, peak):
        """A cut Gaussian around each joint, (B, H * W, J, D).

        It is the product of one Gaussian an axis.
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
        joints = pose.shape[1]
        plane = ops.reshape(plane, (-1, height * width, joints, 1))
        return peak * plane * along_z[:, None]

    def get_config(self):
        return {
            **super().get_config(),
            "target": self.target,
            "prediction": self.prediction,
            "peak": self.peak,
            "sigma": self.sigma,
            "radius": self.radius,
        }
