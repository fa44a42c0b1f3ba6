"""The records of prepared data sets, read by number and in any order."""

import bisect
import functools
import math
import os
import threading
import weakref

import numpy as np

from keras_pose import images
from keras_pose.data import records
from keras_pose.data import tfrecord

# What the labels of an image are made of.
LABEL_FIELDS = (
    "box",
    "joints_mm",
    "joints_px",
    "weight_3d",
    "weight_2d",
    "intrinsics",
    "distortion",
)
# Shards open at once, well below what systems allow a process.
_OPEN_SHARDS = 128
# Of a damaged record. A crop needs a box with a side.
_NOTHING = {field: [] for field in LABEL_FIELDS} | {"box": [0.0, 0.0, 1.0, 1.0]}
_BLACK = np.zeros((1, 1, 3), np.uint8)


class Records:
    """All records of data sets, numbered in the order of the folders.

    Any number of threads may read at once. A record that is damaged - its
    checksum, its fields or its image - is read as one of which nothing is
    known: a black image, all weights 0. It is kept in `damaged`, and `check`
    raises when there are too many of them.

    Args:
        folders: Data sets made by prepare.py.
        damaged_limit: How many damaged records `check` lets pass.

    Attributes:
        infos: The DatasetInfo of each folder.

    Raises:
        ValueError: There are no folders, or one is no prepared data set.
    """

    def __init__(self, folders, damaged_limit=0):
        if not folders:
            raise ValueError(
                "`folders` must name at least one data set made by prepare.py. "
                "Received: none"
            )
        self.damaged_limit = damaged_limit
        self.infos = [records.read_info(folder) for folder in folders]
        self._lengths = np.concatenate(
            [
                records.read_lengths(folder, info)
                for folder, info in zip(folders, self.infos, strict=True)
            ]
        )
        # Of each shard: its path, the index of its folder, its first record;
        # of each record: where it begins in its shard.
        self._paths, self._folders, self._firsts = [], [], [0]
        self._offsets = np.zeros_like(self._lengths)
        for index, info in enumerate(self.infos):
            for shard in info.shards:
                first = self._firsts[-1]
                rows = slice(first, first + shard["count"])
                ends = np.cumsum(self._lengths[rows] + tfrecord.OVERHEAD)
                self._offsets[rows][1:] = ends[:-1]
                self._firsts.append(rows.stop)
                self._paths.append(os.path.join(folders[index], shard["file"]))
                self._folders.append(index)
        self._most_joints = max(i.skeleton.num_joints for i in self.infos)
        self._open = functools.lru_cache(_OPEN_SHARDS)(_Shard)
        self._lock = threading.Lock()
        self._reasons = {}  # of damaged records, by number
        self._failure = None  # the first OSError

    def __len__(self):
        return len(self._lengths)

    @property
    def damaged(self):
        """Lines "shard: record k: reason" of the damaged records read."""
        with self._lock:
            reasons = sorted(self._reasons.items())
        return [
            f"{self._place(number)}: {reason}" for number, reason in reasons
        ]

    def check(self):
        """Raises what reading has met so far.

        Raises:
            OSError: A shard could not be read; the first such error.
            ValueError: More records than `damaged_limit` are damaged; names
                them.
        """
        if self._failure:
            raise self._failure
        if len(self._reasons) > self.damaged_limit:
            raise ValueError(
                f"at most {self.damaged_limit} records may be damaged. "
                f"Received: {'; '.join(self.damaged)}"
            )

    def record(self, number, fields=tuple(records.FIELDS)):
        """Reads the fields of a record, as `records.decode` gives them.

        Raises:
            ValueError: The record is damaged.
            OSError: Its shard cannot be read; names it.
        """
        serialised, num_joints = self._serialised(number)
        return records.decode(serialised, num_joints, fields)

    def info_of(self, number):
        """The DatasetInfo of the data set that a record is of."""
        return self.infos[self._folders[self._shard_of(number)]]

    def name(self, number):
        """The name of a record, or its place where that cannot be read."""
        try:
            return _text(self.record(number, ("name",))["name"])
        except ValueError:
            return self._place(number)

    def read(self, numbers):
        """Reads records.

        Args:
            numbers: (B,) int.

        Returns:
            Dict of "image": B encoded images; "name": B strings; "folder":
            (B,) indices of `infos`; and (B, ...) float32 of each of
            `LABEL_FIELDS`, the joints of data sets that have fewer than others
            followed by zeros.

        Raises:
            OSError: A shard cannot be read; names it.
        """
        numbers = np.asarray(numbers).tolist()
        batch = {
            "image": [],
            "name": [],
            "folder": np.array(
                [self._folders[self._shard_of(number)] for number in numbers]
            ),
        }
        columns = {field: [] for field in LABEL_FIELDS}
        for number in numbers:
            try:
                record = records.decode_flat(
                    *self._serialised(number), ("image", "name", *LABEL_FIELDS)
                )
                name = _text(record["name"])
            except ValueError as error:
                self._keep(number, error)
                record = {"image": None, **_NOTHING}
                name = self._place(number)
            batch["image"].append(record["image"])
            batch["name"].append(name)
            for field, values in columns.items():
                values.append(record[field])
        for field, rows in columns.items():
            batch[field] = self._array(field, rows)
        return batch

    def pictures(self, numbers, batch):
        """Decodes the images of records, each when it is asked for.

        Many of them at once would take much memory.

        Args:
            numbers: (B,) int.
            batch: What `read` gives for them. The row of an image that proves
                damaged is made one of which nothing is known.

        Yields:
            (height, width, 3) uint8; a black one for a damaged record.
        """
        for row, number in enumerate(np.asarray(numbers).tolist()):
            encoded = batch["image"][row]
            if encoded is None:
                yield _BLACK
                continue
            try:
                picture = images.decode_checked(encoded)
            except ValueError as error:
                self._keep(number, error)
                batch["name"][row] = self._place(number)
                for field, nothing in _NOTHING.items():
                    batch[field][row] = self._array(field, [nothing])[0]
                picture = _BLACK
            yield picture

    def blank(self, count):
        """What `read` gives for so many records of which nothing is known."""
        return {
            "image": [None] * count,
            "name": [""] * count,
            "folder": np.zeros(count, int),
            **{
                field: self._array(field, [_NOTHING[field]] * count)
                for field in LABEL_FIELDS
            },
        }

    def _array(self, field, rows):
        """The values of a field of many records, short ones filled with 0."""
        dtype, shape, _ = records.FIELDS[field]
        shape = records.concrete_shape(shape, self._most_joints)
        size = math.prod(shape)
        full = [
            row if len(row) == size else row + [0.0] * (size - len(row))
            for row in rows
        ]
        return np.array(full, dtype).reshape(len(rows), *shape)

    def _serialised(self, number):
        """A record's bytes, and how many joints it has."""
        index = self._shard_of(number)
        path = self._paths[index]
        try:
            shard = self._open(path)  # held, so that it is not closed meanwhile
            serialised = tfrecord.read_at(
                shard.descriptor,
                int(self._offsets[number]),
                int(self._lengths[number]),
            )
        except OSError as error:
            failure = OSError(error.errno, error.strerror, path)
            with self._lock:
                self._failure = self._failure or failure
            raise failure from error
        return serialised, self.info_of(number).skeleton.num_joints

    def _keep(self, number, error):
        """Remembers a damaged record."""
        with self._lock:
            self._reasons[number] = str(error)

    def _shard_of(self, number):
        """The index of a record's shard."""
        return bisect.bisect_right(self._firsts, number) - 1

    def _place(self, number):
        shard = self._shard_of(number)
        return f"{self._paths[shard]}: record {number - self._firsts[shard]}"


class _Shard:
    """An open file, closed with the last reader that holds it."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self.descriptor)


def _text(encoded):
    return encoded.decode("utf-8", "replace")
