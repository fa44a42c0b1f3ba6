"""Textured skins, clothes and hair from a folder of MakeHuman's formats.

    skins/*.png
    clothes/NAME/    NAME.mhclo, its .obj and one *_diffuse.png; shoes are the
                     folders whose names begin with "shoes", the others are
                     whole outfits
    hair/NAME/       as clothes

Skins, outfits and hair whose names hold the word "female" or "male", as in
"old_female_diffuse.png", are worn with their like only.
"""

import dataclasses
import functools
import os
import re

import numpy as np

from keras_pose.synthesis.body import FIRST_EYE_ROW
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.draws import between
from keras_pose.synthesis.draws import chance
from keras_pose.synthesis.draws import pick
from keras_pose.synthesis.garments import Garment
from keras_pose.synthesis.garments import Texture
from keras_pose.synthesis.render import Surface
from keras_pose.synthesis.render import vertex_normals

SHOES = 0.85
HAIR = 0.85

# What is worn is pushed outwards by this, mm, lest skin pokes through.
CLEARANCE = 4.0
SHOE_CLEARANCE = 1.0

# Of the eyes, mm.
_IRIS_RADIUS, _PUPIL_RADIUS = 6.0, 2.5


@dataclasses.dataclass(frozen=True)
class Wardrobe:
    """What people can look like; each part sorted by name.

    Attributes:
        skins: Textures.
        outfits: Garments that cover trunk and legs.
        shoes: Garments, may be empty.
        hair: Garments, may be empty.
    """

    skins: tuple[Texture, ...]
    outfits: tuple[Garment, ...]
    shoes: tuple[Garment, ...]
    hair: tuple[Garment, ...]

    def check(self):
        """Reads every file, which the first use of each would do.

        Raises:
            ValueError: Names the first file that cannot be used, and why.
        """
        garments = self.outfits + self.shoes + self.hair
        for texture in self.skins + tuple(one.texture for one in garments):
            _ = texture.pixels
        for garment in garments:
            _ = garment.worn


def load_wardrobe(folder):
    """Finds the files of a folder; they are read when they are first used.

    Args:
        folder: Path of a folder as the module describes it.

    Returns:
        A Wardrobe.

    Raises:
        ValueError: The folder, a part that must be there or a file that a
            garment needs is missing.
    """
    if not os.path.isdir(folder):
        raise ValueError(
            f"`assets` must be a folder that exists. Received: {folder!r}"
        )
    skins = _named(os.path.join(folder, "skins"), ".png")
    clothes = _garments(os.path.join(folder, "clothes"))
    shoes = [one for one in clothes if _folder_of(one).startswith("shoes")]
    outfits = [one for one in clothes if one not in shoes]
    for found, what in ((skins, "skins/*.png"), (outfits, "clothes/*")):
        if not found:
            raise ValueError(
                f"`assets` must be a folder with {what}. Received: {folder!r}, "
                "which has none"
            )
    return Wardrobe(
        tuple(Texture(path) for path in skins),
        tuple(outfits),
        tuple(shoes),
        tuple(_garments(os.path.join(folder, "hair"))),
    )


def _folder_of(garment):
    return os.path.basename(os.path.dirname(garment.path))


def _named(folder, ending):
    """Sorted paths of a folder's files; those of no folder are none."""
    if not os.path.isdir(folder):
        return []
    return [
        os.path.join(folder, name)
        for name in sorted(os.listdir(folder))
        if name.endswith(ending) and not name.startswith(".")
    ]


def _garments(folder):
    """The Garments of the folders in a folder."""
    return [
        Garment(_only(inside, ".mhclo"), Texture(_only(inside, "_diffuse.png")))
        for inside in _named(folder, "")
        if os.path.isdir(inside)
    ]


def _only(folder, ending):
    found = _named(folder, ending)
    if len(found) != 1:
        raise ValueError(
            f"{folder}: must hold exactly one *{ending} file. "
            f"Received: {len(found)}"
        )
    return found[0]


@dataclasses.dataclass(frozen=True)
class Piece:
    """A garment, shoes or hair of one person.

    Attributes:
        garment: The Garment.
        tint: (3, 3), see `Texture.sample`.
        clearance: mm by which it is pushed outwards.
    """

    garment: Garment
    tint: np.ndarray
    clearance: float


