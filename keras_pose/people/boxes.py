"""Boxes of people: x, y, width, height in px, from the image's corner."""

import typing

import numpy as np

# A box of which a smaller share lies in the picture shows too little.
_LEAST_SHARE_INSIDE = 0.25


class Detections(typing.NamedTuple):
    """The people that a detector found, the surest first.

    Attributes:
        boxes: (N, 4) float64, x, y, width, height in px, within the picture.
        scores: (N,) float64, on the scale that the detector documents.
    """

    boxes: np.ndarray
    scores: np.ndarray


def shared_area(first, second):
    """Areas that boxes have in common.

    Args:
        first: (N, 4).
        second: (M, 4).

    Returns:
        (N, M) px^2.
    """
    first, second = _rows(first)[:, None], _rows(second)[None]
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(
        first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:]
    )
    return np.prod(np.clip(high - low, 0, None), axis=-1)


def iou(first, second):
    """Intersection over union of boxes.

    Args:
        first: (N, 4).
        second: (M, 4).

    Returns:
        (N, M) in [0, 1]; 0 where both are empty.
    """
    shared = shared_area(first, second)
    union = area(first)[:, None] + area(second) - shared
    return np.divide(shared, union, np.zeros_like(shared), where=union > 0)


def coverage(first, second):
    """The share of the smaller of two boxes that the other covers.

    Args:
        first: (N, 4).
        second: (M, 4).

    Returns:
        (N, M) in [0, 1]; 0 where one is empty.
    """
    shared = shared_area(first, second)
    smaller = np.minimum(area(first)[:, None], area(second))
    return np.divide(shared, smaller, np.zeros_like(shared), where=smaller > 0)


def area(boxes):
    """Areas of boxes (N, 4), (N,) px^2."""
    return np.prod(_rows(boxes)[:, 2:], axis=-1)


def middle(box):
    """The middle of a box (..., 4), (..., 2) px."""
    return box[..., :2] + box[..., 2:] / 2


def longer_side(box):
    """Of a box (..., 4), (...) px."""
    return np.max(box[..., 2:], axis=-1)


def enlarged(box, factor):
    """A box (4,) about the same middle, with each side times a factor."""
    size = box[2:] * factor
    return np.concatenate([middle(box) - size / 2, size])


def clipped(boxes, width, height):
    """The parts of boxes (N, 4) that lie in a picture."""
    boxes = _rows(boxes)
    size = np.array([width, height], np.float64)
    low = np.clip(boxes[:, :2], 0, size)
    high = np.clip(boxes[:, :2] + boxes[:, 2:], 0, size)
    return np.concatenate([low, high - low], axis=-1)


def share_inside(boxes, width, height):
    """The share of each box (N, 4) that lies in a picture, (N,)."""
    shared = shared_area(boxes, [[0, 0, width, height]])[:, 0]
    whole = area(boxes)
    return np.divide(shared, whole, np.zeros_like(shared), where=whole > 0)


def detections_within(boxes, scores, width, height, least_side=2.0):
    """Detections of a picture from what a detector said.

    Boxes that are not finite, that show next to nothing or that lie for the
    most part outside the picture are left out, the others cut at its border.

    Args:
        boxes: (N, 4).
        scores: (N,).
        width: Of the picture, px.
        height: Of the picture, px.
        least_side: px that a box must have in both directions.

    Returns:
        Detections, the surest first.
    """
    boxes, scores = _rows(boxes), np.asarray(scores, np.float64).reshape(-1)
    known = np.isfinite(boxes).all(axis=-1) & np.isfinite(scores)
    boxes, scores = boxes[known], scores[known]
    inside = clipped(boxes, width, height)
    kept = (
        (boxes[:, 2:] > 0).all(axis=-1)
        & (inside[:, 2:] >= least_side).all(axis=-1)
        & (share_inside(boxes, width, height) >= _LEAST_SHARE_INSIDE)
    )
    order = np.argsort(-scores[kept], kind="stable")
    return Detections(inside[kept][order], scores[kept][order])


def best_of_each(boxes, scores, most_iou, most_coverage=1.0):
    """Non-maximum suppression: of boxes that overlap, the surest.

    Args:
        boxes: (N, 4).
        scores: (N,).
        most_iou: Boxes that overlap more are of one person.
        most_coverage: And so are those of which the smaller is covered more.

    Yields:
        (index of the surest, (K,) indices of all of that person, itself
        first), the surest person first.
    """
    left = np.argsort(-np.asarray(scores), kind="stable")
    while len(left):
        best, others = left[:1], left[1:]
        same = (iou(boxes[best], boxes[others])[0] > most_iou) | (
            coverage(boxes[best], boxes[others])[0] > most_coverage
        )
        yield int(best[0]), np.concatenate([best, others[same]])
        left = others[~same]


def _rows(boxes):
    return np.asarray(boxes, np.float64).reshape(-1, 4)
