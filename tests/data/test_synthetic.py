import contextlib
import dataclasses
import functools
import hashlib
import io
import json
import multiprocessing
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_pose import visualization
from keras_pose.data import records
from keras_pose.data import synthetic
from keras_pose.skeleton import H36M_17
from keras_pose.synthesis import scene
from keras_pose.synthesis import workers

OPTIONS = scene.Options(image_size=64, seed=5)
COUNT = 30
PER_SHARD = 6
# 24 images for training, 3 to validate and 3 for tests.
SHARDS = [
    *(f"train/0000{i}-of-00004.tfrecord" for i in range(4)),
    "validation/00000-of-00001.tfrecord",
    "test/00000-of-00001.tfrecord",
]
FILES = {
    *SHARDS,
    "train/dataset.json",
    "validation/dataset.json",
    "test/dataset.json",
    "train/lengths.npy",
    "validation/lengths.npy",
    "test/lengths.npy",
    "contact_sheet.png",
    "synthetic.json",
    "examples/0000009.jpg",
    "examples/0000019.jpg",
    "examples/0000029.jpg",
    "examples/examples.json",
}
ROOT = pathlib.Path(synthetic.__file__).parents[2]


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(synthetic, "_SAMPLES_PER_SHARD", PER_SHARD)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A data set that was made at once, by one process."""
    out = tmp_path_factory.mktemp("whole") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "_SAMPLES_PER_SHARD", PER_SHARD)
        synthetic.make(out, COUNT, OPTIONS, processes=1)
    return out


def make(out, count=COUNT, options=OPTIONS, **arguments):
    return synthetic.make(out, count, options, **{"processes": 1} | arguments)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def times(folder):
    return {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def partial_of(out):
    return out.parent / f".{out.name}.partial"


def stop_at(number, error=KeyboardInterrupt):
    def stop(done):
        if done == number:
            raise error

    return stop


@functools.cache
def rendered_once(options, index):
    return render_sample(scene.Studio(options), index)


render_sample = scene.Studio.sample


@pytest.fixture(autouse=True)
def rendered(monkeypatch):
    """The numbers of the images that are rendered; each takes time but once."""
    numbers = []

    def sample(studio, index):
        numbers.append(index)
        return rendered_once(studio.options, index)

    monkeypatch.setattr(scene.Studio, "sample", sample)
    return numbers


def read_examples(folder):
    """Every record of a folder, parsed without the package."""
    shards = sorted(str(path) for path in folder.glob("*.tfrecord"))
    return [
        tf.train.Example.FromString(record.numpy()).features.feature
        for record in tf.data.TFRecordDataset(shards)
    ]


def text_of(example, field):
    return example[field].bytes_list.value[0].decode()


def test_a_folder_holds_the_splits_a_sheet_and_the_request(whole):
    assert set(contents(whole)) == FILES
    assert [path.name for path in whole.parent.iterdir()] == ["out"]


def test_records_are_the_images_of_their_split_in_order(whole):
    studio = scene.Studio(OPTIONS)
    numbers = {
        "train": [i for i in range(COUNT) if i % 10 < 8],
        "validation": [8, 18, 28],
        "test": [9, 19, 29],
    }
    for split, expected in numbers.items():
        examples = read_examples(whole / split)
        names = [text_of(example, "name") for example in examples]
        assert names == [f"{split}/{number:07d}.jpg" for number in expected]
        sample = render_sample(studio, expected[2])
        assert examples[2]["image"].bytes_list.value[0] == sample.image
        np.testing.assert_array_equal(
            np.float32(examples[2]["joints_mm"].float_list.value),
            sample.joints_mm.ravel(),
        )


def test_splits_share_no_subject(whole):
    subjects = [
        {
            text_of(example, "subject")
            for example in read_examples(whole / split)
        }
        for split in ("train", "validation", "test")
    ]
    assert [len(subject) for subject in subjects] == [24, 3, 3]
    assert len(set.union(*subjects)) == COUNT


def test_splits_are_data_sets_like_all_others(whole):
    for split, shards in (("train", 4), ("validation", 1), ("test", 1)):
        info = records.read_info(whole / split)
        assert (info.source, info.skeleton) == ("synthetic", H36M_17)
        assert len(info.shards) == shards
        for row in info.shards:
            content = (whole / split / row["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == row["sha256"]
        lengths = np.load(whole / split / "lengths.npy")
        assert lengths.tolist() == [
            len(record.numpy())
            for row in info.shards
            for record in tf.data.TFRecordDataset(
                str(whole / split / row["file"])
            )
        ]
    counts = [row["count"] for row in records.read_info(whole / "train").shards]
    assert counts == [6, 6, 6, 6]


def test_a_last_shard_holds_the_rest(tmp_path):
    infos = make(tmp_path / "out", 9)
    rows = infos["train"].shards
    assert [(row["file"], row["count"]) for row in rows] == [
        ("00000-of-00002.tfrecord", 6),
        ("00001-of-00002.tfrecord", 2),
    ]


def test_bone_lengths_are_the_mean_of_the_split(whole):
    for split in ("train", "test"):
        joints = np.array(
            [
                np.reshape(example["joints_mm"].float_list.value, (17, 3))
                for example in read_examples(whole / split)
            ]
        )
        info = records.read_info(whole / split)
        # The right thigh's length belongs to the knee, joint 2.
        thigh = np.linalg.norm(joints[:, 2] - joints[:, 1], axis=1).mean()
        assert info.bone_lengths_mm[2] == pytest.approx(thigh, abs=0.001)
        assert info.bone_lengths_mm[0] == 0


def test_the_sheet_shows_the_first_images_with_their_joints(whole):
    sheet = np.array(Image.open(whole / "contact_sheet.png"))
    assert sheet.shape == (3 * 64, 8 * 64, 3)  # 24 images, 8 in a row
    for number, example in enumerate(read_examples(whole / "train")):
        encoded = example["image"].bytes_list.value[0]
        image = np.array(Image.open(io.BytesIO(encoded)))
        joints = np.reshape(example["joints_px"].float_list.value, (17, 2))
        y, x = 64 * (number // 8), 64 * (number % 8)
        np.testing.assert_array_equal(
            sheet[y : y + 64, x : x + 64],
            visualization.draw_skeleton(image, joints, H36M_17),
        )


def test_examples_are_photos_of_the_last_split_with_flags(whole):
    described = json.loads((whole / "examples" / "examples.json").read_text())
    examples = read_examples(whole / "test")
    assert len(described) == len(examples) == 3
    for row, example in zip(described, examples, strict=True):
        assert f"test/{row['image']}" == text_of(example, "name")
        photo = (whole / "examples" / row["image"]).read_bytes()
        assert photo == example["image"].bytes_list.value[0]
        assert row["box"] == list(example["box"].float_list.value)
        matrix = np.reshape(example["intrinsics"].float_list.value, (3, 3))
        expected = [matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]]
        assert row["intrinsics"] == expected


@pytest.mark.parametrize(
    ("count", "numbers"), [(2, (0, 1)), (9, (8,)), (12, (9,))]
)
def test_examples_are_of_the_last_split_there_is(tmp_path, count, numbers):
    make(tmp_path / "out", count)
    photos = {path.name for path in (tmp_path / "out/examples").glob("*.jpg")}
    assert photos == {f"{number:07d}.jpg" for number in numbers}


def test_examples_are_a_few(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "_EXAMPLES", 2)
    make(tmp_path / "out", 5)
    assert len(list((tmp_path / "out" / "examples").glob("*.jpg"))) == 2


def test_a_sheet_is_no_larger_than_it_should(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "_SHEET_IMAGES", 3)
    make(tmp_path / "out", 8)
    with Image.open(tmp_path / "out" / "contact_sheet.png") as sheet:
        assert sheet.size == (8 * 64, 64)


def test_two_processes_write_the_same_bytes(whole, tmp_path):
    at_work = []
    make(
        tmp_path / "out",
        processes=2,
        progress=lambda _: at_work.append(
            len(multiprocessing.active_children())
        ),
    )
    assert set(at_work) == {2}
    assert contents(tmp_path / "out") == contents(whole)


def test_make_returns_what_it_wrote_and_reports_progress(tmp_path):
    seen = []
    infos = make(tmp_path / "new" / "out", 10, progress=seen.append)
    assert seen == list(range(1, 11))
    assert {split: info.count for split, info in infos.items()} == {
        "train": 8,
        "validation": 1,
        "test": 1,
    }
    for split, info in infos.items():
        assert info == records.read_info(tmp_path / "new" / "out" / split)


@pytest.mark.parametrize(
    ("count", "splits"),
    [
        (1, {"train": 1}),
        (8, {"train": 8}),
        (9, {"train": 8, "validation": 1}),
        (11, {"train": 9, "validation": 1, "test": 1}),
    ],
)
def test_splits_without_an_image_are_left_out(tmp_path, count, splits):
    out = tmp_path / "out"
    infos = make(out, count)
    assert {split: info.count for split, info in infos.items()} == splits
    folders = {path.name for path in out.iterdir() if path.is_dir()}
    assert folders == {*splits, "examples"}
    again = make(out, count)
    assert {split: info.count for split, info in again.items()} == splits


@pytest.mark.parametrize("number", [1, 6, 7, 14, 24, 25, 30])
def test_a_stopped_run_goes_on_with_the_shard_it_stopped_at(
    whole, tmp_path, rendered, number
):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        make(out, progress=stop_at(number))
    assert not out.exists()
    kept = [name for name in SHARDS if (partial_of(out) / name).exists()]
    finished = {1: 0, 6: 0, 7: 1, 14: 2, 24: 3, 25: 4, 30: 5}[number]
    assert kept == SHARDS[:finished]
    before = times(partial_of(out))
    rendered.clear()
    seen = []
    make(out, progress=seen.append)
    of_shards = [6, 6, 6, 6, 3, 3]
    missing = sum(of_shards[finished:])
    assert len(rendered) == missing
    assert seen == list(range(COUNT - missing + 1, COUNT + 1))
    assert contents(out) == contents(whole)
    after = times(out)
    for name in kept:
        assert after[out / name] == before[partial_of(out) / name]
    assert list(tmp_path.iterdir()) == [out]


def test_a_run_that_stopped_after_the_last_shard_renders_nothing(
    whole, tmp_path, rendered, monkeypatch
):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(synthetic, "_describe", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make(out)
    assert not out.exists()
    rendered.clear()
    make(out)
    assert rendered == []
    assert contents(out) == contents(whole)


def test_a_shard_that_was_not_finished_does_not_count(whole, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        make(out, progress=stop_at(8))
    left = (partial_of(out) / "train").iterdir()
    unfinished = [path for path in left if path.name not in SHARDS[0]]
    assert [path.name for path in unfinished] == [
        "00001-of-00004.tfrecord.unfinished"
    ]
    unfinished[0].write_bytes(b"junk" * 100_000)
    make(out)
    assert contents(out) == contents(whole)


def test_a_stopped_run_leaves_no_process(tmp_path):
    with pytest.raises(KeyboardInterrupt) as caught:
        make(tmp_path / "out", processes=2, progress=stop_at(1))
    assert caught.tb is not None  # what it was doing is still known
    assert multiprocessing.active_children() == []


KILLED = """
import sys
from keras_pose.data import synthetic
from keras_pose.synthesis import scene
synthetic._SAMPLES_PER_SHARD = 6
if __name__ == "__main__":
    options = scene.Options(image_size=64, seed=5)
    synthetic.make(sys.argv[1], 30, options, 2)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(whole, tmp_path, rendered):
    out, script = tmp_path / "out", tmp_path / "killed.py"
    script.write_text(KILLED)
    run = subprocess.Popen(
        [sys.executable, script, out],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    first = partial_of(out) / SHARDS[0]
    until = time.monotonic() + 120
    while not first.exists():
        assert run.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    run.kill()
    assert run.wait() == -signal.SIGKILL
    assert not out.exists()
    kept = [name for name in SHARDS if (partial_of(out) / name).exists()]
    assert 1 <= len(kept) < len(SHARDS)
    before = times(partial_of(out))
    make(out)
    assert len(rendered) == COUNT - 6 * len(kept)
    after = times(out)
    for name in kept:
        assert after[out / name] == before[partial_of(out) / name]
    assert contents(out) == contents(whole)


def test_a_finished_folder_is_kept_as_it_is(whole, monkeypatch):
    def fail(*_):
        raise AssertionError("rendered")

    monkeypatch.setattr(workers, "render_samples", fail)
    before = times(whole)
    infos = make(whole)
    assert [info.count for info in infos.values()] == [24, 3, 3]
    assert times(whole) == before
    assert list(whole.parent.iterdir()) == [whole]


def test_a_finished_folder_that_lost_a_shard_is_named(whole, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    (out / SHARDS[1]).unlink()
    with pytest.raises(ValueError, match="00001-of-00004.tfrecord"):
        make(out)


@pytest.fixture
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    cv2.imwrite(str(folder / "a.png"), np.full((9, 9, 3), 99, np.uint8))
    return folder


OTHERS = {
    "seed": (COUNT, {"seed": 6}),
    "count": (COUNT + 1, {}),
    "image_size": (COUNT, {"image_size": 65}),
    "backgrounds": (COUNT, {"backgrounds": "photos"}),
}


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "finished"])
@pytest.mark.parametrize("field", OTHERS)
def test_another_request_is_refused(
    whole, tmp_path, photos, rendered, field, begun
):
    out = tmp_path / "out"
    there = partial_of(out) if begun else out
    shutil.copytree(whole, there)
    before = contents(there)
    count, changes = OTHERS[field]
    if "backgrounds" in changes:
        changes = {"backgrounds": str(photos)}
    with pytest.raises(ValueError, match=f"with another {field};") as caught:
        make(out, count, dataclasses.replace(OPTIONS, **changes))
    assert str(there) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(there) == before
    assert list(tmp_path.iterdir()) == [there]
    assert rendered == []


