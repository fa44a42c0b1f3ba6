import json
import logging
import os
import pathlib
import shutil
import signal

import keras
import numpy as np
import pytest

from keras_pose.data.order import Order
from keras_pose.data.store import Records
from keras_pose.evaluation import scoring
from keras_pose.interruption import Interrupted
from keras_pose.serving import artefacts
from keras_pose.training import loop


def fit(config, workdir, strategy, callbacks=()):
    return loop.fit(config, workdir, engine_of(strategy), callbacks)


def engine_of(strategy):
    """The engine of the backend that the tests run on; see test_jax.py."""
    if keras.backend.backend() == "jax":
        from keras_pose.training.jax_engine import JaxEngine

        return JaxEngine()
    from keras_pose.training.tensorflow_engine import TensorFlowEngine

    return TensorFlowEngine(strategy)


class Losses(keras.callbacks.Callback):
    """Keeps the means of each epoch so far; kills the run after `steps`."""

    def __init__(self, steps=None):
        super().__init__()
        self.means = []
        self._steps = steps

    def on_train_batch_end(self, batch, logs=None):
        self.means.append((batch, logs["loss"]))
        if len(self.means) == self._steps:
            raise Killed


class Killed(BaseException):
    """Nothing in a run may answer it."""


def means_of(config, workdir, strategy, steps=None):
    losses = Losses(steps)
    fit(config, workdir, strategy, [losses])
    return losses.means


def losses_of(config, workdir, strategy):
    """The loss of each step of a run that is not resumed in an epoch."""
    losses, total = [], 0.0
    for batch, mean in means_of(config, workdir, strategy):
        before = total if batch else 0.0
        total = mean * (batch + 1)
        losses.append(total - before)
    return losses


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
    tiny_config.data.validation = (dataset,)
    best = fit(tiny_config, tmp_path / "run", one_device)
    artefact = artefacts.load(tmp_path / "run")
    errors = scoring.errors_of(
        artefact.predict, artefact.spec, Records([dataset]), 5
    )
    scores = scoring.summarise(errors, artefact.spec)
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


def same_weights(first, second):
    return all(
        one.tobytes() == other.tobytes()
        for one, other in zip(
            weights_of(first), weights_of(second), strict=True
        )
    )


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_killed_run_goes_on_as_if_it_never_was(
    tiny_config, dataset, tmp_path, one_device, steps
):
    tiny_config.data.validation = (dataset,)
    tiny_config.train.optimizer = "adamw"
    tiny_config.train.weight_decay = 0.01
    tiny_config.train.ema = 0.9
    tiny_config.train.schedule = "cosine"
    tiny_config.train.warmup_steps = 2
    tiny_config.train.checkpoint_minutes = 0.0  # one after each step
    whole = means_of(tiny_config, tmp_path / "whole", one_device)
    with pytest.raises(Killed):
        means_of(tiny_config, tmp_path / "cut", one_device, steps)
    # The step in which it was killed had not been saved.
    rest = means_of(tiny_config, tmp_path / "cut", one_device)
    assert rest == whole[steps - 1 :]
    assert same_weights(tmp_path / "cut", tmp_path / "whole")
    assert rows_of(tmp_path / "cut") == rows_of(tmp_path / "whole")


def rows_of(workdir):
    """The lines of metrics.jsonl, without what depends on the clock."""
    rows = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
    return [
        {
            name: value
            for name, value in row.items()
            if name != "time" and not name.startswith("speed/")
        }
        for row in rows
    ]


class Signal(keras.callbacks.Callback):
    """Sends this process a signal in a step."""

    def __init__(self, step, number=signal.SIGTERM):
        super().__init__()
        self._left = step
        self._number = number

    def on_train_batch_end(self, batch, logs=None):
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._number)


@pytest.mark.parametrize(
    ("step", "number"), [(2, signal.SIGTERM), (3, signal.SIGINT)]
)
def test_signal_saves_and_ends_the_run(
    tiny_config, tmp_path, one_device, step, number
):
    whole = means_of(tiny_config, tmp_path / "whole", one_device)
    with pytest.raises(Interrupted, match=f"{number.name} after step {step}"):
        fit(tiny_config, tmp_path / "cut", one_device, [Signal(step, number)])
    rest = means_of(tiny_config, tmp_path / "cut", one_device)
    assert rest == whole[step:]
    assert same_weights(tmp_path / "cut", tmp_path / "whole")


