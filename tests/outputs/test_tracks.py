import numpy as np
import pytest

from keras_pose.outputs.tracks import track_of
from tests.outputs.motion import random_joints
from tests.outputs.motion import recording_of


def moving(times):
    """Joints (F, 17, 3) mm that go along x with 100 mm a second."""
    joints = np.zeros((len(times), 17, 3))
    joints[..., 0] = 100 * np.asarray(times)[:, None]
    joints[..., 1] = np.arange(17)  # down, so that joint 16 is lowest
    return joints + [0, 0, 3000]


def test_regular_frames_stay_what_they_are():
    joints = random_joints(9)
    track = track_of(recording_of(joints, 3 + np.arange(9) / 25), 1)
    assert track.seconds_per_frame == pytest.approx(0.04)
    np.testing.assert_allclose(track.times_s, 3 + np.arange(9) / 25)
    np.testing.assert_allclose(track.joints_camera_mm, joints, atol=1e-6)
    assert track.is_seen.all()


def test_photos_follow_each_other():
    joints = random_joints(3)
    track = track_of(recording_of(joints), 1)
    np.testing.assert_allclose(track.times_s, np.arange(3) / 30)
    np.testing.assert_array_equal(track.joints_camera_mm, joints)


def test_long_gaps_are_crossed_and_told():
    times = np.array([0, 0.04, 0.52, 0.56, 1.16, 1.2])  # gaps of .48 and .6
    track = track_of(recording_of(moving(times), times), 1)
    x = track.joints_camera_mm[:, 0, 0]
    np.testing.assert_allclose(x, 4 * np.arange(31), atol=1e-6)
    unseen = np.flatnonzero(~track.is_seen)
    np.testing.assert_array_equal(unseen, np.arange(15, 29))


def test_frames_that_are_far_apart_are_all_seen():
    times = np.arange(5) * 2.0
    track = track_of(recording_of(moving(times), times, rate=0.5), 1)
    assert len(track.times_s) == 5
    assert track.is_seen.all()


def test_a_clocks_rate_is_not_taken_for_that_of_frames():
    times = np.arange(10) / 25
    track = track_of(recording_of(moving(times), times, rate=90000.0), 1)
    assert track.seconds_per_frame == pytest.approx(0.04)
    assert len(track.times_s) == 10


def test_an_unknown_joint_is_on_the_way_between_its_known_places():
    times = np.arange(4) / 25
    joints = moving(times)
    joints[1:3, 5, 0] = np.nan
    joints[:, 7] = np.nan
    found = track_of(recording_of(joints, times), 1).joints_camera_mm
    np.testing.assert_allclose(found[:, 5, 0], [0, 4, 8, 12], atol=1e-9)
    assert np.isnan(found[:, 7]).all()
    assert np.isfinite(np.delete(found, 7, axis=1)).all()


def test_one_frame_is_a_track():
    track = track_of(recording_of(moving([7.0]), np.array([7.0])), 1)
    assert track.times_s.tolist() == [7.0]
    assert track.is_seen.tolist() == [True]


def test_upright_is_x_right_y_up_and_z_to_the_camera():
    joints = random_joints(4)
    track = track_of(recording_of(joints, np.arange(4) / 25), 1)
    x, down, away = np.moveaxis(joints, -1, 0)
    found = track.upright_mm(on_ground=False)
    np.testing.assert_allclose(found, np.stack([x, -down, -away], -1))


def test_the_ground_is_below_all_but_what_is_wrong():
    times = np.arange(40) / 25
    joints = moving(times)
    joints[7, 3, 1] = 900  # one foot far below, by error
    joints[20:30, :, 1] -= 300  # a jump
    joints[11, 2] = np.nan
    track = track_of(recording_of(joints, times), 1)
    found = track.upright_mm(on_ground=True)
    lowest = found[..., 1].min(axis=1)
    np.testing.assert_allclose(lowest[:7], 0, atol=1e-6)
    np.testing.assert_allclose(lowest[20:30], 300, atol=1e-6)
    assert lowest[7] == pytest.approx(-884)
    flat = track.upright_mm(on_ground=False)
    np.testing.assert_array_equal(found[..., [0, 2]], flat[..., [0, 2]])


def test_who_is_not_there_is_named():
    recording = recording_of(moving([0.0]), np.array([0.0]), person=4)
    with pytest.raises(ValueError, match=r"`person` must be .*\[4\].*: 3"):
        track_of(recording, 3)
