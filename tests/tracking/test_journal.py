import json
import os

import cv2
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.backend.event_processing import event_file_loader
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.util import tensor_util

from keras_pose.tracking import journal as journal_lib
from keras_pose.tracking import journal_files

STARTED = []


@pytest.fixture(autouse=True)
def _close_what_tests_leave_open():
    yield
    while STARTED:
        STARTED.pop().close()


def start(*arguments):
    """A journal that a test need not close, as a killed run does not."""
    STARTED.append(journal_lib.Journal(*arguments))
    return STARTED[-1]


def write(workdir, steps, last_step=0, value=float):
    """A start of a run that is killed: nothing is closed."""
    journal = start(workdir, last_step)
    for step in steps:
        journal.scalars(step, {"train/loss": value(step)})
        journal.scalars(step, {"validation/mpjpe_mm": 2 * value(step)})
    return journal


def rows(workdir):
    """What any reader of JSON lines sees."""
    text = (workdir / "metrics.jsonl").read_text("utf-8")
    assert text.endswith("\n") or not text
    return [json.loads(line) for line in text.splitlines()]


def accumulator(workdir):
    found = event_accumulator.EventAccumulator(
        str(workdir / "tensorboard"), size_guidance={"tensors": 0}
    )
    found.Reload()
    return found


def curve(found, tag):
    return [
        (event.step, float(tensor_util.make_ndarray(event.tensor_proto)))
        for event in found.Tensors(tag)
    ]


def loaded_steps(workdir):
    """Steps with a loss in each event file, by TensorBoard's file loader."""
    return [
        [
            event.step
            for event in event_file_loader.EventFileLoader(path).Load()
            for value in event.summary.value
            if value.tag == "train/loss"
        ]
        for path in journal_files.event_files(workdir)
    ]


def assert_continuous(workdir, values):
    """Each step once, with its value, for every reader."""
    expected = list(enumerate(values, 1))
    assert [
        (row["step"], row["train/loss"])
        for row in rows(workdir)
        if "train/loss" in row
    ] == expected
    found = accumulator(workdir)
    assert curve(found, "train/loss") == expected
    assert curve(found, "validation/mpjpe_mm") == [
        (step, 2 * value) for step, value in expected
    ]
    assert sum(loaded_steps(workdir), []) == [step for step, _ in expected]


def test_scalars_are_a_json_line_and_points_of_curves(tmp_path):
    journal = start(tmp_path)
    journal.scalars(7, {"train/loss": np.float32(0.25), "epoch": 3})
    journal.scalars(8, {"train/loss": float("nan"), "rate": float("inf")})
    first, second = rows(tmp_path)
    assert first.pop("time") == pytest.approx(second.pop("time"), abs=5)
    assert first == {"step": 7, "train/loss": 0.25, "epoch": 3.0}
    assert second == {"step": 8, "train/loss": None, "rate": None}
    journal.close()
    journal.close()
    found = accumulator(tmp_path)
    assert curve(found, "epoch") == [(7, 3.0)]
    (_, value), (step, nan) = curve(found, "train/loss")
    assert (value, step) == (0.25, 8)
    assert np.isnan(nan)
    plugin = found.SummaryMetadata("train/loss").plugin_data.plugin_name
    assert plugin == "scalars"


def test_tensorflow_reads_the_event_file(tmp_path):
    write(tmp_path, [1, 2]).close()
    (path,) = journal_files.event_files(tmp_path)
    events = list(tf.compat.v1.train.summary_iterator(path))
    assert events[0].file_version == "brain.Event:2"
    losses = [
        float(tf.make_ndarray(value.tensor))
        for event in events
        for value in event.summary.value
        if value.tag == "train/loss"
    ]
    assert losses == [1.0, 2.0]


def test_a_line_is_there_as_soon_as_it_is_written(tmp_path):
    write(tmp_path, [1])
    assert len(rows(tmp_path)) == 2
    assert curve(accumulator(tmp_path), "train/loss") == [(1, 1.0)]


@pytest.mark.parametrize("tag", ["step", "time"])
def test_a_tag_that_every_line_has_is_refused(tag, tmp_path):
    with pytest.raises(ValueError, match=f"`values` .* Received: '{tag}'"):
        start(tmp_path).scalars(1, {"train/loss": 1.0, tag: 2.0})
    assert rows(tmp_path) == []


