"""Predicts the pose of a person in an image, or of all in data sets, in mm.

python predict.py --model=runs/h36m --image=photo.jpg --box=120,40,200,420 \
    --out=photo_pose
python predict.py --model=runs/h36m --dataset=data/test \
    --csv=submission.csv.gz

The first writes photo_pose.json, and photo_pose.png: the image with the pose on
it beside the pose in 3D. The second writes a line for each record, mm relative
to the hip, as the report's result file.
"""

import json
import os

from absl import flags
from absl import logging

from keras_pose import console

_MODEL = flags.DEFINE_string(
    "model",
    None,
    "Run folder, .keras, .tflite or .onnx file, SavedModel or OpenVINO folder.",
)
_IMAGE = flags.DEFINE_string("image", None, "Image file.")
_OUT = flags.DEFINE_string("out", None, "Path of the results, no extension.")
_BOX = flags.DEFINE_list(
    "box", None, "Person's x,y,width,height in px; else the whole image."
)
_INTRINSICS = flags.DEFINE_list("intrinsics", None, "fx,fy,cx,cy in px.")
_DISTORTION = flags.DEFINE_list("distortion", None, "k1,k2,p1,p2,k3.")
_DEPTH = flags.DEFINE_float(
    "root_depth", None, "mm from the camera to the root; else estimated."
)

_DATASET = flags.DEFINE_list(
    "dataset", None, "Folders made by prepare.py, instead of --image."
)
_CSV = flags.DEFINE_string(
    "csv", None, "File for their poses: .csv or .csv.gz, or .npz or .json."
)
_FLIP = flags.DEFINE_bool("flip", False, "Average with the mirrored image.")
_CROPS = flags.DEFINE_integer("crops", 1, "Crops to average over.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Images at once.", 1)

_OF_IMAGE = (_IMAGE, _OUT, _BOX, _INTRINSICS, _DISTORTION, _DEPTH)
_OF_DATASET = (_DATASET, _CSV, _FLIP, _CROPS, _BATCH_SIZE)


def main():
    """Reads the flags and predicts."""
    if _IMAGE.value is None and _DATASET.value is None:
        raise ValueError("either --image or --dataset must be given")
    if _DATASET.value is None:
        _check_flags("image", needed=(_OUT,), foreign=_OF_DATASET)
    else:
        _check_flags("dataset", needed=(_CSV,), foreign=_OF_IMAGE)
    from keras_pose.serving import artefacts

    if artefacts.needs_backend(_MODEL.value):
        console.choose_backend("tensorflow", "jax", "torch")
    if _DATASET.value is None:
        _predict_image()
    else:
        _predict_dataset()


def _check_flags(mode, needed, foreign):
    for flag in needed:
        if flag.value is None:
            raise ValueError(f"--{flag.name} must be given with --{mode}")
    for flag in foreign:
        if flag.value != flag.default:
            raise ValueError(f"--{flag.name} must not be given with --{mode}")


def _predict_dataset():
    from keras_pose.data.store import Records
    from keras_pose.evaluation import prediction_files
    from keras_pose.evaluation.inference import infer
    from keras_pose.serving import artefacts

    # What is wrong with a path is said now rather than after the work.
    prediction_files.check_path(_CSV.value)
    folder = os.path.dirname(os.path.abspath(_CSV.value))
    if not os.path.isdir(folder):
        raise ValueError(f"--csv must be in a folder that exists: {folder}")
    records = Records(_DATASET.value)
    artefact = artefacts.load(_MODEL.value)
    poses = infer(
        artefact.predict,
        artefact.spec,
        records,
        _BATCH_SIZE.value,
        flip=_FLIP.value,
        crops=_CROPS.value,
        root_depth="estimated",
        progress=console.progress_bar(len(records), "image"),
    )
    prediction_files.write_predictions(_CSV.value, poses)
    print(f"{_CSV.value}: {len(poses)} poses")


def _predict_image():
    from keras_pose import images
    from keras_pose import visualization
    from keras_pose.prediction import Predictor

    with open(_IMAGE.value, "rb") as file:
        image = images.decode_image(file.read(), _IMAGE.value, upright=True)
    intrinsics = _numbers("intrinsics", _INTRINSICS.value, 4)
    if intrinsics is not None:
        fx, fy, cx, cy = intrinsics
        intrinsics = [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]
    pose = Predictor(_MODEL.value)(
        image,
        _numbers("box", _BOX.value, 4),
        intrinsics,
        _numbers("distortion", _DISTORTION.value, 5),
        _DEPTH.value,
    )
    visualization.save_pose_picture(f"{_OUT.value}.png", image, pose)
    with open(f"{_OUT.value}.json", "w", encoding="utf-8") as file:
        content = {"image": _IMAGE.value, **pose.to_dict()}
        json.dump(content, file, indent=1)
        file.write("\n")
    if pose.intrinsics_from != "given":
        logging.warning(
            "no --intrinsics: %s; the place of the person is a guess too",
            pose.intrinsics_from,
        )
    print(f"{_OUT.value}.json\n{_OUT.value}.png")


def _numbers(name, values, count):
    """Parses a flag of `count` numbers."""
    if values is None:
        return None
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise ValueError(
            f"--{name} must be {count} numbers. Received: {','.join(values)}"
        )
    return numbers


if __name__ == "__main__":
    console.run(main, required=["model"])
