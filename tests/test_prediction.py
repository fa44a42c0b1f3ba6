import dataclasses
import json

import cv2
import numpy as np
import pytest

from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.prediction import Predictor
from keras_pose.serving import artefacts
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


@pytest.fixture
def predictor_that_says(monkeypatch):
    """Gives `(volume, pose) -> Predictor`; its network always says `pose`."""

    def make(volume=METRIC, pose=RELATIVE_MM / 2200 + 0.5, **outputs):
        spec = PoseSpec(H36M_17, volume, SIZE, MARGIN, bone_lengths())
        crops = []

        def predict(images):
            crops.append(images)
            said = {"pose": np.float32(pose), **outputs}
            return {name: value[None] for name, value in said.items()}

        artefact = artefacts.Artefact("net", "keras", spec, predict)
        monkeypatch.setattr(artefacts, "load", lambda path: artefact)
        predictor = Predictor("net")
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
    assert (pose.skeleton, pose.intrinsics_from) == (H36M_17, "given")


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
    right = predictor(IMAGE, box, INTRINSICS, LENS, root_depth=4200)
    np.testing.assert_allclose(right.joints_camera_mm, JOINTS_MM, atol=0.5)
    deeper = predictor(IMAGE, box, INTRINSICS, LENS, root_depth=5000)
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
    pose = predictor_that_says()(IMAGE)
    # 55 degrees across the 1000 px of the longer side.
    focal = 500 / np.tan(np.radians(27.5))
    expected = [[focal, 0, 499.5], [0, focal, 399.5], [0, 0, 1]]
    np.testing.assert_allclose(pose.intrinsics, expected, rtol=1e-6)
    assert pose.intrinsics_from.startswith("a guess: 55 degrees")


@pytest.mark.parametrize("height", [64, 32, 20])
def test_without_a_box_the_network_sees_the_whole_image(
    height, predictor_that_says
):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (height, SIZE, 3), np.uint8)
    predictor = predictor_that_says()
    predictor(image)
    bar = (SIZE - height) // 2
    expected = np.pad(image, [(bar, bar), (0, 0), (0, 0)])
    np.testing.assert_array_equal(predictor.crops, [expected[None]])


def test_network_sees_the_box_with_its_margin(predictor_that_says):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    predictor = predictor_that_says()
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
    pose = predictor(IMAGE, box, INTRINSICS, root_depth=4200)
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
    content = predictor(IMAGE, box, INTRINSICS).to_dict()
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
        np.testing.assert_allclose(content[name], expected, atol=atol)


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
        ({"box": [0, 0, np.nan, 9]}, r"`box` must be finite.*nan"),
        ({"box": [0, 0, 9]}, r"`box` must be finite .*shape \(4,\).*\[0, 0, 9"),
        ({"box": [5, 5, 0, 9]}, "`box` must have a positive width and height"),
        ({"box": [5, 5, 9, -1]}, "`box` must have a positive width and height"),
        ({"box": [1000, 5, 9, 9]}, "`box` must overlap .* 1000 x 800 px"),
        ({"box": [5, 800, 9, 9]}, "`box` must overlap"),
        ({"box": [-9, 5, 9, 9]}, "`box` must overlap"),
        ({"box": [5, -9, 9, 9]}, "`box` must overlap"),
        ({"intrinsics": np.eye(4)}, "`intrinsics` must be finite"),
        (
            {"intrinsics": np.full((3, 3), np.inf)},
            "`intrinsics` must be finite",
        ),
        ({"intrinsics": np.diag([1, 0, 1])}, "`intrinsics` .* focal lengths"),
        ({"intrinsics": np.diag([-1, 1, 1])}, "`intrinsics` .* focal lengths"),
        ({"distortion": np.zeros(4)}, r"`distortion` .* shape \(5,\)"),
        ({"root_depth": -1}, "`root_depth` must be a positive .*: -1"),
        ({"root_depth": 0}, "`root_depth` must be a positive .*: 0"),
        ({"root_depth": np.nan}, "`root_depth` must be a positive .*: nan"),
        ({"root_depth": np.inf}, "`root_depth` must be a positive .*: inf"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_arguments_are_checked(arguments, message, predictor_that_says):
    predictor = predictor_that_says()
    with pytest.raises(ValueError, match=message):
        predictor(IMAGE, **arguments)
    assert predictor.crops == []


def test_box_that_only_touches_the_image_is_taken(predictor_that_says):
    predictor = predictor_that_says()
    predictor(IMAGE, [-8, 799, 9, 9])
    assert len(predictor.crops) == 1


def test_crop_pose_without_bone_lengths_asks_for_the_depth(
    predictor_that_says,
):
    predictor = predictor_that_says(CROP)
    predictor.spec = dataclasses.replace(
        predictor.spec, bone_lengths_mm=(0.0,) * 17
    )
    with pytest.raises(ValueError, match="`root_depth` must be given"):
        predictor(IMAGE)
    predictor(IMAGE, root_depth=4000)


def test_root_depth_in_metres_is_refused(predictor_that_says):
    # Half of the person would stand behind the camera.
    with pytest.raises(ValueError, match="root_depth"):
        predictor_that_says()(IMAGE, root_depth=4.2)
