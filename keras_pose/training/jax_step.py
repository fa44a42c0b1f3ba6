"""One step of training with JAX, as one function of arrays."""

import jax
import keras
from jax import numpy as jnp

from keras_pose.training.optimizer import clip
from keras_pose.training.step_logs import make_logs

_LABELS = ("pose", "weight", "joints_mm", "weight_3d", "view")


class JaxStep:
    """As of `TrainStep`, for one device.

    Between `load` and `store` the values are its own, and each step takes the
    memory of those before it: the variables hold nothing that can be read. To
    write some hundred of them at every step would take longer than a small
    network's step.
    """

    def __init__(
        self,
        network,
        optimizer,
        objective,
        variables,
        statistics=(),
        clip_norm=0.0,
        accumulation=1,
        compiler_options=None,
    ):
        del statistics  # among `others`, which a bad step leaves as they are
        self._network = network
        self._optimizer = optimizer
        self._objective = objective
        self._trained = list(variables)
        trained = {id(variable) for variable in variables}
        self._others = [
            one for one in network.variables if id(one) not in trained
        ]
        self._clip_norm = clip_norm
        self._accumulation = accumulation
        self._compiled = jax.jit(
            self._new_values,
            donate_argnums=0,
            compiler_options=compiler_options,
        )
        self._values = None

    def load(self):
        """Takes the values of the variables."""
        self._values = [values_of(group) for group in self._groups()]

    def store(self):
        """Gives them back."""
        for group, values in zip(self._groups(), self._values, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        self._values = None

    def __call__(self, batches):
        """Runs a step; takes and gives what `TrainStep` does, but signals."""
        parts = [next(batches) for _ in range(self._accumulation)]
        self._values, sums = self._compiled(self._values, parts)
        sums = {name: float(x) for name, x in jax.device_get(sums).items()}
        bad, norm = sums.pop("bad"), sums.pop("norm")
        return make_logs(sums, norm, bad > 0, False, self._accumulation)

    def _groups(self):
        return self._trained, self._others, self._optimizer.variables

    def _new_values(self, values, parts):
        """What a step makes of the values of `_groups`, and its scalars."""
        trained, others, optimizer = values
        gradients, sums, statistics = self._gradients(trained, others, parts)
        gradients, norm = clip(gradients, self._clip_norm)
        fine = jnp.isfinite(sums["loss"]) & jnp.isfinite(norm)
        mapping = [
            *zip(self._trained, trained, strict=True),
            *zip(self._optimizer.variables, optimizer, strict=True),
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            self._optimizer.apply(gradients, self._trained)
        after = [
            _values_in(scope, self._trained),
            statistics,
            _values_in(scope, self._optimizer.variables),
        ]
        after = jax.tree.map(
            lambda new, old: jnp.where(fine, new, old), after, values
        )
        norm = jnp.where(fine, norm, 0.0)
        return after, {**sums, "bad": ~fine, "norm": norm}

    def _gradients(self, trained, others, parts):
        """Gradients and sums over the parts, and what they make of others."""
        loss_of = jax.value_and_grad(self._loss, has_aux=True)
        total = None
        for batch in parts:
            (_, (sums, others)), gradients = loss_of(trained, others, batch)
            part = gradients, sums
            total = jax.tree.map(jnp.add, total, part) if total else part
        return *total, others

    def _loss(self, trained, others, batch):
        mapping = [
            *zip(self._trained, trained, strict=True),
            *zip(self._others, others, strict=True),
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            outputs = self._network(batch["image"], training=True)
        labels = {name: batch[name] for name in _LABELS}
        raw = outputs.get("logits", outputs["pose"])
        loss, sums = self._objective(raw, labels)
        others = _values_in(scope, self._others)
        return loss / self._accumulation, (sums, others)


def values_of(variables):
    """The arrays that variables hold."""
    return [variable.value for variable in variables]


def _values_in(scope, variables):
    return [scope.get_current_value(variable) for variable in variables]
