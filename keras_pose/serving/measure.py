"""Runs an artefact in a process of its own: what it says, its time, its memory.

A process of its own because an artefact is deployed without the tools that made
it, because peak memory is counted by process, and because a runtime that
crashes must not take the export with it.

python -m keras_pose.serving.measure ARTEFACT CROPS.npy OUT.npz ENDPOINT
"""

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from keras_pose import memory
from keras_pose.serving import artefacts

NETWORK, BYTES = "network", "serve_bytes"
MANY = 8  # images of the larger batch that is timed

_ROOT = pathlib.Path(__file__).parents[2]
_SLICE = 16
_WARM_UP_CALLS = 3
_CALLS = 20
_SECONDS = 5.0  # no more calls are timed after
_TIMEOUT = 1800  # seconds, for everything


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What an artefact did.

    Attributes:
        outputs: Name -> array, one row a crop.
        milliseconds: Median for one image, as the artefact is called.
        milliseconds_many: Median for a call of `MANY` images.
        peak_megabytes: Most memory that the process held.
        precision: What the runtime computed in, where it has a choice.
    """

    outputs: dict[str, np.ndarray]
    milliseconds: float
    milliseconds_many: float
    peak_megabytes: float
    precision: str = ""


def measure(path, crops, endpoint=NETWORK, root_depth_mm=None):
    """Runs an artefact on crops, in another process.

    Args:
        path: The artefact, as of `artefacts.load`.
        crops: (N, S, S, 3) uint8.
        endpoint: `NETWORK` for its plain outputs; `BYTES` for those of a
            SavedModel's `serve_bytes`, given each crop as a PNG.
        root_depth_mm: Of every person, for `BYTES`; None to have it estimated.

    Returns:
        A Measurement.

    Raises:
        RuntimeError: The artefact cannot be loaded or run, or takes too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "crops.npy")
        answer = os.path.join(folder, "answer.npz")
        np.save(source, crops)
        done = _run([path, source, answer, endpoint, str(root_depth_mm or 0)])
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            raise RuntimeError(
                f"it ended with exit code {done.returncode}: {last}"
            )
        try:
            figures = json.loads(done.stdout.rpartition("\n")[2])
            with np.load(answer) as arrays:
                return Measurement(dict(arrays), **figures)
        except (OSError, TypeError, ValueError) as error:
            raise RuntimeError(f"it gave no answer: {error}") from error


def _run(arguments):
    paths = [os.fspath(_ROOT), os.environ.get("PYTHONPATH")]
    try:
        return subprocess.run(
            [sys.executable, "-m", __name__, *arguments],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"it took longer than {_TIMEOUT} s") from error


def _main(path, source, answer, endpoint, root_depth_mm):
    images = np.load(source)
    if endpoint == BYTES:
        predict, images = _by_bytes(path, images, float(root_depth_mm))
    else:
        predict = artefacts.load(path).predict
    parts = [
        predict(images[start : start + _SLICE])
        for start in range(0, len(images), _SLICE)
    ]
    outputs = {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }
    # Numbers alone: the texts of errors come with poses that are not finite.
    np.savez(
        answer,
        **{k: array for k, array in outputs.items() if array.dtype != object},
    )
    many = images[np.arange(MANY) % len(images)]
    figures = {
        "milliseconds": _milliseconds(predict, many[:1]),
        "milliseconds_many": _milliseconds(predict, many),
        "peak_megabytes": memory.peak_mb(),
        "precision": getattr(predict, "precision", ""),
    }
    print(json.dumps(figures), end="")


def _by_bytes(path, crops, root_depth_mm):
    """The endpoint for encoded images, and the crops encoded."""
    import cv2

    from keras_pose.serving import saved_model

    encoded = [
        cv2.imencode(".png", crop[..., ::-1])[1].tobytes() for crop in crops
    ]
    folder = artefacts.saved_model_folder(path)
    predict = saved_model.predict_by_bytes(folder, root_depth_mm)
    return predict, np.array(encoded, object)


def _milliseconds(predict, images):
    """Median time of a call."""
    for _ in range(_WARM_UP_CALLS):
        predict(images)
    times, begin = [], time.perf_counter()
    while len(times) < _CALLS and time.perf_counter() - begin < _SECONDS:
        start = time.perf_counter()
        predict(images)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


if __name__ == "__main__":
    _main(*sys.argv[1:])
