from collections import Counter

import numpy as np
import pytest

from keras_pose.synthesis import draws


def numbers(*arguments):
    return draws.generator(*arguments).integers(0, 2**62, 50).tolist()


def test_the_same_arguments_give_the_same_numbers():
    assert numbers(7, 12, "pose") == numbers(7, 12, "pose")


def test_the_numbers_stay_those_of_older_versions():
    # NumPy keeps the streams of its bit generators; the key must stay as well:
    # the CRC-32 of "pose" is that of RFC 1952.
    key = np.random.SeedSequence([7, 12, 0x303A4C7F])
    expected = np.random.PCG64(key).random_raw(4).tolist()
    drawn = draws.generator(7, 12, "pose").bit_generator.random_raw(4)
    assert drawn.tolist() == expected


@pytest.mark.parametrize(
    "other",
    [(8, 12, "pose"), (7, 13, "pose"), (7, 12, "shape"), (12, 7, "pose")],
    ids=["seed", "index", "use", "seed for index"],
)
def test_another_seed_index_or_use_gives_other_numbers(other):
    assert not set(numbers(7, 12, "pose")) & set(numbers(*other))


def test_images_have_numbers_of_their_own():
    first = [
        draws.generator(seed, index, what).random()
        for seed in range(4)
        for index in range(50)
        for what in ("pose", "shape", "looks", "camera")
    ]
    assert len(set(first)) == len(first)


def test_between_covers_the_range_evenly():
    rng = np.random.default_rng(0)
    drawn = [draws.between(rng, (-3, 5)) for _ in range(4000)]
    assert all(type(value) is float for value in drawn)
    assert -3 <= min(drawn) < -2.95
    assert 4.95 < max(drawn) <= 5
    quartiles = np.quantile(drawn, (0.25, 0.5, 0.75))
    np.testing.assert_allclose(quartiles, (-1, 1, 3), atol=0.3)


@pytest.mark.parametrize("probability", [0, 0.2, 0.9, 1])
def test_chances_come_true_as_often_as_they_say(probability):
    rng = np.random.default_rng(0)
    drawn = [draws.chance(rng, probability) for _ in range(4000)]
    assert all(type(value) is bool for value in drawn)
    assert np.mean(drawn) == pytest.approx(probability, abs=0.03)


def test_pick_takes_each_of_a_sequence_as_often():
    rng = np.random.default_rng(0)
    counts = Counter(draws.pick(rng, ("a", "b", "c")) for _ in range(3000))
    assert set(counts) == {"a", "b", "c"}
    assert min(counts.values()) > 900


def test_pick_takes_the_keys_of_a_dict_by_their_weights():
    rng = np.random.default_rng(0)
    weights = {"often": 6, "seldom": 2, "never": 0, None: 2}
    counts = Counter(draws.pick(rng, weights) for _ in range(4000))
    assert counts["never"] == 0
    assert counts["often"] / 4000 == pytest.approx(0.6, abs=0.03)
    assert counts["seldom"] / 4000 == pytest.approx(0.2, abs=0.03)
    assert counts[None] / 4000 == pytest.approx(0.2, abs=0.03)
