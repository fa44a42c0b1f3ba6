import dataclasses
import json
import types

import cv2
import numpy as np
import pytest
from PIL import Image

from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.prediction import Predictor
from keras_pose.serving import artefacts
from keras_pose.shots import Shot
from keras_pose.skeleton import H36M_17

SIZE, MARGIN = 64, 1.25
WIDTH, HEIGHT = 1000, 800
IMAGE = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

# A person who walks to the left of the image, right arm forward; mm from the
# pelvis, x right, y down, z away.
RELATIVE_MM = np.array(
    [
        [0, 0, 0],
        [125, -5, 40],
        [90, 430, 130],
        [240, 860, 160],
        [-125, 5, -40],
        [-230, 440, -60],
        [-250, 900, -90],
        [0, -240, 10],
        [-20, -490, 0],
        [-90, -590, -20],
        [-40, -690, -10],
        [-160, -450, -110],
        [-120, -180, -150],
        [-200, 40, -260],
        [130, -470, 110],
        [110, -200, 180],
        [-110, -120, 330],
    ],
    float,
)
ROOT_MM = np.array([350.0, -120.0, 4200.0])
JOINTS_MM = RELATIVE_MM + ROOT_MM

INTRINSICS = np.array([[1150.0, 0, 512], [0, 1090, 395], [0, 0, 1]])
PINHOLE = np.zeros(5)
LENS = np.array([-0.2, 0.24, -0.0014, 0.002, -0.003])
EACH_LENS = pytest.mark.parametrize("lens", [PINHOLE, LENS], ids=["no", "yes"])

METRIC, CROP = MetricVolume(2200), CropVolume(SIZE, 2000)
EACH_VOLUME = pytest.mark.parametrize(
    "volume", [METRIC, CROP], ids=["metric", "crop"]
)


def pixels_of(lens):
    """OpenCV's projection of the person."""
    origin = np.zeros(3)
    pixels = cv2.projectPoints(JOINTS_MM, origin, origin, INTRINSICS, lens)[0]
    return pixels[:, 0]


def tight_box(pixels):
    """x, y, width, height; pixel p lies at p + 0.5 from the corner."""
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return np.array([*(low + 0.5), *(high - low)])


def pose_in(volume, pixels, box):
    """What a perfect network says of the person, written out."""
    depth = RELATIVE_MM[:, 2:]
    if volume == METRIC:
        return RELATIVE_MM / 2200 + 0.5
    side = MARGIN * box[2:].max()
    corner = box[:2] + box[2:] / 2 - side / 2
    plane = (pixels + 0.5 - corner) / side
    return np.hstack([plane, depth / 2000 + 0.5])


def bone_lengths():
    lengths = [
        np.linalg.norm(RELATIVE_MM[joint] - RELATIVE_MM[parent])
        for joint, parent in enumerate(H36M_17.parents)
    ]
    return (0.0, *lengths[1:])


class Asked:
    """A Predictor of which one person is asked."""

    def __init__(self, predictor):
        self.of_all = predictor

    def __call__(self, image, boxes="image", *others, **named):
        (pose,) = self.of_all(image, boxes, *others, **named)
        return pose


@pytest.fixture
def predictor_that_says(monkeypatch):
    """Gives `(volume, pose) -> Predictor`; its network always says `pose`."""

    def make(
        volume=METRIC,
        pose=RELATIVE_MM / 2200 + 0.5,
        detector=None,
        **outputs,
    ):
        spec = PoseSpec(H36M_17, volume, SIZE, MARGIN, bone_lengths())
        crops = []

        def predict(images):
            crops.append(images)
            said = {"pose": np.float32(pose), **outputs}
            return {n: np.stack([v] * len(images)) for n, v in said.items()}

        artefact = artefacts.Artefact("net", "keras", spec, predict)
        monkeypatch.setattr(artefacts, "load", lambda path: artefact)
        predictor = Asked(Predictor("net", detector=detector))
        predictor.crops = crops
        return predictor

    return make


@EACH_LENS
@EACH_VOLUME
def test_perfect_network_gives_back_the_person(
    volume, lens, predictor_that_says
):
    pixels = pixels_of(lens)
    box = tight_box(pixels)
    predictor = predictor_that_says(volume, pose_in(volume, pixels, box))
    pose = predictor(IMAGE, box, INTRINSICS, lens)
    np.testing.assert_allclose(pose.joints_mm, RELATIVE_MM, atol=1)
    np.testing.assert_allclose(pose.joints_camera_mm, JOINTS_MM, atol=5)
    np.testing.assert_allclose(pose.joints_px, pixels, atol=0.1)
    assert (pose.skeleton, pose.box_from) == (H36M_17, "given")


