"""The network while it learns, and the one that is scored and saved."""

import functools

from absl import logging
from keras import ops

from keras_pose import models
from keras_pose.serving import artefacts
from keras_pose.training import build
from keras_pose.training import freezing
from keras_pose.training.initial import load_initial
from keras_pose.training.objective import make_objective
from keras_pose.training.optimizer import averaged
from keras_pose.training.optimizer import make_optimizer
from keras_pose.training.schedule import make_schedule


class Learner:
    """A network, its optimizer, and the steps that it takes.

    Args:
        config: The Config.
        spec: Its PoseSpec.
        engine: A TensorFlowEngine or a JaxEngine.
        total_steps: Steps of the whole run.
        is_resumed: Whether `restore` will follow, so that weights to start
            from are not needed any more.

    Attributes:
        model: The network that learns.
        optimizer: Its optimizer.
    """

    def __init__(self, config, spec, engine, total_steps, is_resumed=False):
        train = config.train
        self._config = config
        self._spec = spec
        self._engine = engine
        with engine.scope():
            self.model = build.make_model(
                config, spec, train.precision, with_weights=not is_resumed
            )
            if config.model.initial and not is_resumed:
                report = load_initial(self.model, spec, config.model.initial)
                logging.info("%s: %s", config.model.initial, report)
            self.optimizer = make_optimizer(train, self.model, total_steps)
            engine.prepare(self.model, self.optimizer, train)
        # Batch norm's, which a step changes though it does not train them.
        self._statistics = [
            variable
            for layer in models.batch_norms_of(self.model)
            for variable in (layer.moving_mean, layer.moving_variance)
        ]
        self._schedule = make_schedule(train, total_steps)
        self._steps = {}

    def step_of(self, epoch):
        """The step of an epoch; epochs that train alike share theirs.

        Args:
            epoch: Counted from 0.

        Returns:
            As of the engine's `make_step`.
        """
        self.sync()
        train = self._config.train
        frozen = freezing.patterns_of(train, epoch)
        weights = self._config.loss.active(epoch)
        freezing.freeze(self.model, frozen, train.batch_norm == "frozen")
        key = frozen, tuple(weights.items())
        if key not in self._steps:
            soft_argmax = models.soft_argmax_of(self.model)
            network = (
                models.with_logits(self.model) if soft_argmax else self.model
            )
            self._steps[key] = self._engine.make_step(
                network,
                self.optimizer,
                make_objective(
                    self._config.loss, weights, self._spec, soft_argmax
                ),
                self.model.trainable_variables,
                statistics=self._statistics,
                clip_norm=train.clip_norm,
                accumulation=train.accumulation,
            )
        return self._steps[key]

    def learning_rate(self, step):
        """The head's learning rate at a step, counted from 0."""
        return float(self._schedule(step))

    def sync(self):
        """Gives the variables the values of the last step."""
        self._engine.sync()

    def weights(self):
        """{path: array} of the weights that are trained."""
        self.sync()
        return {
            variable.path: ops.convert_to_numpy(variable)
            for variable in self.model.trainable_variables
        }

    @functools.cached_property
    def scored_model(self):
        """The network that is scored and saved, in float32.

        It is one of its own, so that nothing of how it was trained is left in
        it, and has the weights as of the last `refresh`.
        """
        with self._engine.scope():
            model = build.make_model(
                self._config, self._spec, with_weights=False
            )
        models.pixel_scaling_of(model).mode = self.pixel_scaling
        return model

    @property
    def pixel_scaling(self):
        """The mode of the network's PixelScaling."""
        return models.pixel_scaling_of(self.model).mode

    @functools.cached_property
    def predict(self):
        """Inference of `scored_model`; as of the engine's `make_predict`."""
        return self._engine.make_predict(self.scored_model)

    def refresh(self):
        """Gives `scored_model` the weights, or their moving averages."""
        self.sync()
        with averaged(self.optimizer, self.model):
            for own, learnt in zip(
                self.scored_model.variables, self.model.variables, strict=True
            ):
                own.assign(ops.convert_to_numpy(learnt))

    def save(self, path):
        """Writes `scored_model` with its spec."""
        artefacts.save_keras(self.scored_model, self._spec, path)

    def arrays(self):
        """{name: array} of all that learning changes."""
        self.sync()
        return {
            name: ops.convert_to_numpy(variable)
            for name, variable in self._variables().items()
        }

    def restore(self, arrays, pixel_scaling):
        """Goes back to the arrays of a checkpoint, before any step.

        Args:
            arrays: As of `arrays`.
            pixel_scaling: As of `pixel_scaling`.

        Raises:
            ValueError: They are those of another network.
        """
        self.sync()
        variables = self._variables()
        shapes = {name: tuple(one.shape) for name, one in variables.items()}
        received = {name: array.shape for name, array in arrays.items()}
        if shapes != received:
            different = sorted(set(shapes.items()) ^ set(received.items()))
            raise ValueError(
                "a checkpoint must have the arrays of its network. "
                f"Received: others, such as {different[0]}"
            )
        for name, variable in variables.items():
            variable.assign(arrays[name])
        models.pixel_scaling_of(self.model).mode = pixel_scaling

    def _variables(self):
        groups = {
            "model": self.model.variables,
            "optimizer": self.optimizer.variables,
        }
        # Layers' own names are not the same in every process.
        variables = {
            f"{group}/{index:04d}": variable
            for group, members in groups.items()
            for index, variable in enumerate(members)
        }
        return variables | self._engine.extra_variables
