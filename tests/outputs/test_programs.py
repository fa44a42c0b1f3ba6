"""What Blender and OpenSim make of the files that are written for them.

Each runs in a process of its own, with the interpreters of
KERAS_POSE_BPY_PYTHON and KERAS_POSE_PYOPENSIM_PYTHON, if given, which need the
packages `bpy` and `pyopensim`.
"""

import json
import pathlib
import re
import subprocess

import numpy as np
import pytest

from keras_pose.outputs import rig
from keras_pose.outputs.bvh import write_bvh
from keras_pose.outputs.pose_json import write_json
from keras_pose.outputs.trc import write_trc
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import SKELETONS
from tests.outputs.motion import random_joints
from tests.outputs.motion import recording_of
from tests.outputs.motion import recording_of_people
from tests.outputs.motion import with_mean_lengths

pytestmark = pytest.mark.slow

HERE = pathlib.Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "predict.md"
ROOTED = [s for s in SKELETONS.values() if s.root is not None]
FRAMES = 8


def found_by(python, script, *arguments):
    """What a script of this folder finds, as {name: array}."""
    out = pathlib.Path(arguments[0]).with_suffix(".npz")
    command = [python, HERE / script, out, *arguments]
    done = subprocess.run(
        command, cwd=out.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(np.load(out))


def in_blender(joints):
    """From mm of the camera frame to m with z up, who faces it facing -y."""
    x, y, z = np.moveaxis(joints, -1, 0) / 1000
    return np.stack([x, z, -y], axis=-1)


def heads_of(found, name, skeleton):
    """(F, J, 3) in the order of the skeleton."""
    names = list(found[f"{name} names"])
    order = [names.index(joint) for joint in rig.joint_names(skeleton)]
    return found[f"{name} heads"][:, order]


@pytest.fixture
def blender(interpreter_of):
    return interpreter_of("bpy", beside=())


@pytest.mark.parametrize("skeleton", ROOTED, ids=lambda s: s.name)
@pytest.mark.parametrize("fixed_bones", [True, False], ids=["fixed", "free"])
def test_blender_has_the_joints(blender, skeleton, fixed_bones, tmp_path):
    joints = random_joints(FRAMES, skeleton)
    rate = 30000 / 1001
    times = np.arange(FRAMES) / rate
    recording = recording_of(joints, times, skeleton, rate)
    path = tmp_path / "one.bvh"
    write_bvh(path, recording, 1, fixed_bones, on_ground=False)
    if fixed_bones:
        joints = with_mean_lengths(joints, skeleton)
    options = {"global_scale": 0.01, "update_scene_fps": True}
    found = found_by(blender, "in_blender.py", path, json.dumps(options))
    heads = heads_of(found, "one", skeleton)
    np.testing.assert_allclose(heads, in_blender(joints), atol=1e-5)
    assert found["rate"] == pytest.approx(rate, abs=1e-4)


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "ZYX"])
def test_blender_has_the_joints_with_other_rotations(blender, mode, tmp_path):
    joints = random_joints(FRAMES)
    path = tmp_path / "one.bvh"
    recording = recording_of(joints, np.arange(FRAMES) / 25)
    write_bvh(path, recording, 1, fixed_bones=False, on_ground=False)
    options = {"rotate_mode": mode}
    found = found_by(blender, "in_blender.py", path, json.dumps(options))
    heads = heads_of(found, "one", H36M_17) / 100
    np.testing.assert_allclose(heads, in_blender(joints), atol=1e-5)


def mirrored(name):
    return re.sub(
        "^(Left|Right)",
        lambda side: {"Left": "Right", "Right": "Left"}[side[0]],
        name,
    )


