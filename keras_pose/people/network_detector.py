"""Any people detector that somebody has exported, in TFLite or ONNX.

`box_layouts` and `yolo_layouts` say which families are known. Weights have
licences of their own: Ultralytics' YOLO, for one, is AGPL-3.0.
"""

import os

import cv2
import numpy as np

from keras_pose.people import boxes as boxes_of_people
from keras_pose.people import network_files
from keras_pose.people import output_layouts
from keras_pose.people.candidates import BYTES
from keras_pose.people.candidates import SIGNED
from keras_pose.people.candidates import UNIT
from keras_pose.people.candidates import Candidates
from keras_pose.people.candidates import corners_px

# A pose of nobody costs more than a person who is found a frame later.
LEAST_SCORE = 0.4
_MOST_IOU = 0.6
_MOST_PEOPLE = 300  # before the suppression, whose cost grows with its square

# What fills the network's image around the picture, as YOLO was taught.
_GREY = 114


class NetworkDetector:
    """Finds people by a network in a file.

    Scores are the network's own, in [0, 1], from 0.4 on.

    Args:
        path: A `.tflite` or `.onnx` file.

    Attributes:
        name: What it is called in a pose's `box_from`: the file's.
        layout: Name of the outputs' layout.

    Raises:
        ImportError: The file's runtime is not installed; says how to.
        ValueError: There is no such file, it is damaged, or its layout is
            not known.
    """

    def __init__(self, path):
        self._network = network_files.load_network(path)
        self.name = os.path.basename(self._network.path)
        shape = self._network.input_shape
        self._is_planar = shape[-1] != 3  # colours before rows and columns
        height, width = shape[-2:] if self._is_planar else shape[-3:-1]
        self._size = width, height
        grey = np.full((height, width, 3), _GREY, np.uint8)
        self._layout = output_layouts.find_layout(
            self._network.path,
            # Grey in whatever scale tells enough.
            self._run(grey, UNIT),
            self._size,
            self._network.class_names,
        )
        self.layout = self._layout.name

    def __call__(self, image):
        """Finds the people in an image.

        Args:
            image: (height, width, 3) uint8, RGB.

        Returns:
            `boxes.Detections`.

        Raises:
            ValueError: The network fails, or its scores are no numbers.
        """
        height, width = image.shape[:2]
        fitted, zoom, corner = _fitted(image, self._size)
        if self._layout.is_bgr:
            fitted = fitted[..., ::-1]
        outputs = self._run(fitted, self._layout.pixels)
        candidates = self._layout.decode(outputs)
        if np.isnan(candidates.scores).any():
            # Of a network that some step of its export has spoilt.
            raise ValueError(
                f"{self._network.path}: the detector's scores must be numbers. "
                "Received: NaN; export it in float32"
            )
        candidates = _likely(candidates)
        corners = corners_px(candidates, self._size)
        low, high = np.split(corners, 2, axis=1)
        boxes = np.concatenate([(low - corner) / zoom, (high - low) / zoom], 1)
        found = boxes_of_people.detections_within(
            boxes, candidates.scores, width, height
        )
        kept = [
            best for best, _ in boxes_of_people.best_of_each(*found, _MOST_IOU)
        ]
        return boxes_of_people.Detections(found.boxes[kept], found.scores[kept])

    def _run(self, image, pixels):
        """{name: array} of an image of the network's size."""
        values = _encoded(image, pixels, self._network)
        if self._is_planar:
            values = np.moveaxis(values, -1, 0)
        values = np.ascontiguousarray(values.reshape(self._network.input_shape))
        try:
            return self._network.run(values)
        except Exception as error:  # a runtime's own, of any class
            raise ValueError(
                f"{self._network.path}: the detector fails: {error}"
            ) from error


def _encoded(image, pixels, network):
    """An image as the numbers that a network takes, of the same shape."""
    low, high = pixels
    floats = low + image * ((high - low) / 255)
    if network.input_dtype.kind == "f":
        return floats.astype(network.input_dtype)
    whole = np.iinfo(network.input_dtype)
    if network.input_scale is not None:
        scale, zero = network.input_scale
        ends = (np.array([whole.min, whole.max]) - zero) * scale
        if not any(_are_near(ends, usual) for usual in (UNIT, SIGNED, BYTES)):
            steps = np.round(floats / scale + zero)
            return np.clip(steps, whole.min, whole.max).astype(whole.dtype)
    # Whole numbers from end to end are the pixels, whatever they stand for.
    return (image.astype(np.int16) + whole.min).astype(whole.dtype)


def _are_near(ends, usual):
    return np.allclose(ends, usual, rtol=0, atol=0.02 * (usual[1] - usual[0]))


def _fitted(image, size):
    """An image as large as fits in the middle of the network's.

    Args:
        image: (height, width, 3) uint8.
        size: (width, height) px of the network's image.

    Returns:
        (height, width, 3) uint8 of that size; (2,) how much larger than the
        image; (2,) px of its corner.
    """
    own = np.array(image.shape[1::-1])
    zoom = np.min(np.divide(size, own))
    new = np.clip(np.round(own * zoom).astype(int), 1, size)
    shrinks = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    corner = (np.array(size) - new) // 2
    fitted = np.full((size[1], size[0], 3), _GREY, np.uint8)
    fitted[corner[1] : corner[1] + new[1], corner[0] : corner[0] + new[0]] = (
        cv2.resize(image, new.tolist(), interpolation=shrinks)
    )
    return fitted, new / own, corner


def _likely(candidates):
    """Those that are likely enough, and not too many of them."""
    corners, scores, is_share = candidates
    # What is not a number compares as unlikely.
    with np.errstate(invalid="ignore"):
        likely = np.flatnonzero(
            (scores >= LEAST_SCORE)
            & (scores <= 1 + 1e-3)
            & np.isfinite(corners).all(axis=1)
        )
    best = likely[np.argsort(-scores[likely], kind="stable")][:_MOST_PEOPLE]
    return Candidates(corners[best], scores[best], is_share)
