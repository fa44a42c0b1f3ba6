import numpy as np
import pytest

from keras_pose.serving.client import people

JPEG = b"\xff\xd8\xff rest"
PNG = b"\x89PNG\r\n\x1a\n rest"


def arrays(images=(JPEG,), boxes=None, *camera):
    camera = [*camera, None, None, None][:3]
    return people.request_arrays(images, boxes, *camera)


def test_boxes_are_padded_and_counted():
    found = arrays(
        [JPEG, PNG, JPEG],
        [[[1, 2, 3, 4]], None, np.array([[5, 6, 7, 8], [9, 10, 11, 12]])],
    )
    expected = np.zeros((3, 2, 4))
    expected[0, 0] = 1, 2, 3, 4
    expected[2] = [5, 6, 7, 8], [9, 10, 11, 12]
    np.testing.assert_array_equal(found["boxes"], expected)
    np.testing.assert_array_equal(found["num_boxes"], [1, 0, 2])
    assert list(found["image_bytes"]) == [JPEG, PNG, JPEG]


def test_types_are_those_of_the_signature():
    found = arrays([JPEG], [[[1, 2, 3, 4]]], np.eye(3), np.ones(5), [[2]])
    assert {name: (str(a.dtype), a.shape) for name, a in found.items()} == {
        "image_bytes": ("object", (1,)),
        "boxes": ("float32", (1, 1, 4)),
        "num_boxes": ("int32", (1,)),
        "intrinsics": ("float32", (1, 3, 3)),
        "distortion": ("float32", (1, 5)),
        "root_depth_mm": ("float32", (1, 1)),
    }


def test_there_is_always_room_for_one():
    found = arrays([JPEG, JPEG])
    assert found["boxes"].shape == (2, 1, 4)
    assert found["root_depth_mm"].shape == (2, 1)
    np.testing.assert_array_equal(found["num_boxes"], [0, 0])


def test_what_is_not_known_of_a_camera_is_zero():
    one = np.arange(9.0).reshape(3, 3) + 1
    found = arrays([JPEG] * 3, None, [None, one, None])
    np.testing.assert_array_equal(found["intrinsics"][1], one)
    assert not found["intrinsics"][[0, 2]].any()
    assert not found["distortion"].any()
    assert not found["root_depth_mm"].any()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_one_camera_stands_for_all_images(count):
    one, five = np.arange(9.0).reshape(3, 3), np.arange(5.0) + 1
    found = arrays([JPEG] * count, None, one.tolist(), five)
    np.testing.assert_array_equal(found["intrinsics"], [one] * count)
    np.testing.assert_array_equal(found["distortion"], [five] * count)


def test_five_cameras_are_told_from_one():
    cameras = np.arange(25.0).reshape(5, 5)
    found = arrays([JPEG] * 5, None, None, cameras)
    np.testing.assert_array_equal(found["distortion"], cameras)


def test_depths_go_with_their_boxes():
    boxes = [[[1, 1, 1, 1]], [[1, 1, 1, 1], [2, 2, 2, 2]], None]
    found = arrays([JPEG] * 3, boxes, None, None, [None, [3, 4], [5]])
    expected = [[0, 0], [3, 4], [5, 0]]
    np.testing.assert_array_equal(found["root_depth_mm"], expected)


def test_numbers_too_large_for_float32_are_infinite():
    found = arrays([JPEG], [[[1e300, 0, 1, 1]]])
    assert found["boxes"][0, 0, 0] == np.inf


@pytest.mark.parametrize(
    "image", [JPEG, PNG, b"GIF89a..", b"GIF87a..", b"RIFF\1\2\3\4WEBPVP8 "]
)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_images_of_the_server_s_formats_are_taken(image, kind):
    assert arrays([kind(image)])["image_bytes"][0] == image


