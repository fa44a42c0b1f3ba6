import time

import numpy as np
import pytest

from keras_pose.people.box_table import BoxTable
from keras_pose.people.box_table import Entry


def table_of(*names):
    """Boxes whose numbers say which name is theirs."""
    return BoxTable(
        Entry(name, np.full((1, 4), float(index)))
        for index, name in enumerate(names)
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a/1.jpg", 0),
        ("./a//1.jpg", 0),
        ("/photos/b/1.jpg", 1),
        ("c/../b/1.jpg", 1),
        ("2.jpg", 2),
        ("er/2.jpg", 2),
        ("/videos/clip.mp4#3", 3),
        ("clip.mp4#33", None),
        ("xa/1.jpg", None),
        # Of another folder, though there is one photo of that name alone.
        ("elsewhere/2.jpg", None),
        ("er/deep/2.jpg", None),
    ],
)
def test_a_name_is_the_end_of_the_other(name, found):
    table = table_of("a/1.jpg", "b/1.jpg", "deep/er/2.jpg", "clip.mp4#3")
    entry = table.of(name)
    assert entry is None if found is None else entry.boxes[0, 0] == found


@pytest.mark.parametrize(
    ("name", "found"),
    [("1.jpg", 0), ("a/1.jpg", 1), ("/x/a/1.jpg", 1), ("/x/b/1.jpg", 0)],
)
def test_the_name_with_most_in_common_counts(name, found):
    assert table_of("1.jpg", "a/1.jpg").of(name).boxes[0, 0] == found


def test_a_whole_name_comes_before_the_end_of_one():
    assert table_of("1.jpg", "/far/a/1.jpg").of("a/1.jpg").boxes[0, 0] == 1


def test_a_name_that_several_could_mean_is_refused():
    table = table_of("a/1.jpg", "b/1.jpg", "c/2.jpg")
    with pytest.raises(ValueError, match=r"of 1\.jpg.*a/1.jpg and b/1.jpg"):
        table.of("1.jpg")
    assert table.of("2.jpg").boxes[0, 0] == 2


def test_many_photos_of_one_name_take_no_longer_for_it():
    count = 20_000
    table = table_of(*(f"{number}/frame.jpg" for number in range(count)))
    start = time.perf_counter()
    for number in range(count):
        assert table.of(f"/data/{number}/frame.jpg").boxes[0, 0] == number
    # Each with each would be 400 million comparisons.
    assert time.perf_counter() - start < 5