def test_metric_pose_that_fills_its_box_is_placed_to_the_mm(
    predictor_that_says,
):
    box = tight_box(pixels_of(LENS))
    pose = predictor_that_says(METRIC)(IMAGE, box, INTRINSICS, LENS)
    np.testing.assert_allclose(pose.joints_camera_mm[0], ROOT_MM, atol=1)
    assert pose.position_from == "the pose fills its box"


def test_metric_pose_in_half_the_box_is_twice_as_far(predictor_that_says):
    predictor = predictor_that_says(METRIC)
    box = tight_box(pixels_of(PINHOLE))
    middle = box[:2] + box[2:] / 2
    half = np.array([*(middle - box[2:] / 4), *(box[2:] / 2)])
    near, far = (predictor(IMAGE, x, INTRINSICS) for x in (box, half))
    ratio = far.joints_camera_mm[0, 2] / near.joints_camera_mm[0, 2]
    assert ratio == pytest.approx(2, rel=0.03)
    np.testing.assert_allclose(far.joints_mm, near.joints_mm, atol=1e-9)


@EACH_VOLUME
def test_given_root_depth_is_used(volume, predictor_that_says):
    pixels = pixels_of(LENS)
    box = tight_box(pixels)
    predictor = predictor_that_says(volume, pose_in(volume, pixels, box))
    right = predictor(IMAGE, box, INTRINSICS, LENS, root_depths=[4200])
    np.testing.assert_allclose(right.joints_camera_mm, JOINTS_MM, atol=0.5)
    deeper = predictor(IMAGE, box, INTRINSICS, LENS, root_depths=[5000])
    assert deeper.joints_camera_mm[0, 2] == pytest.approx(5000)
    assert "given root depth" in right.position_from


def test_crop_pose_says_that_bones_told_its_place(predictor_that_says):
    pixels = pixels_of(PINHOLE)
    box = tight_box(pixels)
    pose = predictor_that_says(CROP, pose_in(CROP, pixels, box))(
        IMAGE, box, INTRINSICS
    )
    assert pose.position_from == "mean bone lengths of the training set"


def test_crop_pose_keeps_its_pixels_under_any_camera(predictor_that_says):
    pixels = pixels_of(PINHOLE)
    box = tight_box(pixels)
    predictor = predictor_that_says(CROP, pose_in(CROP, pixels, box))
    pose = predictor(IMAGE, box, None, LENS)
    np.testing.assert_allclose(pose.joints_px, pixels, atol=0.01)


def test_camera_that_is_not_given_is_guessed_and_said(predictor_that_says):
    poses = predictor_that_says().of_all(IMAGE, "image")
    # 55 degrees across the 1000 px of the longer side.
    focal = 500 / np.tan(np.radians(27.5))
    expected = [[focal, 0, 499.5], [0, focal, 399.5], [0, 0, 1]]
    np.testing.assert_allclose(poses.intrinsics, expected, rtol=1e-6)
    assert poses.intrinsics_from.startswith("a guess: 55 degrees")


@pytest.mark.parametrize("height", [64, 32, 20])
def test_without_a_box_the_network_sees_the_whole_image(
    height, predictor_that_says
):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (height, SIZE, 3), np.uint8)
    predictor = predictor_that_says(METRIC)
    predictor(image)
    bar = (SIZE - height) // 2
    expected = np.pad(image, [(bar, bar), (0, 0), (0, 0)])
    np.testing.assert_array_equal(predictor.crops, [expected[None]])


def test_network_sees_the_box_with_its_margin(predictor_that_says):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    predictor = predictor_that_says(METRIC)
    # 51.2 * 1.25 is the 64 px of the crop, around pixel (331.5, 231.5).
    predictor(image, [332 - 20, 232 - 25.6, 40, 51.2])
    np.testing.assert_array_equal(
        predictor.crops, [image[None, 200:264, 300:364]]
    )


@EACH_VOLUME
def test_std_is_in_mm(volume, predictor_that_says):
    pixels = pixels_of(PINHOLE)
    box = tight_box(pixels)
    std = np.tile(np.float32([0.01, 0.02, 0.04]), (17, 1))
    predictor = predictor_that_says(
        volume, pose_in(volume, pixels, box), std=std
    )
    pose = predictor(IMAGE, box, INTRINSICS, root_depths=[4200])
    # Shares of the cube; or of the crop at 4200 mm, and of the slab.
    at_root = 4200 * MARGIN * box[2:].max()
    of_crop = [0.01 * at_root / 1150, 0.02 * at_root / 1090, 80]
    expected = np.linalg.norm([22, 44, 88] if volume == METRIC else of_crop)
    np.testing.assert_allclose(pose.std_mm, 17 * [expected], rtol=1e-5)


