"""Poses drawn from the ranges in which people's joints move.

A pose is first a set of joint angles in degrees, counted from a person who
stands upright with the arms hanging and the palms against the thighs:

- hips: flexion (knee forward), abduction (outwards), rotation (toes outwards)
- knees, elbows: flexion; ankles: flexion (toes up)
- shoulders: elevation from hanging, in a plane of 0 degrees in front, 90 at the
  side and 180 behind; rotation about the upper arm (forearm outwards)
- trunk and neck: flexion (forward), side (to the left), twist (to the left)
- root: pitch (face down), roll (onto the left side)

Each family of poses has its own ranges. A pose in which limbs pierce the body
or each other is drawn again.
"""

import numpy as np

from keras_pose.synthesis import rotations
from keras_pose.synthesis.body import BONES
from keras_pose.synthesis.body import PARENTS
from keras_pose.synthesis.collision import Capsules
from keras_pose.synthesis.draws import between
from keras_pose.synthesis.draws import chance
from keras_pose.synthesis.draws import pick

# How far a joint goes, degrees; every draw is clipped to it.
LIMITS = {
    "hip_flexion": (-20, 120),
    "hip_abduction": (-15, 50),
    "hip_rotation": (-35, 50),
    "knee": (0, 140),
    "ankle": (-45, 25),
    "shoulder_elevation": (0, 170),
    "shoulder_plane": (-40, 180),
    "shoulder_rotation": (-80, 70),
    "elbow": (0, 145),
    "forearm": (-70, 80),
    "trunk_flexion": (-25, 80),
    "trunk_side": (-30, 30),
    "trunk_twist": (-45, 45),
    "neck_flexion": (-40, 50),
    "neck_side": (-35, 35),
    "neck_twist": (-70, 70),
}
# Shares in which the bones of the trunk and the neck bend.
_TRUNK = {"LowerBack": 0.35, "Spine": 0.35, "Spine1": 0.3}
_NECK = {"Neck": 0.35, "Neck1": 0.15, "Head": 0.5}
# The person's sides: how their bones begin, and the sign of x.
_SIDES = {"left": ("Left", 1), "right": ("Right", -1)}

MAX_DRAWS = 200


class Angles(dict):
    """Degrees by name, such as "left knee" or "trunk_twist"; 0 if unset."""

    def __missing__(self, name):
        return 0.0

    def both(self, joint, value):
        """Sets a joint on both sides."""
        self[f"left {joint}"] = self[f"right {joint}"] = value

    def clipped(self):
        """The same angles inside `LIMITS`."""
        result = Angles()
        for name, value in self.items():
            low, high = LIMITS.get(name.split()[-1], (-np.inf, np.inf))
            result[name] = float(np.clip(value, low, high))
        return result


def rotations_of(angles, upright):
    """Joint angles to bone rotations.

    Args:
        angles: Angles in degrees.
        upright: What `upright_rotations` gives for the body.

    Returns:
        (31, 3, 3) for `body.pose`.
    """

    def turn(axis, name, sign=1):
        return rotations.about(axis, sign * np.radians(angles[name]))

    local = {
        "Hips": turn("z", "root_roll", -1) @ turn("x", "root_pitch"),
    }
    for part, shares in (("trunk", _TRUNK), ("neck", _NECK)):
        for bone, share in shares.items():
            flexion, side, twist = (
                share * np.radians(angles[f"{part}_{way}"])
                for way in ("flexion", "side", "twist")
            )
            local[bone] = (
                rotations.about("y", twist)
                @ rotations.about("z", -side)
                @ rotations.about("x", flexion)
            )
    for side, (bone, sign) in _SIDES.items():
        name = f"{side} {{}}".format
        local[f"{bone}UpLeg"] = (
            turn("x", name("hip_flexion"), -1)
            @ turn("z", name("hip_abduction"), sign)
            @ turn("y", name("hip_rotation"), sign)
        )
        local[f"{bone}Leg"] = turn("x", name("knee"))
        local[f"{bone}Foot"] = turn("x", name("ankle"), -1)
        # The collar bone follows an arm that is lifted above the shoulder.
        lift = max(0.0, angles[name("shoulder_elevation")] - 60) * 0.2
        local[f"{bone}Shoulder"] = rotations.about("z", sign * np.radians(lift))
        plane = turn("y", name("shoulder_plane"), sign)
        local[f"{bone}Arm"] = (
            plane
            @ turn("x", name("shoulder_elevation"), -1)
            @ plane.T
            @ turn("y", name("shoulder_rotation"), sign)
        )
        local[f"{bone}ForeArm"] = turn("x", name("elbow"), -1) @ turn(
            "y", name("forearm"), sign
        )
    turned = np.empty((len(BONES), 3, 3))
    for index, (bone, parent) in enumerate(zip(BONES, PARENTS, strict=True)):
        before = turned[parent] if parent >= 0 else np.eye(3)
        turned[index] = before @ local.get(bone, np.eye(3))
    return turned @ upright


