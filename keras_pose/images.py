"""Encoded images to pixels, and pixels to crops."""

import io
import warnings

import cv2
import numpy as np
from PIL import Image
from PIL import ImageOps

from keras_pose.geometry import crop

# Larger images are refused before they are decoded. Pillow's own limit, 89
# million: 270 MB, more than any camera that films people makes.
MAX_PIXELS = Image.MAX_IMAGE_PIXELS

# A crop that shows this many of its pixels for each of the image's, or fewer,
# is cut from the image halved. A little above a half, which a box often is
# exactly but for rounding.
HALVING_ZOOM = 0.5 * (1 + 1e-6)

# Pillow knows more, among them formats that start other programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")


def decode_image(encoded, name, upright=False):
    """Decodes an image file's bytes.

    Args:
        encoded: Bytes of a JPEG, PNG, WebP, BMP or GIF (its first frame).
        name: What errors call the image, usually its path.
        upright: Whether to follow the camera's EXIF orientation, as viewers
            do. Data sets count pixels without it.

    Returns:
        (height, width, 3) uint8, RGB.

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
        return np.array(image.convert("RGB"))
    except Exception as error:  # damaged EXIF raises nearly anything
        raise ValueError(f"{name}: the image is damaged: {error}") from error


def image_header(encoded, name):
    """Reads an image's (width, height, format) without decoding it.

    Raises:
        ValueError: As `decode_image`.
    """
    image = _open(encoded, name)
    return image.width, image.height, image.format


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


def crop_image(image, crop_from_image, size):
    """Warps an image to a square crop; what lies outside the image is black.

    An image that is more than twice as fine as the crop is halved first, by
    OpenCV's Gaussian pyramid, so that the crop does not alias.

    Args:
        image: (height, width, 3) uint8.
        crop_from_image: (3, 3), see `geometry.crop`.
        size: Side of the crop, px.

    Returns:
        (size, size, 3) uint8.
    """
    transform = np.asarray(crop_from_image, np.float64)
    while (
        crop.zoom_of(transform)[0, 0] <= HALVING_ZOOM
        and min(image.shape[:2]) > 2
    ):
        image = cv2.pyrDown(image)
        # Pixel i of the halved image lies on pixel 2 i of the finer one.
        transform = transform @ np.diag([2.0, 2.0, 1.0])
    return cv2.warpAffine(image, transform[:2], (size, size))
