import os
import shutil

import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from keras_pose.data import conversion
from keras_pose.data import proof
from keras_pose.data import records
from keras_pose.data.sources.h36m import c2f
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.skeleton import H36M_17
from tests.data.sources import made_h36m

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

STANDING = made_h36m.STANDING  # right side at negative x
INTRINSICS = np.float64([[1145, 0, 512], [0, 1143, 515], [0, 0, 1]])
# Of Human3.6M's camera 54138969.
DISTORTION = np.float64([-0.2071, 0.2478, -0.00098, -0.00142, -0.0031])
LENS_55011271 = np.float64([-0.1942, 0.2404, -0.00274, -0.00162, 0.0068])
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
    return list(c2f.human36m(root, **options).samples)


def test_joints_are_those_of_the_files_by_name():
    assert tuple(JOINTS.values()) == H36M_17.joints


def test_rows_are_read_as_they_are(make_root):
    source = c2f.human36m(make_root())
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
        assert proof.reprojection_error(sample) < 0.5


def test_rows_convert(make_root, tmp_path):
    conversion.convert(c2f.human36m(make_root()), tmp_path / "out")
    info = records.read_info(tmp_path / "out")
    assert (info.count, info.source) == (len(NAMES), "h36m_c2f")


def test_subjects_are_kept_with_their_own_images_and_poses(make_root):
    root = make_root()
    source = c2f.human36m(root, subjects=["S1", "S6"])
    samples = list(source.samples)
    assert source.count == len(samples) == 4
    for sample, row in zip(samples, [0, 1, 3, 4], strict=True):
        assert (sample.name, sample.image) == (NAMES[row], jpeg(40 * row))
        np.testing.assert_allclose(sample.joints_mm, poses()[row], rtol=1e-6)


def test_a_subject_that_does_not_occur_is_refused(make_root):
    with pytest.raises(ValueError, match="of S1, S7; `subjects`.*S1, S5, S6"):
        c2f.human36m(make_root(), subjects=["S1", "S7"])


@pytest.mark.parametrize("subjects", [None, ["S5", "S6"]])
def test_a_split_keeps_its_subjects_alone(make_root, subjects):
    names = ["S9_Posing_1.55011271_000001.jpg", *NAMES[1:]]
    root = make_root(lines=names)
    for options in ({}, {"annotations": f"{root}/annot/train.h5"}):
        source = c2f.human36m(root, split="train", subjects=subjects, **options)
        kept = NAMES[1:] if subjects is None else [NAMES[2], NAMES[4]]
        assert [s.name for s in source.samples] == kept
        assert source.count == len(kept)
        left = f"{len(NAMES) - len(kept)} images left out, not of S"
        assert source.notes[0].startswith(left)
    with pytest.raises(ValueError, match="must be of S9, S11.*S1, S5, S6$"):
        c2f.human36m(
            make_root(), split="test", annotations=f"{root}/annot/train.h5"
        )


def test_drift_that_cannot_be_undone_is_told(make_root):
    names = ["S9_Greeting.55011271_000001.jpg", *NAMES[1:]]
    (note,) = c2f.human36m(make_root(lines=names)).notes
    assert note.startswith("1 images of S9 lie 200 mm beside the person")
    assert "know no world" in note
    assert not c2f.human36m(make_root()).notes


def test_annotations_name_another_split(make_root):
    root = make_root(split="some")
    path = os.path.join(root, "annot", "some.h5")
    assert c2f.human36m(root, annotations=path).count == len(NAMES)
    with pytest.raises(ValueError, match="train.h5: cannot be read"):
        c2f.human36m(root)


