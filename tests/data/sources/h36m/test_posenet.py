import json
import shutil

import cv2
import numpy as np
import pytest

from keras_pose.data import proof
from keras_pose.data import sources
from keras_pose.data.sources.h36m import posenet
from keras_pose.skeleton import H36M_17
from tests.data.sources import made_h36m


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("posenet")
    made_h36m.make_h36m_posenet(root)
    return root


@pytest.fixture
def root(whole, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(whole, tmp_path / "root")


def change(root, kind, edit, subject=1):
    path = root / f"Human36M_subject{subject}_{kind}.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return path


def truth_of(sample, drift=0):
    """Camera-frame mm and px of a sample's own clip and frame."""
    clips = {
        ("S1", "Directions 1"): "Directions 1",
        ("S1", "Photo 2"): "TakingPhoto",
        ("S9", "Greeting"): "Greeting",
    }
    name = clips[sample.subject, sample.action]
    world = made_h36m.world_poses(sample.subject, name)[sample.frame - 1]
    if sample.action == "Greeting":
        world = world + [drift, 0, 0]
    number = made_h36m.SERIALS.index(sample.camera) + 1
    return (
        made_h36m.in_camera(world, sample.subject, number),
        made_h36m.seen(world, sample.subject, number, np.zeros(5)),
    )


def test_samples_are_the_poses_that_opencv_projects(whole):
    source = sources.open_source("h36m_posenet", str(whole), {"every": 5})
    samples = list(source.samples)
    assert source.count == len(samples) == 3 * 4 * 3
    assert (
        len({(s.subject, s.action, s.camera, s.frame) for s in samples}) == 36
    )
    for sample in samples:
        joints, points = truth_of(sample)
        np.testing.assert_allclose(sample.joints_mm, joints, atol=0.01)
        np.testing.assert_allclose(sample.joints_px, points, atol=0.01)
        grey = cv2.imdecode(np.frombuffer(sample.image, np.uint8), 0)
        expected = made_h36m.level(sample.subject, sample.frame - 1)
        assert abs(int(grey[9, 9]) - expected) <= 1
        low, high = points.min(axis=0), points.max(axis=0)
        # The tool counts its pixels from 1 to the last, and so one less.
        box = [*(low + 1), *(high - low - 1)]
        np.testing.assert_allclose(sample.box, box, atol=0.01)
        proof.check_sample(sample, H36M_17)


@pytest.mark.parametrize(
    ("translation", "formula"),
    [("t", "R X + T, T in mm"), ("T", "R (X - T), T in mm")],
)
def test_each_meaning_of_t_is_found(tmp_path, translation, formula):
    made_h36m.make_h36m_posenet(tmp_path, translation)
    source = posenet.posenet(str(tmp_path), every=5)
    assert f"camera.json: read as {formula}: " in source.notes[0]
    sample = next(iter(source.samples))
    np.testing.assert_allclose(sample.joints_mm, truth_of(sample)[0], atol=0.01)


def test_metres_are_found(tmp_path):
    made_h36m.make_h36m_posenet(tmp_path, "m")
    source = posenet.posenet(str(tmp_path), every=5)
    assert "read as R (X - T), T in m: " in source.notes[0]
    sample = next(iter(source.samples))
    np.testing.assert_allclose(sample.joints_mm, truth_of(sample)[0], atol=0.01)


def test_a_camera_that_fits_nowhere_is_refused_with_numbers(root):
    def edit(cameras):
        for camera in cameras.values():
            camera["t"] = [900.0, 100.0, 4000.0]

    change(root, "camera", edit)
    message = r"subject1_camera\.json: must put its poses.*R X \+ T.* px"
    with pytest.raises(ValueError, match=message):
        posenet.posenet(str(root), every=5)


@pytest.mark.parametrize(
    "edit", [lambda c: c.pop("4"), lambda c: c["4"].pop("R")]
)
def test_a_camera_that_is_needed_must_be_there(root, edit):
    change(root, "camera", edit)
    with pytest.raises(ValueError, match="must have R and t of 4"):
        posenet.posenet(str(root), every=5)


def test_a_camera_that_is_not_needed_may_lack(root):
    def edit(content):
        content["images"] = [i for i in content["images"] if i["cam_idx"] == 1]

    change(root, "data", edit)
    change(root, "camera", lambda c: c["4"].pop("R"))
    source = posenet.posenet(str(root), subjects=["S1"], every=5)
    assert {sample.camera for sample in source.samples} == {"54138969"}


def test_the_drift_is_corrected_where_asked_for(whole):
    published = posenet.posenet(str(whole), every=5)
    corrected = posenet.posenet(str(whole), every=5, correct_s9=True)
    assert "12 images of S9 lie 200 mm beside" in published.notes[-1]
    assert "12 images of S9 moved by -200 mm" in corrected.notes[-1]
    for before, after in zip(published.samples, corrected.samples, strict=True):
        joints, points = truth_of(after, -200)
        np.testing.assert_allclose(after.joints_mm, joints, atol=0.01)
        np.testing.assert_allclose(after.joints_px, points, atol=0.01)
        low, high = points.min(axis=0), points.max(axis=0)
        middle = after.box[:2] + after.box[2:] / 2
        np.testing.assert_allclose(middle, (low + high) / 2 + 0.5, atol=0.01)
        np.testing.assert_array_equal(after.box[2:], before.box[2:])
        moved = np.abs(after.box - before.box).max() > 1
        assert moved == (after.subject == "S9")


def test_split_subjects_and_every_pick(whole, tmp_path):
    some = posenet.posenet(str(whole), subjects=["S9"], every=10)
    assert {(s.subject, s.frame) for s in some.samples} == {
        ("S9", 1),
        ("S9", 11),
    }
    test = posenet.posenet(str(whole), split="test", subjects=["S9"])
    assert [s.frame for s in test.samples] == [1] * 4
    train = posenet.posenet(str(whole), split="train", subjects=["S1"])
    assert {s.frame for s in train.samples} == {1, 6, 11}
    with pytest.raises(ValueError, match="of S9, S11.*Received: S1, S9"):
        posenet.posenet(str(whole), split="test")


def test_the_broken_clip_is_left_out_and_counted(root):
    for kind in ("data", "camera", "joint_3d"):
        path = root / f"Human36M_subject1_{kind}.json"
        text = path.read_text().replace('"subject": 1', '"subject": 11')
        text = text.replace("act_02_subact_01", "act_02_subact_02")
        text = text.replace(
            '"action_idx": 2, "subaction_idx": 1',
            '"action_idx": 2, "subaction_idx": 2',
        )
        if kind == "joint_3d":
            text = text.replace('"2": {"1"', '"2": {"2"')
        (root / f"Human36M_subject11_{kind}.json").write_text(text)
    source = posenet.posenet(str(root), subjects=["S11"], every=5)
    assert source.count == 24 - 3
    assert "3 images left out" in source.notes[1]
    assert "S11 Directions 54138969" in source.notes[1]
    assert "named after another subject" in source.notes[0]


def test_folders_may_be_named(root):
    (root / "annotations").mkdir()
    for path in root.glob("*.json"):
        path.rename(root / "annotations" / path.name)
    (root / "images").rename(root / "elsewhere")
    source = posenet.posenet(str(root), images=str(root / "elsewhere"), every=5)
    assert len(list(source.samples)) == 36
    other = posenet.posenet(
        str(root.parent),
        annotations=str(root / "annotations"),
        images=str(root / "elsewhere"),
        every=5,
    )
    assert other.count == 36
    with pytest.raises(ValueError, match="`annotations` must be the folder"):
        posenet.posenet(str(root), annotations=str(root / "nowhere"))


def resize(root, width, height):
    for path in root.glob("images/s_01*01_ca_01/*_000001.jpg"):
        cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))


