import dataclasses
import errno
import os
import pathlib
import threading

import cv2
import numpy as np
import pytest

from keras_pose.data import records
from keras_pose.data import store
from keras_pose.data import tfrecord
from keras_pose.data.conversion import convert
from keras_pose.data.sources.source import Source
from keras_pose.data.store import Records
from keras_pose.skeleton import H36M_17


@pytest.fixture
def folders(tmp_path, make_sample):
    """Data sets of 4 and 3 records, 3 a shard."""
    for name, first, count in (("a", 0, 4), ("b", 4, 3)):
        samples = [make_sample(seed) for seed in range(first, first + count)]
        source = Source("made", H36M_17, count, samples)
        convert(source, tmp_path / name, samples_per_shard=3)
    return [str(tmp_path / "a"), str(tmp_path / "b")]


def shard_of(folder, index, count=2):
    return pathlib.Path(folder) / f"{index:05d}-of-{count:05d}.tfrecord"


def change_byte(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.fixture
def write_rows(tmp_path):
    """Gives `(serialised records) -> folder` of a data set of one shard."""

    def write(rows):
        path = tmp_path / "rows" / "0.tfrecord"
        path.parent.mkdir()
        with tfrecord.Writer(path) as writer:
            for row in rows:
                writer.write(row)
        shards = (records.shard_row(path, len(rows)),)
        info = records.DatasetInfo(
            "made", H36M_17, len(rows), (0.0,) * 17, shards
        )
        records.write_info(path.parent, info, writer.lengths)
        return path.parent

    return write


def assert_nothing_is_known(batch, row):
    """The labels that stand for a record that is damaged."""
    assert batch["box"][row].tolist() == [0, 0, 1, 1]
    for field in set(store.LABEL_FIELDS) - {"box"}:
        assert not batch[field][row].any(), field


@pytest.mark.parametrize(
    "numbers", [[0], [6, 0, 3, 3, 2], np.arange(7)[::-1]], ids=str
)
def test_records_are_read_by_number(folders, make_sample, numbers):
    batch = Records(folders).read(numbers)
    samples = [make_sample(int(number)) for number in numbers]
    assert batch["name"] == [sample.name for sample in samples]
    for field in store.LABEL_FIELDS:
        expected = np.stack([getattr(sample, field) for sample in samples])
        assert batch[field].dtype == np.float32
        np.testing.assert_array_equal(batch[field], expected)
    pictures = Records(folders).pictures(numbers, batch)
    for picture, sample in zip(pictures, samples, strict=True):
        encoded = np.frombuffer(sample.image, np.uint8)
        expected = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]
        np.testing.assert_array_equal(picture, expected)
    assert batch["folder"].tolist() == [int(n >= 4) for n in numbers]


def test_records_know_their_number_infos_and_names(folders):
    both = Records(folders)
    assert len(both) == 7
    assert [info.count for info in both.infos] == [4, 3]
    assert [both.name(n) for n in (0, 6)] == ["images/0.jpg", "images/6.jpg"]
    assert both.record(5, ("frame",))["frame"] == 5
    assert both.damaged == []
    both.check()


def test_joints_of_smaller_skeletons_end_in_zeros(
    tmp_path, folders, make_sample, monkeypatch
):
    small = dataclasses.replace(
        H36M_17,
        name="small",
        joints=H36M_17.joints[:14],
        parents=H36M_17.parents[:14],
    )
    monkeypatch.setitem(records.SKELETONS, "small", small)
    sample = make_sample(9)
    for field in ("joints_mm", "joints_px", "weight_3d", "weight_2d"):
        setattr(sample, field, getattr(sample, field)[:14])
    convert(Source("made", small, 1, [sample]), tmp_path / "small")
    batch = Records([*folders, str(tmp_path / "small")]).read([7, 0])
    assert batch["folder"].tolist() == [2, 0]
    assert batch["joints_mm"].shape == (2, 17, 3)
    np.testing.assert_array_equal(batch["joints_mm"][0, :14], sample.joints_mm)
    assert not batch["joints_mm"][0, 14:].any()
    assert batch["weight_3d"].sum(axis=1).tolist() == [14, 17]


PLACES = {
    "length": (0, "the checksum of its length is wrong"),
    "checksum_of_the_length": (9, "the checksum of its length is wrong"),
    "field": (400, "its checksum is wrong"),
    "checksum": (-2, "its checksum is wrong"),
}


@pytest.mark.parametrize(("place", "reason"), PLACES.values(), ids=PLACES)
def test_a_damaged_record_costs_itself_alone(
    folders, make_sample, place, reason
):
    shard = shard_of(folders[0], 0)
    lengths = np.load(shard.parent / "lengths.npy")
    start, end = np.cumsum(lengths[:2] + 16).tolist()
    change_byte(shard, start + place if place >= 0 else end + place)
    both = Records(folders, damaged_limit=1)
    batch = both.read([0, 1, 2, 6])
    assert_nothing_is_known(batch, 1)
    pictures = both.pictures([0, 1, 2, 6], batch)
    assert [bool(picture.any()) for picture in pictures] == [1, 0, 1, 1]
    assert batch["name"] == [
        "images/0.jpg",
        f"{shard}: record 1",
        "images/2.jpg",
        "images/6.jpg",
    ]
    expected = make_sample(2).joints_mm
    np.testing.assert_array_equal(batch["joints_mm"][2], expected)
    assert both.damaged == [f"{shard}: record 1: {reason}"]
    assert both.name(1) == f"{shard}: record 1"
    both.check()


