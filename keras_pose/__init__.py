"""3D human pose from one colour image: integral pose regression in Keras."""

__version__ = "0.1.0"


def load(model, crop_model=None, detector="hog"):
    """Loads a network to predict with.

    Args:
        model: Path of a run's folder, a `.keras`, `.tflite` or `.onnx` file,
            a SavedModel or an OpenVINO folder.
        crop_model: The same of a second network, with a crop volume, for a
            `model` with a metric one; it tells how far away people are.
        detector: What finds people where no boxes are given: "hog", or the
            path of a `.tflite` or `.onnx` detector.

    Returns:
        A `prediction.Predictor`: call it with an image.

    Raises:
        ImportError: The network's runtime is not installed.
        ValueError: There is no such network, or it is damaged.
    """
    from keras_pose.prediction import Predictor

    return Predictor(model, crop_model, detector)
