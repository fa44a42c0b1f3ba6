import concurrent.futures
import os
import shutil
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from keras_pose.serving.client.base import ServingError
from keras_pose.serving.client.grpc_client import GrpcClient
from keras_pose.serving.client.rest_client import RestClient
from keras_pose.skeleton import H36M_17
from tests.serving import contract
from tests.serving import servers

JPEG = b"\xff\xd8\xff\0 one"
PNG = b"\x89PNG\r\n\x1a\n another"
GIF = b"GIF89a damaged"
DISTORTION = np.float32([0.1, 0.2, 0.3, 0.4, 0.5])
INTRINSICS = np.float32([[500, 0, 320], [0, 600, 240], [0, 0, 1]])


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contract") / "1"
    contract.save(folder)
    return folder


@pytest.fixture(scope="module")
def config_file(saved_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(saved_model, folder / "pose" / "1")
    path = folder / "models.config"
    path.write_text(servers.CONFIG % ("pose", "pose"))
    return path


@pytest.fixture(scope="module")
def server(config_file):
    with servers.model_server(config_file) as server:
        with GrpcClient(server.grpc) as client:
            client.wait_until_ready()
        yield server


@pytest.fixture(params=["grpc", "rest"])
def make_client(request, server):
    """Gives `**options -> client` of each kind."""
    clients = []

    def make(**options):
        kind = {"grpc": GrpcClient, "rest": RestClient}[request.param]
        clients.append(kind(getattr(server, request.param), **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_people_come_back_to_their_images(make_client):
    boxes = [[[1, 2, 3, 4]], None, [[5, 6, 7, 8], [9, 10, 11, 12]]]
    depths = [[100], [200], [300, 400]]
    cameras = [INTRINSICS, None, 2 * INTRINSICS]
    images = [JPEG, PNG, JPEG + b"longer"]
    found = make_client().predict(images, boxes, cameras, DISTORTION, depths)
    assert [len(persons) for persons in found] == [1, 1, 2]
    for index, slot, box in (
        (0, 0, [1, 2, 3, 4]),
        (1, 0, [0, 0, 0, 0]),
        (2, 0, [5, 6, 7, 8]),
        (2, 1, [9, 10, 11, 12]),
    ):
        person = found[index][slot]
        size = len(images[index])
        expected = [
            box[:3],
            [box[3], depths[index][slot], size],
            DISTORTION[2:],
        ]
        assert person.error is None
        np.testing.assert_array_equal(person.joints_mm, np.float32(expected))
        np.testing.assert_array_equal(
            person.joints_px, np.float32(expected)[:, 1:]
        )
        np.testing.assert_array_equal(
            person.confidence, np.float32(expected)[:, 0]
        )
        np.testing.assert_array_equal(person.std_mm, np.float32(expected)[:, 1])
        camera = (1, 0, 2)[index] * INTRINSICS
        np.testing.assert_array_equal(person.joints_camera_mm, camera)


def test_errors_belong_to_an_image_or_a_box(make_client):
    boxes = [[[1, 2, 3, 4]], [[1, 2, -3, 4], [1, 2, 3, 4]], None]
    (right,), (wrong, beside), (whole,) = make_client().predict(
        [JPEG, PNG, GIF], boxes
    )
    assert right.error is beside.error is None
    assert wrong.error == "the box is wrong"
    assert whole.error == "the image is damagéd"
    for person in (wrong, whole):
        for name in ("joints_mm", "joints_camera_mm", "joints_px"):
            assert np.isnan(getattr(person, name)).all()
        assert np.isnan(person.confidence).all()
        assert np.isnan(person.std_mm).all()
    assert np.isfinite(beside.joints_mm).all()


def test_image_without_boxes_has_no_people(make_client):
    found = make_client().predict([JPEG, PNG, JPEG], [[], [[1, 2, 3, 4]], []])
    assert [len(persons) for persons in found] == [0, 1, 0]
    assert found[1][0].joints_mm[1, 2] == len(PNG)


def test_nothing_is_sent_when_nobody_is_there():
    with GrpcClient("localhost:1", timeout=0.1) as client:
        assert client.predict([JPEG], [np.zeros((0, 4))]) == [[]]
        assert client.predict([]) == []


def test_crops(make_client):
    crops = np.zeros((2, contract.SIZE, contract.SIZE, 3), np.uint8)
    crops[1] = 10, 20, 30
    found = make_client().predict_crops(crops)
    assert sorted(found) == [
        "confidence",
        "joints_mm",
        "joints_px",
        "pose",
        "std",
        "std_mm",
    ]
    np.testing.assert_array_equal(
        found["pose"][1], [[10, 20, 30], [11, 21, 31], [12, 22, 32]]
    )
    assert found["joints_mm"][1, 2, 0] == 12_000
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}


def test_threads_share_a_client(make_client):
    client = make_client()

    def ask(index):
        ((person,),) = client.predict([JPEG], [[[index, 0, 1, 1]]])
        return person.joints_mm[0, 0]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(200))) == list(range(200))


def test_error_names_the_server_the_model_and_the_signature(make_client):
    client = make_client(model="nobody")
    with pytest.raises(ServingError) as caught:
        client.predict([JPEG])
    error = caught.value
    assert error.code in ("NOT_FOUND", "HTTP 404")
    assert error.model == "nobody"
    assert error.signature == "serve_bytes"
    for part in (client.address, "nobody", "serve_bytes", error.details):
        assert part in str(error)
    assert "Servable not found for request: Latest(nobody)" in error.details


def test_what_the_graph_refuses_is_said(make_client):
    with pytest.raises(ServingError, match="signature serving_default: ") as e:
        make_client().predict_crops(np.zeros((1, 7, 7, 3), np.uint8))
    assert e.value.code in ("INVALID_ARGUMENT", "HTTP 400")


