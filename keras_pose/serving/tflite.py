"""TFLite files, float32 and float16."""

import tensorflow as tf

from keras_pose.serving import artefacts


def export_tflite(saved_model, spec, path, float16=False):
    """Converts the crop endpoint of a SavedModel.

    Only built-in operators are used, so that the file runs wherever TFLite
    does.

    Args:
        saved_model: A folder that `export_saved_model` wrote. A SavedModel
            made otherwise may convert without its weights.
        spec: The PoseSpec.
        path: File to write.
        float16: Whether weights are stored in half the bytes.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(
        saved_model, signature_keys=["serving_default"]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if float16:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    with open(path, "wb") as file:
        file.write(converter.convert())
    artefacts.add_spec_to_file(path, spec)