def upright_rotations(shape):
    """Takes a Shape from its rest pose to the pose that angles count from.

    Returns:
        (31, 3, 3) for `body.pose`.
    """
    vectors = shape.bone_vectors
    down = np.array([0.0, -1.0, 0.0])
    result = np.empty((len(BONES), 3, 3))
    for index, (bone, parent) in enumerate(zip(BONES, PARENTS, strict=True)):
        if bone.endswith(("Arm", "ForeArm", "UpLeg", "Leg")):
            result[index] = rotations.between(vectors[index], down)
        elif bone.endswith(("Hand", "FingerBase", "Finger1", "Thumb")):
            result[index] = result[parent]
        else:
            result[index] = np.eye(3)
    return result


def _arms_hanging(rng, angles):
    for side in _SIDES:
        angles[f"{side} shoulder_elevation"] = between(rng, (6, 30))
        angles[f"{side} shoulder_plane"] = between(rng, (10, 120))
        angles[f"{side} shoulder_rotation"] = between(rng, (-30, 15))
        angles[f"{side} elbow"] = between(rng, (3, 50))


def _arm_gesturing(rng, angles, side):
    angles[f"{side} shoulder_elevation"] = between(rng, (10, 90))
    angles[f"{side} shoulder_plane"] = between(rng, (-10, 90))
    angles[f"{side} shoulder_rotation"] = between(rng, (-60, 30))
    angles[f"{side} elbow"] = between(rng, (30, 135))
    angles[f"{side} forearm"] = between(rng, (-60, 60))


def _arm_raised(rng, angles, side):
    angles[f"{side} shoulder_elevation"] = between(rng, (90, 168))
    angles[f"{side} shoulder_plane"] = between(rng, (0, 100))
    angles[f"{side} shoulder_rotation"] = between(rng, (-40, 40))
    angles[f"{side} elbow"] = between(rng, (0, 110))
    angles[f"{side} forearm"] = between(rng, (-60, 60))


def _arm_on_hip(rng, angles, side):
    angles[f"{side} shoulder_elevation"] = between(rng, (35, 50))
    angles[f"{side} shoulder_plane"] = between(rng, (60, 85))
    angles[f"{side} shoulder_rotation"] = between(rng, (-75, -55))
    angles[f"{side} elbow"] = between(rng, (85, 110))


def _arms_free(rng, angles):
    """Both arms, each for itself."""
    _arms_hanging(rng, angles)
    actions = {
        None: 0.35,
        _arm_gesturing: 0.35,
        _arm_raised: 0.2,
        _arm_on_hip: 0.1,
    }
    for side in _SIDES:
        action = pick(rng, actions)
        if action:
            action(rng, angles, side)


def _trunk_free(rng, angles, flexion=(-8, 15), spread=1.0):
    angles["trunk_flexion"] = between(rng, flexion)
    angles["trunk_side"] = rng.normal(0, 6 * spread)
    angles["trunk_twist"] = rng.normal(0, 10 * spread)
    angles["neck_flexion"] = rng.normal(8, 12)
    angles["neck_side"] = rng.normal(0, 7)
    angles["neck_twist"] = rng.normal(0, 25)


