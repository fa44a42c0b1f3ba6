import base64
import dataclasses
import hashlib
import html.parser
import json
import re

import numpy as np
import pytest

from keras_pose.outputs import page_data
from keras_pose.outputs.page import write_page
from keras_pose.pose import Pose
from keras_pose.pose import Poses
from keras_pose.recording import Recorder
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import SKELETONS

JPEG = b"\xff\xd8\xff\xd9"
SIZE = (640, 360)
INTRINSICS = np.array([[700.0, 0, 320], [0, 650, 180], [0, 0, 1]])
EVIL = '<img src=x onerror="document.title=1">&amp;</script><script>"\'.jpg'


def made_pose(seed, person=1, skeleton=H36M_17, **changes):
    rng = np.random.default_rng(seed)
    joints = skeleton.num_joints
    relative = rng.normal(0, 400, (joints, 3))
    if skeleton.root is not None:
        relative[skeleton.root] = 0
    values = {
        "joints_mm": relative,
        "joints_camera_mm": relative + [100 * person, -50, 4000 + seed],
        "joints_px": rng.uniform(0, 600, (joints, 2)),
        "std_mm": rng.uniform(10, 90, joints),
        "confidence": rng.uniform(0, 1, joints),
        "box": rng.uniform(0, 300, 4),
        "box_from": "given",
        "position_from": f"bones of person {person}",
    }
    return Pose(skeleton=skeleton, person=person, **{**values, **changes})


def recording_of(frames, kind="video", names=None, skeleton=H36M_17, size=SIZE):
    """Frames, each a list of poses, ten a second."""
    recorder = Recorder(skeleton, "model.tflite", kind)
    for number, people in enumerate(frames):
        recorder.add(
            names[number] if names else f"clips/walk.mp4#{number}",
            None if kind == "photos" else number / 10,
            Poses(
                skeleton, tuple(people), size, INTRINSICS, "given", np.zeros(5)
            ),
        )
    return recorder.finish(None if kind == "photos" else 10.0)


@pytest.fixture
def three_frames():
    """Two people, nobody, one."""
    return recording_of(
        [[made_pose(0, 1), made_pose(1, 2)], [], [made_pose(2, 2)]]
    )


def numbers(array):
    """An array of the page as a browser reads it; NaN where not known."""
    stored = np.frombuffer(
        base64.b64decode(array["base64"]),
        {"uint8": "u1", "int16": "<i2", "int32": "<i4", "float32": "<f4"}[
            array["type"]
        ],
    ).reshape(array["shape"])
    unknown = {"uint8": 255, "int16": -32768}.get(array["type"])
    return np.where(stored == unknown, np.nan, stored * array["step"])


def texts(repeated):
    return [
        repeated["values"][i] for i in numbers(repeated["index"]).astype(int)
    ]


