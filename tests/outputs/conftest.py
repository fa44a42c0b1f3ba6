import numpy as np
import pytest

from keras_pose.pose import Caveat
from keras_pose.pose import Pose
from keras_pose.pose import Poses
from keras_pose.recording import Recorder
from keras_pose.skeleton import H36M_17

# A person seen from the front, so that their left is on the image's right;
# wider than tall, so that nothing fits when x and y are swapped.
JOINTS_PX = np.array(
    [
        [150, 80],
        [130, 80],
        [110, 110],
        [70, 130],
        [170, 80],
        [190, 110],
        [230, 130],
        [150, 60],
        [150, 40],
        [150, 28],
        [150, 14],
        [180, 40],
        [220, 50],
        [270, 40],
        [120, 40],
        [80, 50],
        [30, 40],
    ],
    float,
)


@pytest.fixture
def make_poses():
    """Gives `(*moves in px) -> Poses`, a person for each."""

    def make(*moves):
        people = []
        for number, move in enumerate(moves, 1):
            flat = np.hstack([JOINTS_PX, np.arange(17)[:, None]])
            joints_mm = 8 * (flat - flat[0])
            pixels = JOINTS_PX + move
            low, high = pixels.min(axis=0), pixels.max(axis=0)
            place = [8 * move[0], 8 * move[1], 4000 + 500 * number]
            people.append(
                Pose(
                    skeleton=H36M_17,
                    joints_mm=joints_mm,
                    joints_camera_mm=joints_mm + place,
                    joints_px=pixels,
                    std_mm=None,
                    confidence=np.full(17, 0.5),
                    box=np.array([*(low + 0.5), *(high - low)]),
                    box_from="given",
                    position_from="given",
                    person=number,
                )
            )
        return Poses(
            H36M_17,
            tuple(people),
            (600, 300),
            np.diag([500.0, 500, 1]),
            "given",
            np.zeros(5),
        )

    return make


# Quotes, a comma, a line's end, a formula, letters beyond ASCII.
NAMES = ('a "b", c.mp4#0', "two\nlines", "=1+1", "mädchen 走.jpg", "plain")


def _pose(skeleton, rng, person, is_sure):
    joints = rng.normal(0, 300, (skeleton.num_joints, 3))
    place = rng.normal(0, 500, 3) + [0, 0, 4000]
    count = skeleton.num_joints
    root = 0 if skeleton.root is None else skeleton.root
    return Pose(
        skeleton=skeleton,
        joints_mm=joints - joints[root],
        joints_camera_mm=joints + place,
        joints_px=rng.uniform(-20, 700, (count, 2)),
        std_mm=rng.uniform(10, 90, count) if is_sure else None,
        confidence=rng.uniform(0, 1, count) if is_sure else None,
        box=rng.uniform(0, 300, 4),
        box_from=f"found {person}",
        position_from="guessed, \u00fcber",
        person=person,
    )


@pytest.fixture
def make_recording():
    """Gives a Recording of chance: 5 frames, of which one is empty."""

    def make(
        skeleton=H36M_17,
        people=((1, 2), (), (2,), (1, 3, 2), (2,)),
        kind="video",
        is_sure=True,
    ):
        rng = np.random.default_rng(0)
        recorder = Recorder(skeleton, "runs/schön", kind)
        for frame, numbers in enumerate(people):
            poses = Poses(
                skeleton,
                tuple(_pose(skeleton, rng, n, is_sure) for n in numbers),
                (640 + frame, 480),
                np.array([[500 + frame, 0, 320], [0, 510, 240], [0, 0, 1]]),
                ("given", "guessed")[frame % 2],
                rng.normal(0, 0.1, 5),
                caveats=Caveat(5 * frame % 16),
            )
            time = None if kind == "photos" else frame / 25
            recorder.add(NAMES[frame % len(NAMES)], time, poses)
        return recorder.finish(None if kind == "photos" else 25.0)

    return make
