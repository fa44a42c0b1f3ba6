import dataclasses
import math

import numpy as np
import pytest

from keras_pose.geometry import camera
from keras_pose.people.smoothing import OneEuro
from keras_pose.people.smoothing import Settings
from keras_pose.people.smoothing import Smoother
from keras_pose.pose import Pose
from keras_pose.pose import Poses
from keras_pose.skeleton import COCO_17
from keras_pose.skeleton import H36M_17

INTRINSICS = np.array([[1000.0, 0, 319.5], [0, 1010, 239.5], [0, 0, 1]])
DISTORTION = np.array([-0.1, 0.02, 1e-3, -2e-3, 0.0])
SHAPE = np.random.default_rng(1).normal(0, 300, (17, 3))
SHAPE[0] = 0
ROOT = np.array([400.0, -200, 4000])


def poses_of(*people, skeleton=H36M_17):
    """Poses of (joints relative to the root, root, number)."""
    found = []
    for joints_mm, root, person in people:
        in_camera = joints_mm + root
        px = camera.image_from_camera(in_camera, INTRINSICS, DISTORTION)
        found.append(
            Pose(
                skeleton,
                joints_mm,
                in_camera,
                px,
                None,
                None,
                np.zeros(4),
                "",
                "",
                person,
            )
        )
    return Poses(
        skeleton, tuple(found), (640, 480), INTRINSICS, "given", DISTORTION
    )


def one_euro_of_the_paper(times, values, min_cutoff, beta, d_cutoff):
    """Its algorithm, a number after the other, with the raw derivative."""

    def alpha(rate, cutoff):
        tau = 1.0 / (2 * math.pi * cutoff)
        te = 1.0 / rate
        return 1.0 / (1.0 + tau / te)

    smooth = [values[0]]
    dx_hat = 0.0
    for k in range(1, len(values)):
        rate = 1.0 / (times[k] - times[k - 1])
        dx = (values[k] - values[k - 1]) * rate
        a_d = alpha(rate, d_cutoff)
        dx_hat = a_d * dx + (1 - a_d) * dx_hat
        a = alpha(rate, min_cutoff + beta * abs(dx_hat))
        smooth.append(a * values[k] + (1 - a) * smooth[-1])
    return smooth


@pytest.mark.parametrize(
    "arguments", [(1.0, 0.0, 1.0), (0.7, 0.01, 1.0), (2.0, 0.1, 3.0)]
)
def test_filter_is_the_papers_at_uneven_times(arguments):
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 0.1, 40))
    values = rng.normal(0, 50, (40, 3)).cumsum(axis=0)
    one_euro = OneEuro(Settings(*arguments))
    found = [one_euro(t, v) for t, v in zip(times, values, strict=True)]
    for axis in range(3):
        np.testing.assert_allclose(
            np.array(found)[:, axis],
            one_euro_of_the_paper(times, values[:, axis], *arguments),
            rtol=1e-12,
        )


@pytest.mark.parametrize("rate", [5, 30, 240])
@pytest.mark.parametrize("speed", [50.0, -2000.0])
def test_lag_of_a_constant_speed_is_in_closed_form(rate, speed):
    settings = Settings(1.0, 0.01, 1.0)
    one_euro = OneEuro(settings)
    for index in range(8 * rate):
        shown = one_euro(index / rate, speed * index / rate)
    lag = (speed * index / rate - shown) / speed
    cutoff = 1.0 + 0.01 * abs(speed)
    assert lag == pytest.approx(1 / (2 * np.pi * cutoff), rel=1e-3)
    assert settings.lag_s(speed) == pytest.approx(1 / (2 * np.pi * cutoff))


def test_what_stands_still_stays():
    smoother = Smoother()
    for index in range(5):
        poses = poses_of((SHAPE, ROOT, 1))
        found = smoother(index / 30, poses)[0]
        for name in ("joints_mm", "joints_camera_mm", "joints_px"):
            np.testing.assert_allclose(
                getattr(found, name), getattr(poses[0], name), atol=1e-9
            )


def test_all_joints_belong_together():
    rng = np.random.default_rng(2)
    smoother = Smoother()
    for index in range(10):
        noisy = SHAPE + rng.normal(0, 30, SHAPE.shape)
        noisy[0] = 0
        root = ROOT + rng.normal(0, 60, 3)
        poses = poses_of((noisy, root, 1))
        found = smoother(index / 30, poses)[0]
    root = found.joints_camera_mm[0]
    np.testing.assert_allclose(found.joints_mm[0], 0, atol=1e-9)
    np.testing.assert_allclose(
        found.joints_camera_mm, found.joints_mm + root, atol=1e-9
    )
    np.testing.assert_allclose(
        found.joints_px,
        camera.image_from_camera(
            found.joints_camera_mm, INTRINSICS, DISTORTION
        ),
    )
    assert np.abs(found.joints_mm - poses[0].joints_mm).max() > 10


def errors_of(smoother, amounts, frames=120):
    """Standard deviation of joints and root under noise, (3,) mm each."""
    rng = np.random.default_rng(3)
    joints, roots = [], []
    for index in range(frames):
        noisy = SHAPE + rng.normal(0, amounts, SHAPE.shape)
        noisy[0] = 0
        root = ROOT + rng.normal(0, amounts, 3)
        found = smoother(index / 30, poses_of((noisy, root, 1)))[0]
        joints.append(found.joints_mm[1:] - SHAPE[1:])
        roots.append(found.joints_camera_mm[0] - ROOT)
    joints, roots = np.array(joints)[30:], np.array(roots)[30:]
    return joints.std(axis=(0, 1)), roots.std(axis=0)


