import pathlib
import pickle
import shutil

import cv2
import numpy as np
import pytest

from keras_pose.data import conversion
from keras_pose.data import proof
from keras_pose.data import records
from keras_pose.data import sources
from keras_pose.data.sources import mmpose
from keras_pose.data.sources.h36m import camera_files
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPI_INF_3DHP_17
from tests.data.sources import made_h36m

# npz of each real folder.
REAL = {
    "h36m_mmpose": "test_h36m_body3d.npz",
    "mpi_inf_3dhp_mmpose": "test_3dhp_train.npz",
}


@pytest.fixture(params=REAL)
def real(request, real_data):
    """Rows of a real npz, and the samples read from its folder."""
    root = real_data / request.param
    if not root.is_dir():
        pytest.skip(f"{root} is absent")
    rows = dict(np.load(root / REAL[request.param]))
    samples = list(sources.SOURCES[request.param](str(root)).samples)
    return rows, samples


@pytest.fixture
def real_h36m(real_data):
    root = real_data / "h36m_mmpose"
    if not root.is_dir():
        pytest.skip(f"{root} is absent")
    return root


def test_real_joints_are_those_of_the_file_in_mm(real):
    rows, samples = real
    assert len(samples) == len(rows["imgname"])
    for sample, part, joints in zip(
        samples, rows["part"], rows["S"], strict=True
    ):
        np.testing.assert_allclose(
            sample.joints_mm / 1000, joints[:, :3], rtol=1e-6
        )
        np.testing.assert_allclose(sample.joints_px, part[:, :2], rtol=1e-6)
        np.testing.assert_array_equal(sample.weight_3d, joints[:, 3])
        np.testing.assert_array_equal(sample.weight_2d, part[:, 2])


def test_real_h36m_box_is_the_tight_square_of_the_visible_joints(real_h36m):
    parts = np.load(real_h36m / "test_h36m_body3d.npz")["part"]
    samples = mmpose.human36m(str(real_h36m)).samples
    for sample, part in zip(samples, parts, strict=True):
        points = part[part[:, 2] > 0, :2]
        left, top = points.min(0)
        right, bottom = points.max(0)
        side = max(right - left, bottom - top)
        # A joint's pixel i has its centre i + 0.5 from the image's corner.
        x = (left + right) / 2 + 0.5 - side / 2
        y = (top + bottom) / 2 + 0.5 - side / 2
        np.testing.assert_allclose(sample.box, [x, y, side, side], atol=1e-3)


def project_as_human36m(points, intrinsics, distortion):
    """Projects as the code that came with Human3.6M's files does.

    Its tangential term has no factor 2, which OpenCV's has.
    """
    (fx, _, cx), (_, fy, cy), _ = np.float64(intrinsics)
    k1, k2, p1, p2, k3 = np.float64(distortion)
    x, y = (np.float64(points[:, :2]) / points[:, 2:]).T
    r2 = x * x + y * y
    bend = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * y + p2 * x
    u, v = fx * (x * bend + p2 * r2) + cx, fy * (y * bend + p1 * r2) + cy
    return np.stack([u, v], axis=1)


def test_real_joints_project_onto_their_pixels(real):
    for sample in real[1]:
        projected = project_as_human36m(
            sample.joints_mm, sample.intrinsics, sample.distortion
        )
        distance = np.linalg.norm(projected - sample.joints_px, axis=1)
        # Not the maximum: MPI-INF-3DHP's hips and spine are 2 px off.
        assert np.median(distance) < 0.01


def test_real_h36m_lens_is_that_of_opencv_to_a_quarter_pixel(real_h36m):
    for sample in mmpose.human36m(str(real_h36m)).samples:
        projected, _ = cv2.projectPoints(
            np.float64(sample.joints_mm),
            np.zeros(3),
            np.zeros(3),
            np.float64(sample.intrinsics),
            np.float64(sample.distortion),
        )
        distance = np.linalg.norm(projected[:, 0] - sample.joints_px, axis=1)
        assert distance.max() < 0.25