def with_image(change):
    def row(sample):
        image = change(sample.image)
        return records.encode(dataclasses.replace(sample, image=image), 17)

    return row


def with_16_joints(sample):
    fields = ("joints_mm", "joints_px", "weight_3d", "weight_2d")
    rows = {name: getattr(sample, name)[:16] for name in fields}
    return records.encode(dataclasses.replace(sample, **rows), 16)


UNREADABLE = {
    "no_example": (lambda _: b"\xff" * 50, "must be a tf.train.Example"),
    "empty": (lambda _: b"", "`image` must have shape"),
    "other_joints": (with_16_joints, "`joints_mm` must have shape"),
    "no_image": (with_image(lambda _: b"<html>"), "not an image"),
    "empty_image": (with_image(lambda _: b""), "not an image"),
    "cut_image": (with_image(lambda image: image[:-200]), "is damaged"),
}


@pytest.mark.parametrize(("row", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_was_never_a_record_is_damaged_too(
    write_rows, make_sample, row, reason
):
    right = records.encode(make_sample(1), 17)
    folder = write_rows([right, row(make_sample(0)), right])
    made = Records([str(folder)])
    batch = made.read([1, 2])
    black, picture = made.pictures([1, 2], batch)
    assert picture.any()
    assert not black.any()
    assert_nothing_is_known(batch, 0)
    assert batch["name"] == [f"{folder}/0.tfrecord: record 1", "images/1.jpg"]
    assert batch["weight_3d"][1].all()
    (line,) = made.damaged
    assert line.startswith(f"{folder}/0.tfrecord: record 1: ")
    assert reason in line


def test_a_shard_that_is_cut_while_it_is_read_has_damaged_records(folders):
    both = Records(folders)
    shard = shard_of(folders[0], 0)
    assert both.name(0) == "images/0.jpg"
    os.truncate(shard, 5000)
    both.read([2, 3])
    expected = f"{shard}: record 2: the file ends before the record does"
    assert both.damaged == [expected]


def test_too_many_damaged_records_are_an_error_that_names_them(folders):
    first, second = shard_of(folders[0], 0), shard_of(folders[1], 0, 1)
    change_byte(first, 300)
    change_byte(second, 300)
    both = Records(folders, damaged_limit=1)
    both.read([4, 5])
    both.read([4])
    both.check()  # it is the same one twice
    both.read([0])
    with pytest.raises(ValueError, match="at most 1 .* damaged") as error:
        both.check()
    assert [line.partition(": its")[0] for line in both.damaged] == [
        f"{first}: record 0",
        f"{second}: record 0",
    ]
    for line in both.damaged:
        assert line in str(error.value)


def test_no_damaged_record_is_let_pass_by_default(folders):
    change_byte(shard_of(folders[0], 0), 300)
    both = Records(folders)
    both.read([0])
    with pytest.raises(ValueError, match="at most 0 .*00000-of-00002.tfrecord"):
        both.check()


def test_a_shard_that_is_gone_is_no_damage(folders):
    both = Records(folders, damaged_limit=9)
    shard = shard_of(folders[0], 1)
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=str(shard)):
        both.read([0, 3])
    with pytest.raises(FileNotFoundError, match=str(shard)):
        both.name(3)
    assert both.damaged == []
    with pytest.raises(FileNotFoundError, match=str(shard)):
        both.check()


def test_a_disk_that_fails_is_named_and_remembered(folders, monkeypatch):
    def fail(descriptor, count, offset):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    both = Records(folders, damaged_limit=9)
    monkeypatch.setattr(os, "pread", fail)
    message = f"Input/output error: '{shard_of(folders[1], 0, 1)}'"
    with pytest.raises(OSError, match=message):
        both.read([5])
    with pytest.raises(OSError, match="Input/output"):
        both.read([0])
    monkeypatch.undo()
    with pytest.raises(OSError, match=message):  # the first one
        both.check()


def test_a_shard_removed_after_it_was_opened_is_still_read(folders):
    both = Records(folders)
    both.read([0])
    shard_of(folders[0], 0).unlink()
    assert both.read([2])["name"] == ["images/2.jpg"]


def open_files():
    return len(os.listdir("/proc/self/fd"))


def test_few_shards_are_open_and_none_when_the_records_are_gone(
    folders, monkeypatch
):
    monkeypatch.setattr(store, "_OPEN_SHARDS", 2)
    before = open_files()
    both = Records(folders)
    assert open_files() == before  # they are opened when they are read
    for _ in range(3):
        both.read([0, 3, 6])
        assert open_files() == before + 2
    del both
    assert open_files() == before


def test_threads_that_open_and_close_shards_read_the_right_ones(
    folders, monkeypatch
):
    monkeypatch.setattr(store, "_OPEN_SHARDS", 1)
    both = Records(folders)
    wrong = []

    def read(first):
        for turn in range(150):
            number = (first + 3 * turn) % 7
            name = f"images/{number}.jpg"
            if both.read([number])["name"] != [name]:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    both.check()


@pytest.mark.parametrize("wrong", [[], ["/nowhere"]], ids=["none", "nowhere"])
def test_folders_that_are_no_data_sets_are_refused(wrong):
    with pytest.raises(ValueError, match="/nowhere|`folders` must name"):
        Records(wrong)


def test_a_data_set_without_its_lengths_is_refused(folders):
    path = pathlib.Path(folders[1]) / "lengths.npy"
    path.unlink()
    with pytest.raises(ValueError, match=f"{path}: No such file"):
        Records(folders)
