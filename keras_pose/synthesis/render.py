"""Ray casting: surfaces, lights and a camera to an image.

Embree finds what each ray hits; the rest is shading by arrays. Colours are
linear light in [0, 1] inside and become sRGB bytes, by a gamma of 2, at the
end.
"""

import dataclasses
import functools
from collections.abc import Callable

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

# A shadow ray starts this far off its surface, mm, lest it hits it again,
SHADOW_OFFSET = 2.0
# and a ray that goes on through a hole this far behind it.
HOLE_OFFSET = 0.1

# Rays on each side of a pixel that shows an edge.
EDGE_SAMPLES = 2

# Two neighbouring pixels this much apart in depth, mm, have an edge between.
EDGE_DEPTH = 40.0

# How often a ray goes on through what a surface's paint leaves out.
MAX_LAYERS = 4


@dataclasses.dataclass(frozen=True)
class Surface:
    """Triangles, and what is painted on them.

    Attributes:
        vertices: (V, 3) float32 mm, world.
        faces: (F, 3) int32.
        normals: (V, 3), unit length, outwards.
        attributes: (V, A) or (F, 3, A); what `paint` reads, interpolated.
        paint: Takes (N, A), gives (N, 3) albedo in [0, 1], or (N, 4) with an
            opacity below 0.5 where the surface is a hole.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    attributes: np.ndarray
    paint: Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Light:
    """A sun or lamp far away, and light from all around.

    Attributes:
        direction: (3,) unit vector towards the light.
        colour: (3,) of the light.
        sky: (3,) of the light from above.
        ground: (3,) of the light from below.
    """

    direction: np.ndarray
    colour: np.ndarray
    sky: np.ndarray
    ground: np.ndarray


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera, see `geometry.camera`.

    Attributes:
        intrinsics: (3, 3) px.
        rotation: (3, 3), world to camera.
        centre: (3,) mm, world.
    """

    intrinsics: np.ndarray
    rotation: np.ndarray
    centre: np.ndarray

    def directions(self, pixels):
        """World directions (N, 3) float32 of the rays through (N, 2) px."""
        # One matrix in double precision, and the many rays in single.
        slopes = np.linalg.inv(self.intrinsics)
        from_pixels = (self.rotation.T @ slopes).astype(np.float32)
        pixels = pixels.astype(np.float32, copy=False)
        return pixels @ from_pixels[:, :2].T + from_pixels[:, 2]


@dataclasses.dataclass(frozen=True)
class Hits:
    """What N rays hit first.

    Attributes:
        surface: (N,) index of the surface, -1 for none.
        face: (N,) index of its face.
        weights: (N, 3) barycentric coordinates on the face.
        depth: (N,) in lengths of the ray's direction.
    """

    surface: np.ndarray
    face: np.ndarray
    weights: np.ndarray
    depth: np.ndarray


class Scene:
    """Surfaces, ready for rays."""

    def __init__(self, surfaces):
        self.surfaces = tuple(surfaces)
        self._scene = EmbreeScene()
        for surface in self.surfaces:
            TriangleMesh(self._scene, surface.vertices, surface.faces)

    def cast(self, origins, directions):
        """What rays hit first.

        Args:
            origins: (N, 3) float32 mm.
            directions: (N, 3) float32, any length.

        Returns:
            Hits.
        """
        found = self._scene.run(
            np.ascontiguousarray(origins),
            np.ascontiguousarray(directions),
            query="INTERSECT",
            output=True,
        )
        u, v = found["u"], found["v"]
        return Hits(
            found["geomID"],
            found["primID"],
            np.stack([1 - u - v, u, v], axis=-1),
            found["tfar"],
        )

    def occluded(self, origins, directions):
        """(N,) bool, whether rays hit anything."""
        if not len(origins):
            return np.zeros(0, bool)
        found = self._scene.run(
            np.ascontiguousarray(origins),
            np.ascontiguousarray(directions),
            query="OCCLUDED",
        )
        return found == 0


