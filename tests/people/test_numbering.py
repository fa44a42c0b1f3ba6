import numpy as np
import pytest

from keras_pose.people.numbering import Numbering

ANN, BOB = [100.0, 100, 80, 200], [400.0, 100, 80, 200]


def numbered(frames, rate=25):
    numbering = Numbering()
    return [
        numbering.number(np.reshape(frame, (-1, 4)), index / rate)
        for index, frame in enumerate(frames)
    ]


def test_people_keep_their_numbers_whatever_the_order_is():
    frames = [[ANN, BOB], [BOB, ANN], [BOB], [], [ANN, BOB]]
    assert numbered(frames) == [(1, 2), (2, 1), (2,), (), (1, 2)]


def test_somebody_new_has_the_next_number():
    assert numbered([[BOB], [ANN, BOB]]) == [(1,), (2, 1)]


@pytest.mark.parametrize("rate", [10, 60])
def test_people_who_cross_go_on_as_they_went(rate):
    def at(time, order):
        ann = np.add(ANN, [100 * time, 0, 0, 0])
        bob = np.add(BOB, [-100 * time, 20, 0, 0])
        return [[ann, bob], [bob, ann]][order]

    orders = np.random.default_rng(0).integers(0, 2, 4 * rate)
    found = numbered(
        [at(n / rate, order) for n, order in enumerate(orders)], rate
    )
    first = {
        order: (1, 2) if order == orders[0] else (2, 1) for order in (0, 1)
    }
    assert found == [first[order] for order in orders]


@pytest.mark.parametrize(("away_s", "number"), [(2.5, 1), (3.5, 2)])
def test_who_was_away_for_long_is_somebody_new(away_s, number):
    numbering = Numbering()
    numbering.number(np.array([ANN]), 0.0)
    for time in np.arange(0.1, away_s, 0.1):
        numbering.number(np.empty((0, 4)), float(time))
    assert numbering.number(np.array([ANN]), away_s) == (number,)


@pytest.mark.parametrize(("away_s", "number"), [(2.5, 1), (3.5, 2)])
def test_frames_that_nobody_asks_about_count_as_well(away_s, number):
    numbering = Numbering()
    numbering.number(np.array([ANN]), 0.0)
    assert numbering.number(np.array([ANN]), away_s) == (number,)
