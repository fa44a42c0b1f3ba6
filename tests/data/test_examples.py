import cv2
import numpy as np
import pytest

from keras_pose.data import examples
from keras_pose.data.augmentation import NO_AUGMENTATION
from keras_pose.data.augmentation import Augmentation
from keras_pose.data.store import Records
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPI_INF_3DHP_17

BOTH = pytest.mark.parametrize(
    "volume", [MetricVolume(), CropVolume(32)], ids=["metric", "crop"]
)
CHANGED = Augmentation(
    flip=0.5,
    rotation=30,
    scale=0.2,
    stretch=0.25,
    shift=0.1,
    hue_saturation=60,
    contrast=0.3,
    brightness=0.5,
    erase=0.5,
    jpeg=0.5,
)


@pytest.fixture
def batch_of(spec_of):
    """Gives `(folders, volume, augmentation, numbers, backend) -> batch`."""

    def batch_of(
        folders,
        volume,
        augmentation=NO_AUGMENTATION,
        numbers=None,
        backend="host",
        margin=1.25,
    ):
        records = Records(folders)
        numbers = range(len(records)) if numbers is None else numbers
        cut = examples.cutter(backend, augmentation)
        make = examples.maker(records, spec_of(volume, margin), cut)
        return make(numbers, augmentation.draw(0, np.arange(len(numbers))))

    return batch_of


def test_crop_shows_the_box_with_its_margin(
    make_dataset, make_sample, batch_of
):
    box = np.float32([10, 8, 20, 30])
    unseen = {"weight_2d": np.zeros(17, np.float32)}  # they lie elsewhere
    folder = make_dataset("a", 1, box=box, **unseen)
    batch = batch_of([folder], MetricVolume())
    encoded = np.frombuffer(make_sample(0).image, np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]
    # 30 * 1.25 px around (20, 23), less half a pixel, fill 32 px.
    zoom = 32 / 37.5
    matrix = np.array(
        [[zoom, 0, 15.5 - 19.5 * zoom], [0, zoom, 15.5 - 22.5 * zoom]]
    )
    expected = cv2.warpAffine(image, matrix, (32, 32))
    difference = np.abs(batch["image"][0].astype(int) - expected)
    assert difference.max() <= 2  # JPEG decoders differ by as much


def test_metric_labels_are_root_relative(make_dataset, make_sample, batch_of):
    batch = batch_of([make_dataset("a", 1)], MetricVolume())
    joints = make_sample(0).joints_mm
    expected = (joints - joints[0]) / 2200 + 0.5
    np.testing.assert_allclose(batch["pose"][0], expected, atol=1e-6)


def test_crop_labels_lie_on_the_crop(make_dataset, make_sample, batch_of):
    folder = make_dataset("a", 1, box=np.float32([0, 0, 64, 48]))
    batch = batch_of([folder], CropVolume(32), margin=1.0)
    sample = make_sample(0)
    x, y = sample.joints_px.T
    z = sample.joints_mm[:, 2] - sample.joints_mm[0, 2]
    # The square around the box is 64 px wide and begins 8 px above it.
    expected = [(x + 0.5) / 64, (y + 0.5 + 8) / 64, z / 2000 + 0.5]
    np.testing.assert_allclose(
        batch["pose"][0], np.transpose(expected), atol=1e-5
    )


def test_a_batch_holds_what_scores_need(make_dataset, make_sample, batch_of):
    batch = batch_of([make_dataset("a", 2, first=3)], MetricVolume())
    assert batch["name"].tolist() == ["a/3.jpg", "a/4.jpg"]
    for row, sample in enumerate((make_sample(3), make_sample(4))):
        joints_mm = batch["joints_mm"][row]
        np.testing.assert_array_equal(joints_mm, sample.joints_mm)
        view = batch["view"]
        np.testing.assert_array_equal(view.intrinsics[row], sample.intrinsics)
        assert view.root_depth[row] == sample.joints_mm[0, 2]


def test_joints_of_another_skeleton_are_found_by_name(
    make_dataset, make_sample, batch_of
):
    folder = make_dataset("a", 1, skeleton=MPI_INF_3DHP_17)
    batch = batch_of([folder], MetricVolume())
    stored = make_sample(0).joints_mm  # its row 6 is the left elbow there
    np.testing.assert_allclose(batch["joints_mm"][0, 12], stored[6])
    np.testing.assert_allclose(batch["joints_mm"][0, 15], stored[3])
    missing = H36M_17.joints.index("nose")
    assert batch["weight_3d"][0, missing] == 0
    assert np.count_nonzero(batch["weight_3d"]) == 16


def test_a_batch_holds_samples_of_several_skeletons(make_dataset, batch_of):
    folders = [
        make_dataset("a", 2),
        make_dataset("b", 2, skeleton=MPI_INF_3DHP_17, first=2),
    ]
    batch = batch_of(folders, MetricVolume(), numbers=[3, 0, 2, 1])
    known = np.count_nonzero(batch["weight_3d"], axis=1)
    assert known.tolist() == [16, 17, 16, 17]