def vertex_normals(vertices, faces):
    """Unit normals of vertices, the mean of their faces' by area.

    Args:
        vertices: (V, 3).
        faces: (F, 3), counter-clockwise seen from outside.

    Returns:
        (V, 3).
    """
    first, second, third = (vertices[faces[:, corner]] for corner in range(3))
    of_face = _cross(second - first, third - first)
    key = np.ascontiguousarray(faces, np.int32).tobytes()
    order, starts, used = _corners(key)
    normals = np.zeros_like(vertices)
    normals[used] = np.add.reduceat(of_face[order], starts)
    length = np.sqrt(np.einsum("vi,vi->v", normals, normals))
    return normals / np.maximum(length, 1e-9)[:, None]


@functools.lru_cache(maxsize=64)
def _corners(faces):
    """Faces sorted by vertex, where each vertex's begin, and the vertices."""
    flat = np.frombuffer(faces, np.int32)
    order = np.argsort(flat, kind="stable")
    used, starts = np.unique(flat[order], return_index=True)
    return order // 3, starts, used


def _cross(a, b):
    """Cross products; four times as fast as np.cross."""
    ax, ay, az = a.T
    bx, by, bz = b.T
    return np.stack(
        [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1
    )


def render(surfaces, camera, size, light, backdrop, ground=None):
    """Renders an image.

    Args:
        surfaces: Sequence of Surface.
        camera: A Camera.
        size: Side of the image, px.
        light: A Light.
        backdrop: (size, size, 3) linear light behind the surfaces.
        ground: (size, size) bool, where the backdrop shows the ground y = 0,
            on which shadows fall; None: everywhere.

    Returns:
        (size, size, 3) float32 linear light.
    """
    scene = Scene(surfaces)
    pixels = pixel_grid(size)
    directions = camera.directions(pixels)
    rays = _rays_near(surfaces, camera, size)
    colour, depth = _see(scene, camera, directions[rays], light)
    covered = np.isfinite(depth)
    shade = _ground_shade(scene, camera, directions, light)
    if ground is not None:
        shade[~ground.ravel()] = 1
    image = backdrop.reshape(-1, 3) * shade
    background = image.copy()
    image[rays[covered]] = colour[covered]
    whole = np.full(size * size, np.inf, np.float32)
    whole[rays] = depth
    edges = _edges(whole.reshape(size, size))
    if len(edges):
        step = (np.arange(EDGE_SAMPLES) + 0.5) / EDGE_SAMPLES - 0.5
        shifts = np.stack(np.meshgrid(step, step), axis=-1).reshape(-1, 1, 2)
        inside = camera.directions((pixels[edges] + shifts).reshape(-1, 2))
        colour, depth = _see(scene, camera, inside, light)
        colour = colour.reshape(len(shifts), -1, 3)
        covered = np.isfinite(depth).reshape(len(shifts), -1, 1)
        image[edges] = np.where(covered, colour, background[edges]).mean(axis=0)
    return image.reshape(size, size, 3)


def _rays_near(surfaces, camera, size):
    """Indices of the pixels in the rectangle around all surfaces."""
    vertices = np.concatenate([surface.vertices for surface in surfaces])
    seen = (vertices - camera.centre) @ camera.rotation.T
    # What is beside or behind the camera has no place in the image.
    if seen[:, 2].min() < 1:
        return np.arange(size * size)
    pixels = seen @ camera.intrinsics.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    low = np.clip(np.floor(pixels.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0)) + 1, 0, size).astype(int)
    rows, columns = np.arange(low[1], high[1]), np.arange(low[0], high[0])
    return (rows[:, None] * size + columns).ravel()


