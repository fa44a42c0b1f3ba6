"""Predicts the poses of people in photos or a video, in mm.

python predict.py --model=runs/quickstart --input=photo.jpg --out=poses/photo
python predict.py --model=runs/quickstart --input=dance.mp4 --out=poses/dance \
    --formats=json,page,picture,bvh
python predict.py --model=runs/quickstart --dataset=data/test \
    --csv=submission.csv.gz

The first two find the people, and write what --formats names into the folder
--out: by default a table of all poses, pictures, and a page to look at. The
third writes a line for each record of a data set made by prepare.py, mm
relative to the hip, as the report's result file.
"""

import contextlib
import os

from absl import flags
from absl import logging

from keras_pose import console

_MODEL = flags.DEFINE_string(
    "model",
    None,
    "Run folder, .keras, .tflite or .onnx file, SavedModel or OpenVINO folder.",
)
_FLIP = flags.DEFINE_bool("flip", False, "Average with the mirrored image.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Images at once.", 1)

_INPUT = flags.DEFINE_list(
    "input",
    None,
    "Photos, folders of them, patterns as 'shots/*.jpg'; or a video; or the "
    "number of a camera, 0 for the first.",
)
_OUT = flags.DEFINE_string("out", None, "Folder for the results.")
_FORMATS = flags.DEFINE_list(
    "formats",
    ["json", "picture", "still", "page"],
    "What to write: json, csv, npz, angles, bvh, bvh_fixed, trc, picture, "
    "webm, still, page; docs/predict.md says what they are.",
)
_BOX = flags.DEFINE_list(
    "box",
    None,
    "The person's x,y,width,height in px: in each photo, or in the first frame "
    "of a video, where they alone are followed. Else people are found by "
    "--detector.",
)
_BOXES = flags.DEFINE_string(
    "boxes",
    None,
    "CSV or JSON file of boxes for each photo or frame; or 'image', if each "
    "shows one person and little else.",
)
_DETECTOR = flags.DEFINE_string(
    "detector",
    None,
    "'hog', OpenCV's, which it is without this flag; or a .tflite or .onnx "
    "detector. Beside --box it finds the person of a video again.",
)
_INTRINSICS = flags.DEFINE_list("intrinsics", None, "fx,fy,cx,cy in px.")
_DISTORTION = flags.DEFINE_list("distortion", None, "k1,k2,p1,p2,k3.")
_CAMERA = flags.DEFINE_string(
    "camera", None, "JSON file with `intrinsics_px` and `distortion`."
)
_FIELD_OF_VIEW = flags.DEFINE_float(
    "field_of_view", None, "Degrees across the image's longer side."
)
_CROP_MODEL = flags.DEFINE_string(
    "crop_model",
    None,
    "A network with a crop volume, beside a --model with a metric one: both "
    "together tell how far away people are.",
)
_DEPTH = flags.DEFINE_float(
    "root_depth", None, "mm from the camera to the hip; else estimated."
)
_SMOOTH = flags.DEFINE_bool(
    "smooth", True, "Smooth the poses of a video or camera over time."
)
_EVERY = flags.DEFINE_integer("every", 1, "Take each n-th frame.", 1)
_START = flags.DEFINE_float("start", None, "Begin here, s.")
_END = flags.DEFINE_float("end", None, "End here, s; a camera too.")

_DATASET = flags.DEFINE_list(
    "dataset", None, "Folders made by prepare.py, instead of --input."
)
_CSV = flags.DEFINE_string(
    "csv", None, "File for their poses: .csv or .csv.gz, or .npz or .json."
)
_CROPS = flags.DEFINE_integer(
    "crops", 1, "Crops to average over, with --dataset.", 1
)

_OF_INPUT = (
    _OUT,
    _FORMATS,
    _BOX,
    _BOXES,
    _DETECTOR,
    _INTRINSICS,
    _DISTORTION,
    _CAMERA,
    _FIELD_OF_VIEW,
    _CROP_MODEL,
    _DEPTH,
    _SMOOTH,
    _EVERY,
    _START,
    _END,
)
_OF_DATASET = (_CSV, _CROPS)


