"""Poses from motion capture: other skeletons' rotations on the body.

Only rotations count. The motion's skeleton has its own rest pose, from
which its rotations count; the body is first put into that rest pose, bone by
bone along each limb, every bone by the least turn from where the turn of its
parent has left it. So a limb of the posed body points where the motion's does,
and knees, elbows and palms face the same way. The trunk, the neck, the head
and the feet, whose lengths and slopes are each skeleton's own convention, are
taken to be upright and flat in both rest poses.
"""

import dataclasses
import functools
import math

import numpy as np

from keras_pose.synthesis import rotations
from keras_pose.synthesis.body import BONES
from keras_pose.synthesis.body import PARENTS

_SIDED_ALIASES = {
    # MotionBuilder, Mixamo, LAFAN1; the rest of their names are the rig's.
    "{side}HandIndex1": "{side}HandFinger1",
    "{side}HandThumb1": "{initial}Thumb",
    "{side}Toe": "{side}ToeBase",
    # Biovision's own, whose LeftShoulder is `_BIOVISION`'s.
    "{side}Hip": "{side}UpLeg",
    "{side}Knee": "{side}Leg",
    "{side}Ankle": "{side}Foot",
    "{side}Collar": "{side}Shoulder",
    "{side}Elbow": "{side}ForeArm",
    "{side}Wrist": "{side}Hand",
    # Bandai Namco, Unity.
    "UpperLeg_{initial}": "{side}UpLeg",
    "LowerLeg_{initial}": "{side}Leg",
    "Foot_{initial}": "{side}Foot",
    "Toes_{initial}": "{side}ToeBase",
    "Shoulder_{initial}": "{side}Shoulder",
    "UpperArm_{initial}": "{side}Arm",
    "LowerArm_{initial}": "{side}ForeArm",
    "Hand_{initial}": "{side}Hand",
    "{side}UpperLeg": "{side}UpLeg",
    "{side}LowerLeg": "{side}Leg",
    "{side}UpperArm": "{side}Arm",
    "{side}LowerArm": "{side}ForeArm",
}
# Joint's usual name in other files: bone of the rig. A prefix that ends in a
# colon, as in "mixamorig:Hips", is dropped before. Joints of the trunk need no
# name: they are those between the hips and the arms.
ALIASES = {"Hip": "Hips", "Pelvis": "Hips"} | {
    alias.format(side=side, initial=side[0]): bone.format(
        side=side, initial=side[0]
    )
    for side in ("Left", "Right")
    for alias, bone in _SIDED_ALIASES.items()
}
# In files with "LeftElbow".
_BIOVISION = {"LeftShoulder": "LeftArm", "RightShoulder": "RightArm"}

# CMU's skeleton, which alone has an LHipJoint, holds its chin up at zero. Who
# looks ahead has these angles in it, in degrees forward: those of the T-pose
# that its BVH files begin with, and about what its walkers have on average.
_CMU_NECK = {"Neck": -16, "Neck1": 5, "Head": 16}

# Bone that a motion must have: the one below which its joint must lie.
_NEEDED = {"Hips": None} | {
    side + bone: side + above if above != "Hips" else above
    for side in ("Left", "Right")
    for bone, above in (
        ("UpLeg", "Hips"),
        ("Leg", "UpLeg"),
        ("Arm", "Hips"),
        ("ForeArm", "Arm"),
    )
}
# Bone that is aligned with the motion's: the one whose joint it points to.
_TOWARDS = {
    side + bone: side + end
    for side in ("Left", "Right")
    for bone, end in (
        ("UpLeg", "Leg"),
        ("Leg", "Foot"),
        ("Foot", "ToeBase"),
        ("Arm", "ForeArm"),
        ("ForeArm", "Hand"),
        ("Hand", "HandFinger1"),
    )
}


