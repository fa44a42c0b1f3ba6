import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_pose import images
from keras_pose.serving.graph import encoded_images
from tests.serving import hostile_images

SOUND = hostile_images.sound_images()
REFUSED = hostile_images.refused_images()


@pytest.fixture(scope="module")
def decode():
    """`encoded_images.decode_image` as a graph: bytes -> array, text."""
    return graph_of(images.MAX_PIXELS)


def graph_of(max_pixels):
    graph = tf.function(
        lambda encoded: encoded_images.decode_image(encoded, max_pixels),
        autograph=False,
        input_signature=[tf.TensorSpec((), tf.string)],
    )

    def decode(encoded):
        image, problem = graph(tf.constant(encoded))
        return image.numpy(), problem.numpy().decode()

    return decode


@pytest.mark.parametrize("name", SOUND)
def test_image_is_that_of_pillow_upright(name, decode):
    image, problem = decode(SOUND[name])
    expected = images.decode_image(SOUND[name], name, upright=True)
    assert problem == ""
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).max() <= 1
    assert np.ptp(expected) > 50


@pytest.mark.parametrize("name", REFUSED)
def test_image_that_a_decoder_must_not_see_is_told(name, decode):
    encoded, why = REFUSED[name]
    image, problem = decode(encoded)
    assert image.size == 0
    assert why.decode() in problem
    assert problem.startswith("`image_bytes` ")
    assert problem.endswith(f"Received: {len(encoded)} bytes")


@pytest.mark.parametrize(
    "name", ["jpeg", "jpeg progressive", "png", "gif", "webp", "webp alpha"]
)
def test_image_that_ends_early_has_no_pixels(name, decode):
    whole = SOUND[name]
    cuts = np.linspace(1, len(whole) - 1, 40).astype(int)
    for cut in cuts[cuts < len(whole) - 12]:
        image, problem = decode(whole[:cut])
        assert image.size == 0
        assert problem


def test_image_of_the_most_pixels_is_decoded_and_no_larger_one():
    count = hostile_images.WIDTH * hostile_images.HEIGHT
    enough, too_few = graph_of(count), graph_of(count - 1)
    for name in ("jpeg", "png", "gif", "webp", "webp lossless", "webp alpha"):
        assert enough(SOUND[name])[1] == ""
        image, problem = too_few(SOUND[name])
        assert image.size == 0
        assert problem == (
            f"`image_bytes` must be of at most {count - 1} px, none of its "
            "sides above 65535 px. Received: 203 x 150 px"
        )


def test_picture_that_is_not_what_its_header_says_is_damaged(decode):
    gif = bytearray(SOUND["gif"])
    gif[6] ^= 1  # of the width
    assert "first frame that fills it" in decode(bytes(gif))[1]
    png = hostile_images.png(50, 40, 30)
    assert decode(png)[1] == (
        f"`image_bytes` must be an undamaged PNG. Received: {len(png)} bytes"
    )


def test_restarts_within_a_scan_are_no_segments(decode):
    large = Image.fromarray(np.tile(hostile_images.pixels(), (3, 3, 1)))
    encoded = hostile_images.encoded(
        "RGB", "JPEG", large, subsampling=0, restart_marker_blocks=1
    )
    assert encoded.count(b"\xff\xd3") > 300  # one of eight kinds
    image, problem = decode(encoded)
    assert problem == ""
    np.testing.assert_array_equal(image, images.decode_image(encoded, ""))


def test_file_of_the_most_bytes_is_decoded_and_no_longer_one(decode):
    jpeg = SOUND["jpeg"]
    longest = jpeg + bytes(2**26 - len(jpeg))
    image, problem = decode(longest)
    assert problem == ""
    np.testing.assert_array_equal(image, decode(jpeg)[0])
    image, problem = decode(longest + b"\0")
    assert image.size == 0
    assert problem == (
        "`image_bytes` must be of at most 67108864 bytes. "
        "Received: 67108865 bytes"
    )


@pytest.mark.parametrize(
    "sizes", [(1,), (254, 255), (90, 1, 200)], ids=["one", "two", "three"]
)
def test_gif_may_have_blocks_of_any_sizes(sizes, decode):
    whole = SOUND["gif grey"]
    start = whole.index(b"\x2c", 13 + 3 * 256) + 11  # of the frame's blocks
    image, problem = decode(whole[:start] + in_blocks(whole[start:], sizes))
    assert problem == ""
    np.testing.assert_array_equal(image, decode(whole)[0])


def test_one_empty_block_ends_a_comment(decode):
    assert decode(hostile_images.gif_with(b"\x21\xfe\1a\0"))[1] == ""
    twice = hostile_images.gif_with(b"\x21\xfe\1a\0\0")
    assert "its end is missing" in decode(twice)[1]


def in_blocks(blocks, sizes):
    """The content of GIF blocks in others of these sizes, cyclically."""
    content, place = b"", 0
    while blocks[place]:
        content += blocks[place + 1 : place + 1 + blocks[place]]
        place += 1 + blocks[place]
    made = b""
    for size in itertools.cycle(sizes):
        piece, content = content[:size], content[size:]
        made += bytes([len(piece)]) + piece
        if not piece:
            return made + b"\x3b"


def test_comments_of_equal_blocks_may_be_long(decode):
    long = hostile_images.gif_of_blocks(20_000, 255)
    image, problem = decode(long)
    assert problem == ""
    np.testing.assert_array_equal(image, decode(SOUND["gif grey"])[0])


@pytest.mark.parametrize("gap", [1, 255, 256, 257, 767, 768, 769, 5000])
def test_marker_is_found_wherever_it_is(gap, decode):
    # Between segments decoders skip what is no marker.
    whole = SOUND["jpeg"]
    frame = whole.index(b"\xff\xc0\x00\x11")
    for place in (frame, len(whole) - 2):
        image, problem = decode(whole[:place] + b"\0" * gap + whole[place:])
        assert problem == ""
        np.testing.assert_array_equal(image, decode(whole)[0])
    assert decode(whole[:-2] + b"\0" * gap)[0].size == 0


def test_thumbnail_of_a_photo_is_not_taken_for_the_photo(decode):
    small = Image.fromarray(hostile_images.pixels()[:50, :60])
    small = hostile_images.encoded("RGB", "JPEG", small)
    note = b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\0" + small
    segment = b"\xff\xe1" + (len(note) + 2).to_bytes(2, "big") + note
    whole = SOUND["jpeg full colour"]
    image, problem = decode(whole[:2] + segment + whole[2:])
    assert problem == ""
    np.testing.assert_array_equal(image, decode(whole)[0])
