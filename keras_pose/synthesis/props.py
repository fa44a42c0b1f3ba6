"""Things that stand about: seats below people, and boxes in front of them."""

import numpy as np

from keras_pose.synthesis import rotations
from keras_pose.synthesis.body import BONE_INDEX
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.draws import between
from keras_pose.synthesis.draws import chance
from keras_pose.synthesis.looks import draw_pattern
from keras_pose.synthesis.render import Surface

SEAT = 0.8  # how often a person who sits above the ground has a seat
OCCLUDER = 0.3  # how often a box stands in front of the person,
OCCLUDER_PLACE = (0.55, 0.75)  # where on the way from the camera to a joint,
OCCLUDER_SIDE = (0.08, 0.3)  # its sides, of the person's height in the image
ON_THE_GROUND = 0.5  # how often such a box reaches down to the ground

_SEAT_SIZE = 420.0, 460.0  # mm, width and depth
_LEAST_SEAT_HEIGHT = 200.0  # mm

# Of the six faces of a cube.
_NORMALS = np.concatenate([np.eye(3), -np.eye(3)])


def _cube():
    """Vertices (24, 3), faces (12, 3) and normals (24, 3) of a cube."""
    vertices, faces = [], []
    for normal in _NORMALS:
        first = np.roll(normal, 1)
        second = np.cross(normal, first)
        start = len(vertices)
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            vertices.append(normal + a * first + b * second)
        faces += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
    return (
        np.array(vertices, np.float32),
        np.array(faces, np.int32),
        np.repeat(_NORMALS, 4, axis=0).astype(np.float32),
    )


_VERTICES, _FACES, _CUBE_NORMALS = _cube()


def box_surface(rng, middle, half_sides, turn=0.0):
    """A box with a pattern.

    Args:
        rng: Draws the pattern.
        middle: (3,) mm.
        half_sides: (3,) mm.
        turn: Radians about the vertical.

    Returns:
        A Surface.
    """
    rotation = rotations.about("y", turn).astype(np.float32)
    local = _VERTICES * np.asarray(half_sides, np.float32)
    return Surface(
        (local @ rotation.T + middle).astype(np.float32),
        _FACES,
        _CUBE_NORMALS @ rotation.T,
        local,
        draw_pattern(rng),
    )


def draw_seat(rng, family, posed, vertices):
    """Draws a seat below a person who sits above the ground.

    Args:
        rng: A np.random.Generator.
        family: The family of the pose.
        posed: The Posed person; faces +z.
        vertices: (V, 3) mm, those of `Body.plain` in the pose.

    Returns:
        A list of one Surface or none.
    """
    bones = [BONE_INDEX[b] for b in ("Hips", "LHipJoint", "RHipJoint")]
    owner = load_body().plain.owners
    lowest = vertices[np.isin(owner, bones), 1].min()
    if family != "sitting" or lowest < _LEAST_SEAT_HEIGHT:
        return []
    if not chance(rng, SEAT):
        return []
    x, _, z = posed.joints[0]
    width, depth = np.array(_SEAT_SIZE) * rng.uniform(0.8, 1.2, 2) / 2
    top = between(rng, (40, lowest)) if chance(rng, 0.3) else 0.0
    middle = np.array([x, (lowest + top) / 2, z + 100 - depth])
    half = np.array([width, (lowest - top) / 2, depth])
    return [box_surface(rng, middle, half)]


def draw_occluders(rng, camera, joints, box):
    """Draws boxes between the camera and the person.

    Args:
        rng: A np.random.Generator.
        camera: The Camera.
        joints: (17, 3) mm, world.
        box: (4,) the person's box, px.

    Returns:
        A list of Surface, mostly empty.
    """
    if not chance(rng, OCCLUDER):
        return []
    target = joints[rng.integers(len(joints))]
    place = between(rng, OCCLUDER_PLACE)
    middle = camera.centre + place * (target - camera.centre)
    distance = place * np.linalg.norm(target - camera.centre)
    mm_per_px = distance / camera.intrinsics[0, 0]
    sides = rng.uniform(*OCCLUDER_SIDE, 3) * box[2:].max() * mm_per_px
    if chance(rng, ON_THE_GROUND) and middle[1] > sides[1]:
        top = middle[1] + sides[1] / 2
        middle = middle * (1, 0, 1) + (0, top / 2, 0)
        sides[1] = top
    middle = np.maximum(middle, (-np.inf, sides[1] / 2, -np.inf))
    return [box_surface(rng, middle, sides / 2, between(rng, (0, np.pi)))]
