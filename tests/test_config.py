import dataclasses
import importlib.util
import json
import pathlib

import pytest
from absl import flags
from ml_collections import config_flags

from keras_pose import config as config_lib
from keras_pose.config import Config

RECIPES = pathlib.Path(__file__).parents[1] / "configs"
RECIPE = """
from keras_pose.config import Config


def get_config():
    config = Config()
    config.train.epochs = 7
    return config
"""


def good_config():
    config = Config()
    config.data.train = ("data/h36m",)
    return config


# ml_collections loads a recipe by a method that Python will drop.
LOADS_A_RECIPE = pytest.mark.filterwarnings(
    "ignore:the load_module.*:DeprecationWarning"
)


@pytest.fixture
def parse(tmp_path):
    """Gives `*arguments -> Config` of a recipe of 7 epochs, as train.py."""
    recipe = tmp_path / "recipe.py"
    recipe.write_text(RECIPE)

    def parse(*arguments):
        values = flags.FlagValues()
        argv = ["train.py", f"--config={recipe}", *arguments]
        config_flags.DEFINE_config_file(
            "config", flag_values=values, sys_argv=argv
        )
        values(argv)
        return values.config

    return parse


def test_check_passes_the_defaults_once_there_is_data():
    config_lib.check(good_config())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data.train", ()),
        ("data.train_shares", (0.5, 0.5)),
        ("data.train_shares", (0.0,)),
        ("data.train_shares", (float("nan"),)),
        ("data.box_margin", 0),
        ("data.shard_by", "shard"),
        ("data.damaged_records", -1),
        ("model.deconv_filters", 0),
        ("model.depth_bins", -1),
        ("model.metric_size", 0.0),
        ("model.crop_depth", -2000.0),
        ("model.volume", "cube"),
        ("loss.integral", -1.0),
        ("loss.heatmap", -0.1),
        ("loss.uncertainty", -0.1),
        ("loss.bone_length", float("inf")),
        ("loss.integral_epochs", (0, 0)),
        ("loss.heatmap_epochs", (3, 2)),
        ("loss.heatmap_epochs", (24,)),
        ("loss.heatmap_epochs", (1.5, 0)),
        ("loss.heatmap_epochs", (26, 0)),
        ("train.seed", -1),
        ("model.temperature", 0.0),
        ("train.batch_size", 0),
        ("train.epochs", 0),
        ("train.steps_per_epoch", -1),
        ("train.learning_rate", float("nan")),
        ("train.warmup_steps", -1),
        ("train.validation_every", 0),
        ("train.batch_size_per", "worker"),
        ("train.accumulation", 0),
        ("train.precision", "float16"),
        ("train.batch_norm", "off"),
        ("train.backbone_rate", 0.0),
        ("train.frozen_epochs", -1),
        ("train.momentum", 1.0),
        ("train.weight_decay", -0.1),
        ("train.clip_norm", float("nan")),
        ("train.ema", 1.0),
        ("train.schedule_steps", (0.9, 0.7)),
        ("train.schedule_steps", (0.5, 0.5)),
        ("train.schedule_steps", (0.5, 1.0)),
        ("train.schedule_factor", 0.0),
        ("train.skipped_steps", -1),
        ("train.patience", -1),
        ("train.checkpoint_minutes", -1.0),
        ("train.checkpoints_kept", 0),
        ("train.histograms_every", -1),
        ("train.pictures", -1),
        ("augmentation.backend", "gpu"),
        ("augmentation.flip", 1.5),
        ("augmentation.rotation", -1.0),
        ("augmentation.scale", 1.1),
        ("augmentation.stretch", 1.0),
        ("augmentation.shift", float("nan")),
        ("augmentation.constant_shift", -0.1),
        ("augmentation.hue_saturation", 256),
        ("augmentation.contrast", 1.1),
        ("augmentation.brightness", -0.2),
        ("augmentation.grey", 2.0),
        ("augmentation.paste", -1.0),
        ("augmentation.erase", 1.01),
        ("augmentation.blur", 1.5),
        ("augmentation.blur_length", 1),
        ("augmentation.jpeg", -0.5),
        ("augmentation.jpeg_quality", 96),
    ],
)
def test_check_refuses_and_names_the_field(field, value):
    config = good_config()
    section, name = field.split(".")
    setattr(getattr(config, section), name, value)
    with pytest.raises(ValueError, match=f"`{field}` must") as error:
        config_lib.check(config)
    assert str(value) in str(error.value)


