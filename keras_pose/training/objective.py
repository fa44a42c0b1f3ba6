"""From the output of a network to its loss, on any Keras backend."""

from keras import ops

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
        loss = sum(weights[name] * values[name] for name in weights)
        sums = {"loss": loss}
        if len(values) > 1:
            sums.update(values)
        sums["error_mm"], sums["joints"] = _summed_error(
            outputs, batch, spec.skeleton.root
        )
        sums["outside"], sums["inside"] = _count_outside(batch)
        return loss, sums

    return objective


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
        weight = ops.minimum(
            ops.take(weight, parents, axis=1),
            ops.take(weight, children, axis=1),
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
            ops.stack([outputs["pose"], outputs["std"]], axis=-1),
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
    middle = ops.full((ops.shape(view.root_depth)[0], 1, 3), 0.5)
    has_camera = ops.isfinite(spec.volume.decode(middle, view))
    has_camera = ops.all(has_camera, axis=(1, 2), keepdims=True)
    weight_3d = ops.where(has_camera[..., 0], batch["weight_3d"], 0.0)
    joints_mm = batch["joints_mm"]
    return {
        "pose": ops.where(batch["weight"] > 0, batch["pose"], 0.5),
        "weight": batch["weight"],
        "joints_mm": ops.where(ops.isfinite(joints_mm), joints_mm, 0.0),
        "weight_3d": weight_3d,
        "view": View(
            view.crop_from_image,
            ops.where(has_camera, view.intrinsics, ops.eye(3)),
            ops.where(has_camera[..., 0], view.distortion, 0.0),
            ops.where(has_camera, view.root_depth, 1.0),
        ),
    }


def _joint_weight(batch):
    """(B, J); what concerns a volume needs all three coordinates."""
    return ops.min(batch["weight"], axis=-1)


def _count_outside(batch):
    """Numbers of known joints outside and inside the volume."""
    inside = ops.all((batch["pose"] >= 0) & (batch["pose"] <= 1), axis=-1)
    known = _joint_weight(batch) > 0
    return tuple(
        ops.sum(ops.cast(known & where, "float32"))
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
    error = ops.norm(offset - target, axis=-1)
    return ops.sum(error * weight), ops.sum(weight)
