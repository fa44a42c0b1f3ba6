"""The training loop, one for all devices of a machine.

Keras's own `fit` does not run under several workers, so the loop is written
out; it drives Keras's callbacks, so that its progress bar, TensorBoard and any
callback of a user work as they do there.
"""

import dataclasses
import functools
import math
import os
import sys

import keras
from absl import logging

from keras_pose import config as config_lib
from keras_pose import models
from keras_pose.data import pipeline
from keras_pose.data.augmentation import Augmentation
from keras_pose.data.objects import load_objects
from keras_pose.evaluation import scoring
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import artefacts
from keras_pose.skeleton import SKELETONS
from keras_pose.training import step as step_lib
from keras_pose.training.batch_norm import prepare_batch_norm
from keras_pose.training.batch_norm import restore_batch_norm
from keras_pose.training.objective import make_objective
from keras_pose.training.optimizer import make_optimizer
from keras_pose.training.strategy import distribute
from keras_pose.training.workdir import BEST_FILE
from keras_pose.training.workdir import LAST_FILE
from keras_pose.training.workdir import Checkpoints
from keras_pose.training.workdir import check_workdir
from keras_pose.training.workdir import claim_workdir


def fit(config, workdir, strategy, callbacks=()):
    """Trains a network, or goes on where the run in `workdir` stopped.

    Writes to `workdir`: `config.json`, `checkpoints/`, `tensorboard/`,
    `last.keras`, and with validation data `best.keras`, the network with the
    lowest validation MPJPE.

    Args:
        config: The Config.
        workdir: Folder of the run.
        strategy: A tf.distribute.Strategy of one machine, as of
            `make_strategy`.
        callbacks: Further Keras callbacks. They start anew when a run is
            resumed, and are not told of validation but for its scores.

    Returns:
        The best validation MPJPE in mm, or None without validation data.

    Raises:
        ValueError: The config, the data or the folder is wrong.
        RuntimeError: The loss is not a number any more.
    """
    config_lib.check(config)
    train = config.train
    spec = make_spec(config)
    augmentation = make_augmentation(config, spec)
    steps = _steps_per_epoch(config, strategy)
    check_workdir(workdir, config)

    keras.utils.set_random_seed(train.seed)
    model, optimizer = build(config, spec, strategy, steps * train.epochs)
    train_steps = train_steps_of(config, model, optimizer, spec, strategy)

    def batches_of(epoch):
        batches = pipeline.training_batches(
            config.data.train,
            spec,
            train.batch_size,
            config.data.shuffle_buffer,
            train.seed,
            epoch,
            augmentation,
            config.augmentation.backend,
        )
        return distribute(batches, strategy)

    # What is wrong with the data is said before the folder is taken.
    batches_of(0)
    if config.data.validation:
        pipeline.count(config.data.validation)
    claim_workdir(workdir, config)
    checkpoints = Checkpoints(workdir, model, optimizer)
    first_epoch = checkpoints.restore()
    best = float(checkpoints.best.numpy())
    if first_epoch == train.epochs:
        logging.info("%s: is finished already", workdir)
    elif first_epoch:
        logging.info("%s: goes on after epoch %d", workdir, first_epoch)

    predict = step_lib.make_predict(model, strategy)
    callback_list = _callback_list(
        callbacks, workdir, model, optimizer, train.epochs, steps
    )
    callback_list.on_train_begin()
    for epoch in range(first_epoch, train.epochs):
        callback_list.on_epoch_begin(epoch)
        batches = iter(batches_of(epoch))
        with pipeline.damage_named(config.data.train):
            logs = _run_epoch(train_steps[epoch], batches, steps, callback_list)
        is_last = epoch + 1 == train.epochs
        if is_last or (epoch + 1) % train.validation_every == 0:
            _save(spec, model, strategy, os.path.join(workdir, LAST_FILE))
            score = _validate(config, spec, predict, logs)
            if score is not None and score <= best:
                best = score
                _save(spec, model, strategy, os.path.join(workdir, BEST_FILE))
        checkpoints.save(epoch + 1, best)
        callback_list.on_epoch_end(epoch, logs)
        if callback_list.model.stop_training:
            _save(spec, model, strategy, os.path.join(workdir, LAST_FILE))
            break
    callback_list.on_train_end()
    return best if config.data.validation else None


