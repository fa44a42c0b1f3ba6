import json
import threading
import types

import numpy as np
import pytest

from keras_pose import streaming
from keras_pose.data.ahead import num_threads
from keras_pose.geometry.volume import MetricVolume
from keras_pose.media.frame import Frame
from keras_pose.people.box_table import BoxTable
from keras_pose.people.box_table import Entry
from keras_pose.people.smoothing import Smoother
from keras_pose.pose import Caveat
from keras_pose.pose_spec import PoseSpec
from keras_pose.prediction import Predictor
from keras_pose.serving import artefacts
from keras_pose.skeleton import H36M_17
from keras_pose.streaming import Camera
from keras_pose.streaming import stream

SPEC = PoseSpec(H36M_17, MetricVolume(2200), 32, 1.25, (0.0,) * 17)
POSE = 0.5 + np.random.default_rng(0).uniform(-0.3, 0.3, (17, 3))
INTRINSICS = np.array([[300.0, 0, 99], [0, 300, 49], [0, 0, 1]])


class Media:
    """Frames of a list; knows whether they were ended early."""

    def __init__(self, frames, kind):
        self.kind, self.frames = kind, iter(frames)
        self.taken = 0

    def __iter__(self):
        return self

    def __next__(self):
        frame = next(self.frames)
        self.taken += 1
        return frame


def photos(count, intrinsics=None):
    return Media(
        [
            Frame(
                f"{n}.jpg",
                None,
                np.full((100, 200, 3), n, np.uint8),
                intrinsics,
                intrinsics is not None and "EXIF",
            )
            for n in range(count)
        ],
        "photos",
    )


def video(count):
    return Media(
        [
            Frame(f"v.mp4#{n}", n / 25, np.full((100, 200, 3), n, np.uint8))
            for n in range(count)
        ],
        "video",
    )


@pytest.fixture
def predictor():
    """A Predictor with a made network, which keeps what it was shown."""
    shown = []

    def predict(crops):
        shown.append(crops)
        return {"pose": np.float32([POSE] * len(crops))}

    def detector(image):
        box = [20.0, 10, 50, 80]
        found = [box, [120.0, 10, 50, 80]] if image[0, 0, 0] % 2 else [box]
        return types.SimpleNamespace(
            boxes=np.array(found), scores=np.ones(len(found))
        )

    detector.name = "made"
    artefact = artefacts.Artefact("net", "tflite", SPEC, predict)
    made = Predictor(artefact, detector=detector)
    made.shown = shown
    return made


def table(boxes, persons=None):
    """A BoxTable of {name: rows of boxes}."""
    return BoxTable(
        Entry(name, np.reshape(np.float64(rows), (-1, 4)), persons)
        for name, rows in boxes.items()
    )


def test_people_of_photos_are_seen_several_at_once_and_in_order(predictor):
    found = list(stream(photos(6), predictor, Camera(), batch_size=4))
    assert [frame.name for frame, _ in found] == [f"{n}.jpg" for n in range(6)]
    assert [len(poses) for _, poses in found] == [1, 2, 1, 2, 1, 2]
    # 1 + 2 + 1 people, then 2 + 1 + 2 of them.
    assert [len(crops) for crops in predictor.shown] == [4, 5]
    for frame, poses in found:
        assert poses[0].box.tolist() == [20, 10, 50, 80]
        assert poses.image_size == (200, 100)
        assert frame.image[0, 0, 0] == int(frame.name[0])


def test_large_photos_do_not_wait_for_each_other(predictor, monkeypatch):
    monkeypatch.setattr(streaming, "_MOST_BYTES", 100 * 200 * 3)
    list(stream(photos(3), predictor, Camera()))
    assert [len(crops) for crops in predictor.shown] == [1, 2, 1]


def test_boxes_of_a_table_are_all_that_is_predicted(predictor):
    boxes = table({"0.jpg": [[5.0, 6, 30, 40]], "9.jpg": np.ones((1, 4))})
    (_, first), (_, second) = stream(photos(2), predictor, Camera(), boxes)
    assert first[0].box.tolist() == [5, 6, 30, 40]
    assert first[0].box_from == "given"
    assert Caveat.NO_ENTRY not in first.caveats
    assert len(second) == 0
    assert Caveat.NO_ENTRY in second.caveats


