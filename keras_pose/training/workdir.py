"""The working folder of a run: whose it is, and what lies where."""

import contextlib
import fcntl
import os

from absl import logging

from keras_pose import config as config_lib
from keras_pose.durable import replaced

CONFIG_FILE = "config.json"
BEST_FILE = "best.keras"  # of the lowest validation MPJPE
LAST_FILE = "last.keras"


def check_workdir(workdir, config):
    """Checks that a folder is free, or belongs to the same config.

    Raises:
        ValueError: The folder holds a run of another config; names every
            field that differs.
    """
    path = os.path.join(workdir, CONFIG_FILE)
    if not os.path.exists(path):
        return
    try:
        with open(path, encoding="utf-8") as file:
            rows = config_lib.differences(config, file.read())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a config: {error!r}") from error
    if rows:
        raise ValueError(
            f"`workdir` {workdir} belongs to another config; take a new "
            f"folder, or the earlier values. Received: {'; '.join(rows)}"
        )


@contextlib.contextmanager
def claimed(workdir, config):
    """Makes the folder, writes the config into it, and keeps others out.

    The system lets go of the folder when the process ends, however it ends.

    Raises:
        ValueError: Another process trains there, or the folder belongs to a
            run of another config.
    """
    os.makedirs(workdir, exist_ok=True)
    with open(os.path.join(workdir, ".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                "`workdir` must be free. Received: "
                f"{workdir}, in which another process trains"
            ) from error
        except OSError as error:  # some network file systems have no locks
            logging.warning(
                "%s: cannot be locked: %s; see that no other process trains "
                "there",
                workdir,
                error,
            )
        check_workdir(workdir, config)
        path = os.path.join(workdir, CONFIG_FILE)
        with (
            replaced(path) as aside,
            open(aside, "w", encoding="utf-8") as file,
        ):
            file.write(config_lib.to_json(config))
        yield
