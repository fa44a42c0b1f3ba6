"""Training with TensorFlow, on the devices of a tf.distribute.Strategy."""

import contextlib

import numpy as np
import tensorflow as tf

from keras_pose.data import pipeline
from keras_pose.training import step as step_lib
from keras_pose.training.batch_norm import prepare_batch_norm
from keras_pose.training.fused_adam import fuse_adam
from keras_pose.training.strategy import distribute
from keras_pose.training.strategy import needing_workers
from keras_pose.training.strategy import worker_of


class TensorFlowEngine:
    """What a run asks of the library that computes.

    `JaxEngine` answers the same.

    Attributes:
        num_replicas: Devices of all workers.
        worker: Which process this is, counted from 0.
        num_workers: Processes that train together.
        backend: Name of Keras's backend.
        strategy: How the devices share the work, in words.
        devices: Names of those of this worker.
        extra_variables: {name: variable} that a checkpoint must hold beside
            those of network and optimizer.
    """

    backend = "tensorflow"

    def __init__(self, strategy):
        self._strategy = strategy
        self.num_replicas = strategy.num_replicas_in_sync
        self.worker, self.num_workers = worker_of(strategy)
        self._num_local = self.num_replicas // self.num_workers
        self.strategy = type(strategy).__name__
        self.devices = strategy.extended.worker_devices
        self._loss_scale = None
        self.extra_variables = {}

    def check(self, config):
        """Readies TensorFlow for a config; it can do all that one may ask."""
        if config.train.deterministic:
            tf.config.experimental.enable_op_determinism()

    def together(self):
        """A context in which the end of another worker is a RuntimeError."""
        return needing_workers(self.num_workers)

    def scope(self):
        """A context in which the strategy's variables are made."""
        return self._strategy.scope()

    def prepare(self, model, optimizer, train):
        """Readies a network and its optimizer; called within the scope."""
        prepare_batch_norm(model, self.num_replicas, train.batch_norm)
        fuse_adam(optimizer)
        if train.precision == "mixed_float16":
            self._loss_scale = step_lib.LossScale()
            scale, good_steps = self._loss_scale.variables
            self.extra_variables = {
                "loss_scale": scale,
                "good_steps": good_steps,
            }

    def make_step(self, network, optimizer, objective, variables, **options):
        """As of `TrainStep`, whose options are those."""
        return step_lib.TrainStep(
            network,
            optimizer,
            objective,
            self._strategy,
            variables,
            loss_scale=self._loss_scale,
            **options,
        )

    def sync(self):
        """Nothing to do: steps change the variables themselves."""

    def make_predict(self, model):
        """As of `step.make_predict`."""
        return step_lib.make_predict(model, self._strategy)

    def batches(self, *arguments, **options):
        """An iterator over the batches of `pipeline.training_batches`."""

        def make():
            return pipeline.training_batches(
                *arguments,
                worker=self.worker,
                num_replicas=self._num_local,
                **options,
            )

        return iter(distribute(make, self._strategy))

    def total(self, array):
        """The sum of the workers' arrays of one shape, float32."""
        if self.num_workers == 1:
            return array

        def of_replica(context):
            is_first = context.replica_id_in_sync_group % self._num_local == 0
            return tf.constant(array if is_first else np.zeros_like(array))

        parts = self._strategy.experimental_distribute_values_from_function(
            of_replica
        )
        return self._strategy.reduce("SUM", parts, axis=None).numpy()

    @contextlib.contextmanager
    def profiled(self, folder):
        """Writes a profile of what runs within, for TensorBoard."""
        with tf.profiler.experimental.Profile(folder):
            yield
