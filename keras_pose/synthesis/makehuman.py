"""Reads MakeHuman's files: base mesh, shape targets, rig and fitted clothes.

MakeHuman counts in decimetres with y up and the body facing +z; what is
returned here is in mm in the same axes. A quad or a triangle of an .obj file
becomes two triangles or one.
"""

import dataclasses
import gzip
import json
import math
import os
import zlib

import numpy as np

MM_PER_UNIT = 100.0  # MakeHuman's unit is the decimetre

# No file of MakeHuman's own comes near these; a file that does is refused
# before it is held in memory.
MAX_FILE_BYTES = 64 << 20

# How far the weights of a fitted vertex, which files round, may be from 1.
WEIGHTS_TOLERANCE = 0.01


@dataclasses.dataclass(frozen=True)
class Mesh:
    """An .obj file.

    Attributes:
        vertices: (V, 3) mm.
        uv: (T, 2) texture coordinates, v upwards from the lower edge.
        faces: (F, 3) rows of `vertices`.
        face_uv: (F, 3) rows of `uv`; -1 where the file gives none.
        groups: Name of each group to its faces, as (start, end) pairs.
    """

    vertices: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    face_uv: np.ndarray
    groups: dict[str, list[tuple[int, int]]]

    def faces_of(self, group):
        """Indices of a group's faces."""
        spans = [np.arange(*span) for span in self.groups[group]]
        return np.concatenate(spans)

    def vertices_of(self, group):
        """Sorted indices of a group's vertices."""
        return np.unique(self.faces[self.faces_of(group)])


def read_bytes(path):
    """Reads a file, gzipped or not.

    Raises:
        ValueError: The file is larger than `MAX_FILE_BYTES` or damaged.
    """
    opener = gzip.open if path.endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: damaged: {error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(
            f"{path}: a file must have at most {MAX_FILE_BYTES} bytes"
        )
    return content


def read_text(path):
    """Reads a text file, gzipped or not.

    Raises:
        ValueError: As `read_bytes`, or the text is not UTF-8.
    """
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: damaged: {error}") from error


def read_obj(path):
    """Reads a Wavefront .obj file of triangles and quads.

    Raises:
        ValueError: Names the file, the line and what is wrong with it.
    """
    vertices, uv, faces, face_uv, groups = [], [], [], [], {}
    group = ""
    start = 0
    for number, line in enumerate(read_text(path).splitlines(), 1):
        kind, *values = line.split() or [""]
        try:
            if kind == "v":
                vertices.append(_floats(values, 3))
            elif kind == "vt":
                uv.append(_floats(values, 2))
            elif kind == "g":
                if len(faces) > start:
                    groups.setdefault(group, []).append((start, len(faces)))
                group, start = " ".join(values), len(faces)
            elif kind == "f":
                corners = [_corner(value) for value in values]
                if len(corners) not in (3, 4):
                    raise ValueError("a face must have 3 or 4 corners")
                for second in range(1, len(corners) - 1):
                    triangle = corners[0], corners[second], corners[second + 1]
                    faces.append([vertex for vertex, _ in triangle])
                    face_uv.append([texture for _, texture in triangle])
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number}: {error}. Received: {line!r}"
            ) from error
    if len(faces) > start:
        groups.setdefault(group, []).append((start, len(faces)))
    mesh = Mesh(
        np.array(vertices).reshape(-1, 3) * MM_PER_UNIT,
        np.array(uv).reshape(-1, 2),
        np.array(faces, np.int64).reshape(-1, 3),
        np.array(face_uv, np.int64).reshape(-1, 3),
        groups,
    )
    _check_mesh(path, mesh)
    return mesh


def _floats(words, count):
    """The first `count` words as finite floats."""
    numbers = [float(word) for word in words[:count]]
    if len(numbers) < count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"must have {count} finite numbers")
    return numbers


def _corner(text):
    """The vertex and texture indices of "v", "v/t", "v//n" or "v/t/n"."""
    vertex, *others = text.split("/")
    texture = others[0] if others else ""
    if int(vertex) < 1 or (texture and int(texture) < 1):
        raise ValueError("indices must count from 1")
    return int(vertex) - 1, int(texture) - 1 if texture else -1


def _check_mesh(path, mesh):
    def require(holds, rule):
        if not holds:
            raise ValueError(f"{path}: {rule}")

    require(len(mesh.faces), "the mesh must have faces")
    require(
        mesh.faces.max() < len(mesh.vertices),
        f"a face names vertex {mesh.faces.max() + 1} of {len(mesh.vertices)}",
    )
    require(
        mesh.face_uv.max() < len(mesh.uv),
        f"a face names texture coordinate {mesh.face_uv.max() + 1} "
        f"of {len(mesh.uv)}",
    )


def read_target(path, num_vertices):
    """Reads a shape target.

    Returns:
        (num_vertices, 3) mm, what the target at full weight adds.

    Raises:
        ValueError: Names the file, the line and what is wrong with it.
    """
    offsets = np.zeros((num_vertices, 3))
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        index, *offset = line.split()
        try:
            offsets[_row(index, num_vertices)] = _floats(offset, 3)
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number}: {error}. Received: {line!r}"
            ) from error
    return offsets * MM_PER_UNIT


