"""Encoded images as strangers send them: damaged, lying, enormous."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image
from PIL import PngImagePlugin

WIDTH, HEIGHT = 203, 150


def pixels(seed=0):
    """(HEIGHT, WIDTH, 3) uint8, smooth."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 13, 3), np.uint8)
    size = WIDTH, HEIGHT
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def encoded(mode, kind, image=None, **options):
    """The picture in a Pillow mode and a file format."""
    if image is None:
        image = Image.fromarray(pixels())
    file = io.BytesIO()
    image.convert(mode).save(file, kind, **options)
    return file.getvalue()


def sound_images():
    """Name -> bytes of images that every decoder takes."""
    few_colours = Image.fromarray(pixels()).quantize(16)
    alpha = Image.fromarray(
        np.dstack([pixels(), pixels(1)[..., 0]]), mode="RGBA"
    )
    deep = pixels().astype(np.uint16) * 251
    two = {"save_all": True, "append_images": [Image.fromarray(pixels(1))]}
    made = {
        "jpeg": encoded("RGB", "JPEG", quality=90),
        "jpeg grey": encoded("L", "JPEG"),
        "jpeg cmyk": encoded("CMYK", "JPEG", quality=90),
        "jpeg progressive": encoded("RGB", "JPEG", progressive=True),
        "jpeg full colour": encoded("RGB", "JPEG", subsampling=0),
        "jpeg with restarts": encoded("RGB", "JPEG", restart_marker_rows=1),
        "png": encoded("RGB", "PNG"),
        "png grey": encoded("L", "PNG"),
        "png black and white": encoded("1", "PNG"),
        "png alpha": encoded("RGBA", "PNG", alpha),
        "png grey alpha": encoded("LA", "PNG", alpha),
        "png palette": encoded("P", "PNG", few_colours),
        "png transparent colour": encoded(
            "P", "PNG", few_colours, transparency=3
        ),
        "png 4 bits": encoded("P", "PNG", few_colours, bits=4),
        "png 16 bits": cv2.imencode(".png", deep)[1].tobytes(),
        "png 16 bits grey": cv2.imencode(".png", deep[..., 0])[1].tobytes(),
        "gif": encoded("RGB", "GIF"),
        "gif grey": encoded("L", "GIF"),
        "gif of two": encoded("RGB", "GIF", **two),
        "gif transparent colour": encoded(
            "P", "GIF", few_colours, transparency=3
        ),
        "webp": encoded("RGB", "WEBP", quality=90),
        "webp lossless": encoded("RGB", "WEBP", lossless=True),
        "webp alpha": encoded("RGBA", "WEBP", alpha),
        "webp alpha turned 6": encoded(
            "RGBA", "WEBP", alpha, lossless=True, exif=exif_of(6)
        ),
        "webp alpha lossless": encoded(
            "RGBA", "WEBP", alpha, lossless=True, exact=True
        ),
        "jpeg of one pixel high": encoded(
            "RGB", "JPEG", Image.fromarray(pixels()[:1])
        ),
    }
    return made | turned_images()


