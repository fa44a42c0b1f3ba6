"""Losses of the pose: the report's integral loss, bone lengths, uncertainty.

Like the heatmap's loss, in `heatmap_loss.py`, all reduce to the sum over all
entries divided by their number, known or not: the one reduction under which
one replica and several agree.
"""

import math

import keras
from keras import ops


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
class UncertaintyLoss(keras.losses.Loss):
    """Negative logarithm of the pose's likelihood under the heatmap's spread.

    Each coordinate is taken to have a Laplace distribution around the
    predicted one, whose standard deviation is the heatmap's. Wide heatmaps
    make errors cheap and cost something themselves: least where the standard
    deviation is that of the errors.

    Args:
        least_std: Smaller standard deviations count as this one, in unit
            coordinates; by default half a cell of 64.

    Shapes:
        y_true (B, J, 3); y_pred (B, J, 3, 2), pose and standard deviation in
        unit coordinates; sample_weight (B, J, 3), one weight a coordinate.

    Source: Kendall and Gal, "What Uncertainties Do We Need in Bayesian Deep
    Learning for Computer Vision?", 2017, there with a variance that the
    network predicts beside its output.
    """

    def __init__(self, least_std=0.5 / 64, **kwargs):
        super().__init__(**kwargs)
        if not 0 < least_std < math.inf:
            raise ValueError(
                f"`least_std` must be positive. Received: least_std={least_std}"
            )
        self.least_std = least_std

    def call(self, y_true, y_pred):
        std = ops.maximum(y_pred[..., 1], self.least_std)
        scale = std / math.sqrt(2)
        error = ops.abs(y_true - y_pred[..., 0])
        return error / scale + ops.log(2 * scale)  # (B, J, 3)

    def get_config(self):
        return {**super().get_config(), "least_std": self.least_std}


@keras.saving.register_keras_serializable(package="keras_pose")
class BoneLengthLoss(keras.losses.Loss):
    """Mean absolute error of the lengths of bones.

    Args:
        bones: K pairs (parent, child) of joint numbers.

    Shapes:
        y_true (B, J, 3) and y_pred (B, J, 3) in any unit of length, the same
        along all axes; sample_weight (B, K), one weight a bone.

    Source: Zhou et al., "Towards 3D Human Pose Estimation in the Wild: A
    Weakly-Supervised Approach", 2017, there with ratios of lengths where no
    depth is known.
    """

    _LEAST_SQUARE = 1e-12  # a length has no gradient at 0

    def __init__(self, bones, **kwargs):
        super().__init__(**kwargs)
        self.bones = tuple((int(a), int(b)) for a, b in bones)
        if not self.bones:
            raise ValueError("`bones` must hold at least one. Received: ()")

    def call(self, y_true, y_pred):
        return ops.abs(self._lengths(y_true) - self._lengths(y_pred))  # (B, K)

    def _lengths(self, joints):
        parents, children = zip(*self.bones, strict=True)
        along = ops.take(joints, children, axis=1) - ops.take(
            joints, parents, axis=1
        )
        square = ops.sum(ops.square(along), axis=-1)
        return ops.sqrt(ops.maximum(square, self._LEAST_SQUARE))

    def get_config(self):
        return {**super().get_config(), "bones": self.bones}
