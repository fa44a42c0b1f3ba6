import cv2
import numpy as np
import pytest

from keras_pose.data.objects import load_objects


def test_objects_fill_their_square_and_keep_their_shape(objects_folder):
    objects = load_objects(objects_folder, 32)
    assert objects.shape == (2, 32, 32, 4)
    assert objects.dtype == np.uint8
    for alpha in objects[..., 3]:
        _, _, width, height = cv2.boundingRect(alpha)
        assert (width, height) == (30, 30)  # a disc, and a rim of 1 px
    # OpenCV wrote BGRA: the disc's blue is 40, its red 250.
    np.testing.assert_allclose(objects[0, 16, 22], [250, 120, 40, 255], atol=2)
    assert objects[1, 26, 8, 2] > objects[0, 26, 8, 2]  # upside down


def test_colours_are_multiplied_by_opacity(tmp_path):
    half = np.full((8, 8, 4), (10, 100, 200, 51), np.uint8)
    cv2.imwrite(str(tmp_path / "half.png"), half)
    (picture,) = load_objects(str(tmp_path), 10)
    np.testing.assert_allclose(picture[5, 5], [40, 20, 2, 51], atol=1)
    assert not picture[0].any()


def write(folder, picture, name="a.png"):
    cv2.imwrite(str(folder / name), picture)


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda f: None, "must hold PNG or WebP.*which has none"),
        (lambda f: write(f, np.zeros((4, 4, 4), np.uint8), "a.tiff"), "none"),
        (lambda f: write(f, np.zeros((4, 4, 3), np.uint8)), r"\(4, 4, 3\)"),
        (lambda f: write(f, np.zeros((4, 4, 4), np.uint16)), "uint16"),
        (lambda f: write(f, np.zeros((4, 4, 4), np.uint8)), "transparent"),
        (lambda f: (f / "a.png").write_bytes(b"no picture"), "damaged"),
        (lambda f: (f / "a.png").write_bytes(b""), "a.png.*damaged"),
    ],
    ids=[
        "empty",
        "other",
        "no alpha",
        "16 bits",
        "transparent",
        "damaged",
        "no bytes",
    ],
)
def test_folders_that_hold_no_objects_are_refused(tmp_path, fill, message):
    fill(tmp_path)
    with pytest.raises(ValueError, match=message):
        load_objects(str(tmp_path), 16)


def test_a_folder_that_is_missing_is_named():
    with pytest.raises(ValueError, match="`objects` must be.*'/no/where'"):
        load_objects("/no/where", 16)
