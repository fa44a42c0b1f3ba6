"""One step of training on TensorFlow, on every replica of every worker."""

import functools

import numpy as np
import tensorflow as tf

from keras_pose.data import augmentation_graph
from keras_pose.training.optimizer import clip
from keras_pose.training.step_logs import make_logs

_LABELS = ("pose", "weight", "joints_mm", "weight_3d", "view")
_FIRST_SCALE, _LARGEST_SCALE = 2.0**15, 2.0**24
_STEPS_TO_DOUBLE = 2000


class LossScale:
    """What a float16 network's loss is multiplied by, as large as it may be.

    Small gradients would be 0 in float16. The factor is doubled after 2000
    steps without a gradient that is not finite, and halved after one.

    Source: Micikevicius et al., "Mixed Precision Training", 2018. Keras's
    LossScaleOptimizer looks at one replica's gradients alone.
    """

    def __init__(self):
        def variable(value):
            return tf.Variable(
                value,
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )

        self.value = variable(_FIRST_SCALE)
        self.good_steps = variable(0.0)

    @property
    def variables(self):
        """Both of them, for a checkpoint."""
        return [self.value, self.good_steps]

    def after_good_step(self):
        """Counts it; called outside of replicas, as is its counterpart."""
        due = self.good_steps + 1 >= _STEPS_TO_DOUBLE
        factor = tf.where(due & (self.value < _LARGEST_SCALE), 2.0, 1.0)
        self.value.assign(self.value * factor)
        self.good_steps.assign(tf.where(due, 0.0, self.good_steps + 1))

    def after_overflow(self):
        """Halves the factor."""
        self.value.assign(tf.maximum(self.value / 2, 1.0))
        self.good_steps.assign(0.0)


