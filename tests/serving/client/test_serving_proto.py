import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from keras_pose.serving.client import serving_proto

INPUTS = {
    "image": np.arange(2 * 3, dtype=np.uint8).reshape(2, 3),
    "boxes": np.float32([[0.5, -1, np.inf]]),
    "num_boxes": np.array([-2, 3], np.int32),
    "image_bytes": np.array([b"\0\xff", b""], object),
}
ARRAYS = st.one_of(
    st_numpy.arrays(
        st.sampled_from([np.float32, np.int32, np.uint8]),
        st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    ),
    st.lists(st.binary(max_size=9), max_size=4).map(
        lambda values: np.array([*values, None], object)[:-1]
    ),
)


def theirs(inputs, version):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "pose"
    request.model_spec.signature_name = "serve"
    if version is not None:
        request.model_spec.version.value = version
    for name, array in inputs.items():
        proto = tf.make_tensor_proto(array)
        request.inputs[name].CopyFrom(proto)
    return request


@pytest.mark.parametrize("version", [None, 0, 2**40], ids=str)
def test_predict_request_has_the_bytes_of_tensorflow_serving_s(version):
    ours = serving_proto.predict_request("pose", "serve", INPUTS, version)
    assert ours.SerializeToString(deterministic=True) == theirs(
        INPUTS, version
    ).SerializeToString(deterministic=True)


@given(ARRAYS)
def test_tensorflow_reads_our_tensors(array):
    content = serving_proto.tensor_from_array(array).SerializeToString()
    read = tf.make_ndarray(tensor_pb2.TensorProto.FromString(content))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@given(ARRAYS)
def test_array_comes_back(array):
    tensor = serving_proto.tensor_from_array(array)
    read = serving_proto.array_from_tensor(tensor)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


def test_array_of_the_other_byte_order_is_turned():
    tensor = serving_proto.tensor_from_array(np.array([1, 2], ">i4"))
    assert tensor.tensor_content == b"\1\0\0\0\2\0\0\0"


def test_array_that_was_read_can_be_written_to():
    tensor = serving_proto.tensor_from_array(np.zeros(3, np.float32))
    array = serving_proto.array_from_tensor(tensor)
    array[1] = 5
    assert array.tolist() == [0, 5, 0]


@pytest.mark.parametrize(
    ("dtype", "field", "values", "expected"),
    [
        (1, "float_val", [1, 2.5, 3, 4], np.float32([[1, 2.5], [3, 4]])),
        (1, "float_val", [1, 2], np.float32([[1, 2], [2, 2]])),
        (3, "int_val", [-7], np.int32([[-7, -7], [-7, -7]])),
        (4, "int_val", [0, 255, 1, 2], np.uint8([[0, 255], [1, 2]])),
        (7, "string_val", [b"a", b""], np.array([[b"a", b""], [b"", b""]])),
    ],
    ids=["all", "last repeated", "one", "uint8", "strings"],
)
def test_values_one_by_one_are_read_as_tensorflow_reads_them(
    dtype, field, values, expected
):
    tensor = serving_proto.TensorProto(dtype=dtype, **{field: values})
    for _ in range(2):
        tensor.tensor_shape.dim.add(size=2)
    read = serving_proto.array_from_tensor(tensor)
    np.testing.assert_array_equal(read, expected.astype(read.dtype))
    same = tensor_pb2.TensorProto.FromString(tensor.SerializeToString())
    np.testing.assert_array_equal(read, tf.make_ndarray(same))


def test_response_is_read():
    theirs = predict_pb2.PredictResponse()
    theirs.model_spec.name = "pose"
    theirs.model_spec.version.value = 3
    theirs.outputs["pose"].CopyFrom(tf.make_tensor_proto([[1.5, 2.0]]))
    ours = serving_proto.PredictResponse.FromString(theirs.SerializeToString())
    assert ours.model_spec.version.value == 3
    pose = serving_proto.array_from_tensor(ours.outputs["pose"])
    np.testing.assert_array_equal(pose, [[1.5, 2.0]])


def test_prediction_log_has_the_bytes_of_tensorflow_serving_s():
    ours = serving_proto.PredictionLog()
    serving_proto.fill_model_spec(ours.log_metadata.model_spec, "pose", 4)
    ours.predict_log.request.CopyFrom(
        serving_proto.predict_request("pose", "serve", INPUTS)
    )
    log = prediction_log_pb2.PredictionLog()
    log.log_metadata.model_spec.name = "pose"
    log.log_metadata.model_spec.version.value = 4
    log.predict_log.request.CopyFrom(theirs(INPUTS, None))
    assert ours.SerializeToString(deterministic=True) == (
        log.SerializeToString(deterministic=True)
    )


def test_model_status_is_read():
    states = get_model_status_pb2.ModelVersionStatus.State
    theirs = get_model_status_pb2.GetModelStatusResponse()
    for number, name in enumerate(states.keys()):
        row = theirs.model_version_status.add(version=number)
        row.state = states.Value(name)
        row.status.error_code = 3
        row.status.error_message = f"about {name}"
    ours = serving_proto.GetModelStatusResponse.FromString(
        theirs.SerializeToString()
    )
    rows = ours.model_version_status
    assert [serving_proto.STATES[row.state] for row in rows] == states.keys()
    assert [row.version for row in rows] == list(range(6))
    assert rows[3].status.error_code == 3
    assert rows[3].status.error_message == "about AVAILABLE"


@pytest.mark.parametrize(
    ("call", "stubs"),
    [
        (serving_proto.PREDICT, prediction_service_pb2_grpc),
        (serving_proto.GET_MODEL_STATUS, model_service_pb2_grpc),
    ],
    ids=["predict", "status"],
)
def test_calls_have_the_names_of_the_services(call, stubs):
    assert f"'{call}'" in pathlib.Path(stubs.__file__).read_text("utf-8")


@pytest.mark.parametrize("dtype", [np.float64, np.int64, "U3", bool], ids=str)
def test_other_types_are_refused(dtype):
    with pytest.raises(ValueError, match=r"`array` must be one of .*Received"):
        serving_proto.tensor_from_array(np.zeros(2, dtype))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": 2}, "must be of a type in"),
        ({"float_val": [1.0] * 4}, "must have 3 values. Received: 4"),
        ({"float_val": []}, "must have 3 values. Received: 0"),
        ({"tensor_content": b"12345678"}, "must have 12 bytes. Received: 8"),
        ({"dtype": 4, "int_val": [256]}, "must hold uint8"),
    ],
    ids=["type", "more", "none", "content", "range"],
)
def test_tensors_that_contradict_themselves_are_refused(changes, message):
    fields = {"dtype": 1, "float_val": [1.0]} | changes
    tensor = serving_proto.TensorProto(**fields)
    tensor.tensor_shape.dim.add(size=3)
    with pytest.raises(ValueError, match=message):
        serving_proto.array_from_tensor(tensor)


def test_tensor_of_unknown_size_is_refused():
    tensor = serving_proto.TensorProto(dtype=1, float_val=[1.0])
    tensor.tensor_shape.dim.add(size=-1)
    with pytest.raises(ValueError, match="of a known shape"):
        serving_proto.array_from_tensor(tensor)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("grpc_client", {"tensorflow", "keras", "cv2"}),
        ("rest_client", {"tensorflow", "keras", "cv2", "grpc", "google"}),
    ],
)
def test_the_clients_need_no_tensorflow(module, absent):
    code = f"""
import sys
from keras_pose.serving.client import {module}
assert not {absent} & set(sys.modules), sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
