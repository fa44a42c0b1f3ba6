import numpy as np
import pytest

from keras_pose.config import Config
from keras_pose.data import pipeline
from keras_pose.data.conversion import convert
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


def test_unknown_joints_are_not_drawn(
    config, tmp_path, make_source, make_sample
):
    sample = make_sample(0)
    left = [
        index for index in range(17) if H36M_17.joints[index].startswith("left")
    ]
    sample.weight_2d[[0, *left]] = 0  # the root too
    sample.joints_px[[0, *left]] = 0
    convert(make_source([sample]), tmp_path / "partly")
    config.data.train = (str(tmp_path / "partly"),)
    sheet = preview.draw_sheet(config, count=1, epoch=0)
    assert not (sheet == SIDE_COLOURS["left"]).all(axis=-1).any()
    assert (sheet == SIDE_COLOURS["right"]).all(axis=-1).any()
    # Nor is a bone drawn to where what is not known stands, the corner.
    corner = (sheet[:4, :4] == SIDE_COLOURS["right"]).all(axis=-1)
    assert not corner.any()
