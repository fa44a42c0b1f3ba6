"""Whether a pose makes limbs pierce the body or each other.

The body is stood for by capsules: one a limb segment, and one across each part
of the trunk, as thick as the vertices around them are far away.
"""

import itertools

import numpy as np

from keras_pose.synthesis.body import BONE_INDEX
from keras_pose.synthesis.body import load_body
from keras_pose.synthesis.body import pose

# Flesh gives way: two capsules may come this much nearer than their radii.
SOFTNESS = 0.9

_TRUNK = ("Hips", "LowerBack", "Spine", "Spine1")

# Limb segment: (bone without its side, last bone of its chain, share of the
# segment that counts, from the far end).
_SEGMENTS = {
    "upper_arm": ("Arm", "Arm", 0.8),
    "forearm": ("ForeArm", "ForeArm", 1.0),
    "hand": ("Hand", "HandFinger1", 1.0),
    "thigh": ("UpLeg", "UpLeg", 1.0),
    "lower_thigh": ("UpLeg", "UpLeg", 0.7),  # above, both always touch
    "shank": ("Leg", "Leg", 1.0),
    "foot": ("Foot", "ToeBase", 1.0),
}
_LIMBS = {"head": ("Head", "Head", 1.0)} | {
    f"{side} {segment}": (f"{side}{bone}", f"{side}{last}", share)
    for side in ("Left", "Right")
    for segment, (bone, last, share) in _SEGMENTS.items()
}
_CAPSULES = (*_TRUNK, *_LIMBS)


def _pairs():
    """Pairs of capsules that must not meet."""
    arm, leg = ("upper_arm", "forearm", "hand"), ("thigh", "shank", "foot")
    trunk = list(_TRUNK)
    pairs = set()
    for side, other in (("Left", "Right"), ("Right", "Left")):
        mine = f"{side} {{}}".format
        for part in ("forearm", "hand"):
            rest = [*_TRUNK, "head", *(f"{other} {name}" for name in arm)]
            rest += [f"{s} {name}" for s in (side, other) for name in leg]
            pairs |= {frozenset((mine(part), name)) for name in rest}
        for part in ("shank", "foot"):
            rest = [f"{other} {name}" for name in ("lower_thigh", *leg[1:])]
            pairs |= {frozenset((mine(part), name)) for name in rest + trunk}
        pairs |= {
            frozenset((mine("lower_thigh"), f"{other} lower_thigh")),
            frozenset((mine("lower_thigh"), "head")),
            frozenset((mine("upper_arm"), "head")),
            *(
                frozenset((mine("upper_arm"), f"{s} {name}"))
                for s in (side, other)
                for name in leg
            ),
        }
    indices = sorted(
        sorted(_CAPSULES.index(name) for name in pair) for pair in pairs
    )
    return np.array(indices).T


_FIRST, _SECOND = _pairs()


class Capsules:
    """The capsules of one person.

    Args:
        shape: The person's Shape.
    """

    def __init__(self, shape):
        self._shape = shape
        mesh = load_body().plain
        vertices, owner = shape.vertices[mesh.rows], mesh.owners
        starts, vectors = shape.bone_starts, shape.bone_vectors
        bones, ends, radii = [], [], []
        for bone in _TRUNK:
            index = BONE_INDEX[bone]
            around = vertices[owner == index]
            middle = starts[index] + vectors[index] / 2
            # The bones of the trunk run along the back.
            back, front = np.percentile(around[:, 2], (10, 90))
            middle[2] = (back + front) / 2
            depth = (front - back) / 2
            width = np.percentile(np.abs(around[:, 0] - middle[0]), 90)
            side = np.array([max(width - depth, 0), 0, 0])
            bones.append(index)
            ends.append((middle - side, middle + side))
            radii.append(depth)
        for bone, last, share in _LIMBS.values():
            index, far = BONE_INDEX[bone], BONE_INDEX[last]
            start, end = starts[index], starts[far] + vectors[far]
            around = vertices[owner == index]
            along = end - start
            place = np.clip((around - start) @ along / (along @ along), 0, 1)
            distance = np.linalg.norm(
                around - start - place[:, None] * along, axis=1
            )
            bones.append(index)
            ends.append((end - share * along, end))
            radii.append(np.median(distance))
        self._bones = np.array(bones)
        self._ends = np.array(ends)
        radii = np.array(radii)
        self._least = SOFTNESS * (radii[_FIRST] + radii[_SECOND])

    def pierce(self, rotations):
        """Whether any two capsules meet that must not.

        Args:
            rotations: (31, 3, 3), see `body.pose`.
        """
        transforms = pose(self._shape, rotations).transforms[self._bones]
        ends = np.einsum("cab,ceb->cea", transforms[:, :, :3], self._ends)
        ends += transforms[:, None, :, 3]
        distance = _distance(
            ends[_FIRST, 0], ends[_FIRST, 1], ends[_SECOND, 0], ends[_SECOND, 1]
        )
        return bool((distance < self._least).any())


def _distance(a, b, c, d):
    """Least distances between segments ab and cd, each (N, 3) to (N,).

    The least distance is either between the lines, where both nearest points
    lie inside, or from one of the four ends to the other segment.
    """
    u, v, w = b - a, d - c, a - c
    uu, uv, vv = (np.sum(x * y, -1) for x, y in ((u, u), (u, v), (v, v)))
    uw, vw = np.sum(u * w, -1), np.sum(v * w, -1)
    determinant = np.maximum(uu * vv - uv * uv, 1e-9)
    s = (uv * vw - vv * uw) / determinant
    t = (uu * vw - uv * uw) / determinant
    inside = (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
    between = np.linalg.norm(w + s[:, None] * u - t[:, None] * v, axis=-1)
    candidates = [np.where(inside, between, np.inf)]
    for point, (start, end) in itertools.chain(
        itertools.product((a, b), ((c, d),)),
        itertools.product((c, d), ((a, b),)),
    ):
        along = end - start
        share = np.sum((point - start) * along, -1) / np.maximum(
            np.sum(along * along, -1), 1e-9
        )
        nearest = start + np.clip(share, 0, 1)[:, None] * along
        candidates.append(np.linalg.norm(point - nearest, axis=-1))
    return np.min(candidates, axis=0)
