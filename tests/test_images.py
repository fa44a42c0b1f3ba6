import io
import math
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from keras_pose import images
from keras_pose.geometry import crop


def encoded(pixels, file_format="PNG", **options):
    file = io.BytesIO()
    # Colours as true as a format can keep them; each ignores the others'.
    options = {"quality": 95, "subsampling": 0, "lossless": True, **options}
    Image.fromarray(pixels).save(file, file_format, **options)
    return file.getvalue()


HALF_RED = np.zeros((16, 32, 3), np.uint8)
HALF_RED[:, :16, 0] = 255  # the left half; the right one is black


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_decode_image_gives_rows_of_rgb(file_format):
    decoded = images.decode_image(encoded(HALF_RED, file_format), "a")
    assert decoded.dtype == np.uint8
    np.testing.assert_allclose(decoded, HALF_RED, atol=4)


def test_decode_image_makes_grey_to_rgb():
    grey = np.array([[0, 100, 200]], np.uint8)
    decoded = images.decode_image(encoded(grey), "a")
    np.testing.assert_array_equal(decoded, np.stack(3 * [grey], axis=-1))


def test_decode_image_follows_exif_only_when_asked():
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn clockwise to see it upright
    photo = encoded(HALF_RED, "JPEG", exif=exif)
    stored = images.decode_image(photo, "a")
    upright = images.decode_image(photo, "a", upright=True)
    np.testing.assert_allclose(stored, HALF_RED, atol=4)
    red_above = np.swapaxes(HALF_RED, 0, 1)
    np.testing.assert_allclose(upright, red_above, atol=4)


def test_decode_image_keeps_the_high_byte_of_16_bits():
    grey = np.array([[0, 1000, 65535]], np.uint16)
    decoded = images.decode_image(encoded(grey), "a")
    np.testing.assert_array_equal(decoded[0, :, 1], [0, 3, 255])


@pytest.mark.parametrize("file_format", ["EPS", "TIFF"])
def test_formats_that_may_start_programs_are_refused(file_format):
    content = io.BytesIO()
    Image.fromarray(HALF_RED).save(content, file_format)
    with pytest.raises(ValueError, match="^a: not an image of a known format"):
        images.decode_image(content.getvalue(), "a")


