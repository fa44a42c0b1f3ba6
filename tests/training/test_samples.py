import collections
import itertools

import numpy as np
import pytest

from keras_pose.data import pipeline
from keras_pose.data.conversion import convert
from keras_pose.data.sources.source import Source
from keras_pose.data.store import Records
from keras_pose.skeleton import COCO_17
from keras_pose.skeleton import H36M_17
from keras_pose.training import build
from keras_pose.training import preview
from keras_pose.training.samples import Samples
from keras_pose.training.validation import Validation


@pytest.fixture
def photos(tmp_path, make_sample):
    """A prepared data set of 6 photos with COCO's joints, in 2D alone."""

    def photo(seed):
        nothing = np.zeros((17, 3), np.float32)
        return make_sample(
            seed,
            name=f"photo_{seed}",
            joints_mm=nothing,
            weight_3d=np.zeros(17, np.float32),
            intrinsics=np.zeros((3, 3), np.float32),
        )

    samples = [photo(100 + seed) for seed in range(6)]
    source = Source("coco", COCO_17, len(samples), samples)
    convert(source, tmp_path / "photos", samples_per_shard=4)
    return str(tmp_path / "photos")


@pytest.fixture
def mixed_config(tiny_config, photos):
    config = tiny_config
    config.data.train = (*config.data.train, photos)
    config.data.train_shares = (0.75, 0.25)
    config.model.volume = "crop"
    return config


class Engine:
    """As much of an engine as the samples need."""

    num_replicas = 1
    num_workers = 1

    def batches(self, *arguments, **options):
        return iter(pipeline.training_batches(*arguments, **options))


def test_every_batch_of_a_run_has_the_shares_of_its_config(mixed_config):
    spec = build.make_spec(mixed_config)
    samples = Samples(mixed_config, spec, Engine())
    for step in range(20):
        kinds = [name.startswith("photo") for name in samples.names(step)]
        assert sum(kinds) == 1, kinds


def test_unknown_depth_and_joints_of_a_mix_have_no_weight(mixed_config):
    spec = build.make_spec(mixed_config)
    samples = Samples(mixed_config, spec, Engine())
    records = Records(mixed_config.data.train)
    shared = np.isin(H36M_17.joints, COCO_17.joints)
    assert shared.sum() == 13  # all but pelvis, spine, neck and head_top
    for step, batch in enumerate(itertools.islice(samples.batches(0), 3)):
        numbers, _ = build.make_order(mixed_config, records, 4).batch(step)
        for number, weight in zip(numbers, batch["weight"], strict=True):
            if number < 10:  # the data set in 3D
                assert np.all(weight == 1)
            else:
                np.testing.assert_array_equal(weight[:, 0], shared)
                np.testing.assert_array_equal(weight[:, 1], shared)
                assert np.all(weight[:, 2] == 0)


def test_joints_of_a_mix_are_found_by_their_names(mixed_config, photos):
    spec = build.make_spec(mixed_config)
    samples = Samples(mixed_config, spec, Engine())
    records = Records(mixed_config.data.train)
    batch = next(samples.batches(0))
    numbers, _ = build.make_order(mixed_config, records, 4).batch(0)
    row = int(np.flatnonzero(numbers >= 10)[0])
    record = records.record(int(numbers[row]))
    for joint in ("left_wrist", "right_ankle", "nose"):
        target = batch["pose"][row, H36M_17.joints.index(joint), :2]
        x, y, width, height = record["box"]
        side = spec.box_margin * max(width, height)
        centre = np.array([x + width / 2, y + height / 2])
        point = record["joints_px"][COCO_17.joints.index(joint)] + 0.5
        expected = (point - centre) / side + 0.5
        np.testing.assert_allclose(target, expected, atol=1e-4)


def test_the_sheet_of_a_mix_shows_what_its_run_sees(mixed_config):
    names = collections.Counter()
    drawn = preview.draw_sheet(mixed_config, count=8, epoch=0)
    assert drawn.shape == (64, 8 * 64, 3)
    spec = build.make_spec(mixed_config)
    samples = Samples(mixed_config, spec, Engine())
    for step, batch in enumerate(itertools.islice(samples.batches(0), 2)):
        names.update(samples.names(step))
        for row, image in enumerate(batch["image"].numpy()):
            start = 64 * (4 * step + row)
            tile = drawn[:, start : start + 64]
            # All but the joints that are drawn over it.
            assert (tile == image).all(axis=-1).mean() > 0.3
    assert sum(name.startswith("photo") for name in names.elements()) == 2


def test_a_metric_volume_refuses_data_without_depth(mixed_config):
    mixed_config.model.volume = "metric"
    spec = build.make_spec(mixed_config)
    with pytest.raises(ValueError, match="`model.volume`.*photos.*no 3D"):
        Samples(mixed_config, spec, Engine())


def test_validation_data_without_3d_are_refused_at_once(photos, mixed_config):
    spec = build.make_spec(mixed_config)
    with pytest.raises(
        ValueError, match="`data.validation`.*6 samples without"
    ):
        Validation(spec, Records([photos]), Engine(), 4, 0)


def test_images_without_labels_teach_nothing(
    tmp_path, make_source, make_sample, mixed_config
):
    nothing = np.zeros(17, np.float32)
    samples = [
        make_sample(seed, weight_2d=nothing, weight_3d=nothing)
        for seed in range(4)
    ]
    convert(make_source(samples), tmp_path / "alone")
    mixed_config.data.train = (mixed_config.data.train[0], f"{tmp_path}/alone")
    spec = build.make_spec(mixed_config)
    with pytest.raises(ValueError, match="`data.train`.*alone, whose first 4"):
        Samples(mixed_config, spec, Engine())