def test_blender_sees_a_t_pose_with_left_and_right(blender, tmp_path):
    path = tmp_path / "one.bvh"
    write_bvh(path, recording_of(random_joints(2), np.arange(2) / 25), 1)
    found = found_by(blender, "in_blender.py", path)
    names = list(found["one names"])
    assert list(found["one mirrored"]) == [mirrored(name) for name in names]
    bones = dict(zip(names, found["one rest"], strict=True))
    lengths = {n: np.linalg.norm(b[1] - b[0]) for n, b in bones.items()}
    assert min(lengths.values()) > 4  # cm: of what Blender is not told, 0.1
    along = {n: (b[1] - b[0]) / lengths[n] for n, b in bones.items()}
    for name, direction in {
        "Hips": [0, 0, 1],
        "Spine": [0, 0, 1],
        "Head": [0, 0, 1],
        "LeftShoulder": [1, 0, 0],
        "LeftForeArm": [1, 0, 0],
        "RightHand": [-1, 0, 0],
        "LeftUpLeg": [0, 0, -1],
        "RightLeg": [0, 0, -1],
        "RightFoot": [0, -1, 0],
    }.items():
        np.testing.assert_allclose(along[name], direction, atol=1e-4)


def test_the_documented_script_puts_people_in_step(blender, tmp_path):
    first, second = random_joints(20), random_joints(20, seed=1)
    times = 5 + np.arange(20) / 25
    frames = [
        {1: one} | ({2: other} if number >= 7 else {})
        for number, (one, other) in enumerate(zip(first, second, strict=True))
    ]
    recording = recording_of_people(frames, times)
    write_json(tmp_path / "poses.json", recording)
    for person in (1, 2):
        path = tmp_path / f"person{person}.bvh"
        write_bvh(path, recording, person, fixed_bones=False)
    script = tmp_path / "script.py"
    code = re.search(
        r"```python\n(import json\n.*?)```", DOCS.read_text(), re.S
    )
    folder = '"/path/to/poses/dance"'
    assert folder in code[1]
    script.write_text(code[1].replace(folder, repr(str(tmp_path))))
    found = found_by(blender, "in_blender.py", script)
    for name, start, joints in (
        ("person1", 1, first),
        ("person2", 8, second[7:]),
    ):
        assert found[f"{name} start"] == start
        heads = heads_of(found, name, H36M_17)
        places = in_blender(joints)
        shift = heads[0, 0] - places[0, 0]
        np.testing.assert_allclose(shift[:2], 0, atol=1e-5)
        np.testing.assert_allclose(heads - places, shift + 0 * heads, atol=1e-5)
        lowest = np.percentile(heads[..., 2].min(axis=1), 10)
        assert lowest == pytest.approx(0, abs=1e-5)
    assert found["rate"] == 25


def test_opensim_follows_who_faces_the_camera_far_away(
    interpreter_of, tmp_path
):
    python = interpreter_of("pyopensim", beside=("numpy",))
    times = np.array([0, 0.04, 0.08, 1.0, 1.04, 1.08])
    joints = np.zeros((6, 17, 3))
    # mm, from in front: the left hip on the image's right, leaning forward.
    joints[:, 4], joints[:, 1] = [130, 0, 0], [-130, 0, 0]
    joints[:, 7] = [0, -240, -50]
    joints[:, 3] = [0, 900, 0]
    joints += [2500, 0, 8000]
    joints += 1000 * times[:, None, None] * [-1, 0, 0]
    joints[:, 10] = np.nan
    path = tmp_path / "one.trc"
    write_trc(path, recording_of(joints, times), 1)
    found = found_by(python, "in_opensim.py", path)
    assert (found["unit"], found["rate"]) == ("mm", 25)
    assert tuple(found["markers"]) == H36M_17.joints
    np.testing.assert_allclose(found["times"], times, atol=1e-6)
    hips = found["places"][:, 1] - found["places"][:, 4]
    np.testing.assert_allclose(hips, [[0, 0, 260]] * 6, atol=1e-2)
    assert np.isnan(found["places"][:, 10]).all()
    np.testing.assert_allclose(found["followed_times"], times, atol=1e-6)
    # Turned by nothing, and moved to the left in the image.
    np.testing.assert_allclose(found["followed"][:, :3], 0, atol=0.05)
    moved = found["followed"][:, 3:] - found["followed"][0, 3:]
    expected = times[:, None] * [0, 0, 1]
    np.testing.assert_allclose(moved, expected, atol=1e-3)