def png_that_claims(width, height):
    """The first bytes of a PNG, up to where its pixels would begin."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    pixels = struct.pack(">I", 1000) + b"IDAT"
    size = struct.pack(">I", 13)
    return b"\x89PNG\r\n\x1a\n" + size + header + checksum + pixels


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (encoded(HALF_RED, "JPEG")[:-10], "damaged"),
        (encoded(HALF_RED, "PNG")[:-40], "damaged"),
        (b"<html>404</html>", "not an image .* 16 bytes, first b'<html>40'"),
        (b"", "not an image .* 0 bytes"),
    ],
    ids=["truncated JPEG", "truncated PNG", "no image", "empty"],
)
def test_decode_image_refuses_and_names_the_image(damaged, reason):
    with pytest.raises(ValueError, match=f"^people/1[.]jpg: .*{reason}"):
        images.decode_image(damaged, "people/1.jpg")


# Pillow warns above its limit, and raises at twice of it.
@pytest.mark.parametrize("side", [10_001, 30_000])
@pytest.mark.parametrize("read", [images.decode_image, images.image_header])
def test_huge_images_are_refused_unread(read, side):
    with pytest.raises(ValueError, match=r"^huge\.png: .*pixels"):
        read(png_that_claims(side, side), "huge.png")


def test_image_header_reads_no_further_than_the_header():
    header = images.image_header(png_that_claims(640, 480), "a")
    assert header == (640, 480, "PNG")


def test_crop_image_by_the_identity_is_the_image():
    image = np.random.default_rng(0).integers(256, size=(32, 32, 3))
    image = image.astype(np.uint8)
    np.testing.assert_array_equal(
        images.crop_image(image, np.eye(3), 32), image
    )


@pytest.mark.parametrize(
    ("size", "changes"),
    [
        (32, {}),
        (80, {}),
        (32, {"rotation": math.radians(35)}),
        (32, {"flip": True}),
        (32, {"stretch": (1.3, 0.7)}),
        (16, {"rotation": 0.2}),
        (4, {}),
    ],
    ids=["1:1", "enlarged", "turned", "mirrored", "wide", "half", "eighth"],
)
def test_crop_image_shows_what_the_transform_says(size, changes):
    # The image tells its own pixel: red is 4 x, green 3 y. Half a pixel lost
    # on either would be 1.5 off or more.
    rows, columns = np.mgrid[:64, :64]
    image = np.stack([4 * columns, 3 * rows, 0 * rows], axis=-1)
    unchanged = {"rotation": 0, "flip": False, "stretch": (1, 1)}
    transform = crop.changed_from_crop(
        size, scale=1, shift=(0, 0), **(unchanged | changes)
    ) @ crop.crop_from_image(np.array([15, 17, 32, 32]), size)
    shown = images.crop_image(image.astype(np.uint8), transform, size)
    v, u = np.mgrid[:size, :size]
    of_crop = np.stack([u, v, np.ones_like(u)])
    x, y, _ = np.tensordot(np.linalg.inv(transform), of_crop, axes=1)
    expected = np.stack([4 * x, 3 * y, 0 * x], axis=-1)
    np.testing.assert_allclose(shown, expected, atol=1.2)


def test_crop_image_is_black_outside_the_image():
    white = np.full((8, 8, 3), 255, np.uint8)
    transform = crop.crop_from_image(np.array([-8, 0, 16, 16]), 16)
    shown = images.crop_image(white, transform, 16)
    expected = np.zeros((16, 16, 3))
    expected[:8, 8:] = 255
    np.testing.assert_array_equal(shown, expected)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_decode_checked_gives_what_pillow_gives(file_format):
    rows, columns = np.mgrid[:33, :47]
    colours = np.stack([5 * columns, 7 * rows, 3 * (rows + columns)], axis=-1)
    photo = encoded(
        colours.astype(np.uint8), file_format, quality=80, subsampling=2
    )
    decoded = images.decode_checked(photo)
    np.testing.assert_allclose(
        decoded, images.decode_image(photo, "a").astype(int), atol=1
    )


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
@pytest.mark.parametrize("left", [0.5, 0.98])
def test_decode_checked_refuses_what_ends_early(file_format, left):
    noise = np.random.default_rng(0).integers(0, 256, (33, 47, 3), np.uint8)
    photo = encoded(noise, file_format)
    with pytest.raises(ValueError, match="damaged|not an image|decodable"):
        images.decode_checked(photo[: int(left * len(photo))])


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_decode_checked_takes_what_has_something_behind_it(file_format):
    flat = np.full((9, 9, 3), 200, np.uint8)
    photo = encoded(flat, file_format) + bytes(5)
    np.testing.assert_allclose(images.decode_checked(photo), flat, atol=1)


def test_decode_checked_refuses_a_png_of_more_pixels_than_fit():
    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", checksum)
        )

    side = 2**17
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    bomb += chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match="must be decodable"):
        images.decode_checked(bomb)


def test_decode_checked_refuses_what_is_no_image():
    with pytest.raises(ValueError, match="9 bytes, first b'<html>no'"):
        images.decode_checked(b"<html>no!")


def test_crop_that_is_fine_along_one_axis_alone_does_not_alias():
    columns = np.arange(96) % 2
    stripes = np.zeros((96, 96, 3), np.uint8) + np.uint8(255 * columns)[:, None]
    squeezed = np.diag([1 / 3, 1.0, 1.0])
    shown = images.crop_image(stripes, squeezed, 32)
    np.testing.assert_allclose(shown[:, 1:-1], 127.5, atol=4)


@pytest.mark.parametrize("square", [1, 2, 3])
def test_crop_image_does_not_alias_a_fine_checkerboard(square):
    rows, columns = np.mgrid[:256, :256] // square
    board = np.uint8(255 * ((rows + columns) % 2))
    image = np.stack(3 * [board], axis=-1)
    transform = crop.crop_from_image(np.array([0, 0, 256, 256]), 32)
    shown = images.crop_image(image, transform, 32)
    np.testing.assert_allclose(shown[1:-1, 1:-1], 127.5, atol=4)


@pytest.mark.parametrize("seed", range(40))
def test_a_crop_of_a_part_is_that_of_the_whole_image(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(3, rng.choice([30, 300, 900]), 2)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    side = np.exp(rng.uniform(np.log(40), np.log(3 * max(height, width, 20))))
    turn = rng.choice([0, rng.uniform(-1, 1)])
    zoom, middle = 16 / side, rng.uniform(-0.2, 1.2, 2) * [width, height]
    transform = np.eye(3)
    transform[:2, :2] = zoom * np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    transform[:2, 2] = 7.5 - transform[:2, :2] @ middle
    # The whole image halved by OpenCV, as often as it takes.
    whole, of_whole = image, transform
    while zoom <= 0.5 and min(whole.shape[:2]) > 2:
        whole = cv2.pyrDown(whole)
        of_whole, zoom = of_whole @ np.diag([2.0, 2, 1]), 2 * zoom
    expected = cv2.warpAffine(whole, of_whole[:2], (16, 16))
    found = images.crop_image(image, transform, 16)
    np.testing.assert_array_equal(found, expected)
