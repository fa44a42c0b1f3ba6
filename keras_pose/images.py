"""Encoded images to pixels, and pixels to crops."""

import io
import math
import warnings

import cv2
import numpy as np
from PIL import ExifTags
from PIL import Image
from PIL import ImageOps

from keras_pose.geometry import crop

# Larger images are refused before they are decoded. Pillow's own limit, 89
# million: 270 MB, more than any camera that films people makes.
MAX_PIXELS = Image.MAX_IMAGE_PIXELS

# A file of more is refused before it is read: 4 bytes a pixel and to spare.
MAX_BYTES = 2**29

# A crop that shows this many of its pixels for each of the image's, or fewer,
# is cut from the image halved. A little above a half, which a box often is
# exactly but for rounding.
HALVING_ZOOM = 0.5 * (1 + 1e-6)

# A part of an image is halved as the whole only while it is this large, px.
_LEAST_HALVED = 4

# Pillow knows more, among them formats that start other programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")

# The EXIF orientations that are not upright, and the quality of a JPEG made of
# such an image: few can tell it from the camera's own.
_TURNED = range(2, 9)
_TURNED_QUALITY = 95

# The last bytes of a whole JPEG: its marker EOI; of a PNG: its chunk IEND.
_ENDS = (b"\xff\xd9", b"IEND\xaeB`\x82")