def _feet_level(angles):
    """Turns the ankles so that the soles lie on the ground, if they can."""
    for side in _SIDES:
        angles[f"{side} ankle"] = (
            angles[f"{side} knee"]
            - angles[f"{side} hip_flexion"]
            + angles["root_pitch"]
        )


def _standing(rng, angles):
    _trunk_free(rng, angles)
    _arms_free(rng, angles)
    weight_on_one = chance(rng, 0.4)
    for side in _SIDES:
        angles[f"{side} hip_abduction"] = between(rng, (0, 14))
        angles[f"{side} hip_rotation"] = between(rng, (-5, 28))
        bent = between(rng, (0, 8))
        angles[f"{side} knee"] = bent * 2
        angles[f"{side} hip_flexion"] = bent
    if weight_on_one:
        side = pick(rng, ("left", "right"))
        angles[f"{side} knee"] = between(rng, (15, 45))
        angles[f"{side} hip_flexion"] = angles[f"{side} knee"] * 0.6
    _feet_level(angles)


def _stride(rng, angles, hip, knee, arm, elbow):
    """Legs and arms at one moment of a walk or run; amplitudes in degrees."""
    phase = between(rng, (0, 2 * np.pi))
    for side, shift in (("left", 0), ("right", np.pi)):
        swing = phase + shift
        angles[f"{side} hip_flexion"] = hip[0] + hip[1] * np.sin(swing)
        # The knee bends most while the leg comes forward.
        lifted = max(0.0, np.cos(swing))
        angles[f"{side} knee"] = knee[0] + knee[1] * lifted
        angles[f"{side} ankle"] = -12 * np.sin(swing + 0.5)
        angles[f"{side} hip_abduction"] = between(rng, (0, 6))
        angles[f"{side} hip_rotation"] = between(rng, (-5, 15))
        # Arms go against the legs.
        forward, outward = -arm * np.sin(swing), between(rng, (8, 20))
        angles[f"{side} shoulder_elevation"] = np.hypot(forward, outward)
        angles[f"{side} shoulder_plane"] = np.degrees(
            np.arctan2(outward, forward)
        )
        angles[f"{side} elbow"] = between(rng, elbow)
    # So do the shoulders.
    angles["trunk_twist"] += 6 * np.sin(phase)


def _walking(rng, angles):
    _trunk_free(rng, angles, (0, 10), 0.5)
    reach = between(rng, (0.6, 1.3))
    _stride(rng, angles, (5, 24 * reach), (6, 50 * reach), 24 * reach, (8, 40))


def _running(rng, angles):
    _trunk_free(rng, angles, (5, 22), 0.5)
    reach = between(rng, (0.7, 1.3))
    _stride(
        rng, angles, (15, 38 * reach), (20, 80 * reach), 38 * reach, (65, 115)
    )


def _reaching(rng, angles):
    _standing(rng, angles)
    _trunk_free(rng, angles, (-10, 55), 1.5)
    for side in pick(rng, (("left",), ("right",), ("left", "right"))):
        angles[f"{side} shoulder_elevation"] = between(rng, (30, 165))
        angles[f"{side} shoulder_plane"] = between(rng, (-30, 110))
        angles[f"{side} elbow"] = between(rng, (0, 35))
        angles[f"{side} shoulder_rotation"] = between(rng, (-40, 40))
    if chance(rng, 0.3):  # a step towards it
        side = pick(rng, ("left", "right"))
        angles[f"{side} hip_flexion"] = between(rng, (20, 60))
        angles[f"{side} knee"] = between(rng, (20, 70))
        _feet_level(angles)


def _arms_on_thighs(rng, angles):
    for side in _SIDES:
        angles[f"{side} shoulder_elevation"] = between(rng, (20, 45))
        angles[f"{side} shoulder_plane"] = between(rng, (5, 40))
        angles[f"{side} shoulder_rotation"] = between(rng, (-25, 0))
        angles[f"{side} elbow"] = between(rng, (30, 80))


