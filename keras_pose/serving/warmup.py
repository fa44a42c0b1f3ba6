"""Requests that TensorFlow Serving replays before it serves a model.

A graph's first run in a process takes many times as long as the next ones;
replayed requests take it before any client waits for it.
"""

import cv2
import numpy as np

from keras_pose.data import tfrecord
from keras_pose.serving.client import people
from keras_pose.serving.client import serving_proto

FILE_NAME = "tf_serving_warmup_requests"  # TensorFlow Serving's name for it
_WIDTH, _HEIGHT = 640, 480
_BOX = (250, 90, 140, 300)  # of the figure, px
# What is set up for one image is not all that is for several.
_BATCH = 4
# The figure's limbs, px.
_LIMBS = (
    ((320, 180), (320, 265)),
    ((320, 265), (290, 325)),
    ((290, 325), (285, 385)),
    ((320, 265), (350, 325)),
    ((350, 325), (356, 385)),
    ((320, 190), (275, 235)),
    ((275, 235), (260, 280)),
    ((320, 190), (365, 235)),
    ((365, 235), (380, 275)),
)


def write_requests(path, spec, name):
    """Writes the file.

    Args:
        path: Of the file, in `assets.extra` of the SavedModel.
        spec: The PoseSpec.
        name: The model's name on the server.
    """
    with tfrecord.Writer(path) as writer:
        for signature, inputs in _requests(spec.input_size):
            log = serving_proto.PredictionLog()
            serving_proto.fill_model_spec(log.log_metadata.model_spec, name)
            log.predict_log.request.CopyFrom(
                serving_proto.predict_request(name, signature, inputs)
            )
            writer.write(log.SerializeToString())


def _requests(size):
    """Yields (signature, name -> array)."""
    picture = _picture()
    encoded = cv2.imencode(".jpg", picture)[1].tobytes()
    crop = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    for count in (1, _BATCH):
        # Without a box, with one, and with several in one image.
        boxes = [None, [_BOX], [_BOX, _BOX], [_BOX]][-count:]
        yield "serving_default", {"image": np.stack([crop] * count)}
        yield (
            "serve_bytes",
            people.request_arrays([encoded] * count, boxes, None, None, None),
        )


def _picture():
    """A figure in a room, (height, width, 3) uint8."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(90, 200, (6, 8, 3), np.uint8)
    picture = cv2.resize(
        coarse, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    for start, end in _LIMBS:
        cv2.line(picture, start, end, (70, 60, 120), 24, cv2.LINE_AA)
    cv2.circle(picture, (320, 135), 32, (150, 170, 210), -1, cv2.LINE_AA)
    grain = rng.normal(0, 4, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)
