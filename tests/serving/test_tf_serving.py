import json

import cv2
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from keras_pose.message_schema import message_classes
from keras_pose.serving import tf_serving
from keras_pose.skeleton import H36M_17

# Of TensorFlow Serving's servables/tensorflow/session_bundle_config.proto,
# which its Python package does not have.
BATCHING = message_classes(
    "tensorflow.serving",
    {
        "Int64Value": "int64 value = 1",
        "BatchingParameters": """
            Int64Value max_batch_size = 1
            Int64Value batch_timeout_micros = 2
            Int64Value max_enqueued_batches = 3
            Int64Value num_batch_threads = 4
            repeated int64 allowed_batch_sizes = 6
            bool pad_variable_length_inputs = 7
        """,
    },
)["BatchingParameters"]
SIZE = 64


@pytest.fixture
def configs(tmp_path):
    tf_serving.write_configs(tmp_path, "pose")
    return tmp_path


@pytest.fixture(scope="module")
def requests(spec, tmp_path_factory):
    """The warm-up requests, as TensorFlow Serving's classes."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "a.keras").touch()
    tf_serving.add_assets(folder, spec, "pose", folder / "a.keras")
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    return [
        prediction_log_pb2.PredictionLog.FromString(record)
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]


def arrays_of(log):
    inputs = log.predict_log.request.inputs
    return {name: tf.make_ndarray(inputs[name]) for name in inputs}


def test_config_is_tensorflow_serving_s(configs):
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((configs / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    assert model.name == "pose"
    assert model.base_path == "/models/pose"
    assert model.model_platform == "tensorflow"


def test_batching_parameters_are_tensorflow_serving_s(configs):
    text = (configs / "batching_parameters.txt").read_text()
    batching = text_format.Parse(text, BATCHING())
    assert batching.max_batch_size.value == 16
    assert batching.batch_timeout_micros.value == 2000
    assert batching.num_batch_threads.value >= 1
    assert batching.max_enqueued_batches.value >= 1
    # Without it requests with another number of boxes would fail each other.
    assert batching.pad_variable_length_inputs


def test_warm_up_runs_both_signatures_alone_and_batched(requests):
    found = {
        (log.predict_log.request.model_spec.signature_name, len(array))
        for log in requests
        for array in arrays_of(log).values()
    }
    assert found == {
        ("serving_default", 1),
        ("serving_default", 4),
        ("serve_bytes", 1),
        ("serve_bytes", 4),
    }
    assert {log.log_metadata.model_spec.name for log in requests} == {"pose"}
    assert len(requests) <= 1000  # TensorFlow Serving's limit
    assert {log.WhichOneof("log_type") for log in requests} == {"predict_log"}


def test_warm_up_has_the_inputs_of_the_signatures(requests):
    shapes = {
        "image": ("uint8", (SIZE, SIZE, 3)),
        "image_bytes": ("object", ()),
        "boxes": ("float32", None),
        "num_boxes": ("int32", ()),
        "intrinsics": ("float32", (3, 3)),
        "distortion": ("float32", (5,)),
        "root_depth_mm": ("float32", None),
    }
    for log in requests:
        arrays = arrays_of(log)
        assert set(arrays) in ({"image"}, set(shapes) - {"image"})
        for name, array in arrays.items():
            dtype, shape = shapes[name]
            assert array.dtype == dtype
            assert shape is None or array.shape[1:] == shape


def test_warm_up_has_images_with_and_without_boxes(requests):
    logs = [log for log in requests if len(log.predict_log.request.inputs) > 1]
    arrays = arrays_of(max(logs, key=lambda log: log.ByteSize()))
    assert set(arrays["num_boxes"].tolist()) == {0, 1, 2}
    image = cv2.imdecode(
        np.frombuffer(arrays["image_bytes"][0], np.uint8), cv2.IMREAD_COLOR
    )
    height, width = image.shape[:2]
    assert image.std() > 20
    for x, y, w, h in arrays["boxes"].reshape(-1, 4):
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_skeleton_names_the_joints_of_the_outputs(spec, tmp_path):
    (tmp_path / "a.keras").touch()
    tf_serving.add_assets(tmp_path, spec, "pose", tmp_path / "a.keras")
    text = (tmp_path / "assets.extra" / "skeleton.json").read_text()
    skeleton = json.loads(text)
    joints = skeleton["joints"]
    assert skeleton["name"] == "h36m_17"
    assert joints[0] == "pelvis"
    assert joints[13] == "left_wrist"
    assert skeleton["root"] == 0
    assert joints[skeleton["parents"][13]] == "left_elbow"
    assert skeleton["parents"][0] == -1
    assert ["left_hip", "right_hip"] in [
        [joints[index] for index in pair] for pair in skeleton["flip_pairs"]
    ]
    assert len(skeleton["flip_pairs"]) == 6
    assert len(joints) == H36M_17.num_joints


def test_version_has_its_folder(tmp_path):
    path = tf_serving.version_folder(tmp_path, "pose", 2**63 - 1)
    assert path == str(tmp_path / "pose" / "9223372036854775807")


@pytest.mark.parametrize("version", [0, -1, 2**63, 1.0, "1", True, None])
def test_other_versions_are_refused(version, tmp_path):
    with pytest.raises(ValueError, match=r"`version` must be .*Received"):
        tf_serving.version_folder(tmp_path, "pose", version)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "a b", 'a"b', "-a", "models.config", "é"]
    + ["a\n", "a:b"],
)
def test_other_names_are_refused(name, spec, tmp_path):
    match = r"`name` must be .*Received"
    with pytest.raises(ValueError, match=match):
        tf_serving.version_folder(tmp_path, name, 1)
    with pytest.raises(ValueError, match=match):
        tf_serving.write_configs(tmp_path, name)
    with pytest.raises(ValueError, match=match):
        tf_serving.add_assets(tmp_path, spec, name, tmp_path)
    assert not list(tmp_path.iterdir())
