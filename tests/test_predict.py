"""The command as a user runs it, on a made network."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import keras_pose
from keras_pose.geometry.volume import MetricVolume
from keras_pose.outputs.pose_json import read_json
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import tflite
from keras_pose.skeleton import H36M_17
from tests.media import made_videos

ROOT = pathlib.Path(__file__).parents[1]
SIZE = 32
GUESS = "no camera was given: 55 degrees across the longer side is a guess"
TIMES = [0.0, 0.04, 0.1, 0.14]


class Network(tf.Module):
    """Poses that lean to where the picture is red and green."""

    @tf.function(
        input_signature=[tf.TensorSpec([1, SIZE, SIZE, 3], tf.uint8, "image")]
    )
    def __call__(self, image):
        pose = 0.5 + np.random.default_rng(0).uniform(-0.3, 0.3, (17, 3))
        colour = tf.reduce_mean(tf.cast(image, tf.float32), (1, 2)) / 255
        lean = tf.reshape(colour - 0.5, (1, 1, 3)) * 0.3
        weight = np.linspace(0, 1, 17, dtype=np.float32)[None, :, None]
        return {
            "pose": tf.constant(pose[None], tf.float32) + lean * weight,
            "confidence": tf.reduce_mean(colour) * tf.ones((1, 17)),
        }


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Its TFLite file."""
    folder = tmp_path_factory.mktemp("network")
    network = Network()
    tf.saved_model.save(network, str(folder / "saved"), network.__call__)
    spec = PoseSpec(H36M_17, MetricVolume(2200), SIZE, 1.25, (250.0,) * 17)
    tflite.export_tflite(
        str(folder / "saved"), spec, str(folder / "net.tflite")
    )
    return str(folder / "net.tflite")


@pytest.fixture(autouse=True)
def no_log_level(monkeypatch):
    """Scripts are loud where it is set, which tf2onnx does when imported."""
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)


@pytest.fixture
def here(tmp_path):
    """Where the user stands: photos/a.png and b.png, and v.mp4."""
    (tmp_path / "photos").mkdir()
    for seed, name in enumerate("ab"):
        pixels = np.random.default_rng(seed).integers(0, 256, (5, 8, 3))
        image = Image.fromarray(np.uint8(pixels))
        image.resize((320, 200)).save(tmp_path / f"photos/{name}.png")
    made_videos.write(tmp_path / "v.mp4", TIMES)
    return tmp_path


@pytest.fixture
def predict(here, model):
    """Gives `(*arguments) -> finished process`."""

    def run(*arguments):
        return subprocess.run(
            command(model, *arguments),
            cwd=here,
            capture_output=True,
            text=True,
        )

    return run


def command(model, *arguments):
    script = str(ROOT / "predict.py")
    return [sys.executable, script, f"--model={model}", *arguments]


def test_a_photo_becomes_what_is_printed(predict, here):
    done = predict("--input=photos/a.png", "--boxes=image", "--out=out")
    assert done.returncode == 0
    summary, *paths = done.stdout.splitlines()
    assert summary.startswith("1 photo, 1 person, ")
    names = ["a.jpg", "a_3d.png", "page.html", "poses.json"]
    assert paths == [f"out/{name}" for name in names]
    assert sorted(os.listdir(here / "out")) == names
    # And nothing that a runtime says on its own.
    (line,) = done.stderr.splitlines()
    assert line.startswith(GUESS)


def test_boxes_of_a_file_give_what_the_predictor_gives(predict, here, model):
    boxes = {
        "photos/a.png": [[10, 20, 90, 150], [150, 5, 120, 190]],
        "b.png": [],
    }
    (here / "boxes.json").write_text(json.dumps(boxes))
    done = predict(
        "--input=photos",
        "--boxes=boxes.json",
        "--intrinsics=300,310,150,90",
        "--distortion=0.1,0,0,0,0",
        "--root_depth=4000",
        "--flip",
        "--formats=json",
        "--out=out",
    )
    assert (done.returncode, done.stderr) == (0, "")
    recording = read_json(here / "out/poses.json")
    assert recording.frame_names == ("photos/a.png", "photos/b.png")
    assert recording.frame.tolist() == [0, 0]
    expected = keras_pose.load(model)(
        here / "photos/a.png",
        boxes["photos/a.png"],
        [[300, 0, 150], [0, 310, 90], [0, 0, 1]],
        [0.1, 0, 0, 0, 0],
        [4000, 4000],
        flip=True,
    )
    found = recording.joints_camera_mm
    assert np.abs(found[0] - found[1]).max() > 10
    for row, pose in enumerate(expected):
        np.testing.assert_allclose(found[row], pose.joints_camera_mm, atol=2e-3)


