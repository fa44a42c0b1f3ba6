import logging
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.serving import artefacts
from keras_pose.training import loop
from keras_pose.training.loop import fit


class Losses(keras.callbacks.Callback):
    """Keeps the loss of each step; stops the run after `steps`."""

    def __init__(self, steps=None):
        super().__init__()
        self.values = []
        self._steps = steps

    def on_train_batch_end(self, batch, logs=None):
        # Logs are means of the epoch so far.
        total = logs["loss"] * (batch + 1)
        self.values.append(total - (self._total if batch else 0))
        self._total = total
        if len(self.values) == self._steps:
            raise KeyboardInterrupt


def losses_of(config, workdir, strategy, steps=None):
    losses = Losses(steps)
    fit(config, workdir, strategy, [losses])
    return losses.values


def weights_of(workdir):
    model, _ = artefacts.load_keras_model(workdir / "last.keras")
    return model.get_weights()


def test_fit_leaves_a_network_that_loads(tiny_config, tmp_path, one_device):
    fit(tiny_config, tmp_path / "run", one_device)
    artefact = artefacts.load(tmp_path / "run")
    images = np.zeros((2, 64, 64, 3), np.uint8)
    assert artefact.predict(images)["pose"].shape == (2, 17, 3)
    assert artefact.spec.skeleton.name == "h36m_17"


def test_fit_scores_the_network_that_it_keeps(
    tiny_config, dataset, tmp_path, one_device
):
    from keras_pose.evaluation.scoring import score

    tiny_config.data.validation = (dataset,)
    best = fit(tiny_config, tmp_path / "run", one_device)
    artefact = artefacts.load(tmp_path / "run")
    scores = score(artefact.predict, artefact.spec, [dataset], 5)
    assert scores.mpjpe == pytest.approx(best, abs=1e-2)


@pytest.mark.parametrize("volume", ["metric", "crop"])
def test_fit_learns(tiny_config, tmp_path, one_device, volume):
    tiny_config.model.volume = volume
    tiny_config.train.batch_size = 10
    tiny_config.train.steps_per_epoch = 60
    tiny_config.train.learning_rate = 1e-2
    losses = losses_of(tiny_config, tmp_path / "run", one_device)
    assert losses[-1] < 0.6 * losses[0]


def test_fit_reports_each_of_two_losses(tiny_config, tmp_path, one_device):
    tiny_config.loss.heatmap = 10.0
    history = keras.callbacks.History()
    fit(tiny_config, tmp_path / "run", one_device, [history])
    logs = {name: values[0] for name, values in history.history.items()}
    total = logs["integral"] + 10 * logs["heatmap"]
    assert logs["loss"] == pytest.approx(total, rel=1e-4)


def test_two_replicas_train_as_one(
    tiny_config, tmp_path, one_device, two_replicas
):
    one = losses_of(tiny_config, tmp_path / "one", one_device)
    two = losses_of(tiny_config, tmp_path / "two", two_replicas)
    np.testing.assert_allclose(two, one, rtol=1e-3)


def test_resumed_run_equals_one_never_stopped(
    tiny_config, tmp_path, one_device
):
    whole = losses_of(tiny_config, tmp_path / "whole", one_device)
    with pytest.raises(KeyboardInterrupt):
        losses_of(tiny_config, tmp_path / "cut", one_device, steps=4)
    rest = losses_of(tiny_config, tmp_path / "cut", one_device)
    np.testing.assert_allclose(rest, whole[3:], rtol=1e-4)
    for cut, expected in zip(
        weights_of(tmp_path / "cut"),
        weights_of(tmp_path / "whole"),
        strict=True,
    ):
        np.testing.assert_allclose(cut, expected, rtol=1e-3, atol=1e-4)


