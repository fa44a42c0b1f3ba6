"""One step of training, on every replica of a machine."""

import tensorflow as tf

from keras_pose.data import augmentation_graph
from keras_pose.training.objective import compiled

_LABELS = ("pose", "weight", "joints_mm", "weight_3d", "view")


def make_train_step(model, optimizer, objective, strategy):
    """Compiles the step that every strategy shares.

    Args:
        model: Images -> {"logits"}, or {"pose"} with a regression head.
        optimizer: A Keras optimizer, built.
        objective: As `make_objective` gives, for that output.
        strategy: The tf.distribute.Strategy of model and optimizer.

    Returns:
        A function of a distributed batch to a dict of scalars: "loss", each
        loss, "mpjpe_mm", and "outside", the share of the known joints that lie
        outside the volume.
    """
    gradient_and_sums = compiled(objective)

    def replica_step(batch):
        batch = augmentation_graph.finish(batch, model.inputs[0].shape[1])
        labels = {name: batch[name] for name in _LABELS}
        with tf.GradientTape() as tape:
            outputs = model(batch["image"], training=True)
            raw = outputs.get("logits", outputs["pose"])
        gradient, sums = gradient_and_sums(raw, labels)
        gradients = tape.gradient(
            raw, model.trainable_variables, output_gradients=gradient
        )
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return sums

    @tf.function
    def train_step(batch):
        sums = strategy.run(replica_step, (batch,))
        logs = {
            name: strategy.reduce("SUM", value, axis=None)
            for name, value in sums.items()
        }
        logs["mpjpe_mm"] = tf.math.divide_no_nan(
            logs.pop("error_mm"), logs.pop("joints")
        )
        outside, inside = logs.pop("outside"), logs.pop("inside")
        logs["outside"] = tf.math.divide_no_nan(outside, outside + inside)
        return logs

    return train_step


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
