"""From nothing to a trained, scored and exported network in a quarter hour.

python3 quickstart.py

Sets up its environment, renders 4,000 people, trains a small network on them,
scores it on people that it has never seen, exports it and predicts on photos
of them. Each step is one of the project's own commands, and is printed. What
an earlier run has finished is kept.
"""

import glob
import json
import os
import shlex
import shutil
import subprocess
import sys
import time

from keras_pose import environment

COUNT = 4000
IMAGE_SIZE = 160  # a little more than the network sees
DATA = "data/quickstart"
RUN = "runs/quickstart"
EXPORTED = "exported/quickstart"
PICTURES = 4
CONFIG = "configs/quickstart.py"


def main():
    """Runs the five commands, then prints what came of them."""
    environment.enter("requirements.txt")
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    start = time.monotonic()
    _run(
        "prepare.py",
        source="synthetic",
        count=COUNT,
        image_size=IMAGE_SIZE,
        out=DATA,
    )
    _run("train.py", config=CONFIG, workdir=RUN)
    scores = f"{RUN}/scores.json"
    _run(
        "evaluate.py",
        model=RUN,
        data=f"{DATA}/test",
        mean_pose_of=f"{DATA}/train",
        out=scores,
    )
    shutil.rmtree(EXPORTED, ignore_errors=True)
    _run(
        "export.py",
        model=RUN,
        data=f"{DATA}/test",
        calibration=f"{DATA}/train",
        out=EXPORTED,
    )
    pictures = _predict()
    _summarise(scores, pictures, time.monotonic() - start)


def _run(script, **flags):
    """Runs one of the project's commands; ends with it if it fails."""
    command = [script, *(f"--{name}={value}" for name, value in flags.items())]
    print(f"\n$ python {shlex.join(command)}", flush=True)
    done = subprocess.run([sys.executable, *command], check=False)
    if done.returncode:
        sys.exit(f"quickstart.py: error: {script} failed")


def _predict():
    """Predicts on photos of test people; returns the pictures' paths."""
    with open(f"{DATA}/examples/examples.json", encoding="utf-8") as file:
        examples = json.load(file)[:PICTURES]
    for example in examples:
        name = os.path.splitext(example["image"])[0]
        _run(
            "predict.py",
            model=f"{EXPORTED}/model_float32.tflite",
            input=f"{DATA}/examples/{example['image']}",
            box=",".join(f"{value:.1f}" for value in example["box"]),
            intrinsics=",".join(
                f"{value:.1f}" for value in example["intrinsics"]
            ),
            out=f"{EXPORTED}/poses/{name}",
        )
    return sorted(glob.glob(f"{EXPORTED}/poses/*/page.html"))


def _summarise(scores, pictures, seconds):
    """Prints what was measured."""
    with open(scores, encoding="utf-8") as file:
        scored = json.load(file)
    with open(f"{EXPORTED}/export_report.json", encoding="utf-8") as file:
        artefacts = json.load(file)["artefacts"]
    mean_pose = scored["mean_pose"]
    rows = [
        ("", "MPJPE, mm", "PA-MPJPE, mm"),
        ("this network", scored["mpjpe_mm"], scored["pa_mpjpe_mm"]),
        ("mean pose", mean_pose["mpjpe_mm"], mean_pose["pa_mpjpe_mm"]),
    ]
    print(f"\n{scored['frames']} photos of people never seen in training")
    for name, *values in rows:
        cells = (v if isinstance(v, str) else f"{v:.1f}" for v in values)
        print(f"  {name:<22}" + "".join(f"{cell:>14}" for cell in cells))
    print(f"\n  {'exported':<22}{'MB':>14}{'ms an image':>14}")
    for row in artefacts:
        if row["endpoint"] == "network":
            print(
                f"  {row['format']:<22}{row['megabytes']:>14.1f}"
                f"{row['milliseconds']:>14.1f}"
            )
    print(f"\nThe training data: {DATA}/contact_sheet.png")
    print("Predictions:", *pictures, sep="\n  ")
    print(f"Done in {seconds / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
