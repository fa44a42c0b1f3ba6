"""The report's four approaches side by side on rendered people: its Figure 2.

python prepare.py --source=synthetic --count=4000 --image_size=160 \
    --out=data/quickstart
python -m benchmarks.approaches --data=data/quickstart [--seeds=3] \
    [--weights=imagenet --backbone=resnet50]

Each recipe of configs/report/ is trained in a size that fits 2 CPU cores, as
often as there are seeds, and scored on people never seen: half an hour or more
in all. What an earlier run has finished is kept. The fourth approach needs
--weights of the backbone, and is left out without them.
"""

import json
import os
import statistics
import subprocess
import sys

from absl import app
from absl import flags

_DATA = flags.DEFINE_string("data", None, "Folder with train/ and test/.")
_OUT = flags.DEFINE_string("out", "runs/approaches", "Folder of the runs.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Trainings of each.", 1)
_EPOCHS = flags.DEFINE_integer("epochs", 8, "Of each training.", 4)
_BACKBONE = flags.DEFINE_string("backbone", "resnet18_small", "Of all.")
_WEIGHTS = flags.DEFINE_string("weights", "", "'imagenet' or a file.")
flags.mark_flag_as_required("data")

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_APPROACHES = ("regression", "integral", "integral_heatmap", "pretrained")


def main(argv):
    """Trains and scores what is not yet, then prints and draws."""
    del argv
    results = {}
    for name in _APPROACHES:
        if name == "pretrained" and not _WEIGHTS.value:
            continue
        rows = [_result(name, seed) for seed in range(_SEEDS.value)]
        results[name] = rows
        _print(name, rows)
    path = os.path.join(_OUT.value, "approaches.png")
    _draw(results, path)
    print(path)


def _result(name, seed):
    """Scores of one training: {"mpjpe_mm", "pa_mpjpe_mm", "spread"}."""
    run = os.path.join(_OUT.value, f"{name}_{seed}")
    scores = os.path.join(run, "scores.json")
    settings = {
        "data.train": f"{_DATA.value}/train",
        "model.backbone": _BACKBONE.value,
        "model.input_size": 128,
        "model.deconv_layers": 1,
        "model.deconv_filters": 64,
        "model.depth_bins": 16,
        # Rendered people fill their boxes, other than those of the report's
        # crops; and few of them teach a crop's places sooner than a cube's.
        "data.box_margin": 1.2,
        "model.volume": "crop",
        "train.learning_rate": 2.5e-3,
        "train.warmup_steps": 100,
        "train.epochs": _EPOCHS.value,
        "train.validation_every": _EPOCHS.value,
        "train.seed": seed,
    }
    if name == "integral_heatmap":  # for the last quarter
        settings["loss.heatmap_epochs"] = (_EPOCHS.value * 3 // 4 + 1, 0)
    if name == "pretrained":
        settings["model.weights"] = _WEIGHTS.value
    # It refuses the run of other settings, and goes on with one that stopped.
    _run(
        "train.py",
        f"--config={_ROOT}/configs/report/{name}.py",
        f"--workdir={run}",
        *(f"--config.{field}={value}" for field, value in settings.items()),
    )
    if not os.path.exists(scores):
        _run(
            "evaluate.py",
            f"--model={run}/last.keras",
            f"--data={_DATA.value}/test",
            f"--mean_pose_of={_DATA.value}/train",
            f"--out={scores}",
        )
    with open(scores, encoding="utf-8") as file:
        content = json.load(file)
    return {
        "mpjpe_mm": content["mpjpe_mm"],
        "pa_mpjpe_mm": content["pa_mpjpe_mm"],
        "mean_pose_mm": content["mean_pose"]["mpjpe_mm"],
        "spread": _spread(os.path.join(run, "last.keras")),
    }


def _run(script, *arguments):
    command = [sys.executable, os.path.join(_ROOT, script), *arguments]
    print(f"$ python {script} {' '.join(arguments)}", flush=True)
    subprocess.run(command, check=True)


def _spread(path):
    """Mean standard deviation of the test heatmaps in mm; None without."""
    from keras_pose.data import threads
    from keras_pose.data.store import Records
    from keras_pose.serving import artefacts

    artefact = artefacts.load(path)
    total = count = 0.0
    records = Records([f"{_DATA.value}/test"])
    for batch in threads.batches(records, artefact.spec, 32):
        outputs = artefact.predict(batch["image"])
        if "std" not in outputs:
            return None
        std = outputs["std"] * artefact.spec.volume.unit_mm(batch["view"])
        total += std.sum()
        count += std.size
    return float(total / count)


def _print(name, rows):
    for field in ("mpjpe_mm", "pa_mpjpe_mm", "mean_pose_mm", "spread"):
        values = [row[field] for row in rows if row[field] is not None]
        if values:
            each = ", ".join(f"{value:.1f}" for value in values)
            print(
                f"{name:<18}{field:<14}{statistics.fmean(values):>8.1f} +- "
                f"{_deviation(values):.1f}   ({each})"
            )


def _deviation(values):
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _draw(results, path):
    """Bars of the mean, whiskers of the standard deviation, dots of runs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    for place, rows in enumerate(results.values()):
        values = [row["mpjpe_mm"] for row in rows]
        mean = statistics.fmean(values)
        axes.bar(
            place,
            mean,
            width=0.6,
            yerr=_deviation(values),
            capsize=6,
            color="#7a9cc6",
        )
        axes.plot([place] * len(values), values, "o", color="#1f3d66", ms=4)
        axes.annotate(
            f"{mean:.1f}", (place, 4), ha="center", color="white", weight="bold"
        )
    mean_pose = next(iter(results.values()))[0]["mean_pose_mm"]
    axes.axhline(mean_pose, color="#a33", linestyle="--", linewidth=1)
    axes.annotate(
        "mean pose",
        (len(results) - 0.6, mean_pose),
        color="#a33",
        ha="right",
        va="bottom",
        fontsize=9,
    )
    axes.set_xticks(
        range(len(results)), [name.replace("_", " + ") for name in results]
    )
    axes.set_ylabel("MPJPE on people never seen, mm")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


if __name__ == "__main__":
    app.run(main)