def test_all_that_differs_is_named(whole):
    options = scene.Options(image_size=96, seed=1)
    with pytest.raises(ValueError, match="another count, seed, image_size;"):
        make(whole, 7, options)


def test_images_of_an_earlier_generator_are_not_mixed_in(whole, monkeypatch):
    version = synthetic.GENERATOR_VERSION + 1
    monkeypatch.setattr(synthetic, "GENERATOR_VERSION", version)
    with pytest.raises(ValueError, match="another generator_version;"):
        make(whole)


def test_the_request_tells_the_files_but_not_where_they_are(
    tmp_path, photos, rendered
):
    options = dataclasses.replace(OPTIONS, backgrounds=str(photos))
    out = tmp_path / "out"
    make(out, 2, options)
    request = json.loads((out / "synthetic.json").read_text())
    size = (photos / "a.png").stat().st_size
    assert request["backgrounds"] == [["a.png", size]]
    assert (request["motion"], request["assets"]) == ([], [])
    assert (request["count"], request["seed"]) == (2, 5)
    moved = photos.with_name("moved")
    photos.rename(moved)
    rendered.clear()
    moved_options = dataclasses.replace(OPTIONS, backgrounds=f"{moved}/")
    make(out, 2, moved_options)
    assert rendered == []
    (moved / "sub").mkdir()
    shutil.copy(moved / "a.png", moved / "sub" / "b.png")
    with pytest.raises(ValueError, match="another backgrounds;"):
        make(out, 2, moved_options)


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "finished"])
@pytest.mark.parametrize(
    "junk", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe\x00", b"{}"], ids=repr
)
def test_a_damaged_request_is_named(tmp_path, junk, begun):
    out = tmp_path / "out"
    there = partial_of(out) if begun else out
    there.mkdir()
    (there / "synthetic.json").write_bytes(junk)
    with pytest.raises(ValueError, match=str(there)):
        make(out, 1)
    assert contents(there) == {"synthetic.json": junk}


