import os

import cv2
import h5py
import numpy as np
import pytest

from keras_pose.data import conversion
from keras_pose.data import records
from keras_pose.data import sources
from keras_pose.data.sources import h36m_c2f
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.skeleton import H36M_17

# The joints of the files, in their order, by the names of this project.
JOINTS = {
    "Hip": "pelvis",
    "RHip": "right_hip",
    "RKnee": "right_knee",
    "RFoot": "right_ankle",
    "LHip": "left_hip",
    "LKnee": "left_knee",
    "LFoot": "left_ankle",
    "Spine": "spine",
    "Thorax": "neck",
    "Neck/Nose": "nose",
    "Head": "head_top",
    "LShoulder": "left_shoulder",
    "LElbow": "left_elbow",
    "LWrist": "left_wrist",
    "RShoulder": "right_shoulder",
    "RElbow": "right_elbow",
    "RWrist": "right_wrist",
}

# Who faces the camera has their right side at negative x.
STANDING = np.float64(
    [
        [0, 0, 0],
        [-130, 0, 10],
        [-150, 440, -60],
        [-160, 880, 40],
        [130, 0, -10],
        [160, 430, -90],
        [220, 860, 60],
        [10, -240, 20],
        [10, -490, 10],
        [0, -580, -70],
        [10, -690, -20],
        [150, -450, 20],
        [330, -250, -60],
        [420, -30, -200],
        [-140, -450, 0],
        [-210, -180, 60],
        [-230, 60, -80],
    ]
)
INTRINSICS = np.float64([[1145, 0, 512], [0, 1143, 515], [0, 0, 1]])
# Of Human3.6M's camera 54138969.
DISTORTION = np.float64([-0.2071, 0.2478, -0.00098, -0.00142, -0.0031])
NAMES = [
    "S1_Posing_1.55011271_000001.jpg",
    "S1_Posing_1.55011271_000006.jpg",
    "S5_Walking.54138969_000011.jpg",
    "S1_Sitting 2.60457274_001234.jpg",
    "S6_Eating.58860488_000021.jpg",
]
SIZE = 256


def poses():
    """People at several places who turn from row to row, (N, 17, 3) mm."""
    rows = np.arange(len(NAMES))
    turn = 0.9 * rows
    cos, sin, zero = np.cos(turn), np.sin(turn), 0 * turn
    rotation = np.array([[cos, zero, sin], [zero, zero + 1, zero]])
    rotation = np.stack([*rotation, [-sin, zero, cos]]).transpose(2, 1, 0)
    place = np.stack([300 * cos, 40 * sin, 4500 + 300 * rows], axis=1)
    return STANDING @ rotation + place[:, None]


def crops(points):
    """Pixels of crops around people: (N, 17, 2), and each crop's zoom."""
    low, high = points.min(axis=1), points.max(axis=1)
    zoom = SIZE / (1.25 * (high - low).max(axis=1))
    middle = (low + high)[:, None] / 2
    return (points - middle) * zoom[:, None, None] + (SIZE - 1) / 2, zoom


def seen(joints, distortion=DISTORTION):
    return crops(camera.image_from_camera(joints, INTRINSICS, distortion))[0]


def jpeg(level, size=(SIZE, SIZE)):
    grey = np.full((*size, 3), level, np.uint8)
    return cv2.imencode(".jpg", grey)[1].tobytes()


@pytest.fixture
def make_root(tmp_path):
    """Gives `(pose3d, pose2d, lines) -> root` in the layout of the files."""

    def make(pose3d=None, pose2d=None, lines=NAMES, split="train"):
        pose3d = poses() if pose3d is None else pose3d
        pose2d = seen(poses()) if pose2d is None else pose2d
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "annot").mkdir(exist_ok=True)
        for level, name in enumerate(NAMES):
            (tmp_path / "images" / name).write_bytes(jpeg(40 * level))
        with h5py.File(tmp_path / "annot" / f"{split}.h5", "w") as file:
            file["pose3d"], file["pose2d"] = pose3d, pose2d
        text = "".join(f"{line}\n" for line in lines)
        (tmp_path / "annot" / f"{split}_images.txt").write_text(text)
        for name in ("mean", "std"):
            np.savetxt(tmp_path / "annot" / f"{name}.txt", pose3d[0])
        return str(tmp_path)

    return make


