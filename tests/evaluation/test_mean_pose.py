import numpy as np
import pytest

from keras_pose.evaluation.mean_pose import constant_predictions
from keras_pose.evaluation.mean_pose import mean_pose


def test_mean_pose_is_that_of_the_known_joints(make_truth):
    truth = make_truth(3)
    truth.weight_3d[1, 13] = 0
    truth.joints_mm[1, 13] = 0
    truth.weight_3d[2, 0] = 0  # no root: nothing to be relative to
    expected = np.mean([p - p[0] for p in truth.joints_mm[:2]], axis=0)
    expected[13] = truth.joints_mm[0, 13] - truth.joints_mm[0, 0]
    np.testing.assert_allclose(mean_pose(truth), expected)


def test_mean_pose_lacks_a_joint_that_nobody_knows(make_truth):
    truth = make_truth(2)
    truth.weight_3d[:, 4] = 0
    pose = mean_pose(truth)
    assert np.isnan(pose[4]).all()
    assert np.isfinite(np.delete(pose, 4, axis=0)).all()


def test_mean_pose_needs_poses(make_truth):
    truth = make_truth(2, weight_3d=np.zeros((2, 17)))
    with pytest.raises(ValueError, match="mean pose needs.*2 without"):
        mean_pose(truth)


def test_constant_predictions_are_one_pose_for_all(make_truth):
    truth = make_truth(3)
    pose = np.arange(51.0).reshape(17, 3)
    predictions = constant_predictions(pose, truth)
    assert predictions.names.tolist() == truth.names.tolist()
    np.testing.assert_array_equal(predictions.joints_mm, [pose] * 3)
