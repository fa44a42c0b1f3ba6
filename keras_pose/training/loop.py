"""The training loop, one for all devices, machines and backends.

Keras's own `fit` does not run under several workers, so the loop is written
out; it drives Keras's callbacks, so that any callback of a user works as it
does there.
"""

import contextlib
import dataclasses
import math
import os
import signal
import time

import keras
import numpy as np
from absl import logging

from keras_pose import config as config_lib
from keras_pose.data.store import Records
from keras_pose.interruption import Interrupted
from keras_pose.interruption import Interruption
from keras_pose.tracking import manifest
from keras_pose.tracking.journal_files import EVENTS_FOLDER
from keras_pose.training import build
from keras_pose.training import workdir as workdir_lib
from keras_pose.training.agreement import check_agreement
from keras_pose.training.checkpoint import Checkpoints
from keras_pose.training.learner import Learner
from keras_pose.training.samples import Samples
from keras_pose.training.timing import Profile
from keras_pose.training.timing import Waiting
from keras_pose.training.validation import Validation
from keras_pose.training.watch import Watch
from keras_pose.training.watch import try_report

_STEPS_PER_ROW = 50  # of the journal


def fit(config, workdir, engine, callbacks=(), profile_steps=0):
    """Trains a network, or goes on where the run in `workdir` stopped.

    Writes to `workdir`: `config.json`, `run.json` (versions, data, starts),
    `checkpoints/`, `metrics.jsonl`, `tensorboard/`, `last.keras`, with
    validation data `best.keras`, the network with the lowest validation MPJPE,
    `scores.json` and `pictures/`, and at the end `report.html`.

    Args:
        config: The Config.
        workdir: Folder of the run; one that all workers see.
        engine: A TensorFlowEngine or a JaxEngine.
        callbacks: Further Keras callbacks. They start anew when a run is
            resumed, and are not told of validation but for its scores.
        profile_steps: Steps to profile for TensorBoard.

    Returns:
        The best validation MPJPE in mm, or None without validation data.

    Raises:
        Interrupted: SIGTERM or SIGINT came; the run can go on.
        ValueError: The config, the data or the folder is wrong.
        RuntimeError: Too many steps were not finite, or another worker ended.
    """
    config_lib.check(config)
    engine.check(config)
    run = _Run(config, workdir, engine)
    workdir_lib.check_workdir(workdir, config)
    with contextlib.ExitStack() as stack:
        stack.enter_context(engine.together())
        # What is wrong is said before the folder is taken.
        run.build()
        if run.is_chief:
            stack.enter_context(workdir_lib.claimed(workdir, config))
        run.restore()
        if run.is_finished:
            logging.info("%s: is finished already", workdir)
            if run.is_chief:
                try_report(workdir)
            return run.best
        run.interruption = stack.enter_context(Interruption())
        stack.enter_context(run.watched(callbacks))
        stack.enter_context(engine.together())  # run.json has it in words too
        run.train(profile_steps)
    return run.best


