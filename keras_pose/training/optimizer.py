"""Optimizers, all of them Keras's own, and what they have in common."""

import contextlib

import keras
from keras import ops

from keras_pose import models
from keras_pose.training import freezing
from keras_pose.training.schedule import make_schedule

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "lamb": keras.optimizers.Lamb,
    "lion": keras.optimizers.Lion,
    "sgd": keras.optimizers.SGD,
}


def make_optimizer(train, model, total_steps):
    """Builds the optimizer of a run, in the scope of its strategy.

    It takes gradients as they are: the train step has summed them over the
    replicas and clipped them. Weights that are learnt at another rate, or from
    a later epoch on, have an optimizer of their own, with its own count of
    steps: Adam must know how many gradients its means have seen.

    Args:
        train: A TrainConfig.
        model: The network, of which no layer is frozen yet.
        total_steps: Steps of the whole run.

    Returns:
        A GroupedOptimizer, built for `model.trainable_variables`.

    Raises:
        ValueError: Names the setting and the value.
    """
    if train.optimizer not in OPTIMIZERS:
        raise ValueError(
            f"`train.optimizer` must be one of {', '.join(OPTIMIZERS)}. "
            f"Received: {train.optimizer!r}"
        )
    optimizer = GroupedOptimizer(
        make_schedule(train, total_steps),
        _groups(train, model),
        lambda rate, variables: _keras_optimizer(train, rate, variables),
    )
    optimizer.build(model.trainable_variables)
    return optimizer


class GroupedOptimizer(keras.optimizers.Optimizer):
    """Keras optimizers, one for each group of variables, as one of them.

    `keras.optimizers.MultiOptimizer` wants a gradient for every variable, so
    that none can be frozen, and has neither a learning rate nor the same step
    for all of its schedules.

    Args:
        schedule: The learning rate, a LearningRateSchedule of the run's steps.
        groups: Pairs of a factor on the learning rate, and the variables in
            the order of `build`.
        make: Takes the group's learning rate, a function without arguments,
            and its variables; gives a Keras optimizer built for them.
    """

    def __init__(self, schedule, groups, make):
        super().__init__(learning_rate=schedule)
        self.groups = [
            make(lambda factor=factor: factor * self.learning_rate, variables)
            for factor, variables in groups
        ]
        self._number_of = {
            id(variable): number
            for number, (_, variables) in enumerate(groups)
            for variable in variables
        }

    def build(self, variables):
        """Joins the groups' state, given all their variables."""
        if self.built:
            return
        super().build(variables)
        for group in self.groups:
            for variable in group.variables:
                self._track_variable(variable)

    def apply(self, grads, trainable_variables=None):
        """Changes variables by their gradients.

        Args:
            grads: The gradients; None for a variable that is frozen.
            trainable_variables: Their variables, by default all.
        """
        if trainable_variables is None:
            trainable_variables = self._trainable_variables
        self._check_variables_are_known(trainable_variables)
        pairs = [[] for _ in self.groups]
        for grad, variable in zip(grads, trainable_variables, strict=True):
            if grad is not None:
                pairs[self._number_of[id(variable)]].append((grad, variable))
        if not any(pairs):
            raise ValueError("`grads` must hold a gradient. Received: none")
        for group, group_pairs in zip(self.groups, pairs, strict=True):
            if group_pairs:
                group.apply(*zip(*group_pairs, strict=True))
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list):
        """Gives all variables the values of their moving averages."""
        self._check_variables_are_known(var_list)
        for number, group in enumerate(self.groups):
            # Before its first step a group has no averages yet.
            if int(ops.convert_to_numpy(group.iterations)):
                group.finalize_variable_values(
                    [
                        variable
                        for variable in self._trainable_variables
                        if self._number_of[id(variable)] == number
                    ]
                )


@contextlib.contextmanager
def averaged(optimizer, model):
    """A context in which a network has the moving averages of its weights.

    Without `train.ema`, and for what no step has changed yet, they are the
    weights themselves. The context is no place to train or write checkpoints.

    Args:
        optimizer: As of `make_optimizer`.
        model: Its network.
    """
    if not any(group.use_ema for group in optimizer.groups):
        yield
        return
    weights = [ops.convert_to_numpy(variable) for variable in model.weights]
    try:
        optimizer.finalize_variable_values(model.trainable_variables)
        yield
    finally:
        for variable, value in zip(model.weights, weights, strict=True):
            variable.assign(value)


def clip(gradients, clip_norm):
    """Shortens gradients that are together longer than a norm.

    Args:
        gradients: Tensors of any shapes, summed over the replicas.
        clip_norm: The largest norm, 0 for any.

    Returns:
        The gradients, and the norm of them all as they came, a scalar: it is
        finite only if they all are, and else they are of no use.
    """
    squares = [
        ops.sum(ops.square(ops.cast(gradient, "float32")))
        for gradient in gradients
    ]
    norm = ops.sqrt(ops.sum(ops.stack(squares)))
    if clip_norm:
        scale = clip_norm / ops.maximum(norm, clip_norm)
        gradients = [
            gradient * ops.cast(scale, gradient.dtype) for gradient in gradients
        ]
    return list(gradients), norm


def _groups(train, model):
    """Pairs of a factor on the learning rate, and the variables it is for."""
    factors = {}
    if train.backbone_rate != 1:
        backbone = models.backbone_of(model)
        if backbone is None:
            raise ValueError(
                "`train.backbone_rate` must be 1 for a network without a "
                f"backbone. Received: {train.backbone_rate}"
            )
        factors = {id(v): train.backbone_rate for v in backbone.variables}
    late = {
        id(variable)
        for layer in freezing.matching_layers(
            model, train.frozen if train.frozen_epochs else ()
        )
        for variable in layer.variables
    }
    groups = {}
    for variable in model.trainable_variables:
        key = factors.get(id(variable), 1.0), id(variable) in late
        groups.setdefault(key, []).append(variable)
    return [(factor, variables) for (factor, _), variables in groups.items()]


def _keras_optimizer(train, learning_rate, variables):
    """One optimizer of Keras, built for its variables."""
    options = {"momentum": train.momentum} if train.optimizer == "sgd" else {}
    optimizer = OPTIMIZERS[train.optimizer](
        learning_rate,
        # AdamW has another default than none.
        weight_decay=train.weight_decay,
        use_ema=train.ema > 0,
        ema_momentum=train.ema,
        **options,
    )
    # Biases and batch norm have no size to keep down; and a decay of 0 is left
    # out, which Keras would compute.
    optimizer.exclude_from_weight_decay(
        [
            variable
            for variable in variables
            if not train.weight_decay or not variable.name.endswith("kernel")
        ]
    )
    if keras.backend.backend() == "tensorflow":
        # Under tf.distribute Keras would sum the gradients once more: it has
        # no public way to say that they are summed.
        optimizer._all_reduce_sum_gradients = lambda pairs: pairs
    optimizer.build(variables)
    return optimizer
