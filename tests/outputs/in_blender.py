"""Run by a Python with `bpy`: what Blender makes of BVH files.

python in_blender.py FOUND.npz FILE.bvh OPTIONS_AS_JSON
python in_blender.py FOUND.npz SCRIPT.py
"""

import json
import pathlib
import sys

import bpy
import numpy as np


def rest(armature):
    """Places (N, 2, 3) of the bones' heads and tails when they rest."""
    return [
        [
            armature.matrix_world @ at
            for at in (bone.head_local, bone.tail_local)
        ]
        for bone in armature.data.bones
    ]


def heads(armature):
    """Places (F, N, 3) of the bones' heads in the frames of the motion."""
    first, last = map(int, armature.animation_data.action.frame_range)
    found = []
    for frame in range(first, last + 1):
        bpy.context.scene.frame_set(frame)
        world = armature.matrix_world
        found.append([world @ bone.head for bone in armature.pose.bones])
    return found


def main(out, path, options="{}"):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.endswith(".bvh"):
        bpy.ops.import_anim.bvh(filepath=path, **json.loads(options))
    else:
        exec(pathlib.Path(path).read_text("utf-8"), {})
    scene = bpy.context.scene
    found = {"rate": scene.render.fps / scene.render.fps_base}
    found["last_frame"] = scene.frame_end
    for one in bpy.data.objects:
        names = [bone.name for bone in one.data.bones]
        found |= {
            f"{one.name} start": one.animation_data.action.frame_range[0],
            f"{one.name} names": names,
            f"{one.name} mirrored": [bpy.utils.flip_name(n) for n in names],
            f"{one.name} rest": np.array(rest(one)),
            f"{one.name} heads": np.array(heads(one)),
        }
    np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
