import os
import pathlib
import subprocess
import sys

import h5py
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data import records

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def prepare(tmp_path):
    """Gives `(*arguments) -> the finished process`, with `--out`."""

    def run(*arguments):
        out = tmp_path / "new" / "out"
        return subprocess.run(
            [sys.executable, "prepare.py", f"--out={out}", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


WRONG = {
    "check_of_synthetic": (
        ["--source=synthetic", "--count=4", "--check"],
        "--check must not be given with --source=synthetic",
    ),
    "against_without_check": (
        ["--source=folder", "--root=/data", "--against=data/test"],
        "--against must be given with --check alone",
    ),
    "margin_without_crop": (
        ["--source=folder", "--root=/data", "--crop_margin=2"],
        "--crop_margin must be given with --crop alone",
    ),
    "option_of_another_format": (
        ["--source=coco", "--root=/data", "--subjects=S1"],
        "`subjects` must not be given with coco, which takes annotations, "
        "images, split. Received: ['S1']",
    ),
    "synthetic_without_count": (
        ["--source=synthetic"],
        "--count must be given with --source=synthetic",
    ),
    "synthetic_with_root": (
        ["--source=synthetic", "--count=4", "--root=/data"],
        "--root must not be given with --source=synthetic",
    ),
    "synthetic_with_annotations": (
        ["--source=synthetic", "--count=4", "--annotations=a.npz"],
        "--annotations must not be given with --source=synthetic",
    ),
    "synthetic_with_subjects": (
        ["--source=synthetic", "--count=4", "--subjects=S1"],
        "--subjects must not be given with --source=synthetic",
    ),
    "synthetic_with_limit": (
        ["--source=synthetic", "--count=4", "--limit=2"],
        "--limit must not be given with --source=synthetic",
    ),
    "disk_without_root": (
        ["--source=h36m_mmpose"],
        "--root must be given with --source=h36m_mmpose",
    ),
} | {
    f"disk_with_{name}": (
        ["--source=h36m_mmpose", "--root=/data", f"--{name}={value}"],
        f"--{name} must not be given with --source=h36m_mmpose",
    )
    for name, value in (
        ("count", 0),
        ("seed", 0),
        ("image_size", 256),
        ("motion", ""),
        ("assets", "a"),
        ("backgrounds", "b"),
        ("processes", 1),
    )
}


@pytest.mark.parametrize(("arguments", "reason"), WRONG.values(), ids=WRONG)
def test_flags_that_do_not_go_together_are_named(
    prepare, tmp_path, arguments, reason
):
    done = prepare(*arguments)
    assert done.returncode == 1
    assert done.stderr == f"prepare.py: error: {reason}\n"
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["many", "1.5", ""])
def test_a_count_that_is_no_number_is_refused(prepare, tmp_path, value):
    done = prepare("--source=synthetic", f"--count={value}")
    assert done.returncode == 1
    assert done.stderr.startswith("prepare.py: error: flag --count=")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--count=0"], "`count` must be positive. Received: 0"),
        pytest.param(
            ["--count=4", "--seed=-1"],
            "`seed` must be at least 0. Received: -1",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["--count=4", "--image_size=16"],
            "`image_size` must be in [64, 2048] px. Received: 16",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["--count=4", "--processes=0"],
            "`processes` must be positive. Received: 0",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["--count=4", "--motion=/nowhere"],
            "/nowhere",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["count", "seed", "image_size", "processes", "motion"],
)
def test_a_wrong_request_is_one_line(prepare, tmp_path, arguments, reason):
    done = prepare("--source=synthetic", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("prepare.py: error: ")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def crops_root(tmp_path, make_sample):
    """Four crops with their poses, of subjects S1, S5, S1 and S1."""
    samples = [make_sample(seed) for seed in range(4)]
    names = [
        f"S{1 + 4 * (i == 1)}_Posing.54138969_{i:06d}.jpg" for i in range(4)
    ]
    root = tmp_path / "root"
    (root / "images").mkdir(parents=True)
    (root / "annot").mkdir()
    for name, sample in zip(names, samples, strict=True):
        (root / "images" / name).write_bytes(sample.image)
    with h5py.File(root / "annot" / "train.h5", "w") as file:
        joints = np.stack([sample.joints_mm for sample in samples])
        file["pose3d"] = joints
        file["pose2d"] = joints[..., :2] / joints[..., 2:] * 150 + [31, 24]
    (root / "annot" / "train_images.txt").write_text("\n".join(names))
    return root


def test_subjects_of_a_data_set_on_disk_are_kept(prepare, tmp_path, crops_root):
    out = tmp_path / "new" / "out"
    done = prepare(
        "--source=h36m_c2f",
        f"--root={crops_root}",
        "--subjects=S1",
        "--limit=2",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "note: 1 images left out, not of S1",
        f"{out}: 2 samples, h36m_17",
        "predict.py sees the first of them with "
        "--input=.../S1_Posing.54138969_000000.jpg --box=0,0,64,48 "
        "--intrinsics=150,150,31,24 --distortion=0,0,0,0,0",
    ]
    shards = [str(path) for path in out.glob("*.tfrecord")]
    names = [
        records.decode(record.numpy(), 17)["name"]
        for record in tf.data.TFRecordDataset(shards)
    ]
    assert names == [
        b"S1_Posing.54138969_000000.jpg",
        b"S1_Posing.54138969_000002.jpg",
    ]


def test_a_check_reports_and_writes_no_records(prepare, tmp_path, crops_root):
    out = tmp_path / "new" / "out"
    done = prepare("--check", "--source=h36m_c2f", f"--root={crops_root}")
    assert done.returncode == 0, done.stderr
    assert "h36m_c2f: 4 samples, h36m_17" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == [
        "report.json",
        "samples.png",
    ]


def test_a_check_of_broken_data_ends_in_1(prepare, crops_root):
    image = sorted((crops_root / "images").iterdir())[2]
    image.write_bytes(image.read_bytes()[:-300])
    done = prepare("--check", "--source=h36m_c2f", f"--root={crops_root}")
    assert done.returncode == 1
    assert f"PROBLEM: {image.name}: the image is damaged" in done.stdout
    assert done.stderr == ""


def test_a_check_finds_pictures_of_the_test_set(prepare, tmp_path, crops_root):
    assert prepare("--source=h36m_c2f", f"--root={crops_root}").returncode == 0
    os.rename(tmp_path / "new" / "out", tmp_path / "test")
    done = prepare(
        "--check",
        "--source=h36m_c2f",
        f"--root={crops_root}",
        "--subjects=S1",
        f"--against={tmp_path / 'test'}",
    )
    assert done.returncode == 1
    assert "PROBLEM: 3 samples have a picture that is in" in done.stdout


def test_images_are_cut_to_their_people(prepare, tmp_path, crops_root):
    done = prepare(
        "--source=h36m_c2f",
        f"--root={crops_root}",
        "--crop=40",
        "--crop_margin=1",
    )
    assert done.returncode == 0, done.stderr
    assert "predict.py" not in done.stdout
    (shard,) = (tmp_path / "new" / "out").glob("*.tfrecord")
    for record in tf.data.TFRecordDataset([str(shard)]):
        fields = records.decode(record.numpy(), 17)
        assert tf.io.decode_jpeg(fields["image"]).shape == (40, 40, 3)
        np.testing.assert_allclose(fields["box"], [0, 5, 40, 30], atol=1e-4)


PREPARED_WITHOUT_TENSORFLOW = """
import runpy, sys
try:
    runpy.run_path("prepare.py", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
loaded = {name.partition(".")[0] for name in sys.modules}
assert "keras_pose" in loaded
assert not loaded & {"tensorflow", "keras"}, loaded
"""


@pytest.mark.parametrize("source", ["h36m_c2f", "synthetic"])
def test_preparing_needs_no_tensorflow(tmp_path, crops_root, source):
    flags = {
        "h36m_c2f": [f"--root={crops_root}"],
        "synthetic": ["--count=1", "--image_size=64", "--processes=1"],
    }[source]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PREPARED_WITHOUT_TENSORFLOW,
            f"--source={source}",
            f"--out={tmp_path}/out",
            *flags,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out").rglob("dataset.json"))


@pytest.mark.slow
def test_a_data_set_is_rendered_and_kept(prepare, tmp_path):
    out = tmp_path / "new" / "out"
    flags = ("--source=synthetic", "--count=9", "--image_size=64", "--seed=3")
    for _ in range(2):
        done = prepare(*flags)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            f"{out}/train: 8 samples",
            f"{out}/validation: 1 samples",
            f"{out}/contact_sheet.png: the first of them",
        ]
        assert done.stderr == ""
    assert (out / "contact_sheet.png").exists()
    shards = [str(path) for path in (out / "train").glob("*.tfrecord")]
    assert sum(1 for _ in tf.data.TFRecordDataset(shards)) == 8
    done = prepare(*flags[:-1])
    assert done.returncode == 1
    assert done.stderr == (
        f"prepare.py: error: {out} was made with another seed; take another "
        "folder, or delete it\n"
    )
