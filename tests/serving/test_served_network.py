"""A network from its file to a server's client, and what attacks it."""

import cv2
import grpc
import numpy as np
import pytest

from keras_pose import images
from keras_pose.prediction import Predictor
from keras_pose.serving import artefacts
from keras_pose.serving import tf_serving
from keras_pose.serving.client import serving_proto
from keras_pose.serving.client.base import ServingError
from keras_pose.serving.client.grpc_client import GrpcClient
from keras_pose.serving.client.rest_client import RestClient
from keras_pose.serving.saved_model import export_saved_model
from keras_pose.skeleton import H36M_17
from tests.serving import servers

SIZE = 64
# OpenCV 4, which comes with NumPy 1, warps on a grid of 1/32 px.
ATOL_MM = 2.0 if int(cv2.__version__.split(".")[0]) < 5 else 0.4
BOXES = [[100, 80, 120, 200], [180, 60, 90, 150]]
INTRINSICS = np.float32([[500, 0, 210], [0, 520, 140], [0, 0, 1]])
DISTORTION = np.float32([-0.1, 0.05, 0.001, 0.002, 0.0])
DEPTHS = [3000.0, 0.0]


@pytest.fixture(scope="module")
def keras_file(model, spec, tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "mine.keras"
    artefacts.save_keras(model, spec, path)
    return path


@pytest.fixture(scope="module")
def server(keras_file, model, spec, tmp_path_factory):
    """A server with warm-up, on a folder as a container is given it."""
    folder = tmp_path_factory.mktemp("tf_serving")
    saved_model = tf_serving.version_folder(folder, "pose", 7)
    export_saved_model(model, spec, saved_model)
    tf_serving.add_assets(saved_model, spec, "pose", keras_file)
    tf_serving.write_configs(folder, "pose")
    with servers.model_server(folder / "models.config") as server:
        with GrpcClient(server.grpc, version=7) as client:
            client.wait_until_ready()
        yield server


@pytest.fixture(params=["grpc", "rest"])
def client(request, server):
    kind = {"grpc": GrpcClient, "rest": RestClient}[request.param]
    address = getattr(server, request.param)
    with kind(address, skeleton=H36M_17) as client:
        yield client


@pytest.fixture(scope="module")
def photos(make_photo):
    """Two photos of different sizes, as files."""
    return [
        cv2.imencode(".png", make_photo(seed, *size))[1].tobytes()
        for seed, size in ((1, (420, 300)), (2, (200, 260)))
    ]


def test_client_says_what_the_predictor_says(client, photos, keras_file):
    predict = Predictor(keras_file)
    pixels = [images.decode_image(photo, "photo") for photo in photos]
    found = client.predict(
        photos,
        [BOXES, None],
        [INTRINSICS, None],
        [DISTORTION, None],
        [DEPTHS, None],
    )
    expected = [
        [
            predict(pixels[0], box, INTRINSICS, DISTORTION, [depth])[0]
            for box, depth in zip(BOXES, DEPTHS, strict=True)
        ],
        list(predict(pixels[1], "image")),
    ]
    for people, poses in zip(found, expected, strict=True):
        for person, pose in zip(people, poses, strict=True):
            assert person.error is None
            for name, atol in (
                ("joints_mm", ATOL_MM),
                ("std_mm", ATOL_MM),
                ("joints_px", 0.1),
                ("confidence", 1e-3),
            ):
                np.testing.assert_allclose(
                    getattr(person, name),
                    getattr(pose, name),
                    rtol=0,
                    atol=atol,
                )
            np.testing.assert_allclose(
                person.joints_camera_mm, pose.joints_camera_mm, rtol=2e-3
            )


def test_crops_say_what_the_network_says(client, crops, model):
    found = client.predict_crops(crops)
    expected = model.predict_on_batch(crops)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5)


