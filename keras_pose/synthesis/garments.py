"""Textures, and meshes that are worn on the body: clothes, shoes, hair."""

import dataclasses
import functools
import io
import os

import cv2
import numpy as np
from PIL import Image

from keras_pose import images
from keras_pose.synthesis import makehuman
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.render import decode_srgb
from keras_pose.synthesis.render import vertex_normals

# Vertices of MakeHuman's base mesh, which .mhclo files count.
BASE_VERTICES = 19158

# Sides of textures, px: larger ones are refused, or made smaller.
MAX_TEXTURE = 8192
TEXTURE = 512


@dataclasses.dataclass(frozen=True)
class Texture:
    """An image that is painted on a surface; read when it is first needed.

    Attributes:
        path: Of the image file.
    """

    path: str

    @functools.cached_property
    def pixels(self):
        """(height, width, 3) uint8, or (height, width, 4) with opacity.

        Raises:
            ValueError: The file is no image, damaged or too large.
        """
        encoded = makehuman.read_bytes(self.path)
        width, height, kind = images.image_header(encoded, self.path)
        if max(width, height) > MAX_TEXTURE:
            raise ValueError(
                f"{self.path}: a texture must have sides of at most "
                f"{MAX_TEXTURE} px. Received: {width} x {height}"
            )
        try:
            image = Image.open(io.BytesIO(encoded), formats=(kind,))
            pixels = np.array(image.convert("RGBA"))
        except Exception as error:  # damaged chunks raise nearly anything
            raise ValueError(
                f"{self.path}: the image is damaged: {error}"
            ) from error
        if pixels[..., 3].min() == 255:
            pixels = np.ascontiguousarray(pixels[..., :3])
        return _at_most(pixels, TEXTURE)

    def sample(self, uv, tint):
        """Colours where a surface is hit.

        Args:
            uv: (N, 2), v upwards from the lower edge; repeats outside [0, 1].
            tint: (3, 3), takes the texture's linear colours to what is seen.

        Returns:
            (N, 3) linear albedo, or (N, 4) with opacity.
        """
        pixels = self.pixels
        height, width = pixels.shape[:2]
        column = np.floor(uv[:, 0] * width).astype(np.int64) % width
        row = np.floor((1 - uv[:, 1]) * height).astype(np.int64) % height
        texels = pixels[row, column]
        colour = np.clip(decode_srgb(texels[:, :3]) @ tint.T, 0, 1)
        if texels.shape[1] == 3:
            return colour
        opacity = texels[:, 3:].astype(np.float32) / 255
        return np.concatenate([colour, opacity], axis=1)


def _at_most(pixels, size):
    """An image made smaller, if its longer side exceeds `size`."""
    height, width = pixels.shape[:2]
    factor = size / max(height, width)
    if factor >= 1:
        return pixels
    smaller = max(1, round(width * factor)), max(1, round(height * factor))
    if pixels.shape[2] == 3:
        return cv2.resize(pixels, smaller, interpolation=cv2.INTER_AREA)
    # What is not seen must not bleed into what is.
    alpha = pixels[..., 3:].astype(np.float32) / 255
    weighted = np.concatenate([pixels[..., :3] * alpha, alpha], axis=-1)
    weighted = cv2.resize(weighted, smaller, interpolation=cv2.INTER_AREA)
    weighted[..., :3] /= np.maximum(weighted[..., 3:], 1e-6)
    weighted[..., 3] *= 255
    return np.round(weighted).clip(0, 255).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Worn:
    """A garment, shoes or hair as they are worn on `load_body()`.

    Attributes:
        fitting: A makehuman.Fitting whose indices are rows of the body;
            `hidden` are the rows of skin that it covers.
        faces: (F, 3) int32.
        uv: (F, 3, 2) float32 texture coordinates of the faces' corners.
        weights: (V, 31) float32 skinning weights.
    """

    fitting: makehuman.Fitting
    faces: np.ndarray
    uv: np.ndarray
    weights: np.ndarray

    def place(self, shape, posed, clearance):
        """Fits the mesh to a body and poses it with the body.

        Args:
            shape: A body.Shape.
            posed: A body.Posed of the shape.
            clearance: mm by which it is pushed outwards.

        Returns:
            (vertices, normals), each (V, 3) float32: mm, and unit length.
        """
        fitted = self.fitting.fit(shape.vertices).astype(np.float32)
        vertices = posed.skin(fitted, self.weights)
        normals = vertex_normals(vertices, self.faces)
        return vertices + np.float32(clearance) * normals, normals


@dataclasses.dataclass(frozen=True)
class Garment:
    """The files of a garment, of shoes or of hair; read when first needed.

    Attributes:
        path: Of the .mhclo file.
        texture: Its Texture.
    """

    path: str
    texture: Texture

    @functools.cached_property
    def worn(self):
        """The Worn of the files.

        Raises:
            ValueError: A file is missing, damaged or does not fit the body.
        """
        fitting = makehuman.read_fitting(self.path, BASE_VERTICES)
        obj_file = fitting.obj_file
        if not os.path.isfile(obj_file):
            raise ValueError(
                f"{self.path}: `obj_file` must be a file beside it. "
                f"Received: {os.path.basename(obj_file)!r}"
            )
        mesh = makehuman.read_obj(obj_file)
        if len(mesh.vertices) != len(fitting.vertices):
            raise ValueError(
                f"{obj_file}: must have as many vertices as {self.path} fits. "
                f"Received: {len(mesh.vertices)} and {len(fitting.vertices)}"
            )
        if mesh.face_uv.min() < 0:
            raise ValueError(
                f"{obj_file}: every corner of a face must name a texture "
                "coordinate, as in 3/7"
            )
        fitting = _on_body(fitting, self.path)
        carriers = load_body().weights[fitting.vertices]
        # A vertex beyond its triangle has negative shares, which would turn
        # bones backwards.
        shares = np.maximum(fitting.weights, 0)
        weights = np.einsum("vk,vkb->vb", shares, carriers)
        total = weights.sum(axis=1, keepdims=True)
        return Worn(
            fitting,
            mesh.faces.astype(np.int32),
            mesh.uv[mesh.face_uv].astype(np.float32),
            (weights / total).astype(np.float32),
        )


@functools.cache
def _body_rows():
    """(BASE_VERTICES,) row of the body of each base vertex, -1 for none."""
    rows = np.full(BASE_VERTICES, -1)
    kept = load_body().base_rows
    rows[kept] = np.arange(len(kept))
    return rows


def _on_body(fitting, path):
    """The Fitting with rows of the body in place of the base mesh's."""
    row_of = _body_rows()
    pairs = [pair and pair[:2] for pair in fitting.scale_pairs]
    used = np.concatenate(
        [fitting.vertices.ravel(), *(pair for pair in pairs if pair)]
    ).astype(np.int64)
    absent = used[row_of[used] < 0]
    if len(absent):
        raise ValueError(
            f"{path}: vertices must be fitted to the body, the tights or the "
            f"hair of the base mesh. Received: vertex {absent[0]}"
        )
    hidden = row_of[fitting.hidden]
    return dataclasses.replace(
        fitting,
        vertices=row_of[fitting.vertices],
        weights=fitting.weights.astype(np.float32),
        offsets=fitting.offsets.astype(np.float32),
        scale_pairs=tuple(
            pair and (row_of[pair[0]], row_of[pair[1]], pair[2])
            for pair in fitting.scale_pairs
        ),
        hidden=hidden[hidden >= 0],
    )