class _Run:
    """A run in one process; those of all workers do the same steps."""

    def __init__(self, config, workdir, engine):
        self.is_chief = engine.worker == 0
        self.interruption = None
        self.state = None
        self._data = manifest.describe_data(
            {"train": config.data.train, "validation": config.data.validation}
        )
        self._config = config
        self._workdir = workdir
        self._engine = engine
        self._spec = build.make_spec(config)
        self._samples = Samples(config, self._spec, engine)
        self._validation = None
        if config.data.validation:
            self._validation = Validation(
                self._spec,
                Records(config.data.validation, config.data.damaged_records),
                engine,
                max(1, self._samples.batch_size // engine.num_workers),
                config.train.pictures,
            )
        self._checkpoints = Checkpoints(workdir, config.train.checkpoints_kept)
        self._watch = None
        self._saved_at = time.monotonic()

    @property
    def is_finished(self):
        """Whether all epochs are done, or the run has ended early."""
        all_done = self.state.epoch >= self._config.train.epochs
        return all_done or self.state.stopped_early

    @property
    def best(self):
        """The lowest validation MPJPE, mm; None without any."""
        return self.state.best if math.isfinite(self.state.best) else None

    def build(self):
        """Makes the network, and checks what it is to be taught."""
        epochs = self._config.train.epochs
        keras.utils.set_random_seed(self._config.train.seed)
        self._learner = Learner(
            self._config,
            self._spec,
            self._engine,
            self._samples.first_step(epochs),
            self._checkpoints.exist,
        )
        for epoch in range(epochs):
            self._learner.step_of(epoch)

    def restore(self):
        """Goes back to where an earlier start of the run stopped."""
        manifest.check_data(self._workdir, self._data)
        self.state, arrays = self._checkpoints.load()
        check_agreement(
            self._engine,
            config=dataclasses.asdict(self._config),
            data=[
                {**row, "folder": None}
                for rows in self._data.values()
                for row in rows
            ],
            checkpoint=dataclasses.asdict(self.state),
        )
        self._check_resumption(bool(arrays))
        if arrays:
            self._learner.restore(arrays, self.state.pixel_scaling)

    def _check_resumption(self, is_resumed):
        """Checks that going on gives what never stopping would have."""
        conditions = self._samples.conditions
        if is_resumed and self.state.conditions != conditions:
            raise ValueError(
                "a run must go on with the batch that it began with: "
                f"{self.state.conditions}. Received: {conditions}"
            )
        self.state.conditions = conditions
        network = os.path.join(self._workdir, workdir_lib.LAST_FILE)
        if not is_resumed and os.path.exists(network):
            raise ValueError(
                "`workdir` must have a checkpoint to go on from, or be a new "
                f"folder. Received: {self._workdir}, with {network} and no "
                "checkpoint"
            )

    @contextlib.contextmanager
    def watched(self, callbacks):
        """A context in which the run is shown and written down."""
        if not self.is_chief:
            yield
            return
        manifest.add_start(
            self._workdir,
            dataclasses.asdict(self._config),
            self._data,
            self.state.step,
            self._engine.backend,
            self._engine.strategy,
            self._engine.devices,
        )
        self._watch = Watch(
            self._config, self._workdir, self._learner, self.state, callbacks
        )
        parts = filter(None, (self._samples, self._validation))
        with self._watch.noting_end([part.damage for part in parts]):
            yield

    def train(self, profile_steps):
        """Trains the epochs that are left."""
        if self._watch:
            logging.info(
                "%s: step %d of %d, %d samples a step, %d an epoch; the first "
                "step takes the longest",
                self._workdir,
                self.state.step,
                self._samples.first_step(self._config.train.epochs),
                self._samples.batch_size,
                len(self._samples),
            )
        self._batches = Waiting(self._samples.batches(self.state.step))
        with contextlib.ExitStack() as stack:
            self._profile = Profile(
                self._engine,
                os.path.join(self._workdir, EVENTS_FOLDER),
                profile_steps,
                stack,
            )
            # Threads that still read when Python ends would crash it.
            stack.callback(setattr, self, "_batches", None)
            while not self.is_finished:
                self._train_epoch()
                self._end_epoch()
        if self._watch:
            self._watch.end()

    def _train_epoch(self):
        state, epoch = self.state, self.state.epoch
        first = self._samples.first_step(epoch)
        end = self._samples.first_step(epoch + 1)
        run_step = self._learner.step_of(epoch)
        if self._watch:
            self._watch.begin_epoch(end - first, state.step - first)
        while state.step < end:
            began = time.perf_counter()
            self._profile.begin_step()
            self._batches.seconds = 0.0
            try:
                logs, signals = run_step(self._batches, self._signals())
            finally:
                self._samples.damage.check()
            state.step += 1
            if logs.pop("skipped"):
                self._count_skipped()
            else:
                state.add(logs)
            if self._watch:
                self._watch.end_step(
                    state.step - first - 1,
                    self._samples.batch_size,
                    time.perf_counter() - began,
                    self._batches.seconds,
                )
                if state.step % _STEPS_PER_ROW == 0 and state.step < end:
                    self._watch.write_row()
            if self._engine.num_workers == 1:
                signals = self._signals()  # which nobody else need agree to
            self._heed(*signals)

    def _signals(self):
        """Whether this worker must stop, and whether it is time to save."""
        minutes = (time.monotonic() - self._saved_at) / 60
        due = minutes >= self._config.train.checkpoint_minutes
        must_stop = self.interruption.signal_number is not None
        return [float(must_stop), float(due and self.is_chief)]

    def _heed(self, must_stop, is_due):
        """What all workers do when one of them signals."""
        if must_stop or is_due:
            self._save()
        if must_stop:
            self._stop()

    def _stop(self):
        number = self.interruption.signal_number or signal.SIGTERM
        raise Interrupted(
            number,
            f"{self._workdir}: stopped by {signal.Signals(number).name} after "
            f"step {self.state.step}, which is saved; the same command goes on",
        )

    def _count_skipped(self):
        """Names the samples of a step that was not finite."""
        state, limit = self.state, self._config.train.skipped_steps
        state.skipped.append(state.step)
        log = logging.warning if self.is_chief else logging.debug
        log(
            "step %d is skipped, for its loss or gradient is not finite; its "
            "samples: %s",
            state.step,
            ", ".join(self._samples.names(state.step - 1)),
        )
        if len(state.skipped) > limit:
            raise RuntimeError(
                "the loss or its gradient was not finite in more steps than "
                f"`train.skipped_steps={limit}`, the last one step "
                f"{state.step}; the last checkpoint is as it was. In a new "
                "folder, with `model.initial` for its network, a lower "
                "`train.learning_rate`, a longer `train.warmup_steps` or "
                "`train.clip_norm` may help"
            )

    def _end_epoch(self):
        """Validates, and counts the epoch as done."""
        state, train = self.state, self._config.train
        done = state.epoch + 1
        scores, picture, is_best = None, None, False
        validates = done == train.epochs or done % train.validation_every == 0
        if validates:
            # A validation that fails must not cost the epoch.
            self._save()
            self._learner.refresh()
            if self._validation:
                scores = self._scores()
                if self.is_chief:
                    picture = self._validation.picture(self._learner.predict)
            is_best = scores is not None and scores.mpjpe <= state.best
            self._save_networks(is_best)
        if is_best:
            state.best, state.since_best = scores.mpjpe, 0
        elif scores is not None:
            state.since_best += 1
        if 0 < train.patience <= state.since_best:
            state.stopped_early = True
        means = state.epoch_means()
        _warn_of_joints_outside(means)
        state.end_epoch()
        if self._watch:
            self._watch.end_epoch(means, scores, is_best, picture)
            state.stopped_early |= self._watch.must_stop
        must_stop = self._engine.total(np.float32([state.stopped_early]))[0]
        if must_stop and not validates:
            self._learner.refresh()
            self._save_networks(False)
        state.stopped_early = bool(must_stop)
        self._save()

    def _scores(self):
        """The validation's scores; raises when it is interrupted."""
        progress = self._watch.validating if self._watch else lambda *_: None
        scores = self._validation.scores(
            self._learner.predict,
            progress,
            lambda: self.interruption.signal_number is not None,
        )
        if scores is None:
            self._save()
            self._stop()
        return scores

    def _save_networks(self, is_best):
        if not self.is_chief:
            return
        self._learner.save(os.path.join(self._workdir, workdir_lib.LAST_FILE))
        if is_best:
            path = os.path.join(self._workdir, workdir_lib.BEST_FILE)
            self._learner.save(path)

    def _save(self):
        """Writes a checkpoint; reading the arrays takes all workers."""
        arrays = self._learner.arrays()
        self.state.pixel_scaling = self._learner.pixel_scaling
        if self.is_chief:
            self._watch.flush()
            self._checkpoints.save(self.state, arrays)
        self._saved_at = time.monotonic()


def _warn_of_joints_outside(means):
    if means.get("outside", 0) > 0:
        logging.log_first_n(
            logging.WARNING,
            "%.2f %% of the known joints lie outside the volume, where no "
            "heatmap has its mean: see `model.metric_size`, "
            "`model.crop_depth` and `data.box_margin`",
            1,
            100 * means["outside"],
        )
