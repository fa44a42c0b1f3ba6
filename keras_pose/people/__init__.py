"""Where people are in a picture, and who is who over time."""

HOG = "hog"


def load_detector(name_or_path):
    """Loads what finds people in a picture.

    Args:
        name_or_path: "hog", OpenCV's own detector; or the path of a `.tflite`
            or `.onnx` file as of `network_detector`.

    Returns:
        A detector: called with (height, width, 3) uint8, RGB, it returns
        `boxes.Detections`; its `name` says what it is.

    Raises:
        ImportError: The file's runtime is not installed; says how to.
        RuntimeError: This OpenCV has no people detector.
        ValueError: There is no such detector, or its file is damaged or of an
            unknown layout.
    """
    if name_or_path == HOG:
        from keras_pose.people.hog import HogDetector

        return HogDetector()
    from keras_pose.people.network_detector import NetworkDetector

    return NetworkDetector(name_or_path)