def test_unknown_joints_have_weight_0(make_root):
    pose3d, pose2d = poses(), seen(poses())
    pose3d[0, 3, 1], pose2d[0, 16] = np.nan, np.inf
    sample, other, *_ = samples_of(make_root(pose3d, pose2d))
    assert np.flatnonzero(sample.weight_3d == 0) == [3]
    assert np.flatnonzero(sample.weight_2d == 0) == [16]
    np.testing.assert_array_equal(sample.joints_mm[3], [0, 0, 0])
    np.testing.assert_array_equal(sample.joints_px[16], [0, 0])
    proof.check_sample(sample, H36M_17)
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
    source = c2f.human36m(make_root(poses() / 1000))
    with pytest.raises(ValueError, match="`joints_mm` must be in mm"):
        conversion.convert(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "../secret/S1_Eating.54138969_1.jpg",
            "row 2: a path must stay below .*images",
        ),
        (
            "/secret/S1_Eating.54138969_1.jpg",
            "row 2: a path must stay below .*images",
        ),
        (
            "S1_Eating.54138969_1.jpg",
            "row 2: .*S1_Eating.54138969_1.jpg: cannot be read",
        ),
        (
            "\0/S1_Eating.54138969_1.jpg",
            "row 2: .*cannot be read: embedded null",
        ),
        ("frame7.jpg", "train_images.txt: a line must be subject"),
        ("", "train_images.txt: a line must be subject"),
    ],
)
def test_a_line_that_is_no_image_is_refused(make_root, tmp_path, line, message):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "S1_Eating.54138969_1.jpg").write_bytes(jpeg(0))
    root = make_root(lines=[*NAMES[:2], line, *NAMES[3:]])
    with pytest.raises(ValueError, match=message):
        samples_of(root)


@pytest.mark.parametrize("lines", [NAMES[1:], [*NAMES, NAMES[0]], []])
def test_lines_must_be_as_many_as_rows(make_root, lines):
    with pytest.raises(ValueError, match="train_images.txt: must have 5 lines"):
        c2f.human36m(make_root(lines=lines))


def test_a_missing_list_is_named(make_root):
    root = make_root()
    os.remove(os.path.join(root, "annot", "train_images.txt"))
    with pytest.raises(ValueError, match="train_images.txt: cannot be read"):
        c2f.human36m(root)


@pytest.mark.parametrize("field", ["pose3d", "pose2d"])
def test_one_of_the_two_poses_alone_is_refused(make_root, field):
    root = make_root()
    with h5py.File(os.path.join(root, "annot", "train.h5"), "a") as file:
        del file[field]
    with pytest.raises(ValueError, match="train.h5: must hold both of"):
        c2f.human36m(root)


def test_a_split_without_poses_gives_images_alone(make_root):
    root = make_root(split="valid")
    with h5py.File(os.path.join(root, "annot", "valid.h5"), "w") as file:
        file["unknown"] = np.zeros(3)
    source = c2f.human36m(root, annotations=f"{root}/annot/valid.h5")
    samples = list(source.samples)
    assert source.count == len(samples) == len(NAMES)
    assert "holds no poses, images alone; each is a crop" in source.notes[0]
    for level, sample in enumerate(samples):
        assert (sample.name, sample.image) == (NAMES[level], jpeg(40 * level))
        np.testing.assert_array_equal(sample.box, [0, 0, SIZE, SIZE])
        for field in ("weight_3d", "weight_2d", "joints_mm", "intrinsics"):
            assert not getattr(sample, field).any()
        proof.check_sample(sample, H36M_17)


def test_squares_of_full_frames_are_not_put_on_crops(make_root):
    root = make_root(split="valid")
    with h5py.File(os.path.join(root, "annot", "valid.h5"), "w") as file:
        file["center"] = np.full((len(NAMES), 2), 150.0)
        file["scale"] = np.full(len(NAMES), 1.9)
    sample = samples_of(root, annotations=f"{root}/annot/valid.h5")[0]
    np.testing.assert_array_equal(sample.box, [0, 0, SIZE, SIZE])


def test_every_and_actions_are_read_from_names(make_root):
    samples = samples_of(make_root(), every=10)
    # Frames 1 and 11 and 21 of 1, 6, 11, 1234 and 21: counted from 1.
    assert [sample.frame for sample in samples] == [1, 11, 21]
    assert [s.action for s in samples] == ["Posing 1", "Walking", "Eating"]
    with pytest.raises(ValueError, match="`every` must leave a frame"):
        c2f.human36m(make_root(), subjects=["S6"], every=7)