def test_one_bad_image_leaves_the_others_alone(client, photos):
    cut = photos[0][:-200]
    (alone,) = client.predict(photos[1:])
    (bad,), (good,) = client.predict([cut, photos[1]])
    assert "image_bytes" in bad.error
    assert np.isnan(bad.joints_mm).all()
    assert good.error is None
    np.testing.assert_allclose(good.joints_mm, alone[0].joints_mm, atol=0.01)


def test_crops_of_another_size_are_an_error(client):
    crops = np.zeros((1, SIZE + 1, SIZE + 1, 3), np.uint8)
    with pytest.raises(ServingError) as caught:
        client.predict_crops(crops)
    assert caught.value.code in ("INVALID_ARGUMENT", "HTTP 400")


def right_request(photos):
    return {
        "image_bytes": np.array(photos, object),
        "boxes": np.float32([BOXES, BOXES]),
        "num_boxes": np.int32([2, 1]),
        "intrinsics": np.zeros((2, 3, 3), np.float32),
        "distortion": np.zeros((2, 5), np.float32),
        "root_depth_mm": np.zeros((2, 2), np.float32),
    }


# TensorFlow Serving does not compare shapes with the signature's, and kernels
# that trust them end the process.
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("image", (SIZE, SIZE, 3)),
        ("image", (1, SIZE, SIZE, 1)),
        ("image", (1, SIZE, SIZE, 4)),
        ("image", (1, SIZE + 1, SIZE, 3)),
        ("image", (1, 1, SIZE, SIZE, 3)),
        ("image", (1, 0, SIZE, 3)),
        ("image", ()),
        ("boxes", (2, 2, 3)),
        ("boxes", (2, 4)),
        ("boxes", (3, 2, 4)),
        ("boxes", (2, 1, 4)),
        ("num_boxes", (2, 1)),
        ("num_boxes", (3,)),
        ("num_boxes", ()),
        ("intrinsics", (2, 2, 2)),
        ("intrinsics", (2, 9)),
        ("intrinsics", (1, 3, 3)),
        ("distortion", (2, 4)),
        ("distortion", (2, 8)),
        ("distortion", (5,)),
        ("root_depth_mm", (2, 3)),
        ("root_depth_mm", (2,)),
        ("image_bytes", (1,)),
        ("image_bytes", (2, 1)),
        ("image_bytes", ()),
    ],
    ids=str,
)
def test_server_outlives_inputs_of_other_shapes(name, shape, server, photos):
    inputs = right_request(photos)
    if name == "image":
        inputs = {"image": np.zeros(shape, np.uint8)}
    elif name == "image_bytes":
        inputs[name] = np.full(shape, photos[0], object)
    else:
        inputs[name] = np.ones(shape, inputs[name].dtype)
    signature = "serving_default" if name == "image" else "serve_bytes"
    request = serving_proto.predict_request("pose", signature, inputs)
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary(serving_proto.PREDICT)
        with pytest.raises(grpc.RpcError) as caught:
            call(request.SerializeToString(), timeout=20)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert server.process.poll() is None


def test_boxes_that_a_batch_was_padded_with_do_not_count(server, photos):
    # As TensorFlow Serving pads: with the first value of the tensor.
    inputs = right_request(photos) | {"num_boxes": np.int32([2, 0])}
    inputs["boxes"][1] = inputs["boxes"][0, 0, 0]
    request = serving_proto.predict_request("pose", "serve_bytes", inputs)
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary(serving_proto.PREDICT)
        answer = call(request.SerializeToString(), timeout=20)
    response = serving_proto.PredictResponse.FromString(answer)
    joints = serving_proto.array_from_tensor(response.outputs["joints_mm"])
    with GrpcClient(server.grpc) as client:
        first, second = client.predict(photos, [BOXES, None])
    for slot in range(2):
        np.testing.assert_allclose(joints[0, slot], first[slot].joints_mm)
    np.testing.assert_allclose(joints[1, 0], second[0].joints_mm)
    assert np.isnan(joints[1, 1]).all()
