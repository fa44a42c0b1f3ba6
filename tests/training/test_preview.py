import numpy as np
import pytest

from keras_pose.config import Config
from keras_pose.data import pipeline
from keras_pose.data.order import Order
from keras_pose.data.store import Records
from keras_pose.skeleton import H36M_17
from keras_pose.training import build
from keras_pose.training import preview
from keras_pose.visualization import SIDE_COLOURS


@pytest.fixture
def config(dataset):
    config = Config()
    config.data.train = (dataset,)
    config.model.input_size = 64
    return config


@pytest.mark.parametrize("backend", ["host", "device"])
def test_sheet_shows_changed_images_with_their_joints(config, backend):
    config.augmentation.backend = backend
    plain = preview.draw_sheet(config, count=3, epoch=0)
    assert plain.shape == (64, 8 * 64, 3)
    assert (plain[:, 3 * 64 :] == 255).all()  # no further images
    for side in ("left", "right"):
        assert (plain == SIDE_COLOURS[side]).all(axis=-1).any()
    config.augmentation.brightness = 0.5
    changed = preview.draw_sheet(config, count=3, epoch=0)
    assert np.abs(changed - plain.astype(int)).mean() > 2


def test_sheet_shows_the_images_that_a_run_of_the_config_begins_with(config):
    config.train.seed = 5
    config.augmentation.brightness = 0.5
    config.train.batch_size = 2
    config.train.steps_per_epoch = 3
    sheet = preview.draw_sheet(config, count=4, epoch=1)
    spec = build.make_spec(config)
    records = Records(config.data.train)
    batches = pipeline.training_batches(
        records,
        Order(len(records), 2, config.train.seed),
        spec,
        config.train.seed,
        build.make_augmentation(config, spec),
        first_step=3,  # the first of the second epoch
    )
    images = [batch["image"].numpy() for batch in batches.take(2)]
    images = np.concatenate(np.concatenate(images), axis=1)
    # All but the joints that are drawn over it.
    same = (sheet[:, : 4 * 64] == images).all(axis=-1)
    assert same.reshape(64, 4, 64).mean(axis=(0, 2)).min() > 0.5


def test_unknown_joints_lie_on_their_parents():
    joints = np.arange(34, dtype=float).reshape(17, 2)
    knee, ankle, hip = (
        H36M_17.joints.index(f"right_{name}")
        for name in ("knee", "ankle", "hip")
    )
    known = np.ones(17, bool)
    known[[knee, ankle]] = False
    shown = preview._without_unknown(joints, known, H36M_17)
    np.testing.assert_array_equal(shown[[knee, ankle]], joints[[hip, hip]])
    np.testing.assert_array_equal(shown[known], joints[known])
