import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_pose.people import boxes

SQUARE = [0, 0, 10, 10]


@pytest.mark.parametrize(
    ("other", "iou", "coverage"),
    [
        (SQUARE, 1, 1),
        ([5, 0, 10, 10], 50 / 150, 0.5),
        ([0, 8, 10, 10], 20 / 180, 0.2),
        ([2, 3, 4, 5], 0.2, 1),
        ([10, 0, 10, 10], 0, 0),
        ([4, 4, 0, 5], 0, 0),
        ([20, 20, 5, 5], 0, 0),
    ],
)
def test_overlap_of_boxes(other, iou, coverage):
    assert boxes.iou([SQUARE], [other])[0, 0] == pytest.approx(iou)
    assert boxes.coverage([other], [SQUARE])[0, 0] == pytest.approx(coverage)


def test_two_empty_boxes_do_not_overlap():
    assert boxes.iou([[1, 1, 0, 0]], [[1, 1, 0, 0]]).tolist() == [[0]]


whole = st.integers(0, 12)
box = st.tuples(whole, whole, whole, whole)


@hypothesis.given(st.lists(box, max_size=3), st.lists(box, max_size=3))
def test_iou_counts_the_pixels_of_both(first, second):
    def pixels(rows):
        masks = np.zeros((len(rows), 24, 24), bool)
        for mask, (x, y, width, height) in zip(masks, rows, strict=True):
            mask[y : y + height, x : x + width] = True
        return masks

    found = boxes.iou(first, second)
    assert found.shape == (len(first), len(second))
    for row, mask in zip(found, pixels(first), strict=True):
        for value, other in zip(row, pixels(second), strict=True):
            union = (mask | other).sum()
            shared = (mask & other).sum()
            assert value == pytest.approx(shared / union if union else 0)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([10, 20, 30, 25], [10, 20, 30, 25]),
        ([-10, 20, 30, 25], [0, 20, 20, 25]),
        ([80, 30, 40, 40], [80, 30, 20, 20]),
        ([-500, -500, 1000, 1000], None),  # the picture is 0.5 % of it
        ([-30, 0, 39, 10], None),
        ([200, 0, 10, 10], None),
        ([10, 10, -5, 10], None),
        ([10, 10, 1.5, 30], None),
        ([10, 10, np.nan, 10], None),
        ([-np.inf, 10, np.inf, 10], None),
    ],
)
def test_detections_lie_within_the_picture(given, kept):
    found = boxes.detections_within([given], [0.5], 100, 50)
    assert found.boxes.tolist() == ([] if kept is None else [kept])
    assert len(found.scores) == len(found.boxes)


def test_detections_are_the_surest_first_with_their_boxes():
    rows = np.array([[x, 0, 5, 5] for x in (1, 2, 3, 4)])
    scores = [0.2, 0.9, np.nan, 0.5]
    found = boxes.detections_within(rows, scores, 100, 100)
    assert found.scores.tolist() == [0.9, 0.5, 0.2]
    assert found.boxes[:, 0].tolist() == [2, 4, 1]


def test_best_of_each_keeps_the_surest_and_who_agrees():
    rows = np.array(
        [
            [0, 0, 10, 20],
            [50, 0, 10, 20],
            [1, 0, 10, 20],
            [2, 2, 3, 3],
            [51, 1, 10, 20],
        ]
    )
    scores = np.array([0.5, 0.6, 0.9, 0.7, 0.3])
    groups = boxes.best_of_each(rows, scores, 0.4)
    found = {best: sorted(same.tolist()) for best, same in groups}
    assert found == {2: [0, 2], 3: [3], 1: [1, 4]}
    groups = boxes.best_of_each(rows, scores, 0.4, most_coverage=0.6)
    found = {best: sorted(same.tolist()) for best, same in groups}
    assert found == {2: [0, 2, 3], 1: [1, 4]}