def test_version_is_asked_for(make_client):
    assert make_client(version=1).predict([JPEG])[0][0].error is None
    with pytest.raises(ServingError, match="Servable not found"):
        make_client(version=2).predict([JPEG])


def test_skeleton_that_does_not_fit_is_noticed(make_client):
    client = make_client(skeleton=H36M_17)
    with pytest.raises(ServingError, match="3 joints, not those of h36m_17"):
        client.predict([JPEG])
    crops = np.zeros((1, contract.SIZE, contract.SIZE, 3), np.uint8)
    with pytest.raises(ServingError, match="3 joints, not those of h36m_17"):
        client.predict_crops(crops)


def test_request_that_is_too_large_is_not_sent(make_client):
    client = make_client(max_message_bytes=2000)
    with pytest.raises(ValueError, match="`max_message_bytes`=2000"):
        client.predict([JPEG + bytes(2000)])


def test_answer_that_is_too_large_is_refused_once(make_client):
    client = make_client(max_message_bytes=6000, timeout=20)
    started = time.monotonic()
    with pytest.raises(ServingError) as caught:
        client.predict([JPEG], [np.ones((100, 4))])
    assert caught.value.code == "MESSAGE TOO LARGE"
    assert time.monotonic() - started < 5


def test_model_that_is_there_is_ready(make_client):
    make_client().wait_until_ready(5)
    make_client(version=1).wait_until_ready(5)


@pytest.mark.parametrize("options", [{"model": "nobody"}, {"version": 7}])
def test_model_that_is_not_there_is_waited_for(options, make_client):
    with pytest.raises(ServingError, match="not ready within 0.5 s; last seen"):
        make_client(**options).wait_until_ready(0.5)


def test_model_that_cannot_be_loaded_is_not_waited_for(saved_model, tmp_path):
    folder = tmp_path / "broken" / "3"
    shutil.copytree(saved_model, folder)
    index = folder / "variables" / "variables.index"
    os.truncate(index, 10)
    config = tmp_path / "models.config"
    config.write_text(servers.CONFIG % ("broken", "broken"))
    with servers.model_server(config) as server:
        for kind, address in ((GrpcClient, "grpc"), (RestClient, "rest")):
            with kind(getattr(server, address), model="broken") as client:
                with pytest.raises(ServingError, match="NOT LOADED: ") as e:
                    client.wait_until_ready(20)
        assert e.value.signature is None


def test_newer_version_takes_over_without_an_error(saved_model, tmp_path):
    base = tmp_path / "pose"
    shutil.copytree(saved_model, base / "1")
    contract.save(tmp_path / "new", version=1000.0)
    config = tmp_path / "models.config"
    config.write_text(servers.CONFIG % ("pose", "pose"))
    poll = "--file_system_poll_wait_seconds=0.1"
    with servers.model_server(config, poll) as server:
        with GrpcClient(server.grpc, max_retries=0) as client:
            client.wait_until_ready()
            xs = [0.0]
            end = time.monotonic() + 30
            while xs[-1] != 1000 and time.monotonic() < end:
                ((person,),) = client.predict([JPEG])
                xs.append(person.joints_mm[0, 0])
                if len(xs) == 20:
                    (tmp_path / "new").rename(base / "2")
        assert sorted(set(xs)) == [0, 1000]
        with GrpcClient(server.grpc, version=1) as client:
            with pytest.raises(ServingError, match="NOT_FOUND"):
                client.predict([JPEG])


# What the server of these tests refuses, as TensorFlow Serving does.


def official_request():
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "pose"
    request.model_spec.signature_name = "serve_bytes"
    for name, array in {
        "image_bytes": np.array([JPEG]),
        "boxes": np.float32([[[1, 2, 3, 4], [5, 6, 7, 8]]]),
        "num_boxes": np.int32([1]),
        "intrinsics": np.zeros((1, 3, 3), np.float32),
        "distortion": np.zeros((1, 5), np.float32),
        "root_depth_mm": np.zeros((1, 2), np.float32),
    }.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return request


@pytest.fixture
def official(server):
    with grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        yield lambda request: stub.Predict(request, timeout=10)


def test_official_stubs_are_answered(official):
    response = official(official_request())
    joints = tf.make_ndarray(response.outputs["joints_mm"])
    assert joints.shape == (1, 2, 3, 3)
    np.testing.assert_array_equal(joints[0, 0, 0], [1, 2, 3])
    assert np.isnan(joints[0, 1]).all()
    assert response.model_spec.version.value == 1


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (
            lambda request: request.inputs.pop("num_boxes"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "Missing but required: .*num_boxes",
        ),
        (
            lambda request: request.inputs["more"].CopyFrom(
                tf.make_tensor_proto(1.0)
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
            "Sent extra: .*more",
        ),
        (
            lambda request: request.inputs["boxes"].CopyFrom(
                tf.make_tensor_proto(np.ones((1, 2, 4), np.int32))
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
            "float",
        ),
        (
            lambda request: request.output_filter.append("joints"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "output tensor alias not found",
        ),
        (
            lambda request: setattr(request.model_spec, "signature_name", "x"),
            grpc.StatusCode.FAILED_PRECONDITION,
            'Serving signature key "x" not found',
        ),
    ],
    ids=["missing", "extra", "dtype", "output", "signature"],
)
def test_server_checks_requests(change, code, message, official):
    request = official_request()
    change(request)
    with pytest.raises(grpc.RpcError, match=message) as caught:
        official(request)
    assert caught.value.code() == code


def test_output_filter_is_followed(official):
    request = official_request()
    request.output_filter.append("error")
    assert list(official(request).outputs) == ["error"]