def _sitting(rng, angles):
    lean = between(rng, (-25, 10))
    angles["root_pitch"] = lean
    _trunk_free(rng, angles, (0, 35))
    on_floor = chance(rng, 0.3)
    knees = between(rng, (10, 100)) if on_floor else between(rng, (65, 110))
    for side in _SIDES:
        angles[f"{side} knee"] = knees + rng.normal(0, 8)
        angles[f"{side} hip_flexion"] = 90 + lean + rng.normal(0, 6)
        if on_floor:  # heels on the floor: thighs rise as knees bend
            angles[f"{side} hip_flexion"] += knees / 2
        angles[f"{side} hip_abduction"] = between(rng, (0, 25))
        angles[f"{side} hip_rotation"] = between(rng, (-15, 20))
        angles[f"{side} ankle"] = between(rng, (-20, 15))
    if chance(rng, 0.5):
        _arms_on_thighs(rng, angles)
    else:
        _arms_free(rng, angles)


def _squatting(rng, angles):
    depth = between(rng, (55, 130))
    angles["root_pitch"] = between(rng, (5, 30))
    _trunk_free(rng, angles, (5, 35))
    for side in _SIDES:
        angles[f"{side} knee"] = depth + rng.normal(0, 4)
        angles[f"{side} hip_flexion"] = (
            depth * between(rng, (0.72, 0.85)) + angles["root_pitch"]
        )
        angles[f"{side} hip_abduction"] = between(rng, (5, 30))
        angles[f"{side} hip_rotation"] = between(rng, (0, 30))
    _feet_level(angles)
    if chance(rng, 0.5):
        elevation = between(rng, (40, 100))
        for side in _SIDES:
            angles[f"{side} shoulder_elevation"] = elevation
            angles[f"{side} shoulder_plane"] = between(rng, (0, 30))
            angles[f"{side} elbow"] = between(rng, (0, 60))
    else:
        _arms_free(rng, angles)


def _kneeling(rng, angles):
    _trunk_free(rng, angles, (-5, 30))
    _arms_free(rng, angles)
    back = between(rng, (0, 45))  # sits back on the heels
    for side in _SIDES:
        angles[f"{side} hip_flexion"] = back
        angles[f"{side} knee"] = 90 + back + rng.normal(0, 3)
        angles[f"{side} hip_abduction"] = between(rng, (0, 15))
        angles[f"{side} ankle"] = between(rng, (-45, -20))
    if chance(rng, 0.5):  # one foot stands in front
        side = pick(rng, ("left", "right"))
        angles[f"{side} hip_flexion"] = between(rng, (80, 100)) + back
        angles[f"{side} knee"] = angles[f"{side} hip_flexion"]
        angles[f"{side} ankle"] = between(rng, (-5, 10))


def _lying(rng, angles):
    _trunk_free(rng, angles, (-8, 15))
    way = pick(rng, {"back": 0.45, "front": 0.25, "side": 0.3})
    angles["root_pitch"] = {"back": -90, "front": 90, "side": 0}[way]
    if way == "side":
        angles["root_roll"] = pick(rng, (-90, 90))
    for side in _SIDES:
        bent = between(rng, (0, 70)) if way != "front" else 0.0
        angles[f"{side} hip_flexion"] = bent * 0.6
        angles[f"{side} knee"] = bent + between(rng, (0, 30))
        angles[f"{side} hip_abduction"] = between(rng, (0, 25))
        angles[f"{side} hip_rotation"] = between(rng, (-10, 40))
        angles[f"{side} ankle"] = between(rng, (-40, 0))
        angles[f"{side} shoulder_elevation"] = between(rng, (10, 150))
        angles[f"{side} shoulder_plane"] = between(rng, (50, 105))
        angles[f"{side} elbow"] = between(rng, (0, 110))
        angles[f"{side} shoulder_rotation"] = between(rng, (-60, 40))


def _lunge(rng, angles):
    side, other = pick(rng, (("left", "right"), ("right", "left")))
    depth = between(rng, (45, 95))
    angles[f"{side} hip_flexion"] = angles[f"{side} knee"] = depth
    angles[f"{other} hip_flexion"] = between(rng, (-20, 0))
    angles[f"{other} knee"] = between(rng, (20, depth))
    angles[f"{other} ankle"] = between(rng, (-20, 20))
    _arms_free(rng, angles)


