"""How far from the truth the place of a person is, by each way to find it.

python -m benchmarks.absolute --metric=runs/metric --crop=runs/quickstart \
    --data=data/quickstart/test

Every record has a known camera and a known person. The rows are the two ways of
a single network, both networks together, with and without the mirrored image,
and the estimate that needs no network: a person of 1.7 m fills the longer side
of the box, whose centre is the root.
"""

import time

import numpy as np
from absl import app
from absl import flags

from keras_pose import console
from keras_pose import images
from keras_pose.data.store import Records
from keras_pose.prediction import Predictor
from keras_pose.prediction import Shot

_METRIC = flags.DEFINE_string(
    "metric", None, "Network with a metric volume.", required=True
)
_CROP = flags.DEFINE_string(
    "crop", None, "Network with a crop volume.", required=True
)
_DATA = flags.DEFINE_list("data", None, "Prepared folders.", required=True)
_COUNT = flags.DEFINE_integer("count", 1000, "Records, at most.", 1)

_HEIGHT_MM = 1700.0
_BATCH = 16


def main(argv):
    """Prints the table."""
    del argv
    console.choose_backend("tensorflow", "jax")
    records = Records(_DATA.value)
    ways = {
        "metric volume: the pose fills its box": (_METRIC.value, None, False),
        "crop volume: mean bone lengths": (_CROP.value, None, False),
        "both: least squares": (_METRIC.value, _CROP.value, False),
        "both, mirrored too": (_METRIC.value, _CROP.value, True),
    }
    shots, truth = _people(records)
    distance = np.linalg.norm(truth[:, 0], axis=-1)
    print(
        f"{len(truth)} people, {distance.min() / 1000:.1f} to "
        f"{distance.max() / 1000:.1f} m away, median "
        f"{np.median(distance) / 1000:.1f} m\n"
    )
    print(
        f"{'':<40}{'root, mm':>10}{'of distance':>13}{'depth, mm':>11}"
        f"{'MPJPE, mm':>11}{'ms':>7}"
    )
    _row(f"a person of {_HEIGHT_MM / 1000:.1f} m", _simple(shots), truth)
    for name, (model, crop_model, flip) in ways.items():
        predictor = Predictor(model, crop_model)
        started = time.perf_counter()
        found = _placed(predictor, shots, flip)
        milliseconds = 1000 * (time.perf_counter() - started) / len(shots)
        _row(name, found, truth, milliseconds)
    print(
        "\nMedians, but for MPJPE: the mean of all joints where they stand, "
        "nothing aligned."
    )


def _people(records):
    """A Shot of each record, and its joints (N, J, 3) mm, camera frame."""
    shots, truth = [], []
    for number in range(min(_COUNT.value, len(records))):
        row = records.read([number])
        shots.append(
            Shot(
                images.decode_image(row["image"][0], f"record {number}"),
                row["box"],
                row["intrinsics"][0],
                row["distortion"][0],
            )
        )
        truth.append(row["joints_mm"][0])
    return shots, np.float64(truth)


def _simple(shots):
    """Roots (N, 1, 3) mm of people of one height."""
    roots = []
    for shot in shots:
        x, y, width, height = np.float64(shot.boxes[0])
        (fx, _, cx), (_, fy, cy), _ = np.float64(shot.intrinsics)
        depth = _HEIGHT_MM * fy / max(width, height)
        u, v = x + width / 2 - 0.5, y + height / 2 - 0.5
        roots.append([[(u - cx) / fx * depth, (v - cy) / fy * depth, depth]])
    return np.array(roots)


def _placed(predictor, shots, flip):
    joints = []
    for start in range(0, len(shots), _BATCH):
        for poses in predictor.predict(shots[start : start + _BATCH], flip):
            joints.append(poses[0].joints_camera_mm)
    return np.array(joints)


def _row(name, found, truth, milliseconds=None):
    offset = found[:, 0] - truth[:, 0]
    error = np.linalg.norm(offset, axis=-1)
    share = error / np.linalg.norm(truth[:, 0], axis=-1)
    mpjpe = "-"
    if found.shape == truth.shape:
        mpjpe = f"{np.linalg.norm(found - truth, axis=-1).mean():.0f}"
    spent = "-" if milliseconds is None else f"{milliseconds:.1f}"
    print(
        f"{name:<40}{np.median(error):>10.0f}{np.median(share):>13.1%}"
        f"{np.median(np.abs(offset[:, 2])):>11.0f}{mpjpe:>11}{spent:>7}"
    )


if __name__ == "__main__":
    app.run(main)
