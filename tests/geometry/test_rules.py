import numpy as np
import pytest

from keras_pose.geometry import rules

CAMERA = np.array([[500.0, 0, 50], [0, 400, 40], [0, 0, 1]])


def broken(checks):
    """The texts of the rules that do not hold."""
    return [rule.text for rule in checks if not rule.holds]


@pytest.mark.parametrize(
    "box",
    [[0, 0, 1, 1], [-9, -9, 10, 10], [79, 59, 1, 1], [0, 0, 8000, 1]],
    ids=str,
)
def test_box_that_touches_the_image_is_right(box):
    assert broken(rules.of_box(np.float64(box), 80, 60)) == []


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ([0, 0, np.inf, 1], "finite"),
        ([0, 0, 0, 5], "positive width"),
        ([0, 0, 5, -1], "positive width"),
        ([0, 0, 0.9, 0.9], "longer side"),
        ([0, 0, 1, 8001], "longer side"),
        ([80, 0, 5, 5], "overlap"),
        ([0, 60, 5, 5], "overlap"),
        ([-5, 0, 5, 5], "overlap"),
        ([0, -5, 5, 5], "overlap"),
    ],
    ids=str,
)
def test_box_that_is_wrong_breaks_its_rule(box, words):
    texts = broken(rules.of_box(np.float64(box), 80, 60))
    assert any(words in text for text in texts)


def test_box_is_judged_row_by_row():
    boxes = np.float64([[0, 0, 5, 5], [90, 0, 5, 5], [90, 0, 5, 5]])
    width = np.array([80, 80, 100])
    overlaps = rules.of_box(boxes, width, np.array([60] * 3))[-1]
    assert overlaps.holds.tolist() == [True, False, True]
    assert overlaps.text.format(*overlaps.values).startswith("must overlap")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((0, 0), 0),
        ((1, 1), -1),
        ((0, 1), 1e-9),
        ((1, 0), 1),
        ((2, 0), 1),
        ((2, 1), 1),
        ((2, 2), 2),
        ((0, 2), np.nan),
    ],
    ids=str,
)
def test_intrinsics_with_one_wrong_number_are_refused(place, value):
    assert broken(rules.of_intrinsics(CAMERA)) == []
    camera = CAMERA.copy()
    camera[place] = value
    assert broken(rules.of_intrinsics(camera))


@pytest.mark.parametrize("depth", [0, -1, np.nan, np.inf, 1.1e6])
def test_root_depth_must_be_that_of_a_person(depth):
    assert broken(rules.of_root_depth(4000)) == []
    assert broken(rules.of_root_depth(depth))


def test_pose_must_be_in_front_and_where_it_is_seen():
    joints = np.array([[0, 0, 900.0], [0, 0, 1000]])
    box = np.array([0, 0, 50.0, 100])
    right = np.array([[0.9, -0.9], [1, 0]])  # 1 px is its share of 100
    assert broken(rules.of_pose(joints, right, box)) == []
    (text,) = broken(rules.of_pose(joints - [0, 0, 900], right, box))
    assert "in front" in text
    for wrong in (1.1, -1.1, np.nan):
        (text,) = broken(rules.of_pose(joints, right * wrong, box))
        assert "lens" in text