def _jumping_jack(rng, angles):
    spread = between(rng, (0, 1))
    angles.both("hip_abduction", 5 + 25 * spread)
    angles.both("shoulder_plane", 90)
    angles.both("shoulder_elevation", 15 + 145 * spread)
    angles.both("elbow", between(rng, (0, 30)))


def _bend_forward(rng, angles):
    angles["root_pitch"] = between(rng, (20, 65))
    angles["trunk_flexion"] = between(rng, (25, 70))
    for side in _SIDES:
        angles[f"{side} hip_flexion"] = angles["root_pitch"]
        angles[f"{side} knee"] = between(rng, (0, 20))
        angles[f"{side} hip_abduction"] = between(rng, (2, 25))
        angles[f"{side} shoulder_elevation"] = between(rng, (60, 140))
        angles[f"{side} shoulder_plane"] = between(rng, (0, 40))
        angles[f"{side} elbow"] = between(rng, (0, 40))
    _feet_level(angles)


def _press_up(rng, angles):
    angles["root_pitch"] = between(rng, (68, 86))
    down = between(rng, (0, 90))
    angles["neck_flexion"] = between(rng, (-40, 10))
    angles.both("shoulder_elevation", 90 - down * 0.45)
    angles.both("shoulder_plane", between(rng, (10, 50)))
    angles.both("elbow", down)
    angles.both("ankle", between(rng, (-10, 20)))


def _leg_raise(rng, angles):
    side = pick(rng, ("left", "right"))
    if chance(rng, 0.5):
        angles[f"{side} hip_flexion"] = between(rng, (40, 115))
        angles[f"{side} knee"] = between(rng, (0, 120))
    else:
        angles[f"{side} hip_abduction"] = between(rng, (20, 50))
    _arms_free(rng, angles)


def _side_bend(rng, angles):
    sign = pick(rng, (-1, 1))
    angles["trunk_side"] = sign * between(rng, (12, 30))
    angles.both("hip_abduction", between(rng, (5, 22)))
    side = "right" if sign > 0 else "left"
    _arms_hanging(rng, angles)
    _arm_raised(rng, angles, side)


_EXERCISES = (
    _lunge,
    _jumping_jack,
    _bend_forward,
    _press_up,
    _leg_raise,
    _side_bend,
)


def _exercising(rng, angles):
    _trunk_free(rng, angles)
    pick(rng, _EXERCISES)(rng, angles)


# family: (how often, what draws it)
FAMILIES = {
    "standing": (0.20, _standing),
    "walking": (0.14, _walking),
    "running": (0.08, _running),
    "reaching": (0.13, _reaching),
    "sitting": (0.14, _sitting),
    "squatting": (0.07, _squatting),
    "kneeling": (0.06, _kneeling),
    "lying": (0.05, _lying),
    "exercising": (0.13, _exercising),
}


def draw_angles(rng, family):
    """Angles of one pose of a family, inside `LIMITS`."""
    angles = Angles()
    FAMILIES[family][1](rng, angles)
    return angles.clipped()


def draw_pose(rng, shape):
    """Draws a pose in which nothing pierces.

    Args:
        rng: A np.random.Generator.
        shape: The Shape of the body that takes it.

    Returns:
        (family, rotations): one of `FAMILIES`, and (31, 3, 3) for
        `body.pose`; the person faces +z.

    Raises:
        RuntimeError: `MAX_DRAWS` poses in a row pierced.
    """
    family = pick(rng, {name: share for name, (share, _) in FAMILIES.items()})
    capsules, upright = Capsules(shape), upright_rotations(shape)
    for _ in range(MAX_DRAWS):
        turned = rotations_of(draw_angles(rng, family), upright)
        if not capsules.pierce(turned):
            return family, turned
    raise RuntimeError(f"no {family} pose without piercing in {MAX_DRAWS}")