@pytest.mark.parametrize(
    "create",
    [
        os.mkdir,
        lambda out: out.write_bytes(b"kept"),
        lambda out: out.symlink_to("nowhere"),
    ],
    ids=["folder", "file", "dangling_link"],
)
@pytest.mark.parametrize("begun", [True, False], ids=["begun", "finished"])
def test_what_is_no_data_set_is_left_alone(tmp_path, create, begun):
    out = tmp_path / "out"
    there = partial_of(out) if begun else out
    create(there)
    before = there.lstat()
    with pytest.raises(ValueError, match="`out` must not exist"):
        make(out, 1)
    after = there.lstat()
    assert (after.st_ino, after.st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )
    assert list(tmp_path.iterdir()) == [there]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "`count` must be positive. Received: 0"),
        ({"count": -4}, "`count` must be positive. Received: -4"),
        ({"processes": 0}, "`processes` must be positive. Received: 0"),
        ({"processes": -1}, "`processes` must be positive. Received: -1"),
    ],
)
def test_wrong_numbers_are_named(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "new" / "out", **arguments)
    assert list(tmp_path.iterdir()) == []


WRONG_FILES = {
    "no_motion": ("motion", None),
    "no_assets": ("assets", None),
    "no_backgrounds": ("backgrounds", None),
    "damaged_motion": ("motion", "a.bvh"),
    "empty_assets": ("assets", "a.txt"),
    "damaged_background": ("backgrounds", "a.jpg"),
}