class Tags(html.parser.HTMLParser):
    """Elements and their attributes, and the text within scripts and title."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.contents, self.within = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.contents.append("")
        self.within = True

    def handle_endtag(self, tag):
        self.within = False

    def handle_data(self, data):
        if self.within:
            self.contents[-1] += data

    def of(self, name):
        return [
            (attributes, content)
            for (tag, attributes), content in zip(
                self.tags, self.contents, strict=True
            )
            if tag == name
        ]


def written(tmp_path, recording, pictures=()):
    path = tmp_path / "page.html"
    write_page(path, recording, pictures)
    return path.read_text(encoding="utf-8")


def data_of(page):
    scripts = Tags(page).of("script")
    (text,) = (text for tag, text in scripts if tag.get("id") == "data")
    return json.loads(text)


# Content.


def test_joints_in_3d_are_those_of_the_recording(tmp_path, three_frames):
    poses = data_of(written(tmp_path, three_frames))["poses"]
    joints = numbers(poses["placeMm"])[:, None] + numbers(poses["jointsMm"])
    np.testing.assert_allclose(
        joints, three_frames.joints_camera_mm, atol=0.0505
    )
    # Root-relative is without the place.
    np.testing.assert_allclose(
        numbers(poses["jointsMm"]), three_frames.joints_mm, atol=0.0505
    )


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
def test_joints_and_boxes_are_shares_of_the_longer_side(tmp_path, size):
    recording = recording_of([[made_pose(0)], [made_pose(1)]], size=size)
    poses = data_of(written(tmp_path, recording))["poses"]
    step = 640 / 16384
    # A joint at (0, 0) is half a pixel from the image's corner, a box is at it.
    np.testing.assert_allclose(
        numbers(poses["jointsShare"]) * 640 - 0.5,
        recording.joints_px,
        atol=step,
    )
    np.testing.assert_allclose(
        numbers(poses["boxShare"]) * 640, recording.box, atol=step
    )


def test_who_is_where_and_how_sure(tmp_path, three_frames):
    data = data_of(written(tmp_path, three_frames))
    poses = data["poses"]
    assert numbers(poses["frame"]).tolist() == [0, 0, 2]
    assert numbers(poses["person"]).tolist() == [1, 2, 2]
    assert texts(poses["boxFrom"]) == ["given"] * 3
    assert texts(poses["placeFrom"]) == [
        "bones of person 1",
        "bones of person 2",
        "bones of person 2",
    ]
    np.testing.assert_allclose(
        numbers(poses["confidence"]), three_frames.confidence, atol=0.002
    )
    np.testing.assert_allclose(
        numbers(poses["stdMm"]), three_frames.std_mm.mean(axis=1), rtol=1e-6
    )


def test_frames_names_times_sizes_and_cameras(tmp_path, three_frames):
    data = data_of(written(tmp_path, three_frames))
    frames = data["frames"]
    assert data["kind"] == "video"
    assert data["framesPerSecond"] == 10
    assert data["frameCount"] == 3
    assert data["model"] == "model.tflite"
    assert frames["names"] == [f"clips/walk.mp4#{i}" for i in range(3)]
    np.testing.assert_allclose(numbers(frames["timeS"]), [0, 0.1, 0.2])
    assert numbers(frames["sizePx"]).tolist() == [[640, 360]] * 3
    assert texts(frames["camera"]) == ["given"] * 3
    corners = numbers(frames["corners"]["values"])[
        numbers(frames["corners"]["index"]).astype(int)
    ].reshape(3, 4, 3)
    left, right = (-0.5 - 320) / 700, (639.5 - 320) / 700
    top, bottom = (-0.5 - 180) / 650, (359.5 - 180) / 650
    outline = [
        [left, top, 1],
        [right, top, 1],
        [right, bottom, 1],
        [left, bottom, 1],
    ]
    np.testing.assert_allclose(corners, [outline] * 3, rtol=1e-5)


def test_the_skeleton_and_its_sides(tmp_path, three_frames):
    skeleton = data_of(written(tmp_path, three_frames))["skeleton"]
    assert skeleton["joints"][4] == "left hip"
    assert skeleton["parents"][4] == 0
    assert skeleton["root"] == 0
    assert skeleton["sides"][:5] == [
        "centre",
        "right",
        "right",
        "right",
        "left",
    ]


def test_angles_are_of_each_pose_by_name(tmp_path, three_frames, monkeypatch):
    def joint_angles(skeleton, joints_mm):
        assert skeleton is H36M_17
        depth = joints_mm[:, 3, 2] / 10
        return {
            "left_knee_flexion": depth,
            "right_knee_flexion": np.array([1.0, np.nan, 3.0]),
            "trunk_lean": np.full(3, np.nan),
        }

    monkeypatch.setattr(page_data.angles, "joint_angles", joint_angles)
    angles = data_of(written(tmp_path, three_frames))["poses"]["angles"]
    # One that is nowhere known is not offered.
    assert list(angles) == ["left_knee_flexion", "right_knee_flexion"]
    np.testing.assert_allclose(
        numbers(angles["left_knee_flexion"]),
        three_frames.joints_mm[:, 3, 2] / 10,
        atol=0.0505,
    )
    np.testing.assert_allclose(
        numbers(angles["right_knee_flexion"]), [1, np.nan, 3], atol=1e-6
    )


def test_what_is_not_known_is_nan(tmp_path):
    joints = np.ones((17, 3))
    joints[5] = np.nan
    pixels = np.ones((17, 2))
    pixels[6] = np.inf
    pose = made_pose(
        0,
        joints_camera_mm=joints,
        joints_px=pixels,
        confidence=None,
        std_mm=None,
    )
    poses = data_of(written(tmp_path, recording_of([[pose]])))["poses"]
    assert np.isnan(numbers(poses["jointsMm"])[0, 5]).all()
    assert np.isnan(numbers(poses["jointsShare"])[0, 6]).all()
    assert np.isnan(numbers(poses["jointsMm"])).sum() == 3
    assert np.isnan(numbers(poses["confidence"])).all()
    assert np.isnan(numbers(poses["stdMm"])).all()


def test_numbers_beyond_the_range_end_at_it(tmp_path):
    joints = np.zeros((17, 3))
    joints[1] = 1e6, -1e6, 3000
    pose = made_pose(0, joints_camera_mm=joints)
    poses = data_of(written(tmp_path, recording_of([[pose]])))["poses"]
    np.testing.assert_allclose(
        numbers(poses["jointsMm"])[0, 1], [3276.7, -3276.7, 3000]
    )


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=list(SKELETONS))
def test_every_skeleton_has_a_page(tmp_path, skeleton):
    recording = recording_of([[made_pose(0, 1, skeleton)]], skeleton=skeleton)
    poses = data_of(written(tmp_path, recording))["poses"]
    joints = numbers(poses["placeMm"])[:, None] + numbers(poses["jointsMm"])
    np.testing.assert_allclose(joints, recording.joints_camera_mm, atol=0.051)
    root = skeleton.root
    place = (
        recording.joints_camera_mm.mean(axis=1)
        if root is None
        else recording.joints_camera_mm[:, root]
    )
    np.testing.assert_allclose(numbers(poses["placeMm"]), place, rtol=1e-6)


def test_nobody_in_any_frame_is_a_page_too(tmp_path):
    data = data_of(written(tmp_path, recording_of([[], []])))
    assert numbers(data["poses"]["frame"]).size == 0
    assert len(data["frames"]["names"]) == 2


@pytest.mark.parametrize(
    ("kind", "names", "title"),
    [
        ("photos", ["album/me.jpg"], "me.jpg"),
        ("photos", ["a#1.jpg"], "a#1.jpg"),
        ("photos", ["a.jpg", "b.jpg"], "2 photos"),
        (
            "video",
            ["a/my #1 clip.mp4#0", "a/my #1 clip.mp4#1"],
            "my #1 clip.mp4",
        ),
        ("video", [r"C:\films\walk.mp4#12"], "walk.mp4"),
        ("camera", ["camera 0"], "camera 0"),
    ],
)
def test_the_title_says_what_it_is_of(tmp_path, kind, names, title):
    page = written(tmp_path, recording_of([[] for _ in names], kind, names))
    assert Tags(page).of("title")[0][1] == title
    assert data_of(page)["title"] == title


# Pictures, and what has no room.


def test_pictures_are_inlined_by_frame(tmp_path, three_frames):
    pictures = {2: JPEG + b"two", 0: JPEG + b"zero"}
    data = data_of(written(tmp_path, three_frames, pictures))
    assert {
        frame: base64.b64decode(text)
        for frame, text in data["pictures"].items()
    } == {"0": JPEG + b"zero", "2": JPEG + b"two"}
    pairs = data_of(written(tmp_path, three_frames, iter(pictures.items())))
    assert pairs == data
    # A video keeps its frames without a picture.
    assert len(data["frames"]["names"]) == 3


def test_photos_without_a_picture_are_left_out(tmp_path):
    recording = recording_of(
        [[made_pose(i)] for i in range(4)], "photos", list("abcd")
    )
    data = data_of(written(tmp_path, recording, {1: JPEG, 3: JPEG}))
    assert data["frames"]["names"] == ["b", "d"]
    assert data["frameCount"] == 4
    assert numbers(data["frames"]["number"]).tolist() == [1, 3]
    assert numbers(data["poses"]["frame"]).tolist() == [0, 1]
    np.testing.assert_allclose(
        numbers(data["poses"]["placeMm"]),
        recording.joints_camera_mm[[1, 3], 0],
        rtol=1e-6,
    )


def long_recording(num_frames, people):
    """One pose many times, the person's place and number by the frame."""
    recording = recording_of([[made_pose(0)]])
    frame = np.repeat(np.arange(num_frames), people)
    repeated = {
        field: np.repeat(getattr(recording, field), len(frame), axis=0)
        for field in (
            *("box", "joints_mm", "joints_camera_mm", "joints_px"),
            *("std_mm", "confidence"),
        )
    }
    repeated["joints_camera_mm"] += frame[:, None, None]
    return dataclasses.replace(
        recording,
        frame_names=tuple(f"a.mp4#{i}" for i in range(num_frames)),
        times_s=np.arange(num_frames) / 30,
        sizes_px=np.tile(SIZE, (num_frames, 1)),
        intrinsics=np.tile(INTRINSICS, (num_frames, 1, 1)),
        intrinsics_from=("given",) * num_frames,
        distortion=np.zeros((num_frames, 5)),
        frame=frame,
        person=np.tile(np.arange(people) + 1, num_frames),
        box_from=("given",) * len(frame),
        position_from=("bones",) * len(frame),
        **repeated,
    )