def _row(word, count):
    """A word as a row of `count`."""
    row = int(word)
    if not 0 <= row < count:
        raise ValueError(f"vertices must be from 0 to {count - 1}")
    return row


def read_weights(path, bones, num_vertices):
    """Reads a rig's skinning weights.

    Returns:
        (num_vertices, bones) with rows that sum to 1, or to 0 where the file
        has none.
    """
    content = json.loads(read_text(path))["weights"]
    weights = np.zeros((num_vertices, len(bones)))
    for column, bone in enumerate(bones):
        for index, weight in content.get(bone, ()):
            weights[index, column] = weight
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(total > 0, total, 1)


@dataclasses.dataclass(frozen=True)
class Fitting:
    """A .mhclo file: how clothes or hair sit on any shape of the base mesh.

    Attributes:
        obj_file: Path of the mesh.
        vertices: (V, 3) rows of the base mesh that carry each vertex.
        weights: (V, 3) their weights.
        offsets: (V, 3) distance from there, in units of `scale_pairs`' sizes.
        scale_pairs: For x, y and z: two rows of the base mesh and the
            distance between them, in MakeHuman's units, that offsets are
            relative to; None where they are absolute.
        hidden: Rows of the base mesh that it covers.
    """

    obj_file: str
    vertices: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    scale_pairs: tuple[tuple[int, int, float] | None, ...]
    hidden: np.ndarray

    def fit(self, base):
        """Puts the mesh on a body.

        Args:
            base: (B, 3) mm, the vertices of a shaped base mesh.

        Returns:
            (V, 3) mm.
        """
        scale = np.full(3, MM_PER_UNIT)
        for axis, pair in enumerate(self.scale_pairs):
            if pair is not None:
                first, second, size = pair
                scale[axis] = abs(base[first, axis] - base[second, axis]) / size
        placed = np.einsum("vk,vkd->vd", self.weights, base[self.vertices])
        return placed + self.offsets * scale


def read_fitting(path, count):
    """Reads a .mhclo file.

    Args:
        path: Of the file.
        count: Number of vertices of the base mesh.

    Returns:
        A Fitting.

    Raises:
        ValueError: Names the file, the line and what is wrong with it.
    """
    obj_file, pairs = None, [None, None, None]
    rows, hidden, section = [], [], None
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            if words[0] in ("verts", "delete_verts"):
                section = words[0]
            elif words[0] == "obj_file":
                obj_file = words[1]
            elif words[0] in ("x_scale", "y_scale", "z_scale"):
                pairs["xyz".index(words[0][0])] = _pair(words, count)
            elif section == "verts" and _is_number(words[0]):
                rows.append(_fitted_vertex(words, count))
            elif section == "delete_verts" and _is_number(words[0]):
                hidden.append(_spans(words, count))
        except (IndexError, ValueError) as error:
            raise ValueError(
                f"{path}, line {number}: {error}. Received: {line!r}"
            ) from error
    if obj_file is None or os.path.basename(obj_file) != obj_file or not rows:
        raise ValueError(
            f"{path}: must name an `obj_file` beside it and list `verts`. "
            f"Received: {obj_file} and {len(rows)} vertices"
        )
    vertices, weights, offsets = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    hidden = np.concatenate([np.zeros(0, np.int64), *hidden])
    return Fitting(
        os.path.join(os.path.dirname(path), obj_file),
        vertices,
        weights,
        offsets,
        tuple(pairs),
        hidden,
    )


def _is_number(word):
    return word.lstrip("-").isdigit()


def _pair(words, count):
    """The (row, row, size) of a line such as "x_scale 3 7 1.5"."""
    if len(words) != 4:
        raise ValueError("a scale must have two vertices and a distance")
    size = float(words[3])
    if not 0 < size < math.inf:
        raise ValueError("the distance of a scale must be positive")
    return _row(words[1], count), _row(words[2], count), size


def _fitted_vertex(words, count):
    """The (rows, weights, offset) of one line below `verts`."""
    if len(words) == 1:
        return [_row(words[0], count)] * 3, [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    if len(words) != 9:
        raise ValueError("a fitted vertex must have 1 or 9 numbers")
    weights = _floats(words[3:6], 3)
    if abs(sum(weights) - 1) > WEIGHTS_TOLERANCE:
        raise ValueError("a fitted vertex must have weights that sum to 1")
    rows = [_row(word, count) for word in words[:3]]
    return rows, weights, _floats(words[6:], 3)


def _spans(words, count):
    """Indices of a line such as "3 7 - 9 12"."""
    indices = []
    for position, word in enumerate(words):
        if word == "-":
            if position + 1 == len(words):
                raise ValueError("a span must have a last vertex")
            first, last = indices[-1], _row(words[position + 1], count)
            indices.extend(range(first + 1, last))
        else:
            indices.append(_row(word, count))
    return np.array(indices, np.int64)
