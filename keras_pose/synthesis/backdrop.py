"""What stands behind people: rooms, open ground, clutter, or photos."""

import os

import cv2
import numpy as np

from keras_pose import images
from keras_pose.synthesis import rotations
from keras_pose.synthesis.draws import between
from keras_pose.synthesis.draws import chance
from keras_pose.synthesis.draws import pick
from keras_pose.synthesis.render import decode_srgb
from keras_pose.synthesis.render import pixel_grid

KINDS = {"room": 0.4, "open": 0.2, "clutter": 0.4}

_TEXTURE_SIZE = 256  # px; a power of 2, which wraps by a mask
_HORIZON = np.float32(60_000)  # mm; the ground ends there
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def list_photos(folder):
    """Paths of the images in a folder and below it, sorted.

    Raises:
        ValueError: The folder has none.
    """
    paths = sorted(
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(_IMAGE_ENDINGS) and name[0] != "."
    )
    if not paths:
        endings = " ".join(_IMAGE_ENDINGS)
        raise ValueError(
            f"`backgrounds` must be a folder with images ({endings}). "
            f"Received: {folder}"
        )
    return tuple(paths)


def read_photo(path):
    """Reads a photo, (height, width, 3) uint8.

    Raises:
        ValueError: The file is no image, or damaged.
    """
    with open(path, "rb") as file:
        return images.decode_image(file.read(), path, upright=True)


def draw_backdrop(rng, camera, size, middle, photos):
    """Draws what is behind a person.

    Args:
        rng: A np.random.Generator.
        camera: The Camera of the image.
        size: Side of the image, px.
        middle: (3,) mm, world; the middle of the person.
        photos: Paths to take crops of; none: procedural.

    Returns:
        (light, ground): (size, size, 3) float32 linear light, and (size, size)
        bool where a shadow may fall. A flat picture takes it everywhere.
    """
    everywhere = np.ones((size, size), bool)
    if photos:
        photo = _photo_crop(rng, pick(rng, photos), size)
        return decode_srgb(photo), everywhere
    kind = pick(rng, KINDS)
    if kind == "clutter":
        return decode_srgb(_clutter(rng, size)), everywhere
    return _ground_and_wall(rng, camera, size, middle, kind == "room")


def _photo_crop(rng, path, size):
    """A random square of a photo, (size, size, 3) uint8."""
    photo = read_photo(path)
    height, width = photo.shape[:2]
    side = int(min(height, width) * between(rng, (0.5, 1.0)))
    side = max(side, min(height, width, 8))
    y = int(rng.integers(height - side + 1))
    x = int(rng.integers(width - side + 1))
    square = photo[y : y + side, x : x + side]
    if chance(rng, 0.5):
        square = square[:, ::-1]
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)


def _colour(rng):
    """An sRGB colour (3,) in [0, 255], seldom garish."""
    hsv = np.uint8(
        [[[rng.uniform(0, 180), 255 * rng.beta(1, 3), rng.uniform(30, 245)]]]
    )
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


def _texture(rng):
    """A square (256, 256, 3) uint8 sRGB: noise at several scales, or tiles."""
    size = _TEXTURE_SIZE
    base, other = _colour(rng), _colour(rng)
    share = np.zeros((size, size), np.float32)
    strength = 1.0
    for cells in (4, 16, 64):
        grid = rng.random((cells, cells), np.float32)
        smooth = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        share += strength * (smooth - 0.5)
        strength *= between(rng, (0.3, 0.8))
    share = 0.5 + between(rng, (0.1, 0.8)) * share
    if chance(rng, 0.4):
        tile = pick(rng, (16, 32, 64))
        rows, columns = (
            np.indices((size, size))
            // (np.array([tile, pick(rng, (tile, size))])[:, None, None])
        )
        share = 0.7 * share + 0.3 * ((rows + columns) % 2)
    share = np.clip(share, 0, 1)[..., None]
    return (base * (1 - share) + other * share).astype(np.uint8)


def _sample(texture, u, v):
    """Texels (N, 3) linear at (N,) coordinates in texels; it repeats."""
    mask = _TEXTURE_SIZE - 1
    rows = v.astype(np.int32) & mask
    columns = u.astype(np.int32) & mask
    return decode_srgb(texture[rows, columns])


def _ground_and_wall(rng, camera, size, middle, room):
    """The ground y = 0, and a wall behind the person or a sky."""
    rays = camera.directions(pixel_grid(size))
    eye = camera.centre.astype(np.float32)
    to_ground = _distances(rays[:, 1], -eye[1])
    to_wall = np.full_like(to_ground, np.inf)
    if room:
        away = (middle - camera.centre) * (1, 0, 1)
        away = rotations.about("y", between(rng, (-0.6, 0.6))) @ away
        away = (away / np.linalg.norm(away)).astype(np.float32)
        behind = (middle - camera.centre) @ away + between(rng, (1000, 5000))
        to_wall = _distances(rays @ away, np.float32(behind))
    mm_per_texel = np.float32(between(rng, (4, 20)))
    result = np.empty((len(rays), 3), np.float32)
    on_ground = to_ground < np.minimum(to_wall, _HORIZON)
    points = eye + rays[on_ground] * to_ground[on_ground, None]
    points /= mm_per_texel
    result[on_ground] = _sample(_texture(rng), points[:, 0], points[:, 2])
    if room:
        on_wall = ~on_ground
        points = eye + rays[on_wall] * np.minimum(
            to_wall[on_wall, None], _HORIZON
        )
        points /= mm_per_texel
        along = points[:, 0] * away[2] - points[:, 2] * away[0]
        result[on_wall] = _sample(_texture(rng), along, points[:, 1])
    else:
        top, bottom = (decode_srgb(_colour(rng)) for _ in range(2))
        height = np.clip(rays[~on_ground, 1] * 2, 0, 1)[:, None]
        result[~on_ground] = bottom * (1 - height) + top * height
    return result.reshape(size, size, 3), on_ground.reshape(size, size)


def _distances(slopes, distance):
    """Lengths of rays to a plane (N,); inf where they lead away from it."""
    ahead = slopes * np.sign(distance) > 1e-6
    return np.where(ahead, distance / np.where(ahead, slopes, 1), np.inf)


def _clutter(rng, size):
    """Random shapes on noise, more or less out of focus; uint8 sRGB."""
    canvas = cv2.resize(_texture(rng), (size, size))
    for _ in range(rng.integers(4, 25)):
        centre = rng.integers(0, size, 2).tolist()
        axes = (size * rng.uniform(0.03, 0.35, 2)).astype(int).tolist()
        angle = between(rng, (0, 180))
        colour = _colour(rng).tolist()
        if chance(rng, 0.5):
            cv2.ellipse(canvas, centre, axes, angle, 0, 360, colour, -1)
        else:
            corners = cv2.boxPoints((centre, (2 * axes[0], 2 * axes[1]), angle))
            cv2.fillConvexPoly(canvas, corners.astype(int), colour)
    blur = between(rng, (0.3, 4.0))
    return cv2.GaussianBlur(canvas, (0, 0), blur)