@pytest.mark.parametrize(
    ("volume", "weight"),
    [(MetricVolume(), [0, 0, 0]), (CropVolume(32), [1, 1, 0])],
    ids=["metric", "crop"],
)
def test_photo_without_depth_teaches_only_what_it_shows(
    make_dataset, batch_of, volume, weight
):
    folder = make_dataset("a", 1, weight_3d=np.zeros(17, np.float32))
    batch = batch_of([folder], volume)
    np.testing.assert_array_equal(batch["weight"][0], [weight] * 17)


def test_pose_without_its_root_teaches_no_depth(make_dataset, batch_of):
    weight = np.float32([0] + [1] * 16)
    folder = make_dataset("a", 1, weight_3d=weight)
    assert not batch_of([folder], MetricVolume())["weight"].any()


@BOTH
@pytest.mark.parametrize("augmentation", [NO_AUGMENTATION, CHANGED])
def test_a_damaged_record_teaches_nothing_and_leaves_the_others(
    make_dataset, damage_shard, batch_of, volume, augmentation
):
    folder = make_dataset("a", 3)
    before = batch_of([folder], volume, augmentation)
    shard = damage_shard(folder, 1)
    batch, again = (batch_of([folder], volume, augmentation) for _ in range(2))
    assert batch["name"][1] == f"{shard}: record 1"
    for name in ("weight", "weight_3d", "joints_mm"):
        assert not batch[name][1].any()
    if augmentation is NO_AUGMENTATION:
        assert not batch["image"][1].any()
    for name in ("image", "pose", "weight", "joints_mm", "weight_3d"):
        np.testing.assert_array_equal(batch[name][[0, 2]], before[name][[0, 2]])
        np.testing.assert_array_equal(batch[name], again[name])
    assert np.isfinite(batch["pose"]).all()


@BOTH
def test_labels_of_changed_crops_decode_to_the_same_mm(
    make_dataset, batch_of, volume
):
    batch = batch_of([make_dataset("a", 4)], volume, CHANGED)
    decoded = volume.decode(batch["pose"], batch["view"])
    target = batch["joints_mm"]
    np.testing.assert_allclose(
        decoded - decoded[:, :1], target - target[:, :1], atol=0.2
    )


def test_metric_labels_do_not_see_stretch_and_shift(make_dataset, batch_of):
    folders = [make_dataset("a", 4)]
    report = Augmentation(stretch=0.25, shift=0.05, constant_shift=0.05)
    plain = batch_of(folders, MetricVolume())
    changed = batch_of(folders, MetricVolume(), report)
    np.testing.assert_allclose(changed["pose"], plain["pose"], atol=1e-6)
    assert np.abs(changed["image"] - plain["image"].astype(int)).mean() > 5


def test_crop_labels_move_with_the_image(make_dataset, batch_of):
    folders = [make_dataset("a", 4)]
    augmentation = Augmentation(stretch=0.25, shift=0.05)
    plain = batch_of(folders, CropVolume(32))
    changed = batch_of(folders, CropVolume(32), augmentation)
    drawn = augmentation.draw(0, np.arange(4))
    expected = (plain["pose"][..., :2] - 0.5) * drawn.stretch[:, None]
    expected += 0.5 + drawn.shift[:, None]
    np.testing.assert_allclose(
        changed["pose"][..., :2], expected, rtol=1e-4, atol=1e-4
    )


def test_mirrored_people_swap_left_and_right(make_dataset, batch_of):
    folders = [make_dataset("a", 4)]
    plain = batch_of(folders, MetricVolume())
    mirrored = batch_of(folders, MetricVolume(), Augmentation(flip=1))
    left = [H36M_17.joints.index(f"left_{n}") for n in ("knee", "wrist")]
    right = [H36M_17.joints.index(f"right_{n}") for n in ("knee", "wrist")]
    expected = plain["pose"][:, right] * [-1, 1, 1] + [1, 0, 0]
    np.testing.assert_allclose(mirrored["pose"][:, left], expected, atol=1e-5)
    expected = plain["image"][:, :, ::-1].astype(int)
    assert np.abs(mirrored["image"] - expected).mean() < 1


def test_unknown_joints_of_mirrored_people_are_those_of_the_other_side(
    make_dataset, batch_of
):
    left, right = (H36M_17.joints.index(f"{s}_knee") for s in ("left", "right"))
    weight = np.ones(17, np.float32)
    weight[left] = 0
    folders = [make_dataset("a", 4, weight_3d=weight)]
    batch = batch_of(folders, MetricVolume(), Augmentation(flip=1))
    assert not batch["weight_3d"][:, right].any()
    assert batch["weight"][:, left].all()


@BOTH
def test_labels_of_imgaug_move_as_the_image_does(
    make_dataset, batch_of, volume
):
    folders = [make_dataset("a", 4)]
    report = Augmentation(stretch=0.25, shift=0.05, constant_shift=0.05)
    host = batch_of(folders, volume, report)
    by_imgaug = batch_of(folders, volume, report, backend="imgaug")
    np.testing.assert_array_equal(host["pose"], by_imgaug["pose"])


def test_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="`backend` must.*Received: 'gpu'"):
        examples.cutter("gpu", NO_AUGMENTATION)