def test_an_image_of_another_size_is_refused_with_both(root):
    resize(root, 3024, 4032)
    message = "_000001.jpg: .*500 x 502 px.*Received: 3024 x 4032"
    with pytest.raises(ValueError, match=message):
        list(posenet.posenet(str(root), every=5).samples)


def test_two_rows_more_or_less_are_tolerated(root):
    resize(root, 500, 500)
    assert len(list(posenet.posenet(str(root), every=5).samples)) == 36


def first(kind, **fields):
    return lambda content: content[kind][0].update(fields)


WRONG_DATA = {
    "text_id": (first("images", id="1"), "`id` must be a number"),
    "bool_frame": (first("images", frame_idx=True), "`frame_idx` must be"),
    "huge_action": (first("images", action_idx=99), "`action_idx` must be"),
    "all_actions": (first("images", action_idx=1), "must be of action 1"),
    "other_frame": (first("images", frame_idx=5), "and frame 6. Received"),
    "other_camera": (first("images", cam_idx=2), "camera 2"),
    "other_subject": (first("images", subject=5), "`subject` must be 1"),
    "long_name": (first("images", file_name="s" * 300), "at most 255 letters"),
    "strange_name": (first("images", file_name="a.jpg"), "must be subject"),
    "no_name": (first("images", file_name=None), "`file_name` must be a text"),
    "short_box": (first("annotations", bbox=[1, 2, 3]), "`bbox` must be"),
    "text_box": (first("annotations", bbox=["1"] * 4), "`bbox` must be"),
    "flat_box": (first("annotations", bbox=[1, 2, 0, 3]), "`bbox` must be"),
    "huge_box": (first("annotations", bbox=[1e9, 2, 3, 3]), "`bbox` must be"),
    "text_image": (
        lambda c: c["images"].append("x"),
        r"images \d+ must be an object",
    ),
    "same_id": (
        lambda c: c["images"].append(c["images"][0]),
        "an id of its own",
    ),
    "no_box": (lambda c: c["annotations"].pop(), "and an annotation"),
    "two_boxes": (
        lambda c: c["annotations"].append(c["annotations"][0]),
        "must have one annotation",
    ),
    "no_images": (lambda c: c["images"].clear(), "must list an image"),
}


