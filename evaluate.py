"""Scores a network on data sets: MPJPE and PA-MPJPE in mm, joint by joint.

python evaluate.py --model=runs/h36m --data=data/h36m_test --out=scores.json
"""

import json
import os

from absl import flags

from keras_pose import console

_MODEL = flags.DEFINE_string(
    "model", None, "Run folder, .keras or .tflite file, or SavedModel folder."
)
_DATA = flags.DEFINE_list("data", None, "Folders made by prepare.py.")
_OUT = flags.DEFINE_string("out", "", "JSON file to write the scores to.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Images at once.", 1)


def main():
    """Reads the flags, scores, prints the table."""
    console.import_tensorflow()
    from keras_pose.data import pipeline
    from keras_pose.evaluation.scoring import score
    from keras_pose.serving import artefacts

    folder = os.path.dirname(os.path.abspath(_OUT.value))
    if not os.path.isdir(folder):  # said now rather than after the work
        raise ValueError(f"--out must be in a folder that exists: {folder}")
    artefact = artefacts.load(_MODEL.value)
    bar = console.progress_bar(pipeline.count(_DATA.value), "frame")
    scores = score(
        artefact.predict,
        artefact.spec,
        _DATA.value,
        _BATCH_SIZE.value,
        bar,
    )
    print(scores.table())
    if _OUT.value:
        content = {
            "model": artefact.path,
            "data": _DATA.value,
            **scores.to_dict(),
        }
        with open(_OUT.value, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, allow_nan=False)
            file.write("\n")


if __name__ == "__main__":
    console.run(main, required=["model", "data"])