def test_signal_in_a_validation_saves_and_validates_again(
    tiny_config, dataset, tmp_path, one_device, monkeypatch
):
    tiny_config.data.validation = (dataset,)
    tiny_config.train.batch_size = 4
    best = fit(tiny_config, tmp_path / "whole", one_device)
    score = scoring.errors_of

    def interrupted(predict, *arguments):
        monkeypatch.setattr(scoring, "errors_of", score)
        os.kill(os.getpid(), signal.SIGTERM)
        return score(predict, *arguments)

    monkeypatch.setattr(scoring, "errors_of", interrupted)
    with pytest.raises(Interrupted, match="after step 3"):
        fit(tiny_config, tmp_path / "cut", one_device)
    assert not (tmp_path / "cut" / "best.keras").exists()
    assert fit(tiny_config, tmp_path / "cut", one_device) == best
    assert rows_of(tmp_path / "cut") == rows_of(tmp_path / "whole")


def test_run_does_not_go_on_with_another_batch(
    tiny_config, tmp_path, one_device, two_replicas
):
    tiny_config.train.batch_size_per = "replica"
    with pytest.raises(Interrupted):
        fit(tiny_config, tmp_path / "run", one_device, [Signal(2)])
    with pytest.raises(ValueError, match="'samples a step': 4.*: 8"):
        fit(tiny_config, tmp_path / "run", two_replicas)
    assert len(means_of(tiny_config, tmp_path / "run", one_device)) == 4


def test_weights_to_start_from_are_needed_once(
    tiny_config, tmp_path, one_device
):
    tiny_config.train.epochs = 1
    fit(tiny_config, tmp_path / "earlier", one_device)
    earlier = tmp_path / "earlier.keras"
    (tmp_path / "earlier" / "last.keras").rename(earlier)
    tiny_config.model.initial = str(earlier)
    tiny_config.train.epochs = 2
    whole = means_of(tiny_config, tmp_path / "whole", one_device)
    with pytest.raises(Interrupted):
        fit(tiny_config, tmp_path / "cut", one_device, [Signal(2)])
    earlier.unlink()
    rest = means_of(tiny_config, tmp_path / "cut", one_device)
    assert rest == whole[2:]
    assert same_weights(tmp_path / "cut", tmp_path / "whole")


def test_networks_without_a_checkpoint_are_not_written_over(
    tiny_config, tmp_path, one_device
):
    fit(tiny_config, tmp_path / "run", one_device)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    rows = rows_of(tmp_path / "run")
    with pytest.raises(ValueError, match="`workdir` must have a checkpoint"):
        fit(tiny_config, tmp_path / "run", one_device)
    assert rows_of(tmp_path / "run") == rows


def test_validation_that_fails_costs_no_step(
    tiny_config, dataset, tmp_path, one_device, monkeypatch
):
    tiny_config.data.validation = (dataset,)
    best = fit(tiny_config, tmp_path / "whole", one_device)

    def fail(*arguments):
        raise ValueError("a pose must be finite")

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "errors_of", fail)
        with pytest.raises(ValueError, match="finite"):
            fit(tiny_config, tmp_path / "cut", one_device)
    means = means_of(tiny_config, tmp_path / "cut", one_device)
    assert [batch for batch, _ in means] == [0, 1, 2]  # of the second epoch
    assert rows_of(tmp_path / "cut") == rows_of(tmp_path / "whole")
    assert fit(tiny_config, tmp_path / "cut", one_device) == best