def samples_of(root, **options):
    return list(h36m_c2f.human36m(root, **options).samples)


def test_joints_are_those_of_the_files_by_name():
    assert tuple(JOINTS.values()) == H36M_17.joints


def test_rows_are_read_as_they_are(make_root):
    source = h36m_c2f.human36m(make_root())
    assert (source.name, source.skeleton) == ("h36m_c2f", H36M_17)
    samples = list(source.samples)
    assert source.count == len(samples) == len(NAMES)
    for row, sample in enumerate(samples):
        np.testing.assert_allclose(sample.joints_mm, poses()[row], rtol=1e-6)
        np.testing.assert_allclose(sample.joints_px, seen(poses())[row], 1e-5)
        assert (sample.name, sample.image) == (NAMES[row], jpeg(40 * row))
        np.testing.assert_array_equal(sample.weight_3d, np.ones(17))
        np.testing.assert_array_equal(sample.weight_2d, np.ones(17))
        np.testing.assert_array_equal(sample.distortion, np.zeros(5))


def test_names_are_parsed(make_root):
    sample = samples_of(make_root())[3]
    assert (sample.subject, sample.action) == ("S1", "Sitting 2")
    assert (sample.camera, sample.frame) == ("60457274", 1234)
    assert sample.source == "h36m_c2f"


def test_box_is_the_whole_crop(make_root):
    root = make_root()
    path = os.path.join(root, "images", NAMES[0])
    with open(path, "wb") as file:
        file.write(jpeg(0, (260, 256)))
    first, second, *_ = samples_of(root)
    np.testing.assert_array_equal(first.box, [0, 0, 256, 260])
    np.testing.assert_array_equal(second.box, [0, 0, 256, 256])
    transform = crop.crop_from_image(second.box, 256, scale=1.0)
    np.testing.assert_array_equal(transform, np.eye(3))


@pytest.mark.parametrize(
    ("distortion", "tolerance"),
    [(np.zeros(5), 0.002), (DISTORTION, 0.02)],
    ids=["pinhole", "lens"],
)
def test_camera_is_the_one_that_took_the_crop(make_root, distortion, tolerance):
    points = camera.image_from_camera(poses(), INTRINSICS, distortion)
    points, zoom = crops(points)
    for sample, scale in zip(
        samples_of(make_root(pose2d=points)), zoom, strict=True
    ):
        focal = sample.intrinsics[0, 0]
        assert focal == sample.intrinsics[1, 1]
        assert focal == pytest.approx(1144 * scale, rel=tolerance)


def test_camera_stands_whole_pixels(make_root):
    points, zoom = crops(
        camera.image_from_camera(poses(), INTRINSICS, DISTORTION)
    )
    samples = samples_of(make_root(pose2d=np.round(points)))
    focal = [sample.intrinsics[0, 0] for sample in samples]
    np.testing.assert_allclose(focal, 1144 * zoom, rtol=0.02)


def test_camera_repeats_the_2d_joints(make_root):
    for sample in samples_of(make_root()):
        assert conversion.reprojection_error(sample) < 0.5


def test_rows_convert(make_root, tmp_path):
    conversion.convert(h36m_c2f.human36m(make_root()), tmp_path / "out")
    info = records.read_info(tmp_path / "out")
    assert (info.count, info.source) == (len(NAMES), "h36m_c2f")


def test_subjects_are_kept_with_their_own_images_and_poses(make_root):
    root = make_root()
    source = h36m_c2f.human36m(root, subjects=["S1", "S6"])
    samples = list(source.samples)
    assert source.count == len(samples) == 4
    for sample, row in zip(samples, [0, 1, 3, 4], strict=True):
        assert (sample.name, sample.image) == (NAMES[row], jpeg(40 * row))
        np.testing.assert_allclose(sample.joints_mm, poses()[row], rtol=1e-6)


def test_a_subject_that_does_not_occur_is_refused(make_root):
    with pytest.raises(ValueError, match="`subjects` .*S1, S5, S6.*S7"):
        h36m_c2f.human36m(make_root(), subjects=["S1", "S7"])