def test_network_without_std_gives_none(predictor_that_says):
    pose = predictor_that_says()(IMAGE)
    assert pose.std_mm is None
    assert pose.confidence is None
    assert pose.to_dict()["std_mm"] is None


def test_to_dict_is_json_with_units(predictor_that_says):
    confidence = np.linspace(0, 1, 17, dtype=np.float32)
    predictor = predictor_that_says(
        std=np.full((17, 3), 0.01, np.float32), confidence=confidence
    )
    box = tight_box(pixels_of(PINHOLE))
    content = predictor.of_all(IMAGE, box, INTRINSICS).to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["joints"] == list(H36M_17.joints)
    for name, expected, atol in (
        ("joints_root_relative_mm", RELATIVE_MM, 0.01),
        ("joints_camera_mm", JOINTS_MM, 1),
        ("joints_image_px", pixels_of(PINHOLE), 0.1),
        ("box_px", box, 0.001),
        ("intrinsics_px", INTRINSICS, 0),
        ("confidence", confidence, 1e-5),
    ):
        found = content if name in content else content["people"][0]
        np.testing.assert_allclose(found[name], expected, atol=atol)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((1, 8, 8, 3), np.uint8),
        None,
        [[[0, 0, 0]]],
    ],
    ids=["float", "grey", "alpha", "batch", "none", "list"],
)
def test_image_is_checked(image, predictor_that_says):
    with pytest.raises(ValueError, match=r"`image` must be \(height, width"):
        predictor_that_says()(image)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"boxes": [0, 0, np.nan, 9]}, r"`boxes` must be finite.*nan"),
        ({"boxes": [0, 0, 9]}, r"`boxes` .*\(N, 4\) or \(4,\).*\[0, 0, 9"),
        (
            {"boxes": [5, 5, 0, 9]},
            "`boxes` must have a positive width and height",
        ),
        (
            {"boxes": [5, 5, 9, -1]},
            "`boxes` must have a positive width and height",
        ),
        ({"boxes": [1000, 5, 9, 9]}, "`boxes` must overlap .* 1000 x 800 px"),
        ({"boxes": [5, 800, 9, 9]}, "`boxes` must overlap"),
        ({"boxes": [-9, 5, 9, 9]}, "`boxes` must overlap"),
        ({"boxes": [5, -9, 9, 9]}, "`boxes` must overlap"),
        ({"intrinsics": np.eye(4)}, "`intrinsics` must be finite"),
        (
            {"intrinsics": np.full((3, 3), np.inf)},
            "`intrinsics` must be finite",
        ),
        ({"intrinsics": np.diag([1, 0, 1])}, "`intrinsics` .* focal lengths"),
        ({"intrinsics": np.diag([-1, 1, 1])}, "`intrinsics` .* focal lengths"),
        ({"distortion": np.zeros(4)}, r"`distortion` .* shape \(5,\)"),
        ({"root_depths": [-1]}, "`root_depths` must be a positive .*: -1"),
        ({"root_depths": [np.nan]}, "`root_depths` must be finite .*nan"),
        ({"root_depths": [np.inf]}, "`root_depths` must be finite .*inf"),
        ({"root_depths": [4000] * 2}, r"`root_depths` .* \(1,\).*4000"),
        ({"field_of_view": 0.5}, "`field_of_view` must be 1 to 170 .*: 0.5"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_arguments_are_checked(arguments, message, predictor_that_says):
    predictor = predictor_that_says(METRIC)
    with pytest.raises(ValueError, match=message):
        predictor(IMAGE, **arguments)
    assert predictor.crops == []


def test_box_that_only_touches_the_image_is_taken(predictor_that_says):
    predictor = predictor_that_says(METRIC)
    predictor(IMAGE, [-8, 799, 9, 9])
    assert len(predictor.crops) == 1


def test_crop_pose_without_bone_lengths_asks_for_the_depth(
    predictor_that_says,
):
    predictor = predictor_that_says(CROP)
    predictor.of_all.spec = dataclasses.replace(
        predictor.of_all.spec, bone_lengths_mm=(0.0,) * 17
    )
    with pytest.raises(ValueError, match="`root_depths` must be given"):
        predictor(IMAGE)
    predictor(IMAGE, root_depths=[4000])


def test_root_depth_in_metres_is_refused(predictor_that_says):
    # Half of the person would stand behind the camera.
    with pytest.raises(ValueError, match="root_depth"):
        predictor_that_says()(IMAGE, root_depths=[4.2])


def test_people_of_one_image_each_have_their_box(predictor_that_says):
    predictor = predictor_that_says(METRIC)
    boxes = [[10, 20, 100, 200], [300, 50, 80, 160], [700, 400, 60, 300]]
    poses = predictor.of_all(IMAGE, boxes, root_depths=[0, 3000, 0])
    assert [pose.person for pose in poses] == [1, 2, 3]
    for pose, box in zip(poses, boxes, strict=True):
        np.testing.assert_array_equal(pose.box, box)
        low, high = pose.joints_px.min(axis=0), pose.joints_px.max(axis=0)
        middle = np.add(box[:2], np.divide(box[2:], 2)) - 0.5
        np.testing.assert_allclose((low + high) / 2, middle, atol=0.5)
    assert poses[1].joints_camera_mm[0, 2] == pytest.approx(3000)
    assert [len(crops) for crops in predictor.crops] == [3]
    np.testing.assert_array_equal(
        poses[1].joint("left_knee"), poses[1].joints_camera_mm[5]
    )
    with pytest.raises(ValueError, match="`name` .*left_knee.*'tail'"):
        poses[1].joint("tail")


def test_several_images_are_seen_at_once(predictor_that_says):
    predictor = predictor_that_says().of_all
    small = np.zeros((100, 120, 3), np.uint8)
    boxes = [[10, 20, 50, 60], [300, 50, 80, 160]]
    first, none, second = predictor.predict(
        [
            Shot(IMAGE, boxes, INTRINSICS, LENS),
            Shot(IMAGE, np.zeros((0, 4))),
            Shot(small, boxes[:1], persons=(7,), box_from="a file"),
        ]
    )
    assert (len(first), len(none), len(second)) == (2, 0, 1)
    assert none.image_size == (1000, 800)
    alone = predictor(IMAGE, boxes[1], INTRINSICS, LENS)
    np.testing.assert_array_equal(first[1].joints_px, alone[0].joints_px)
    np.testing.assert_array_equal(first.distortion, LENS)
    assert second.image_size == (120, 100)
    assert (second[0].person, second[0].box_from) == (7, "a file")


def test_mirrored_image_is_averaged_with_sides_exchanged(predictor_that_says):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    pixels = pixels_of(PINHOLE)
    box = tight_box(pixels)
    right = pose_in(METRIC, pixels, box)
    pairs = [(1, 4), (2, 5), (3, 6), (11, 14), (12, 15), (13, 16)]
    order = np.arange(17)
    for one, other in pairs:
        order[[one, other]] = other, one
    mirrored = right[order] * [-1, 1, 1] + [1, 0, 0]
    wrong = np.full(17, 0.02)
    wrong[3] = 0.2  # the right ankle, in the mirrored image the left one's row
    said = iter([right, mirrored + wrong[order][:, None]])
    predictor = predictor_that_says(METRIC)

    def predict(crops):
        predictor.crops.append(crops)
        return {"pose": next(said)[None]}

    predictor.of_all.artefact = dataclasses.replace(
        predictor.of_all.artefact, predict=predict
    )
    pose = predictor(image, box, INTRINSICS, flip=True)
    plain, flipped = predictor.crops
    np.testing.assert_array_equal(flipped, plain[:, :, ::-1])
    # Half of what the mirrored image is off by, its x the other way round.
    off = (wrong[:, None] * [-1, 1, 1]) / 2 * 2200
    np.testing.assert_allclose(
        pose.joints_mm, RELATIVE_MM + off - off[0], atol=1e-3
    )


def found(*boxes):
    """A detector that finds these, whatever it is shown."""

    def detector(image):
        assert image is IMAGE
        return types.SimpleNamespace(boxes=np.reshape(boxes, (-1, 4)))

    detector.name = "a detector"
    return detector


def test_people_are_found_where_no_boxes_are_given(predictor_that_says):
    boxes = [[10.0, 20, 100, 200], [300, 50, 80, 160]]
    predictor = predictor_that_says(detector=found(*boxes)).of_all
    poses = predictor(IMAGE)
    np.testing.assert_array_equal([pose.box for pose in poses], boxes)
    assert {pose.box_from for pose in poses} == {"a detector"}


def test_whole_image_is_taken_where_nobody_is_found(predictor_that_says):
    predictor = predictor_that_says(detector=found()).of_all
    (pose,) = predictor(IMAGE)
    # Its margin makes it the longer side.
    np.testing.assert_allclose(pose.box, [100, 0, 800, 800])
    assert pose.box_from == "the whole image, a detector found nobody"


def test_what_was_found_and_cannot_be_is_left_out(predictor_that_says):
    outside, good = [2000, 20, 100, 200], [300, 50, 80, 160]
    predictor = predictor_that_says(detector=found(outside, good)).of_all
    poses = predictor(IMAGE)
    np.testing.assert_array_equal([pose.box for pose in poses], [good])
    assert poses[0].person == 2
    (reason,) = poses.refused
    assert "`boxes` must overlap" in reason
    with pytest.raises(ValueError, match="must overlap"):
        predictor(IMAGE, [outside, good])


def test_path_is_read_and_turned_upright(tmp_path, predictor_that_says):
    image = np.zeros((40, 60, 3), np.uint8)
    image[:10, :10] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise
    path = tmp_path / "photo.png"
    Image.fromarray(image).save(path, exif=exif)
    predictor = predictor_that_says(METRIC)
    pose = predictor(path)
    assert predictor.of_all(path, "image").image_size == (40, 60)
    assert predictor.crops[0][0, 5, 48].min() == 255
    assert pose.person == 1
    with pytest.raises(ValueError, match="nowhere.png"):
        predictor(tmp_path / "nowhere.png")


class Pair:
    """Predictors of a metric and a crop network that say the truth."""

    def __init__(self, make, lens, box):
        pixels = pixels_of(lens)
        metric = make(METRIC, pose_in(METRIC, pixels, box)).of_all
        crops = make(CROP, pose_in(CROP, pixels, box)).of_all
        self.predictor = Predictor(metric.artefact, crops.artefact)


@EACH_LENS
def test_two_networks_place_a_person_to_the_mm(lens, predictor_that_says):
    # A box that says nothing of the size, as a detector's may.
    box = tight_box(pixels_of(lens)) * [1, 1, 1.3, 1.2]
    pair = Pair(predictor_that_says, lens, box)
    (pose,) = pair.predictor(IMAGE, box, INTRINSICS, lens)
    np.testing.assert_allclose(pose.joints_camera_mm, JOINTS_MM, atol=0.5)
    np.testing.assert_allclose(pose.joints_px, pixels_of(lens), atol=0.05)
    assert pose.position_from.startswith("least squares")


def test_joints_that_are_sure_place_a_person(predictor_that_says):
    box = tight_box(pixels_of(PINHOLE))
    pixels = pixels_of(PINHOLE)
    pixels[16] += [120, -60]  # a wrist seen elsewhere
    found = []
    for sure in (1.0, 0.0):
        confidence = np.float32([1.0] * 16 + [sure])
        metric, crops = (
            predictor_that_says(v, pose_in(v, pixels, box), confidence=c).of_all
            for v, c in ((METRIC, np.ones(17)), (CROP, confidence))
        )
        pair = Predictor(metric.artefact, crops.artefact)
        (pose,) = pair(IMAGE, box, INTRINSICS)
        found.append(np.linalg.norm(pose.joints_camera_mm[0] - ROOT_MM))
    assert found[1] < found[0] / 3


def test_two_networks_of_one_kind_are_refused(predictor_that_says):
    metric, crops = predictor_that_says(METRIC), predictor_that_says(CROP)
    for first, second in ((metric, metric), (crops, metric), (crops, crops)):
        with pytest.raises(ValueError, match="`model` must have a metric vol"):
            Predictor(first.of_all.artefact, second.of_all.artefact)


def test_a_photo_s_own_focal_length_is_used(tmp_path, predictor_that_says):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 28  # mm in 35 mm film
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (600, 400)).save(path, exif=exif)
    predictor = predictor_that_says().of_all
    poses = predictor(path, "image")
    # Across the diagonal, 43.267 mm of film.
    expected = 28 / 43.267 * np.hypot(600, 400)
    assert poses.intrinsics[0, 0] == pytest.approx(expected, rel=1e-3)
    assert "EXIF" in poses.intrinsics_from
    wide = predictor(path, "image", field_of_view=90)
    assert wide.intrinsics[0, 0] == pytest.approx(300)


def test_two_networks_take_no_root_depth(predictor_that_says):
    box = tight_box(pixels_of(PINHOLE))
    pair = Pair(predictor_that_says, PINHOLE, box)
    with pytest.raises(ValueError, match="`root_depths` must not be given"):
        pair.predictor(IMAGE, box, root_depths=[4000])


def test_poses_are_shown_in_a_line(predictor_that_says):
    box = 310, 220, 130.4, 240
    poses = predictor_that_says(METRIC).of_all(IMAGE, box, INTRINSICS)
    assert repr(poses) == (
        "<Poses in 1000 x 800 px, "
        "<Pose of person 1, h36m_17, box 310, 220, 130, 240>>"
    )
