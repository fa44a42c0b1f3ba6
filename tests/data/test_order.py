import collections
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.data.order import Order
from keras_pose.data.order import rows_of_shares

COUNTS = st.integers(1, 60)
SIZES = st.integers(1, 25)
WORKERS = st.integers(1, 5)


def stream_of(order, steps):
    """Numbers and positions of the first steps, one after the other."""
    batches = [order.batch(step) for step in range(steps)]
    return (np.concatenate(rows) for rows in zip(*batches, strict=True))


@given(COUNTS, SIZES, st.integers(0, 2**32 - 1))
def test_each_pass_gives_each_sample_once(count, batch_size, seed):
    order = Order(count, batch_size, seed)
    numbers, positions = stream_of(order, -(-3 * count // batch_size))
    assert numbers.dtype == positions.dtype == np.int64
    np.testing.assert_array_equal(positions, np.arange(len(positions)))
    for start in range(0, 3 * count, count):
        once = np.sort(numbers[start : start + count])
        np.testing.assert_array_equal(once, np.arange(count))


@given(COUNTS, SIZES, WORKERS)
def test_by_record_the_order_is_that_of_any_batch_size_and_workers(
    count, share, num_workers
):
    num_workers = min(num_workers, count)
    shared = Order(count, share * num_workers, 7, "record", num_workers)
    alone = Order(count, 1, 7)
    numbers, positions = stream_of(shared, 3)
    expected = [alone.batch(step)[0][0] for step in positions]
    np.testing.assert_array_equal(numbers, expected)


@given(COUNTS, st.integers(1, 6), WORKERS)
def test_by_file_each_worker_has_its_range_once_a_pass(
    count, share, num_workers
):
    num_workers = min(num_workers, count)
    order = Order(count, share * num_workers, 3, "file", num_workers)
    steps = -(-2 * count // share)
    batches = [order.batch(step) for step in range(steps)]
    for worker in range(num_workers):
        first = worker * count // num_workers
        end = (worker + 1) * count // num_workers
        rows = slice(worker * share, (worker + 1) * share)
        own = np.concatenate([numbers[rows] for numbers, _ in batches])
        for start in range(0, 2 * (end - first), end - first):
            once = np.sort(own[start : start + end - first])
            np.testing.assert_array_equal(once, np.arange(first, end))
    positions = np.concatenate([positions for _, positions in batches])
    np.testing.assert_array_equal(positions, np.arange(len(positions)))


@given(COUNTS, SIZES, st.lists(st.integers(0, 40), max_size=8))
def test_a_step_is_the_same_whatever_was_asked_before(count, size, asked):
    order = Order(count, size, 5)
    for step in asked:
        order.batch(step)
    for mine, fresh in zip(
        order.batch(11), Order(count, size, 5).batch(11), strict=True
    ):
        np.testing.assert_array_equal(mine, fresh)


def test_passes_and_seeds_and_workers_have_orders_of_their_own():
    order, other = Order(50, 50, 1), Order(50, 50, 2)
    orders = [order.batch(0)[0], order.batch(1)[0], order.batch(2)[0]]
    orders += [other.batch(0)[0], np.arange(50)]
    by_file = Order(100, 100, 1, "file", 2).batch(0)[0]
    orders += [by_file[:50], by_file[50:] - 50]
    same = collections.Counter(tuple(row) for row in orders)
    # The first worker's is that of one alone; all others differ.
    assert sorted(same.values()) == [1, 1, 1, 1, 1, 2]


def test_every_sample_is_as_often_anywhere():
    places = np.zeros((6, 6))
    order = Order(6, 6, 0)
    for step in range(3000):
        places[np.arange(6), order.batch(step)[0]] += 1
    # 500 expected, standard deviation 20.
    assert np.abs(places - 500).max() < 100


def test_threads_get_what_one_would_get():
    order, alone = Order(97, 10, 1), Order(97, 10, 1)
    expected = [alone.batch(step)[0] for step in range(60)]
    wrong = []

    def ask(steps):
        for step in steps:
            if not np.array_equal(order.batch(step)[0], expected[step]):
                wrong.append(step)

    threads = [
        threading.Thread(target=ask, args=(range(start, 60, 4),))
        for start in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def shares_of(order, steps, num_replicas, accumulation):
    """{(step, turn, worker, replica): positions of its share}."""
    found = {}
    for worker in range(order.num_workers):
        index = 0
        for step in range(steps):
            for turn in range(accumulation):
                for replica in range(num_replicas):
                    numbers, positions = order.share(
                        index, worker, num_replicas, accumulation
                    )
                    whole, _ = order.batch(step)
                    rows = positions - step * order.batch_size
                    np.testing.assert_array_equal(numbers, whole[rows])
                    found[step, turn, worker, replica] = positions.tolist()
                    index += 1
    return found


def test_by_record_shares_follow_each_other_turn_by_turn():
    order = Order(50, 24, 0, "record", num_workers=2)
    shares = shares_of(order, 2, num_replicas=2, accumulation=3)
    # 24 rows for 3 turns of 2 workers of 2 replicas: 2 each.
    assert shares[0, 0, 0, 0] == [0, 1]
    assert shares[0, 0, 0, 1] == [2, 3]
    assert shares[0, 0, 1, 0] == [4, 5]
    assert shares[0, 1, 0, 0] == [8, 9]
    assert shares[1, 2, 1, 1] == [46, 47]
    assert sorted(sum(shares.values(), [])) == list(range(48))


def test_by_file_shares_are_of_the_worker_s_own_rows():
    order = Order(50, 24, 0, "file", num_workers=2)
    shares = shares_of(order, 2, num_replicas=2, accumulation=3)
    assert shares[0, 0, 0, 0] == [0, 1]
    assert shares[0, 1, 0, 0] == [4, 5]
    assert shares[0, 0, 1, 0] == [12, 13]
    assert shares[1, 2, 1, 1] == [46, 47]
    for (step, _, worker, _), positions in shares.items():
        numbers, _ = order.batch(step)
        drawn = numbers[np.array(positions) - step * 24]
        assert set(drawn // 25) == {worker}
    assert sorted(sum(shares.values(), [])) == list(range(48))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 4, 0, "shard"), "`shard_by` must.*'shard'"),
        ((10, 0, 0), "`batch_size` must.*Received: 0"),
        ((10, 5, 0, "record", 2), "`batch_size` must.*2 workers. Received: 5"),
        ((10, 4, 0, "record", 0), "`batch_size` must"),
        ((0, 4, 0), "`count` must.*Received: 0"),
        ((1, 4, 0, "file", 2), "`count` must.*2 workers. Received: 1"),
    ],
    ids=["shard_by", "no_rows", "rest", "no_workers", "empty", "few"],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Order(*arguments)


def test_shares_must_be_equal():
    order = Order(50, 12, 0, num_workers=2)
    assert order.share_size(num_replicas=3, accumulation=1) == 2
    message = "5 turns x 2 workers x 3 replicas. Received: 12"
    with pytest.raises(ValueError, match=message):
        order.share_size(num_replicas=3, accumulation=5)


MIX = ((30, 5), (7, 1), (100, 2))  # samples 0-29, 30-36, 37-136


def data_set_of(numbers):
    return np.digitize(numbers, [30, 37])


def test_a_mix_gives_each_data_set_its_rows_of_every_batch():
    order = Order(137, 8, 3, mix=MIX)
    for step in range(50):
        counts = np.bincount(data_set_of(order.batch(step)[0]), minlength=3)
        assert counts.tolist() == [5, 1, 2]


def test_a_mix_goes_through_each_data_set_at_its_own_pace():
    numbers, positions = stream_of(Order(137, 8, 3, mix=MIX), 50)
    np.testing.assert_array_equal(positions, np.arange(400))
    kinds = data_set_of(numbers)
    for kind, (first, size) in enumerate(((0, 30), (30, 7), (37, 100))):
        own = numbers[kinds == kind]
        for start in range(0, len(own) - size + 1, size):
            once = np.sort(own[start : start + size])
            np.testing.assert_array_equal(once, np.arange(first, first + size))


def test_replicas_and_turns_of_a_mix_see_nearly_the_same():
    order = Order(150, 24, 0, mix=((50, 12), (50, 8), (50, 4)))
    for index in range(8):
        numbers, _ = order.share(index, num_replicas=2, accumulation=2)
        counts = np.bincount(numbers // 50, minlength=3)
        assert np.abs(counts - [3, 2, 1]).max() <= 1, counts


@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
def test_by_file_each_worker_mixes_its_own_part(num_workers, first, second):
    batch = (first + second) * num_workers
    mix = ((40, first * num_workers), (60, second * num_workers))
    order = Order(100, batch, 1, "file", num_workers, mix)
    for step in range(3):
        rows = order.batch(step)[0].reshape(num_workers, -1)
        for worker, numbers in enumerate(rows):
            for start, size, share in ((0, 40, first), (40, 60, second)):
                own = numbers[(numbers >= start) & (numbers < start + size)]
                assert len(own) == share
                low = start + worker * size // num_workers
                high = start + (worker + 1) * size // num_workers
                assert ((own >= low) & (own < high)).all()


def test_one_data_set_alone_is_no_mix():
    plain, mixed = Order(50, 6, 4), Order(50, 6, 4, mix=((50, 6),))
    for step in range(20):
        np.testing.assert_array_equal(plain.batch(step), mixed.batch(step))


@pytest.mark.parametrize(
    ("mix", "workers", "message"),
    [
        (((50, 3), (50, 3)), 1, "100 samples and 8 rows. Received: 100 and 6"),
        (((50, 4), (40, 4)), 1, "100 samples and 8 rows. Received: 90 and 8"),
        (((50, 8), (50, 0)), 1, r"rows that divide.*\[8, 0\]"),
        (((50, 5), (50, 3)), 2, r"2 workers. Received: \[5, 3\]"),
        (((99, 4), (1, 4)), 2, r"`count` must.*100 in \[99, 1\]"),
    ],
    ids=["rows", "samples", "none", "workers", "few"],
)
def test_a_wrong_mix_is_named(mix, workers, message):
    with pytest.raises(ValueError, match=message):
        Order(100, 8, 0, "file", workers, mix)


@pytest.mark.parametrize(
    ("shares", "batch", "rows"),
    [
        ((1, 1), 16, (8, 8)),
        ((0.5, 0.3, 0.2), 16, (8, 5, 3)),
        ((70, 30), 10, (7, 3)),
        ((0.1, 0.2, 0.7), 10, (1, 2, 7)),
        ((1, 1, 1), 8, (3, 3, 2)),
        ((5,), 7, (7,)),
    ],
)
def test_shares_become_whole_rows(shares, batch, rows):
    assert rows_of_shares(shares, batch) == rows


@given(
    st.lists(st.floats(0.01, 100), min_size=1, max_size=6),
    st.integers(1, 600),
)
def test_rows_of_shares_add_up_and_are_next_to_the_share(shares, batch):
    exact = np.array(shares) / sum(shares) * batch
    if exact.min() < 1:
        return
    rows = np.array(rows_of_shares(shares, batch))
    assert rows.sum() == batch
    assert np.abs(rows - exact).max() < 1


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((0.5, 0.0), "positive. Received"),
        ((0.5, float("nan")), "positive. Received"),
        ((0.99, 0.01), r"of the 8 of a batch. Received.*\[8, 0\]"),
    ],
    ids=["zero", "nan", "less_than_a_row"],
)
def test_wrong_shares_are_named(shares, message):
    with pytest.raises(ValueError, match=message):
        rows_of_shares(shares, 8)