def test_annotations_name_another_split(make_root):
    root = make_root(split="some")
    path = os.path.join(root, "annot", "some.h5")
    assert h36m_c2f.human36m(root, path).count == len(NAMES)
    with pytest.raises(ValueError, match="train.h5: cannot be read"):
        h36m_c2f.human36m(root)


def test_unknown_joints_have_weight_0(make_root):
    pose3d, pose2d = poses(), seen(poses())
    pose3d[0, 3, 1], pose2d[0, 16] = np.nan, np.inf
    sample, other, *_ = samples_of(make_root(pose3d, pose2d))
    assert np.flatnonzero(sample.weight_3d == 0) == [3]
    assert np.flatnonzero(sample.weight_2d == 0) == [16]
    np.testing.assert_array_equal(sample.joints_mm[3], [0, 0, 0])
    np.testing.assert_array_equal(sample.joints_px[16], [0, 0])
    conversion.check_sample(sample, H36M_17)
    assert (other.weight_3d == 1).all()


def test_too_few_joints_give_no_camera(make_root):
    pose3d = poses()
    pose3d[2, 5:] = np.nan
    with pytest.raises(ValueError, match="row 2: .*at least 6 .*: 5"):
        samples_of(make_root(pose3d))


MIRROR = list(H36M_17.flip_permutation)
CENTRED = poses() - poses()[:, :1]
WRONG = {
    "root_relative": (CENTRED, None, "`pose3d` must lie in front"),
    "mirrored_sides": (poses()[:, MIRROR], None, "`pose2d` must be what a"),
    "mirrored_image": (None, SIZE - 1 - seen(poses()), "`pose2d` must be what"),
    "swapped_2d_axes": (None, seen(poses())[..., ::-1], "must be what a"),
    "swapped_3d_axes": (poses()[..., [1, 0, 2]], None, "must be what a"),
    "depth_first": (poses()[..., [2, 0, 1]], None, "must lie in front|what a"),
    "y_up": (poses() * [1, -1, 1], None, "must be what a"),
    "behind": (poses() * [1, 1, -1], None, "`pose3d` must lie in front"),
    "next_row": (np.roll(poses(), 1, axis=0), None, "must be what a"),
    "next_joint": (np.roll(poses(), 1, axis=1), None, "must be what a"),
    "one_place": (np.ones((5, 17, 3)), None, "must be what a .* nan px"),
    "long": (poses() * [1e30, 1e-30, 1], None, "must be what a"),
    "no_float32": (poses() * 1e300, None, "at least 6 joints"),
    "full_frame": (None, seen(poses()) * 4, "`pose2d` must be px of"),
    "shares": (None, seen(poses()) / SIZE, "`pose2d` must be px of"),
}


@pytest.mark.parametrize(
    ("pose3d", "pose2d", "message"), WRONG.values(), ids=WRONG
)
def test_poses_that_no_camera_joins_are_refused(
    make_root, pose3d, pose2d, message
):
    root = make_root(pose3d, pose2d)
    reason = rf"annot/train.h5: row [01]: S1_.*({message})"
    with pytest.raises(ValueError, match=reason):
        samples_of(root)


def test_2d_joints_may_be_2_px_off_but_not_4(make_root):
    zigzag = np.where(np.arange(17) % 2, 1, -1)[:, None] * [1.0, 0.0]
    assert samples_of(make_root(pose2d=seen(poses()) + 2 * zigzag))
    with pytest.raises(ValueError, match="within 2.6 px on average"):
        samples_of(make_root(pose2d=seen(poses()) + 4 * zigzag))