@pytest.mark.parametrize(
    ("edit", "message"), WRONG_DATA.values(), ids=WRONG_DATA
)
def test_a_wrong_image_or_box_is_refused(root, edit, message):
    change(root, "data", edit)
    with pytest.raises(ValueError, match=message) as error:
        posenet.posenet(str(root), every=5)
    assert "Human36M_subject1_data.json" in str(error.value)


WRONG_POSES = {
    "absent": lambda c: c["2"]["1"].pop("0"),
    "short": lambda c: c["2"]["1"].update({"0": [[1.0, 2.0]] * 17}),
    "long": lambda c: c["2"]["1"].update({"0": [[1.0, 2.0, 3.0]] * 30}),
    "text": lambda c: c["2"]["1"].update({"0": "pose"}),
    "texts": lambda c: c["2"]["1"].update({"0": [["1"] * 3] * 17}),
    "infinite": lambda c: c["2"]["1"].update({"0": [[1e300, 0, 0]] * 17}),
    "letters": lambda c: c.update({"two": {"1": {"0": [[0.0] * 3] * 17}}}),
    "flat": lambda c: c.update({"2": [0.0] * 51}),
}


@pytest.mark.parametrize("edit", WRONG_POSES.values(), ids=WRONG_POSES)
def test_a_wrong_pose_is_refused(root, edit):
    path = change(root, "joint_3d", edit)
    with pytest.raises(ValueError, match=path.name):
        posenet.posenet(str(root), every=5)


def test_poses_of_other_images_are_refused(root):
    def edit(poses):
        frames = poses["2"]["1"]
        frames["0"] = (np.array(frames["0"]) + [600, 0, 0]).tolist()

    change(root, "joint_3d", edit)
    with pytest.raises(ValueError, match="must lie in the middle of `bbox`"):
        list(posenet.posenet(str(root), every=5).samples)


def test_a_name_may_not_climb(root):
    name = "s_01_act_02_subact_01_ca_01_000001.jpg"
    change(root, "data", first("images", file_name=f"../../{name}"))
    (root.parent / name).write_bytes(b"secret")
    with pytest.raises(ValueError, match="a path must stay below"):
        list(posenet.posenet(str(root), every=5).samples)


@pytest.mark.parametrize("kind", ["data", "camera", "joint_3d"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.98])
def test_a_truncated_file_is_refused(root, kind, share):
    path = root / f"Human36M_subject1_{kind}.json"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=path.name):
        posenet.posenet(str(root), every=5)


def test_a_root_without_the_files_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must hold Human36M_subject1_data"):
        posenet.posenet(str(tmp_path))
    with pytest.raises(ValueError, match="`root` must be a folder"):
        posenet.posenet(str(tmp_path / "nowhere"))


def test_real_files_are_read_with_a_blank_image(real_data, tmp_path):
    folder = real_data / "h36m_posenet"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    name = "s_11_act_02_subact_01_ca_01"
    path = tmp_path / name / f"{name}_000001.jpg"
    path.parent.mkdir()
    cv2.imwrite(str(path), np.zeros((1002, 1000, 3), np.uint8))
    source = posenet.posenet(str(folder), images=str(tmp_path))
    (sample,) = source.samples
    assert "R X + T, T in mm: 0.1 px" in source.notes[0]
    proof.check_sample(sample, H36M_17)
    # PoseNet's tool: (extent - 1) * 1.2 is the file's own box.
    extent = np.ptp(np.float64(sample.joints_px), axis=0)
    np.testing.assert_allclose(extent - 1, sample.box[2:], atol=0.2)