def test_5000_frames_are_all_there(tmp_path):
    data = data_of(written(tmp_path, long_recording(5000, 1)))
    assert numbers(data["frames"]["number"]).tolist() == list(range(5000))
    assert numbers(data["poses"]["frame"]).tolist() == list(range(5000))


def test_a_long_video_is_thinned_evenly(tmp_path):
    recording = long_recording(30_000, 2)
    data = data_of(written(tmp_path, recording))
    kept = numbers(data["frames"]["number"]).astype(int)
    stride = kept[1]
    assert stride > 1
    assert kept.tolist() == list(range(0, 30_000, stride))
    assert data["frames"]["names"] == [f"a.mp4#{i}" for i in kept]
    np.testing.assert_allclose(
        numbers(data["frames"]["timeS"]), kept / 30, rtol=1e-6
    )
    # Each frame has its own two people.
    frame = numbers(data["poses"]["frame"]).astype(int)
    assert frame.tolist() == np.repeat(np.arange(len(kept)), 2).tolist()
    first = recording.joints_camera_mm[0, 0, 2]
    np.testing.assert_allclose(
        numbers(data["poses"]["placeMm"])[:, 2], first + kept[frame], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("people", "folder"), [(0, ""), (1, "long/" * 40), (8, "")]
)
def test_the_largest_page_has_less_than_25_mb(tmp_path, people, folder):
    recording = long_recording(40_000, people)
    names = tuple(folder + name for name in recording.frame_names)
    recording = dataclasses.replace(recording, frame_names=names)
    rng = np.random.default_rng(0)
    pictures = {i: JPEG + rng.bytes(34_996) for i in range(300)}
    path = tmp_path / "page.html"
    write_page(path, recording, pictures)
    assert path.stat().st_size < 25e6