def test_real_names_are_parsed(real_h36m):
    samples = mmpose.human36m(str(real_h36m)).samples
    assert [(s.subject, s.action, s.camera, s.frame) for s in samples] == [
        ("S1", "Directions 1", "54138969", 1),
        ("S5", "SittingDown", "54138969", 2061),
        ("S7", "Greeting", "55011271", 396),
        ("S8", "WalkDog 1", "55011271", 26),
    ]


def test_real_subjects_are_kept_with_their_own_rows(real_h36m):
    every = list(mmpose.human36m(str(real_h36m)).samples)
    source = mmpose.human36m(str(real_h36m), subjects=["S8", "S5"])
    kept = list(source.samples)
    assert source.count == 2
    assert [sample.name for sample in kept] == [every[1].name, every[3].name]
    np.testing.assert_array_equal(kept[1].joints_mm, every[3].joints_mm)


# Among them Human3.6M's S7, two rows higher than its camera says, and
# MPI-INF-3DHP's cameras with h = 204.
@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("h36m_mmpose", [(1002, 1000)] * 3 + [(1000, 1000)]),
        ("mpi_inf_3dhp_mmpose", [(2048, 2048)] * 2),
    ],
    ids=REAL,
)
def test_real_frames_convert(real_data, tmp_path, name, sizes):
    if not (real_data / name).is_dir():
        pytest.skip(f"{real_data / name} is absent")
    source = sources.SOURCES[name](str(real_data / name))
    assert source.count == len(sizes)
    conversion.convert(source, tmp_path / "out")
    info = records.read_info(tmp_path / "out")
    assert (info.count, info.source) == (len(sizes), name)
    samples = sources.SOURCES[name](str(real_data / name)).samples
    images = [np.frombuffer(s.image, np.uint8) for s in samples]
    assert [cv2.imdecode(i, 1).shape[:2] for i in images] == sizes


CAMERA = {
    "f": np.float64([[150], [160]]),
    "c": np.float64([[31], [24]]),
    "k": np.float64([[0.1], [0.2], [0.3]]),
    "p": np.float64([[0.4], [0.5]]),
    "w": 64,
    "h": 204,
}
NAME = "S1/S1_Walking_1.54138969_000012.jpg"


@pytest.fixture
def make_h36m(tmp_path, make_jpeg):
    """Gives `(imgname, cameras, **arrays) -> root` of one made frame."""

    def make(imgname=NAME, cameras=None, **arrays):
        right = {
            "imgname": np.array([imgname]),
            "center": np.float64([[30, 20]]),
            "scale": np.float64([0.12]),
            "part": np.full((1, 17, 3), [30.0, 20.0, 1.0]),
            "S": np.full((1, 17, 4), [0.25, -0.5, 3.0, 1.0]),
        }
        np.savez(tmp_path / "h36m_train.npz", **right | arrays)
        (tmp_path / NAME).parent.mkdir()
        (tmp_path / NAME).write_bytes(make_jpeg())
        cameras = {("S1", "54138969"): CAMERA} if cameras is None else cameras
        content = pickle.dumps(cameras, protocol=3)
        (tmp_path / "cameras.pkl").write_bytes(content)
        return tmp_path

    return make


def first_sample(root):
    return next(iter(mmpose.human36m(str(root)).samples))


def test_made_frame_is_read_in_the_units_of_a_sample(make_h36m, make_jpeg):
    sample = first_sample(make_h36m())
    # 200 px a scale, 1.2 times the box: 0.12 * 200 / 1.2 = 20 px.
    np.testing.assert_allclose(sample.box, [20.5, 10.5, 20, 20], atol=1e-5)
    np.testing.assert_array_equal(sample.joints_mm, [[250, -500, 3000]] * 17)
    np.testing.assert_array_equal(sample.joints_px, [[30, 20]] * 17)
    assert (sample.image, sample.name) == (make_jpeg(), NAME)
    assert (sample.source, sample.frame) == ("h36m_mmpose", 12)


def test_made_weights_are_the_two_visibilities(make_h36m):
    part, joints = np.ones((1, 17, 3)), np.ones((1, 17, 4))
    part[0, 3, 2] = joints[0, 5, 3] = 0
    sample = first_sample(make_h36m(part=part, S=joints))
    assert np.flatnonzero(sample.weight_2d == 0) == [3]
    assert np.flatnonzero(sample.weight_3d == 0) == [5]


