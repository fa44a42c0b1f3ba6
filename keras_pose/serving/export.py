"""A trained network to everything it can be deployed as, each proved equal."""

import dataclasses
import json
import math
import os
import shutil
import statistics
import tempfile
import time

from keras_pose.serving import artefacts
from keras_pose.serving import parity
from keras_pose.serving.saved_model import export_saved_model
from keras_pose.serving.saved_model import predict_by_bytes
from keras_pose.serving.tflite import export_tflite

# What conversion may change. Rounding to float16 is no fault of conversion: it
# moves the worst joint of a trained ResNet50 by 0.12 mm.
MAX_DIFFERENCE_MM = 0.1
MAX_DIFFERENCE_FLOAT16_MM = 0.5
REPORT_FILE = "export_report.json"
_SAVED_MODEL = "saved_model"
_FLOAT32 = "model_float32.tflite"
_FLOAT16 = "model_float16.tflite"
_CROPS = 8
_CALLS = 15  # timed


@dataclasses.dataclass(frozen=True)
class Row:
    """One endpoint of one artefact of an export.

    Attributes:
        name: Its file or folder.
        endpoint: The signature that was compared.
        megabytes: Its size.
        milliseconds: Median time for one image.
        worst_mm: Largest distance of a joint from the Keras model's.
        limit_mm: The largest distance that is admitted.
    """

    name: str
    endpoint: str
    megabytes: float
    milliseconds: float
    worst_mm: float
    limit_mm: float

    @property
    def is_right(self):
        """Whether the artefact says what the Keras model says."""
        return self.worst_mm <= self.limit_mm


def export(model_path, out, folders=()):
    """Writes a SavedModel and TFLite files, and compares each with Keras.

    Args:
        model_path: A `.keras` file or the folder of a training run.
        out: Folder to make; it must not exist.
        folders: Data sets whose first crops serve for the comparison; smooth
            noise where there is none.

    Returns:
        Rows, one an endpoint of an artefact.

    Raises:
        ValueError: An argument is wrong.
        RuntimeError: An artefact differs by more than its limit; it is
            removed, what is right is kept.
    """
    out = os.path.abspath(out)
    if os.path.lexists(out):
        raise ValueError(f"`out` must not exist yet. Received: {out}")
    reference = artefacts.load(model_path)
    if reference.kind != artefacts.KERAS:
        raise ValueError(
            "`model` must be a .keras file or the folder of a training run. "
            f"Received: {model_path}"
        )
    spec = reference.spec
    if folders:
        images, view = parity.real_crops(folders, spec, _CROPS)
    else:
        images, view = parity.noise_crops(spec, _CROPS)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    partial = tempfile.mkdtemp(prefix=".export-", dir=os.path.dirname(out))
    try:
        rows = [
            _compare(partial, name, endpoint, reference, images, view)
            for name, endpoint in _write_all(reference.path, partial)
        ]
        for row in rows:
            if not row.is_right:
                _remove(os.path.join(partial, row.name))
        _write_report(partial, rows, folders)
        os.chmod(partial, 0o755)
        os.rename(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    wrong = [
        f"{row.name}, {row.endpoint}: {row.worst_mm:.4f} mm, "
        f"limit {row.limit_mm} mm"
        for row in rows
        if not row.is_right
    ]
    if wrong:
        raise RuntimeError(
            "an artefact must be as near to the Keras model as its limit; it "
            f"was removed. Received: {'; '.join(wrong)}"
        )
    return rows


def table(rows):
    """The rows as text."""
    lines = [
        f"{'artefact':<22}{'endpoint':<17}{'MB':>7}{'ms an image':>13}"
        f"{'worst joint, mm':>17}"
        f"{'limit':>7}"
    ]
    lines += [
        f"{row.name:<22}{row.endpoint:<17}{row.megabytes:>7.1f}"
        f"{row.milliseconds:>13.1f}{row.worst_mm:>17.5f}"
        f"{row.limit_mm:>7.1f}"
        for row in rows
    ]
    return "\n".join(lines)


def _write_all(model_path, folder):
    """Writes every artefact; returns (name, endpoint) of what to compare."""
    model, spec = artefacts.load_keras_model(model_path)
    saved_model = os.path.join(folder, _SAVED_MODEL)
    export_saved_model(model, spec, saved_model)
    for name, float16 in ((_FLOAT32, False), (_FLOAT16, True)):
        export_tflite(saved_model, spec, os.path.join(folder, name), float16)
    return (
        (_SAVED_MODEL, "serving_default"),
        (_SAVED_MODEL, "serve_bytes"),
        (_FLOAT32, "serving_default"),
        (_FLOAT16, "serving_default"),
    )


def _compare(folder, name, endpoint, reference, images, view):
    path = os.path.join(folder, name)
    if endpoint == "serve_bytes":
        predict = predict_by_bytes(path)
    else:
        predict = artefacts.load(path).predict
    worst = parity.worst_difference(
        predict, reference.predict, reference.spec, images, view
    )
    is_float16 = name == _FLOAT16
    limit = MAX_DIFFERENCE_FLOAT16_MM if is_float16 else MAX_DIFFERENCE_MM
    return Row(
        name,
        endpoint,
        _megabytes(path),
        _milliseconds(predict, images[:1]),
        worst,
        limit,
    )


def _milliseconds(predict, images):
    """Median time of a call, after one that does not count."""
    predict(images)
    times = []
    for _ in range(_CALLS):
        start = time.perf_counter()
        predict(images)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def _write_report(folder, rows, folders):
    content = {
        "artefacts": [
            dataclasses.asdict(row)
            | {"worst_mm": row.worst_mm if row.worst_mm < math.inf else None}
            for row in rows
        ],
        "compared_on": list(folders) or "smooth noise",
    }
    path = os.path.join(folder, REPORT_FILE)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, allow_nan=False)


def _megabytes(path):
    files = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(path)
        for name in names
    ]
    return sum(os.path.getsize(file) for file in files or [path]) / 1e6
