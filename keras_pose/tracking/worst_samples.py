"""The samples whose poses are most wrong, as pictures."""

import typing

import cv2
import numpy as np

from keras_pose import images
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.tracking.comparison import draw_tiles

_SIZE = 256  # px, of a crop
_MARGIN = 1.3  # side of a crop over the longer side of the box
_MOST_OF_A_CLIP = 2  # whose other frames look the same
_QUALITY = 85


class WorstSample(typing.NamedTuple):
    """One sample to look at.

    Attributes:
        row: Of the truth.
        error: Mean over its joints, in the report's unit.
        jpeg: The poses in its image, and in 3D where they are known.
    """

    row: int
    error: float
    jpeg: bytes


def worst_rows(frame_errors, clips, count):
    """Rows of the largest errors, the largest first, few of a clip.

    Args:
        frame_errors: (N,); NaN for rows that do not count.
        clips: (N,) number of each row's clip.
        count: Rows at most.
    """
    rows, taken = [], {}
    for row in np.argsort(-np.nan_to_num(frame_errors, nan=-1.0)):
        clip = int(clips[row])
        if not np.isfinite(frame_errors[row]) or len(rows) == count:
            break
        if taken.setdefault(clip, 0) < _MOST_OF_A_CLIP:
            taken[clip] += 1
            rows.append(int(row))
    return rows


def draw_worst(records, truth, predictions, report, count=24):
    """Draws the samples that are most wrong.

    Args:
        records: The `store.Records` of the truth.
        truth: The Truth.
        predictions: Their Predictions, as `predictions.matched` gives them.
        report: Their Report.
        count: Samples at most.

    Returns:
        WorstSamples, the worst first.

    Raises:
        ValueError: An image is damaged; names it.
        OSError: A record cannot be read.
    """
    rows = worst_rows(report.frame_errors, truth.clips(), count)
    return [
        WorstSample(
            row,
            float(report.frame_errors[row]),
            _picture(records, truth, predictions, row, report.unit == "mm"),
        )
        for row in rows
    ]


def _picture(records, truth, predictions, row, is_3d):
    number = int(truth.numbers[row])
    record = records.record(number, ("image", "intrinsics", "distortion"))
    try:
        image = images.decode_checked(record["image"])
    except ValueError as error:
        raise ValueError(f"{records.name(number)}: {error}") from error
    transform = crop.crop_from_image(truth.box[row], _SIZE, _MARGIN)
    true_mm = truth.joints_mm[row]
    predicted_mm = predictions.joints_mm[row]
    root = truth.skeleton.root
    if is_3d:
        predicted_mm = predicted_mm - predicted_mm[root]
    predicted_px = _pixels(
        predictions, row, record, predicted_mm, true_mm, root
    )
    tiles = draw_tiles(
        images.crop_image(image, transform, _SIZE),
        crop.apply(transform, truth.joints_px[row]),
        crop.apply(transform, predicted_px),
        true_mm - true_mm[root] if is_3d else 0 * true_mm,
        predicted_mm,
        truth.weight_3d[row] > 0 if is_3d else truth.weight_2d[row] > 0,
        truth.skeleton,
    )
    sheet = np.hstack(tiles if is_3d else tiles[:1])
    settings = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), settings
    )
    return encoded.tobytes()


def _pixels(predictions, row, record, predicted_mm, true_mm, root):
    """(J, 2) px of the predicted joints; NaN where nothing tells them.

    Poses that come without pixels stand at the true root.
    """
    if predictions.joints_px is not None:
        return predictions.joints_px[row]
    if not record["intrinsics"].any():
        return np.full((len(predicted_mm), 2), np.nan)
    placed = predicted_mm + true_mm[root]
    # What comes to stand behind the camera is nowhere in the image.
    placed[~(placed[:, 2] > 1)] = np.nan
    return camera.image_from_camera(
        placed, record["intrinsics"], record["distortion"]
    )
