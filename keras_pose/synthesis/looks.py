"""What people wear: garments and their patterns, painted on the mean body.

A garment is a region of the mean body at rest, so its seams stay where they
are on every shape and in every pose. The mean adult is 1692 mm tall; heights
below are on that body.
"""

import dataclasses
import functools

import cv2
import numpy as np

from keras_pose.synthesis.body import BONE_INDEX
from keras_pose.synthesis.body import FIRST_EYE_ROW
from keras_pose.synthesis.body import POINT_INDEX
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.draws import between
from keras_pose.synthesis.draws import chance
from keras_pose.synthesis.draws import pick
from keras_pose.synthesis.render import Surface
from keras_pose.synthesis.render import decode_srgb
from keras_pose.synthesis.render import vertex_normals

# Linear albedo of skin from dark to light; people lie between neighbours.
_SKIN = decode_srgb(
    [
        (58, 36, 24),
        (96, 62, 42),
        (141, 96, 68),
        (198, 146, 112),
        (232, 188, 160),
    ]
)
_HAIR = decode_srgb(
    [(22, 18, 16), (48, 32, 24), (92, 62, 38), (170, 130, 78), (150, 145, 140)]
)
_IRIS_RADIUS = 6.5  # mm
# Heights above the middle of the eyes, mm.
_LIPS, _BROWS = -65.0, 19.0

PATTERNS = ("plain", "stripes", "checks", "dots", "blotches", "halves")

# Where each region is, as drawn for one person: mm on the mean body.
RANGES = {
    "waist": (970, 1045),
    "hem": (110, 840),  # of the trousers: ankle to upper thigh
    "sleeve": (0.15, 1.95),  # 1 is the elbow, 2 the wrist
    "neckline": (60, 105),  # radius of the opening
    "shoe_top": (70, 180),
    "shirt_loose": (1, 16),
    "trousers_loose": (1, 12),
    "hair_thick": (3, 28),
    "shoe_thick": (2, 6),
}
BAREFOOT = 0.1
BALD = 0.06


@dataclasses.dataclass(frozen=True)
class Pattern:
    """Colours over a garment.

    Attributes:
        kind: One of `PATTERNS`.
        colours: (2, 3) linear albedo.
        direction: (3,) unit vector across the stripes.
        period: mm from stripe to stripe.
        phase: Radians.
    """

    kind: str
    colours: np.ndarray
    direction: np.ndarray
    period: float
    phase: float

    def __call__(self, rest):
        """Albedo (N, 3) at points (N, 3) of the mean body."""
        if self.kind == "plain":
            return np.broadcast_to(self.colours[0], rest.shape)
        wave = 2 * np.pi / self.period
        along = rest @ self.direction * wave + self.phase
        across = rest @ self.direction[[1, 2, 0]] * wave
        if self.kind == "stripes":
            second = np.sin(along) > 0.3
        elif self.kind == "checks":
            second = (np.sin(along) > 0) ^ (np.sin(across) > 0)
        elif self.kind == "dots":
            second = np.sin(along) + np.sin(across) > 1.2
        elif self.kind == "blotches":
            bent = np.sin(across * 0.7 + self.phase)
            second = np.sin(along + 2 * bent) + np.sin(across * 1.3) > 0.4
        else:
            second = along % (2 * np.pi) > np.pi
        return self.colours[second.astype(int)]


def draw_pattern(rng):
    """Draws a Pattern."""
    kind = pick(rng, {"plain": 0.5} | dict.fromkeys(PATTERNS[1:], 0.1))
    colours = np.array([_cloth_colour(rng) for _ in range(2)], np.float32)
    direction = rng.normal(size=3) * pick(rng, ((0.2, 1, 0.2), (1, 0.2, 0.2)))
    return Pattern(
        kind,
        colours,
        (direction / np.linalg.norm(direction)).astype(np.float32),
        between(rng, (250, 900) if kind == "halves" else (25, 140)),
        between(rng, (0, 2 * np.pi)),
    )


