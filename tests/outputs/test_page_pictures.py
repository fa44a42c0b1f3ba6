import cv2
import numpy as np
import pytest

from keras_pose.outputs.page_pictures import Thumbnails


def decoded(encoded):
    return cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)


def of(frames, **limits):
    thumbnails = Thumbnails(**limits)
    for frame in frames:
        thumbnails.add(frame, np.full((6, 8, 3), frame % 200, np.uint8))
    return thumbnails


def test_all_are_kept_while_there_is_room():
    assert list(of(range(12), most=12)) == list(range(12))


@pytest.mark.parametrize(
    ("count", "kept"),
    [
        (13, range(0, 13, 2)),
        (24, range(0, 24, 2)),
        (25, range(0, 25, 4)),
        (48, range(0, 48, 4)),
        (49, range(0, 49, 8)),
        (1000, range(0, 1000, 128)),
    ],
)
def test_the_stride_doubles_when_it_is_full(count, kept):
    assert list(of(range(count), most=12)) == list(kept)


def test_frames_that_the_caller_skips_do_not_count():
    odd = range(1, 49, 2)
    assert list(of(odd, most=12)) == list(odd[::2])


def test_each_frame_keeps_its_own_picture():
    thumbnails = of(range(100), most=12)
    assert len(thumbnails) == 7
    for frame, encoded in thumbnails.items():
        np.testing.assert_allclose(decoded(encoded), frame, atol=3)


def test_pictures_that_are_large_together_are_thinned():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 64, 64, 3), np.uint8)
    one = Thumbnails()
    one.add(0, images[0])
    size = len(one[0])
    thumbnails = Thumbnails(most_bytes=10 * size)
    for frame, image in enumerate(images):
        thumbnails.add(frame, image)
        assert sum(map(len, thumbnails.values())) <= 10 * size
    # 40 pictures in room for some 10: every fourth, or every eighth.
    strides = set(np.diff(list(thumbnails)))
    assert strides in ({4}, {8})


def test_one_picture_stays_however_large_it_is():
    assert list(of(range(3), most_bytes=1)) == [0]


@pytest.mark.parametrize(
    ("shape", "small"),
    [
        ((720, 1280), (360, 640)),
        ((1200, 900), (640, 480)),
        ((100, 200), (100, 200)),
        ((3, 3000), (1, 640)),
    ],
)
def test_pictures_are_made_smaller_and_never_larger(shape, small):
    thumbnails = Thumbnails()
    thumbnails.add(0, np.zeros((*shape, 3), np.uint8))
    assert decoded(thumbnails[0]).shape[:2] == small


def test_colours_are_rgb():
    thumbnails = Thumbnails()
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 250
    thumbnails.add(0, red)
    blue, green, red = decoded(thumbnails[0]).mean(axis=(0, 1))
    assert red > 240
    assert max(blue, green) < 10


@pytest.mark.parametrize("second", [3, 2])
def test_frames_that_do_not_ascend_are_refused(second):
    thumbnails = of([3])
    with pytest.raises(ValueError, match=f"`frame` .* {second} after 3"):
        thumbnails.add(second, np.zeros((4, 4, 3), np.uint8))


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.eye(3)],
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match="`image` must be"):
        Thumbnails().add(0, image)


@pytest.mark.parametrize("limit", ["most", "longest_px", "most_bytes"])
def test_limits_below_one_are_refused(limit):
    with pytest.raises(ValueError, match=f"`{limit}` must be 1 or more"):
        Thumbnails(**{limit: 0})
