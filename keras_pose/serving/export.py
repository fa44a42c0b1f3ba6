"""A trained network to everything it can be deployed as, each proved equal."""

import dataclasses
import json
import math
import os
import platform
import shutil
import tempfile
from importlib.util import find_spec

from keras_pose.serving import artefacts
from keras_pose.serving import tf_serving
from keras_pose.serving.formats import DEFAULT_FORMATS
from keras_pose.serving.formats import FORMATS
from keras_pose.serving.formats import MAX_PIXELS
from keras_pose.serving.gate import failed
from keras_pose.serving.gate import judge
from keras_pose.serving.proof import Proof
from keras_pose.serving.writer import Writer

REPORT_FILE = "export_report.json"


@dataclasses.dataclass(frozen=True)
class Request:
    """What to export, and what to prove it on.

    Attributes:
        model: A `.keras` file or the folder of a training run.
        out: Folder to make; it must not exist.
        formats: Of `FORMATS`; empty for `DEFAULT_FORMATS`, and TFLite's int8
            where there is calibration data.
        data: Data sets whose samples the artefacts are compared on.
        calibration: Data sets whose crops set the ranges of int8.
        samples: The most samples of `data`.
        name: Of the model in TensorFlow Serving.
        version: Likewise.
        max_pixels: Larger images are refused before they are decoded.
    """

    model: str
    out: str
    formats: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    calibration: tuple[str, ...] = ()
    samples: int = 128
    name: str = "pose"
    version: int = 1
    max_pixels: int = MAX_PIXELS


def export(request, progress=lambda text: None):
    """Writes artefacts and compares each with the Keras model.

    Args:
        request: The Request.
        progress: Called with a few words on what begins now.

    Returns:
        Rows, one an endpoint of an artefact. One with a fault has been removed,
        see `check`.

    Raises:
        ValueError: An argument is wrong.
    """
    formats = _formats_of(request)
    out = os.path.abspath(request.out)
    reference = artefacts.load(request.model)
    if reference.kind != artefacts.KERAS:
        raise ValueError(
            "`model` must be a .keras file or the folder of a training run. "
            f"Received: {request.model}"
        )
    proof = Proof(reference, request.data, request.samples)
    judged_by_mpjpe = [n for n in formats if FORMATS[n].limit_mpjpe_mm]
    if judged_by_mpjpe and math.isnan(proof.mpjpe):
        raise ValueError(
            f"{judged_by_mpjpe[0]} must have `data` with 3D poses, on which "
            f"its MPJPE is judged. Received: {', '.join(request.data)}"
        )
    os.makedirs(os.path.dirname(out), exist_ok=True)
    partial = tempfile.mkdtemp(prefix=".export-", dir=os.path.dirname(out))
    try:
        rows = []
        with Writer(request, reference, partial) as writer:
            for name in formats:
                progress(f"{name}: writing")
                try:
                    writer.write(name)
                except RuntimeError as error:
                    rows += failed(name, error, partial)
                    continue
                progress(f"{name}: comparing")
                rows += judge(name, partial, proof, rows)
        _write_report(partial, request, rows, proof)
        os.chmod(partial, 0o755)
        os.rename(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return rows


def check(rows):
    """Raises where an artefact had to be removed.

    Raises:
        RuntimeError: Names each, and why.
    """
    wrong = [
        f"{row.path}, {row.endpoint}: {row.fault}" for row in rows if row.fault
    ]
    if wrong:
        raise RuntimeError(
            "an artefact must say what the Keras model says; it was removed. "
            f"Received: {'; '.join(wrong)}"
        )


def _formats_of(request):
    """The formats that are asked for, where all arguments are right."""
    if os.path.lexists(request.out):
        raise ValueError(f"`out` must not exist yet. Received: {request.out}")
    tf_serving.version_folder("", request.name, request.version)
    formats = request.formats or DEFAULT_FORMATS + (
        ("tflite_int8",) if request.calibration else ()
    )
    for name in formats:
        if name not in FORMATS:
            raise ValueError(
                f"`formats` must be of {', '.join(FORMATS)}. Received: {name}"
            )
        form = FORMATS[name]
        missing = [p for p in form.packages if not find_spec(p)]
        if missing:
            raise ValueError(
                f"{name} must have {', '.join(missing)} installed: "
                "pip install -r requirements-export.txt"
            )
        if form.limit_mpjpe_mm is not None and not request.data:
            raise ValueError(
                f"{name} must have `data`, on which its MPJPE is judged. "
                "Received: none"
            )
        if name.endswith("_int8") and not request.calibration:
            raise ValueError(
                f"{name} must have `calibration` data, whose crops set the "
                "ranges of its integers. Received: none"
            )
    for name in ("samples", "max_pixels"):
        if getattr(request, name) < 1:
            raise ValueError(
                f"`{name}` must be at least 1. "
                f"Received: {getattr(request, name)}"
            )
    return [name for name in FORMATS if name in formats]


def _write_report(folder, request, rows, proof):
    content = {
        "model": os.path.abspath(request.model),
        "compared_on": {
            "data": list(request.data),
            "samples": proof.num_data,
            "rendered_people": proof.num_rendered,
        },
        "keras_mpjpe_mm": None if math.isnan(proof.mpjpe) else proof.mpjpe,
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
        },
        "artefacts": [row.to_dict() for row in rows],
    }
    path = os.path.join(folder, REPORT_FILE)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, allow_nan=False)
        file.write("\n")