def test_lens_is_in_the_order_of_opencv(make_h36m):
    sample = first_sample(make_h36m())
    np.testing.assert_allclose(
        sample.intrinsics, [[150, 0, 31], [0, 160, 24], [0, 0, 1]]
    )
    # k1, k2, p1, p2, k3.
    np.testing.assert_allclose(sample.distortion, [0.1, 0.2, 0.4, 0.5, 0.3])


def test_lens_without_distortion_is_a_pinhole(make_h36m):
    pinhole = {"f": [150, 160], "c": [31, 24]}
    sample = first_sample(make_h36m(cameras={("S1", "54138969"): pinhole}))
    np.testing.assert_array_equal(sample.distortion, np.zeros(5))


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        pytest.param(
            {"cameras": {("S5", "54138969"): CAMERA}},
            ["cameras.pkl", "'S1', '54138969'", NAME],
            id="unknown_camera",
        ),
        pytest.param(
            {"imgname": "S1/frame12.jpg"},
            ["h36m_train.npz: `imgname`", "S1/frame12.jpg"],
            id="unparsable_name",
        ),
        pytest.param(
            {"imgname": "S1/S1_Walking_1.54138969_000013.jpg"},
            ["S1_Walking_1.54138969_000013.jpg: cannot be read"],
            id="missing_image",
        ),
        pytest.param(
            {"imgname": "../S1_Walking_1.54138969_000012.jpg"},
            ["must stay below", "../S1_Walking_1"],
            id="climbing_name",
        ),
        pytest.param(
            {"cameras": [CAMERA]},
            ["cameras.pkl: ", "list"],
            id="cameras_listed",
        ),
        pytest.param(
            {"cameras": {("S1", "54138969"): {"f": CAMERA["f"]}}},
            ["cameras.pkl: ", "'S1', '54138969'", "f and c"],
            id="camera_without_centre",
        ),
        pytest.param(
            {"cameras": {("S1", "54138969"): CAMERA | {"k": [1, 2]}}},
            ["cameras.pkl: ", "'S1', '54138969'", "k of 3"],
            id="camera_of_two_k",
        ),
        pytest.param(
            {"S": np.full((1, 17, 4), 1e300)}, [NAME, "`S` must be"], id="huge"
        ),
        pytest.param(
            {"center": np.full((1, 2), np.nan)},
            [NAME, "`center` must be finite"],
            id="nan",
        ),
        pytest.param(
            {"S": np.ones((1, 17, 3))}, ["h36m_train.npz: `S`"], id="shape"
        ),
        pytest.param(
            {"center": np.ones((2, 2))}, ["h36m_train.npz: `center`"], id="rows"
        ),
    ],
)
def test_made_frame_is_refused_by_name(make_h36m, changes, messages):
    root = make_h36m(**changes)
    with pytest.raises(ValueError, match=".") as error:
        first_sample(root)
    for message in messages:
        assert message in str(error.value)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("h36m_train.npz", "holds none of h36m_train.npz, h36m_test.npz"),
        ("cameras.pkl", "holds none of cameras.pkl"),
    ],
)
def test_missing_file_is_named(make_h36m, missing, message):
    root = make_h36m()
    (root / missing).unlink()
    with pytest.raises(ValueError, match=message):
        mmpose.human36m(str(root))


def test_missing_root_is_said_to_be_missing(tmp_path):
    with pytest.raises(ValueError, match="`root` must be a folder.*nowhere"):
        mmpose.human36m(str(tmp_path / "nowhere"))


def test_files_are_found_where_mmpose_documents_them(make_h36m):
    root = make_h36m()
    folder = root / "annotation_body3d" / "fps10"
    folder.mkdir(parents=True)
    shutil.move(root / "h36m_train.npz", folder)
    shutil.move(root / "cameras.pkl", folder.parent)
    (root / "images").mkdir()
    shutil.move(root / NAME.split("/")[0], root / "images")
    assert first_sample(root).name == NAME


def test_one_of_several_annotation_files_must_be_named(make_h36m):
    root = make_h36m()
    shutil.copy(root / "h36m_train.npz", root / "h36m_test.npz")
    with pytest.raises(ValueError, match="`annotations` must name one"):
        mmpose.human36m(str(root))
    named = mmpose.human36m(str(root), annotations=str(root / "h36m_test.npz"))
    assert named.count == 1


