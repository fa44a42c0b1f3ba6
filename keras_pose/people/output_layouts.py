"""What the outputs of a detector mean: the layouts of the usual families.

A layout is known by the shapes of what a network returns, and where these
leave it open by the outputs' names:

- TFLite with its detections processed: EfficientDet-Lite, SSD MobileNet of
  TensorFlow's Object Detection API. Boxes (1, N, 4), ymin, xmin, ymax, xmax
  as shares of the picture; classes (1, N), person 0; scores (1, N); their
  count (1,). Images in floats are in [-1, 1]. Names tell classes from scores,
  or that classes are whole numbers.
- The same API's networks in ONNX: `detection_boxes` and so on, person 1.
- YOLOv5, v7: (1, N, 5 + classes), x and y of the middle, width, height, how
  sure that there is anything, and the classes.
- YOLOv8, v9, 11, 12: (1, 4 + classes, N), or its transpose: the same without
  the fifth.
- YOLOv10, 26, and others exported with their suppression: (1, N, 6), left,
  top, right, bottom, score, class.
- torchvision: `boxes` (N, 4), left, top, right, bottom; `labels` (N,), person
  1; `scores` (N,).

YOLO's and torchvision's images are in [0, 1] where they are floats. Their
boxes are in px of the network's image, in YOLO's TFLite files shares of it.
Person is class 0 of YOLO, or what the file's `names` call so.

Sources: TensorFlow models, research/object_detection, export_tflite_graph_tf2;
Ultralytics, yolov5/export.py and ultralytics/engine/exporter.py; torchvision,
models/detection.
"""

import dataclasses
import re
import typing

import numpy as np

UNIT, SIGNED = "[0, 1]", "[-1, 1]"  # of pixels, in floats

_COCO_CLASSES = 80
_PERSON = "person"
# What lies in px reaches farther than this, shares do not.
_FARTHEST_SHARE = 2.0
# YOLO's cells, in px of its image.
_STRIDES = (8, 16, 32)
_MOST_WITHOUT_OVERLAPS = 1000  # boxes that a network returns when it is sure

# The order of the outputs of TFLite's own operation; and of those of a
# TensorFlow 2 function, which numbers them backwards.
_PROCESSED = ("boxes", "classes", "scores", "count")
_CALLED = _PROCESSED[::-1]
_TENSORFLOW = {
    f"detection_{kind}": kind for kind in ("boxes", "classes", "scores")
}


class Candidates(typing.NamedTuple):
    """What a network says of a picture.

    Attributes:
        corners: (N, 4), left, top, right, bottom.
        scores: (N,) that it is a person, in [0, 1].
        is_share: Whether corners are shares of the picture, not px; None
            tells it from the numbers.
    """

    corners: np.ndarray
    scores: np.ndarray
    is_share: bool | None


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a network's outputs mean.

    Attributes:
        name: For errors, and for tests.
        pixels: UNIT or SIGNED, what a float image is.
        decode: {name: array} -> Candidates.
    """

    name: str
    pixels: str
    decode: typing.Callable[[dict[str, np.ndarray]], Candidates]


def find_layout(path, outputs, image_size, class_names):
    """Recognises a layout.

    Args:
        path: What errors call the network.
        outputs: {name: array} of any picture.
        image_size: (width, height) of the network's image, px.
        class_names: {number: name}, or None.

    Returns:
        The Layout.

    Raises:
        ValueError: It is none of those known, or has no class `person`.
    """
    shapes = {name: np.shape(value) for name, value in outputs.items()}
    person = _person_of(path, class_names)
    layout = (
        _of_tensorflow(shapes)
        or _of_tflite(shapes)
        or _of_torchvision(shapes)
        or _of_yolo(shapes, image_size, class_names, person)
    )
    if layout is None:
        shown = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"{path}: must return detections in a layout that is known: four "
            "outputs of TFLite's detection (boxes (1, N, 4), classes and "
            "scores (1, N), count (1,)); detection_boxes, detection_classes "
            "and detection_scores; boxes (N, 4), labels and scores (N,); "
            "YOLO's (1, N, 5 + classes), (1, 4 + classes, N) or (1, N, 6). "
            f"Received: {shown:.600}"
        )
    return layout


def _person_of(path, class_names):
    if class_names is None:
        return 0
    for number, name in class_names.items():
        if name.strip().lower() == _PERSON:
            return number
    shown = ", ".join(list(class_names.values())[:10])
    raise ValueError(
        f"{path}: must know a class `{_PERSON}`. Received: {shown:.200}"
    )


def _of_tensorflow(shapes):
    """The Object Detection API's in ONNX."""
    kinds = {
        _TENSORFLOW[plain]: name
        for name in shapes
        if (plain := name.partition(":")[0]) in _TENSORFLOW
    }
    if len(kinds) < len(_TENSORFLOW):
        return None
    return Layout("TensorFlow", SIGNED, _from_shares(kinds, person=1))


