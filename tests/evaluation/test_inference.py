import cv2
import numpy as np
import pytest

from keras_pose.data import conversion
from keras_pose.data.sources.source import Source
from keras_pose.data.store import Records
from keras_pose.evaluation import scoring
from keras_pose.evaluation.inference import infer
from keras_pose.evaluation.protocols import PROTOCOLS
from keras_pose.evaluation.report import Conventions
from keras_pose.evaluation.report import evaluate
from keras_pose.evaluation.truth import read_truth
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17

SIZE, MARGIN = 64, 1.25
BONES = (300.0,) * 17
METRIC = PoseSpec(H36M_17, MetricVolume(2200), SIZE, MARGIN, BONES)
CROP = PoseSpec(H36M_17, CropVolume(SIZE, 2000), SIZE, MARGIN, BONES)
BOTH = pytest.mark.parametrize("spec", [METRIC, CROP], ids=["metric", "crop"])
LEFT, RIGHT, NOSE = (
    H36M_17.joints.index(name) for name in ("left_wrist", "right_wrist", "nose")
)
INTRINSICS = np.float32([[600, 0, 100], [0, 610, 80], [0, 0, 1]])
LENS = np.float32([-0.1, 0.05, 0.001, -0.002, 0])


@pytest.fixture
def records_of(tmp_path):
    """Gives `samples -> Records` of them."""

    def convert(samples):
        source = Source("made", H36M_17, len(samples), samples)
        conversion.convert(source, tmp_path / "set")
        return Records([str(tmp_path / "set")])

    return convert


@pytest.fixture
def make_person(make_sample):
    """A person 3 m away, with a red left wrist and a blue nose."""

    def make(seed=0, **fields):
        rng = np.random.default_rng(seed)
        mm = rng.uniform([-350, -300, 2800], [350, 300, 3200], (17, 3))
        mm[LEFT], mm[NOSE] = [220, 150, 3000], [-160, -120, 2950]
        px, _ = cv2.projectPoints(
            mm, np.zeros(3), np.zeros(3), np.float64(INTRINSICS), LENS
        )
        px = px[:, 0]
        image = np.zeros((160, 200, 3), np.uint8)
        for joint, colour in ((LEFT, (0, 0, 255)), (NOSE, (255, 0, 0))):
            centre = np.round(px[joint] * 16).astype(int).tolist()
            cv2.circle(image, centre, 5 * 16, colour, -1, cv2.LINE_AA, 4)
        right = {
            "image": cv2.imencode(".png", image)[1].tobytes(),
            "joints_mm": np.float32(mm),
            "joints_px": np.float32(px),
            "box": np.float32([10, 5, 180, 150]),
            "intrinsics": INTRINSICS,
            "distortion": LENS,
        }
        return make_sample(seed, **right | fields)

    return make


def centre_of(image, channel):
    """Where a colour is, in unit coordinates of the image."""
    colour = image[..., channel].astype(float)
    rows, columns = np.indices(colour.shape)
    return np.array(
        [
            (np.sum(part * colour) / colour.sum() + 0.5) / len(image)
            for part in (columns, rows)
        ]
    )


def see(images):
    """A network that knows the two marked joints, and left from right.

    Who is mirrored has their nose on the other side of their wrist.
    """
    poses = np.full((len(images), 17, 3), 0.5)
    for pose, image in zip(poses, images, strict=True):
        wrist, nose = centre_of(image, 0), centre_of(image, 2)
        pose[LEFT if nose[0] < wrist[0] else RIGHT, :2] = wrist
        pose[NOSE, :2] = nose
    return {"pose": poses}


@pytest.mark.parametrize(
    ("flip", "crops"), [(False, 1), (True, 1), (False, 5), (True, 3)]
)
def test_what_is_seen_in_changed_crops_is_where_it_is(
    records_of, make_person, flip, crops
):
    people = [make_person(seed) for seed in range(3)]
    records = records_of(people)
    found = infer(see, CROP, records, 2, flip=flip, crops=crops)
    assert found.names.tolist() == [person.name for person in people]
    for joint in (LEFT, NOSE):
        expected = [person.joints_px[joint] for person in people]
        np.testing.assert_allclose(
            found.joints_px[:, joint], expected, atol=0.4
        )