@pytest.mark.parametrize(
    ("made", "first"), [(photos, "0.jpg"), (video, "v.mp4#0")]
)
def test_a_table_must_name_a_frame(made, first, predictor):
    boxes = table({"v.mp4": np.ones((1, 4)), "9.jpg": np.ones((1, 4))})
    with pytest.raises(ValueError, match=rf"{first}\. .*v\.mp4, 9\.jpg"):
        list(stream(made(9), predictor, Camera(), boxes))
    nobody = table({first: []})  # which is an answer
    found = list(stream(made(9), predictor, Camera(), nobody))
    assert [len(poses) for _, poses in found] == [0] * 9
    is_told = [Caveat.NO_ENTRY not in poses.caveats for _, poses in found]
    assert is_told == [True] + [False] * 8


def test_boxes_of_one_photo_are_not_those_of_another(predictor):
    image = np.zeros((100, 200, 3), np.uint8)
    frames = [Frame(f"{name}/1.jpg", None, image) for name in "ab"]
    boxes = table({"1.jpg": [[5.0, 6, 30, 40]]})
    with pytest.raises(ValueError, match=r"1\.jpg.*a/1\.jpg and b/1\.jpg"):
        list(stream(Media(frames, "photos"), predictor, Camera(), boxes))
    again = Media([frames[0], frames[0]], "photos")
    assert len(list(stream(again, predictor, Camera(), boxes))) == 2


def test_boxes_of_tables_and_first_boxes_must_lie_in_the_picture(predictor):
    outside = np.array([[201.0, 10, 30, 40]])
    for media, boxes in (
        (photos(1), outside),
        (photos(1), table({"0.jpg": outside})),
        (video(2), outside),
        (video(2), table({"v.mp4#1": outside})),
    ):
        with pytest.raises(ValueError, match=r"overlap.*201\.0, 10"):
            list(stream(media, predictor, Camera(), boxes))


def test_the_end_of_a_video_has_nobody_where_a_table_has_ended(predictor):
    boxes = table({"v.mp4#0": [[1.0, 6, 30, 40]]})
    found = list(stream(video(3), predictor, Camera(), boxes))
    assert [len(poses) for _, poses in found] == [1, 0, 0]


ONE, TWO = [10.0, 6, 30, 60], [120.0, 6, 30, 60]


@pytest.mark.parametrize(
    ("made", "name", "persons", "expected"),
    [
        (video, "v.mp4#{}", None, [(1, 2), (2, 1)]),
        (video, "v.mp4#{}", (4, 9), [(4, 9), (4, 9)]),
        (photos, "{}.jpg", None, [(1, 2), (1, 2)]),
        (photos, "{}.jpg", (4, 9), [(4, 9), (4, 9)]),
    ],
)
def test_who_is_who_in_a_table(made, name, persons, expected, predictor):
    boxes = {name.format(0): [ONE, TWO], name.format(1): [TWO, ONE]}
    asked = made(2), predictor, Camera(), table(boxes, persons)
    found = [poses for _, poses in stream(*asked)]
    numbers = [tuple(pose.person for pose in poses) for poses in found]
    assert numbers == expected
    assert [pose.box[0] for pose in found[1]] == [120, 10]


def test_people_of_a_table_are_smoothed_each_for_themselves(predictor):
    boxes = {"v.mp4#0": [ONE, TWO], "v.mp4#1": [TWO, ONE]}
    asked = video(2), predictor, Camera(), table(boxes)
    _, (_, second) = stream(*asked, smoother=Smoother())
    _, (_, raw) = stream(video(2), *asked[1:])
    for pose, other in zip(second, raw, strict=True):
        np.testing.assert_allclose(pose.joints_px, other.joints_px, atol=2)


def test_whole_images_are_boxes(predictor):
    ((_, poses),) = stream(photos(1), predictor, Camera(), "image")
    assert poses[0].box.tolist() == [20, -30, 160, 160]