def make_augmentation(config, spec):
    """The Augmentation of a config.

    Raises:
        ValueError: The folder of objects is needed and is none.
    """
    fields = dataclasses.asdict(config.augmentation)
    del fields["backend"]
    folder = fields.pop("objects")
    if config.augmentation.paste > 0:
        # As large as they get in the crop, or a little smaller.
        fields["objects"] = load_objects(folder, 3 * spec.input_size // 8)
    return Augmentation(**fields)


def build(config, spec, strategy, total_steps):
    """Makes the network and its optimizer on the strategy's devices."""
    train = config.train
    with strategy.scope():
        model = make_model(config, spec)
        prepare_batch_norm(model, strategy.num_replicas_in_sync)
        optimizer = make_optimizer(
            train.optimizer,
            train.schedule,
            train.learning_rate,
            train.warmup_steps,
            total_steps,
        )
        optimizer.build(model.trainable_variables)
    return model, optimizer


def train_steps_of(config, model, optimizer, spec, strategy):
    """The train step of each epoch; epochs of the same losses share theirs."""
    soft_argmax = models.soft_argmax_of(model)
    network = models.with_logits(model) if soft_argmax else model

    @functools.cache
    def make(*active):
        objective = make_objective(config.loss, dict(active), spec, soft_argmax)
        return step_lib.make_train_step(network, optimizer, objective, strategy)

    epochs = range(config.train.epochs)
    return [make(*config.loss.active(epoch).items()) for epoch in epochs]


def _callback_list(callbacks, workdir, model, optimizer, epochs, steps):
    """Keras's progress bar and TensorBoard, and the user's callbacks."""
    # Callbacks ask their model for its optimizer; the network that is saved
    # stays without one.
    model = keras.Model(model.inputs, model.outputs)
    model.compile(optimizer=optimizer)
    curves = keras.callbacks.TensorBoard(
        os.path.join(workdir, "tensorboard"), write_graph=False
    )
    return keras.callbacks.CallbackList(
        [curves, *callbacks],
        add_progbar=True,
        model=model,
        epochs=epochs,
        steps=steps,
        # A log file gets a line an epoch, a terminal a bar that moves.
        verbose=1 if sys.stdout.isatty() else 2,
    )


def make_spec(config):
    """The PoseSpec of a config's network."""
    if config.data.skeleton not in SKELETONS:
        raise ValueError(
            f"`data.skeleton` must be one of {', '.join(SKELETONS)}. "
            f"Received: {config.data.skeleton!r}"
        )
    skeleton = SKELETONS[config.data.skeleton]
    if skeleton.root is None:
        raise ValueError(
            "`data.skeleton` must have a root joint. "
            f"Received: {config.data.skeleton!r}"
        )
    if config.model.volume == "metric":
        volume = MetricVolume(config.model.metric_size)
    else:
        volume = CropVolume(config.model.input_size, config.model.crop_depth)
    return PoseSpec(
        skeleton,
        volume,
        config.model.input_size,
        config.data.box_margin,
        pipeline.mean_bone_lengths(config.data.train, skeleton),
    )


def make_model(config, spec):
    """The network of a config."""
    return models.pose_net(
        spec.skeleton.num_joints,
        backbone=config.model.backbone,
        weights=config.model.weights or None,
        input_size=config.model.input_size,
        head=config.model.head,
        deconv_layers=config.model.deconv_layers,
        deconv_filters=config.model.deconv_filters,
        depth_bins=config.model.depth_bins,
        temperature=config.model.temperature,
        debias=config.model.debias,
        batch_norm_momentum=config.model.batch_norm_momentum,
    )


def _steps_per_epoch(config, strategy):
    batch_size, replicas = (
        config.train.batch_size,
        strategy.num_replicas_in_sync,
    )
    if batch_size % replicas:
        raise ValueError(
            f"`train.batch_size` must divide by the {replicas} replicas. "
            f"Received: {batch_size}"
        )
    count = pipeline.count(config.data.train)
    if count < batch_size:
        raise ValueError(
            f"`train.batch_size` must be at most the {count} samples of "
            f"`data.train`. Received: {batch_size}"
        )
    return config.train.steps_per_epoch or count // batch_size


def _run_epoch(train_step, batches, steps, callback_list):
    """Runs the steps of an epoch; returns the means of their logs."""
    totals = {}
    for step in range(steps):
        callback_list.on_train_batch_begin(step)
        for name, value in train_step(next(batches)).items():
            totals[name] = totals.get(name, 0.0) + float(value)
        if not math.isfinite(totals["loss"]):
            raise RuntimeError(
                f"the loss of step {step + 1} of this epoch is not finite; "
                "the last checkpoint is as it was. A lower "
                "`train.learning_rate` or a longer `train.warmup_steps` may "
                f"help. Received: {totals['loss']}"
            )
        logs = {name: total / (step + 1) for name, total in totals.items()}
        callback_list.on_train_batch_end(step, logs)
    if logs["outside"] > 0:
        logging.log_first_n(
            logging.WARNING,
            "%.2f %% of the known joints lie outside the volume, where no "
            "heatmap has its mean: see `model.metric_size`, "
            "`model.crop_depth` and `data.box_margin`",
            1,
            100 * logs["outside"],
        )
    return logs


def _validate(config, spec, predict, logs):
    """Scores the network into `logs`; returns its MPJPE, None without data."""
    if not config.data.validation:
        return None
    scores = scoring.score(
        predict, spec, config.data.validation, config.train.batch_size
    )
    logs["val_mpjpe_mm"] = scores.mpjpe
    logs["val_pa_mpjpe_mm"] = scores.pa_mpjpe
    return scores.mpjpe


def _save(spec, model, strategy, path):
    """Writes the network, free of how it was trained."""
    restore_batch_norm(model)
    artefacts.save_keras(model, spec, path)
    prepare_batch_norm(model, strategy.num_replicas_in_sync)