@dataclasses.dataclass(frozen=True, eq=False)
class Skeleton:
    """A motion's own skeleton in its rest pose.

    Attributes:
        names: Names of its J joints.
        parents: Index of each joint's parent, which comes before it; -1 for
            the root.
        offsets: (J, 3) to each joint from its parent, in any unit.
        ends: (J, 3) from each joint to its end site; 0 where it has none.
        bones: Bone of `BONES` to the joint that turns it, for those that the
            motion has.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    ends: np.ndarray
    bones: dict[str, int]

    @functools.cached_property
    def _places(self):
        places = np.array(self.offsets, float)
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                places[joint] += places[parent]
        return places

    def direction(self, bone):
        """(3,) of length 1, where a limb's bone points, or None."""
        if bone not in _TOWARDS or bone not in self.bones:
            return None
        joint, end = self.bones[bone], self.bones.get(_TOWARDS[bone])
        vector = self.ends[joint]
        if end is not None:
            vector = self._places[end] - self._places[joint]
        length = np.linalg.norm(vector)
        return vector / length if length > 1e-9 else None

    @functools.cached_property
    def upright(self):
        """(3, 3), takes one who stands and faces +z to face as at rest.

        None where the hips or the trunk have no extent.
        """
        place = {
            bone: self._places[joint] for bone, joint in self.bones.items()
        }
        left = place["LeftUpLeg"] - place["RightUpLeg"]
        up = place["LeftArm"] + place["RightArm"]
        up = up - place["LeftUpLeg"] - place["RightUpLeg"]
        forward = np.cross(left, up)
        if np.linalg.norm(forward) < 1e-9:
            return None
        columns = left, np.cross(forward, left), forward
        frame = np.stack([axis / np.linalg.norm(axis) for axis in columns], 1)
        # People stand along the axes; how far the shoulders lie behind the
        # hips says nothing about how they stand.
        near = np.abs(frame).max(axis=0).min() > math.cos(math.radians(30))
        return np.rint(frame) if near else frame


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """One recording.

    Attributes:
        name: Tells it from all others that were read with it.
        skeleton: Its Skeleton.
        turns: (F, J, 3) float32: rotation vectors in radians, or the angles in
            degrees about `axes`; local, for column vectors.
        axes: (J, 3, 3), the axes in the order in which their rotations are
            multiplied, or None.
    """

    name: str
    skeleton: Skeleton
    turns: np.ndarray
    axes: np.ndarray | None = None

    @property
    def num_frames(self):
        """Number of frames, 1 or more."""
        return len(self.turns)

    def local_rotations(self, frame):
        """(J, 3, 3) of each joint in its parent's frame."""
        turns = self.turns[frame]
        if self.axes is None:
            return rotations.from_vector(turns)
        angles = np.radians(turns.astype(float))
        first, second, third = np.moveaxis(
            rotations.about(self.axes, angles), 1, 0
        )
        return first @ second @ third


def bone_rotations(clip, frame, shape):
    """Gives a body the pose of one frame.

    Args:
        clip: A Clip, with the world's y up.
        frame: Index of the frame.
        shape: The Shape of the body that takes the pose.

    Returns:
        (31, 3, 3) for `body.pose`; the person keeps the motion's heading.
    """
    skeleton = clip.skeleton
    world = clip.local_rotations(frame)
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            world[joint] = world[parent] @ world[joint]
    alignment = _alignment(skeleton, shape.bone_vectors)
    result = np.empty((len(BONES), 3, 3))
    for index, (bone, parent) in enumerate(zip(BONES, PARENTS, strict=True)):
        joint = skeleton.bones.get(bone)
        if joint is None:
            result[index] = result[parent]
        else:
            result[index] = world[joint] @ alignment[index]
    return result


def _alignment(skeleton, vectors):
    """(31, 3, 3), from the body's rest pose to the motion's."""
    result = np.empty((len(BONES), 3, 3))
    for index, (bone, parent) in enumerate(zip(BONES, PARENTS, strict=True)):
        turn = result[parent] if parent >= 0 else skeleton.upright
        direction = skeleton.direction(bone)
        if bone.endswith("Foot"):
            turn = _foot_alignment(skeleton, bone, vectors[index])
        elif direction is not None:
            turn = rotations.between(turn @ vectors[index], direction) @ turn
        elif bone in _CMU_NECK and "LHipJoint" in skeleton.bones:
            ahead = rotations.about("x", np.radians(-_CMU_NECK[bone]))
            turn = skeleton.upright @ ahead
        result[index] = turn
    return result


def _foot_alignment(skeleton, bone, vector):
    """The turn of a foot that stands flat once the leg stands straight.

    A leg splayed at rest tilts the sole with it. How far the toes lie below
    the ankle says nothing about the sole.
    """
    turn = skeleton.upright
    shank = skeleton.direction(bone.replace("Foot", "Leg"))
    if shank is not None:
        shank = (shank @ turn) * [1, 1, 0]
        turn = turn @ rotations.between(np.array([0.0, -1.0, 0.0]), shank)
    foot = skeleton.direction(bone)
    if foot is not None:
        foot = (foot @ turn) * [1, 0, 1]
        if foot[2] > 0.1:
            turn = turn @ rotations.between(vector * [1, 0, 1], foot)
    return turn