def main():
    """Reads the flags and predicts."""
    if _INPUT.value is None and _DATASET.value is None:
        raise ValueError("either --input or --dataset must be given")
    if _DATASET.value is None:
        _check_flags("input", needed=(_OUT,), foreign=_OF_DATASET)
    else:
        _check_flags("dataset", needed=(_CSV,), foreign=(_INPUT, *_OF_INPUT))
    from keras_pose.serving import artefacts

    models = [model.value for model in (_MODEL, _CROP_MODEL) if model.value]
    if any(map(artefacts.needs_backend, models)):
        console.choose_backend("tensorflow", "jax", "torch")
    if _DATASET.value is None:
        _predict_input()
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
    with console.quiet():
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


def _predict_input():
    from keras_pose import memory
    from keras_pose import streaming
    from keras_pose.media.reader import open_media
    from keras_pose.outputs.results import Results
    from keras_pose.people import HOG
    from keras_pose.people.smoothing import Smoother
    from keras_pose.prediction import Predictor
    from keras_pose.watching import Watch
    from keras_pose.watching import listed_files

    camera, boxes = _camera(), _boxes()
    memory.keep_freed()
    with console.quiet():
        predictor = Predictor(
            _MODEL.value, _CROP_MODEL.value, _DETECTOR.value or HOG
        )
    with contextlib.ExitStack() as exits:
        media = exits.enter_context(
            open_media(_INPUT.value, _EVERY.value, _START.value, _END.value)
        )
        if _BOX.value and _DETECTOR.value and media.kind == "photos":
            raise ValueError(
                "--detector must not be given with --box for photos"
            )
        results = exits.enter_context(
            Results(
                _OUT.value,
                _FORMATS.value,
                predictor.spec.skeleton,
                _MODEL.value,
                media.kind,
                media.frames_per_second,
                media.paths,
            )
        )
        frames = streaming.stream(
            media,
            predictor,
            camera,
            boxes,
            _DEPTH.value,
            _FLIP.value,
            _BATCH_SIZE.value,
            Smoother() if _SMOOTH.value else None,
            detects_given=_DETECTOR.value is not None,
        )
        watch = Watch(media, console.progress_bar, console.say)
        with contextlib.closing(watch.over(frames)) as watched:
            for frame, poses in watched:
                results.add(frame, poses)
        paths = results.finish()
    for line in watch.warnings():
        logging.warning("%s", line)
    print(watch.summary(), *listed_files(paths), sep="\n")


def _camera():
    """What the flags say of the camera."""
    from keras_pose import streaming

    given = [
        flag
        for flag in (_INTRINSICS, _CAMERA, _FIELD_OF_VIEW)
        if flag.value is not None
    ]
    if len(given) > 1:
        names = " and ".join(f"--{flag.name}" for flag in given)
        raise ValueError(f"the camera must be given once. Received: {names}")
    distortion = _numbers("distortion", _DISTORTION.value, 5)
    if _CAMERA.value is not None:
        if distortion is not None:
            raise ValueError("--distortion must stand in the --camera file")
        return streaming.read_camera(_CAMERA.value)
    intrinsics = _numbers("intrinsics", _INTRINSICS.value, 4)
    if intrinsics is not None:
        fx, fy, cx, cy = intrinsics
        intrinsics = [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]
    return streaming.Camera(intrinsics, distortion, _FIELD_OF_VIEW.value)


def _boxes():
    """What the flags say of boxes; None where people are to be found."""
    from keras_pose.people.boxes_file import read_boxes
    from keras_pose.shots import WHOLE_IMAGE

    if _BOX.value is not None and _BOXES.value is not None:
        raise ValueError("--box must not be given with --boxes")
    if _DETECTOR.value is not None and _BOXES.value is not None:
        raise ValueError("--detector must not be given with --boxes")
    if _BOX.value is not None:
        return [_numbers("box", _BOX.value, 4)]
    if _BOXES.value in (None, WHOLE_IMAGE):
        return _BOXES.value
    return read_boxes(_BOXES.value)


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
