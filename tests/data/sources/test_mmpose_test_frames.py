"""MPI-INF-3DHP's test frames in MMPose's files."""

import numpy as np
import pytest

from keras_pose.data.sources import mmpose
from keras_pose.skeleton import MPI_INF_3DHP_17
from tests.data.sources import made_mpi_inf_3dhp
from tests.data.sources import made_pictures


@pytest.fixture
def root(tmp_path):
    made_mpi_inf_3dhp.make_mpi_inf_3dhp_mmpose(tmp_path)
    return tmp_path


def test_test_frames_are_read_with_their_names_and_cameras(root):
    source = mmpose.mpi_inf_3dhp(str(root))
    assert source.skeleton == MPI_INF_3DHP_17
    samples = list(source.samples)
    places = [(s.subject, s.action, s.camera, s.frame) for s in samples]
    assert places == [("TS1", "", "", 2001), ("TS5", "", "", 100)]
    for index, sample in enumerate(samples):
        right = made_pictures.pose(700 + index, 17)
        np.testing.assert_allclose(sample.joints_mm, right, rtol=1e-6)
        np.testing.assert_allclose(
            sample.intrinsics, made_pictures.INTRINSICS, rtol=1e-6
        )
        assert sample.image == made_pictures.jpeg(index)


def test_test_subjects_are_kept(root):
    (sample,) = mmpose.mpi_inf_3dhp(str(root), subjects=["TS5"]).samples
    assert sample.name == "TS5_000100.jpg"


def test_a_named_file_is_of_the_test_frames_by_its_name(root):
    folder = root / "annotations"
    old = folder / "mpi_inf_3dhp_test_valid.npz"
    new = old.rename(folder / "mpi_inf_3dhp_test_every_10th.npz")
    source = mmpose.mpi_inf_3dhp(str(root), annotations=str(new))
    assert source.count == 2
    # MMPose's sample of the training frames has "test" in its name, too.
    new = new.rename(folder / "test_3dhp_train.npz")
    with pytest.raises(ValueError, match=r"holds none of cameras_train\.pkl"):
        mmpose.mpi_inf_3dhp(str(root), annotations=str(new))


def test_training_names_among_test_frames_are_refused(root):
    path = root / "annotations" / "mpi_inf_3dhp_test_valid.npz"
    rows = dict(np.load(path))
    rows["imgname"] = np.array(["S4_Seq2_Cam0_001033.jpg", rows["imgname"][0]])
    np.savez(path, **rows)
    with pytest.raises(ValueError, match="`imgname` must be.*S4_Seq2_Cam0"):
        mmpose.mpi_inf_3dhp(str(root))
