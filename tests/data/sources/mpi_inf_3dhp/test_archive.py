import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from keras_pose.data import proof
from keras_pose.data.sources.mpi_inf_3dhp import archive
from keras_pose.data.sources.reading import mat_file
from keras_pose.skeleton import MPI_INF_3DHP_17
from keras_pose.skeleton import MPI_INF_3DHP_28
from tests.data.sources import made_mpi_inf_3dhp
from tests.data.sources import made_pictures

# How it is read apart from this process, test_made_others shows.
pytestmark = pytest.mark.usefixtures("unconfined")


@pytest.fixture
def train(tmp_path):
    made_mpi_inf_3dhp.make_mpi_inf_3dhp(tmp_path)
    return tmp_path


@pytest.fixture
def test(tmp_path):
    made_mpi_inf_3dhp.make_mpi_inf_3dhp_test(tmp_path)
    return tmp_path


def sequence(root):
    return root / "S1" / "Seq1"


def samples_of(root, **options):
    return list(archive.people(str(root), **options).samples)


def decoded(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), 1).astype(int)


def test_training_joints_are_those_of_their_camera_and_frame(train):
    mm = made_mpi_inf_3dhp.mpi_inf_3dhp_train_poses()
    samples = samples_of(train)
    places = [(int(sample.camera), sample.frame) for sample in samples]
    # The fifth frame of the video shows nobody.
    video = [(0, frame) for frame in (0, 1, 2, 3, 5)]
    assert places == [*video, (1, 0), (1, 1), (1, 3)]
    for sample, place in zip(samples, places, strict=True):
        np.testing.assert_allclose(sample.joints_mm, mm[place], rtol=1e-6)
        right = made_pictures.project(mm[place])
        np.testing.assert_allclose(sample.joints_px, right, atol=1e-4)
        np.testing.assert_allclose(sample.intrinsics, made_pictures.INTRINSICS)
        assert (sample.subject, sample.action) == ("S1", "Seq1")


def test_training_pictures_are_those_of_their_frame(train):
    for sample in samples_of(train):
        right = decoded(made_pictures.jpeg(sample.frame))
        assert abs(decoded(sample.image) - right).mean() < 4
    assert samples_of(train)[-1].name == "S1/Seq1/video_1/frame_000004.jpg"


def test_box_is_the_tight_one_of_the_joints(train):
    sample = samples_of(train)[0]
    low, high = sample.joints_px.min(0), sample.joints_px.max(0)
    np.testing.assert_allclose(sample.box[:2], low + 0.5, atol=1e-4)
    np.testing.assert_allclose(sample.box[2:], high - low, atol=1e-4)


def test_every_takes_frames_of_that_number(train):
    samples = samples_of(train, every=3)
    places = [(sample.camera, sample.frame) for sample in samples]
    assert places == [("0", 0), ("0", 3), ("1", 0), ("1", 3)]


def test_what_is_left_out_is_said(train):
    source = archive.people(str(train))
    assert source.skeleton == MPI_INF_3DHP_28
    notes = "\n".join(source.notes)
    assert "camera 0: left out 1 frames with nobody in picture" in notes
    assert "cameras with pictures: 0, 1" in notes


def test_universal_pose_has_the_same_picture(train):
    mm = made_mpi_inf_3dhp.mpi_inf_3dhp_train_poses()
    for sample in samples_of(train, universal=True):
        place = int(sample.camera), sample.frame
        right = mm[place] * made_mpi_inf_3dhp.UNIVERSAL_SCALE
        np.testing.assert_allclose(sample.joints_mm, right, rtol=1e-6)
        proof.check_sample(sample, MPI_INF_3DHP_28)


def test_without_a_calibration_the_camera_is_fitted(train):
    (sequence(train) / "camera.calibration").unlink()
    source = archive.people(str(train))
    assert any("cameras are fitted" in note for note in source.notes)
    for sample in source.samples:
        np.testing.assert_allclose(
            sample.intrinsics, made_pictures.INTRINSICS, rtol=1e-4
        )


