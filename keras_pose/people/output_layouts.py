"""Recognises what the outputs of a detector mean.

A layout is known by the shapes of what a network returns, and where these
leave it open by its numbers or the outputs' names. `box_layouts` and
`yolo_layouts` say which there are.
"""

import numpy as np

from keras_pose.people import box_layouts
from keras_pose.people import yolo_layouts

# What networks that know them call people, the usual name first.
_PERSON = ("person", "people", "pedestrian", "human")
_LONGEST_LIST = 400  # letters of an error


def find_layout(path, outputs, image_size, class_names):
    """Recognises a layout.

    Args:
        path: What errors call the network.
        outputs: {name: array} of a picture without anybody.
        image_size: (width, height) of the network's image, px.
        class_names: {number: name}, or None.

    Returns:
        The `candidates.Layout`.

    Raises:
        ValueError: It is none of those known, or has no class of people.
    """
    person = _person_of(path, class_names)
    layout = (
        box_layouts.find_tensorflow(outputs)
        or box_layouts.find_tflite(outputs, person)
        or box_layouts.find_torchvision(outputs)
        or yolo_layouts.find_yolo(outputs, image_size, class_names, person)
    )
    if layout is None:
        shown = ", ".join(
            f"{name} {np.shape(value)}" for name, value in outputs.items()
        )
        known = len(class_names) if class_names else "no"
        raise ValueError(
            f"{path}: must return detections in a layout that is known. "
            f"Received: {shown:.{_LONGEST_LIST}}, names of {known} classes. "
            "Known are YOLO's (1, 4 + classes, N), (1, N, 5 + classes) and, "
            "with its suppression, (1, N, 6), also YOLOX's; of TFLite's SSD "
            "and EfficientDet boxes (1, N, 4), classes and scores (1, N) and "
            "count (1,); detection_boxes, detection_classes and "
            "detection_scores; torchvision's boxes (N, 4), labels and scores "
            "(N,). Heads that are not decoded yet need another export"
        )
    return layout


def _person_of(path, class_names):
    if class_names is None:
        return 0
    numbers = {name.strip().lower(): n for n, name in class_names.items()}
    for name in _PERSON:
        if name in numbers:
            return numbers[name]
    shown = ", ".join(list(class_names.values())[:10])
    raise ValueError(
        f"{path}: must know a class `{_PERSON[0]}`. Received: {shown:.200}"
    )
