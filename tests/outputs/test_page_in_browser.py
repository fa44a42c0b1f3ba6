"""What a browser makes of the page: Chromium, without a window."""

import html
import json
import pathlib
import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from keras_pose.outputs import page_data
from keras_pose.outputs.page import write_page
from keras_pose.pose import Pose
from keras_pose.pose import Poses
from keras_pose.recording import Recorder
from keras_pose.skeleton import H36M_17
from keras_pose.visualization import SIDE_COLOURS

WIDTH, HEIGHT = 400, 300
INTRINSICS = np.array([[500.0, 0, 199.5], [0, 500, 149.5], [0, 0, 1]])
EVIL = "<img src=x onerror=document.body.dataset.ran=1>"
FRAME = 7

# Where the wrists are on the picture, px, far from all other joints.
WRISTS = {"left_wrist": (350, 40), "right_wrist": (30, 260)}


@pytest.fixture(scope="module")
def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("there is no Chromium to open the page with")


@pytest.fixture(scope="module")
def recording():
    """12 frames of 2 people, the second from the sixth frame on."""
    rng = np.random.default_rng(0)
    recorder = Recorder(H36M_17, "model.tflite", "video")
    for frame in range(12):
        people = []
        for person in (1, 2)[: 1 + (frame > 5)]:
            joints_mm = rng.normal(0, 300, (17, 3))
            joints_mm[0] = 0
            pixels = rng.uniform(120, 180, (17, 2))
            if person == 1:
                for name, place in WRISTS.items():
                    pixels[H36M_17.joints.index(name)] = place
            people.append(
                Pose(
                    skeleton=H36M_17,
                    joints_mm=joints_mm,
                    joints_camera_mm=joints_mm
                    + [1000 * person - 1500, -200, 4000],
                    joints_px=pixels,
                    std_mm=None,
                    confidence=None,
                    box=np.array([100.0, 100, 100, 100]),
                    box_from=EVIL,
                    position_from="bones",
                    person=person,
                )
            )
        poses = Poses(
            H36M_17,
            tuple(people),
            (WIDTH, HEIGHT),
            INTRINSICS,
            "given",
            np.zeros(5),
        )
        recorder.add(f"{EVIL}#{frame}", frame / 10, poses)
    return recorder.finish(10.0)