def _cloth_colour(rng):
    """Linear albedo (3,): grey, or a hue that is seldom garish."""
    hue, saturation = rng.uniform(0, 180), 255 * rng.beta(1.2, 2)
    value = 255 * (0.06 + 0.9 * rng.beta(1.3, 1.3))
    hsv = np.uint8([[[hue, saturation, value]]])
    return decode_srgb(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0])


def _between_colours(rng, colours):
    """A colour on the way along a row of colours, a little off it."""
    place = between(rng, (0, len(colours) - 1.001))
    first, share = int(place), place % 1
    mixed = colours[first] * (1 - share) + colours[first + 1] * share
    return np.clip(mixed * rng.uniform(0.85, 1.15, 3), 0, 1)


@functools.cache
def plain_attributes():
    """What an Outfit paints on, for the vertices of `Body.plain`.

    Returns:
        (V, 5) float32: the place on the mean body at rest, 1 on arms and
        hands, 1 on eyeballs.
    """
    body = load_body()
    mesh = body.plain
    arms = [
        index
        for bone, index in BONE_INDEX.items()
        if "Arm" in bone
        or "Hand" in bone
        or "Thumb" in bone
        or "FingerBase" in bone
    ]
    on_arm = mesh.weights[:, arms].sum(axis=1)
    eye = body.base_rows[mesh.rows] >= FIRST_EYE_ROW
    return np.concatenate(
        [mesh.rest, on_arm[:, None], eye[:, None]], axis=1
    ).astype(np.float32)


@functools.cache
def _landmarks():
    """(P, 3) mm, the points of the mean body."""
    body = load_body()
    return body.shape(np.zeros(body.num_shapes)).points


def _point(name):
    return _landmarks()[POINT_INDEX[name]].astype(np.float32)


def arm_progress(rest):
    """How far down an arm points lie: 0 shoulder, 1 elbow, 2 wrist."""
    mirrored = np.abs(rest[:, :1]) * (1, 0, 0) + rest * (0, 1, 1)
    total = np.zeros(len(rest), np.float32)
    for start, end in (("l-shoulder", "l-elbow"), ("l-elbow", "l-hand")):
        along = _point(end) - _point(start)
        share = (mirrored - _point(start)) @ along / (along @ along)
        total += np.clip(share, 0, 1)
    return total


# Lowest hair at each depth, from the nape over the ears to the forehead: mm
# before the body's middle, and above the middle of the eyes.
_HAIRLINE_Z = (-60.0, 0.0, 45.0, 95.0, 130.0, 170.0)
_HAIRLINE_Y = (-62.0, -47.0, 18.0, 48.0, 65.0, 83.0)