@pytest.mark.parametrize(("flip", "crops"), [(True, 1), (False, 3)])
def test_a_metric_pose_turns_back_with_its_crop(
    records_of, make_person, flip, crops
):
    records = records_of([make_person(0)])
    plain = infer(see, METRIC, records, 1)
    found = infer(see, METRIC, records, 1, flip=flip, crops=crops)
    # What a picture shows moves by as much as it is cut, some mm.
    np.testing.assert_allclose(found.joints_mm, plain.joints_mm, atol=12)
    wrist = plain.joints_mm[0, LEFT]
    assert wrist[0] > 300
    assert wrist[1] > 200
    assert np.abs(found.joints_mm[0, RIGHT]).max() < 12


class Told:
    """A network that is told what to say, view after view."""

    def __init__(self, *poses):
        self._poses = iter(poses)

    def __call__(self, images):
        return {"pose": np.stack([next(self._poses) for _ in images])}


@BOTH
def test_a_network_biased_to_the_right_is_not_when_mirrored(
    records_of, make_person, spec
):
    records = records_of([make_person(0)])
    pose = np.random.default_rng(1).uniform(0.3, 0.7, (17, 3))
    mirrored = pose[list(H36M_17.flip_permutation)] * [-1, 1, 1] + [1, 0, 0]
    bias = np.array([0.75 / 64, 0, 0])
    plain = infer(Told(pose), spec, records, 1)
    biased = infer(Told(pose + bias), spec, records, 1)
    found = infer(Told(pose + bias, mirrored + bias), spec, records, 1, flip=1)
    np.testing.assert_allclose(found.joints_mm, plain.joints_mm, atol=1e-6)
    np.testing.assert_allclose(found.joints_px, plain.joints_px, atol=1e-6)
    if spec is CROP:  # relative to the root, all are moved alike
        moved = np.abs(biased.joints_px - plain.joints_px)[..., 0]
        assert moved.mean() > 0.5


@BOTH
def test_exact_labels_are_the_poses_of_the_data_set(
    records_of, make_person, spec
):
    person = make_person(3)
    joints = np.float64(person.joints_mm)
    offset = joints - joints[0]
    if spec is METRIC:
        pose, expected = offset / 2200 + 0.5, offset
    else:
        side = 180 * MARGIN
        plane = (person.joints_px + 0.5 - [100, 80]) / side + 0.5
        pose = np.concatenate([plane, offset[:, 2:] / 2000 + 0.5], axis=1)
        expected = joints
    found = infer(Told(pose), spec, records_of([person]), 1)
    np.testing.assert_allclose(found.joints_mm[0], expected, atol=0.05)
    if spec is CROP:
        np.testing.assert_allclose(
            found.joints_px[0], person.joints_px, atol=1e-3
        )


def test_an_estimated_depth_is_that_of_the_mean_bones(records_of, make_person):
    person = make_person(2)
    joints = np.float64(person.joints_mm)
    bones = np.zeros(17)
    for parent, child in H36M_17.bones:
        bones[child] = np.linalg.norm(joints[child] - joints[parent])
    spec = PoseSpec(H36M_17, CROP.volume, SIZE, MARGIN, tuple(bones))
    plane = (person.joints_px + 0.5 - [100, 80]) / (180 * MARGIN) + 0.5
    depth = (joints[:, 2:] - joints[0, 2]) / 2000 + 0.5
    pose = np.concatenate([plane, depth], axis=1)
    records = records_of([person])
    found = infer(Told(pose), spec, records, 1, root_depth="estimated")
    np.testing.assert_allclose(found.joints_mm[0], joints, atol=1)
    larger = PoseSpec(H36M_17, CROP.volume, SIZE, MARGIN, tuple(1.2 * bones))
    found = infer(Told(pose), larger, records, 1, root_depth="estimated")
    assert found.joints_mm[0, 0, 2] > 1.15 * joints[0, 2]