def test_mpi_inf_3dhp_is_read_with_its_own_names_and_joints(make_h36m):
    name = "S4_Seq2_Cam0_001033.jpg"
    root = make_h36m(name, {"S4_Seq2_Cam0": CAMERA})
    shutil.move(root / "h36m_train.npz", root / "mpi_inf_3dhp_train.npz")
    shutil.move(root / "cameras.pkl", root / "cameras_train.pkl")
    shutil.move(root / NAME, root / name)
    source = mmpose.mpi_inf_3dhp(str(root))
    sample = next(iter(source.samples))
    assert (source.skeleton, source.count) == (MPI_INF_3DHP_17, 1)
    assert (sample.subject, sample.action) == ("S4", "Seq2")
    assert (sample.camera, sample.frame) == ("Cam0", 1033)


def test_subjects_are_kept_with_their_own_rows(make_h36m):
    root = make_h36m(cameras={("S5", "54138969"): CAMERA})
    rows = dict(np.load(root / "h36m_train.npz"))
    rows = {field: np.repeat(array, 3, axis=0) for field, array in rows.items()}
    rows["imgname"][1] = name = NAME.replace("/S1", "/S5")
    rows["S"][1, :, 0] = 0.125
    np.savez(root / "h36m_train.npz", **rows)
    shutil.copy(root / NAME, root / name)
    source = mmpose.human36m(str(root), subjects=["S5"])
    (sample,) = source.samples
    assert (source.count, sample.name) == (1, name)
    np.testing.assert_array_equal(sample.joints_mm, [[125, -500, 3000]] * 17)


def test_a_subject_that_does_not_occur_is_refused(make_h36m):
    with pytest.raises(ValueError, match="`subjects`.* Received: S1$"):
        mmpose.human36m(str(make_h36m()), subjects=["S9"])


@pytest.fixture
def made(tmp_path):
    made_h36m.make_h36m_mmpose(tmp_path)
    return str(tmp_path)


def made_rows():
    """(subject, clip's name, camera's number, frame) of the made rows."""
    return [row[1:] for row in made_h36m.clip_rows()]


def test_made_rows_are_what_opencv_projects(made):
    source = mmpose.human36m(made, split="train", subjects=["S1"])
    assert source.count == 8
    for sample, row in zip(
        mmpose.human36m(made).samples, made_rows(), strict=True
    ):
        subject, name, number, frame = row
        world = made_h36m.world_poses(subject, name)[frame]
        joints = made_h36m.in_camera(world, subject, number)
        np.testing.assert_allclose(sample.joints_mm, joints, atol=0.01)
        assert sample.frame == frame + 1
        assert (
            sample.action
            == {
                "Directions 1": "Directions 1",
                "TakingPhoto": "Photo",
                "Greeting": "Greeting",
            }[name]
        )
        proof.check_sample(sample, H36M_17)


def test_the_drift_is_corrected_where_asked_for(made):
    before = list(mmpose.human36m(made).samples)
    after = list(mmpose.human36m(made, correct_s9=True).samples)
    for old, new, row in zip(before, after, made_rows(), strict=True):
        subject, name, number, frame = row
        drift = -200 if subject == "S9" else 0
        world = made_h36m.world_poses(subject, name)[frame] + [drift, 0, 0]
        joints = made_h36m.in_camera(world, subject, number)
        points = made_h36m.seen(world, subject, number)
        np.testing.assert_allclose(new.joints_mm, joints, atol=0.01)
        np.testing.assert_allclose(new.joints_px, points, atol=0.01)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2 + 0.5
        np.testing.assert_allclose(
            new.box[:2] + new.box[2:] / 2, middle, atol=0.01
        )
        np.testing.assert_array_equal(new.box[2:], old.box[2:])


def test_drift_is_told_whether_it_is_corrected_or_not(made):
    before, after = (
        mmpose.human36m(made, correct_s9=correct).notes
        for correct in (None, True)
    )
    assert before == (
        "4 images of S9 lie 200 mm beside the person, as published: see "
        "`correct_s9`",
    )
    assert after == ("4 images of S9 moved by -200 mm along the world's x",)
    (note,) = mmpose.human36m(made, subjects=["S1"], correct_s9=True).notes
    assert note == "4 images left out, not of S1"


