"""What a run shows and writes of itself, in the worker that leads."""

import contextlib
import json
import os

import keras
from absl import logging

from keras_pose import config as config_lib
from keras_pose.durable import replaced
from keras_pose.interruption import Interrupted
from keras_pose.tracking import manifest
from keras_pose.tracking.journal import Journal
from keras_pose.tracking.progress import Progress
from keras_pose.tracking.report import write_report
from keras_pose.tracking.report_tables import SCORES_FILE


class Watch:
    """Progress, curves, pictures, and the callbacks of a user.

    Args:
        config: The Config.
        workdir: Folder of the run.
        learner: The Learner.
        state: The RunState, as of the start.
        callbacks: Keras callbacks.
    """

    def __init__(self, config, workdir, learner, state, callbacks):
        self._config = config
        self._workdir = workdir
        self._learner = learner
        self._state = state
        self._seconds = self._waiting = self._images = 0.0  # since the last row
        losses = ("integral", "uncertainty", "bone_length", "heatmap")
        self._progress = Progress(
            config.train.epochs,
            losses,
            config.train.validation_every if config.data.validation else 0,
        )
        self._journal = Journal(workdir, state.logged)
        if not state.logged:
            text = config_lib.to_json(config)
            self._journal.text("config", f"```\n{text}\n```")
        self._callbacks = _callback_list(callbacks, config, learner)
        self._callbacks.on_train_begin()

    @property
    def must_stop(self):
        """Whether a callback wants the run to end with its epoch."""
        return self._callbacks.model.stop_training

    def begin_epoch(self, steps, done):
        """Begins an epoch of which an earlier start has done some steps."""
        self._progress.start(self._state.epoch, steps, done)
        self._callbacks.on_epoch_begin(self._state.epoch)

    def end_step(self, index, images, seconds, seconds_waiting):
        """Shows a step, counted from 0 in its epoch."""
        self._images += images
        self._seconds += seconds
        self._waiting += seconds_waiting
        means = self._state.epoch_means()
        if means:  # else all so far were skipped
            self._progress.step(index, means, images, seconds, seconds_waiting)
            self._callbacks.on_train_batch_end(index, means)

    def write_row(self, validation=None):
        """Writes the curves' next point."""
        state = self._state
        row = {f"train/{name}": v for name, v in state.take_row().items()}
        row |= validation or {}
        row["learning_rate"] = self._learner.learning_rate(
            max(0, state.step - len(state.skipped) - 1)
        )
        row["skipped_steps"] = len(state.skipped)
        if self._seconds:
            row["speed/images_per_second"] = self._images / self._seconds
            row["speed/waiting_for_data"] = self._waiting / self._seconds
        self._seconds = self._waiting = self._images = 0.0
        self._journal.scalars(state.step, row)
        state.logged = state.step

    def validating(self, done, total):
        """Shows how many of this worker's frames are scored."""
        self._progress.validating(done, total)

    def end_epoch(self, means, scores, is_best, picture):
        """Shows and writes an epoch.

        Args:
            means: {name: mean over its steps}.
            scores: The Scores of its validation, or None.
            is_best: Whether these are the best so far.
            picture: (height, width, 3) uint8 of its validation, or None.
        """
        state, validation = self._state, {}
        if scores:
            validation = {
                "val_mpjpe_mm": scores.mpjpe,
                "val_pa_mpjpe_mm": scores.pa_mpjpe,
            }
            if is_best:
                self._write_scores(scores)
        if picture is not None:
            self._journal.pictures(state.step, "validation", picture)
        every = self._config.train.histograms_every
        if every and state.epoch % every == 0:
            self._journal.histograms(state.step, self._learner.weights())
        row = {
            name.replace("val_", "validation/"): value
            for name, value in validation.items()
        }
        self.write_row({**row, "epoch": state.epoch})
        self._progress.end(state.epoch - 1, means | validation, is_best)
        self._callbacks.on_epoch_end(state.epoch - 1, means | validation)

    def flush(self):
        """Puts all rows on the disk, before a checkpoint counts on them."""
        self._journal.flush()

    def end(self):
        """Tells the callbacks that the run is done."""
        self._callbacks.on_train_end()
        self._journal.flush()

    @contextlib.contextmanager
    def noting_end(self, damages):
        """A context in which the run trains; afterwards run.json says its end.

        Args:
            damages: Each Damage of its data.
        """
        try:
            yield
            self._note_end("finished", damages)
            try_report(self._workdir)
        except Interrupted as error:
            self._note_end(str(error), damages)
            try_report(self._workdir)
            raise
        except BaseException as error:
            # A full disk must not hide what ended the run.
            with contextlib.suppress(OSError):
                self._note_end(str(error) or repr(error), damages)
            raise
        finally:
            # However it ended; what the disk has no room for is lost.
            with contextlib.suppress(OSError):
                self._progress.close()
                self._journal.close()

    def _note_end(self, end, damages):
        manifest.note(
            self._workdir,
            end=end,
            skipped_steps=self._state.skipped,
            damaged_records=[line for one in damages for line in one.lines],
        )

    def _write_scores(self, scores):
        path = os.path.join(self._workdir, SCORES_FILE)
        with replaced(path) as aside, open(aside, "w") as file:
            json.dump(scores.to_dict(), file, indent=1)


def try_report(workdir):
    """Writes the report of a run, which does not fail for the want of one."""
    try:
        write_report(workdir)
    except (OSError, ValueError) as error:
        logging.error("%s: has no report: %s", workdir, error)


def _callback_list(callbacks, config, learner):
    """The user's callbacks, with a model as Keras would give them."""
    # They ask their model for its optimizer; the network that is saved stays
    # without one.
    model = keras.Model(learner.model.inputs, learner.model.outputs)
    model.compile(optimizer=learner.optimizer)
    # Keras calls it when a callback asks for its model on JAX, whose variables
    # lag behind the steps.
    model.jax_state_sync = learner.sync
    return keras.callbacks.CallbackList(
        list(callbacks), model=model, epochs=config.train.epochs
    )