@dataclasses.dataclass(frozen=True)
class TexturedOutfit:
    """What one person looks like.

    Attributes:
        skin: The skin's Texture.
        tint: (3, 3) of the skin, see `Texture.sample`.
        iris: (3,) linear albedo.
        pieces: Pieces: the outfit, then shoes and hair if there are any.
    """

    skin: Texture
    tint: np.ndarray
    iris: np.ndarray
    pieces: tuple[Piece, ...]

    def surfaces(self, shape, posed):
        """What there is to see of the person.

        Args:
            shape: A body.Shape.
            posed: A body.Posed of the shape.

        Returns:
            List of render.Surface: the skin that is not covered, the eyes,
            and a surface for each of `pieces`.
        """
        paint = functools.partial(self.skin.sample, tint=self.tint)
        surfaces = [
            self._skin_surface(shape, posed, paint),
            self._eye_surface(shape, posed),
        ]
        for piece in self.pieces:
            worn = piece.garment.worn
            paint = functools.partial(
                piece.garment.texture.sample, tint=piece.tint
            )
            vertices, normals = worn.place(shape, posed, piece.clearance)
            surfaces.append(
                Surface(vertices, worn.faces, normals, worn.uv, paint)
            )
        return surfaces

    def _skin_surface(self, shape, posed, paint):
        mesh = load_body().skin
        covered = np.zeros(len(shape.vertices), bool)
        for piece in self.pieces:
            covered[piece.garment.worn.fitting.hidden] = True
        seen = ~covered[mesh.rows][mesh.faces].all(axis=1)
        vertices = posed.skin(shape.vertices[mesh.rows], mesh.weights)
        normals = vertex_normals(vertices, mesh.faces)
        return Surface(
            vertices, mesh.faces[seen], normals, _skin_uv()[seen], paint
        )

    def _eye_surface(self, shape, posed):
        mesh = _eyes()
        vertices = posed.skin(shape.vertices[mesh.rows], mesh.weights)
        normals = vertex_normals(vertices, mesh.faces)
        return Surface(vertices, mesh.faces, normals, mesh.rest, self._eye)

    def _eye(self, rest):
        """Albedo (N, 3) of the eyes at points (N, 3) of the mean body."""
        eye_x, eye_y, _ = load_body().eye
        off = np.hypot(np.abs(rest[:, 0]) - eye_x, rest[:, 1] - eye_y)
        albedo = np.full((len(rest), 3), 0.7, np.float32)
        albedo[off < _IRIS_RADIUS] = self.iris
        albedo[off < _PUPIL_RADIUS] = 0.01
        return albedo


@functools.cache
def _skin_uv():
    """(F, 3, 2) float32 texture coordinates of the faces of `Body.skin`."""
    body = load_body()
    return body.uv[body.skin_face_uv]


@functools.cache
def _eyes():
    """The Mesh of the eyeballs."""
    body = load_body()
    mesh = body.plain
    eye = body.base_rows[mesh.rows] >= FIRST_EYE_ROW
    faces = mesh.faces[eye[mesh.faces].all(axis=1)]
    own, compact = np.unique(faces, return_inverse=True)
    return dataclasses.replace(
        mesh,
        rows=mesh.rows[own],
        faces=compact.reshape(faces.shape).astype(np.int32),
        weights=mesh.weights[own],
        rest=mesh.rest[own],
    )


def draw_textured(rng, wardrobe):
    """Draws what one person looks like.

    Args:
        rng: A np.random.Generator.
        wardrobe: A Wardrobe.

    Returns:
        A TexturedOutfit.
    """
    skin = pick(rng, wardrobe.skins)
    gender = _gender(os.path.basename(skin.path))
    outfit = pick(rng, _alike(wardrobe.outfits, gender))
    pieces = [Piece(outfit, _draw_tint(rng, 180, 0.35, 0.2), CLEARANCE)]
    if chance(rng, SHOES) and wardrobe.shoes:
        shoes = pick(rng, _alike(wardrobe.shoes, gender))
        pieces.append(
            Piece(shoes, _draw_tint(rng, 180, 0.3, 0.1), SHOE_CLEARANCE)
        )
    if chance(rng, HAIR) and wardrobe.hair:
        hair = pick(rng, _alike(wardrobe.hair, gender))
        pieces.append(Piece(hair, _draw_tint(rng, 8, 0.3, 0.08), CLEARANCE))
    return TexturedOutfit(
        skin=skin,
        tint=_draw_tint(rng, 0, 0.12, 0.04),
        iris=rng.uniform(0.02, 0.25, 3).astype(np.float32),
        pieces=tuple(pieces),
    )


def _gender(name):
    """The "female" or "male" that a name holds, or ""."""
    words = re.split("[^a-z]+", name.lower())
    return next((word for word in ("female", "male") if word in words), "")


def _alike(garments, gender):
    """The garments for people of a gender; all where there are none."""
    of = {one: _gender(_folder_of(one)) for one in garments}
    suited = [one for one in garments if not gender or of[one] in ("", gender)]
    return suited or garments


def _draw_tint(rng, hue, value, channel):
    """A random change of colours.

    Args:
        rng: A np.random.Generator.
        hue: Degrees by which hues turn at most.
        value: Standard deviation of the logarithm of a factor on all.
        channel: The same of a factor on each of red, green and blue.

    Returns:
        (3, 3) float32, takes linear colours to linear colours.
    """
    angle = np.radians(between(rng, (-hue, hue)))
    axis = np.float32([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turn = (
        np.cos(angle) * np.eye(3)
        + np.sin(angle) * axis
        + (1 - np.cos(angle)) * np.full((3, 3), 1 / 3)
    )
    factors = np.exp(rng.normal(0, value) + rng.normal(0, channel, 3))
    return (factors[:, None] * turn).astype(np.float32)
