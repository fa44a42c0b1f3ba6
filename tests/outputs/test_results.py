import json
import os

import numpy as np
import pytest
from PIL import Image

from keras_pose.media.frame import Frame
from keras_pose.outputs.pose_json import read_json
from keras_pose.outputs.results import FORMATS
from keras_pose.outputs.results import Results
from keras_pose.skeleton import H36M_17

IMAGE = np.full((300, 600, 3), 120, np.uint8)


def results(folder, formats=None, kind="photos", rate=None):
    if formats is None:
        formats = [name for name in FORMATS if name != "webm" or rate]
    return Results(folder, formats, H36M_17, "net.tflite", kind, rate)


def fill(folder, frames, **options):
    with results(folder, **options) as made:
        for frame, poses in frames:
            made.add(frame, poses)
        paths = made.finish()
    return [os.path.basename(path) for path in paths]


def photo(name):
    return Frame(name, None, IMAGE)


def test_photos_have_every_format(tmp_path, make_poses):
    out = tmp_path / "out"
    frames = [
        (photo("a/one.jpg"), make_poses((0, 0), (200, 50))),
        (photo("two.png"), make_poses((20, 30))),
    ]
    names = fill(out, frames)
    persons = ["one_person1", "one_person2", "two_person1"]
    assert (
        sorted(os.listdir(out))
        == names
        == sorted(
            ["angles.csv", "page.html", "poses.csv", "poses.json", "poses.npz"]
            + ["one.jpg", "two.jpg", "one_3d.png", "two_3d.png"]
            + [f"{person}.bvh" for person in persons]
            + [f"{person}_fixed.bvh" for person in persons]
            + [f"{person}.trc" for person in persons]
        )
    )
    recording = read_json(out / "poses.json")
    assert recording.frame_names == ("a/one.jpg", "two.png")
    assert recording.person.tolist() == [1, 2, 1]
    with Image.open(out / "one.jpg") as drawn:
        assert drawn.size == (600, 300)
    # Photos' people have nothing in common: each file has one of them.
    assert "Frames: 1\n" in (out / "one_person2.bvh").read_text()


def test_a_video_has_every_format(tmp_path, make_poses):
    out = tmp_path / "out"
    frames = [
        (Frame(f"v.mp4#{n}", n / 10, IMAGE), make_poses((5 * n, 0)))
        for n in range(4)
    ]
    names = fill(out, frames, kind="video", rate=10.0)
    assert names == sorted(
        ["angles.csv", "page.html", "poses.csv", "poses.json", "poses.npz"]
        + ["film.mp4", "film.webm", "still.png"]
        + ["person1.bvh", "person1_fixed.bvh", "person1.trc"]
    )
    assert "Frames: 4\n" in (out / "person1.bvh").read_text()
    assert read_json(out / "poses.json").frames_per_second == 10


def test_the_still_of_a_video_is_where_most_is_seen(
    tmp_path, make_poses, monkeypatch
):
    shown = []
    monkeypatch.setattr(
        "keras_pose.outputs.still.write_still",
        lambda path, poses, image: shown.append(len(poses)),
    )
    counts = [(), ((0, 0), (9, 9)), ((0, 0),)]
    frames = [
        (Frame(f"v.mp4#{n}", n / 10, IMAGE), make_poses(*moves))
        for n, moves in enumerate(counts)
    ]
    fill(tmp_path / "out", frames, kind="video", formats=["still"])
    assert shown == [2]


def test_results_without_anybody_are_results(tmp_path, make_poses):
    names = fill(tmp_path / "out", [(photo("a.jpg"), make_poses())])
    assert "poses.json" in names
    assert not [name for name in names if "person" in name]
    content = json.loads((tmp_path / "out/poses.json").read_text())
    assert content["frames"][0]["people"] == []


def test_names_are_told_apart_and_stay_in_the_folder(tmp_path, make_poses):
    wanted = {
        "x/a.jpg": "a.jpg",
        "y/a.png": "a-2.jpg",
        "a-2.jpg": "a-2-2.jpg",
        "A.jpg": "A-3.jpg",  # some disks take it for a.jpg
        "../../b.jpg": "b.jpg",
        "..": "...jpg",
        'q"<\n>.jpg': "q____.jpg",
        "走.jpg": "走.jpg",
        "/": "photo.jpg",
    }
    frames = [(photo(name), make_poses((0, 0))) for name in wanted]
    found = fill(tmp_path / "out", frames, formats=["picture"])
    assert found == sorted(wanted.values())
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("letter", ["a", "é", "走", "𝄞"])
def test_names_are_no_longer_than_disks_take(letter, tmp_path, make_poses):
    long = f"{letter * (250 // len(letter.encode()))}.jpg"
    frames = [(photo(name), make_poses((0, 0))) for name in (long, f"b/{long}")]
    found = fill(tmp_path / "out", frames, formats=["bvh_fixed", "still"])
    assert len(found) == 4
    assert all(name[0] == letter or letter == "𝄞" for name in found)


def test_an_error_leaves_the_folder_as_it_was(tmp_path, make_poses):
    out = tmp_path / "out"
    out.mkdir()
    (out / "poses.json").write_text("old")

    def frames():
        yield photo("a.jpg"), make_poses((0, 0))
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fill(out, frames())
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(out) == ["poses.json"]
    assert (out / "poses.json").read_text() == "old"


def test_other_files_of_the_folder_stay(tmp_path, make_poses):
    out = tmp_path / "out"
    out.mkdir()
    (out / "poses.json").write_text("old")
    (out / "mine.txt").write_text("mine")
    frames = [(photo("a.jpg"), make_poses((0, 0)))]
    assert fill(out, frames, formats=["json"]) == ["poses.json"]
    assert (out / "mine.txt").read_text() == "mine"
    assert (out / "poses.json").read_text() != "old"


@pytest.mark.parametrize("formats", [["json", "fbx"], []])
def test_formats_are_checked(formats, tmp_path):
    with pytest.raises(ValueError, match="`formats` must be of json, csv"):
        results(tmp_path / "out", formats)


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ValueError, match="`out` must be a folder.*out"):
        with results(tmp_path / "out"):
            pass
    assert (tmp_path / "out").read_text() == "mine"


def test_inputs_are_never_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (".", tmp_path, "link"):
        with pytest.raises(ValueError, match="`out` .* than that of the inp"):
            Results(folder, ["json"], H36M_17, "m", "photos", None, ["a.jpg"])
    Results("new", ["json"], H36M_17, "m", "photos", None, ["a.jpg"])


def test_webm_is_for_videos(tmp_path):
    with pytest.raises(ValueError, match="webm for videos alone"):
        results(tmp_path / "out", ["json", "webm"])