@pytest.mark.parametrize(
    ("option", "file"), WRONG_FILES.values(), ids=WRONG_FILES.keys()
)
def test_wrong_files_are_named_before_anything_is_written(
    tmp_path, tmp_path_factory, option, file
):
    folder = tmp_path_factory.mktemp("given") / "there"
    if file:
        folder.mkdir()
        (folder / file).write_text("junk")
    options = dataclasses.replace(OPTIONS, **{option: str(folder)})
    with pytest.raises((ValueError, OSError)) as caught:
        make(tmp_path / "new" / "out", 2, options)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_assets_are_read_before_anything_is_written(tmp_path, monkeypatch):
    def check(self):
        raise ValueError("coat.obj: damaged")

    monkeypatch.setattr(scene.Studio, "check", check)
    with pytest.raises(ValueError, match="coat.obj"):
        make(tmp_path / "new" / "out", 1)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_sample_is_not_written(tmp_path, monkeypatch):
    def sample(studio, index):
        made = rendered_once(studio.options, index)
        return dataclasses.replace(made, joints_mm=made.joints_mm[::-1].copy())

    monkeypatch.setattr(scene.Studio, "sample", sample)
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="train/0000000.jpg: `joints_mm` must"):
        make(out, 1)
    assert not out.exists()
    assert not (partial_of(out) / "train/00000-of-00001.tfrecord").exists()


