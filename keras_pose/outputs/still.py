"""The people of one image in 3D, beside their photo: a picture to look at."""

import dataclasses
import functools
import io

import cv2
import numpy as np

from keras_pose import durable
from keras_pose.outputs import picture
from keras_pose.visualization import SIDE_COLOURS

_LEAST_MM = 1200.0  # what the scene shows at least along each axis
_LEAST_SHARE = 0.35  # of a side of the scene, of its longest
_TICKS = 5  # along the longest side
_ZOOM = 0.89  # leaves room for labels
_LEAST_PX, _MOST_PX = 700, 2000  # longer side of an image that is drawn on
_LINE_PT = 3.0
_FINE_LINE_PT = 1.2
_NEAR_MM = 4000.0  # scenes up to this long have bones of the full width
_SURROUNDINGS = 0.2  # of people in their photo, of their extent


def write_still(path, poses, image):
    """Writes `figure_of` as PNG, whole or not at all.

    Args:
        path: Of the file.
        poses: A `pose.Poses`.
        image: (height, width, 3) uint8, RGB.
    """
    with durable.replaced(path) as aside:
        figure_of(poses, image).savefig(aside, format="png", dpi=100)


def figure_of(poses, image=None):
    """Draws the people where they stand, and on their image.

    Args:
        poses: A `pose.Poses`.
        image: (height, width, 3) uint8, RGB; None for the scene alone.

    Returns:
        A Matplotlib figure.
    """
    from matplotlib.figure import Figure

    count = 1 if image is None else 2
    figure = Figure(figsize=(7 * count, 6.5), layout="constrained")
    if image is not None:
        photo = figure.add_subplot(1, count, 1)
        image, drawn = _resized(image, poses)
        photo.imshow(picture.draw(image, drawn))
        _zoom_to_people(photo, image, drawn)
        photo.set_axis_off()
    axes = figure.add_subplot(1, count, count, projection="3d")
    draw_scene(axes, poses)
    # pyplot would tell notebooks how to show it, and hold every figure.
    figure._repr_png_ = functools.partial(_as_png, figure)
    return figure


def _as_png(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def _resized(image, poses):
    """An image and its poses at a size at which lines on it are fine."""
    longer = max(image.shape[:2])
    zoom = -(-_LEAST_PX // longer)
    if longer > _MOST_PX:  # Matplotlib takes 60 bytes a pixel
        zoom = _MOST_PX / longer
    if zoom == 1:
        return image, poses
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    size = [max(round(side * zoom), 1) for side in image.shape[1::-1]]
    image = cv2.resize(image, size, interpolation=way)
    people = tuple(
        dataclasses.replace(
            pose,
            joints_px=(pose.joints_px + 0.5) * zoom - 0.5,
            box=pose.box * zoom,
        )
        for pose in poses
    )
    return image, dataclasses.replace(poses, people=people)


def _zoom_to_people(axes, image, poses):
    """Shows what is around boxes and joints, cut at the image's border."""
    if not len(poses):
        return
    height, width = image.shape[:2]
    points = [
        point
        for pose in poses
        for point in (
            *pose.joints_px,
            pose.box[:2] - 0.5,
            pose.box[:2] + pose.box[2:] - 0.5,
        )
    ]
    # A joint at the camera itself is nowhere in the image.
    points = [point for point in points if np.isfinite(point).all()]
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    margin = _SURROUNDINGS * (high - low).max()
    left, top = np.maximum(low - margin, -0.5)
    right, bottom = np.minimum(high + margin, [width - 0.5, height - 0.5])
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def draw_scene(axes, poses):
    """Draws people into 3D axes, seen from a little above the camera.

    Args:
        axes: Matplotlib axes with projection="3d".
        poses: A `pose.Poses`.
    """
    points = np.concatenate([np.empty((0, 3)), *map(_upright, poses)])
    points = points[np.isfinite(points).all(axis=-1)]
    if not len(points):
        axes.set_axis_off()
        axes.set_title("nobody was found")
        return
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.maximum(1.1 * (high - low), _LEAST_MM)
    size = np.maximum(size, _LEAST_SHARE * size.max())
    corner = (low + high - size) / 2
    corner[2] = low[2]  # the ground
    # Bones of a person who is small in the scene are thin too.
    width = max(_FINE_LINE_PT, _LINE_PT * min(1, _NEAR_MM / size.max()))
    labelled = set()
    for pose in poses:
        _draw_person(axes, pose, labelled, width)
        if len(poses) > 1:
            _draw_number(axes, pose, 0.04 * size.max())
    for axis, start, length in zip("xyz", corner, size, strict=True):
        getattr(axes, f"set_{axis}lim")(start, start + length)
        ticks = max(2, round(_TICKS * length / size.max()))
        axes.locator_params(axis, nbins=ticks)
    axes.set_box_aspect(size, zoom=_ZOOM)  # one scale
    axes.set_xlabel("right, mm", labelpad=10)
    axes.set_ylabel("away, mm", labelpad=10)
    axes.set_zlabel("up, mm", labelpad=7)
    axes.view_init(elev=12, azim=-68)
    axes.legend(title="person's own", loc="upper right")


def _draw_person(axes, pose, labelled, width):
    """A person's bones in the colours of their sides."""
    joints, skeleton = _upright(pose), pose.skeleton
    for parent, child in skeleton.bones:
        side = skeleton.side(child)
        is_new = side not in labelled and side != "centre"
        labelled.add(side)
        x, y, z = joints[[parent, child]].T
        axes.plot(
            x,
            y,
            z,
            color=np.array(SIDE_COLOURS[side]) / 255,
            linewidth=width,
            marker="o",
            markersize=4 / 3 * width,
            label=side if is_new else None,
        )


def _draw_number(axes, pose, above_mm):
    """A person's number over the head, or what is highest."""
    joints = _upright(pose)
    known = joints[np.isfinite(joints).all(axis=-1)]
    if len(known):
        x, y, top = known[known[:, 2].argmax()]
        axes.text(x, y, top + above_mm, str(pose.person), ha="center")


def _upright(pose):
    """Joints (J, 3) mm for Matplotlib: x right, y away, z up."""
    return pose.joints_camera_mm[:, [0, 2, 1]] * [1, 1, -1]