def _of_tflite(shapes):
    """Four outputs, two of which have the same shape."""
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
    return Layout("TFLite", SIGNED, _from_shares(kinds, person=0))


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


def _of_torchvision(shapes):
    """Boxes, labels and scores, by name."""
    kinds = {}
    for kind in ("boxes", "labels", "scores"):
        names = [name for name in shapes if kind[:-1] in name.lower()]
        if kind == "boxes":
            names = [n for n in shapes if re.search("box", n, re.IGNORECASE)]
        if len(names) != 1:
            return None
        kinds[kind] = names[0]
    if len(set(kinds.values())) != 3 or shapes[kinds["boxes"]][-1:] != (4,):
        return None
    if not (
        shapes[kinds["labels"]]
        == shapes[kinds["scores"]]
        == shapes[kinds["boxes"]][:-1]
    ):
        return None

    def decode(outputs):
        is_person = np.ravel(outputs[kinds["labels"]]) == 1
        corners = np.float64(outputs[kinds["boxes"]]).reshape(-1, 4)
        scores = np.float64(outputs[kinds["scores"]]).reshape(-1)
        return Candidates(corners[is_person], scores[is_person], None)

    return Layout("torchvision", UNIT, decode)


def _of_yolo(shapes, image_size, class_names, person):
    if len(shapes) != 1:
        return None
    ((name, shape),) = shapes.items()
    if len(shape) != 3 or shape[0] != 1 or min(shape[1:]) < 5:
        return None
    if shape[2] == 6 and shape[1] <= _MOST_WITHOUT_OVERLAPS:
        return Layout("YOLO, end to end", UNIT, _from_corners(name, person))
    is_transposed = shape[1] < shape[2]
    columns, rows = sorted(shape[1:])
    classes = len(class_names) if class_names else _COCO_CLASSES
    if columns in (classes + 4, classes + 5):
        has_objectness = columns == classes + 5
    elif class_names:
        return None  # masks or joints follow the classes
    else:
        # The families whose rows lie first have it.
        has_objectness = not is_transposed
    first = 5 if has_objectness else 4
    if columns - first <= person:
        return None
    cells = sum(
        -(-image_size[0] // stride) * -(-image_size[1] // stride)
        for stride in _STRIDES
    )
    if has_objectness and rows == cells:
        return None  # YOLOX: offsets from its cells, and other pixels
    decode = _from_middles(name, is_transposed, has_objectness, person)
    return Layout(f"YOLO, {first} + classes", UNIT, decode)


def _from_middles(name, is_transposed, has_objectness, person):
    def decode(outputs):
        rows = np.float64(outputs[name][0])
        rows = rows.T if is_transposed else rows
        classes = rows[:, 5:] if has_objectness else rows[:, 4:]
        scores = classes[:, person]
        is_person = scores >= classes.max(axis=1)
        if has_objectness:
            scores = scores * rows[:, 4]
        half = rows[:, 2:4] / 2
        corners = np.concatenate(
            [rows[:, :2] - half, rows[:, :2] + half], axis=1
        )
        return Candidates(corners[is_person], scores[is_person], None)

    return decode


def _from_corners(name, person):
    def decode(outputs):
        rows = np.float64(outputs[name][0])
        rows = rows[rows[:, 5] == person]
        return Candidates(rows[:, :4], rows[:, 4], None)

    return decode


def corners_px(candidates, image_size):
    """Corners in px of the network's image, (N, 4)."""
    corners, _, is_share = candidates
    if is_share is None:
        is_share = bool((np.abs(corners) <= _FARTHEST_SHARE).all())
    return corners * np.tile(image_size, 2) if is_share else corners
