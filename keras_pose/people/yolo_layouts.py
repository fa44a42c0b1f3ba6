"""Detectors of the YOLO family, which return a row for each candidate.

Person is class 0, or what the file's `names` call so. Boxes are x and y of
the middle, width and height where nothing else is said, in px of the
network's image or, in TFLite files, shares of it. Images in floats are RGB in
[0, 1]. N is the number of cells, squares of 8, 16, 32 and, in networks for
large images, 64 px.

- YOLOv5, v7: (1, 3 N, 5 + classes): box, how sure that there is anything, and
  the classes. Old exports return their heads, of five axes, as well.
- YOLOv8, v9, 11, 12: (1, 4 + classes, N), or its transpose: the same without
  the fifth. Masks' or joints' numbers may follow where `names` count classes.
- YOLOv10, 26, and others exported with their suppression: (1, few, 6): left,
  top, right, bottom, score, class. Numbers of masks or joints may follow.
- RT-DETR of Ultralytics: the same shape, but its boxes have middles.
- YOLOX: (1, N, 5 + classes), x and y from the cell and logarithms of width
  and height, in cells. Images are BGR in [0, 255].
- YOLOv6: the same shape with boxes in px, its fifth number always 1.

Sources: Ultralytics, yolov5/export.py, engine/exporter.py and nn/modules/
head.py; Megvii, YOLOX/tools/export_onnx.py and models/yolo_head.py; Meituan,
YOLOv6/models/effidehead.py.
"""

import numpy as np

from keras_pose.people.candidates import BYTES
from keras_pose.people.candidates import Candidates
from keras_pose.people.candidates import Layout
from keras_pose.people.candidates import corners_of_middles

_COCO_CLASSES = 80
_STRIDES = (8, 16, 32, 64)
_MOST_WITHOUT_OVERLAPS = 1000  # boxes that a network returns when it is sure


def find_yolo(outputs, image_size, class_names, person):
    """The Layout of a YOLO, or None.

    Args:
        outputs: {name: array} of any picture.
        image_size: (width, height) of the network's image, px.
        class_names: {number: name}, or None.
        person: Number of the class.
    """
    axes = {name: np.ndim(value) for name, value in outputs.items()}
    # Heads that are returned as well have five axes, masks' prototypes four.
    lists = [name for name, count in axes.items() if count < 4]
    if len(lists) != 1 or axes[lists[0]] != 3:
        return None
    if 4 in axes.values() and not class_names:
        return None  # nobody says where the classes end
    (name,) = lists
    length, first, second = np.shape(outputs[name])
    if length != 1 or min(first, second) < 5:
        return None
    cells = _num_cells(image_size)
    if second in cells or (first < second and first not in cells):
        return _of_columns(name, first, class_names, person)
    rows = np.float64(outputs[name][0])
    if first in cells:
        return _of_cells(name, rows, image_size, class_names, person)
    return _of_rows(name, rows, class_names, person)


def _num_cells(image_size):
    """Cells of networks of three sizes, and of four."""
    each = [
        -(-image_size[0] // stride) * -(-image_size[1] // stride)
        for stride in _STRIDES
    ]
    return sum(each[:3]), sum(each)


def _of_columns(name, length, class_names, person):
    """A candidate in each column."""
    classes = len(class_names) if class_names else length - 4
    # One number more is the angle of a box that is turned.
    if length < 4 + classes or length == 5 + classes or classes <= person:
        return None
    return _of_middles(name, 4, classes, person, is_turned=True)


def _of_cells(name, rows, image_size, class_names, person):
    """A row for each cell."""
    length = rows.shape[1]
    classes = len(class_names) if class_names else _COCO_CLASSES
    if length == 4 + classes:
        return _of_middles(name, 4, classes, person)
    if class_names and length != 5 + classes:
        return None
    if length <= 5 + person:
        return None
    # Places from a cell reach a few cells, those in the image across it.
    if rows[:, :2].max() < max(image_size) / 4:
        grid = _grid(len(rows), image_size)
        return _yolox(name, person, lambda found: _from_cells(found, grid))
    if (rows[:, 4] == 1).all():
        return _of_middles(name, 5, length - 5, person, label="YOLOv6")
    if length == 5 + classes:
        return _yolox(name, person, lambda found: found)
    return None


def _of_rows(name, rows, class_names, person):
    """Rows of anchors, or the few of a network that has suppressed."""
    length = rows.shape[1]
    classes = len(class_names) if class_names else _COCO_CLASSES
    is_of_classes = length in (4 + classes, 5 + classes)
    if len(rows) <= _MOST_WITHOUT_OVERLAPS and (
        length == 6 or (class_names and length > 6 and not is_of_classes)
    ):
        return _end_to_end(name, rows, person)
    if length == 4 + classes:
        return _of_middles(name, 4, classes, person)
    if not class_names:
        classes = length - 5
    if length < 5 + classes or classes <= person:
        return None
    return _of_middles(name, 5, classes, person)


def _of_middles(name, start, classes, person, *, is_turned=False, label=None):
    """Boxes of middles; classes from column `start`."""

    def decode(outputs):
        rows = np.float64(outputs[name][0])
        return _person_of(rows.T if is_turned else rows, start, classes, person)

    return Layout(label or f"YOLO, {start} + classes", decode)


def _person_of(rows, start, classes, person):
    """Candidates that are rather a person than of another class."""
    likelihoods = rows[:, start : start + classes]
    scores = likelihoods[:, person]
    # So that what is no number is kept, and seen by who checks the scores.
    is_person = ~(scores < likelihoods.max(axis=1))
    if start == 5:
        scores = scores * rows[:, 4]
    corners = corners_of_middles(rows)
    return Candidates(corners[is_person], scores[is_person], None)


def _yolox(name, person, middles_px):
    def decode(outputs):
        rows = middles_px(np.float64(outputs[name][0]))
        found = _person_of(rows, 5, rows.shape[1] - 5, person)
        return found._replace(is_share=False)

    return Layout("YOLOX", decode, BYTES, is_bgr=True)


def _grid(count, image_size):
    """(N, 3) column, row and px of the cells, the smallest first."""
    grid = []
    for stride in _STRIDES:
        columns, rows = (-(-side // stride) for side in image_size)
        row, column = np.divmod(np.arange(rows * columns), columns)
        grid.append(np.stack([column, row, np.full_like(row, stride)], 1))
    return np.concatenate(grid)[:count]


def _from_cells(rows, grid):
    """Rows with the boxes of the cells in px."""
    with np.errstate(over="ignore"):  # what is infinite is no candidate
        sizes = np.exp(rows[:, 2:4])
    boxes = np.concatenate([rows[:, :2] + grid[:, :2], sizes], axis=1)
    return np.concatenate([boxes * grid[:, 2:], rows[:, 4:]], axis=1)


def _end_to_end(name, rows, person):
    """The few candidates of a network that leaves no two of one thing."""
    # Nothing ends before it begins, but for rounding.
    backwards = (rows[:, :2] - rows[:, 2:4]).max()
    has_middles = backwards > 0.02 * np.abs(rows[:, :4]).max()

    def decode(outputs):
        rows = np.float64(outputs[name][0])
        rows = rows[np.round(rows[:, 5]) == person]
        corners = corners_of_middles(rows) if has_middles else rows[:, :4]
        return Candidates(corners, rows[:, 4], None)

    label = "RT-DETR" if has_middles else "YOLO, end to end"
    return Layout(label, decode)
