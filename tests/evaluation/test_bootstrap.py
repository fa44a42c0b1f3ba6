import numpy as np
import pytest

from keras_pose.evaluation import bootstrap


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    num_sets, clips, frames = 200, 40, 25
    own = 70 + 12 * rng.normal(size=(num_sets, clips, 1))
    errors = own + 2 * rng.normal(size=(num_sets, clips, frames))
    sums = errors.sum(axis=-1)
    bounds = np.array(
        [bootstrap.intervals([s], [[frames] * clips], 300)[0] for s in sums]
    )
    share = np.mean((bounds[:, 0] < 70) & (70 < bounds[:, 1]))
    assert 0.88 < share < 0.98
    # As wide as the spread of the sets' own means, not of their frames.
    width = np.mean(bounds[:, 1] - bounds[:, 0])
    spread = 2 * 1.96 * sums.mean(axis=-1).std() / frames
    assert width == pytest.approx(spread, rel=0.15)


def test_intervals_are_around_the_weighted_mean():
    weights = np.array([[1.0, 1, 1, 997], [1, 1, 1, 0]])
    values = np.array([[0.0, 10, 20, 50], [5, 5, 5, 99]])
    (low, high), constant = bootstrap.intervals(values * weights, weights, 500)
    assert low < np.average(values[0], weights=weights[0]) <= high <= 50
    # The heavy clip is missing in (3/4)**4 = 32 % of the draws.
    assert low <= 20
    np.testing.assert_allclose(constant, [5, 5])


def test_intervals_are_the_same_every_time_but_for_the_seed():
    sums, weights = np.random.default_rng(1).uniform(1, 2, (2, 3, 20))
    one, same, other = (
        bootstrap.intervals(sums, weights, 50, seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()


@pytest.mark.parametrize(
    ("sums", "weights"),
    [([[5.0]], [[1.0]]), ([[5.0, 0, 0]], [[1.0, 0, 0]]), ([[0.0]], [[0.0]])],
    ids=["one clip", "one that counts", "nothing"],
)
def test_one_clip_has_no_interval(sums, weights):
    assert np.isnan(bootstrap.intervals(sums, weights, 100)).all()


def test_no_draws_give_no_intervals():
    assert np.isnan(bootstrap.intervals([[1.0, 2]], [[1.0, 1]], 0)).all()
