"""From the output of a network to its loss and their gradient, in one piece."""

import tensorflow as tf

from keras_pose import heatmap_loss
from keras_pose import losses
from keras_pose.geometry.volume import View


def make_objective(config, weights, spec, soft_argmax):
    """The function from a network's raw output to its loss.

    Args:
        config: A LossConfig.
        weights: {name: weight} of the losses to compute, as of
            `LossConfig.active`.
        spec: The PoseSpec.
        soft_argmax: The network's SoftArgmax3D; None for a regression head.

    Returns:
        A function of the raw output, logits (B, H, W, J, D) or a pose
        (B, J, 3), and the batch, to the loss and a dict of scalars. Summed
        over replicas these are: "loss" and each loss where there are several;
        "error_mm", the sum of the joints' weighted errors, and "joints", the
        sum of their weights; "outside" and "inside", the numbers of known
        joints that lie outside and inside the volume.
    """
    functions = _functions(config, spec)

    def objective(raw, batch):
        batch = _with_numbers(batch, spec)
        if soft_argmax is None:
            outputs = {"pose": raw}
        else:
            pose, std, _ = soft_argmax(raw)
            logits = soft_argmax.tempered(raw)
            outputs = {"pose": pose, "std": std, "logits": logits}
        outputs["joints_mm"] = spec.volume.decode(
            outputs["pose"], batch["view"]
        )
        values = {name: functions[name](outputs, batch) for name in weights}
        # Keras divides a loss by the number of replicas: each replica has its
        # share, and gradients and losses are summed.
        loss = tf.add_n([weights[name] * values[name] for name in weights])
        sums = {"loss": loss}
        if len(values) > 1:
            sums.update(values)
        sums["error_mm"], sums["joints"] = _summed_error(
            outputs, batch, spec.skeleton.root
        )
        sums["outside"], sums["inside"] = _count_outside(batch)
        return loss, sums

    return objective


def compiled(objective):
    """XLA's code of an objective and its gradient.

    It takes a quarter of the time of TensorFlow's own operations on a CPU, and
    of the memory. The gradient is derived inside, so that nothing between raw
    output and loss is kept.

    Returns:
        A function of raw output and batch to the gradient of the loss by the
        raw output, and the scalars.
    """

    @tf.function(jit_compile=True)
    def gradient_and_sums(raw, batch):
        with tf.GradientTape() as tape:
            tape.watch(raw)
            loss, sums = objective(raw, batch)
        return tape.gradient(loss, raw), sums

    return gradient_and_sums


def _functions(config, spec):
    """{name: function of outputs and batch to the loss}."""
    integral = losses.IntegralLoss()
    uncertainty = losses.UncertaintyLoss()
    bone_length = losses.BoneLengthLoss(spec.skeleton.bones)
    heatmap = heatmap_loss.HeatmapLoss(
        config.heatmap_target,
        config.heatmap_prediction,
        config.heatmap_peak,
        config.heatmap_sigma,
        config.heatmap_radius,
    )
    parents, children = zip(*spec.skeleton.bones, strict=True)

    def bone_length_of(outputs, batch):
        weight = batch["weight_3d"]
        weight = tf.minimum(
            tf.gather(weight, parents, axis=1),
            tf.gather(weight, children, axis=1),
        )
        # In metres, the order of magnitude of unit coordinates.
        return bone_length(
            batch["joints_mm"] / 1000, outputs["joints_mm"] / 1000, weight
        )

    return {
        "integral": lambda outputs, batch: integral(
            batch["pose"], outputs["pose"], batch["weight"]
        ),
        "uncertainty": lambda outputs, batch: uncertainty(
            batch["pose"],
            tf.stack([outputs["pose"], outputs["std"]], axis=-1),
            batch["weight"],
        ),
        "heatmap": lambda outputs, batch: heatmap(
            batch["pose"], outputs["logits"], _joint_weight(batch)
        ),
        "bone_length": bone_length_of,
    }


def _with_numbers(batch, spec):
    """A batch in which all is a number, at weight 0 where it was none.

    What is not known may be no number, and would make none of all gradients,
    even multiplied by a weight of 0. Without a camera a pose cannot become mm.
    """
    view = batch["view"]
    middle = tf.fill((tf.shape(view.root_depth)[0], 1, 3), 0.5)
    has_camera = tf.math.is_finite(spec.volume.decode(middle, view))
    has_camera = tf.reduce_all(has_camera, axis=(1, 2), keepdims=True)
    weight_3d = tf.where(has_camera[..., 0], batch["weight_3d"], 0.0)
    joints_mm = batch["joints_mm"]
    return {
        "pose": tf.where(batch["weight"] > 0, batch["pose"], 0.5),
        "weight": batch["weight"],
        "joints_mm": tf.where(tf.math.is_finite(joints_mm), joints_mm, 0.0),
        "weight_3d": weight_3d,
        "view": View(
            view.crop_from_image,
            tf.where(has_camera, view.intrinsics, tf.eye(3)),
            tf.where(has_camera[..., 0], view.distortion, 0.0),
            tf.where(has_camera, view.root_depth, 1.0),
        ),
    }


def _joint_weight(batch):
    """(B, J); what concerns a volume needs all three coordinates."""
    return tf.reduce_min(batch["weight"], axis=-1)


def _count_outside(batch):
    """Numbers of known joints outside and inside the volume."""
    inside = tf.reduce_all((batch["pose"] >= 0) & (batch["pose"] <= 1), axis=-1)
    known = _joint_weight(batch) > 0
    return tuple(
        tf.reduce_sum(tf.cast(known & where, tf.float32))
        for where in (~inside, inside)
    )


def _summed_error(outputs, batch, root):
    """Sum over joints of weight times error in mm, and the sum of weights.

    The same quantity as `evaluation.metrics.joint_errors`, in the graph.
    """
    predicted, true = outputs["joints_mm"], batch["joints_mm"]
    offset = predicted - predicted[:, root : root + 1]
    target = true - true[:, root : root + 1]
    weight = batch["weight_3d"]
    error = tf.norm(offset - target, axis=-1)
    return tf.reduce_sum(error * weight), tf.reduce_sum(weight)
