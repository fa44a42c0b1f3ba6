import numpy as np
import pytest

from keras_pose.evaluation.predictions import Predictions
from keras_pose.evaluation.truth import Truth
from keras_pose.skeleton import H36M_17


@pytest.fixture
def make_truth():
    """Gives `(count, skeleton, **fields) -> Truth` of random poses."""

    def make(count=6, skeleton=H36M_17, seed=0, **fields):
        rng = np.random.default_rng(seed)
        joints = skeleton.num_joints
        place = rng.uniform([-300, -200, 2500], [300, 200, 4000], (count, 1, 3))
        mm = place + rng.normal(0, 300, (count, joints, 3))
        right = {
            "numbers": np.arange(count),
            "names": [f"{number}.jpg" for number in range(count)],
            "joints_mm": mm,
            "joints_px": 100 + mm[..., :2] / 10,
            "weight_3d": np.ones((count, joints)),
            "weight_2d": np.ones((count, joints)),
            "box": np.tile([50.0, 50, 100, 100], (count, 1)),
            "head_size": np.zeros(count),
            "frame": np.arange(count) * 64,
            "subject": ["S9"] * count,
            "action": ["Posing"] * count,
            "camera": ["left"] * count,
            "source": ["made"] * count,
        } | fields
        for field in "names subject action camera source".split():
            right[field] = np.array(right[field], object)
        return Truth(skeleton, **right)

    return make


@pytest.fixture
def perfect():
    """Gives `(truth, with_px) -> Predictions` that are the truth."""

    def make(truth, with_px=False):
        return Predictions(
            truth.skeleton.joints,
            truth.names,
            truth.joints_mm.copy(),
            truth.joints_px.copy() if with_px else None,
        )

    return make
