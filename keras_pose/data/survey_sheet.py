"""Samples of a data set as a person judges them: a picture for each."""

import cv2
import numpy as np

from keras_pose import images
from keras_pose import visualization
from keras_pose.geometry import camera
from keras_pose.geometry import crop

_SIDE = 256  # px, of a picture
_SIDE_VIEW = 128  # px, its width beside it
_CAPTION = 20  # px, below both
_COLUMNS = 6
_MARGIN = 1.3
_GREY = (120, 120, 120)


class Sheet:
    """A sheet of samples that lie evenly over a data set.

    Each has the picture with its 2D joints, on them as crosses where the
    camera sees the 3D ones; beside it the 3D joints from the person's left, the
    camera at the left border; below its name. Without any 3D there are the
    pictures alone.

    Args:
        skeleton: The Skeleton of the samples.
        count: Samples of the data set.
        shown: Of them, on the sheet.
    """

    def __init__(self, skeleton, count, shown=24):
        self._skeleton = skeleton
        chosen = np.linspace(0, count - 1, min(count, shown)).round()
        self._chosen = set(chosen.astype(int).tolist())
        self._tiles = []
        self._has_3d = False

    def add(self, number, sample):
        """Takes a sample, if it is one of those to show."""
        if number in self._chosen:
            self._tiles.append(draw_tile(sample, self._skeleton))
            self._has_3d |= bool(np.any(sample.weight_3d > 0))

    def draw(self):
        """The sheet, (height, width, 3) uint8; None without samples."""
        if not self._tiles:
            return None
        height, width, _ = self._tiles[0].shape
        width = width if self._has_3d else _SIDE
        columns = min(_COLUMNS, len(self._tiles))
        rows = -(-len(self._tiles) // columns)
        sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
        for number, tile in enumerate(self._tiles):
            y, x = height * (number // columns), width * (number % columns)
            sheet[y : y + height, x : x + width] = tile[:, :width]
        return sheet


def draw_tile(sample, skeleton):
    """One sample: the picture, the view from the side, the name."""
    width = _SIDE + _SIDE_VIEW
    tile = np.full((_SIDE + _CAPTION, width, 3), 255, np.uint8)
    tile[:_SIDE, :_SIDE] = _picture(sample, skeleton)
    tile[:_SIDE, _SIDE:] = _side_view(sample, skeleton)
    name = sample.name if len(sample.name) < 48 else f"...{sample.name[-45:]}"
    cv2.putText(
        tile,
        name.encode("ascii", "replace").decode(),
        (4, _SIDE + 14),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.4,
        (0, 0, 0),
        1,
        cv2.LINE_AA,
    )
    return tile


def _picture(sample, skeleton):
    try:
        picture = images.decode_image(sample.image, sample.name)
    except ValueError:
        return _written("no image")
    if not (np.isfinite(sample.box).all() and min(sample.box[2:]) > 0):
        return _written("no box")
    transform = crop.crop_from_image(np.float64(sample.box), _SIDE, _MARGIN)
    picture = images.crop_image(picture, transform, _SIDE)
    points = crop.apply(transform, np.float64(sample.joints_px))
    known = sample.weight_2d > 0
    picture = visualization.draw_skeleton(picture, points, skeleton, known)
    known_3d = sample.weight_3d > 0
    if known_3d.any() and np.any(sample.intrinsics):
        with np.errstate(all="ignore"):
            seen = camera.image_from_camera(
                np.float64(sample.joints_mm[known_3d]),
                np.float64(sample.intrinsics),
                np.float64(sample.distortion),
            )
        for point in crop.apply(transform, seen):
            if np.isfinite(point).all() and np.abs(point).max() < 2 * _SIDE:
                place = tuple(np.round(point).astype(int).tolist())
                cv2.drawMarker(
                    picture, place, (255, 255, 255), cv2.MARKER_CROSS, 7, 1
                )
    return picture


def _side_view(sample, skeleton):
    """The 3D joints: depth to the right, down is down; mm to scale."""
    view = np.full((_SIDE, _SIDE_VIEW, 3), 255, np.uint8)
    known = sample.weight_3d > 0
    joints = np.float64(sample.joints_mm[:, [2, 1]])
    if not known.any() or not np.isfinite(joints[known]).all():
        return view
    low, high = joints[known].min(axis=0), joints[known].max(axis=0)
    room = np.array([_SIDE_VIEW, _SIDE]) - 24
    zoom = min(room / np.maximum(high - low, 1.0))
    middle = (low + high) / 2
    points = (joints - middle) * zoom + np.array([_SIDE_VIEW, _SIDE]) / 2
    return visualization.draw_skeleton(view, points, skeleton, known)


def _written(text):
    picture = np.full((_SIDE, _SIDE, 3), 230, np.uint8)
    cv2.putText(
        picture, text, (90, 130), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _GREY, 1
    )
    return picture