def test_losses_of_a_later_epoch_join_the_run(
    tiny_config, tmp_path, one_device
):
    tiny_config.loss.heatmap = 10.0
    tiny_config.loss.heatmap_epochs = (2, 0)
    logs = []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, log: logs.append(dict(log))
    )
    fit(tiny_config, tmp_path / "run", one_device, [callback])
    first, second = logs
    assert "heatmap" not in first
    assert first["loss"] > 0
    total = second["integral"] + 10 * second["heatmap"]
    assert second["loss"] == pytest.approx(total, rel=1e-4)


@pytest.mark.slow
def test_run_resumed_at_a_stage_equals_one_never_stopped(
    tiny_config, tmp_path, one_device
):
    tiny_config.loss.heatmap = 10.0
    tiny_config.loss.heatmap_epochs = (2, 0)
    whole = losses_of(tiny_config, tmp_path / "whole", one_device)
    with pytest.raises(KeyboardInterrupt):  # in the first step of both losses
        losses_of(tiny_config, tmp_path / "cut", one_device, steps=4)
    rest = losses_of(tiny_config, tmp_path / "cut", one_device)
    np.testing.assert_allclose(rest, whole[3:], rtol=1e-4)
    for cut, expected in zip(
        weights_of(tmp_path / "cut"),
        weights_of(tmp_path / "whole"),
        strict=True,
    ):
        np.testing.assert_allclose(cut, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("replicas", [1, 2])
def test_network_is_saved_plain_and_trained_on_as_before(
    one_device, two_replicas, monkeypatch, replicas
):
    strategy = {1: one_device, 2: two_replicas}[replicas]
    image = keras.Input((4, 4, 3))
    layer = keras.layers.BatchNormalization()
    model = keras.Model(image, layer(image))

    def state():
        return "call" in vars(layer), layer.synchronized

    saved = []
    monkeypatch.setattr(
        "keras_pose.training.loop.artefacts.save_keras",
        lambda *_: saved.append(state()),
    )
    loop.prepare_batch_norm(model, replicas)
    before = state()
    loop._save(None, model, strategy, "net.keras")
    assert saved == [(False, False)]
    assert state() == before == (replicas == 1, replicas == 2)


def test_joints_outside_the_volume_are_warned_of_once(
    tiny_config, tmp_path, one_device, caplog, monkeypatch
):
    monkeypatch.setattr("absl.logging._log_counter_per_token", {})
    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    tiny_config.model.metric_size = 300.0  # of people of 800 mm
    logs = []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, log: logs.append(dict(log))
    )
    fit(tiny_config, tmp_path / "run", one_device, [callback])
    assert all(0 < log["outside"] < 1 for log in logs)
    warnings = [
        r.getMessage() for r in caplog.records if r.levelname == "WARNING"
    ]
    warnings = [text for text in warnings if "outside the volume" in text]
    assert len(warnings) == 1
    assert f"{100 * logs[0]['outside']:.2f} % of" in warnings[0]


def test_finished_run_is_not_trained_again(tiny_config, tmp_path, one_device):
    fit(tiny_config, tmp_path / "run", one_device)
    assert losses_of(tiny_config, tmp_path / "run", one_device) == []