def test_pictures_are_png_files_and_tensorboard_images(tmp_path):
    image = np.zeros((20, 30, 3), np.uint8)
    image[:10] = [200, 100, 50]
    journal = start(tmp_path)
    journal.pictures(5, "validation/samples", image)
    journal.pictures(100, "validation/samples", 255 - image)
    files = journal_files.picture_files(tmp_path)
    assert list(files) == ["validation_samples"]
    (first, path), (second, _) = files["validation_samples"]
    assert (first, second) == (5, 100)
    np.testing.assert_array_equal(cv2.imread(path)[..., ::-1], image)
    event = accumulator(tmp_path).Tensors("validation/samples")[0]
    width, height, png = tensor_util.make_ndarray(event.tensor_proto)
    assert (event.step, int(width), int(height)) == (5, 30, 20)
    decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded[..., ::-1], image)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8)],
    ids=["float", "grey"],
)
def test_what_is_no_picture_is_refused(image, tmp_path):
    with pytest.raises(ValueError, match="`image` must be"):
        start(tmp_path).pictures(1, "a", image)


def test_histograms_count_the_finite_values(tmp_path):
    values = np.concatenate([np.zeros(7), np.full(5, 3.0), [np.nan, np.inf]])
    journal = start(tmp_path)
    journal.histograms(1, {"kernel": values.reshape(7, 2), "none": [np.nan]})
    found = accumulator(tmp_path)
    (event,) = found.Tensors("kernel")
    left, right, counts = tensor_util.make_ndarray(event.tensor_proto).T
    assert (left[0], right[-1]) == (0.0, 3.0)
    np.testing.assert_allclose(right[:-1], left[1:])
    assert (counts[0], counts[-1], counts.sum()) == (7, 5, 12)
    plugin = found.SummaryMetadata("kernel").plugin_data.plugin_name
    assert plugin == "histograms"
    (event,) = found.Tensors("none")
    assert tensor_util.make_ndarray(event.tensor_proto)[:, 2].sum() == 0


def test_text_of_each_start_stands_where_it_began(tmp_path):
    start(tmp_path).text("config", "first")
    write(tmp_path, [1, 2, 3])  # nothing of the first start was kept
    start(tmp_path, 2).text("config", "second")
    start(tmp_path, 2).text("config", "third")
    events = accumulator(tmp_path).Tensors("config")
    texts = [tensor_util.make_ndarray(x.tensor_proto).item() for x in events]
    assert [(x.step, t) for x, t in zip(events, texts, strict=True)] == [
        (3, b"third")
    ]


def test_a_new_run_takes_away_what_is_there(tmp_path):
    journal = write(tmp_path, range(1, 5))
    journal.pictures(3, "samples", np.zeros((4, 4, 3), np.uint8))
    write(tmp_path, [1, 2], value=lambda step: 10.0 * step)
    assert_continuous(tmp_path, [10.0, 20.0])
    assert journal_files.picture_files(tmp_path) == {}


def test_a_resumed_run_goes_on_with_each_step_once(tmp_path):
    journal = write(tmp_path, range(1, 8))  # killed after its checkpoint of 5
    for step in (5, 6):
        journal.pictures(step, "samples", np.zeros((4, 4, 3), np.uint8))
    write(tmp_path, range(6, 10), last_step=5, value=lambda x: 10.0 * x)
    assert_continuous(tmp_path, [1, 2, 3, 4, 5, 60, 70, 80, 90])
    pictures = journal_files.picture_files(tmp_path)["samples"]
    assert [step for step, _ in pictures] == [5]
    # Killed again, with a checkpoint that is older than the last start.
    write(tmp_path, range(4, 6), last_step=3, value=lambda x: 100.0 * x)
    assert_continuous(tmp_path, [1, 2, 3, 400, 500])
    assert len(journal_files.event_files(tmp_path)) == 2


