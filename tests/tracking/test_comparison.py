import time

import numpy as np
import pytest
from PIL import ImageDraw

from keras_pose.skeleton import H36M_17
from keras_pose.tracking.comparison import comparison_sheet

LEFT, RIGHT, WHITE, FLOOR = (
    (0, 114, 178),
    (213, 94, 0),
    (255,) * 3,
    (226, 229, 234),
)
TILE, GAP, TITLE, LEGEND = 256, 16, 28, 40

# Bones of the left arm go right, down and away, each by another length, so
# that no two axes can be swapped or mirrored.
PREDICTED = np.zeros((17, 3))
PREDICTED[H36M_17.joints.index("left_wrist")] = [400.0, 300.0, 200.0]
PREDICTED[H36M_17.joints.index("right_wrist")] = [-300.0, -100.0, 500.0]
# Side of a view in mm: 1.2 times the largest extent, 700 mm in x; the middle.
VIEW, MIDDLE = 840.0, np.array([50.0, 100.0, 250.0])


def sheet_of(true_mm, predicted_mm, known=None, count=1, **options):
    """Draws one sample `count` times; its 2D poses lie in the crop's corner."""
    known = np.ones(17) if known is None else known
    arrays = [
        np.full((128, 128, 3), 60, np.uint8),
        np.full((17, 2), 10.0),
        np.full((17, 2), 10.0),
        true_mm,
        predicted_mm,
        known,
    ]
    return comparison_sheet(
        *(np.repeat(x[None], count, axis=0) for x in arrays),
        H36M_17,
        **options,
    )


def tile(sheet, place, row=0, column=0):
    y = LEGEND + row * (TITLE + TILE + GAP) + TITLE
    x = GAP + column * (3 * TILE + GAP) + place * TILE
    return sheet[y : y + TILE, x : x + TILE]


def at(view, right_mm, down_mm, middle):
    x = round((right_mm - middle[0]) * TILE / VIEW + TILE / 2)
    y = round((down_mm - middle[1]) * TILE / VIEW + TILE / 2)
    return tuple(view[y, x])


def test_front_view_shows_right_and_down():
    view = tile(sheet_of(PREDICTED, PREDICTED), 1)
    middle = MIDDLE[[0, 1]]
    assert at(view, 400, 300, middle) == LEFT
    assert at(view, 200, 150, middle) == LEFT
    assert at(view, -300, -100, middle) == RIGHT
    assert at(view, 200, 0, middle) == FLOOR
    assert at(view, -200, -150, middle) == FLOOR


def test_side_view_shows_away_to_the_right_and_down():
    view = tile(sheet_of(PREDICTED, PREDICTED), 2)
    middle = MIDDLE[[2, 1]]
    assert at(view, 200, 300, middle) == LEFT
    assert at(view, 100, 150, middle) == LEFT
    assert at(view, 500, -100, middle) == RIGHT
    assert at(view, 100, 0, middle) == FLOOR


def test_true_pose_is_white_and_below_the_predicted_one():
    true = PREDICTED.copy()
    true[13] = [400.0, -100.0, 200.0]  # the left wrist
    view = tile(sheet_of(true, PREDICTED), 1)
    middle = MIDDLE[[0, 1]]
    assert at(view, 400, -100, middle) == WHITE
    assert at(view, 200, -50, middle) == WHITE
    assert at(view, 400, 300, middle) == LEFT
    assert at(view, -300, -100, middle) == RIGHT


def test_joints_of_unknown_truth_are_not_drawn():
    true = PREDICTED.copy()
    true[13] = np.nan
    known = np.ones(17)
    known[13] = 0
    sheet = sheet_of(true, PREDICTED, known)
    expected = PREDICTED.copy()
    expected[13] = 0  # below the other joints
    np.testing.assert_array_equal(
        tile(sheet, 1), tile(sheet_of(expected, PREDICTED), 1)
    )


def test_image_shows_both_poses_where_they_are():
    crop = np.full((128, 128, 3), 60, np.uint8)
    true, predicted = np.full((2, 17, 2), 64.0)
    true[13], predicted[13] = [100.0, 30.0], [20.0, 90.0]
    sheet = comparison_sheet(
        crop[None],
        true[None],
        predicted[None],
        PREDICTED[None],
        PREDICTED[None],
        np.ones((1, 17)),
        H36M_17,
    )
    image = tile(sheet, 0)
    # The centre of pixel x is at (x + 0.5) / 128 of the crop.
    assert (
        tuple(image[2 * 30 : 2 * 30 + 2, 2 * 100 : 2 * 100 + 2][0, 0]) == WHITE
    )
    assert tuple(image[2 * 90 + 1, 2 * 20 + 1]) == LEFT
    assert tuple(image[5, 5]) == (60, 60, 60)


@pytest.mark.parametrize(
    ("count", "columns", "rows", "across"),
    [(1, 2, 1, 1), (5, 2, 3, 2), (4, 3, 2, 3)],
)
def test_samples_stand_row_by_row(count, columns, rows, across):
    sheet = sheet_of(PREDICTED, PREDICTED, count=count, columns=columns)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (
        LEGEND + rows * (TITLE + TILE + GAP),
        GAP + across * (3 * TILE + GAP),
        3,
    )
    last = divmod(count - 1, columns)
    first = tile(sheet, 1)
    np.testing.assert_array_equal(tile(sheet, 1, *last), first)
    assert (first != 255).any()


def test_each_sample_says_its_error(monkeypatch):
    texts = []
    monkeypatch.setattr(
        ImageDraw.ImageDraw,
        "text",
        lambda self, xy, text, *a, **k: texts.append(text),
    )
    true = PREDICTED.copy()
    true[13] += [0, 0, 170.0]  # one joint of 17
    sheet_of(true, PREDICTED)
    assert "MPJPE 10 mm" in texts
    known = np.zeros(17)
    known[[0, 13]] = 1
    sheet_of(true, PREDICTED, known)
    assert "MPJPE 85 mm" in texts
    sheet_of(np.full((17, 3), np.nan), PREDICTED, np.zeros(17))
    assert "no 3D truth" in texts


def test_eight_samples_take_less_than_a_second():
    start = time.perf_counter()
    sheet_of(PREDICTED, PREDICTED, count=8)
    assert time.perf_counter() - start < 1