class TrainStep:
    """A step that every strategy shares.

    A step whose loss or gradient is not finite on any replica changes nothing:
    neither weights nor the optimizer, nor the statistics of batch norm.

    Args:
        network: Images -> {"logits"}, or {"pose"} with a regression head.
        optimizer: Of `make_optimizer`, built.
        objective: As `make_objective` gives, for that output.
        strategy: The tf.distribute.Strategy of network and optimizer.
        variables: The trainable variables that are trained.
        statistics: Variables that the forward pass changes.
        clip_norm: The longest gradient of all variables together; 0: any.
        accumulation: Parts of a batch, computed in turn.
        loss_scale: A LossScale with float16.
    """

    def __init__(
        self,
        network,
        optimizer,
        objective,
        strategy,
        variables,
        statistics=(),
        clip_norm=0.0,
        accumulation=1,
        loss_scale=None,
    ):
        self._network = network
        self._optimizer = optimizer
        self._gradient_and_sums = compiled(objective)
        self._strategy = strategy
        self._variables = list(variables)
        self._statistics = [variable.value for variable in statistics]
        self._clip_norm = clip_norm
        self._accumulation = accumulation
        self._loss_scale = loss_scale
        self._names = None  # of what a replica sums, known when it is traced
        if accumulation > 1:
            with strategy.scope():
                self._gradients = _local_copies(self._variables)
                self._before = _local_copies(self._statistics)

    def __call__(self, batches, signals):
        """Runs a step.

        Args:
            batches: Iterator of distributed batches; `accumulation` are taken.
            signals: (S,) float array of this worker.

        Returns:
            As of `make_logs`; and the (S,) sums of the signals of all
            replicas.
        """
        signals = tf.constant(signals, tf.float32)
        if self._accumulation == 1:
            totals, norm = self._whole(next(batches), signals)
        else:
            parts = [
                self._part(next(batches), signals, tf.constant(part == 0))
                for part in range(self._accumulation)
            ]
            totals = tf.add_n(parts)
            norm = self._end(totals[:2])
        totals, signals = np.split(totals.numpy(), [-len(signals)])
        return self._logs(totals, float(norm)), signals

    @tf.function(autograph=False)
    def _whole(self, batch, signals):
        gradients, totals, before = self._strategy.run(
            self._gradients_of, (batch, signals)
        )
        totals = self._strategy.reduce("SUM", totals, axis=None)
        return totals, self._apply_or_skip(totals[:2], gradients, before)

    @tf.function(autograph=False)
    def _part(self, batch, signals, is_first):
        def add(batch, signals):
            gradients, totals, before = self._gradients_of(batch, signals)
            for kept, value in zip(self._before, before, strict=True):
                kept.assign(tf.where(is_first, value, kept.read_value()))
            for kept, value in zip(self._gradients, gradients, strict=True):
                so_far = tf.where(is_first, 0.0, kept.read_value())
                kept.assign(so_far + value)
            return totals

        totals = self._strategy.run(add, (batch, signals))
        return self._strategy.reduce("SUM", totals, axis=None)

    @tf.function(autograph=False)
    def _end(self, bad):
        def read():
            kept = self._gradients, self._before
            return [[one.read_value() for one in some] for some in kept]

        return self._apply_or_skip(bad, *self._strategy.run(read))

    def _gradients_of(self, batch, signals):
        """A replica's gradients, sums, and the statistics as they were."""
        before = [tf.identity(variable) for variable in self._statistics]
        size = self._network.inputs[0].shape[1]
        batch = augmentation_graph.finish(batch, size)
        labels = {name: batch[name] for name in _LABELS}
        scale = 1 / self._accumulation
        if self._loss_scale:
            scale *= self._loss_scale.value
        variables = [variable.value for variable in self._variables]
        with tf.GradientTape() as tape:
            outputs = self._network(batch["image"], training=True)
            raw = outputs.get("logits", outputs["pose"])
        gradient, sums = self._gradient_and_sums(raw, labels, scale)
        gradients = tape.gradient(raw, variables, output_gradients=gradient)
        if self._loss_scale:
            gradients = [one / self._loss_scale.value for one in gradients]
        bad = [
            tf.cast(~tf.math.is_finite(value), tf.float32)
            for value in (sums["loss"], tf.linalg.global_norm(gradients))
        ]
        self._names = tuple(sums)
        totals = tf.concat([bad, tf.stack(list(sums.values())), signals], 0)
        return gradients, totals, before

    def _apply_or_skip(self, bad, gradients, before):
        """Trains where all is finite; returns the gradient's norm, else 0."""

        def apply():
            norms = self._strategy.run(self._apply, (gradients,))
            if self._loss_scale:
                self._loss_scale.after_good_step()
            return self._strategy.experimental_local_results(norms)[0]

        def skip():
            self._strategy.run(self._restore, (before,))
            if self._loss_scale:
                self._loss_scale.after_overflow()
            return 0.0

        return tf.cond(tf.reduce_sum(bad) > 0, skip, apply)

    def _apply(self, gradients):
        replica = tf.distribute.get_replica_context()
        gradients = replica.all_reduce("SUM", gradients)
        gradients, norm = clip(gradients, self._clip_norm)
        self._optimizer.apply(gradients, self._variables)
        return norm

    def _restore(self, before):
        for variable, value in zip(self._statistics, before, strict=True):
            variable.assign(value)

    def _logs(self, totals, norm):
        bad_loss, bad_gradient, *values = map(float, totals)
        sums = dict(zip(self._names, values, strict=True))
        can_halve = self._loss_scale and self._loss_scale.value.numpy() > 1
        is_overflow = bool(bad_gradient and not bad_loss and can_halve)
        is_skipped = bool(bad_loss or bad_gradient) and not is_overflow
        return make_logs(
            sums, norm, is_skipped, is_overflow, self._accumulation
        )


def compiled(objective):
    """XLA's code of an objective and its gradient.

    It takes a quarter of the time of TensorFlow's own operations on a CPU, and
    of the memory. The gradient is derived inside, so that nothing between raw
    output and loss is kept.

    Returns:
        A function of raw output, batch and a factor of the loss, to the
        gradient of the loss times it by the raw output, and the scalars.
    """

    @tf.function(jit_compile=True)
    def gradient_and_sums(raw, batch, scale):
        with tf.GradientTape() as tape:
            tape.watch(raw)
            loss, sums = objective(raw, batch)
            scaled = loss * scale
        return tape.gradient(scaled, raw), sums

    return gradient_and_sums


def make_predict(model, strategy):
    """Compiles inference over the replicas of this worker.

    Args:
        model: Images -> {"pose", ...}.
        strategy: The tf.distribute.Strategy of the model.

    Returns:
        (B, S, S, 3) uint8 array -> {"pose": (B, J, 3) array}, for any B.
    """
    replicas = len(strategy.extended.worker_devices)

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
            lambda context: parts[context.replica_id_in_sync_group % replicas]
        )
        poses = strategy.experimental_local_results(forward(distributed))
        return {"pose": tf.concat(poses, axis=0)[: len(images)].numpy()}

    return predict


def _local_copies(variables):
    """A variable of the same shape for each, of each replica's own."""
    make = functools.partial(
        tf.Variable,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )
    return [make(np.zeros(one.shape, np.float32)) for one in variables]