def test_frames_may_be_numbered_from_zero(train):
    folder = sequence(train) / "imageFrames" / "video_1"
    for path in sorted(folder.iterdir()):
        number = int(path.stem.removeprefix("frame_"))
        path.rename(folder / f"img_1_{number - 1:06d}.jpg")
    assert [sample.frame for sample in samples_of(train)][-3:] == [0, 1, 3]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("frame_000007.jpg", "images numbered from 0 or 1. Received: 7"),
        ("frame_01.jpg", "one image of each number.*: frame_000001.jpg and"),
    ],
)
def test_frames_of_strange_numbers_are_refused(train, name, message):
    folder = sequence(train) / "imageFrames" / "video_1"
    if name == "frame_000007.jpg":
        for path in folder.iterdir():
            path.unlink()
    made_pictures.write_jpeg(folder / name)
    with pytest.raises(ValueError, match=f"video_1: .*{message}"):
        archive.people(str(train))


def test_folders_of_other_readers_are_found(train, tmp_path_factory):
    root = tmp_path_factory.mktemp("other")
    (root / "train").mkdir()
    (train / "S1").rename(root / "train" / "S1")
    assert len(samples_of(root)) == 8


def test_a_mirrored_pose_is_refused_where_the_camera_is_fitted(train):
    (sequence(train) / "camera.calibration").unlink()
    mm = made_mpi_inf_3dhp.mpi_inf_3dhp_train_poses()
    arrays = {
        "annot2": made_mpi_inf_3dhp.cells(made_pictures.project(mm)),
        "annot3": made_mpi_inf_3dhp.cells(mm * [-1, 1, 1]),
    }
    scipy.io.savemat(sequence(train) / "annot.mat", arrays)
    with pytest.raises(ValueError, match=r"annot\.mat: camera 0: .*a camera"):
        samples_of(train)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"annot2": np.ones((2, 56))}, "`annot2` must be a cell"),
        ({"annot2": np.full((3, 1), "a", object)}, "`annot2` must be numbers"),
        ({"annot2": [np.ones((2, 55))]}, "`annot2` must have N x 56"),
        (
            {"annot2": [np.ones((2, 56)), np.ones((3, 56))]},
            "`annot2` must have",
        ),
        ({"annot3": None}, "must have a variable `annot3`"),
        ({"annot3": [np.ones((2, 84))]}, "the cameras and frames of `annot2`"),
        ({"annot3": [np.full((6, 84), np.nan)] * 3}, "camera 0 must be finite"),
    ],
)
def test_a_wrong_training_file_is_refused(train, changes, message):
    mm = made_mpi_inf_3dhp.mpi_inf_3dhp_train_poses()
    arrays = {
        "annot2": made_mpi_inf_3dhp.cells(made_pictures.project(mm)),
        "annot3": made_mpi_inf_3dhp.cells(mm),
    }
    for name, value in changes.items():
        if isinstance(value, list):
            value = made_mpi_inf_3dhp.cells(value)
        arrays[name] = value
    arrays = {
        name: value for name, value in arrays.items() if value is not None
    }
    scipy.io.savemat(sequence(train) / "annot.mat", arrays)
    with pytest.raises(ValueError, match=rf"annot\.mat: .*{message}"):
        samples_of(train)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("intrinsic     130.0", "intrinsic     13x", "line 6: `intrinsic`"),
        ("intrinsic     130.0 ", "intrinsic     ", "`intrinsic` must be 16"),
        ("130.0", "nan", "`intrinsic` must be finite"),
        ("130.0", "-130", "positive focal lengths"),
        ("name          1", "name          b", "line 9: `name` must be"),
        ("intrinsic", "other", "must have a line `intrinsic`"),
    ],
)
def test_a_wrong_calibration_is_refused(train, old, new, message):
    path = sequence(train) / "camera.calibration"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=f"camera.calibration: .*{message}"):
        archive.people(str(train))


def test_test_frames_are_the_valid_ones(test):
    source = archive.people(str(test), split="test")
    assert source.skeleton == MPI_INF_3DHP_17
    samples = list(source.samples)
    mm = made_mpi_inf_3dhp.mpi_inf_3dhp_test_poses()
    actions = {
        0: "Standing/Walking",
        1: "Miscellaneous",
        3: "Reaching/Crouching",
        4: "On the Floor",
    }
    assert {sample.frame: sample.action for sample in samples} == actions
    for sample in samples:
        np.testing.assert_allclose(sample.joints_mm, mm[sample.frame], 1e-6)
        assert sample.image == made_pictures.jpeg(sample.frame)
        assert sample.subject == "TS1"
        # The camera is fitted; it has two focal lengths.
        np.testing.assert_allclose(
            sample.intrinsics, made_pictures.INTRINSICS, rtol=1e-5
        )