def test_the_broken_clip_is_left_out(make_root):
    names = ["S11_Directions.54138969_000001.jpg", *NAMES[1:]]
    source = c2f.human36m(make_root(lines=names))
    assert source.count == len(NAMES) - 1
    assert "1 images left out" in source.notes[0]
    assert [s.name for s in source.samples] == NAMES[1:]


def test_an_unknown_action_is_refused(make_root):
    names = ["S1_Flying_1.54138969_000001.jpg", *NAMES[1:]]
    with pytest.raises(ValueError, match="train_images.txt: a line: .*Flying"):
        c2f.human36m(make_root(lines=names))


def test_a_missing_root_is_said_to_be_missing(tmp_path):
    with pytest.raises(ValueError, match="`root` must be a folder"):
        c2f.human36m(str(tmp_path / "nowhere"))


@pytest.fixture
def published(real_data):
    """Pavlakos's own annotations, of full frames: S (N, 17, 3) mm and K."""
    path = real_data / "h36m_c2f" / "annot" / "valid.mat"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    rows = scipy.io.loadmat(path)["annot"][0, 0]
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
    errors = [proof.reprojection_error(sample) for sample in samples]
    assert max(errors) < most_px


@pytest.fixture(scope="module")
def made_frames(tmp_path_factory):
    root = tmp_path_factory.mktemp("frames")
    made_h36m.make_h36m_c2f(root)
    return root


@pytest.fixture
def frames(made_frames, tmp_path):
    """Pavlakos's layout, a copy that a test may change."""
    return shutil.copytree(made_frames, tmp_path / "root")


def truth_rows():
    """(camera-frame mm, px without and with the lens) of the made rows."""
    for _, subject, name, number, frame in made_h36m.clip_rows(split="test"):
        world = made_h36m.world_poses(subject, name)[frame]
        yield (
            made_h36m.in_camera(world, subject, number),
            made_h36m.seen(world, subject, number, np.zeros(5)),
            made_h36m.seen(world, subject, number),
        )


def test_full_frames_are_read_with_their_poses(frames):
    source = c2f.human36m(str(frames), split="test")
    samples = list(source.samples)
    assert source.count == len(samples) == 12
    assert "valid.mat: poses and cameras of full frames" in source.notes[0]
    for sample, (joints, straight, bent) in zip(
        samples, truth_rows(), strict=True
    ):
        np.testing.assert_allclose(sample.joints_mm, joints, atol=0.01)
        np.testing.assert_allclose(sample.joints_px, straight, atol=0.01)
        low, high = bent.min(axis=0), bent.max(axis=0)
        side = (high - low).max()
        corner = (low + high) / 2 + 0.5 - side / 2
        box = [*corner, side, side]
        np.testing.assert_allclose(sample.box, box, atol=0.01)
        proof.check_sample(sample, H36M_17)


def test_full_frames_without_poses_keep_their_squares(frames):
    labelled = samples_of(str(frames), split="test")
    (frames / "annot" / "valid.mat").unlink()
    source = c2f.human36m(str(frames), split="test")
    assert "with boxes by `center` and `scale`" in source.notes[0]
    for sample, other in zip(source.samples, labelled, strict=True):
        np.testing.assert_allclose(sample.box, other.box, atol=0.01)
        assert not sample.weight_3d.any()


def test_a_mat_alone_is_enough(frames):
    (frames / "annot" / "valid.h5").unlink()
    assert len(samples_of(str(frames), split="test")) == 12
    path = str(frames / "annot" / "valid.mat")
    assert c2f.human36m(str(frames), annotations=path).count == 12


def rewrite_mat(frames, **fields):
    path = frames / "annot" / "valid.mat"
    row = scipy.io.loadmat(path)["annot"][0, 0]
    struct = {name: row[name] for name in row.dtype.names} | fields
    struct = {name: v for name, v in struct.items() if v is not None}
    scipy.io.savemat(path, {"annot": struct})


