import dataclasses

import numpy as np
import pytest

from keras_pose.evaluation.predictions import Predictions
from keras_pose.evaluation.predictions import matched
from keras_pose.skeleton import COCO_17
from keras_pose.skeleton import LSP_14

JOINTS = ("pelvis", "left_hip")
MM = np.arange(12.0).reshape(2, 2, 3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"joints_mm": MM[:1]}, r"`joints_mm` must be numbers of shape \(2, 2"),
        ({"joints_mm": MM[..., :2]}, "`joints_mm` must be numbers of shape"),
        ({"joints_mm": MM.astype(str)}, "`joints_mm` must be numbers"),
        (
            {"joints_mm": np.where(MM == 7, np.inf, MM)},
            "`joints_mm` must be at most 1e.07",
        ),
        (
            {"joints_mm": np.where(MM == 7, -1.1e7, MM)},
            "`joints_mm` must be at most 1e.07.* at row 1, joint 0",
        ),
        (
            {"joints_mm": np.where(MM == 7, np.nan, MM)},
            r"or NaN in all coordinates.*at row 1, joint 0",
        ),
        ({"joints_px": MM}, r"`joints_px` must be numbers of shape \(2, 2, 2"),
        ({"skeleton_joints": ("a", "a")}, "each joint once. Received: a"),
        ({"skeleton_joints": ()}, "each joint once. Received: none"),
        ({"names": []}, "`name` must be a list of at least one"),
    ],
)
def test_wrong_predictions_are_refused(fields, message):
    right = {"skeleton_joints": JOINTS, "names": ["a", "b"], "joints_mm": MM}
    with pytest.raises(ValueError, match=message):
        Predictions(**right | fields)


def test_a_joint_may_be_missing():
    mm = MM.copy()
    mm[1, 0] = np.nan
    assert np.isnan(Predictions(JOINTS, ["a", "b"], mm).joints_mm).sum() == 3


def test_match_finds_samples_and_joints_by_name(make_truth, perfect):
    truth = make_truth(5)
    rows, order = np.array([3, 0, 4]), np.array([4, 2, 0, 1, 3])
    shuffled = np.array([5, 3, 0, 9, 11])  # of the joints
    given = perfect(truth, with_px=True)
    given = Predictions(
        tuple(truth.skeleton.joints[joint] for joint in shuffled),
        given.names[order],
        given.joints_mm[order][:, shuffled],
        given.joints_px[order][:, shuffled],
    )
    found = matched(given, truth, rows)
    assert found.skeleton_joints == truth.skeleton.joints
    assert found.names.tolist() == ["3.jpg", "0.jpg", "4.jpg"]
    for new, old in (
        (found.joints_mm, truth.joints_mm),
        (found.joints_px, truth.joints_px),
    ):
        np.testing.assert_array_equal(new[:, shuffled], old[rows][:, shuffled])
        rest = np.delete(np.arange(17), shuffled)
        assert np.isnan(new[:, rest]).all()


def test_match_of_people_in_one_picture_is_by_their_order(make_truth, perfect):
    truth = make_truth(4, names=["a", "b", "a", "b"])
    order = [1, 0, 2, 3]  # the order of each name's own stays
    given = perfect(truth)
    given = dataclasses.replace(
        given, names=given.names[order], joints_mm=given.joints_mm[order]
    )
    found = matched(given, truth, np.array([2, 1]))
    np.testing.assert_array_equal(found.joints_mm, truth.joints_mm[[2, 1]])


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [3, 1]], ids=["all", "some"])
def test_match_without_names_is_by_order(make_truth, perfect, rows):
    truth = make_truth(4)
    rows = np.array(rows)
    for given in (perfect(truth), perfect(truth.take(rows))):
        given = dataclasses.replace(given, names=[""] * len(given))
        found = matched(given, truth, rows)
        np.testing.assert_array_equal(found.joints_mm, truth.joints_mm[rows])


def test_match_says_what_is_missing(make_truth, perfect):
    truth = make_truth(4)
    given = perfect(truth.take(np.array([0, 2])))
    with pytest.raises(ValueError, match="none for 2 of 4, as '1.jpg', '3.jpg"):
        matched(given, truth, np.arange(4))
    matched(given, truth, np.array([2]))


def test_match_needs_each_person_of_a_picture(make_truth, perfect):
    truth = make_truth(3, names=["a", "a", "b"])
    given = perfect(truth.take(np.array([0, 2])))
    with pytest.raises(ValueError, match="'a' must be that of 2 poses.*: 1"):
        matched(given, truth, np.array([0, 2]))


def test_match_by_order_needs_equal_counts(make_truth, perfect):
    truth = make_truth(4)
    given = perfect(make_truth(3, names=[""] * 3))
    with pytest.raises(ValueError, match="4 samples, or the 2 .* Received: 3"):
        matched(given, truth, np.array([0, 1]))


def test_match_needs_a_joint_that_both_have(make_truth):
    given = Predictions(("left_eye",), ["0.jpg"], np.zeros((1, 1, 3)))
    with pytest.raises(ValueError, match="share some with lsp_14.*left_eye"):
        matched(given, make_truth(1, LSP_14), np.array([0]))
    matched(given, make_truth(1, COCO_17), np.array([0]))


def test_names_that_two_data_sets_share_are_refused(make_truth):
    truth = make_truth(
        4,
        names=["im1.jpg", "im2.jpg", "im1.jpg", "im3.jpg"],
        source=["lsp", "lsp", "lspet", "lspet"],
    )
    poses = Predictions(
        truth.skeleton.joints, truth.names, np.array(truth.joints_mm)
    )
    with pytest.raises(ValueError, match="'im1.jpg' of lsp and of lspet"):
        matched(poses, truth, np.arange(4))
    own = matched(poses, truth, np.array([1, 3]))
    np.testing.assert_array_equal(own.joints_mm, truth.joints_mm[[1, 3]])


def test_poses_in_metres_are_refused(make_truth):
    truth = make_truth(5)
    offset = truth.joints_mm - truth.joints_mm[:, :1]
    poses = Predictions(truth.skeleton.joints, truth.names, offset / 1000)
    with pytest.raises(ValueError, match="must be in mm.*0.0010 times"):
        matched(poses, truth, np.arange(5))
    small = Predictions(truth.skeleton.joints, truth.names, offset / 3)
    assert len(matched(small, truth, np.arange(5))) == 5


def test_joints_that_no_skeleton_has_are_named(make_truth):
    truth = make_truth(2)
    joints = [
        "left_wirst" if j == "left_wrist" else j for j in truth.skeleton.joints
    ]
    poses = Predictions(tuple(joints), truth.names, truth.joints_mm)
    with pytest.raises(ValueError, match="`joints`.*Received: left_wirst"):
        matched(poses, truth, np.arange(2))
