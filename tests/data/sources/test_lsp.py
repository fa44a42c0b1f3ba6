import numpy as np
import pytest
import scipy.io

from keras_pose.data.sources import lsp
from keras_pose.data.sources.reading import mat_file
from tests.data.sources import made_photos
from tests.data.sources import made_pictures

# How it is read apart from this process, test_made_others shows.
pytestmark = pytest.mark.usefixtures("unconfined")


def test_real_joints_are_those_of_the_file_from_zero(real_data):
    root = real_data / "lsp"
    if not root.is_dir():
        pytest.skip(f"{root} is absent")
    joints = scipy.io.loadmat(root / "joints.mat")["joints"]
    source = lsp.extended(str(root))
    assert source.count == joints.shape[2] == 200
    for row, sample in enumerate(source.samples):
        # Every 45th photo of the data set, in the order of their names.
        assert sample.name == f"im{1 + 45 * row:05d}.jpg"
        seen = joints[:, 2, row] > 0
        np.testing.assert_array_equal(sample.weight_2d, seen)
        np.testing.assert_allclose(
            sample.joints_px[seen] + 1, joints[seen, :2, row], atol=1e-4
        )


def test_original_counts_hidden_joints(tmp_path):
    made_photos.make_lsp(tmp_path)
    samples = list(lsp.original(str(tmp_path)).samples)
    joints = made_photos.lsp_joints(4)
    for sample, right in zip(samples, joints, strict=True):
        np.testing.assert_allclose(sample.joints_px + 1, right, atol=1e-4)
        assert sample.weight_2d.all()
    assert samples[2].image == made_pictures.jpeg(2)


def test_extended_leaves_out_what_was_not_seen(tmp_path):
    made_photos.make_lspet(tmp_path)
    source = lsp.extended(str(tmp_path))
    samples = list(source.samples)
    names = [sample.name for sample in samples]
    assert names == ["im00001.jpg", "im00002.jpg", "im00004.jpg"]
    assert np.flatnonzero(samples[1].weight_2d == 0) == [5]
    assert not samples[1].joints_px[5].any()
    assert samples[2].image == made_pictures.jpeg(3)
    assert "left out 1 photos without a seen joint" in source.notes[0]


def test_box_is_the_seen_joints_and_a_tenth_of_its_longer_side(tmp_path):
    made_photos.make_lspet(tmp_path)
    sample = list(lsp.extended(str(tmp_path)).samples)[1]
    points = sample.joints_px[sample.weight_2d > 0]
    (left, top), (right, bottom) = points.min(0), points.max(0)
    margin = 0.1 * max(right - left, bottom - top)
    np.testing.assert_allclose(
        sample.box,
        [
            left + 0.5 - margin,
            top + 0.5 - margin,
            right - left + 2 * margin,
            bottom - top + 2 * margin,
        ],
        rtol=1e-5,
    )


def test_split_is_the_first_thousand_and_the_rest(tmp_path):
    made_photos.make_lsp(tmp_path)
    array = np.ones((3, 14, 1002))
    array[0] += np.arange(14)[:, None]
    array[1] += np.arange(1002)
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": array})
    for number in range(1, 1003):
        made_pictures.write_jpeg(tmp_path / "images" / f"im{number:04d}.jpg")
    assert lsp.original(str(tmp_path)).count == 1000
    source = lsp.original(str(tmp_path), split="test")
    first, last = source.samples
    assert (first.name, last.name) == ("im1001.jpg", "im1002.jpg")
    np.testing.assert_allclose(last.joints_px[3], [3, 1001])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((14, 3, 4)), r"must be 3 x 14 x N. Received: \(14, 3, 4\)"),
        (
            np.ones((3, 14, 3)),
            "must have a row for each of the 4 photos.* Received: 3",
        ),
        (np.full((3, 14, 4), 2.0), "must have a 0 or 1 for each joint"),
        (np.ones((3, 14)), "must be numbers along 3 axes"),
        (np.array([["a"]]), "must be numbers along 3 axes"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, array, message):
    made_photos.make_lsp(tmp_path)
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": array})
    with pytest.raises(ValueError, match=f"joints.mat: `joints` {message}"):
        lsp.original(str(tmp_path))


def test_a_joint_that_is_no_number_is_refused(tmp_path):
    made_photos.make_lsp(tmp_path)
    array = np.ones((3, 14, 4))
    array[1, 3, 2] = np.inf
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": array})
    source = lsp.original(str(tmp_path))
    with pytest.raises(ValueError, match=r"joints.mat: row 2 must be finite"):
        list(source.samples)


def test_an_array_of_any_length_is_refused(tmp_path, monkeypatch):
    made_photos.make_lsp(tmp_path)
    monkeypatch.setattr(mat_file, "MAX_ROWS", 3)
    with pytest.raises(ValueError, match="`joints` must have at most 3 rows"):
        lsp.original(str(tmp_path))