def decode_image(encoded, name, upright=False):
    """Decodes an image file's bytes.

    Args:
        encoded: Bytes of a JPEG, PNG, WebP, BMP or GIF (its first frame).
        name: What errors call the image, usually its path.
        upright: Whether to follow the camera's EXIF orientation, as viewers
            do. Data sets count pixels without it.

    Returns:
        (height, width, 3) uint8, RGB; not to be written to.

    Raises:
        ValueError: The bytes are no image, end too early, or hold more than
            `MAX_PIXELS`.
    """
    image = _open(encoded, name)
    try:
        if upright:
            image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):  # 16 bits, which convert() would clip
            grey = (np.asarray(image) // 256).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=-1)
        # A copy of each would take as long again as the decoding.
        return np.asarray(
            image if image.mode == "RGB" else image.convert("RGB")
        )
    except Exception as error:  # damaged EXIF raises nearly anything
        raise ValueError(f"{name}: the image is damaged: {error}") from error


def read_image(path):
    """Reads an image file, turned upright.

    Raises:
        OSError: It cannot be read.
        ValueError: As `decode_image`; or the file is too large for an image.
    """
    with open(path, "rb") as file:
        encoded = file.read(MAX_BYTES + 1)
    if len(encoded) > MAX_BYTES:
        raise ValueError(
            f"{path}: an image must have at most {MAX_BYTES} bytes. "
            "Received: more"
        )
    return decode_image(encoded, path, upright=True)


def check_image(encoded, name):
    """Decodes an image file's bytes to see whether they can be.

    Returns:
        (width, height, format), as `image_header`.

    Raises:
        ValueError: As `decode_image`.
    """
    image = _open(encoded, name)
    try:
        image.load()
    except Exception as error:  # a damaged file raises nearly anything
        raise ValueError(f"{name}: the image is damaged: {error}") from error
    return image.width, image.height, image.format


def image_header(encoded, name):
    """Reads an image's (width, height, format) without decoding it.

    Raises:
        ValueError: As `decode_image`.
    """
    image = _open(encoded, name)
    return image.width, image.height, image.format


def is_turned(encoded, name):
    """Whether viewers turn or mirror an image, for its EXIF orientation.

    Raises:
        ValueError: As `decode_image`.
    """
    image = _open(encoded, name)
    try:
        return image.getexif().get(ExifTags.Base.Orientation) in _TURNED
    except Exception as error:  # damaged EXIF raises nearly anything
        raise ValueError(f"{name}: the image is damaged: {error}") from error


def camera_tags(encoded, name):
    """Reads what a camera wrote beside its picture, its EXIF.

    Returns:
        ((width, height) of the picture as it is stored, {tag: value}).

    Raises:
        ValueError: As `decode_image`.
    """
    image = _open(encoded, name)
    try:
        exif = image.getexif()
        return image.size, {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except Exception as error:  # damaged EXIF raises nearly anything
        raise ValueError(f"{name}: the image is damaged: {error}") from error


def turn_upright(encoded, name):
    """An image as viewers show it, without an orientation to be followed.

    Args:
        encoded: Bytes of an image file.
        name: What errors call it.

    Returns:
        The bytes themselves where there is nothing to turn, else a JPEG's.

    Raises:
        ValueError: As `decode_image`.
    """
    if not is_turned(encoded, name):
        return encoded
    upright = Image.fromarray(decode_image(encoded, name, upright=True))
    file = io.BytesIO()
    upright.save(file, "JPEG", quality=_TURNED_QUALITY)
    return file.getvalue()


def _open(encoded, name):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(encoded), formats=_FORMATS)
    except (
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise ValueError(
            f"{name}: an image must have at most {MAX_PIXELS} pixels. "
            f"Received: {error}"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{name}: not an image of a known format. "
            f"Received: {len(encoded)} bytes, first {bytes(encoded[:8])!r}"
        ) from error


def decode_checked(encoded):
    """Decodes a JPEG or PNG that `prepare.py` has checked, as Pillow does.

    Args:
        encoded: Bytes.

    Returns:
        (height, width, 3) uint8, RGB.

    Raises:
        ValueError: The bytes are no image, or end too early.
    """
    if not encoded.endswith(_ENDS):
        # Cut off, or with something behind it. OpenCV does not tell: some of
        # its versions fill up what is missing, others refuse both.
        return decode_image(encoded, "the image")
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    except cv2.error as error:  # more pixels than OpenCV's own limit
        raise ValueError(f"an image must be decodable: {error}") from error
    if image is None:
        raise ValueError(
            f"an image must be a JPEG or PNG. Received: {len(encoded)} bytes, "
            f"first {encoded[:8]!r}"
        )
    return image


def empty_batch(shape):
    """An uninitialised uint8 array that TensorFlow takes over uncopied.

    It does so where memory begins at a multiple of 64 bytes; NumPy's own
    begins at 16.
    """
    count = math.prod(shape)
    memory = np.empty(count + 63, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + count].reshape(shape)


def halve_finer(image, crop_from_image):
    """Halves an image that is more than twice as fine as its crop.

    By OpenCV's Gaussian pyramid, and as often as it takes, so that the crop
    does not alias along either of its axes.

    Args:
        image: (height, width, 3) uint8.
        crop_from_image: (3, 3), see `geometry.crop`.

    Returns:
        The image and the (3, 3) float64 crop from it.
    """
    transform = np.asarray(crop_from_image, np.float64)
    finest = crop.zoom_of(transform).min()
    while finest <= HALVING_ZOOM and min(image.shape[:2]) > 2:
        image = cv2.pyrDown(image)
        # Pixel i of the halved image lies on pixel 2 i of the finer one.
        transform = transform @ np.diag([2.0, 2.0, 1.0])
        finest *= 2
    return image, transform


def _part_shown(image, crop_from_image, size):
    """The part of a far finer image that a crop shows, and the crop from it.

    It begins at pixels that all halvings keep, and is as much wider than the
    crop as they blur, so that it is halved as the whole image is.
    """
    height, width = image.shape[:2]
    transform = np.asarray(crop_from_image, np.float64)
    zoom = crop.zoom_of(transform).min()
    if zoom > HALVING_ZOOM or not zoom * min(height, width) > _LEAST_HALVED:
        return image, transform
    step = 2 ** math.ceil(-math.log2(zoom))
    border = np.array([[-1, -1], [-1, size], [size, -1], [size, size]], float)
    corners = crop.apply_inverse(transform, border)
    low = np.floor(corners.min(axis=0)) - 4 * step
    high = np.ceil(corners.max(axis=0)) + 4 * step
    low = np.clip(low // step * step, 0, [width - 1, height - 1]).astype(int)
    low = low // step * step
    high = np.clip(high, low + step, [width, height]).astype(int)
    if min(high - low) < _LEAST_HALVED * step:
        return image, transform  # it would be halved less often
    moved = np.eye(3)
    moved[:2, 2] = low
    return image[low[1] : high[1], low[0] : high[0]], transform @ moved


def crop_image(image, crop_from_image, size):
    """Warps an image to a square crop; what lies outside the image is black.

    Args:
        image: (height, width, 3) uint8; halved first where it is too fine.
        crop_from_image: (3, 3), see `geometry.crop`.
        size: Side of the crop, px.

    Returns:
        (size, size, 3) uint8.
    """
    image, transform = _part_shown(image, crop_from_image, size)
    image, transform = halve_finer(image, transform)
    if image.shape[:2] == (size, size) and np.array_equal(transform, np.eye(3)):
        return image.copy()
    if image.shape[0] * image.shape[1] > 4 * size * size:
        return cv2.warpAffine(image, transform[:2], (size, size))
    # OpenCV warps four channels in half the time of three, to equal pixels.
    image = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    warped = cv2.warpAffine(image, transform[:2], (size, size))
    return cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)
