"""What the SavedModel says, beside what `Predictor` says."""

import dataclasses
import types

import cv2
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_pose import images
from keras_pose.geometry.volume import CropVolume
from keras_pose.prediction import Predictor
from keras_pose.serving import artefacts
from keras_pose.serving.saved_model import export_network
from keras_pose.serving.saved_model import export_saved_model

SIZE = 64
WIDTH, HEIGHT = 1000, 700
# OpenCV 4, which comes with NumPy 1, warps on a grid of 1/32 px.
IS_COARSE = int(cv2.__version__.split(".")[0]) < 5
ATOL_MM = 2.0 if IS_COARSE else 0.4  # another crop of the photo is 10 mm off
ATOL_PX = 0.4 if IS_COARSE else 0.1
INTRINSICS = np.float32([[1100, 0, 480], [0, 1150, 370], [0, 0, 1]])
LENS = np.float32([-0.2, 0.24, -0.0014, 0.002, -0.003])
UNKNOWN, PINHOLE = np.zeros((3, 3), np.float32), np.zeros(5, np.float32)


@pytest.fixture(scope="module")
def serve_as(make_net, model, spec, tmp_path_factory):
    """Gives `(volume, head) -> SavedModel and Predictor of one network`."""
    made = {}

    def make(volume, head="integral"):
        if (volume, head) not in made:
            folder = tmp_path_factory.mktemp("served")
            network = model if head == "integral" else make_net(head)
            own = spec
            if volume == "crop":
                own = dataclasses.replace(spec, volume=CropVolume(SIZE, 500))
            artefacts.save_keras(network, own, folder / "best.keras")
            export_saved_model(network, own, str(folder / "saved"))
            made[volume, head] = types.SimpleNamespace(
                serve=server(folder / "saved"),
                predict=Predictor(folder / "best.keras"),
                folder=folder / "saved",
            )
        return made[volume, head]

    return make


def pose_of(
    served, image, box=None, intrinsics=None, lens=None, root_depth=None
):
    """What the Predictor says of one box, or of the whole image."""
    boxes = "image" if box is None else box
    depths = [root_depth or 0]
    return served.predict(image, boxes, intrinsics, lens, depths)[0]


def server(folder):
    """The `serve_bytes` endpoint with defaults, arrays in and out."""
    loaded = tf.saved_model.load(str(folder))

    def serve(encoded, boxes, num_boxes=None, **named):
        boxes = np.float32(boxes)
        batch, people = boxes.shape[:2]
        inputs = {
            "image_bytes": np.array(encoded, object),
            "boxes": boxes,
            "num_boxes": [people] * batch if num_boxes is None else num_boxes,
            "intrinsics": [UNKNOWN] * batch,
            "distortion": [PINHOLE] * batch,
            "root_depth_mm": np.zeros((batch, people)),
        } | named
        types_ = {"image_bytes": tf.string, "num_boxes": tf.int32}
        outputs = serve.loaded.signatures["serve_bytes"](
            **{
                name: tf.constant(value, types_.get(name, tf.float32))
                for name, value in inputs.items()
            }
        )
        return {name: value.numpy() for name, value in outputs.items()}

    serve.loaded = loaded
    return serve


@pytest.fixture(scope="module")
def photo(make_photo):
    """One photo's bytes, and its pixels."""
    encoded = cv2.imencode(".jpg", make_photo(1, WIDTH, HEIGHT))[1].tobytes()
    return encoded, images.decode_image(encoded, "photo")


def assert_agrees(found, image, slot, expected):
    """That a slot says what a Pose says."""
    assert found["error"][image, slot] == b""
    for name, array in (
        ("joints_mm", expected.joints_mm),
        ("joints_camera_mm", expected.joints_camera_mm),
        ("std_mm", expected.std_mm),
    ):
        if array is not None:
            # Along the ray the depth of a person moves 10 times as far.
            atol = ATOL_MM * (10 if name == "joints_camera_mm" else 1)
            np.testing.assert_allclose(
                found[name][image, slot], array, rtol=0, atol=atol
            )
    np.testing.assert_allclose(
        found["joints_px"][image, slot], expected.joints_px, atol=ATOL_PX
    )


BOXES = {
    "inside": [400, 200, 60, 40],
    "tall": [400, 200, 60, 90],
    "partly outside": [-30, 640, 80, 100],
    "4 times finer": [350, 250, 300, 260],
    "whole": None,
}
VOLUMES = pytest.mark.parametrize("volume", ["metric", "crop"])


@VOLUMES
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
@pytest.mark.parametrize(
    ("intrinsics", "lens", "root_depth"),
    [(None, None, None), (INTRINSICS, LENS, None), (INTRINSICS, None, 4000)],
    ids=["no camera", "lens", "known depth"],
)
def test_serve_bytes_says_what_the_predictor_says(
    volume, box, intrinsics, lens, root_depth, serve_as, photo
):
    encoded, image = photo
    served = serve_as(volume)
    expected = pose_of(served, image, box, intrinsics, lens, root_depth)
    found = served.serve(
        [encoded],
        [[[0, 0, 0, 0] if box is None else box]],
        num_boxes=[box is not None],
        intrinsics=[UNKNOWN if intrinsics is None else intrinsics],
        distortion=[PINHOLE if lens is None else lens],
        root_depth_mm=[[root_depth or 0]],
    )
    assert_agrees(found, 0, 0, expected)
    np.testing.assert_allclose(
        found["confidence"][0, 0], expected.confidence, atol=1e-3
    )