def mat_field(frames, name):
    path = frames / "annot" / "valid.mat"
    return scipy.io.loadmat(path)["annot"][0, 0][name]


@pytest.mark.parametrize(
    ("field", "edit", "message"),
    [
        ("S", lambda v: v[:, :, :16], "`S` must be numbers of shape"),
        ("S", lambda v: v.swapaxes(1, 2), "`S` must be numbers of shape"),
        ("S", lambda v: v * np.nan, "row 0: .*within 1e.06 mm"),
        ("S", lambda v: v[::-1], "row 0: .*in the middle of the square"),
        ("S", lambda v: v * [[1], [-1], [1]], "row 0: .*in the middle of"),
        ("S", lambda v: -v, "row 0: .*in front of the camera"),
        ("center", lambda v: v[:, :1], "`center` must be numbers"),
        ("center", lambda v: v + 30, "valid.h5: `center` must be that of"),
        ("scale", lambda v: v[:-1], "`scale` must be numbers"),
        ("scale", lambda v: v * 2, "valid.h5: `scale` must be that of"),
        ("K", lambda v: v[:-1], "`K` must be 12 matrices"),
        ("K", lambda v: v * 2, "row 0: .*K|row 0: .*full frame"),
        ("imgname", lambda v: v[::-1], "row 0 must be of"),
        ("imgname", lambda v: None, "must hold a struct `annot` of"),
    ],
)
def test_a_wrong_mat_is_refused(frames, field, edit, message):
    rewrite_mat(frames, **{field: edit(mat_field(frames, field))})
    with pytest.raises(ValueError, match=message):
        samples_of(str(frames), split="test")


def test_crops_with_poses_of_full_frames_are_refused(frames):
    for path in (frames / "images").iterdir():
        path.write_bytes(jpeg(0))
    with pytest.raises(ValueError, match="full frame.*Received: 256 x 256"):
        samples_of(str(frames), split="test")


@pytest.mark.parametrize("name", ["valid.mat", "valid.h5", "valid_images.txt"])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.9])
def test_a_truncated_annotation_is_refused(frames, name, share):
    path = frames / "annot" / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="valid"):
        samples_of(str(frames), split="test")


def test_files_of_other_lengths_are_refused(frames):
    with h5py.File(frames / "annot" / "valid.h5", "w") as file:
        file["center"], file["scale"] = np.ones((3, 2)), np.ones(3)
    with pytest.raises(ValueError, match="as many rows. Received: 3 and 12"):
        samples_of(str(frames), split="test")


def test_published_full_frames_are_read_with_blank_images(real_data, tmp_path):
    root = real_data / "h36m_c2f"
    if not root.is_dir():
        pytest.skip(f"{root} is absent")
    shutil.copytree(root / "annot", tmp_path / "annot")
    (tmp_path / "images").mkdir()
    names = (root / "annot" / "valid_images.txt").read_text().split()
    for name in names:
        (tmp_path / "images" / name).write_bytes(jpeg(0, (1000, 1000)))
    source = c2f.human36m(str(tmp_path), split="test")
    samples = list(source.samples)
    assert source.count == len(samples) == 394
    assert {(s.subject, s.action, s.camera) for s in samples} == {
        ("S9", "Posing 1", "55011271")
    }
    # The square of the published frames is around the joints as the lens
    # bends them, which the camera of the files does not.
    for sample in samples[::40]:
        points = cv2.projectPoints(
            np.float64(sample.joints_mm),
            np.zeros(3),
            np.zeros(3),
            np.float64(sample.intrinsics),
            LENS_55011271,
        )[0][:, 0]
        low, high = points.min(axis=0), points.max(axis=0)
        assert max(high - low) == pytest.approx(sample.box[2], abs=0.3)
        middle = sample.box[:2] + sample.box[2:] / 2
        np.testing.assert_allclose(middle, (low + high) / 2 + 0.5, atol=0.2)
