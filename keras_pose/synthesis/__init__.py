"""Rendered people with exact joints: a data set that needs no licence.

World frame: mm, y up, the ground at y = 0, right-handed; a body that stands in
its rest pose faces +z with its left at +x. Cameras are those of `geometry`.

Everything that is drawn at random comes from `draws.generator(seed, index,
what)`, so any person can be made again alone and none depends on another.
"""