def test_check_refuses_a_config_without_losses():
    config = good_config()
    config.loss.integral = 0
    with pytest.raises(ValueError, match="`loss` .* none in epoch 1$"):
        config_lib.check(config)
    config.loss.heatmap = 10
    config_lib.check(config)


def test_check_refuses_an_epoch_without_losses():
    config = good_config()
    config.train.epochs = 5
    config.loss.heatmap = 10
    config.loss.heatmap_epochs = (1, 2)
    config.loss.integral_epochs = (3, 4)
    with pytest.raises(ValueError, match="`loss` .* none in epoch 5$"):
        config_lib.check(config)
    config.loss.integral_epochs = (3, 0)
    config_lib.check(config)


@pytest.mark.parametrize("field", ["heatmap", "uncertainty"])
def test_check_refuses_a_loss_of_heatmaps_without_heatmaps(field):
    config = good_config()
    config.model.head = "regression"
    config_lib.check(config)
    setattr(config.loss, field, 10)
    with pytest.raises(ValueError, match=f"`loss.{field}` must be 0.*: 10"):
        config_lib.check(config)


def test_check_refuses_epochs_of_a_loss_that_is_off():
    config = good_config()
    config.loss.heatmap_epochs = (24, 0)
    with pytest.raises(ValueError, match="`loss.heatmap` must be positive"):
        config_lib.check(config)
    config.loss.heatmap = 10
    config_lib.check(config)


def test_active_losses_are_those_of_the_stage():
    loss = config_lib.LossConfig(
        integral_epochs=(2, 3), heatmap=10.0, heatmap_epochs=(3, 0)
    )
    loss.bone_length = 0.5
    assert [set(loss.active(epoch)) for epoch in range(5)] == [
        {"bone_length"},
        {"bone_length", "integral"},
        {"bone_length", "integral", "heatmap"},
        {"bone_length", "heatmap"},
        {"bone_length", "heatmap"},
    ]
    weights = {"integral": 1.0, "heatmap": 10.0, "bone_length": 0.5}
    assert loss.active(2) == weights


def test_check_refuses_to_paste_nothing():
    config = good_config()
    config.augmentation.paste = 0.2
    with pytest.raises(ValueError, match="`augmentation.objects` must.*=0.2"):
        config_lib.check(config)
    config.augmentation.objects = "data/objects"
    config_lib.check(config)


@pytest.mark.parametrize(
    "field",
    ["flip", "rotation", "scale", "grey", "paste", "erase", "blur", "jpeg"],
)
def test_check_refuses_what_the_report_has_not_by_imgaug(field):
    config = good_config()
    config.augmentation.objects = "data/objects"
    setattr(config.augmentation, field, 0.3)
    config_lib.check(config)
    config.augmentation.backend = "imgaug"
    with pytest.raises(ValueError, match=f"`augmentation.{field}` must be 0"):
        config_lib.check(config)


def test_check_takes_the_report_by_imgaug():
    config = good_config()
    config.augmentation = config_lib.AugmentationConfig(
        backend="imgaug",
        stretch=0.25,
        shift=0.05,
        constant_shift=0.05,
        hue_saturation=60,
        contrast=0.3,
        brightness=0.5,
    )
    config_lib.check(config)


def test_to_json_holds_every_field():
    config = good_config()
    config.loss.heatmap = 10
    content = json.loads(config_lib.to_json(config))
    expected = dataclasses.asdict(config)
    expected["data"] |= {"train": ["data/h36m"], "validation": []}
    expected["data"] |= {"train_shares": []}
    whole = {"integral_epochs": [1, 0], "heatmap_epochs": [1, 0]}
    expected["loss"] |= whole
    expected["train"] |= {"frozen": [], "schedule_steps": [0.7, 0.9]}
    assert content == expected
    assert content["loss"]["heatmap"] == 10