@pytest.mark.parametrize(
    "image",
    [b"", b"/9j/4AAQ", b"BM....", b"RIFF\1\2\3\4WAVE", "photo.jpg", None, 7],
    ids=["empty", "base64", "BMP", "sound", "path", "none", "number"],
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match=r"`images\[1\]` must be .*Received"):
        arrays([JPEG, image])


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("boxes", [[1, 2, 3, 4]], r"`boxes\[0\]` must have shape \(n, 4\)"),
        ("boxes", [[[1, 2, 3]]], r"`boxes\[0\]` must have shape \(n, 4\)"),
        ("boxes", [[], []], "`boxes` must have one entry for each of 1 im"),
        ("boxes", [[["a", 2, 3, 4]]], r"`boxes\[0\]` must be numbers"),
        ("boxes", [[[1, 2, 3, 4], [1]]], r"`boxes\[0\]` must be numbers"),
        ("intrinsics", np.eye(4), r"`intrinsics\[0\]` must have shape \(3, 3"),
        ("intrinsics", [], "`intrinsics` must have one entry for each"),
        ("intrinsics", [np.eye(3)] * 2, "`intrinsics` must have one entry"),
        (
            "distortion",
            np.zeros(4),
            r"`distortion\[0\]` must have shape \(5,\)",
        ),
        ("distortion", np.zeros((1, 4)), r"`distortion\[0\]` must have shape"),
        ("root_depth_mm", [4000.0], r"`root_depth_mm\[0\]` must have shape"),
        ("root_depth_mm", [[1.0, 2.0]], r"must have shape \(1,\)"),
    ],
)
def test_wrong_shapes_are_refused(name, values, message):
    rest = {
        "boxes": None,
        "intrinsics": None,
        "distortion": None,
        "root_depth_mm": None,
    }
    with pytest.raises(ValueError, match=message):
        people.request_arrays([JPEG], **(rest | {name: values}))


def outputs(count, width, joints=2):
    """Each number says where it stands."""

    def numbers(*shape):
        return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)

    return {
        "joints_mm": numbers(count, width, joints, 3),
        "joints_camera_mm": numbers(count, width, joints, 3) + 0.25,
        "joints_px": numbers(count, width, joints, 2) + 0.5,
        "confidence": numbers(count, width, joints) + 0.75,
        "std_mm": numbers(count, width, joints) + 0.125,
        "error": np.full((count, width), "", object),
    }


def test_people_are_cut_out_of_wider_arrays():
    # A server that batches pads each request to the widest.
    arrays = outputs(2, 3)
    found = people.people(arrays, [2, 0])
    assert [len(persons) for persons in found] == [2, 1]
    for name in arrays.keys() - {"error"}:
        for index, slot in ((0, 0), (0, 1), (1, 0)):
            np.testing.assert_array_equal(
                getattr(found[index][slot], name), arrays[name][index, slot]
            )


@pytest.mark.parametrize("kind", [str, str.encode], ids=["text", "bytes"])
def test_errors_are_text_or_none(kind):
    arrays = outputs(1, 2)
    arrays["error"][0] = kind(""), kind("é")
    right, wrong = people.people(arrays, [2])[0]
    assert right.error is None
    assert wrong.error == "é"


def test_network_with_a_regression_head_has_no_spread():
    arrays = outputs(1, 1)
    del arrays["confidence"], arrays["std_mm"]
    ((person,),) = people.people(arrays, [1])
    assert person.confidence is None
    assert person.std_mm is None


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("joints_px"),
        lambda arrays: arrays.pop("error"),
        lambda arrays: arrays.update(joints_mm=arrays["joints_mm"][:1]),
        lambda arrays: arrays.update(std_mm=arrays["std_mm"][:, :1]),
        lambda arrays: arrays.update(error=arrays["error"][0]),
    ],
    ids=["no px", "no error", "fewer images", "fewer people", "rank"],
)
def test_other_outputs_are_refused(change):
    arrays = outputs(2, 2)
    change(arrays)
    with pytest.raises(ValueError, match=r"output.* must h.*Received"):
        people.people(arrays, [2, 1])


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((1, 4, 5, 3), np.uint8),
        np.zeros((1, 4, 4, 1), np.uint8),
        np.zeros((0, 4, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3), np.float32),
    ],
    ids=["one", "oblong", "grey", "none", "type"],
)
def test_other_crops_are_refused(crops):
    with pytest.raises(ValueError, match=r"`crops` must be .*Received"):
        people.check_crops(crops)