def nothing_known(make_person, seed):
    nothing = np.zeros(17, np.float32)
    return make_person(
        seed,
        joints_mm=np.zeros((17, 3), np.float32),
        joints_px=np.zeros((17, 2), np.float32),
        weight_3d=nothing,
        weight_2d=nothing,
        intrinsics=np.zeros((3, 3), np.float32),
        distortion=np.zeros(5, np.float32),
    )


def test_images_alone_have_poses_too(records_of, make_person):
    records = records_of([nothing_known(make_person, 0), make_person(1)])
    pose = np.random.default_rng(1).uniform(0.3, 0.7, (17, 3))
    metric = infer(Told(pose, pose), METRIC, records, 2)
    expected = (pose - pose[0]) * 2200
    np.testing.assert_allclose(metric.joints_mm[0], expected, atol=1e-6)
    told = infer(Told(pose, pose), CROP, records, 2, root_depth="estimated")
    assert np.isfinite(told.joints_mm).all()
    by_labels = infer(Told(pose, pose), CROP, records, 2)
    assert np.isnan(by_labels.joints_mm[0]).all()
    assert np.isfinite(by_labels.joints_mm[1]).all()
    np.testing.assert_allclose(by_labels.joints_px, told.joints_px, atol=1e-6)


def test_without_a_camera_the_true_depth_gives_no_pose(records_of, make_person):
    person = make_person(0, intrinsics=np.zeros((3, 3), np.float32))
    pose = np.full((17, 3), 0.5)
    found = infer(Told(pose), CROP, records_of([person]), 1)
    assert np.isnan(found.joints_mm).all()
    assert np.isfinite(found.joints_px).all()


def test_an_unknown_camera_looks_at_the_middle_of_the_crop(
    records_of, make_person
):
    person = make_person(
        0,
        intrinsics=np.zeros((3, 3), np.float32),
        distortion=np.zeros(5, np.float32),
    )
    pose = np.full((17, 3), 0.5)
    pose[1, 0] += 0.1
    found = infer(
        Told(pose), CROP, records_of([person]), 1, root_depth="estimated"
    )
    joints = found.joints_mm[0]
    np.testing.assert_allclose(joints[0, :2], 0, atol=0.01)
    # An ordinary photo is 55 degrees wide.
    expected = 0.2 * np.tan(np.radians(55 / 2)) * joints[1, 2]
    np.testing.assert_allclose(joints[1, 0], expected, rtol=1e-5)


def test_some_samples_in_another_order(records_of, make_person):
    records = records_of([make_person(seed) for seed in range(5)])
    done = []
    found = infer(
        see, CROP, records, 2, np.array([4, 0, 2]), progress=done.append
    )
    assert [name[-5] for name in found.names] == ["4", "0", "2"]
    assert done == [2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"root_depth": "guessed"}, "`root_depth` must.*'guessed'"),
        ({"crops": 0}, "`crops` must.*0"),
        ({"root_depth": "estimated"}, "`root_depth` must.*no bone"),
    ],
)
def test_wrong_arguments_are_named(records_of, make_person, options, message):
    spec = PoseSpec(H36M_17, CROP.volume, SIZE, MARGIN, (0.0,) * 17)
    with pytest.raises(ValueError, match=message):
        infer(see, spec, records_of([make_person(0)]), 1, **options)


def test_a_pose_of_nan_is_refused(records_of, make_person):
    records = records_of([make_person(0)])
    with pytest.raises(ValueError, match="finite.*NaN"):
        infer(Told(np.full((17, 3), np.nan)), CROP, records, 1)


@BOTH
def test_training_and_evaluation_score_alike(records_of, make_person, spec):
    records = records_of([make_person(seed) for seed in range(5)])
    errors = scoring.errors_of(see, spec, records, 2)
    trained = scoring.summarise(errors, spec)
    truth = read_truth(records, spec.skeleton)
    found = evaluate(
        truth,
        infer(see, spec, records, 2),
        PROTOCOLS["everything"],
        Conventions(),
        num_draws=0,
    )
    assert trained.mpjpe > 100
    assert found.value("mpjpe_mm") == pytest.approx(trained.mpjpe, abs=0.01)
    pa = found.value("pa_mpjpe_mm")
    assert pa == pytest.approx(trained.pa_mpjpe, abs=0.01)