def test_a_still_person_trembles_less_and_least_in_depth():
    joints, root = errors_of(Smoother(), 17)
    assert (joints[:2] < 17 / 1.9).all()
    assert joints[2] < 0.8 * joints[:2].min()
    assert root[2] < 0.8 * root[:2].min()
    alike, _ = errors_of(Smoother(depth_share=1), 17)
    assert alike[2] == pytest.approx(alike[0], rel=0.1)


def test_depth_that_follows_late_does_not_move_the_image():
    smoother = Smoother()
    smoother(0, poses_of((SHAPE, ROOT, 1)))
    # The root steps back on its ray.
    found = smoother(0.1, poses_of((SHAPE, 1.05 * ROOT, 1)))[0]
    root = found.joints_camera_mm[0]
    assert ROOT[2] < root[2] < 1.045 * ROOT[2]
    np.testing.assert_allclose(root[:2] / root[2], ROOT[:2] / ROOT[2])


@pytest.mark.parametrize("axis", [0, 2])
def test_a_joint_that_moves_is_late_by_the_stated_lag(axis):
    smoother = Smoother()
    for index in range(150):
        time = index / 30
        moved = SHAPE.copy()
        moved[5, axis] += 500 * time
        found = smoother(time, poses_of((moved, ROOT, 1)))[0]
    late = (moved - found.joints_mm)[5, axis] / 500
    share = 0.5 if axis == 2 else 1
    assert late == pytest.approx(smoother.lag_s(500) / share, rel=1e-3)
    np.testing.assert_allclose(found.joints_mm[4], SHAPE[4], atol=1e-9)


@pytest.mark.parametrize("axis", [0, 2])
def test_a_root_that_moves_is_late_by_about_the_stated_lag(axis):
    smoother = Smoother()
    way = np.zeros(3)
    for index in range(150):
        way[axis] = 500 * (index / 30 - 2.5)
        found = smoother(index / 30, poses_of((SHAPE, ROOT + way, 1)))[0]
    late = (ROOT + way - found.joints_camera_mm[0])[axis] / 500
    share = 0.5 if axis == 2 else 1
    assert late == pytest.approx(smoother.lag_s(500) / share, rel=0.1)


def test_each_person_has_filters_of_their_own():
    smoother, alone = Smoother(), Smoother()
    rng = np.random.default_rng(4)
    for index in range(6):
        noisy = SHAPE + rng.normal(0, 30, SHAPE.shape)
        far = ROOT + [900, 0, 2000 + 100 * index]
        one = (noisy, ROOT, 1)
        people = [one, (SHAPE, far, 2)]
        both = smoother(
            index / 30, poses_of(*(people if index % 2 else people[::-1]))
        )
        single = alone(index / 30, poses_of(one))
        found = {pose.person: pose for pose in both}
        np.testing.assert_array_equal(
            found[1].joints_camera_mm, single[0].joints_camera_mm
        )
    assert [pose.person for pose in both] == [1, 2]


@pytest.mark.parametrize(
    ("gap", "number", "is_new"),
    [(0.4, 1, False), (0.6, 1, True), (0.1, 2, True)],
)
def test_a_gap_or_a_new_number_begins_anew(gap, number, is_new):
    smoother = Smoother()
    smoother(0, poses_of((SHAPE, ROOT, 1)))
    moved = poses_of((SHAPE + 50, ROOT, number))
    found = smoother(gap, moved)[0]
    same = np.allclose(found.joints_mm, moved[0].joints_mm, atol=1e-9)
    assert same is is_new


def test_the_root_need_not_be_a_joint():
    skeleton = dataclasses.replace(COCO_17, root=None)
    shape = SHAPE + 100
    poses = poses_of((shape, ROOT, 1), skeleton=skeleton)
    found = Smoother()(0, poses)[0]
    np.testing.assert_allclose(
        found.joints_camera_mm, poses[0].joints_camera_mm
    )


@pytest.mark.parametrize("field", ["joints_mm", "joints_camera_mm"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -9e9])
def test_what_is_no_pose_is_given_back_and_forgotten(field, value):
    smoother = Smoother()
    smoother(0, poses_of((SHAPE, ROOT, 1)))
    poses = poses_of((SHAPE + 50, ROOT, 1))
    joints = getattr(poses[0], field).copy()
    joints[4] = value if field == "joints_camera_mm" else abs(value)
    bad = dataclasses.replace(poses[0], **{field: joints})
    with np.errstate(all="raise"):
        found = smoother(0.1, dataclasses.replace(poses, people=(bad,)))
    assert found[0] is bad
    again = smoother(0.2, poses)[0]
    np.testing.assert_allclose(again.joints_mm, poses[0].joints_mm)


def test_nobody_stays_nobody():
    poses = poses_of()
    assert Smoother()(0, poses) == poses


@pytest.mark.parametrize("time", [1.0, 0.5, np.nan, np.inf])
def test_time_must_go_on(time):
    smoother = Smoother()
    smoother(1.0, poses_of())
    with pytest.raises(ValueError, match="`time_s` must be later than 1.0"):
        smoother(time, poses_of())


@pytest.mark.parametrize(
    "name",
    ["min_cutoff_hz", "beta", "speed_cutoff_hz", "depth_share", "gap_s"],
)
@pytest.mark.parametrize("value", [-1, np.nan, np.inf])
def test_wrong_arguments_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}`.*{value}"):
        Smoother(**{name: value})