@dataclasses.dataclass(frozen=True)
class Outfit:
    """What one person looks like.

    Attributes:
        skin: (3,) linear albedo.
        hair: (3,) linear albedo.
        iris: (3,) linear albedo.
        shirt: Pattern of trunk and sleeves.
        trousers: Pattern.
        shoes: Pattern.
        cuts: The values drawn from `RANGES`.
        sleeves: Pattern of the sleeves, often the shirt's.
    """

    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    shirt: Pattern
    sleeves: Pattern
    trousers: Pattern
    shoes: Pattern
    cuts: dict[str, float]

    def regions(self, attributes):
        """Masks (N,) of what covers points; the rest is skin.

        Args:
            attributes: (N, 5), see `plain_attributes`.

        Returns:
            Dict of hair, shirt, sleeves, trousers, shoes to masks that do not
            overlap.
        """
        rest, on_arm = attributes[:, :3], attributes[:, 3] > 0.5
        x, y, z = rest.T
        cuts = self.cuts
        body = ~on_arm
        shoes = body & (y < cuts["shoe_top"])
        trousers = body & ~shoes & (y < cuts["waist"]) & (y > cuts["hem"])
        opening = rest - _point("neck") - np.float32([0, 20, 55])
        bare_neck = np.einsum("nd,nd->n", opening, opening) < (
            cuts["neckline"] ** 2
        )
        neck_top = _point("neck")[1] + 15
        shirt = body & (y >= cuts["waist"]) & (y < neck_top) & ~bare_neck
        sleeves = on_arm & (arm_progress(rest) < cuts["sleeve"])
        line = np.interp(z, _HAIRLINE_Z, _HAIRLINE_Y) + load_body().eye[1]
        line += cuts["hairline"]
        hair = body & (y > line)
        return {
            "hair": hair,
            "shirt": shirt,
            "sleeves": sleeves,
            "trousers": trousers,
            "shoes": shoes,
        }

    def thickness(self, attributes):
        """How far the outfit stands off the skin (N,), mm."""
        regions = self.regions(attributes)
        cuts = self.cuts
        result = np.zeros(len(attributes), np.float32)
        result[regions["hair"]] = cuts["hair_thick"]
        result[regions["shirt"]] = cuts["shirt_loose"]
        result[regions["sleeves"]] = 0.7 * cuts["shirt_loose"]
        result[regions["trousers"]] = cuts["trousers_loose"]
        result[regions["shoes"]] = cuts["shoe_thick"]
        return result

    def paint(self, attributes):
        """Albedo (N, 3) at points with the attributes (N, 5)."""
        rest = attributes[:, :3]
        albedo = np.empty((len(rest), 3), np.float32)
        albedo[:] = self.skin
        self._paint_face(albedo, rest, attributes[:, 4] > 0.5)
        patterns = {
            "shirt": self.shirt,
            "sleeves": self.sleeves,
            "trousers": self.trousers,
            "shoes": self.shoes,
        }
        for name, where in self.regions(attributes).items():
            if name == "hair":
                strands = 1 + 0.25 * np.sin(rest[where, 0] * 0.9)
                albedo[where] = self.hair * strands[:, None]
            else:
                albedo[where] = patterns[name](rest[where])
        return albedo

    def surfaces(self, shape, posed):
        """The person in this outfit.

        Args:
            shape: The person's Shape.
            posed: The same person, Posed.

        Returns:
            A list of one render.Surface.
        """
        mesh = load_body().plain
        attributes = plain_attributes()
        rest = shape.vertices[mesh.rows]
        outwards = vertex_normals(rest, mesh.faces)
        rest = rest + outwards * self.thickness(attributes)[:, None]
        vertices = posed.skin(rest, mesh.weights)
        normals = vertex_normals(vertices, mesh.faces)
        return [Surface(vertices, mesh.faces, normals, attributes, self.paint)]

    def _paint_face(self, albedo, rest, on_eye):
        eye = load_body().eye
        x, y, z = np.abs(rest[:, 0]), rest[:, 1] - eye[1], rest[:, 2]
        front = (z > eye[2] - 5) & (y > -100)
        lips = front & ((x / 24) ** 2 + ((y - _LIPS) / 7) ** 2 < 1)
        albedo[lips] = self.skin * (0.9, 0.5, 0.5)
        brow_x = (x - eye[0] - 2) / 20
        brows = front & (brow_x**2 + ((y - _BROWS) / 4) ** 2 < 1)
        albedo[brows] = self.hair * 0.8
        albedo[on_eye] = 0.75
        iris = on_eye & (np.hypot(x - eye[0], y) < _IRIS_RADIUS)
        albedo[iris] = self.iris


def draw_outfit(rng):
    """Draws an Outfit."""
    cuts = {name: between(rng, limits) for name, limits in RANGES.items()}
    cuts["hairline"] = rng.normal(0, 8)
    if chance(rng, BAREFOOT):
        cuts["shoe_top"] = -1.0
    if chance(rng, BALD):
        cuts["hairline"] = 1000.0
    shirt = draw_pattern(rng)
    sleeves = draw_pattern(rng) if chance(rng, 0.25) else shirt
    trousers = shirt if chance(rng, 0.08) else draw_pattern(rng)
    return Outfit(
        skin=_between_colours(rng, _SKIN).astype(np.float32),
        hair=_between_colours(rng, _HAIR).astype(np.float32),
        iris=(rng.uniform(0.02, 0.25, 3)).astype(np.float32),
        shirt=shirt,
        sleeves=sleeves,
        trousers=trousers,
        shoes=draw_pattern(rng),
        cuts=cuts,
    )