def test_regression_head_gives_poses_alone(serve_as, photo):
    encoded, image = photo
    served = serve_as("metric", "regression")
    found = served.serve([encoded], [[BOXES["tall"]]])
    assert sorted(found) == [
        "error",
        "joints_camera_mm",
        "joints_mm",
        "joints_px",
    ]
    assert_agrees(found, 0, 0, pose_of(served, image, BOXES["tall"]))


def test_people_of_a_batch_are_each_their_own(serve_as, photo, make_photo):
    encoded, image = photo
    served = serve_as("crop")
    other = make_photo(2, 90, 160)
    png = cv2.imencode(".png", other[..., ::-1])[1].tobytes()
    boxes = [
        [BOXES["tall"], BOXES["inside"], BOXES["4 times finer"]],
        [[10, 20, 50, 100], [np.nan] * 4, [0, 0, 30, 30]],
        [[7, 7, 7, 7]] * 3,
    ]
    cameras = [INTRINSICS, UNKNOWN, UNKNOWN]
    depths = [[0, 5000, 0], [3000, 0, 0], [0, 0, 0]]
    found = served.serve(
        [encoded, png, png],
        boxes,
        num_boxes=[3, 1, 0],
        intrinsics=cameras,
        root_depth_mm=depths,
    )
    for slot in range(3):
        assert_agrees(
            found,
            0,
            slot,
            pose_of(
                served,
                image,
                boxes[0][slot],
                INTRINSICS,
                None,
                depths[0][slot] or None,
            ),
        )
    assert_agrees(
        found, 1, 0, pose_of(served, other, boxes[1][0], None, None, 3000)
    )
    assert_agrees(found, 2, 0, pose_of(served, other))
    for name in set(found) - {"error"}:
        assert np.isnan(found[name][1:, 1:]).all()
        assert np.isfinite(found[name][:, 0]).all()
    assert (found["error"] == b"").all()


def test_crops_are_whole_images_of_an_ordinary_camera(serve_as, crops):
    for volume in ("metric", "crop"):
        served = serve_as(volume)
        default = served.serve.loaded.signatures["serving_default"]
        found = default(image=tf.constant(crops))
        expected = served.predict.artefact.predict(crops)
        for name in ("pose", "std", "confidence"):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5)
        for index, crop in enumerate(crops):
            pose = pose_of(served, crop)
            for name in ("joints_mm", "std_mm"):
                np.testing.assert_allclose(
                    found[name][index], getattr(pose, name), atol=0.05
                )
            np.testing.assert_allclose(
                found["joints_px"][index], pose.joints_px, atol=0.01
            )


def test_crop_whose_person_cannot_stand_before_the_camera_has_no_mm(
    model, spec, crops, tmp_path
):
    # Half of such a deep person would stand behind the camera.
    deep = dataclasses.replace(spec, volume=CropVolume(SIZE, 60_000))
    export_saved_model(model, deep, str(tmp_path / "saved"))
    default = tf.saved_model.load(str(tmp_path / "saved")).signatures[
        "serving_default"
    ]
    found = default(image=tf.constant(crops))
    for name in ("joints_mm", "joints_px", "std_mm"):
        assert np.isnan(found[name]).all()
    assert np.isfinite(found["pose"]).all()


def test_no_crops_give_no_poses(serve_as):
    default = serve_as("metric").serve.loaded.signatures["serving_default"]
    found = default(image=tf.zeros((0, SIZE, SIZE, 3), tf.uint8))
    assert found["pose"].shape == found["joints_mm"].shape == (0, 17, 3)
    assert found["std_mm"].shape == (0, 17)


def test_network_alone_gives_its_own_outputs(model, crops, tmp_path):
    export_network(model, str(tmp_path / "network"))
    network = tf.saved_model.load(str(tmp_path / "network"))
    found = network.signatures["serving_default"](image=tf.constant(crops))
    expected = model.predict_on_batch(crops)
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5)


def graph_of(folder):
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((folder / "saved_model.pb").read_bytes())
    return proto


def test_weights_are_constants_and_stored_once(serve_as, model):
    folder = serve_as("metric").folder
    constants = [
        len(node.attr["value"].tensor.tensor_content)
        for function in graph_of(folder)
        .meta_graphs[0]
        .graph_def.library.function
        for node in function.node_def
        if node.op == "Const"
    ]
    large = sum(size for size in constants if size > 2000)
    assert large == pytest.approx(4 * model.count_params(), rel=0.1)
    assert not list((folder / "variables").glob("*.data-*")) or (
        (folder / "variables" / "variables.data-00000-of-00001").stat().st_size
        < 1000
    )


def test_no_function_asks_for_xla_or_for_what_old_servers_lack(serve_as):
    # Servers are built without XLA.
    functions = [
        function
        for graph in graph_of(serve_as("metric").folder).meta_graphs
        for function in graph.graph_def.library.function
    ]
    assert len(functions) > 2
    for function in functions:
        nodes = [function, *function.node_def]
        for name in ("_XlaMustCompile", "_xla_compile_id", "_XlaScope"):
            assert not any(
                node.attr[name].b for node in nodes if name in node.attr
            )
        # Of TensorFlow 2.20.
        assert not any(node.op == "DecodeWebP" for node in function.node_def)
