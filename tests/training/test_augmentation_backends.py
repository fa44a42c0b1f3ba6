import keras
import pytest

from keras_pose.training.loop import fit
from keras_pose.training.tensorflow_engine import TensorFlowEngine


def losses_of(config, workdir, strategy):
    history = keras.callbacks.History()
    fit(config, workdir, TensorFlowEngine(strategy), [history])
    return history.history["loss"]


@pytest.mark.parametrize("replicas", ["one_device", "two_replicas"])
def test_a_run_learns_the_same_whatever_changes_its_images(
    tiny_config, tmp_path, replicas, request
):
    strategy = request.getfixturevalue(replicas)
    augmentation = tiny_config.augmentation
    augmentation.stretch = 0.25
    augmentation.shift = 0.05
    augmentation.hue_saturation = 60
    augmentation.brightness = 0.5
    losses = {}
    for backend in ("host", "device", "imgaug"):
        augmentation.backend = backend
        losses[backend] = losses_of(tiny_config, tmp_path / backend, strategy)
    augmentation.backend = "host"
    augmentation.brightness = 0.0
    other = losses_of(tiny_config, tmp_path / "other", strategy)
    assert other != pytest.approx(losses["host"], rel=0.02)
    assert losses["device"] == pytest.approx(losses["host"], rel=0.02)
    assert losses["imgaug"] == pytest.approx(losses["host"], rel=0.1)


def test_objects_are_looked_for_before_the_folder_is_taken(
    tiny_config, tmp_path, one_device
):
    tiny_config.augmentation.paste = 0.5
    tiny_config.augmentation.objects = str(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="`objects` must be a folder"):
        fit(tiny_config, tmp_path / "run", TensorFlowEngine(one_device))
    assert not (tmp_path / "run").exists()