def test_a_video_is_followed_from_its_box(predict, here):
    done = predict(
        "--input=v.mp4",
        "--box=20,10,60,80",
        "--field_of_view=60",
        "--formats=json,picture,bvh,trc",
        "--out=out",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("4 frames, 1 person, ")
    names = ["film.mp4", "person1.bvh", "person1.trc", "poses.json"]
    assert sorted(os.listdir(here / "out")) == names
    recording = read_json(here / "out/poses.json")
    assert recording.frame_names[3] == "v.mp4#3"
    assert recording.person.tolist() == [1] * 4
    assert recording.box_from[:2] == ("given", "followed")
    np.testing.assert_allclose(recording.times_s, TIMES)


@pytest.mark.slow
def test_poses_of_a_video_are_smoothed_unless_told(predict, here):
    joints = {}
    for flag in ("--smooth", "--nosmooth"):
        boxes = "--boxes=image"
        out = f"--out={flag[2:]}"
        done = predict("--input=v.mp4", boxes, flag, "--formats=npz", out)
        assert done.returncode == 0, done.stderr
        with np.load(here / flag[2:] / "poses.npz") as arrays:
            joints[flag] = arrays["joints_camera_mm"]
    smooth, raw = joints["--smooth"], joints["--nosmooth"]
    np.testing.assert_allclose(smooth[0], raw[0], atol=1e-3)
    assert np.ptp(smooth, axis=0).max() < 0.9 * np.ptp(raw, axis=0).max()


def test_what_was_left_out_or_guessed_is_told(predict, here):
    for name in "ab":
        Image.new("RGB", (320, 200)).save(here / f"photos/{name}.png")
    (here / "photos/notes.txt").write_text("mine")
    (here / "photos/c.jpg").write_bytes(b"\xff\xd8\xff half")
    done = predict("--input=photos", "--formats=json", "--out=out")
    assert done.returncode == 0
    notes, damaged, guess, nobody = done.stderr.splitlines()
    assert notes.startswith("photos: 1 files that are no image")
    assert damaged.startswith("left out: photos/c.jpg: ")
    assert guess.startswith(GUESS)
    names = "photos/a.png, photos/b.png"
    assert nobody.startswith(f"nobody was found in 2 photos, {names}: ")


@pytest.mark.slow
def test_a_video_without_people_is_a_result(predict, here):
    done = predict("--input=v.mp4", "--formats=json,still,page", "--out=out")
    assert done.returncode == 0
    assert "there is nobody in the results" in done.stderr.splitlines()[-1]
    assert done.stdout.startswith("4 frames, 0 people, ")
    assert sorted(os.listdir(here / "out")) == ["page.html", "poses.json"]


PHOTO, OUT = "--input=photos/a.png", "--out=out"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input=a.jpg"], "--out must be given with --input"),
        ([], "either --input or --dataset must be given"),
        (["--dataset=d"], "--csv must be given with --dataset"),
        (
            ["--dataset=d", "--csv=a.csv", "--box=1,2,3,4"],
            "--box must not be given with --dataset",
        ),
        ([PHOTO, OUT, "--crops=5"], "--crops must not be given with --input"),
        (
            [PHOTO, OUT, "--box=1,2,3,4", "--boxes=image"],
            "--box must not be given with --boxes",
        ),
        (
            [PHOTO, OUT, "--detector=hog", "--boxes=image"],
            "--detector must not be given with --boxes",
        ),
        (
            [PHOTO, OUT, "--intrinsics=1,2,3,4", "--field_of_view=60"],
            "the camera must be given once. "
            "Received: --intrinsics and --field_of_view",
        ),
    ],
)
def test_flags_must_go_together(arguments, message, predict, here):
    refused(predict(*arguments), message, here)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [PHOTO, OUT, "--camera=no.json", "--distortion=0,0,0,0,0"],
            "--distortion must stand in the --camera file",
        ),
        ([PHOTO, OUT, "--camera=no.json"], "no.json: cannot be read: No such"),
        (
            [PHOTO, OUT, "--detector=hog", "--box=1,2,3,4"],
            "--detector must not be given with --box for photos",
        ),
        ([PHOTO, OUT, "--box=1,2,3"], "--box must be 4 numbers. Received: 1,2"),
        ([PHOTO, OUT, "--box=1,2,a,4"], "--box must be 4 numbers."),
        ([PHOTO, OUT, "--boxes=a.csv"], "a.csv: line 3: column `x` must be a"),
        ([PHOTO, OUT, "--boxes=no.csv"], "no.csv: cannot be read: No such"),
        ([PHOTO, OUT, "--boxes=hog"], "a file of boxes must be a .csv or .js"),
        ([PHOTO, OUT, "--every=0"], "flag --every=0"),
        (["--input=none.jpg", OUT], "none.jpg: no such file or folder"),
        (["--input=sound.m4a", OUT], "sound.m4a: must hold a picture. "),
        (["--input=b.csv", OUT], "b.csv: must be a photo (JPEG, PNG, "),
        (["--input=photos,v.mp4", OUT], "`inputs` must be photos alone, one"),
        (["--input=v.mp4", "--start=9", OUT], "`start_s` must lie before the"),
        ([PHOTO, "--start=9", OUT], "`start_s` and `end_s` must be left out"),
        ([PHOTO, "--out=v.mp4"], "`out` must be a folder. Received: "),
        ([PHOTO, "--formats=json,fbx", OUT], "`formats` must be of json, csv"),
        ([PHOTO, "--detector=d.onnx", OUT], "d.onnx: cannot be read: No such"),
        ([PHOTO, "--box=900,1,2,3", OUT], "`boxes` must overlap"),
        (["--input=v.mp4", "--box=900,1,2,3", OUT], "`first_boxes` must over"),
        ([PHOTO, "--boxes=b.csv", OUT], "`boxes` must have the names of fram"),
        (["--input=photos", "--boxes=c.csv", OUT], "`boxes` must overlap"),
        ([PHOTO, "--field_of_view=400", OUT], "`field_of_view` must be 1 to"),
        ([PHOTO, "--root_depth=-4", OUT], "`root_depths` must be a positive"),
        ([PHOTO, "--intrinsics=0,1,1,1", OUT], "`intrinsics` must have"),
        ([PHOTO, "--crop_model=b.csv", OUT], "a model must be a"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(
    arguments, message, predict, here
):
    made_videos.write_sound(here / "sound.m4a")
    for name, rows in (
        ("a.csv", "a.png,1,2,3,4\na.png,one,2,3,4\n"),
        ("b.csv", "z.png,1,2,3,4\n"),
        ("c.csv", "a.png,1,2,3,4\nb.png,900,2,3,4\n"),
    ):
        (here / name).write_text(f"image,x,y,width,height\n{rows}")
    # The error of c.csv comes when the first photo is on the disk.
    refused(predict(*arguments, "--batch_size=1"), message, here)


def refused(done, message, here):
    before = {"photos", "v.mp4", "sound.m4a", "a.csv", "b.csv", "c.csv"}
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"predict.py: error: {message}")
    assert set(os.listdir(here)) <= before


