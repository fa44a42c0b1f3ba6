"""What Python makes of made-up videos, for the tests of the browser."""

import types

import numpy as np

from keras_pose.geometry import camera
from keras_pose.people import smoothing
from keras_pose.people.following import Follower
from keras_pose.pose import Pose
from keras_pose.pose import Poses
from keras_pose.skeleton import H36M_17

_WIDTH, _HEIGHT = 640, 480

# A person's joints, in their size, around their middle.
_SHAPE = np.array(
    [[-0.2, -0.5], [0.2, -0.45], [0.0, 0.05], [-0.25, 0.5], [0.15, 0.45]]
)


def one_euro():
    """The One-Euro filter of an uneven series, by the paper's own formulas."""
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.02, 0.06, 40))
    values = np.where(np.arange(40) < 15, 0, 30 * (times - times[15]))
    values = values + rng.normal(0, 0.5, 40)
    min_cutoff, beta, slope_cutoff = 1.3, 0.4, 1.0

    def share(cutoff, step):
        return 1 / (1 + 1 / (2 * np.pi * cutoff * step))

    smoothed, slope = [values[0]], 0.0
    for row in range(1, 40):
        step = times[row] - times[row - 1]
        new_slope = (values[row] - values[row - 1]) / step
        part = share(slope_cutoff, step)
        slope = part * new_slope + (1 - part) * slope
        part = share(min_cutoff + beta * abs(slope), step)
        smoothed.append(part * values[row] + (1 - part) * smoothed[-1])
    return {
        "min_cutoff": min_cutoff,
        "beta": beta,
        "slope_cutoff": slope_cutoff,
        "times": times.tolist(),
        "values": values.tolist(),
        "smoothed": smoothed,
    }


def smoothed():
    """Two people's poses, and what the Smoother makes of them."""
    rng = np.random.default_rng(5)
    intrinsics = camera.intrinsics_from_field_of_view(55.0, _WIDTH, _HEIGHT)
    smoother = smoothing.Smoother()
    times = np.cumsum([0.5, *rng.uniform(0.02, 0.06, 5), 0.8, 0.04])
    walk = np.cumsum(rng.normal(0, 25, (len(times), 2, 17, 3)), axis=0)
    frames = []
    for time_s, moved in zip(times.tolist(), walk, strict=True):
        joints = np.round(moved - moved[:, H36M_17.root, None])
        roots = np.round(moved[:, 0] + [[300, -100, 2500], [-200, 50, 3400]])
        people = [
            _pose(person, joints[person - 1], roots[person - 1])
            for person in (1, 2)
        ]
        poses = Poses(
            H36M_17,
            tuple(people),
            (_WIDTH, _HEIGHT),
            intrinsics,
            "made",
            np.zeros(5),
        )
        smooth = smoother(time_s, poses)
        frames.append(
            {
                "time_s": time_s,
                "poses": [_numbers(pose) for pose in poses],
                "smooth": [_numbers(pose) for pose in smooth],
            }
        )
    return {"degrees": 55, "frames": frames}


def _pose(person, joints, root):
    return Pose(
        H36M_17,
        joints,
        joints + root,
        np.zeros((17, 2)),
        None,
        None,
        np.zeros(4),
        "made",
        "made",
        person,
    )


def _numbers(pose):
    return {
        "person": pose.person,
        "joints_mm": np.round(pose.joints_mm, 6).tolist(),
        "joints_camera_mm": np.round(pose.joints_camera_mm, 6).tolist(),
        "joints_px": np.round(pose.joints_px, 6).tolist(),
    }


