"""What a run measures, for programs (metrics.jsonl) and for TensorBoard."""

import json
import math
import os
import re
import socket
import time

import cv2
import numpy as np
from tensorboard.compat.proto import event_pb2
from tensorboard.compat.proto import summary_pb2
from tensorboard.compat.proto import tensor_pb2
from tensorboard.compat.proto import types_pb2
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.summary.writer.record_writer import RecordWriter

from keras_pose.durable import replaced
from keras_pose.durable import sync_folder
from keras_pose.tracking.journal_files import EVENTS_FOLDER
from keras_pose.tracking.journal_files import METRICS_FILE
from keras_pose.tracking.journal_files import PICTURES_FOLDER
from keras_pose.tracking.journal_files import cut_after
from keras_pose.tracking.journal_files import event_files
from keras_pose.tracking.journal_files import picture_name

_BUCKETS = 30  # of a histogram, as TensorBoard's own have


class Journal:
    """Writes the curves, pictures and histograms of a run.

    What belongs to a step must be written and flushed before the checkpoint of
    that step: a run that goes on keeps what is up to the step of its
    checkpoint, and cuts off what a killed run wrote after it.

    Args:
        workdir: Folder of the run; `metrics.jsonl`, `tensorboard/` and
            `pictures/` are in it.
        last_step: Step of the checkpoint that the run goes on from; 0 for a
            new run, which takes away what is there.
    """

    def __init__(self, workdir, last_step=0):
        self._pictures = os.path.join(workdir, PICTURES_FOLDER)
        self._first_step = last_step + 1 if last_step else 0
        os.makedirs(os.path.join(workdir, EVENTS_FOLDER), exist_ok=True)
        cut_after(workdir, last_step)
        self._metrics = open(
            os.path.join(workdir, METRICS_FILE), "a", encoding="utf-8"
        )
        # TensorBoard's own EventFileWriter would import TensorFlow where there
        # is one, and cannot put what it wrote on the disk.
        self._events = open(_new_event_file(workdir), "xb")
        self._records = RecordWriter(self._events)
        self._write_event(step=0, file_version="brain.Event:2")
        # A TensorBoard that is open forgets what it saw from this step on.
        self._write_event(
            step=self._first_step,
            session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START),
        )
        self.flush()
        sync_folder(workdir)
        sync_folder(os.path.join(workdir, EVENTS_FOLDER))

    def scalars(self, step, values):
        """Writes a line of numbers and a point of as many curves.

        Args:
            step: Training steps done.
            values: {tag: number}; in the file, one that is not finite is null.

        Raises:
            ValueError: A tag is "step" or "time", or the step is not after
                those of earlier starts.
        """
        self._check_step(step)
        reserved = values.keys() & {"step", "time"}
        if reserved:
            raise ValueError(
                "`values` must not have a tag that every line has. "
                f"Received: {sorted(reserved)[0]!r}"
            )
        numbers = {tag: float(value) for tag, value in values.items()}
        row = {"step": int(step), "time": round(time.time(), 3)}
        for tag, number in numbers.items():
            row[tag] = number if math.isfinite(number) else None
        self._metrics.write(json.dumps(row, allow_nan=False) + "\n")
        self._metrics.flush()
        metadata = scalar_metadata.create_summary_metadata(None, None)
        self._write_summary(
            step,
            {tag: _float_tensor(number) for tag, number in numbers.items()},
            metadata,
        )

    def pictures(self, step, name, image):
        """Writes a picture: a PNG in `pictures/`, and to TensorBoard.

        Args:
            step: Training steps done.
            name: Its tag; pictures of one name follow each other.
            image: (height, width, 3) uint8, RGB.

        Raises:
            ValueError: The image is none, or the step is not after those of
                earlier starts.
        """
        self._check_step(step)
        if image.dtype != np.uint8 or image.shape[2:] != (3,):
            raise ValueError(
                "`image` must be (height, width, 3) uint8. "
                f"Received: {image.dtype} {image.shape}"
            )
        _, encoded = cv2.imencode(".png", image[..., ::-1])
        os.makedirs(self._pictures, exist_ok=True)
        path = os.path.join(self._pictures, picture_name(name, step))
        with replaced(path) as aside, open(aside, "wb") as file:
            file.write(encoded)
        height, width, _ = image.shape
        tensor = _string_tensor(
            [str(width), str(height), encoded.tobytes()], [3]
        )
        self._write_summary(
            step,
            {name: tensor},
            image_metadata.create_summary_metadata(None, None),
        )

    def histograms(self, step, arrays):
        """Writes how the values of arrays are spread.

        Args:
            step: Training steps done.
            arrays: {tag: array of any shape}. Values that are not finite are
                not counted.

        Raises:
            ValueError: The step is not after those of earlier starts.
        """
        self._check_step(step)
        self._write_summary(
            step,
            {tag: _histogram_tensor(array) for tag, array in arrays.items()},
            histogram_metadata.create_summary_metadata(None, None),
        )

    def text(self, name, content):
        """Shows a text in TensorBoard, as of the first step of this start.

        Args:
            name: Its tag.
            content: Markdown.
        """
        self._write_summary(
            self._first_step,
            {name: _string_tensor([content], [])},
            text_metadata.create_summary_metadata(None, None),
        )

    def flush(self):
        """Puts everything written so far on the disk."""
        for file in (self._metrics, self._events):
            file.flush()
            os.fsync(file.fileno())

    def close(self):
        """Ends the files."""
        if not self._events.closed:
            self.flush()
            self._metrics.close()
            self._events.close()

    def _check_step(self, step):
        if step < self._first_step:
            raise ValueError(
                f"`step` must be at least {self._first_step}, for earlier ones "
                f"are written. Received: {step}"
            )

    def _write_summary(self, step, tensors, metadata):
        summary = summary_pb2.Summary()
        for tag, tensor in tensors.items():
            summary.value.add(tag=tag, tensor=tensor, metadata=metadata)
        self._write_event(step=int(step), summary=summary)

    def _write_event(self, **fields):
        event = event_pb2.Event(wall_time=time.time(), **fields)
        self._records.write(event.SerializeToString())
        self._events.flush()


def _new_event_file(workdir):
    """A path that TensorBoard reads after those of earlier starts."""
    stamp = int(time.time())
    for path in event_files(workdir):
        match = re.search(r"tfevents\.(\d+)", os.path.basename(path))
        if match:  # a clock may have gone back, or stand in the same second
            stamp = max(stamp, int(match[1]) + 1)
    name = f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}"
    return os.path.join(workdir, EVENTS_FOLDER, name)


def _float_tensor(number):
    return tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[number])


def _string_tensor(strings, shape):
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        string_val=[
            text.encode() if isinstance(text, str) else text for text in strings
        ],
    )
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def _histogram_tensor(array):
    """Rows of a bucket's left and right edge and its count."""
    values = np.asarray(array, np.float32).ravel()
    counts, edges = np.histogram(values[np.isfinite(values)], _BUCKETS)
    rows = np.stack([edges[:-1], edges[1:], counts], axis=1).astype("<f8")
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_DOUBLE, tensor_content=rows.tobytes()
    )
    for size in rows.shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor
