"""The working folder of a run: its config, checkpoints and best network."""

import os

import tensorflow as tf

from keras_pose import config as config_lib

CONFIG_FILE = "config.json"
BEST_FILE = "best.keras"  # of the lowest validation MPJPE
LAST_FILE = "last.keras"
_KEPT = 2


def check_workdir(workdir, config):
    """Checks that a folder is free, or belongs to the same config.

    Raises:
        ValueError: The folder holds a run of another config; names every
            field that differs.
    """
    path = os.path.join(workdir, CONFIG_FILE)
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        rows = config_lib.differences(config, file.read())
    if rows:
        raise ValueError(
            f"`workdir` {workdir} belongs to another config; take a new "
            f"folder, or the earlier values. Received: {'; '.join(rows)}"
        )


def claim_workdir(workdir, config):
    """Makes the folder and writes the config into it."""
    os.makedirs(workdir, exist_ok=True)
    path = os.path.join(workdir, CONFIG_FILE)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(config_lib.to_json(config))
    os.replace(path + ".new", path)


class Checkpoints:
    """Everything that a run needs to go on: weights, optimizer, best score."""

    def __init__(self, workdir, model, optimizer):
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.best = tf.Variable(float("inf"), trainable=False)
        self._manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(
                model=model,
                optimizer=optimizer,
                epoch=self.epoch,
                best=self.best,
            ),
            os.path.join(workdir, "checkpoints"),
            max_to_keep=_KEPT,
        )

    def restore(self):
        """Goes back to the last checkpoint; returns the epochs done."""
        if self._manager.latest_checkpoint:
            status = self._manager.checkpoint.restore(
                self._manager.latest_checkpoint
            )
            status.assert_consumed()
        return int(self.epoch.numpy())

    def save(self, epochs_done, best):
        """Writes a checkpoint."""
        self.epoch.assign(epochs_done)
        self.best.assign(best)
        self._manager.save(checkpoint_number=epochs_done)
