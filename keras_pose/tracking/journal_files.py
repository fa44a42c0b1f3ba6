"""The files that a journal writes: their names, reading them, cutting them.

A run that was killed has written more than its last checkpoint knows of. What
lies after the checkpoint is cut off before the run goes on, so that each curve
has each of its steps once, for any program that reads the files.
"""

import json
import os
import re

from absl import logging
from tensorboard.compat.proto import event_pb2

from keras_pose.data import tfrecord
from keras_pose.durable import replaced
from keras_pose.durable import sync_folder

METRICS_FILE = "metrics.jsonl"
EVENTS_FOLDER = "tensorboard"
PICTURES_FOLDER = "pictures"
# Of an event: the file's first, one that stays, one that goes.
_HEADER, _BEFORE, _AFTER = range(3)
_PICTURE = re.compile(r"(.+)-(\d{8,})\.png")


def picture_name(name, step):
    """File name of a picture; a tag's slashes become underscores."""
    return f"{re.sub(r'[^0-9A-Za-z_.-]', '_', name)}-{step:08d}.png"


def picture_files(workdir):
    """The pictures of a run: {name: [(step, path)] from first to last}."""
    folder = os.path.join(workdir, PICTURES_FOLDER)
    pictures = {}
    for file_name in os.listdir(folder) if os.path.isdir(folder) else ():
        match = _PICTURE.fullmatch(file_name)
        if match:
            path = os.path.join(folder, file_name)
            pictures.setdefault(match[1], []).append((int(match[2]), path))
    return {name: sorted(pictures[name]) for name in sorted(pictures)}


def event_files(workdir):
    """Paths of a run's event files, from first to last as TensorBoard reads."""
    folder = os.path.join(workdir, EVENTS_FOLDER)
    names = os.listdir(folder) if os.path.isdir(folder) else ()
    return [
        os.path.join(folder, name)
        for name in sorted(names)
        if "tfevents" in name
    ]


def read_metrics(workdir):
    """The rows of metrics.jsonl: dicts of "step", "time" and tags.

    A line that a killed run has not finished is left out.
    """
    path = os.path.join(workdir, METRICS_FILE)
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        return [row for row in map(_row_of, file) if row]


def cut_after(workdir, last_step):
    """Takes everything after a step, and what was torn, out of the files.

    Lines and events that stay keep their bytes. Stopped at any point, it can
    be done again.

    Args:
        workdir: Folder of the run.
        last_step: The last that stays; with 0 nothing does.
    """
    metrics = os.path.join(workdir, METRICS_FILE)
    if os.path.exists(metrics):
        _cut_metrics(metrics, last_step)
    for path in event_files(workdir):
        _cut_events(path, last_step)
    for pictures in picture_files(workdir).values():
        for step, path in pictures:
            if not _stays(step, last_step):
                os.remove(path)


def _stays(step, last_step):
    return last_step > 0 and step <= last_step


def _row_of(line):
    """A line of metrics.jsonl as a dict, None if it is not a whole one."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and "step" in row else None


def _cut_metrics(path, last_step):
    with open(path, "rb") as file:
        lines = file.readlines()
    rows = [(line, _row_of(line)) for line in lines]
    # The last may be torn by a kill; others only by a failing disk or by hand.
    damaged = sum(row is None for _, row in rows[:-1])
    if damaged:
        logging.warning("%s: %d damaged lines left out", path, damaged)
    kept = [
        line for line, row in rows if row and _stays(row["step"], last_step)
    ]
    if len(kept) < len(lines):
        with replaced(path) as aside, open(aside, "wb") as file:
            file.writelines(kept)


def _cut_events(path, last_step):
    """Cuts an event file; removes it if nothing but its header stays."""
    whens = [when for when, _ in _events(path, last_step)]
    if _AFTER not in whens:
        return  # most files: they may be large
    if _BEFORE not in whens:
        os.remove(path)
        sync_folder(os.path.dirname(path))
        return
    with replaced(path) as aside, tfrecord.Writer(aside) as file:
        for when, record in _events(path, last_step):
            if when != _AFTER:
                file.write(record)


def _events(path, last_step):
    """Yields whether each event of a file goes, and its bytes."""
    try:
        for record in tfrecord.read_all(path):
            event = event_pb2.Event.FromString(record)
            if event.WhichOneof("what") == "file_version":
                yield _HEADER, record
            else:
                stays = _stays(event.step, last_step)
                yield _BEFORE if stays else _AFTER, record
    except ValueError:
        # No reader gets past a torn event.
        yield _AFTER, None
