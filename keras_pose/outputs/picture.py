"""Poses drawn onto their photo or frame."""

import cv2
import numpy as np
from PIL import Image

from keras_pose import durable
from keras_pose import visualization

_BOX_COLOUR = (255, 255, 255)
_QUALITY = 92  # of a JPEG
_NUMBER_SHARE = 0.018  # height of a person's number, of the picture's


def draw(image, poses):
    """Draws people, their boxes and, of several, their numbers.

    Args:
        image: (height, width, 3) uint8, RGB.
        poses: A `pose.Poses`; nearer people are drawn over farther ones.

    Returns:
        (height, width, 3) uint8, a copy.
    """
    canvas = image.copy()
    for pose in poses:
        _draw_box(canvas, pose.box)
    root = poses.skeleton.root
    for pose in sorted(poses, key=lambda pose: -pose.joints_camera_mm[root, 2]):
        canvas = visualization.draw_skeleton(
            canvas, pose.joints_px, poses.skeleton
        )
    if any(pose.person > 1 for pose in poses):
        for pose in poses:
            _draw_number(canvas, pose)
    return canvas


def write(path, image):
    """Writes a picture as JPEG, whole or not at all."""
    with durable.replaced(path) as aside:
        Image.fromarray(image).save(aside, "JPEG", quality=_QUALITY)


def _draw_box(canvas, box):
    """A thin frame; boxes are counted from the image's corner."""
    # Far outside the picture OpenCV counts past its integers.
    low = np.clip(box[:2] - 0.5, -1e6, 1e6)
    high = np.clip(box[:2] + box[2:] - 0.5, -1e6, 1e6)
    corners = [np.round(point).astype(int).tolist() for point in (low, high)]
    thickness = max(1, round(max(canvas.shape) / 1000))
    # Smoothed lines would take three times as long as the whole skeleton.
    cv2.rectangle(canvas, *corners, (0, 0, 0), 3 * thickness)
    cv2.rectangle(canvas, *corners, _BOX_COLOUR, thickness)


def _draw_number(canvas, pose):
    """The person's number at the upper left of the box, inside the picture."""
    text, font = str(pose.person), cv2.FONT_HERSHEY_SIMPLEX
    height = max(9, round(_NUMBER_SHARE * max(canvas.shape[:2])))
    scale = height / cv2.getTextSize("0", font, 1, 1)[0][1]
    thickness = max(1, round(height / 8))
    width = cv2.getTextSize(text, font, scale, thickness)[0][0]
    pad = height // 2
    room = np.array(canvas.shape[1::-1]) - [width + 2 * pad, height + 2 * pad]
    corner = np.clip(pose.box[:2], 0, np.maximum(room, 0)).astype(int)
    end = corner + [width + 2 * pad, height + 2 * pad]
    cv2.rectangle(canvas, corner.tolist(), end.tolist(), (0, 0, 0), -1)
    place = (corner + [pad, height + pad]).tolist()
    cv2.putText(
        canvas,
        text,
        place,
        font,
        scale,
        (255, 255, 255),
        thickness,
        cv2.LINE_AA,
    )