@pytest.mark.parametrize(
    ("camera", "focal", "said"),
    [
        (Camera(), 300, "EXIF"),
        (Camera(2 * INTRINSICS), 600, "given"),
        (Camera(field_of_view=90), 100, "given: 90 degrees"),
    ],
    ids=["exif", "given", "field of view"],
)
def test_what_the_user_says_of_the_camera_comes_first(
    camera, focal, said, predictor
):
    if camera.intrinsics is not None:
        camera.intrinsics[2, 2] = 1
    ((_, poses),) = stream(photos(1, INTRINSICS), predictor, camera)
    assert poses.intrinsics[0, 0] == pytest.approx(focal)
    assert poses.intrinsics_from.startswith(said)
    assert Caveat.CAMERA_GUESSED not in poses.caveats


def test_a_photo_without_a_camera_has_a_guess(predictor):
    ((_, poses),) = stream(photos(1), predictor, Camera())
    assert poses.intrinsics_from.startswith("a guess: 55")
    assert poses.caveats == Caveat.CAMERA_GUESSED


def test_people_of_a_video_are_followed_from_the_first_box(predictor):
    found = list(stream(video(5), predictor, Camera(), [[30, 10, 60, 80]]))
    assert [pose.person for _, poses in found for pose in poses] == [1] * 5
    froms = [poses[0].box_from for _, poses in found]
    assert froms[0] == "given"
    assert set(froms[1:]) == {"followed"}


def test_who_is_lost_is_told_frame_by_frame(predictor):
    # The pictures brighten, at which the network is not sure any more.
    def predict(crops):
        is_bright = crops.mean(axis=(1, 2, 3)) > 20
        confidence = np.where(is_bright[:, None], 0.1, 0.9) * np.ones(17)
        return {
            "pose": np.float32([POSE] * len(crops)),
            "confidence": confidence,
        }

    made = Predictor(artefacts.Artefact("net", "tflite", SPEC, predict))
    camera = Camera(field_of_view=60)
    found = list(stream(video(80), made, camera, [[30, 10, 60, 80]]))
    lost = [Caveat.LOST in poses.caveats for _, poses in found]
    assert lost == [len(poses) == 0 for _, poses in found]
    assert lost == sorted(lost)
    # In doubt for a second first.
    assert 20 / 25 + 1 < lost.index(True) / 25 < 40 / 25 + 1


def test_one_of_two_who_is_lost_is_told(predictor):
    def predict(crops):
        sure = [0.9, 0.1 if crops.mean() > 20 else 0.9]
        return {
            "pose": np.float32([POSE] * len(crops)),
            "confidence": np.outer(sure, np.ones(17)),
        }

    made = Predictor(artefacts.Artefact("net", "tflite", SPEC, predict))
    boxes = [[5, 10, 40, 80], [55, 10, 40, 80]]
    found = list(stream(video(80), made, Camera(field_of_view=60), boxes))
    assert [pose.person for pose in found[-1][1]] == [1]
    lost = [Caveat.LOST in poses.caveats for _, poses in found]
    assert lost == [len(poses) == 1 for _, poses in found]


@pytest.mark.parametrize("helps", [False, True])
def test_the_detector_helps_to_follow_a_first_box_where_asked(helps, predictor):
    asked = video(40), predictor, Camera(), [[30.0, 10, 60, 80]]
    found = list(stream(*asked, detects_given=helps))
    froms = {pose.box_from for _, poses in found for pose in poses}
    assert ("made" in froms) == helps
    # Others whom it finds are nobody's business.
    assert {pose.person for _, poses in found for pose in poses} == {1}


def test_a_video_says_where_nobody_is_found(predictor):
    nobody = types.SimpleNamespace(boxes=np.empty((0, 4)), scores=np.empty(0))

    def detector(image):
        return nobody

    detector.name = "blind"
    blind = Predictor(predictor.artefact, detector=detector)
    for media, count in ((video(2), 0), (photos(2), 1)):
        for _, poses in stream(media, blind, Camera()):
            assert len(poses) == count
            assert Caveat.NOBODY_FOUND in poses.caveats


def test_people_of_a_video_are_found_by_the_detector(predictor):
    found = list(stream(video(2), predictor, Camera()))
    assert found[0][1][0].box_from == "made"


def test_boxes_of_a_video_s_frames_are_taken_as_they_are(predictor):
    boxes = {f"v.mp4#{n}": [[n + 1.0, 6, 30, 40]] for n in range(3)}
    found = list(stream(video(3), predictor, Camera(), table(boxes)))
    assert [poses[0].box[0] for _, poses in found] == [1, 2, 3]


