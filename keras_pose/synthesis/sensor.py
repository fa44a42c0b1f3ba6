"""What a camera makes of the light: exposure, blur, noise and JPEG."""

import cv2
import numpy as np

from keras_pose.synthesis.draws import between
from keras_pose.synthesis.draws import chance
from keras_pose.synthesis.draws import pick
from keras_pose.synthesis.render import encode_srgb

GAIN = (0.75, 1.35)
WHITE_BALANCE = 0.06  # standard deviation of the gain of red and of blue
BLUR = (0.0, 1.1)  # px, standard deviation
MOTION_BLUR = 0.1  # how often,
MOTION_LENGTHS = (3, 5, 7, 9)  # px; odd, or the image would shift
NOISE = (0.0, 9.0)  # standard deviation, of 255
JPEG_QUALITY = (35, 96)


def photograph(rng, light):
    """Light to the bytes of a photo.

    Args:
        rng: A np.random.Generator.
        light: (size, size, 3) linear light.

    Returns:
        The bytes of a JPEG.
    """
    gain = between(rng, GAIN) * np.array(
        [1 + rng.normal(0, WHITE_BALANCE), 1, 1 + rng.normal(0, WHITE_BALANCE)]
    )
    light = light * gain.astype(np.float32)
    deviation = between(rng, BLUR)
    if deviation > 0.3:
        light = cv2.GaussianBlur(light, (0, 0), deviation)
    if chance(rng, MOTION_BLUR):
        light = cv2.filter2D(light, -1, _streak(rng))
    pixels = encode_srgb(light)
    noise = rng.standard_normal(pixels.shape, np.float32)
    noise *= np.float32(between(rng, NOISE))
    pixels = cv2.add(pixels, noise, dtype=cv2.CV_8U)
    quality = int(rng.integers(*JPEG_QUALITY))
    _, encoded = cv2.imencode(
        ".jpg", pixels[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality)
    )
    return encoded.tobytes()


def _streak(rng):
    """The kernel of a movement in a straight line."""
    length = int(pick(rng, MOTION_LENGTHS))
    kernel = np.zeros((length, length), np.float32)
    middle = (length - 1) / 2
    angle = between(rng, (0, np.pi))
    reach = np.array([np.cos(angle), np.sin(angle)]) * middle
    start, end = middle - reach, middle + reach
    cv2.line(
        kernel, np.round(start).astype(int), np.round(end).astype(int), 1.0
    )
    return kernel / kernel.sum()
