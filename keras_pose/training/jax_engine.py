"""Training with JAX, on one device; no TensorFlow is needed."""

import contextlib

import jax
import numpy as np
from absl import logging

from keras_pose.data import threads
from keras_pose.training.jax_step import JaxStep
from keras_pose.training.jax_step import values_of


class JaxEngine:
    """What a run asks of the library that computes; see TensorFlowEngine."""

    backend = "jax"

    def __init__(self):
        device, *others = jax.devices()
        if others:
            logging.warning(
                "JAX trains on %s alone, of %d devices", device, 1 + len(others)
            )
        self.num_replicas = 1
        self.worker, self.num_workers = 0, 1
        self.strategy = "one device"
        self.devices = [str(device)]
        self.extra_variables = {}
        self._compiler_options = {}
        self._step = None  # whose values are newer than the variables'

    def check(self, config):
        """Readies JAX for a config.

        Raises:
            ValueError: JAX cannot do what it asks for; names the field.
        """
        if config.augmentation.backend == "device":
            raise ValueError(
                "`augmentation.backend` must be 'host' or 'imgaug' with "
                "KERAS_BACKEND=jax. Received: 'device'"
            )
        if config.train.precision == "mixed_float16":
            raise ValueError(
                "`train.precision` must be 'float32' or 'mixed_bfloat16' with "
                "KERAS_BACKEND=jax. Received: 'mixed_float16'"
            )
        if config.train.deterministic:
            self._compiler_options["xla_gpu_deterministic_ops"] = True

    def together(self):
        """Nothing to enter; there are no other workers."""
        return contextlib.nullcontext()

    def scope(self):
        """Nothing to enter; variables lie on JAX's device."""
        return contextlib.nullcontext()

    def prepare(self, model, optimizer, train):
        """Nothing to do: XLA makes batch norm and Adam fast by itself."""

    def make_step(self, network, optimizer, objective, variables, **options):
        """A function as of `TrainStep`, whose options are those."""
        step = JaxStep(
            network,
            optimizer,
            objective,
            variables,
            compiler_options=self._compiler_options,
            **options,
        )

        def run(batches, signals):
            if self._step is not step:
                self.sync()
                step.load()
                self._step = step
            return step(batches), np.asarray(signals)

        return run

    def sync(self):
        """Writes what steps have changed into the variables."""
        if self._step:
            self._step.store()
            self._step = None

    def make_predict(self, model):
        """As of `step.make_predict`."""

        @jax.jit
        def forward(trainable, other, images):
            outputs, _ = model.stateless_call(
                trainable, other, images, training=False
            )
            return outputs["pose"]

        size = 0  # of all batches that are computed: each size is compiled

        def predict(images):
            nonlocal size
            size = size or len(images)
            groups = model.trainable_variables, model.non_trainable_variables
            values = [values_of(group) for group in groups]
            poses = [
                forward(*values, _padded(images[start : start + size], size))
                for start in range(0, len(images), size)
            ]
            return {"pose": np.concatenate(poses)[: len(images)]}

        return predict

    def batches(self, *arguments, **options):
        """The batches of `threads.training_batches_numpy`, on the device.

        Each is on its way there while the step before it is computed.
        """
        stream = threads.training_batches_numpy(*arguments, **options)
        with contextlib.closing(stream):
            ahead = jax.device_put(next(stream))
            for batch in stream:
                batch, ahead = ahead, jax.device_put(batch)
                yield batch

    def total(self, array):
        """The sum of the workers' arrays, of which there is one."""
        return array

    @contextlib.contextmanager
    def profiled(self, folder):
        """Writes a profile of what runs within, for TensorBoard."""
        with jax.profiler.trace(folder):
            yield


def _padded(images, size):
    """(size, ...) images, black ones at the end."""
    missing = size - len(images)
    return np.pad(images, [(0, missing)] + [(0, 0)] * (images.ndim - 1))
