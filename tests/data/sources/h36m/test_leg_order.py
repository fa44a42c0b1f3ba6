import numpy as np
import pytest

from keras_pose.data.sources.h36m import leg_order
from keras_pose.skeleton import H36M_17

LEGS = ["hip", "knee", "ankle"]
ARMS = ["shoulder", "elbow", "wrist"]
# A person who faces the camera, knees bent: x right, y down, z away, mm.
PERSON = {
    "right_hip": (-130, 0, 0),
    "right_knee": (-140, 420, -150),
    "right_ankle": (-140, 850, 0),
    "right_shoulder": (-180, -480, 0),
    "right_elbow": (-300, -300, 0),
    "right_wrist": (-350, -100, -100),
}


def people(count, seed=0):
    """Poses of people who stand anywhere and are turned in any way."""
    person = np.zeros((17, 3))
    for name, place in PERSON.items():
        left = name.replace("right", "left")
        person[H36M_17.joints.index(name)] = place
        person[H36M_17.joints.index(left)] = place * np.array([-1, 1, 1])
    rng = np.random.default_rng(seed)
    poses = []
    for _ in range(count):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn *= np.sign(np.linalg.det(turn))
        noise = rng.normal(0, 10, (17, 3))
        poses.append((person + noise) @ turn.T + [0, 0, 4000])
    return np.array(poses)


def exchanged(poses, parts):
    poses = poses.copy()
    for part in parts:
        pair = [H36M_17.joints.index(f"{s}_{part}") for s in ("left", "right")]
        poses[:, pair] = poses[:, pair[::-1]]
    return poses


def test_right_poses_are_left_as_they_are():
    order, notes = leg_order.order_of(people(30), "a.mat")
    assert order.tolist() == list(range(17))
    assert notes == ()


def test_exchanged_legs_are_exchanged_back():
    right = people(30)
    wrong = exchanged(right, LEGS)
    order, notes = leg_order.order_of(wrong, "a.mat")
    np.testing.assert_array_equal(wrong[:, order], right)
    assert notes[0].startswith("a.mat: left and right leg exchanged")
    assert "in 30 of 30 poses" in notes[0]


def test_exchanged_arms_are_refused():
    wrong = exchanged(people(30), ARMS)
    message = "a.mat: hips and shoulders.*30 of 30 poses.*60 of 60 bent knees"
    with pytest.raises(ValueError, match=message):
        leg_order.order_of(wrong, "a.mat")


def test_wholly_mirrored_people_are_not_its_business():
    wrong = exchanged(people(30), LEGS + ARMS)
    order, _ = leg_order.order_of(wrong, "a.mat")
    assert order.tolist() == list(range(17))


def test_a_few_poses_or_nan_prove_nothing():
    wrong = exchanged(people(30), LEGS)
    order, _ = leg_order.order_of(wrong[:9], "a.mat")
    assert order.tolist() == list(range(17))
    wrong[5:] = np.nan
    order, _ = leg_order.order_of(wrong, "a.mat")
    assert order.tolist() == list(range(17))


def test_the_published_file_has_its_legs_put_right(real_data):
    from keras_pose.data.sources.h36m import c2f_mat

    path = real_data / "h36m_c2f" / "annot" / "valid.mat"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    poses = c2f_mat.read(str(path))["poses"]
    order, notes = leg_order.order_of(poses, "valid.mat")
    assert notes
    poses = poses[:, order]
    nose, neck, top = (
        poses[:, H36M_17.joints.index(n)] for n in ("nose", "neck", "head_top")
    )
    hips = (
        poses[:, H36M_17.joints.index("right_hip")]
        - poses[:, H36M_17.joints.index("left_hip")]
    )
    # Hips to the right, neck up: their product is the front, where noses are.
    front = np.cross(neck - poses[:, 0], hips)
    forward = np.sum((nose - (neck + top) / 2) * front, axis=1)
    assert np.mean(forward > 0) > 0.95
