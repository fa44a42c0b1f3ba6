"""What a network predicts beside what is true, as a picture."""

import cv2
import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from keras_pose.evaluation import metrics
from keras_pose.visualization import SIDE_COLOURS
from keras_pose.visualization import draw_skeleton

_TILE = 256  # px, of an image and of a view
_GAP = 16
_TITLE = 28  # px above the tiles of a sample
_LEGEND = 40  # px above all
_PAPER, _FLOOR, _RULE = (255, 255, 255), (226, 229, 234), (150, 156, 166)
_INK, _FAINT = (32, 36, 44), (110, 116, 126)
_TRUE, _OUTLINE = (255, 255, 255), (60, 66, 76)
_MARGIN = 1.2  # side of a view over the largest extent of its poses
_BAR = 500  # mm, a length that each view shows
# Rows of what goes right and what goes down in a view, of x, y, z.
_FRONT, _SIDE = (0, 1), (2, 1)


def comparison_sheet(
    crops,
    true_px,
    predicted_px,
    true_mm,
    predicted_mm,
    known,
    skeleton,
    columns=2,
):
    """Draws samples with their true and their predicted pose, row by row.

    Each is its image, its poses in 3D as the camera sees them, and from the
    side, with the camera at the left. The true pose is white; the predicted
    one has the colours of its sides.

    Args:
        crops: (N, S, S, 3) uint8, RGB.
        true_px: (N, J, 2) px of the crop.
        predicted_px: (N, J, 2) px of the crop.
        true_mm: (N, J, 3) mm, root-relative.
        predicted_mm: (N, J, 3) mm, root-relative.
        known: (N, J), above 0 for the joints whose truth is known.
        skeleton: Their Skeleton.
        columns: Samples beside each other.

    Returns:
        (height, width, 3) uint8, RGB.
    """
    columns = min(columns, len(crops))
    rows = -(-len(crops) // columns)
    width = _GAP + columns * (3 * _TILE + _GAP)
    height = _LEGEND + rows * (_TITLE + _TILE + _GAP)
    sheet = np.full((height, width, 3), _PAPER, np.uint8)
    titles = []
    samples = zip(
        crops, true_px, predicted_px, true_mm, predicted_mm, known, strict=True
    )
    for number, (crop, *poses, weight) in enumerate(samples):
        row, column = divmod(number, columns)
        x = _GAP + column * (3 * _TILE + _GAP)
        y = _LEGEND + row * (_TITLE + _TILE + _GAP) + _TITLE
        tiles = draw_tiles(crop, *poses, np.asarray(weight) > 0, skeleton)
        error = _mpjpe(*poses[2:], np.asarray(weight) > 0, skeleton.root)
        sheet[y : y + _TILE, x : x + 3 * _TILE] = np.hstack(tiles)
        titles.append((x, y - _TITLE, number + 1, error))
    return _with_texts(sheet, titles)


def draw_tiles(
    crop, true_px, predicted_px, true_mm, predicted_mm, known, skeleton
):
    """Draws a sample's poses in its image, from the front and from the side.

    Args:
        crop: (S, S, 3) uint8, RGB.
        true_px: (J, 2) px of the crop.
        predicted_px: (J, 2) px of the crop; NaN for what is not drawn.
        true_mm: (J, 3) mm, root-relative.
        predicted_mm: (J, 3) mm, root-relative; NaN for what is not drawn.
        known: (J,) bool, joints whose truth is known.
        skeleton: Their Skeleton.

    Returns:
        Three tiles (256, 256, 3) uint8, RGB.
    """
    zoom = _TILE / crop.shape[0]
    filtering = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    image = cv2.resize(crop, (_TILE, _TILE), interpolation=filtering)
    # Pixel centres, not pixels, scale about the image's corner.
    overlay = _both(
        image,
        (true_px + 0.5) * zoom - 0.5,
        (predicted_px + 0.5) * zoom - 0.5,
        known,
        skeleton,
    )
    true_mm = np.where(known[:, None], true_mm, 0.0)
    predicted = predicted_mm[np.isfinite(predicted_mm).all(axis=-1)]
    seen = np.concatenate([true_mm[known], predicted])
    middle = (seen.max(axis=0) + seen.min(axis=0)) / 2
    scale = _TILE / (_MARGIN * max(np.ptp(seen, axis=0).max(), _BAR))  # px a mm
    tiles = [overlay]
    for axes in (_FRONT, _SIDE):
        view = np.full((_TILE, _TILE, 3), _FLOOR, np.uint8)
        _draw_bar(view, scale)
        poses = (
            (pose - middle)[:, axes] * scale + _TILE / 2
            for pose in (true_mm, predicted_mm)
        )
        view = _both(view, *poses, known, skeleton)
        view[:, 0] = _PAPER
        tiles.append(view)
    return tiles


def _mpjpe(true_mm, predicted_mm, known, root):
    true_mm = np.where(known[:, None], true_mm, 0.0)
    errors = metrics.joint_errors(predicted_mm[None], true_mm[None], root)
    return float(metrics.mean(errors, known[None]))


def _both(image, true_px, predicted_px, known, skeleton):
    image = draw_skeleton(image, true_px, skeleton, known, _TRUE, _OUTLINE)
    return draw_skeleton(image, predicted_px, skeleton, outline=_OUTLINE)


def _draw_bar(view, scale):
    """Shows how long `_BAR` is, in the corner."""
    y, x = _TILE - 12, 12
    end = x + round(_BAR * scale)
    cv2.line(view, (x, y), (end, y), _RULE, 2)
    for tick in (x, end):
        cv2.line(view, (tick, y - 4), (tick, y + 4), _RULE, 2)


def _with_texts(sheet, titles):
    """Writes the legend, and above each sample what it shows."""
    image = Image.fromarray(sheet)
    draw = ImageDraw.Draw(image)
    large, small = (ImageFont.load_default(size) for size in (17, 13))
    _draw_legend(draw, small)
    for x, y, number, error in titles:
        middle = y + _TITLE // 2
        text = "no 3D truth" if np.isnan(error) else f"MPJPE {error:.0f} mm"
        draw.text((x, middle), f"{number}", _FAINT, large, anchor="lm")
        draw.text((x + _TILE, middle), text, _INK, large, anchor="rm")
        for place, view in ((1, "front"), (2, "side, camera at the left")):
            draw.text(
                (x + (place + 0.5) * _TILE, middle),
                view,
                _FAINT,
                small,
                anchor="mm",
            )
    return np.asarray(image)


def _draw_legend(draw, font):
    x, y = _GAP, _LEGEND // 2
    for colour, text in (
        (_TRUE, "true"),
        (SIDE_COLOURS["left"], "predicted, the person's left"),
        (SIDE_COLOURS["right"], "predicted, right"),
        (None, f"bar: {_BAR} mm"),
    ):
        if colour:
            draw.rounded_rectangle(
                (x, y - 4, x + 26, y + 4),
                4,
                colour,
                _OUTLINE if colour == _TRUE else colour,
            )
            x += 34
        draw.text((x, y), text, _INK, font, anchor="lm")
        x += round(draw.textlength(text, font)) + 24