# No picture shows the unit of length.
def test_metres_are_refused_by_the_bones(make_root, tmp_path):
    source = h36m_c2f.human36m(make_root(poses() / 1000))
    with pytest.raises(ValueError, match="`joints_mm` must be in mm"):
        conversion.convert(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../secret/S1_A.1_1.jpg", "row 2: a path must stay below .*images"),
        ("/secret/S1_A.1_1.jpg", "row 2: a path must stay below .*images"),
        ("S1_A.1_1.jpg", "row 2: .*S1_A.1_1.jpg: cannot be read"),
        ("\0/S1_A.1_1.jpg", "row 2: .*cannot be read: embedded null"),
        ("frame7.jpg", "train_images.txt: a line must be subject"),
        ("", "train_images.txt: a line must be subject"),
    ],
)
def test_a_line_that_is_no_image_is_refused(make_root, tmp_path, line, message):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "S1_A.1_1.jpg").write_bytes(jpeg(0))
    root = make_root(lines=[*NAMES[:2], line, *NAMES[3:]])
    with pytest.raises(ValueError, match=message):
        samples_of(root)


@pytest.mark.parametrize("lines", [NAMES[1:], [*NAMES, NAMES[0]], []])
def test_lines_must_be_as_many_as_rows(make_root, lines):
    with pytest.raises(ValueError, match="train_images.txt: must have 5 lines"):
        h36m_c2f.human36m(make_root(lines=lines))


def test_a_missing_list_is_named(make_root):
    root = make_root()
    os.remove(os.path.join(root, "annot", "train_images.txt"))
    with pytest.raises(ValueError, match="train_images.txt: must be a file"):
        h36m_c2f.human36m(root)


@pytest.mark.parametrize("field", ["pose3d", "pose2d"])
def test_a_split_without_poses_is_called_one(make_root, field):
    root = make_root(split="valid")
    path = os.path.join(root, "annot", "valid.h5")
    with h5py.File(path, "a") as file:
        del file[field]
    with pytest.raises(ValueError, match="valid.h5: holds no poses"):
        h36m_c2f.human36m(root, path)


def test_a_missing_root_is_said_to_be_missing(tmp_path):
    with pytest.raises(ValueError, match="`root` must be a folder"):
        h36m_c2f.human36m(str(tmp_path / "nowhere"))


@pytest.fixture
def published(real_data):
    """Pavlakos's own annotations, of full frames: S (N, 17, 3) mm and K."""
    scipy_io = pytest.importorskip("scipy.io")
    path = real_data / "h36m_c2f" / "annot" / "valid.mat"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    rows = scipy_io.loadmat(path)["annot"][0, 0]
    intrinsics = np.stack([matrix for (matrix,) in rows["K"]])
    side = rows["scale"] * 200.0
    corner = rows["center"] + 0.5 - side / 2
    joints = np.swapaxes(rows["S"], 1, 2)
    names = [f"{name[0]}.jpg" for (name,) in rows["imgname"]]
    return names, joints, intrinsics, corner, SIZE / side


@pytest.mark.parametrize(
    ("distortion", "tolerance", "most_px"),
    [(np.zeros(5), 0.001, 0.06), (DISTORTION, 0.015, 0.5)],
    ids=["pinhole", "lens"],
)
def test_real_poses_give_their_camera_back(
    make_root, published, distortion, tolerance, most_px
):
    names, joints, intrinsics, corner, zoom = published
    points = camera.image_from_camera(
        joints, intrinsics, np.tile(distortion, (len(names), 1))
    )
    points = (points + 0.5 - corner[:, None]) * zoom[:, None] - 0.5
    root = make_root(joints, points, names)
    for name in names:
        os.link(
            os.path.join(root, "images", NAMES[0]),
            os.path.join(root, "images", name),
        )
    samples = samples_of(root)
    assert len(samples) == len(names) == 394
    focal = [sample.intrinsics[0, 0] for sample in samples]
    truth = (intrinsics[:, 0, 0] + intrinsics[:, 1, 1]) / 2 * zoom[:, 0]
    np.testing.assert_allclose(focal, truth, rtol=tolerance)
    errors = [conversion.reprojection_error(sample) for sample in samples]
    assert max(errors) < most_px


def test_published_full_frames_hold_no_poses(real_data):
    root = real_data / "h36m_c2f"
    if not root.is_dir():
        pytest.skip(f"{root} is absent")
    path = str(root / "annot" / "valid.h5")
    with pytest.raises(ValueError, match="valid.h5: holds no poses"):
        sources.SOURCES["h36m_c2f"](str(root), path)
