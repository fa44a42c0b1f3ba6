import numpy as np
import pytest

from keras_pose.data.sources import labels


@pytest.mark.parametrize(
    ("value", "shape"),
    [([1, 2], (2,)), ([[1.5, 2]], (1, 2)), (3, ()), ([1, 2, 3], (None,))],
)
def test_numbers_are_given_back_as_floats(value, shape):
    found = labels.numbers(value, shape, "a")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "12",
        ["1", "2"],
        [True, False],
        [1, [2]],
        [1, 2, 3],
        [[1, 2]],
        {},
        [1, None],
        [2**70, 1],
        [np.nan, 1],
        [np.inf, 1],
        [1e8, 1],
        [-1e8, 1],
    ],
)
def test_what_is_no_two_numbers_is_refused(value):
    with pytest.raises(ValueError, match="^`a` must be (2 numbers|finite)"):
        labels.numbers(value, (2,), "`a`")


def test_box_is_from_the_border_of_the_image_to_the_centre_of_pixels():
    points = np.array([[[0, 10], [4, 2], [2, 3]]])
    # Pixel 0 has its centre half a px from the border.
    np.testing.assert_allclose(labels.box_around(points), [[0.5, 2.5, 4, 8]])
    np.testing.assert_allclose(
        labels.box_around(points, margin_share=0.25), [[-1.5, 0.5, 8, 12]]
    )
    np.testing.assert_allclose(
        labels.box_around(points[:, :1], least=6), [[-2.5, 7.5, 6, 6]]
    )


@pytest.mark.parametrize(
    ("box", "seen"),
    [
        ([0, 0, 1, 1], True),
        ([-5, 0, 5, 1], False),
        ([-5, 0, 5.1, 1], True),
        ([10, 0, 5, 1], False),
        ([9.9, 0, 5, 1], True),
        ([0, 20, 1, 1], False),
        ([0, -1, 1, 1], False),
        ([0, 0, 0, 1], False),
        ([0, 0, 1, -1], False),
    ],
)
def test_a_box_shows_some_of_an_image_of_10_x_20(box, seen):
    assert labels.overlaps(np.array(box), 10, 20) == seen


@pytest.mark.parametrize("value", ["", 5, None, "a" * 5000, "\ud800"])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ValueError, match="^`a` must be"):
        labels.text(value, "`a`")


@pytest.mark.parametrize("value", [1.0, True, "1", None, 2**63, -(2**63) - 1])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match="^`a` must be a whole number"):
        labels.whole(value, "`a`")
