import json

import numpy as np
import pytest
import scipy.io

from keras_pose.data.sources import mpii
from keras_pose.skeleton import MPII_16
from tests.data.sources import made_photos

# How it is read apart from this process, test_made_others shows.
pytestmark = pytest.mark.usefixtures("unconfined")


def samples_of(root, **options):
    return list(mpii.people(str(root), **options).samples)


def test_real_joints_are_those_of_the_file_from_zero(real_data):
    root = real_data / "mpii"
    if not root.is_dir():
        pytest.skip(f"{root} is absent")
    path = root / "test_mpii.json"
    people = json.loads(path.read_text())
    samples = samples_of(root, annotations=str(path))
    for sample, person in zip(samples, people, strict=True):
        seen = np.flatnonzero(person["joints_vis"])
        joints = np.float32(person["joints"])[seen] - 1
        np.testing.assert_array_equal(sample.joints_px[seen], joints)
        np.testing.assert_array_equal(sample.weight_2d, person["joints_vis"])
        assert sample.name == person["image"]
        # The box is made for the whole person.
        points = joints + 0.5 - sample.box[:2]
        assert ((points > 0) & (points < sample.box[2:])).all()


def test_list_is_read_in_pixels_from_zero(tmp_path):
    made_photos.make_mpii(tmp_path)
    path = tmp_path / "annot" / "train.json"
    first, second, _ = json.loads(path.read_text())
    samples = samples_of(tmp_path)
    np.testing.assert_array_equal(samples[0].weight_2d, [0] * 3 + [1] * 13)
    assert not samples[0].joints_px[:3].any()
    np.testing.assert_allclose(
        samples[1].joints_px + 1, second["joints"], atol=1e-5
    )
    assert samples[1].head_size == 0
    # Scale 0.25: 50 px, moved down by 3.75; pixel 40 of 1-based ones has its
    # middle 39.5 px from the corner.
    assert first["center"] == [40, 35]
    np.testing.assert_allclose(
        samples[0].box, [39.5 - 25, 34.5 + 3.75 - 25, 50, 50]
    )


def test_mat_is_read_with_heads_and_actions(tmp_path):
    made_photos.make_mpii_mat(tmp_path)
    source = mpii.people(str(tmp_path))
    assert (source.skeleton, source.count) == (MPII_16, 2)
    first, second = source.samples
    places = np.arange(16)
    np.testing.assert_allclose(first.joints_px[:, 0], 9 + places)
    np.testing.assert_allclose(first.joints_px[:, 1], 19.5 + places)
    assert first.weight_2d.all()
    # A head of 3 x 4 px: 60 % of 5.
    assert first.head_size == pytest.approx(3)
    assert (first.action, first.name) == ("yoga, Power", "00.jpg")
    np.testing.assert_array_equal(np.flatnonzero(second.weight_2d), [0, 9])
    np.testing.assert_allclose(second.joints_px[[9, 0]], [[29, 39], [30, 40]])
    np.testing.assert_allclose(second.box, [40.5 - 40, 35.5 + 6 - 40, 80, 80])
    assert "left out 1 people without a place or size" in source.notes[0]


def test_mat_test_split_has_people_without_joints(tmp_path):
    made_photos.make_mpii_mat(tmp_path)
    (sample,) = samples_of(tmp_path, split="test")
    assert (sample.name, sample.head_size) == ("03.jpg", 0)
    assert not sample.weight_2d.any()
    np.testing.assert_allclose(sample.box[2:], [40, 40])


def test_list_of_a_test_split_may_have_no_joints(tmp_path):
    made_photos.make_mpii(tmp_path)
    path = tmp_path / "annot" / "train.json"
    people = json.loads(path.read_text())
    for person in people:
        del person["joints"], person["joints_vis"]
    people[1]["center"] = [-1, -1]
    (tmp_path / "annot" / "test.json").write_text(json.dumps(people))
    source = mpii.people(str(tmp_path), split="test")
    assert source.count == 2
    assert "left out 1 people without a place or size" in source.notes[0]
    assert not any(sample.weight_2d.any() for sample in source.samples)
    with pytest.raises(ValueError, match="`split` must not be given"):
        mpii.people(str(tmp_path), annotations=str(path), split="test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": [[1, 2]] * 15}, "item 1: `joints` must be 16 x 2"),
        ({"joints_vis": [1] * 15}, "item 1: `joints_vis` must be 16"),
        ({"joints_vis": [2] * 16}, "item 1: `joints_vis` must be 0 or 1"),
        ({"joints": None}, "item 1: `joints`"),
        ({"center": [1]}, "item 1: `center` must be 2"),
        ({"center": [1e9, 2]}, "item 1: `center` must be finite"),
        ({"scale": "1"}, "item 1: `scale` must be one"),
        ({"image": 5}, "item 1: `image` must be text"),
    ],
)
def test_a_wrong_list_is_refused_when_it_is_opened(tmp_path, change, message):
    made_photos.make_mpii(tmp_path)
    path = tmp_path / "annot" / "train.json"
    people = json.loads(path.read_text())
    people[1].update(change)
    path.write_text(json.dumps(people))
    with pytest.raises(ValueError, match=f"train.json: {message}"):
        mpii.people(str(tmp_path))


def drop_names(release):
    release["annolist"][0, 0] = made_photos.EMPTY


def fewer_flags(release):
    release["img_train"][0, 0] = np.uint8([[1, 1]])


def strange_joint(release):
    person = release["annolist"][0, 0][0, 0]["annorect"][0, 0]
    person["annopoints"][0, 0]["point"][0, 0]["id"] = 16


def text_scale(release):
    release["annolist"][0, 0][0, 0]["annorect"][0, 0]["scale"] = "large"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_names, "`RELEASE.annolist` must list images"),
        (fewer_flags, "img_train` must have a number for each.* 2 of 4"),
        (strange_joint, r"annolist\(1\).annorect.*id` must be 0 to 15.* 16"),
        (text_scale, r"annolist\(1\).annorect`: `scale` must be a number"),
    ],
)
def test_a_wrong_mat_is_refused_when_it_is_opened(tmp_path, change, message):
    made_photos.make_mpii_mat(tmp_path)
    (path,) = tmp_path.rglob("*.mat")
    release = made_photos.mpii_release()
    change(release)
    scipy.io.savemat(path, {"RELEASE": release})
    with pytest.raises(ValueError, match=f"u12_1.mat: .*{message}"):
        mpii.people(str(tmp_path))


def test_a_mat_of_something_else_is_refused(tmp_path):
    made_photos.make_mpii_mat(tmp_path)
    (path,) = tmp_path.rglob("*.mat")
    scipy.io.savemat(path, {"other": 1})
    with pytest.raises(ValueError, match="must have a variable `RELEASE`"):
        mpii.people(str(tmp_path))