@pytest.mark.parametrize(("made", "times"), [(photos, []), (video, [0, 0.04])])
def test_only_what_moves_is_smoothed(made, times, predictor):
    asked = []

    def smoother(time_s, poses):
        asked.append(time_s)
        return poses

    list(stream(made(2), predictor, Camera(), "image", smoother=smoother))
    assert asked == times


@pytest.mark.parametrize("made", [photos, video])
def test_flipped_crops_are_seen_too(made, predictor):
    ((_, poses),) = stream(made(1), predictor, Camera(), flip=True)
    plain, mirrored = predictor.shown
    np.testing.assert_array_equal(mirrored, plain[:, :, ::-1])
    swapped = POSE[list(H36M_17.flip_permutation)] * [-1, 1, 1] + [1, 0, 0]
    mean_mm = ((POSE + swapped) / 2 - 0.5) * 2200
    np.testing.assert_allclose(
        poses[0].joints_mm, mean_mm - mean_mm[0], atol=1e-3
    )


def test_root_depths_are_those_of_everybody(predictor):
    found = list(stream(photos(2), predictor, Camera(), root_depth=4000))
    for _, poses in found:
        for pose in poses:
            assert pose.joints_camera_mm[0, 2] == pytest.approx(4000)


def test_camera_files_must_be_there_and_small(tmp_path):
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(ValueError, match=f"{path}: cannot be read"):
            streaming.read_camera(path)
    path = tmp_path / "large.json"
    path.write_text(" " * (10**6 + 1))
    with pytest.raises(ValueError, match="at most 1000000 bytes"):
        streaming.read_camera(path)


@pytest.mark.parametrize("boxes", [None, "image"], ids=["followed", "told"])
def test_ending_early_reads_no_further(boxes, predictor):
    media = video(200)
    before = set(threading.enumerate())
    frames = stream(media, predictor, Camera(), boxes, batch_size=1)
    next(frames)
    frames.close()
    # What is told is seen by threads, each a few frames ahead.
    assert media.taken <= (1 if boxes is None else 3 + 3 * num_threads())
    assert set(threading.enumerate()) <= before


def test_camera_file_is_read(tmp_path):
    path = tmp_path / "camera.json"
    lens = [0.1, 0, 0, 0, -0.2]
    content = {"intrinsics_px": INTRINSICS.tolist(), "distortion": lens}
    path.write_text(json.dumps(content))
    camera = streaming.read_camera(path)
    np.testing.assert_array_equal(camera.intrinsics, INTRINSICS)
    np.testing.assert_array_equal(camera.distortion, lens)
    path.write_text(json.dumps({"intrinsics_px": INTRINSICS.tolist()}))
    assert streaming.read_camera(path).distortion is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "must be JSON"),
        ("[]", "must be an object"),
        ('["intrinsics_px"]', "must be an object"),
        ("{}", "intrinsics_px"),
        ("[" * 10**5, "must be JSON: maximum recursion"),
        ("\xff", "cannot be read: .*utf-8"),
        ('{"intrinsics_px": [[1, 2], [3]]}', "3 x 3 numbers"),
        ('{"intrinsics_px": [[1, 2], [3, 4]]}', "3 x 3 numbers"),
        (
            '{"intrinsics_px": [[1, 0, 0], [0, 1, 0], [0, 0, "1"]]}',
            "3 x 3 numbers",
        ),
        (
            '{"intrinsics_px": [[1, 0, 0], [0, 1, 0], [0, 0, NaN]]}',
            "must be finite",
        ),
        (
            '{"intrinsics_px": [[1%s, 0, 0], [0, 1, 0], [0, 0, 1]]}'
            % ("0" * 400),
            "3 x 3 numbers",
        ),
        (
            '{"intrinsics_px": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], '
            '"distortion": [1, 2]}',
            "`distortion` must be 5 numbers",
        ),
    ],
)
def test_camera_files_are_checked(text, said, tmp_path):
    path = tmp_path / "camera.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=rf"camera\.json: .*{said}"):
        streaming.read_camera(path)