@pytest.mark.slow
@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")],
)
def test_signals_leave_the_folder_as_it_was(
    number, said, is_there, here, model
):
    made_videos.write(here / "long.mp4", np.arange(5000) / 20)
    arguments = ["--input=long.mp4", "--boxes=image", "--out=out"]
    if is_there:
        (here / "out").mkdir()
        (here / "out/film.mp4").write_text("old")
    before = sorted(os.listdir(here))
    running = subprocess.Popen(
        command(model, *arguments, "--formats=picture,json"),
        cwd=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(here.rglob(".out.partial-*/*.mp4")):
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(number)
    printed, told = running.communicate()
    assert running.returncode == 128 + number
    assert (printed, told) == ("", f"predict.py: {said}\n")
    assert sorted(os.listdir(here)) == before
    if is_there:
        assert os.listdir(here / "out") == ["film.mp4"]
        assert (here / "out/film.mp4").read_text() == "old"


@pytest.mark.slow
def test_a_terminal_shows_how_far_it_is_above_the_result(here, model):
    ours, its = pytest.importorskip("pty").openpty()
    arguments = ["--input=v.mp4", "--boxes=image", OUT, "--formats=json"]
    with subprocess.Popen(
        command(model, *arguments), cwd=here, stdout=its, stderr=its
    ) as running:
        os.close(its)
        shown = b"".join(iter(lambda: read(ours), b""))
    assert running.returncode == 0
    bar, guess, summary, path = shown.decode().split("\r\n")[:-1]
    assert bar.rpartition("\r")[2].startswith("4/4 frames, ")
    assert guess.startswith(GUESS)
    assert summary.startswith("4 frames, 1 person, ")
    assert path == "out/poses.json"


def read(terminal):
    """What a terminal shows next; nothing when it is closed."""
    try:
        return os.read(terminal, 1000)
    except OSError:
        return b""