def test_starts_in_the_same_second_and_clocks_gone_back(tmp_path, monkeypatch):
    for start, now in enumerate((2e9, 2e9, 1e9)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        write(tmp_path, [start + 1], last_step=start)
    assert loaded_steps(tmp_path) == [[1], [2], [3]]
    assert_continuous(tmp_path, [1, 2, 3])


def test_kept_lines_and_events_keep_their_bytes(tmp_path):
    write(tmp_path, range(1, 4)).close()
    lines = (tmp_path / "metrics.jsonl").read_bytes()
    (path,) = journal_files.event_files(tmp_path)
    with open(path, "rb") as file:
        events = file.read()
    later = write(tmp_path, range(4, 7), last_step=3)
    later.close()
    journal_files.cut_after(tmp_path, 3)
    assert (tmp_path / "metrics.jsonl").read_bytes() == lines
    (left,) = journal_files.event_files(tmp_path)
    with open(left, "rb") as file:
        assert (left, file.read()) == (path, events)


@pytest.mark.parametrize("torn", [1, 5, 20, 40, 64], ids=str)
def test_a_run_killed_in_the_middle_of_writing_goes_on(torn, tmp_path):
    write(tmp_path, range(1, 5)).close()
    (path,) = journal_files.event_files(tmp_path)
    for file in (tmp_path / "metrics.jsonl", path):
        os.truncate(file, os.path.getsize(file) - torn)
    # The torn line and event are of step 4, or were never read as one.
    write(tmp_path, range(4, 6), last_step=3, value=lambda x: 10.0 * x)
    assert_continuous(tmp_path, [1, 2, 3, 40, 50])


def test_what_is_torn_within_the_kept_steps_is_dropped(tmp_path):
    write(tmp_path, range(1, 5)).close()
    (path,) = journal_files.event_files(tmp_path)
    for file in (tmp_path / "metrics.jsonl", path):
        os.truncate(file, os.path.getsize(file) - 3)
    write(tmp_path, [5], last_step=4)
    assert [row["step"] for row in rows(tmp_path)] == [
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        5,
        5,
    ]
    assert curve(accumulator(tmp_path), "train/loss")[-1] == (5, 5.0)


def test_a_damaged_event_hides_nothing_that_is_written_later(tmp_path):
    write(tmp_path, range(1, 5)).close()
    (path,) = journal_files.event_files(tmp_path)
    with open(path, "r+b") as file:
        file.seek(-6, os.SEEK_END)  # within the last event's values
        last = file.read(1)
        file.seek(-6, os.SEEK_END)
        file.write(bytes([last[0] ^ 255]))
    with open(tmp_path / "metrics.jsonl", "ab") as file:
        file.write(bytes(100) + b"\n")  # as a disk leaves it without power
    write(tmp_path, [5, 6], last_step=4)
    assert curve(accumulator(tmp_path), "train/loss")[-2:] == [(5, 5), (6, 6)]
    assert rows(tmp_path)[-1]["step"] == 6


def test_an_open_tensorboard_forgets_what_was_cut(tmp_path):
    write(tmp_path, range(1, 8))
    # What TensorBoard itself holds of a run.
    watching = plugin_event_accumulator.EventAccumulator(
        str(tmp_path / "tensorboard")
    )
    watching.Reload()
    assert curve(watching, "train/loss")[-1] == (7, 7.0)
    write(tmp_path, range(6, 9), last_step=5, value=lambda x: 10.0 * x)
    watching.Reload()
    assert curve(watching, "train/loss") == list(
        enumerate([1.0, 2, 3, 4, 5, 60, 70, 80], 1)
    )


def test_steps_that_earlier_starts_have_written_are_refused(tmp_path):
    write(tmp_path, range(1, 6)).close()
    journal = start(tmp_path, 3)
    for attempt in (
        lambda: journal.scalars(3, {"train/loss": 1.0}),
        lambda: journal.histograms(3, {"kernel": np.ones(3)}),
        lambda: journal.pictures(3, "a", np.zeros((4, 4, 3), np.uint8)),
    ):
        with pytest.raises(ValueError, match="`step` must be at least 4"):
            attempt()


def test_flush_puts_both_files_on_the_disk(tmp_path, monkeypatch):
    synced = []
    journal = write(tmp_path, [1])
    monkeypatch.setattr(
        "os.fsync",
        lambda number: synced.append(os.readlink(f"/proc/self/fd/{number}")),
    )
    journal.flush()
    (path,) = journal_files.event_files(tmp_path)
    assert synced == [str(tmp_path / "metrics.jsonl"), path]


def test_read_metrics_leaves_out_a_line_that_is_not_finished(tmp_path):
    assert journal_files.read_metrics(tmp_path) == []
    write(tmp_path, [1, 2]).close()
    with open(tmp_path / "metrics.jsonl", "ab") as file:
        file.write(b'{"step": 3')
    read = journal_files.read_metrics(tmp_path)
    assert [row["step"] for row in read] == [1, 1, 2, 2]


def test_other_files_of_the_folders_stay(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "holiday.png").write_bytes(b"x")
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "notes.txt").write_bytes(b"x")
    write(tmp_path, [1])
    assert (tmp_path / "pictures" / "holiday.png").exists()
    assert (tmp_path / "tensorboard" / "notes.txt").exists()
