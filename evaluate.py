"""Scores a network on data sets: MPJPE and PA-MPJPE in mm, joint by joint.

python evaluate.py --model=runs/h36m --data=data/h36m_test --out=scores.json
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
_DATA = flags.DEFINE_list("data", None, "Folders made by prepare.py.")
_MEAN_POSE_OF = flags.DEFINE_list(
    "mean_pose_of", [], "Training data whose mean pose is scored beside."
)
_OUT = flags.DEFINE_string("out", "", "JSON file to write the scores to.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Images at once.", 1)


def main():
    """Reads the flags, scores, prints the table."""
    from keras_pose.serving import artefacts

    if artefacts.needs_backend(_MODEL.value):
        console.choose_backend("tensorflow", "jax", "torch")
    from keras_pose.data.store import Records
    from keras_pose.evaluation.scoring import score
    from keras_pose.evaluation.scoring import score_mean_pose

    folder = os.path.dirname(os.path.abspath(_OUT.value))
    if not os.path.isdir(folder):  # said now rather than after the work
        raise ValueError(f"--out must be in a folder that exists: {folder}")
    artefact = artefacts.load(_MODEL.value)
    # First, for it is quick, and says what is wrong with the folders.
    if _MEAN_POSE_OF.value:
        baseline = score_mean_pose(
            _MEAN_POSE_OF.value, artefact.spec, _DATA.value, _BATCH_SIZE.value
        )
    bar = console.progress_bar(len(Records(_DATA.value)), "frame")
    scores = score(
        artefact.predict,
        artefact.spec,
        _DATA.value,
        _BATCH_SIZE.value,
        bar,
    )
    print(scores.table())
    content = {"model": artefact.path, "data": _DATA.value, **scores.to_dict()}
    if _MEAN_POSE_OF.value:
        share = scores.mpjpe / baseline.mpjpe
        print(
            f"mean pose of the training data: MPJPE {baseline.mpjpe:.2f}, "
            f"PA-MPJPE {baseline.pa_mpjpe:.2f}; the network's MPJPE is "
            f"{share:.1%} of that"
        )
        content["mean_pose"] = baseline.to_dict()
    if _OUT.value:
        with open(_OUT.value, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, allow_nan=False)
            file.write("\n")


if __name__ == "__main__":
    console.run(main, required=["model", "data"])