@functools.cache
def pixel_grid(size):
    """Pixel centres (size * size, 2) float32 of an image, row by row."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return np.stack([x, y], axis=-1).reshape(-1, 2)


def _edges(depth):
    """Indices of the pixels of a depth image that lie at an edge."""
    filled = np.where(np.isfinite(depth), depth, np.float32(1e6))
    kernel = np.ones((3, 3), np.uint8)
    nearest = cv2.erode(filled, kernel)
    farthest = cv2.dilate(filled, kernel)
    return np.flatnonzero(farthest - nearest > EDGE_DEPTH)


def _see(scene, camera, directions, light):
    """Colour (N, 3) and depth (N,) along camera rays; inf where nothing is."""
    origins = np.broadcast_to(
        camera.centre.astype(np.float32), directions.shape
    )
    colour = np.zeros((len(directions), 3), np.float32)
    depth = np.full(len(directions), np.inf, np.float32)
    rays, travelled = np.arange(len(directions)), 0.0
    for _ in range(MAX_LAYERS):
        hits = scene.cast(origins, directions[rays])
        hit = np.flatnonzero(hits.surface >= 0)
        if not len(hit):
            break
        points, normals, albedo, opaque = _surface_at(
            scene, hits, hit, origins, directions[rays]
        )
        solid = hit[opaque]
        colour[rays[solid]] = albedo[opaque] * _lit(
            scene, points[opaque], normals[opaque], light
        )
        total = travelled + hits.depth
        depth[rays[solid]] = total[solid]
        holes = hit[~opaque]
        if not len(holes):
            break
        onwards = directions[rays[holes]]
        shift = HOLE_OFFSET / np.linalg.norm(onwards, axis=-1)
        origins = points[~opaque] + onwards * shift[:, None]
        travelled = total[holes] + shift
        rays = rays[holes]
    return colour, depth


def _surface_at(scene, hits, hit, origins, directions):
    """Points, normals towards the ray, albedo and opacity at hits."""
    points = origins[hit] + directions[hit] * hits.depth[hit, None]
    normals = np.empty((len(hit), 3), np.float32)
    albedo = np.ones((len(hit), 4), np.float32)
    for index, surface in enumerate(scene.surfaces):
        here = np.flatnonzero(hits.surface[hit] == index)
        if not len(here):
            continue
        face = hits.face[hit[here]]
        corners = surface.faces[face]
        weights = hits.weights[hit[here]]
        normals[here] = np.einsum(
            "nk,nkd->nd", weights, surface.normals[corners]
        )
        if surface.attributes.ndim == 3:
            attributes = surface.attributes[face]
        else:
            attributes = surface.attributes[corners]
        painted = surface.paint(np.einsum("nk,nka->na", weights, attributes))
        albedo[here, : painted.shape[1]] = painted
    length = np.sqrt(np.einsum("nd,nd->n", normals, normals))
    normals /= np.maximum(length, 1e-9)[:, None]
    away = np.einsum("nd,nd->n", normals, directions[hit]) > 0
    normals[away] *= -1  # both sides of cloth and hair can be seen
    return points, normals, albedo[:, :3], albedo[:, 3] >= 0.5


def _lit(scene, points, normals, light):
    """Light (N, 3) that falls on surface points."""
    up = 0.5 + 0.5 * normals[:, 1:2]
    around = light.ground + (light.sky - light.ground) * up
    facing = normals @ light.direction.astype(np.float32)
    lit = np.flatnonzero(facing > 0)
    origins = points[lit] + normals[lit] * np.float32(SHADOW_OFFSET)
    towards = np.broadcast_to(light.direction, origins.shape)
    shaded = scene.occluded(origins, towards.astype(np.float32))
    facing[lit[shaded]] = 0
    direct = np.maximum(facing, 0)[:, None] * light.colour
    return (around + direct).astype(np.float32)


def _ground_shade(scene, camera, directions, light):
    """Factors (N, 3) of the light on the ground along rays; 1 elsewhere."""
    factors = np.ones((len(directions), 3), np.float32)
    down = directions[:, 1]
    rays = np.flatnonzero(down < -1e-3)
    eye = camera.centre.astype(np.float32)
    points = eye + directions[rays] * (-eye[1] / down[rays])[:, None]
    middle = np.mean(
        [surface.vertices.mean(axis=0) for surface in scene.surfaces], axis=0
    )
    near = np.abs(points[:, [0, 2]] - middle[[0, 2]]).max(axis=1) < 3000
    rays, points = rays[near], points[near]
    points[:, 1] = SHADOW_OFFSET
    towards = np.broadcast_to(light.direction, points.shape)
    shaded = rays[scene.occluded(points, towards.astype(np.float32))]
    around = light.sky
    full = around + light.colour * light.direction[1]
    factors[shaded] = around / np.maximum(full, 1e-6)
    return factors


def encode_srgb(linear):
    """Linear light to sRGB bytes, by a gamma of 2; clips."""
    return (np.sqrt(np.clip(linear, 0, 1)) * 255 + 0.5).astype(np.uint8)


def decode_srgb(pixels):
    """The inverse of `encode_srgb`."""
    return np.square(np.asarray(pixels, np.float32) / 255)
