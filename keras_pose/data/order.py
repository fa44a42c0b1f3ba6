"""The order in which a run sees its samples."""

import functools
import threading

import numpy as np


class Order:
    """The order of a run: a function of the seed and the step alone.

    The run is a stream without end, cut into batches. By record, each pass
    over the data is a permutation of all samples of its own, whatever the
    batch size and the number of workers; a batch may hold the end of one pass
    and the beginning of the next. By file, each worker has a range of samples
    that follow each other, thus few files, and a stream of its own over them,
    from which equally many rows of every batch come.

    A mix gives each of several data sets a fixed number of the rows of every
    batch, and streams of its own. Its rows stand evenly between those of the
    others, so that all replicas and turns see nearly the same mix.

    Args:
        count: Samples there are.
        batch_size: Samples of a step, those of all workers together.
        seed: Of the run, at least 0.
        shard_by: "record" or "file".
        num_workers: How many share the batches.
        mix: (samples, rows of a batch) of each data set, in the order of their
            samples; None: a batch is drawn from all of them alike.

    Raises:
        ValueError: There are too few samples, workers cannot share a batch, or
            `shard_by` or `mix` is a wrong one.
    """

    def __init__(
        self,
        count,
        batch_size,
        seed,
        shard_by="record",
        num_workers=1,
        mix=None,
    ):
        if shard_by not in ("record", "file"):
            raise ValueError(
                f"`shard_by` must be 'record' or 'file'. Received: {shard_by!r}"
            )
        if batch_size < 1 or num_workers < 1 or batch_size % num_workers:
            raise ValueError(
                "`batch_size` must be positive and divide by the "
                f"{num_workers} workers. Received: {batch_size}"
            )
        parts = num_workers if shard_by == "file" else 1
        mix = ((count, batch_size),) if mix is None else tuple(mix)
        _check_mix(mix, count, batch_size, num_workers, parts)
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self.shard_by = shard_by
        self.num_workers = num_workers
        # Of every stream, in the order of their rows in a batch: how many.
        self._streams, self._takes = [], []
        for part in range(parts):
            first = 0
            for samples, rows in mix:
                start = first + part * samples // parts
                end = first + (part + 1) * samples // parts
                number = len(self._streams)
                self._streams.append(_Stream(start, end, seed, number))
                self._takes.append(rows // parts)
                first += samples
        self._places = np.concatenate(
            [
                part * (batch_size // parts) + _interleaved(self._takes, mix)
                for part in range(parts)
            ]
        )

    def batch(self, step):
        """The samples of a step.

        Args:
            step: Number of the step, from 0.

        Returns:
            (B,) int64 numbers of samples, and their (B,) int64 positions in
            the run, each of which occurs once.
        """
        step = int(step)
        numbers = [
            stream.take(step * rows, rows)
            for stream, rows in zip(self._streams, self._takes, strict=True)
        ]
        positions = step * self.batch_size + np.arange(self.batch_size)
        return np.concatenate(numbers)[self._places], positions

    def share(self, index, worker=0, num_replicas=1, accumulation=1):
        """What one replica of a worker computes at once.

        A batch is cut into equally many rows for each turn of each replica of
        each worker. They follow each other turn by turn, so that a turn has
        the same rows for any number of workers; by file worker by worker.

        Args:
            index: Which of the worker's shares: turn by turn, replica by
                replica within a turn, from step 0 on.
            worker: Number of the worker.
            num_replicas: Of each worker.
            accumulation: Turns in which a batch is computed.

        Returns:
            As `batch`, the rows of the share.
        """
        turns = accumulation * num_replicas
        step, rest = divmod(int(index), turns)
        turn, replica = divmod(rest, num_replicas)
        if self.shard_by == "file":
            group = worker * accumulation + turn
        else:
            group = turn * self.num_workers + worker
        size = self.share_size(num_replicas, accumulation)
        first = (group * num_replicas + replica) * size
        numbers, positions = self.batch(step)
        return numbers[first : first + size], positions[first : first + size]

    def share_size(self, num_replicas, accumulation):
        """Samples of a `share`.

        Raises:
            ValueError: The batch cannot be cut into equal shares.
        """
        shares = accumulation * self.num_workers * num_replicas
        if self.batch_size % shares:
            raise ValueError(
                f"`batch_size` must divide by {accumulation} turns x "
                f"{self.num_workers} workers x {num_replicas} replicas. "
                f"Received: {self.batch_size}"
            )
        return self.batch_size // shares


def rows_of_shares(shares, batch_size):
    """How many rows of a batch each data set has.

    Args:
        shares: Of the data sets, positive, in any unit.
        batch_size: Samples of a step.

    Returns:
        As many numbers; their sum is `batch_size`. What does not divide goes
        to the largest remainders.

    Raises:
        ValueError: A share is not positive, or is less than a row.
    """
    shares = np.asarray(shares, np.float64)
    if not (np.isfinite(shares).all() and (shares > 0).all()):
        raise ValueError(
            f"`shares` must be positive. Received: {shares.tolist()}"
        )
    exact = shares / shares.sum() * batch_size
    # What is whole but for rounding is whole.
    rows = np.floor(exact + 1e-9).astype(int)
    rest = batch_size - rows.sum()
    rows[np.argsort(rows - exact, kind="stable")[:rest]] += 1
    if rows.min() < 1:
        raise ValueError(
            f"`shares` must give each data set a sample of the {batch_size} of "
            f"a batch. Received: {shares.tolist()}, which gives {rows.tolist()}"
        )
    return tuple(rows.tolist())


def _check_mix(mix, count, batch_size, num_workers, parts):
    if count < num_workers or min(samples for samples, _ in mix) < parts:
        raise ValueError(
            f"`count` must be at least 1 sample for each of {num_workers} "
            f"workers. Received: {count}{_data_sets_of(mix)}"
        )
    samples, rows = map(sum, zip(*mix, strict=True))
    if (samples, rows) != (count, batch_size):
        raise ValueError(
            f"`mix` must have all {count} samples and {batch_size} rows. "
            f"Received: {samples} and {rows}"
        )
    if any(rows < 1 or rows % parts for _, rows in mix):
        raise ValueError(
            "`mix` must give each data set rows that divide by the "
            f"{parts} workers. Received: {[rows for _, rows in mix]}"
        )


def _data_sets_of(mix):
    return f" in {[samples for samples, _ in mix]}" if len(mix) > 1 else ""


def _interleaved(takes, mix):
    """Rows of data sets, one after the other, so that they lie between.

    Row k of n belongs at (k + 0.5) / n of the way through the batch.
    """
    takes = takes[: len(mix)]
    way = np.concatenate([(np.arange(n) + 0.5) / n for n in takes])
    return np.argsort(way, kind="stable")


class _Stream:
    """Permutations of a range of samples, one after the other."""

    def __init__(self, first, end, seed, part):
        self._first, self._size = first, end - first
        self._seed, self._part = seed, part
        # Two: readers that work ahead go back and forth between passes.
        self._permutation = functools.lru_cache(2)(self._draw)
        self._lock = threading.Lock()  # so that only one of them draws

    def take(self, start, count):
        """The samples at `count` places of the stream from `start` on."""
        rows = []
        while count:
            number, place = divmod(start, self._size)
            with self._lock:
                permutation = self._permutation(number)
            row = permutation[place : place + count]
            rows.append(row)
            start, count = start + len(row), count - len(row)
        return np.concatenate(rows)

    def _draw(self, number):
        """The order of a pass, (size,) int64."""
        seed = np.random.SeedSequence(
            self._seed, spawn_key=(self._part, number)
        )
        generator = np.random.Generator(np.random.PCG64(seed))
        return self._first + generator.permutation(self._size)