@contextlib.contextmanager
def files_up_to(size):
    """Writing more bytes to a file fails, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("size", "first"),
    [(50, "synthetic.json"), (5_000, SHARDS[0]), (30_000, "contact_sheet.png")],
    ids=["request", "shard", "sheet"],
)
def test_a_file_that_cannot_be_written_is_named(whole, tmp_path, size, first):
    out = tmp_path / "out"
    made = contents(whole)
    in_order = ["synthetic.json", *SHARDS, "contact_sheet.png"]
    too_large = [name for name in in_order if len(made[name]) > size]
    assert too_large[0] == first
    with files_up_to(size), pytest.raises(OSError, match="large") as caught:
        make(out)
    assert str(partial_of(out)) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    for path in tmp_path.rglob("*.tfrecord"):
        assert path.read_bytes() == made[str(path.relative_to(partial_of(out)))]
    make(out)
    assert contents(out) == made


@pytest.fixture
def small_disk(tmp_path):
    """A folder with a disk of its own of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except OSError:
        pytest.skip("no mount here")
    if done.returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("free", [0, 12, 24, 40], ids="{} KiB".format)
def test_a_full_disk_is_named_and_goes_on_once_it_has_room(
    small_disk, tmp_path, free
):
    out, ballast = small_disk / "out", small_disk / "ballast"
    ballast.write_bytes(bytes((256 - free) * 1024))
    with pytest.raises(OSError, match="No space left on device") as caught:
        make(out, 10)
    assert str(partial_of(out)) in str(caught.value)
    assert not out.exists()
    ballast.unlink()
    make(out, 10)
    assert [path.name for path in small_disk.iterdir()] == ["out"]
    make(tmp_path / "whole", 10)
    assert contents(out) == contents(tmp_path / "whole")


def test_a_folder_that_may_not_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        make(tmp_path / "file" / "out", 1)


def test_a_second_run_is_kept_out(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    out = tmp_path / "out"
    fill = synthetic._fill
    said = []

    def fill_beside_another(*arguments):
        with pytest.raises(ValueError, match="made by another run") as error:
            make(out, 9)
        said.append(str(error.value))
        fill(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(synthetic, "_fill", fill_beside_another)
        make(out, 9)
    assert said == [f"`out` is being made by another run, in {partial_of(out)}"]
    assert not partial_of(out).exists()
    with open(out / "synthetic.json", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it was let go
