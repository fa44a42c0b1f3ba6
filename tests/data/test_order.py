import collections
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.data.order import Order

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