def test_network_of_two_replicas_loads_without_them(
    tiny_config, tmp_path, two_replicas
):
    fit(tiny_config, tmp_path / "run", two_replicas)
    model, _ = artefacts.load_keras_model(tmp_path / "run" / "last.keras")
    normalisations = [
        layer
        for layer in model.get_layer("backbone").layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert normalisations
    assert not any(layer.synchronized for layer in normalisations)


def test_tensorboard_curve_has_one_point_an_epoch(
    tiny_config, tmp_path, one_device
):
    fit(tiny_config, tmp_path / "run", one_device)
    (events,) = (tmp_path / "run" / "tensorboard" / "train").glob("*events*")
    steps = [
        event.step
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.tag == "epoch_loss"
    ]
    assert steps == [0, 1]


@pytest.mark.parametrize(
    ("section", "field", "value", "named"),
    [
        ("data", "train", (), "data.train"),
        ("data", "train", ("/nowhere",), "/nowhere"),
        ("data", "skeleton", "h36m_18", "data.skeleton"),
        ("data", "skeleton", "coco_17", "data.skeleton"),
        ("train", "batch_size", 11, "train.batch_size"),
        ("train", "batch_size", 0, "train.batch_size"),
        ("train", "optimizer", "adamm", "optimizer"),
        ("model", "backbone", "resnet51", "backbone"),
        ("model", "volume", "cube", "model.volume"),
    ],
)
def test_fit_refuses_by_name(
    tiny_config, tmp_path, one_device, section, field, value, named
):
    setattr(getattr(tiny_config, section), field, value)
    with pytest.raises(ValueError, match=named):
        fit(tiny_config, tmp_path / "run", one_device)


def test_fit_refuses_a_batch_that_replicas_cannot_share(
    tiny_config, tmp_path, two_replicas
):
    tiny_config.train.batch_size = 5
    with pytest.raises(ValueError, match="batch_size.*2 replicas"):
        fit(tiny_config, tmp_path / "run", two_replicas)


def test_fit_refuses_the_folder_of_another_config(
    tiny_config, tmp_path, one_device
):
    fit(tiny_config, tmp_path / "run", one_device)
    tiny_config.loss.heatmap = 10.0
    with pytest.raises(ValueError, match="loss.heatmap: 0.0 -> 10.0"):
        fit(tiny_config, tmp_path / "run", one_device)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("model", "head", "pointing"),
        ("loss", "heatmap_target", "gauss"),
        ("loss", "heatmap_sigma", -1.0),
    ],
)
def test_config_that_fails_leaves_the_folder_free(
    tiny_config, tmp_path, one_device, section, field, value
):
    setattr(getattr(tiny_config, section), field, value)
    with pytest.raises(ValueError, match=field.removeprefix("heatmap_")):
        fit(tiny_config, tmp_path / "run", one_device)
    assert not (tmp_path / "run").exists()


def test_missing_validation_data_leave_the_folder_free(
    tiny_config, dataset, tmp_path, one_device
):
    tiny_config.data.validation = (dataset, str(tmp_path))
    with pytest.raises(ValueError, match="not a data set"):
        fit(tiny_config, tmp_path / "run", one_device)
    assert not (tmp_path / "run").exists()


def test_loss_that_is_no_number_stops_the_run(
    tiny_config, tmp_path, one_device
):
    tiny_config.train.learning_rate = 1e38
    with pytest.raises(RuntimeError, match="loss of step .* is not finite"):
        fit(tiny_config, tmp_path / "run", one_device)
    assert not (tmp_path / "run" / "last.keras").exists()


def test_damaged_shard_is_named(tiny_config, dataset, tmp_path, one_device):
    shard = sorted(pathlib.Path(dataset).glob("*.tfrecord"))[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match=f"{shard}: damaged"):
        fit(tiny_config, tmp_path / "run", one_device)


def test_best_network_is_that_of_the_lowest_score(
    tiny_config, dataset, tmp_path, one_device, monkeypatch
):
    scores = iter([30.0, 20.0, 25.0])
    tiny_config.data.validation = (dataset,)
    tiny_config.train.epochs = 3
    monkeypatch.setattr(
        "keras_pose.training.loop._validate", lambda *_: next(scores)
    )
    saved = []
    monkeypatch.setattr(
        "keras_pose.training.loop._save",
        lambda *arguments: saved.append(pathlib.Path(arguments[-1]).name),
    )
    assert fit(tiny_config, tmp_path / "run", one_device) == 20.0
    assert saved == ["last.keras", "best.keras"] * 2 + ["last.keras"]


def test_run_that_a_callback_stops_leaves_its_last_network(
    tiny_config, tmp_path, one_device
):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    tiny_config.train.validation_every = 2
    fit(tiny_config, tmp_path / "run", one_device, [Stop()])
    assert artefacts.load(tmp_path / "run").kind == artefacts.KERAS
