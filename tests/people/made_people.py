"""People who move through frames, a detector of them, and their poses."""

import numpy as np

from keras_pose.people import boxes
from keras_pose.people.boxes import Detections
from keras_pose.pose import Pose
from keras_pose.pose import Poses
from keras_pose.skeleton import H36M_17

SIZE = 640, 480
FRAME = np.zeros((480, 640, 3), np.uint8)

# Where the joints lie in a person's box: two at opposite corners.
_PLACES = np.concatenate(
    [[[0.0, 0.0], [1.0, 1.0]], np.random.default_rng(5).random((15, 2))]
)


def joints_in(box):
    """(17, 2) px, whose tight box is `box`."""
    return box[:2] - 0.5 + _PLACES * box[2:]


def pose_of(joints_px, box, person=1, confidence=0.5, **changes):
    count = H36M_17.num_joints
    return Pose(
        **{
            "skeleton": H36M_17,
            "joints_mm": np.zeros((count, 3)),
            "joints_camera_mm": np.zeros((count, 3)),
            "joints_px": np.asarray(joints_px, np.float64),
            "std_mm": None,
            "confidence": None
            if confidence is None
            else np.full(count, confidence),
            "box": box,
            "box_from": "",
            "position_from": "",
            "person": person,
            **changes,
        }
    )


def poses_of(people):
    return Poses(H36M_17, tuple(people), SIZE, np.eye(3), "given", np.zeros(5))


class Scene:
    """People on their ways.

    Args:
        people: {name: function of seconds to (4,) px, or None where they are
            not in the picture}.
        unseen: {name: (from, to)} seconds in which the detector misses them.
        mistakes: Function of seconds to boxes of nobody that it finds.
    """

    name = "made"

    def __init__(self, people, unseen=None, mistakes=lambda t: []):
        self.people, self.mistakes = people, mistakes
        self.unseen = unseen or {}
        self.time, self.detected = 0.0, []
        self.followed = []  # of each frame that was run: the numbers

    def now(self):
        found = {name: way(self.time) for name, way in self.people.items()}
        return {n: np.float64(b) for n, b in found.items() if b is not None}

    def __call__(self, image):
        assert image is FRAME
        self.detected.append(self.time)
        seen = [
            box
            for name, box in self.now().items()
            if not _within(self.time, self.unseen.get(name))
        ]
        rows = np.array([*seen, *self.mistakes(self.time)]).reshape(-1, 4)
        return Detections(rows, np.ones(len(rows)))

    def predict(self, look):
        """Poses as a network sees them: of who fills the box the most."""
        people = self.now()
        found = []
        for box, person in zip(look.boxes, look.persons, strict=True):
            overlap = boxes.iou(
                [box], list(people.values()) or np.empty((0, 4))
            )
            if overlap.max(initial=0) > 0.2:
                best = list(people.values())[overlap.argmax()]
                found.append(pose_of(joints_in(best), box, person))
            else:  # a network sees a person in anything
                found.append(pose_of(joints_in(box), box, person, 0.1))
        return poses_of(found)

    def run(self, follower, times):
        """{name: {time: number who has their box}}, and all that was shown."""
        who, shown = {name: {} for name in self.people}, []
        for time in times:
            self.time = float(time)
            look = follower.look(FRAME, self.time)
            shown.append(look)
            people = self.now()
            for name, box in people.items():
                overlap = boxes.iou([box], look.boxes)[0]
                if overlap.max(initial=0) > 0.5:
                    number = look.persons[overlap.argmax()]
                    who[name][self.time] = number
            follower.learn(self.predict(look))
            self.followed.append(tuple(sorted(follower.followed)))
        return who, shown


def _within(time, span):
    return span is not None and span[0] <= time < span[1]


def standing(x, y=100, width=80, height=200):
    return lambda time: [x, y, width, height]


def walking(x, speed, y=100, width=80, height=200):
    return lambda time: [x + speed * time, y, width, height]
