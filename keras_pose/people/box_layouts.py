"""Detectors that return boxes, classes and scores apart.

- TFLite with its detections processed: EfficientDet-Lite, SSD MobileNet of
  TensorFlow's Object Detection API. Boxes (1, N, 4), ymin, xmin, ymax, xmax
  as shares of the picture; classes (1, N), person 0 or what the file's labels
  say; scores (1, N); their count (1,). Images in floats are in [-1, 1]. Names
  tell classes from scores, or that classes are whole numbers.
- The same API's networks in ONNX: `detection_boxes` and so on, person 1.
- torchvision: boxes (N, 4) in px, left, top, right, bottom; labels (N,),
  whole numbers, person 1; scores (N,), in any order. Images are in [0, 1].

Sources: TensorFlow models, research/object_detection, export_tflite_graph_tf2;
torchvision, models/detection.
"""

import re

import numpy as np

from keras_pose.people.candidates import SIGNED
from keras_pose.people.candidates import Candidates
from keras_pose.people.candidates import Layout

# The order of the outputs of TFLite's own operation; and of those of a
# TensorFlow 2 function, which numbers them backwards.
_PROCESSED = ("boxes", "classes", "scores", "count")
_CALLED = _PROCESSED[::-1]
_TENSORFLOW = {
    f"detection_{kind}": kind for kind in ("boxes", "classes", "scores")
}


def find_tensorflow(outputs):
    """The Object Detection API's Layout in ONNX, or None."""
    kinds = {
        _TENSORFLOW[plain]: name
        for name in outputs
        if (plain := name.partition(":")[0]) in _TENSORFLOW
    }
    if len(kinds) < len(_TENSORFLOW):
        return None
    return Layout("TensorFlow", _from_shares(kinds, person=1), SIGNED)


def find_tflite(outputs, person):
    """The Layout of TFLite's processed detections, or None.

    They are four outputs, two of which have the same shape.
    """
    shapes = {name: np.shape(value) for name, value in outputs.items()}
    boxes = [n for n, s in shapes.items() if len(s) == 3 and s[2] == 4]
    count = [n for n, s in shapes.items() if len(s) < 2 and np.prod(s) == 1]
    if len(shapes) != 4 or len(boxes) != 1 or len(count) != 1:
        return None
    pair = [name for name in shapes if name not in (*boxes, *count)]
    if any(shapes[name] != shapes[boxes[0]][:2] for name in pair):
        return None
    if _tells_scores(pair[0]) or not _tells_scores(pair[1]):
        pair.reverse()
    classes, scores = pair
    kinds = dict(boxes=boxes[0], count=count[0], classes=classes, scores=scores)
    return Layout("TFLite", _from_shares(kinds, person), SIGNED)


def _tells_scores(name):
    """Whether an output of TFLite's detection holds the scores, by its name."""
    number = int(re.search(r"(?:[:_](\d))?$", name)[1] or 0)
    if "PostProcess" in name:
        return _PROCESSED[number : number + 1] == ("scores",)
    if re.search("PartitionedCall|Identity", name):
        return _CALLED[number : number + 1] == ("scores",)
    return "score" in name.lower()


def _from_shares(kinds, person):
    def decode(outputs):
        boxes, classes, scores = (
            np.asarray(outputs[kinds[kind]], np.float64)[0]
            for kind in ("boxes", "classes", "scores")
        )
        if not _are_whole(classes) and _are_whole(scores):
            # Not all converters keep to one order.
            classes, scores = scores, classes
        count = outputs[kinds["count"]] if "count" in kinds else len(scores)
        # A count that is not a number counts nothing.
        count = np.nan_to_num(np.float64(np.ravel(count)[0]), posinf=0)
        is_person = (np.arange(len(scores)) < count) & (classes == person)
        corners = boxes[:, [1, 0, 3, 2]]
        return Candidates(corners[is_person], scores[is_person], True)

    return decode


def _are_whole(values):
    return np.array_equal(values, np.round(values))


def find_torchvision(outputs):
    """Layout of torchvision, or None; looks at no masks and no joints."""
    labels = [n for n, v in outputs.items() if np.asarray(v).dtype.kind in "iu"]
    if len(labels) != 1:
        return None
    shape = np.shape(outputs[labels[0]])
    others = {n: np.shape(v) for n, v in outputs.items() if n not in labels}
    scores = [n for n, s in others.items() if s == shape]
    boxes = [n for n, s in others.items() if s == (*shape, 4)]
    if len(scores) != 1 or len(boxes) != 1:
        return None

    def decode(outputs):
        is_person = np.ravel(outputs[labels[0]]) == 1
        corners = np.float64(outputs[boxes[0]]).reshape(-1, 4)
        found = np.float64(outputs[scores[0]]).reshape(-1)
        return Candidates(corners[is_person], found[is_person], False)

    return Layout("torchvision", decode)
