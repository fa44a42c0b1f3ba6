import types

import cv2
import keras
import numpy as np
import pytest
from keras import layers

from keras_pose import backbones
from keras_pose import models
from keras_pose.data.conversion import convert
from keras_pose.data.sample import Sample
from keras_pose.data.sources.source import Source
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import artefacts
from keras_pose.serving import export
from keras_pose.serving import onnx_model
from keras_pose.serving import openvino_model
from keras_pose.serving import saved_model
from keras_pose.serving import tflite
from keras_pose.serving.inference_network import inference_network
from keras_pose.skeleton import H36M_17

SIZE = 64


def tiny_backbone(include_top, weights, input_shape):
    """1/32 of the input in two convolutions: those of Keras take minutes."""
    assert not include_top
    assert weights is None
    steps = [
        layers.AveragePooling2D(4),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.Conv2D(16, 8, strides=8, activation="relu"),
    ]
    return keras.Sequential([keras.Input(input_shape), *steps])


@pytest.fixture(scope="session")
def spec():
    bones = tuple(100.0 + index for index in range(17))
    return PoseSpec(H36M_17, MetricVolume(2200), SIZE, 1.25, bones)


@pytest.fixture(scope="session")
def make_net():
    """Gives `head -> pose_net` of the smallest size."""

    def make(head):
        keras.utils.set_random_seed(0)
        with pytest.MonkeyPatch.context() as patch:
            tiny = backbones.Backbone(tiny_backbone, "report")
            patch.setitem(models.BACKBONES, "tiny", tiny)
            return models.pose_net(
                17, "tiny", None, SIZE, head, 2, 16, depth_bins=8
            )

    return make


@pytest.fixture(scope="session")
def model(make_net):
    """A network whose weights are large enough for its poses to differ."""
    model = make_net("integral")
    rng = np.random.default_rng(0)
    for name in ("deconv1", "deconv2", "heatmaps"):
        kernel = model.get_layer(name).kernel
        kernel.assign(rng.normal(0, 0.35, kernel.shape))
    return model


@pytest.fixture(scope="session")
def exported(model, spec, data_set, tmp_path_factory):
    """A run folder and what export makes of it; not to be changed."""
    folder = tmp_path_factory.mktemp("serving")
    run, out = folder / "run", folder / "exported"
    run.mkdir()
    artefacts.save_keras(model, spec, run / "best.keras")
    request = export.Request(
        str(run),
        str(out),
        data=(str(data_set),),
        calibration=(str(data_set),),
        version=3,
    )
    return types.SimpleNamespace(
        run=run,
        out=out,
        request=request,
        rows=export.export(request),
        keras=run / "best.keras",
        saved_model=out / "tf_serving" / "pose" / "3",
        float32=out / "model_float32.tflite",
        float16=out / "model_float16.tflite",
        int8=out / "model_int8.tflite",
    )


@pytest.fixture(scope="session")
def artefact_files(model, spec, crops, tmp_path_factory):
    """One artefact of every kind, written alone; not to be changed."""
    folder = tmp_path_factory.mktemp("artefacts")
    plain, channels_first = str(folder / "plain"), str(folder / "first")
    network = inference_network(model)
    turned = inference_network(model, channels_first=True)
    artefacts.save_keras(model, spec, folder / "best.keras")
    saved_model.export_saved_model(network, spec, str(folder / "pose" / "3"))
    saved_model.export_network(network, plain)
    saved_model.export_network(
        inference_network(model, channels_first=True, phases=False),
        channels_first,
    )
    tflite.export_tflite(plain, spec, str(folder / "model.tflite"))
    onnx_model.export_onnx(turned, spec, str(folder / "model.onnx"))
    for precision in openvino_model.PRECISIONS:
        openvino_model.export_openvino(
            channels_first, spec, str(folder / precision), precision, crops
        )
    return types.SimpleNamespace(
        keras=folder / "best.keras",
        saved_model=folder / "pose" / "3",
        tflite=folder / "model.tflite",
        onnx=folder / "model.onnx",
        openvino=folder / "float32",
        openvino_bfloat16=folder / "bfloat16",
        openvino_int8=folder / "int8",
        plain_network=plain,
        turned_network=channels_first,
    )


@pytest.fixture(scope="session")
def crops():
    """(6, S, S, 3) uint8, blurred noise: each crop another."""
    return np.stack([photo(seed, SIZE, SIZE) for seed in range(6)])


@pytest.fixture(scope="session")
def make_photo():
    """Gives `(seed, width, height) -> (height, width, 3)`, smooth, uint8."""
    return photo


def photo(seed, width, height):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 13, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def data_set(tmp_path_factory):
    """Two samples: a person on red 4 m away, one on green at 5 m."""
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:, :64, 0] = pixels[:, 64:, 1] = 255
    image = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
    samples = [
        person(image, np.float32([x, 0, 64, 64]), depth)
        for x, depth in ((0, 4000), (64, 5000))
    ]
    folder = tmp_path_factory.mktemp("data") / "made"
    convert(Source("made", H36M_17, 2, samples), folder)
    return folder


def person(image, box, depth):
    rng = np.random.default_rng(depth)
    px = rng.uniform(box[:2], box[:2] + 63, (17, 2))
    z = depth + np.append(0, rng.uniform(-300, 300, 16))[:, None]
    return Sample(
        image=image,
        name=f"{depth}.png",
        box=box,
        joints_mm=np.float32(np.hstack([(px - [63.5, 31.5]) / 250 * z, z])),
        joints_px=np.float32(px),
        weight_3d=np.ones(17, np.float32),
        weight_2d=np.ones(17, np.float32),
        intrinsics=np.float32([[250, 0, 63.5], [0, 250, 31.5], [0, 0, 1]]),
        distortion=np.zeros(5, np.float32),
        head_size=0.0,
        subject="",
        action="",
        camera="",
        frame=0,
        source="made",
    )