def test_differences_are_those_of_the_fields():
    earlier = config_lib.to_json(good_config())
    config = good_config()
    assert config_lib.differences(config, earlier) == []
    config.data.box_margin = 1.5
    config.train.frozen = ("backbone",)
    assert config_lib.differences(config, earlier) == [
        "data.box_margin: 1.2 -> 1.5",
        "train.frozen: [] -> ['backbone']",
    ]


def test_field_that_the_earlier_run_did_not_know_had_its_default():
    earlier = json.loads(config_lib.to_json(good_config()))
    del earlier["loss"], earlier["train"]["seed"]
    config = good_config()
    assert config_lib.differences(config, json.dumps(earlier)) == []
    config.train.seed = 3
    rows = config_lib.differences(config, json.dumps(earlier))
    assert rows == ["train.seed: 0 -> 3"]


def test_what_is_kept_of_a_run_may_change_when_it_goes_on():
    earlier = config_lib.to_json(good_config())
    config = good_config()
    config.data.train = ("data/moved_h36m",)
    config.data.damaged_records = 5
    config.train.checkpoints_kept = 7
    config.train.checkpoint_minutes = 1.0
    config.train.skipped_steps = 0
    config.train.histograms_every = 2
    config.train.pictures = 0
    assert config_lib.differences(config, earlier) == []
    config.train.patience = 1
    assert len(config_lib.differences(config, earlier)) == 1


def test_field_that_is_gone_is_a_difference_where_it_did_something():
    earlier = json.loads(config_lib.to_json(good_config()))
    del earlier["augmentation"]
    earlier["data"] |= {"flip": 0.0, "colour": 0.2}
    rows = config_lib.differences(good_config(), json.dumps(earlier))
    assert rows == ["data.colour: 0.2 -> gone"]


@LOADS_A_RECIPE
@pytest.mark.parametrize(
    ("argument", "field", "value"),
    [
        ("--config.data.train=('a', 'b')", "data.train", ("a", "b")),
        ("--config.data.train=data/h36m", "data.train", ("data/h36m",)),
        ("--config.data.box_margin=1.3", "data.box_margin", 1.3),
        ("--config.loss.heatmap=10", "loss.heatmap", 10.0),
        ("--config.train.batch_size=4", "train.batch_size", 4),
        ("--config.model.weights=imagenet", "model.weights", "imagenet"),
    ],
    ids=["tuple", "one of a tuple", "float", "int for float", "int", "str"],
)
def test_flags_change_a_field_and_keep_its_type(parse, argument, field, value):
    config = parse(argument)
    section, name = field.split(".")
    received = getattr(getattr(config, section), name)
    assert (received, type(received)) == (value, type(value))
    assert config.train.epochs == 7


@LOADS_A_RECIPE
@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        ("--config.data.box_margni=1.3", KeyError, "box_margni"),
        ("--config.dta.box_margin=1.3", KeyError, "dta"),
        ("--config.train.epochs=4.5", flags.IllegalFlagValueError, "4.5"),
        ("--config.train.epochs=True", flags.IllegalFlagValueError, "True"),
        ("--config.loss.heatmap=ten", flags.IllegalFlagValueError, "ten"),
        ("--config.data=3", flags.IllegalFlagValueError, "DataConfig"),
    ],
    ids=["field", "section", "float for int", "bool for int", "text", "whole"],
)
def test_flags_refuse_typos_and_wrong_types(parse, argument, error, message):
    with pytest.raises(error, match=message):
        parse(argument)


@pytest.mark.parametrize(
    "section", ["", "data", "augmentation", "model", "loss", "train"], ids=str
)
def test_config_refuses_a_field_that_it_does_not_have(section):
    part = getattr(Config(), section) if section else Config()
    with pytest.raises(AttributeError, match="learning_rat"):
        part.learning_rat = 1


def test_configs_share_nothing():
    Config().train.epochs = 1
    assert Config().train.epochs == 25


@pytest.mark.parametrize(
    "path",
    sorted(RECIPES.rglob("*.py")),
    ids=lambda path: str(path.relative_to(RECIPES)),
)
def test_every_recipe_passes_check_once_there_is_data(path):
    spec = importlib.util.spec_from_file_location("recipe", path)
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    config = recipe.get_config()
    assert isinstance(config, Config)
    config.data.train = config.data.train or ("data/h36m",)
    config_lib.check(config)