def test_test_frames_may_be_thinned_and_universal(test):
    options = {"split": "test", "every": 2, "subjects": ["TS1"]}
    samples = samples_of(test, universal=True, **options)
    assert [sample.frame for sample in samples] == [0, 3]
    mm = (
        made_mpi_inf_3dhp.mpi_inf_3dhp_test_poses()[3]
        * made_mpi_inf_3dhp.UNIVERSAL_SCALE
    )
    np.testing.assert_allclose(samples[1].joints_mm, mm, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("annot2", np.ones((5, 1, 17, 3)), "`annot2` must be numbers of shape"),
        ("annot2", np.full((5, 1, 17, 2), np.inf), "`annot2` must be finite"),
        ("annot3", -np.ones((5, 1, 17, 3)), "z > 0 mm"),
        ("annot3", np.ones((5, 1, 17, 3)), "what a camera sees"),
        ("annot3", np.ones((4, 1, 17, 3)), "`annot3` must be numbers of shape"),
        ("annot3", None, "must have `valid_frame`, `annot2`, `annot3`"),
        ("valid_frame", np.zeros((5, 1)), "`valid_frame` must be of some"),
        ("activity_annotation", np.full((5, 1), 9.0), "must be 1 to 7"),
    ],
)
def test_a_wrong_test_file_is_refused(test, name, array, message):
    with h5py.File(test / "TS1" / "annot_data.mat", "a") as file:
        del file[name]
        if array is not None:
            file[name] = array
    with pytest.raises(ValueError, match=rf"annot_data\.mat: .*{message}"):
        archive.people(str(test), split="test")


def test_test_file_without_activities_is_read(test):
    with h5py.File(test / "TS1" / "annot_data.mat", "a") as file:
        del file["activity_annotation"]
    samples = samples_of(test, split="test")
    assert [sample.action for sample in samples] == [""] * 4


def test_cells_of_any_length_are_refused(train, monkeypatch):
    monkeypatch.setattr(mat_file, "MAX_ROWS", 17)
    with pytest.raises(ValueError, match="`annot2` must have at most 17 rows"):
        archive.people(str(train))


def test_universal_joints_elsewhere_are_counted_and_not_taken(test):
    mm = made_mpi_inf_3dhp.mpi_inf_3dhp_test_poses()
    scaled = made_mpi_inf_3dhp.universal(mm, 14)
    scaled[:, [9, 10, 12, 13]] += 5  # as the revised TS6
    with h5py.File(test / "TS1" / "annot_data.mat", "a") as file:
        file["univ_annot3"][:] = scaled[:, None]
    options = {"split": "test", "universal": True}
    source = archive.people(str(test), **options)
    assert any("16 of 68 joints are elsewhere" in n for n in source.notes)
    right = mm[1] * made_mpi_inf_3dhp.UNIVERSAL_SCALE
    sample = list(source.samples)[1]
    np.testing.assert_allclose(sample.joints_mm, right, rtol=1e-6)


def test_a_universal_pose_of_somebody_else_is_refused(test):
    with h5py.File(test / "TS1" / "annot_data.mat", "a") as file:
        file["univ_annot3"][:] = file["univ_annot3"][:][..., ::-1, :]
    with pytest.raises(ValueError, match="`univ_annot3` must be `annot3`"):
        archive.people(str(test), split="test", universal=True)


def test_2d_joints_of_another_picture_are_refused(test):
    noise = np.random.default_rng(0).uniform(-9, 9, (5, 1, 17, 2))
    with h5py.File(test / "TS1" / "annot_data.mat", "a") as file:
        file["annot2"][:] = file["annot2"][:] + noise
    with pytest.raises(
        ValueError, match=r"what a camera sees.*Received: [4-9]"
    ):
        archive.people(str(test), split="test")


@pytest.mark.parametrize("which", ["all", "last"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_pictures_of_another_size_than_their_camera_takes_are_refused(
    request, which, split
):
    root = request.getfixturevalue(split)
    assert samples_of(root, split=split)
    paths = sorted(root.rglob("*.jpg"))
    for path in paths if which == "all" else paths[-1:]:
        path.write_bytes(made_pictures.jpeg(0, 48, 40))
    message = "full frame that its camera took.*Received: 48 x 40"
    with pytest.raises(ValueError, match=message):
        samples_of(root, split=split)
