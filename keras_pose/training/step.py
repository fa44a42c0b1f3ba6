"""One step of training, on every replica of a machine."""

import keras
import tensorflow as tf

from keras_pose import losses


def make_losses(config):
    """The losses that a LossConfig switches on.

    Args:
        config: A LossConfig.

    Returns:
        {name: (weight, function of outputs and batch -> scalar)}.
    """
    terms = {}
    if config.integral > 0:
        integral = losses.IntegralLoss()
        terms["integral"] = (
            config.integral,
            lambda outputs, batch: integral(
                batch["pose"], outputs["pose"], batch["weight"]
            ),
        )
    if config.heatmap > 0:
        heatmap = losses.HeatmapLoss(
            config.heatmap_target,
            config.heatmap_prediction,
            config.heatmap_peak,
            config.heatmap_sigma,
            config.heatmap_radius,
        )
        terms["heatmap"] = (
            config.heatmap,
            lambda outputs, batch: heatmap(
                batch["pose"],
                outputs["logits"],
                # A blob in the volume needs all three coordinates.
                tf.reduce_min(batch["weight"], axis=-1),
            ),
        )
    return terms


def make_train_step(model, optimizer, terms, spec, strategy):
    """Compiles the step that every strategy shares.

    Args:
        model: Images -> {"pose", and "logits" where a loss needs them}.
        optimizer: A Keras optimizer, built.
        terms: As `make_losses` gives.
        spec: The PoseSpec.
        strategy: The tf.distribute.Strategy of model and optimizer.

    Returns:
        A function of a distributed batch to a dict of scalars: "loss", each
        term, and "mpjpe_mm".
    """

    def replica_step(batch):
        with tf.GradientTape() as tape:
            outputs = model(batch["image"], training=True)
            values = {
                name: function(outputs, batch)
                for name, (_, function) in terms.items()
            }
            # Keras divides a loss by the number of replicas: each replica has
            # its share, and gradients and losses are summed.
            loss = tf.add_n(
                [terms[name][0] * value for name, value in values.items()]
            )
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        error, weight = _summed_error(outputs["pose"], batch, spec)
        shares = {"loss": loss}
        if len(values) > 1:
            shares.update(values)
        return shares, error, weight

    @tf.function
    def train_step(batch):
        shares, error, weight = strategy.run(replica_step, (batch,))
        logs = {
            name: strategy.reduce("SUM", value, axis=None)
            for name, value in shares.items()
        }
        error = strategy.reduce("SUM", error, axis=None)
        weight = strategy.reduce("SUM", weight, axis=None)
        logs["mpjpe_mm"] = tf.math.divide_no_nan(error, weight)
        return logs

    return train_step


def _summed_error(pose, batch, spec):
    """Sum over joints of weight times error in mm, and the sum of weights.

    The same quantity as `evaluation.metrics.joint_errors`, in the graph.
    """
    root = spec.skeleton.root
    predicted = spec.volume.decode(tf.cast(pose, tf.float32), batch["view"])
    offset = predicted - predicted[:, root : root + 1]
    target = batch["joints_mm"] - batch["joints_mm"][:, root : root + 1]
    weight = batch["weight_3d"]
    # Where nothing is known there may be no camera either, and no number.
    error = tf.where(weight > 0, tf.norm(offset - target, axis=-1), 0.0)
    return tf.reduce_sum(error * weight), tf.reduce_sum(weight)


def make_predict(model, strategy):
    """Compiles inference over the replicas.

    Args:
        model: Images -> {"pose", ...}.
        strategy: The tf.distribute.Strategy of the model.

    Returns:
        (B, S, S, 3) uint8 array -> {"pose": (B, J, 3) array}, for any B.
    """
    replicas = strategy.num_replicas_in_sync

    @tf.function(reduce_retracing=True)
    def forward(images):
        return strategy.run(
            lambda part: model(part, training=False)["pose"], (images,)
        )

    def predict(images):
        missing = -len(images) % replicas
        padded = tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])
        parts = tf.split(padded, replicas)
        distributed = strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group]
        )
        poses = strategy.experimental_local_results(forward(distributed))
        return {"pose": tf.concat(poses, axis=0)[: len(images)].numpy()}

    return predict


def synchronise_batch_norm(model, synchronised):
    """Sets whether batch norm uses the statistics of all replicas' images."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = synchronised
        elif isinstance(layer, keras.Model):
            synchronise_batch_norm(layer, synchronised)
