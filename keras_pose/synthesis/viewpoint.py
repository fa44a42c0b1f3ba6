"""From where a person is photographed, and how the photo is cut."""

import numpy as np

from keras_pose.geometry import camera as pinhole
from keras_pose.geometry import crop
from keras_pose.synthesis import rotations
from keras_pose.synthesis.draws import between
from keras_pose.synthesis.draws import chance
from keras_pose.synthesis.render import Camera

NO_DISTORTION = np.zeros(5, np.float32)

# A photo is taken, and the person is cut out of it; px.
_PHOTO_SIZE = 1000

DISTANCE = (2200.0, 7000.0)  # mm, camera to the middle of the person
HEIGHT = (300.0, 2200.0)  # mm above the ground
FROM_ABOVE = 0.15  # share of cameras that look down from higher up,
HEIGHT_ABOVE = (2200.0, 4500.0)  # mm
FIELD_OF_VIEW = (35.0, 70.0)  # degrees across the photo
OFF_CENTRE = 0.6  # the person's place in the photo, of the half field of view
ROLL_DEVIATION = 4.0  # degrees
MARGIN = (1.1, 1.5)  # side of the image over the longer side of the person
SHIFT = 0.08  # of the person in the image, of its side


def draw_camera(rng, vertices, size):
    """Draws the camera of one image.

    Args:
        rng: A np.random.Generator.
        vertices: (V, 3) mm, world; the person.
        size: Side of the image, px.

    Returns:
        (Camera, box): the camera whose image is the cut-out, and the person's
        (4,) tight box in it: x, y, width, height in px.
    """
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    distance = between(rng, DISTANCE)
    heights = HEIGHT_ABOVE if chance(rng, FROM_ABOVE) else HEIGHT
    rise = np.clip((between(rng, heights) - middle[1]) / distance, -0.7, 0.7)
    azimuth = between(rng, (0, 2 * np.pi))
    level = np.sqrt(1 - rise**2)
    centre = middle + distance * np.array(
        [level * np.sin(azimuth), rise, level * np.cos(azimuth)]
    )
    rotation = _looking_at(middle - centre)
    field_of_view = between(rng, FIELD_OF_VIEW)
    half = np.radians(field_of_view) / 2 * OFF_CENTRE
    turn = (
        rotations.about("z", np.radians(rng.normal(0, ROLL_DEVIATION)))
        @ rotations.about("y", rng.uniform(-half, half))
        @ rotations.about("x", rng.uniform(-half, half))
    )
    photo = Camera(
        np.float32(
            pinhole.intrinsics_from_field_of_view(
                field_of_view, _PHOTO_SIZE, _PHOTO_SIZE
            )
        ),
        turn @ rotation,
        centre,
    )
    box = box_of(photo, vertices)
    side = box[2:].max()
    around = box + np.append(rng.uniform(-SHIFT, SHIFT, 2) * side, (0, 0))
    transform = crop.crop_from_image(around, size, between(rng, MARGIN))
    cut = Camera(
        crop.crop_intrinsics(transform, photo.intrinsics),
        photo.rotation,
        photo.centre,
    )
    return cut, box_of(cut, vertices)


def _looking_at(direction):
    """(3, 3) world to camera of an upright camera that looks along (3,)."""
    forward = direction / np.linalg.norm(direction)
    right = np.cross(forward, (0, 1, 0))
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def project(camera, points):
    """World points (N, 3) to the (N, 3) mm of the camera and (N, 2) px."""
    seen = pinhole.camera_from_world(points, camera.rotation, camera.centre)
    return seen, pinhole.image_from_camera(
        seen, camera.intrinsics, NO_DISTORTION
    )


def box_of(camera, vertices):
    """The (4,) tight box of points; boxes count from the image's corner."""
    _, pixels = project(camera, vertices)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return np.concatenate([low + 0.5, high - low])
