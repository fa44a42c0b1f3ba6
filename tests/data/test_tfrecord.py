import os
import struct
import threading

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.data import tfrecord

RECORDS = [b"first", b"", bytes(range(256)) * 40, b"\0"]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.tfrecord"
    with tfrecord.Writer(path) as writer:
        for record in RECORDS:
            writer.write(record)
    return path


@pytest.fixture
def read_at(path):
    """Gives `(index, length) -> record` of the file as it is then."""

    def read(index, length=None):
        offset = sum(len(record) + 16 for record in RECORDS[:index])
        length = len(RECORDS[index]) if length is None else length
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return tfrecord.read_at(descriptor, offset, length)
        finally:
            os.close(descriptor)

    return read


def test_tensorflow_reads_what_was_written(path):
    dataset = tf.data.TFRecordDataset(str(path))
    assert [record.numpy() for record in dataset] == RECORDS


def test_what_tensorflow_wrote_is_read(tmp_path, path, read_at):
    with tf.io.TFRecordWriter(str(tmp_path / "b")) as writer:
        for record in RECORDS:
            writer.write(record)
    assert (tmp_path / "b").read_bytes() == path.read_bytes()
    assert list(tfrecord.read_all(path)) == RECORDS
    assert [read_at(index) for index in range(len(RECORDS))] == RECORDS


def test_a_writer_knows_the_lengths(tmp_path):
    with tfrecord.Writer(tmp_path / "a") as writer:
        for record in RECORDS:
            writer.write(record)
    assert writer.lengths == [5, 0, 10240, 1]
    size = (tmp_path / "a").stat().st_size
    assert sum(writer.lengths) + 4 * tfrecord.OVERHEAD == size


@given(st.integers(0, 5 + 16 - 1), st.integers(1, 255))
def test_any_changed_byte_damages_its_record_alone(
    tmp_path_factory, place, change
):
    path = tmp_path_factory.mktemp("any") / "a"
    with tfrecord.Writer(path) as writer:
        writer.write(b"first")
        writer.write(b"next")
    content = bytearray(path.read_bytes())
    content[place] ^= change
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    with pytest.raises(ValueError, match="checksum"):
        tfrecord.read_at(descriptor, 0, 5)
    assert tfrecord.read_at(descriptor, 21, 4) == b"next"
    os.close(descriptor)
    with pytest.raises(ValueError, match=f"{path}: record 0: .*checksum"):
        list(tfrecord.read_all(path))


@pytest.mark.parametrize("left", [1, 11, 12, 300, 10240 + 15])
def test_a_cut_file_ends_before_the_record(path, read_at, left):
    os.truncate(path, 5 + 16 + 16 + left)
    with pytest.raises(ValueError, match="ends before"):
        read_at(2)
    assert read_at(0) == b"first"
    with pytest.raises(ValueError, match=f"{path}: record 2: .*ends before"):
        list(tfrecord.read_all(path))


@pytest.mark.parametrize("length", [4, 6])
def test_a_record_of_another_length_is_refused(read_at, length):
    with pytest.raises(ValueError, match=f"{length} bytes. Received: 5"):
        read_at(0, length)


def test_a_length_beyond_the_file_takes_no_memory(tmp_path):
    huge = struct.pack("<Q", 2**62)
    with tfrecord.Writer(tmp_path / "a") as writer:
        writer.write(huge)
    # Its length's bytes and their own right checksum, as a header.
    framed = (tmp_path / "a").read_bytes()
    header = huge + framed[-4:]
    (tmp_path / "a").write_bytes(header + b"four and more")
    with pytest.raises(ValueError, match="record 0: .*ends before"):
        list(tfrecord.read_all(tmp_path / "a"))


def test_a_read_that_gives_a_part_goes_on(path, read_at, monkeypatch):
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda f, n, o: pread(f, min(n, 7), o))
    assert read_at(2) == RECORDS[2]


def test_threads_share_a_file(path):
    descriptor = os.open(path, os.O_RDONLY)
    wrong = []

    def read():
        for _ in range(200):
            if tfrecord.read_at(descriptor, 37, 10240) != RECORDS[2]:
                wrong.append(1)
            if tfrecord.read_at(descriptor, 0, 5) != b"first":
                wrong.append(2)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(descriptor)
    assert wrong == []


def test_lengths_are_read_without_the_records(tmp_path):
    contents = [b"", b"a" * 100, b"bc"]
    path = tmp_path / "a.tfrecord"
    with tfrecord.Writer(path) as writer:
        for content in contents:
            writer.write(content)
    assert tfrecord.read_lengths(path, 100) == [0, 100, 2]
    with pytest.raises(ValueError, match="record 1: it must have at most 99"):
        tfrecord.read_lengths(path, 99)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="record 2: the file ends before"):
        tfrecord.read_lengths(path, 100)
