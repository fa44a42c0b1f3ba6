"""Writes a trained network as files to deploy, each proved equal to it in mm.

python export.py --model=runs/h36m --out=exported/h36m --data=data/h36m_test \
    --calibration=data/h36m_train --formats=saved_model,tflite_int8,onnx

Each format is run in a process of its own on the data and on rendered people
and compared with the Keras model; what differs by more than its limit is
removed, and the exit code is then 1.
"""

from absl import flags

from keras_pose import console
from keras_pose.serving.formats import DEFAULT_FORMATS
from keras_pose.serving.formats import FORMATS
from keras_pose.serving.formats import MAX_PIXELS

_MODEL = flags.DEFINE_string("model", None, "Run folder or .keras file.")
_OUT = flags.DEFINE_string("out", None, "Folder to make.")
_FORMATS = flags.DEFINE_list(
    "formats",
    [],
    f"Of {', '.join(FORMATS)}. Default: {', '.join(DEFAULT_FORMATS)}, and "
    "tflite_int8 with --calibration.",
)
_DATA = flags.DEFINE_list(
    "data", [], "Data sets to compare the artefacts on, best never trained on."
)
_CALIBRATION = flags.DEFINE_list(
    "calibration", [], "Data sets whose crops set the ranges of int8."
)
_SAMPLES = flags.DEFINE_integer(
    "samples", 128, "The most samples of --data to compare on.", 1
)
_NAME = flags.DEFINE_string(
    "name", "pose", "Model's name in TensorFlow Serving."
)
_VERSION = flags.DEFINE_integer("version", 1, "Its version there.", 1)
_MAX_PIXELS = flags.DEFINE_integer(
    "max_pixels",
    MAX_PIXELS,
    "Images with more are not decoded by the server.",
    1,
)


def main():
    """Reads the flags, exports, prints the table."""
    console.choose_backend("tensorflow")
    from keras_pose.serving import export
    from keras_pose.serving import gate

    rows = export.export(
        export.Request(
            model=_MODEL.value,
            out=_OUT.value,
            formats=tuple(_FORMATS.value),
            data=tuple(_DATA.value),
            calibration=tuple(_CALIBRATION.value),
            samples=_SAMPLES.value,
            name=_NAME.value,
            version=_VERSION.value,
            max_pixels=_MAX_PIXELS.value,
        ),
        console.say,
    )
    print(gate.table(rows))
    export.check(rows)


if __name__ == "__main__":
    console.run(main, required=["model", "out"])
