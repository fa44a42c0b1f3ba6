"""Scores a network, or another system's poses, on data sets.

python evaluate.py --model=runs/h36m --data=data/h36m_test --protocol=h36m_p1 \
    --out=scores.json --html=scores.html
"""

import json
import os

from absl import flags

from keras_pose import console

_MODEL = flags.DEFINE_string(
    "model",
    None,
    "Run folder, .keras, .tflite or .onnx file, SavedModel or OpenVINO folder.",
)
_PREDICTIONS = flags.DEFINE_string(
    "predictions",
    None,
    "Poses of another system instead: .npz, .json, .csv or .csv.gz.",
)
_DATA = flags.DEFINE_list("data", None, "Folders made by prepare.py.")
_PROTOCOL = flags.DEFINE_string(
    "protocol",
    "everything",
    "What is scored and how: everything, h36m_p1, h36m_p2, h36m_s11_pa, "
    "mpi_inf_3dhp, mpii_pckh or lsp_pck.",
)
_FLIP = flags.DEFINE_bool("flip", False, "Average with the mirrored image.")
_CROPS = flags.DEFINE_integer("crops", 1, "Crops to average over.", 1)
_ROOT_DEPTH_FROM = flags.DEFINE_enum(
    "root_depth_from",
    "true",
    ["true", "estimated"],
    "Of a crop volume: the label's, or where the bones have their mean length.",
)
_MEAN_POSE_OF = flags.DEFINE_list(
    "mean_pose_of", [], "Training data whose mean pose is scored beside."
)
_BOOTSTRAP = flags.DEFINE_integer(
    "bootstrap", 1000, "Draws of clips for 95 % intervals; 0 for none.", 0
)
_OUT = flags.DEFINE_string("out", "", "JSON file to write the scores to.")
_MARKDOWN = flags.DEFINE_string("markdown", "", "The same as Markdown.")
_HTML = flags.DEFINE_string(
    "html", "", "The same as a page with charts and the worst samples."
)
_SAVE_PREDICTIONS = flags.DEFINE_string(
    "save_predictions", "", "File for the poses, as of --predictions."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Images at once.", 1)


def main():
    """Reads the flags, scores, prints the table, writes the files."""
    _check_flags()
    from keras_pose.serving import artefacts

    if _MODEL.value and artefacts.needs_backend(_MODEL.value):
        console.choose_backend("tensorflow", "jax", "torch")
    from keras_pose.evaluation import wording
    from keras_pose.evaluation.prediction_files import write_predictions
    from keras_pose.evaluation.protocols import protocol_of
    from keras_pose.evaluation.report import evaluate
    from keras_pose.evaluation.task import Task

    protocol = protocol_of(_PROTOCOL.value)
    if _MEAN_POSE_OF.value and protocol.joints_2d is not None:
        raise ValueError(
            "--mean_pose_of needs a protocol in mm: a mean pose has no pixels. "
            f"Received: --protocol={protocol.name}"
        )
    artefact = artefacts.load(_MODEL.value) if _MODEL.value else None
    skeleton = artefact.spec.skeleton if artefact else None
    task = Task.open(_DATA.value, protocol, skeleton)
    baseline = None
    if _MEAN_POSE_OF.value:
        baseline = task.mean_pose(_MEAN_POSE_OF.value)
    if artefact:
        predictions, conventions = task.infer(
            artefact,
            _BATCH_SIZE.value,
            _FLIP.value,
            _CROPS.value,
            _ROOT_DEPTH_FROM.value,
            console.progress_bar(len(task.truth), "frame"),
        )
    else:
        predictions, conventions = task.read(_PREDICTIONS.value)
    if _SAVE_PREDICTIONS.value:
        write_predictions(_SAVE_PREDICTIONS.value, predictions)
    report = evaluate(
        task.truth, predictions, protocol, conventions, _BOOTSTRAP.value
    )
    print(wording.table(report))
    if baseline:
        print(wording.baseline_line(report, baseline))
    path = artefact.path if artefact else _PREDICTIONS.value
    _write(path, task, predictions, report, baseline)


def _check_flags():
    """Says now, rather than after the work, what is wrong with the flags."""
    from keras_pose.evaluation.prediction_files import check_path

    if bool(_MODEL.value) == bool(_PREDICTIONS.value):
        raise ValueError("either --model or --predictions must be given")
    if _PREDICTIONS.value:
        check_path(_PREDICTIONS.value)
        for flag in (_FLIP, _CROPS, _ROOT_DEPTH_FROM):
            if flag.value != flag.default:
                raise ValueError(f"--{flag.name} needs --model")
    if _SAVE_PREDICTIONS.value:
        check_path(_SAVE_PREDICTIONS.value)
    for flag in (_OUT, _MARKDOWN, _HTML, _SAVE_PREDICTIONS):
        folder = os.path.dirname(os.path.abspath(flag.value))
        if not os.path.isdir(folder):
            raise ValueError(
                f"--{flag.name} must be in a folder that exists: {folder}"
            )


def _write(path, task, predictions, report, baseline):
    """Writes the files that the flags ask for."""
    from keras_pose.durable import replaced
    from keras_pose.evaluation import wording

    given = _MODEL.value or _PREDICTIONS.value
    title = os.path.basename(os.path.abspath(given))
    sources = {"scored": path, "data": ", ".join(_DATA.value)}
    if _OUT.value:
        kind = "model" if _MODEL.value else "predictions"
        content = {kind: path, "data": _DATA.value, **report.to_dict()}
        if baseline:
            content["mean_pose"] = baseline.to_dict()
        text = json.dumps(content, indent=1, allow_nan=False) + "\n"
        with replaced(_OUT.value) as aside, open(aside, "w") as file:
            file.write(text)
    if _MARKDOWN.value:
        text = wording.markdown(report, title, sources, baseline)
        with (
            replaced(_MARKDOWN.value) as aside,
            open(aside, "w", encoding="utf-8") as file,
        ):
            file.write(text)
    if _HTML.value:
        from keras_pose.tracking.evaluation_page import write_page
        from keras_pose.tracking.worst_samples import draw_worst

        worst = draw_worst(task.records, task.truth, predictions, report)
        write_page(
            _HTML.value, title, report, task.truth, worst, sources, baseline
        )


if __name__ == "__main__":
    console.run(main, required=["data"])