@pytest.fixture(scope="module")
def written(recording, tmp_path_factory):
    """The page, with pictures of every fourth frame, and its known angles."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    _, jpeg = cv2.imencode(".jpg", np.full((150, 200, 3), 128, np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            page_data.angles,
            "joint_angles",
            lambda skeleton, joints: {
                "left_knee_flexion": joints[:, 5, 0] / 10,
                "trunk_side_lean": joints[:, 8, 0] / 10,
            },
        )
        write_page(path, recording, {i: jpeg.tobytes() for i in (0, 4, 8)})
    return path


def opened(chromium, path, profile, *options):
    """The document as it is after some seconds, and the browser's messages."""
    done = subprocess.run(
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--enable-unsafe-swiftshader", "--enable-logging=stderr"),
            *(f"--user-data-dir={profile}", "--virtual-time-budget=20000"),
            *options,
            *("--dump-dom", f"{path.as_uri()}#frame={FRAME}"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def document(chromium, written, tmp_path_factory):
    return opened(chromium, written, tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def seen(chromium, written, tmp_path_factory):
    """What the probe saw. The policy is left out, which would refuse it."""
    text = written.read_text(encoding="utf-8")
    text, count = re.subn(
        r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text
    )
    assert count == 1
    known = f"const WIDTH = {WIDTH}, WRISTS = {json.dumps(WRISTS)};"
    code = pathlib.Path(__file__).with_name("page_probe.js").read_text()
    path = written.with_name("probed.html")
    path.write_text(
        text.replace("</body>", f"<script>{known}{code}</script></body>"),
        encoding="utf-8",
    )
    dom, messages = opened(
        chromium,
        path,
        tmp_path_factory.mktemp("profile"),
        "--window-size=390,844",
    )
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
    assert found, messages[-2000:]
    return json.loads(html.unescape(found[1]))


def text_of(dom, identifier):
    found = re.search(rf'id="{identifier}"[^>]*>([^<]*)<', dom)
    return html.unescape(found[1])


def poses_of_the_frame(recording):
    return np.flatnonzero(recording.frame == FRAME)


def test_the_address_chooses_the_frame(document):
    dom, _ = document
    assert 'data-ready="true"' in dom
    assert text_of(dom, "frame-name") == f"{EVIL}#7"
    assert text_of(dom, "clock") == "0.70 / 1.10 s"


def test_the_table_has_the_people_of_the_frame(document):
    dom, _ = document
    body = dom.rpartition('id="people-rows"')[2].partition("</tbody>")[0]
    rows = [
        [html.unescape(cell) for cell in re.findall("<td[^>]*>([^<]*)<", row)]
        for row in body.split("<tr")[1:]
    ]
    assert rows == [
        ["1", "−500", "4,000", "200", EVIL, "bones"],
        ["2", "500", "4,000", "200", EVIL, "bones"],
    ]


def test_angles_of_the_frame_are_written_out(document, recording):
    dom, _ = document
    body = dom.rpartition('id="angle-rows"')[2].partition("</tbody>")[0]
    (pose, _) = poses_of_the_frame(recording)
    expected = [
        f"{round(recording.joints_mm[pose, joint, 0] / 10)}°".replace("-", "−")
        for joint in (5, 8)
    ]
    assert re.findall(r"[−\d]+°", body) == expected


def test_no_name_runs_and_no_message_is_an_error(document):
    dom, messages = document
    assert "data-ran" not in dom
    console = [line for line in messages.splitlines() if ":CONSOLE" in line]
    wrong = ("Uncaught", "Refused", "violates", "Security Policy", "rror:")
    assert not [x for x in console if any(word in x for word in wrong)]


def test_the_scene_has_people_upright_in_their_colours(seen, recording):
    # x right, y down, z away is drawn as right, away, up.
    upright = [
        recording.joints_camera_mm[pose][:, [0, 2, 1]] * [1, 1, -1]
        for pose in poses_of_the_frame(recording)
    ]
    expected, colours = [], []
    for joints in upright:
        for joint, parent in enumerate(H36M_17.parents):
            bone = [joint] if parent < 0 else [parent, joint]
            rgb = SIDE_COLOURS[H36M_17.side(joint)]
            expected += [*joints[bone].tolist(), [None] * 3]
            colours += [f"rgb({rgb[0]}, {rgb[1]}, {rgb[2]})"] * (len(bone) + 1)
    assert seen["colours"] == colours
    np.testing.assert_allclose(
        np.array(seen["people"], float), np.array(expected, float), atol=0.06
    )
    for (text, *place), joints, number in zip(
        seen["labels"], upright, "12", strict=True
    ):
        top = joints[joints[:, 2].argmax()]
        assert text == number
        np.testing.assert_allclose(place[:2], top[:2], atol=0.06)
        assert place[2] > top[2]


def test_axes_are_named_and_of_one_scale(seen, recording):
    assert seen["titles"] == ["right, mm", "away, mm", "up, mm"]
    extents = np.ptp(seen["ranges"], axis=1)
    scale = np.array(seen["ratios"]) / extents
    np.testing.assert_allclose(scale, scale[0])
    # All people of all frames are in view.
    joints = recording.joints_camera_mm[..., [0, 2, 1]] * [1, 1, -1]
    inside = (joints > np.array(seen["ranges"])[:, 0]) & (
        joints < np.array(seen["ranges"])[:, 1]
    )
    assert inside.mean() > 0.99


def test_the_picture_has_the_joints_at_their_pixels(seen):
    for name, colour in seen["pixel"].items():
        side = name.split("_")[0]
        np.testing.assert_allclose(colour, SIDE_COLOURS[side], atol=12)


def test_the_chart_has_one_persons_angles_over_time(seen, recording):
    (name, times, values), *others = seen["chart"]
    # Of the two angles, knees are chosen at first.
    assert name == "left knee flexion"
    assert not others
    np.testing.assert_allclose(times, recording.times_s, atol=1e-6)
    expected = recording.joints_mm[recording.person == 1][:, 5, 0] / 10
    np.testing.assert_allclose(values, expected, atol=0.06)
    # From the margin of 46 px to that of 10 px: frame 7 of 0 to 11.
    across = 46 + 7 / 11 * (seen["chartWidth"] - 56)
    assert seen["cursor"] == pytest.approx(across, abs=0.5)


def test_the_camera_and_what_it_sees(seen):
    origin, first, second, _, third, fourth, *_ = seen["camera"]
    assert origin == [0, 0, 0]
    depth = 4000 / 3
    slope_x, slope_y = WIDTH / 2 / 500 * depth, HEIGHT / 2 / 500 * depth
    # From the top left, in the order of the image's outline.
    corners = [(-1, 1), (1, 1), (1, -1), (-1, -1)]
    np.testing.assert_allclose(
        [first, second, fourth, third],
        [
            (x * slope_x, depth, y * slope_y)
            for x, y in (corners[0], corners[1], corners[2], corners[3])
        ],
        rtol=1e-4,
    )


def test_root_relative_puts_everyone_at_the_origin(seen, recording):
    joints = recording.joints_mm[poses_of_the_frame(recording)]
    upright = joints[..., [0, 2, 1]] * [1, 1, -1]
    for place in (0, 17 * 3 - 1):  # the points of a person: 17 roots and bones
        assert seen["relative"][place] == [0, 0, 0]
    drawn = {
        tuple(np.round(p, 0)) for p in seen["relative"] if p[0] is not None
    }
    for joint in upright.reshape(-1, 3):
        gaps = [np.abs(np.array(point) - joint).max() for point in drawn]
        assert min(gaps) < 0.7


def test_keys_and_address_move_through_time(seen):
    # One on, ten back (to the first), the end, its picture, the start, no less.
    assert seen["keys"] == [8, 0, 11, 8, 0, 0]
    assert seen["hash"] == 4
    assert "picture of frame" not in seen["note"]


def test_a_frame_lasts_until_the_next_begins(seen):
    assert seen["frameAt"] == [3, 3, 0, 11]


def test_playing_ends_at_the_end_and_keeps_the_view(seen):
    assert seen["playing"] is True
    assert seen["end"] == [False, 11, "#frame=11"]
    assert seen["eye"] == pytest.approx({"x": 0.3, "y": 1.9, "z": 0.4})


def test_flat_views_are_to_scale_and_hide_the_axis_they_look_along(seen):
    titles = ["right, mm", "away, mm", "up, mm"]
    for name, hidden in (("front", 1), ("right", 0), ("above", 2)):
        view = seen["views"][name]
        assert view["projection"] == "orthographic"
        eye = np.abs(list(view["eye"].values()))
        assert eye.argmax() == hidden
        assert view["titles"] == [
            "" if axis == hidden else title for axis, title in enumerate(titles)
        ]
    assert seen["views"]["corner"]["titles"] == titles
    assert seen["views"]["corner"]["projection"] == "perspective"


def test_a_scene_fills_its_pane_but_for_the_labels(seen):
    # Without perspective a pane is 2 high, and as wide as its sides say.
    width, height = seen["pane"]
    for name, across, upright in (("front", "x", "z"), ("above", "x", "y")):
        aspect = seen["views"][name]["aspect"]
        shares = (
            aspect[across] / 2 * height / (width - 2 * 72),
            aspect[upright] / 2 * height / (height - 2 * 54),
        )
        assert max(shares) == pytest.approx(1, abs=1e-3)


def test_a_view_that_was_turned_by_hand_can_be_chosen_again(seen):
    assert seen["turned"] == "turned"


def test_no_frame_makes_the_axes_anew(seen):
    # To compile shaders takes longer than all else that a frame needs.
    assert seen["gl"]["drawArrays"] > 0
    assert seen["gl"]["compileShader"] == 0


def test_a_person_who_is_not_there_is_said_to_be_away(seen):
    assert seen["now"] == ["Now", "Now: not seen"]
    assert seen["chartTitle"] == "Joint angles of person 2 over time"


def test_each_angle_is_explained(seen):
    assert dict(seen["meanings"]) == {
        "knee flexion": "0: straight; positive: bent; 0 to 180°",
        "trunk side lean": "0: upright; positive: to the person's right; "
        "−90° to 90°",
    }


def test_each_angle_has_a_panel_of_its_own(seen, recording):
    (knee, upper, _), (trunk, lower, (low, high)) = seen["panels"]
    assert (knee, trunk) == ("left knee flexion", "trunk side lean")
    assert upper[0] > lower[1]
    values = recording.joints_mm[recording.person == 2][:, 8, 0] / 10
    assert low < values.min() < values.max() < high


def test_photos_are_named_without_the_folder_of_all(seen):
    assert seen["folders"] == [len("/a/b/"), len("/a/"), 0, len("C:/p/")]


def test_a_phone_needs_no_sideways_scrolling(seen):
    assert seen["wide"]


def test_the_browser_loads_nothing_but_the_page(seen):
    assert seen["loaded"] == []