# What a file's name must not do, and what the browser must not load.


def test_names_are_text_wherever_they_stand(tmp_path):
    recording = recording_of([[made_pose(0)]], "photos", [EVIL])
    recording = dataclasses.replace(recording, model=EVIL, box_from=(EVIL,))
    page = written(tmp_path, recording)
    tags = Tags(page)
    assert "img" not in {tag for tag, _ in tags.tags}
    assert len(tags.of("script")) == 3
    assert data_of(page)["frames"]["names"] == [EVIL]
    assert data_of(page)["model"] == EVIL
    assert tags.of("title")[0][1] == EVIL.rpartition("/")[2]


def test_names_need_not_be_unicode(tmp_path):
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    page = written(tmp_path, recording_of([[]], "photos", [name]))
    assert Tags(page).of("title")[0][1] == "caf?.jpg"
    assert data_of(page)["frames"]["names"] == [name]


def test_braces_of_a_name_are_not_filled_in(tmp_path):
    recording = recording_of([[]], "photos", ["{{script}} {{policy}}"])
    assert data_of(written(tmp_path, recording))["frames"]["names"] == [
        "{{script}} {{policy}}"
    ]


def test_only_the_scripts_of_the_page_may_run(tmp_path, three_frames):
    tags = Tags(written(tmp_path, three_frames, {0: JPEG}))
    (policy,) = (
        tag["content"]
        for tag, _ in tags.of("meta")
        if tag.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data: blob:"
    assert set(rules) == {
        *("default-src", "script-src", "style-src", "img-src"),
        *("base-uri", "form-action"),
    }
    run = [text for tag, text in tags.of("script") if "type" not in tag]
    assert len(run) == 2
    assert rules["script-src"].split() == [
        "'sha256-"
        + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        + "'"
        for text in run
    ]


def test_nothing_is_loaded_from_elsewhere(tmp_path, three_frames):
    page = written(tmp_path, three_frames, {0: JPEG})
    tags = Tags(page)
    for tag, attributes in tags.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "img"}
        assert not {"src", "href", "srcset", "data", "action"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    ((_, style),) = tags.of("style")
    assert "url(" not in style
    assert "@import" not in style
    # Plotly names addresses of maps, which are never drawn here.
    (plotly,) = (t for _, t in tags.of("script") if "plotly.js v" in t[:200])
    own = page.replace(plotly, "")
    assert not re.findall(r"https?://[^\s\"'`)]+", own)


def test_plotly_is_inlined_once(tmp_path, three_frames):
    assert written(tmp_path, three_frames).count("* plotly.js v") == 1


def test_the_same_recording_gives_the_same_bytes(tmp_path, three_frames):
    first = written(tmp_path, three_frames, {0: JPEG})
    assert written(tmp_path, three_frames, {0: JPEG}) == first


# Bad input.


def test_a_recording_without_frames_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`recording` must have a frame"):
        write_page(tmp_path / "page.html", recording_of([]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("frame", [-1, 3])
def test_a_picture_of_no_frame_is_refused(tmp_path, three_frames, frame):
    with pytest.raises(ValueError, match=rf"0 to 2. Received: {frame}"):
        write_page(tmp_path / "page.html", three_frames, {frame: JPEG})


def test_a_picture_that_is_no_jpeg_is_refused(tmp_path, three_frames):
    with pytest.raises(ValueError, match="must be JPEG files.*PNG"):
        write_page(tmp_path / "page.html", three_frames, {1: b"\x89PNG"})