def require(path, holds, rule, received):
    """Raises a ValueError with the rule and the value unless it holds."""
    if not holds:
        raise ValueError(
            f"{path}: {rule}. Received: {shortened(received, 1000)}"
        )


def shortened(value, limit):
    """A value as text of at most so many characters, and dots."""
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}..."


def make_skeleton(path, names, parents, offsets, ends):
    """Makes a Skeleton of what a file says.

    Args:
        path: What errors call the file.
        names: Names of the J joints.
        parents: As of Skeleton.
        offsets: (J, 3), likewise.
        ends: (J, 3), likewise.

    Raises:
        ValueError: A joint that the body needs is missing, or the rest pose
            does not tell how the limbs are twisted.
    """
    bones = _find_bones(path, names, parents)
    result = Skeleton(
        tuple(names), tuple(parents), np.array(offsets), np.array(ends), bones
    )
    require(
        path,
        result.upright is not None,
        "offsets must put the hips apart and the arms above them",
        result.offsets.tolist(),
    )
    _check_rest_pose(path, result)
    return result


def _find_bones(path, names, parents):
    """{bone: joint}, for the bones that the motion has."""
    plain = [name.rpartition(":")[2] for name in names]
    aliases = ALIASES | (_BIOVISION if "LeftElbow" in plain else {})
    bones = {}
    for joint, name in enumerate(plain):
        bone = aliases.get(name, name)
        if bone in BONES:
            unique = plain.index(name) == joint
            require(path, unique, "names of joints must be unique", name)
            bones.setdefault(bone, joint)
    above = []  # of each joint, itself and those that it hangs on, root last
    for joint, parent in enumerate(parents):
        above.append([joint] + (above[parent] if parent >= 0 else []))
    needs = functools.partial(require, path, received=", ".join(names))
    missing = ", ".join(bone for bone in _NEEDED if bone not in bones)
    needs(not missing, f"joints must include {missing}")
    for bone, parent in _NEEDED.items():
        needs(
            parent is None or bones[parent] in above[bones[bone]],
            f"joint {bone} must lie below {parent}",
        )
    of_right_arm = above[bones["RightArm"]]
    chest = next(j for j in above[bones["LeftArm"]] if j in of_right_arm)
    trunk = above[chest][: above[chest].index(bones["Hips"])]
    needs(trunk, "joints must include a spine from Hips to the arms")
    _spread(bones, ("LowerBack", "Spine", "Spine1"), trunk[::-1])
    head = above[bones["Head"]] if "Head" in bones else []
    if chest in head:
        _spread(bones, ("Neck", "Neck1"), head[1 : head.index(chest)][::-1])
    return bones


def _spread(bones, chain, joints):
    """Gives a chain of bones the joints of another, however many."""
    for place, bone in zip(
        np.linspace(0, len(joints) - 1, len(chain)), chain, strict=True
    ):
        bones.pop(bone, None)
        if joints:
            bones[bone] = joints[round(place)]


def _check_rest_pose(path, skeleton):
    """Refuses rest poses that do not tell how the limbs are twisted."""
    left, up, _ = skeleton.upright.T
    for side, outwards in (("Left", left), ("Right", -left)):
        for bone, straight, limit in (
            ("UpLeg", -up, 60),
            ("Leg", -up, 60),
            ("Arm", outwards, 120),
            ("ForeArm", skeleton.direction(f"{side}Arm"), 120),
            ("Hand", skeleton.direction(f"{side}ForeArm"), 120),
        ):
            end = skeleton.direction(side + bone)
            require(
                path,
                end is not None or bone not in ("UpLeg", "Arm"),
                f"offsets must give {side}{bone} a length",
                0,
            )
            if end is None or straight is None:
                continue
            angle = np.degrees(np.arccos(np.clip(straight @ end, -1, 1)))
            require(
                path,
                angle <= limit,
                "offsets must be those of one who stands, with "
                f"{side}{bone} at most {limit} degrees from straight",
                f"{angle:.0f}",
            )