def exif_of(orientation):
    """EXIF that says how the camera was held."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def turned_images():
    """Name -> bytes of images whose orientation is other than upright."""
    made = {}
    for orientation in range(1, 9):
        exif = exif_of(orientation)
        for kind in ("JPEG", "PNG", "WEBP"):
            name = f"{kind.lower()} turned {orientation}"
            made[name] = encoded("RGB", kind, exif=exif)
    big_endian = Image.Exif()
    big_endian.endian = ">"
    big_endian[0x0112] = 6
    attribute = b'<x tiff:Orientation="6"/>'
    element = "<x><tiff:Orientation>8</tiff:Orientation></x>"
    chunk = PngImagePlugin.PngInfo()
    chunk.add_itxt("XML:com.adobe.xmp", element)
    return made | {
        "jpeg turned, big-endian": encoded("RGB", "JPEG", exif=big_endian),
        "jpeg turned by XMP": encoded("RGB", "JPEG", xmp=attribute),
        "webp turned by XMP": encoded("RGB", "WEBP", xmp=attribute),
        "png turned by XMP": encoded("RGB", "PNG", pnginfo=chunk),
    }


def png_chunk(kind, content):
    """A chunk with its length and checksum."""
    body = kind + content
    return (
        struct.pack(">I", len(content))
        + body
        + struct.pack(">I", zlib.crc32(body))
    )


def png(width, height, rows=None, *chunks):
    """A PNG of grey zeros, of few kilobytes, that may hold too few rows."""
    deflate = zlib.compressobj(9)
    row = bytes(width + 1)
    parts = [deflate.compress(row) for _ in range(rows or height)]
    content = b"".join(parts) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *chunks,
            png_chunk(b"IDAT", content),
            png_chunk(b"IEND", b""),
        ]
    )


def png_with_texts(count, megabytes):
    """A small PNG with compressed texts that grow."""
    text = zlib.compress(bytes(megabytes * 2**20), 9)
    chunk = png_chunk(b"zTXt", b"a\x00\x00" + text)
    return png(64, 64, None, *[chunk] * count)


def gif_of_frames(count, side):
    """A GIF of one first frame many times over, kilobytes altogether."""
    image = Image.fromarray(np.zeros((side, side), np.uint8))
    whole = encoded("L", "GIF", image)
    frame = whole[
        whole.index(b"\x2c", 13 + 768 if whole[10] & 0x80 else 13) : -1
    ]
    return whole[: -len(frame) - 1] + frame * count + b"\x3b"


def jpeg_of_scans(count, side):
    """A progressive JPEG whose last scan comes many times over."""
    image = Image.fromarray(np.zeros((side, side), np.uint8))
    whole = encoded("L", "JPEG", image, progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * count + b"\xff\xd9"


def jpeg_of_segments(count):
    """A JPEG with empty comments."""
    whole = encoded("RGB", "JPEG")
    return whole[:2] + b"\xff\xfe\x00\x02" * count + whole[2:]


def gif_with(extensions):
    """A GIF with extensions before its frame."""
    whole = encoded("L", "GIF")
    table = 13 + 3 * 256
    return whole[:table] + extensions + whole[table:]


def gif_of_blocks(count, *sizes):
    """A GIF with a comment in blocks of these sizes, so many times."""
    blocks = b"".join(bytes([size]) + b"a" * size for size in sizes)
    return gif_with(b"\x21\xfe" + blocks * count + b"\x00")


def costly_headers():
    """Name -> bytes whose header is long to read, and what is said of them."""
    start = b"\xff\xd8\xff\xe0\0\2"
    return {
        "gif, empty comments": (
            gif_with(b"\x21\xfe\x00" * 45_000),
            b"blocks of other sizes",
        ),
        "gif, blocks of two sizes": (
            gif_of_blocks(100_000, 1, 2),
            b"blocks of other sizes",
        ),
        "jpeg, markers": (start + b"\xff\x01" * 2**24, b"1000 segments"),
        "jpeg, 0xFF": (start + b"\xff" * 2**25, b"its end is missing"),
        "png, half marks": (
            encoded("RGB", "PNG")[:33] + b"zTXz" * 2**23,
            b"an undamaged PNG",
        ),
        "too long": (start + b"\xff" * 2**26, b"at most 67108864 bytes"),
    }


def refused_images():
    """Name -> bytes of images that a decoder must not see, and why."""
    pictures = [Image.fromarray(pixels(seed)) for seed in range(3)]
    clips = {}
    for mode in ("RGB", "RGBA"):
        first, *others = (picture.convert(mode) for picture in pictures)
        clips[f"webp clip, {mode}"] = encoded(
            mode, "WEBP", first, save_all=True, append_images=others
        )
    jpeg = encoded("CMYK", "JPEG")
    return {
        **{name: (clip, b"must be a still") for name, clip in clips.items()},
        "cmyk of no convention": (
            jpeg.replace(b"Adobe", b"Abode"),
            b"must have Adobe's marker",
        ),
        "jpeg without its end": (encoded("L", "JPEG")[:-2], b"end is missing"),
        "gif without its end": (encoded("L", "GIF")[:-9], b"end is missing"),
        "bmp": (encoded("RGB", "BMP"), b"must be a JPEG, PNG, WebP or GIF"),
        "nothing": (b"", b"Received: 0 bytes"),
    }


def bombs():
    """Name -> bytes of images that cost far more than they weigh."""
    return {
        "png 30,000 x 30,000": png(30_000, 30_000, 300),
        "png 7,000 x 7,000": png(7000, 7000),
        "png 7,000 x 7,000 without its rows": png(7000, 7000, 10),
        "png 80 million wide": png(80_000_000, 1),
        "png 60,000 wide": png(60_000, 800),
        "png texts": png_with_texts(200, 7),
        "gif frames": gif_of_frames(3000, 3000),
        "gif blocks": gif_of_blocks(1_000_000, 1, 2),
        "jpeg scans": jpeg_of_scans(400, 4000),
        "jpeg segments": jpeg_of_segments(500_000),
    }


def damaged(rng, encoded_image):
    """The bytes of an image after one of the accidents of storage."""
    data = bytearray(encoded_image)
    place = int(rng.integers(len(data)))
    accident = rng.integers(7)
    if accident == 0:  # cut off
        return bytes(data[:place])
    if accident == 1:  # some bits flipped anywhere
        for _ in range(rng.integers(1, 20)):
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    elif accident == 2:  # a lie in the header
        for _ in range(rng.integers(1, 4)):
            data[int(rng.integers(min(64, len(data))))] = rng.integers(256)
    elif accident == 3:  # a hole
        data[place : place + 50] = bytes(len(data[place : place + 50]))
    elif accident == 4:  # a part twice
        data[place:place] = data[max(0, place - 300) : place]
    elif accident == 5:  # a part lost
        del data[place : place + int(rng.integers(1, 300))]
    else:  # something behind the end
        data += rng.bytes(int(rng.integers(1, 300)))
    return bytes(data)