def test_report_that_fails_does_not_fail_the_run(
    tiny_config, tmp_path, one_device, monkeypatch, caplog
):
    def fail(workdir):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    with monkeypatch.context() as patch:
        patch.setattr("keras_pose.training.watch.write_report", fail)
        with pytest.raises(Interrupted):
            fit(tiny_config, tmp_path / "run", one_device, [Signal(2)])
        assert "has no report: [Errno 28]" in caplog.text
        fit(tiny_config, tmp_path / "run", one_device)
    fit(tiny_config, tmp_path / "run", one_device)  # is finished already
    assert (tmp_path / "run" / "report.html").exists()


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
    whole = means_of(tiny_config, tmp_path / "whole", one_device)
    with pytest.raises(Killed):  # in the first step of both losses
        means_of(tiny_config, tmp_path / "cut", one_device, steps=4)
    rest = means_of(tiny_config, tmp_path / "cut", one_device)
    assert rest == whole[3:]
    assert same_weights(tmp_path / "cut", tmp_path / "whole")


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
    with pytest.raises(ValueError, match="divides by 2: 2 replicas.*5"):
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


def test_steps_that_are_not_finite_stop_the_run_and_are_named(
    tiny_config, tmp_path, one_device, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    tiny_config.train.learning_rate = 1e38
    tiny_config.train.skipped_steps = 1
    with pytest.raises(RuntimeError, match="`train.skipped_steps=1`.* step 3"):
        fit(tiny_config, tmp_path / "run", one_device)
    assert not (tmp_path / "run" / "last.keras").exists()
    texts = [record.getMessage() for record in caplog.records]
    skipped = [text for text in texts if "is skipped" in text]
    assert [text.split()[1] for text in skipped] == ["2", "3"]
    # Steps 2 and 3 of batches of 4: samples 4 to 11 of the stream.
    order = Order(10, 4, tiny_config.train.seed)
    records = Records(tiny_config.data.train)
    for step, text in zip((1, 2), skipped, strict=True):
        numbers, _ = order.batch(step)
        names = ", ".join(records.name(number) for number in numbers)
        assert text.endswith(f"samples: {names}")


def test_damaged_shard_is_named(tiny_config, dataset, tmp_path, one_device):
    shard = sorted(pathlib.Path(dataset).glob("*.tfrecord"))[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(
        ValueError, match=f"{shard}: record [0-3]: its checksum"
    ):
        fit(tiny_config, tmp_path / "run", one_device)


@pytest.fixture
def scored(monkeypatch):
    """Gives `scored(*mm)`: makes these the scores of a run's validations."""

    def patch(*values):
        scores = (
            scoring.Scores(mm, 1.0, {"pelvis": (mm, 1.0)}, 10, "none")
            for mm in values
        )
        monkeypatch.setattr(
            "keras_pose.training.validation.Validation.scores",
            lambda *_: next(scores),
        )

    return patch


def test_best_network_is_that_of_the_lowest_score(
    tiny_config, dataset, tmp_path, one_device, scored, monkeypatch
):
    tiny_config.data.validation = (dataset,)
    tiny_config.train.epochs = 3
    scored(30.0, 20.0, 25.0)
    saved = []
    monkeypatch.setattr(
        "keras_pose.training.learner.artefacts.save_keras",
        lambda *arguments: saved.append(pathlib.Path(arguments[-1]).name),
    )
    assert fit(tiny_config, tmp_path / "run", one_device) == 20.0
    assert saved == ["last.keras", "best.keras"] * 2 + ["last.keras"]
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["mpjpe_mm"] == 20.0


def test_run_without_progress_ends_early_and_stays_ended(
    tiny_config, dataset, tmp_path, one_device, scored
):
    tiny_config.data.validation = (dataset,)
    tiny_config.train.epochs = 9
    tiny_config.train.patience = 2
    scored(30.0, 31.0, 20.0, 25.0, 21.0)
    assert fit(tiny_config, tmp_path / "run", one_device) == 20.0
    assert rows_of(tmp_path / "run")[-1]["epoch"] == 5
    assert losses_of(tiny_config, tmp_path / "run", one_device) == []


def test_run_that_a_callback_stops_leaves_its_last_network(
    tiny_config, tmp_path, one_device
):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    tiny_config.train.validation_every = 2
    fit(tiny_config, tmp_path / "run", one_device, [Stop()])
    assert artefacts.load(tmp_path / "run").kind == artefacts.KERAS