def edit_rotations(made, edit):
    """Writes `edit(R, number)` in place of each R of S9's cameras."""
    path = pathlib.Path(made) / "annotation_body3d" / "cameras.pkl"
    cameras = pickle.loads(path.read_bytes())
    for number, serial in enumerate(made_h36m.SERIALS):
        entry = cameras["S9", serial]
        entry["R"] = edit(entry["R"], number)
    path.write_bytes(pickle.dumps(cameras, protocol=3))


def test_the_drift_is_the_same_whichever_way_r_is_meant(made):
    right = list(mmpose.human36m(made, correct_s9=True).samples)
    edit_rotations(made, lambda rotation, _: rotation.T.copy())
    turned = mmpose.human36m(made, correct_s9=True).samples
    for sample, other in zip(turned, right, strict=True):
        np.testing.assert_allclose(sample.joints_mm, other.joints_mm, atol=0.01)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda rotation, _: np.eye(3), id="neither"),
        pytest.param(lambda r, i: r.T.copy() if i % 2 else r, id="mixed"),
    ],
)
def test_rotations_that_stand_upright_in_no_way_are_refused(made, edit):
    edit_rotations(made, edit)
    assert mmpose.human36m(made).count == 12
    message = r"cameras.pkl: R must tell.*cosines above 0.94. Received: \["
    with pytest.raises(ValueError, match=message):
        mmpose.human36m(made, correct_s9=True)


def test_published_rotations_go_to_the_world(real_h36m):
    path = str(real_h36m / "cameras.pkl")
    with open(path, "rb") as file:
        published = pickle.load(file)
    for subject in ("S1", "S9", "S11"):
        found = camera_files.rotations_to_world(path, subject)
        assert set(found) == set(made_h36m.SERIALS)
        for serial, rotation in found.items():
            np.testing.assert_array_equal(
                rotation, published[subject, serial]["R"]
            )


def test_a_split_keeps_its_subjects_alone(made):
    source = mmpose.human36m(made, split="train")
    assert {sample.subject for sample in source.samples} == {"S1"}
    assert source.count == 8
    assert source.notes == ("4 images left out, not of S1",)
    path = f"{made}/annotation_body3d/fps10/h36m_train.npz"
    source = mmpose.human36m(made, annotations=path, split="test")
    assert {sample.subject for sample in source.samples} == {"S9"}
    assert source.notes[0] == "8 images left out, not of S9"
    rows = dict(np.load(path))
    np.savez(path, **{field: array[:8] for field, array in rows.items()})
    with pytest.raises(ValueError, match="`imgname` must be of S9, S11.* S1$"):
        mmpose.human36m(made, annotations=path, split="test")


def test_options_pick_rows(made):
    assert mmpose.human36m(made, every=5).count == 12
    every_tenth = mmpose.human36m(made, every=10)
    assert {sample.frame for sample in every_tenth.samples} == {1}
    with pytest.raises(ValueError, match="holds none of h36m_test.npz"):
        mmpose.human36m(made, split="test")
    with pytest.raises(ValueError, match="`subjects` must be S9, S11"):
        mmpose.human36m(made, split="test", subjects=["S1"])


def test_the_broken_clip_is_left_out(make_h36m):
    name = "S11/S11_Directions.54138969_000012.jpg"
    root = make_h36m(name, {("S11", "54138969"): CAMERA})
    with pytest.raises(ValueError, match="with 1 frames, 1 of broken videos"):
        mmpose.human36m(str(root))
    rows = dict(np.load(root / "h36m_train.npz"))
    rows = {field: np.repeat(array, 2, axis=0) for field, array in rows.items()}
    rows["imgname"][1] = name.replace("Directions", "Directions_1")
    np.savez(root / "h36m_train.npz", **rows)
    source = mmpose.human36m(str(root))
    assert source.count == 1
    assert "1 images left out" in source.notes[0]


def test_human36m_has_its_own_skeleton(make_h36m):
    source = mmpose.human36m(str(make_h36m()))
    assert (source.skeleton, source.count) == (H36M_17, 1)
