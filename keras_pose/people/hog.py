"""OpenCV's own people detector: it is there without any file, and weak.

Histograms of oriented gradients under a linear classifier, which learned
upright pedestrians seen whole. Who crouches, lies, is hidden in part, or takes
less than about a quarter of the picture's longer side is missed, and what
looks like a person, such as a pillar, is found. Of 63 people in photos of
COCO, MPII, Human3.6M, MPI-INF-3DHP and rendered ones, 21 are found with an
IoU of 0.5 and more, beside 15 boxes that are no or not quite a person; of 70
athletes of Leeds Sports Extended 5, beside 28. Any other detector is better.

Source: N. Dalal, B. Triggs, "Histograms of Oriented Gradients for Human
Detection", CVPR 2005.
"""

import cv2
import numpy as np

from keras_pose.people import boxes as boxes_of_people

# All of this was chosen on those photos. A working size of 320 px finds fewer
# people who are small, 480 and 640 px find more that is none. Half the stride,
# or the mirrored image too, find no more people among as many mistakes.
_LONGER_SIDE = 400  # px
# Its border's pixels go on around the picture, share of the longer side: the
# window needs room around a person who fills the picture.
_BORDER = 0.16
_STRIDE = 8  # px
_SCALE_STEP = 1.05

# The window has a border around the person. The classifier's training images
# had 16 px of 128 above and below, people's joints begin farther inside: the
# medians of found people. IoU with the box of the joints: 0.54 with 16 px,
# 0.63 with these.
_WINDOW = (64, 128)
_LEFT, _TOP, _RIGHT, _BOTTOM = 0.195, 0.16, 0.195, 0.185

# Windows of one person overlap by more than the first, or the smaller lies in
# the other by more than the second.
_MOST_IOU, _MOST_COVERAGE = 0.4, 0.6
# Those that overlap the best by more than this are averaged.
_AGREEING_IOU = 0.5
_LEAST_SCORE = 2.0


class HogDetector:
    """Finds upright people.

    Scores are the summed margins of all the windows that agree on a person:
    above 2, without an upper limit.

    Attributes:
        name: What it is called in a pose's `box_from`.

    Raises:
        RuntimeError: This OpenCV has no people detector.
    """

    name = "OpenCV's HOG people detector"

    def __init__(self):
        if not hasattr(cv2, "HOGDescriptor"):
            raise RuntimeError(
                "OpenCV 5 has no people detector: "
                'pip install "opencv-python<5", or name the file of another '
                "detector, --detector=people.tflite or people.onnx. "
                f"Received: OpenCV {cv2.__version__}"
            )
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())

    def __call__(self, image):
        """Finds the people in an image.

        Args:
            image: (height, width, 3) uint8, RGB.

        Returns:
            `boxes.Detections`.
        """
        height, width = image.shape[:2]
        windows, margins = self._windows(image)
        found, scores = [], []
        for best, members in boxes_of_people.best_of_each(
            windows, margins, _MOST_IOU, _MOST_COVERAGE
        ):
            overlap = boxes_of_people.iou(windows[[best]], windows[members])[0]
            agreeing = members[overlap > _AGREEING_IOU]
            weights = margins[agreeing]
            found.append(np.average(windows[agreeing], axis=0, weights=weights))
            scores.append(weights.sum())
        found = np.array(found).reshape(-1, 4)
        scores = np.array(scores)
        sure = scores >= _LEAST_SCORE
        return boxes_of_people.detections_within(
            _person_in(found[sure]), scores[sure], width, height
        )

    def _windows(self, image):
        """Windows with a positive margin, (N, 4) px of the image, and it."""
        height, width = image.shape[:2]
        zoom = _LONGER_SIDE / max(height, width)
        size = [max(1, round(side * zoom)) for side in (width, height)]
        shrinks = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        resized = cv2.resize(image, size, interpolation=shrinks)
        resized = cv2.cvtColor(resized, cv2.COLOR_RGB2BGR)
        # At least a window of it.
        border = [
            max(round(_BORDER * _LONGER_SIDE), -(-(least - side) // 2))
            for side, least in zip(size, _WINDOW, strict=True)
        ]
        resized = cv2.copyMakeBorder(
            resized,
            *(border[1], border[1], border[0], border[0]),
            cv2.BORDER_REPLICATE,
        )
        windows, margins = self._hog.detectMultiScale(
            resized,
            hitThreshold=0,
            winStride=(_STRIDE, _STRIDE),
            padding=(0, 0),
            scale=_SCALE_STEP,
            groupThreshold=0,  # all of them: they are grouped here
        )
        windows = np.asarray(windows, np.float64).reshape(-1, 4)
        margins = np.asarray(margins, np.float64).reshape(-1)
        windows[:, :2] -= border
        zooms = np.divide(size, (width, height))
        positive = margins > 0
        return (windows / np.tile(zooms, 2))[positive], margins[positive]


def _person_in(windows):
    """The boxes, tight on joints, of people in windows (N, 4)."""
    x, y, width, height = windows.T
    return np.stack(
        [
            x + _LEFT * width,
            y + _TOP * height,
            (1 - _LEFT - _RIGHT) * width,
            (1 - _TOP - _BOTTOM) * height,
        ],
        axis=-1,
    )