def followed():
    """People who move, and where the Follower looks for them."""
    rng = np.random.default_rng(6)
    yield _followed(
        "one who walks, and comes nearer",
        [[95, 100, 60, 130]],
        rng.uniform(0.02, 0.07, 40),
        lambda person, t: ((120 + 150 * t, 170 - 20 * t), 110 + 40 * t, 0.6),
        rng,
    )
    yield _followed(
        "one who is seen elsewhere for half a second",
        [[95, 100, 60, 130]],
        np.full(40, 0.05),
        lambda person, t: (
            (420 if 0.6 < t < 1.1 else 120 + 30 * t, 170),
            110,
            None,
        ),
        rng,
    )
    yield _followed(
        "one whom the network becomes unsure of",
        [[95, 100, 60, 130]],
        np.full(60, 0.05),
        lambda person, t: ((120, 170 + 10 * t), 110, 0.6 - 0.25 * t),
        rng,
    )
    yield _followed(
        "one who leaves the picture",
        [[515, 100, 60, 130]],
        np.full(60, 0.05),
        lambda person, t: ((540 + 120 * t, 170), 110, 0.6),
        rng,
    )
    yield _followed(
        "one who grows too soon, and is at the border",
        [[95, 100, 60, 130], [395, 100, 60, 130]],
        np.full(16, 0.05),
        lambda person, t: (
            (120, 170) if person == 1 else (420 + 400 * max(t - 0.3, 0), 170),
            (110 if t < 0.3 or person == 2 else 240),
            0.6,
        ),
        rng,
    )
    yield _followed(
        "two who pass each other, and the network stays with one",
        [[95, 100, 60, 130], [395, 100, 60, 130]],
        np.full(60, 0.05),
        lambda person, t: (
            (120 + 100 * t, 170)
            if person == 1
            else (123 + 100 * t if 1.5 < t < 2.3 else 420 - 100 * t, 172),
            110,
            0.6,
        ),
        rng,
    )
    yield _followed(
        "one who is not sure, then hides for two seconds, and comes back",
        [[95, 100, 60, 130]],
        np.full(110, 0.05),
        _hiding,
        rng,
    )
    yield _followed(
        "one who is not there at first",
        [[95, 100, 60, 130]],
        np.full(50, 0.05),
        lambda person, t: None if t < 1.6 else ((130, 170), 120, 0.6),
        rng,
    )
    yield _followed(
        "one whom another hides, who is not taken for them",
        [[95, 100, 60, 130], [295, 100, 60, 130]],
        np.full(80, 0.05),
        _covered,
        rng,
    )


def _hiding(person, t):
    """Comes back 20 px farther on, at first less sure than they must be."""
    middle = (120 + 80 * min(t, 1.5) + 20 * (t > 3), 170)
    if t == 1.2 or 1.5 < t < 3.5:
        return middle, 110, 0.1
    return middle, 110, 0.41 if 3.5 <= t < 4 else 0.6


def _covered(person, t):
    """Person 1 walks past person 2, and is seen in their place."""
    if person == 2 and not 0.8 < t < 3:
        return (320, 170), 110, 0.6
    is_seen = person == 1 or 1.87 < t < 2.12
    return ((120 + 100 * t, 170), 110, 0.6) if is_seen else None


def _followed(name, first_boxes, steps, script, rng):
    """What `script` says of a person at a time is what a network finds."""
    follower = Follower(first_boxes=first_boxes)
    image = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    frames = []
    for time_s in np.round(np.cumsum(steps), 4).tolist():
        look = follower.look(image, time_s)
        poses = []
        for person in look.persons:
            seen = script(person, time_s)
            if seen is None:
                continue
            middle, size, confidence = seen
            noise = rng.normal(0, 0.004, _SHAPE.shape)
            joints = middle + size * (_SHAPE + noise)
            pose = {
                "person": person,
                "joints_px": np.round(joints, 3),
                "confidence": None if confidence is None else [confidence],
            }
            poses.append(types.SimpleNamespace(**pose))
        follower.learn(poses)
        frames.append(
            {
                "time_s": time_s,
                "persons": look.persons,
                "boxes": np.round(look.boxes, 4).tolist(),
                "box_from": look.box_from,
                "followed": sorted(follower.followed),
                "poses": [
                    vars(pose) | {"joints_px": pose.joints_px.tolist()}
                    for pose in poses
                ],
            }
        )
    return {"name": name, "first_boxes": first_boxes, "frames": frames}
