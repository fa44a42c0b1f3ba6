"""Runs a network over data sets and scores its poses."""

import dataclasses
import math

import numpy as np

from keras_pose.data import pipeline
from keras_pose.evaluation import metrics
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import View


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a network scored, and under which conventions.

    Attributes:
        mpjpe: mm, mean over frames and joints, roots laid on each other.
        pa_mpjpe: mm, after a similarity transform a frame.
        per_joint: {joint: (mpjpe, pa_mpjpe)} mm.
        count: Frames scored.
        root_depth: Where a crop volume's root depth came from: "true" for the
            labels', "none" where the volume needs none.
    """

    mpjpe: float
    pa_mpjpe: float
    per_joint: dict[str, tuple[float, float]]
    count: int
    root_depth: str

    def to_dict(self):
        """The scores for a JSON file; None for a joint in no frame."""

        def number(value):
            return None if math.isnan(value) else value

        return {
            "mpjpe_mm": self.mpjpe,
            "pa_mpjpe_mm": self.pa_mpjpe,
            "per_joint_mm": {
                joint: {
                    "mpjpe": number(mpjpe),
                    "pa_mpjpe": number(pa_mpjpe),
                }
                for joint, (mpjpe, pa_mpjpe) in self.per_joint.items()
            },
            "frames": self.count,
            "alignment": {"mpjpe": "root", "pa_mpjpe": "similarity"},
            "aggregation": "mean over frames and known joints, root included",
            "root_depth": self.root_depth,
        }

    def table(self):
        """The scores as text, one joint a line."""
        rows = [f"{'mm':<16}{'MPJPE':>10}{'PA-MPJPE':>10}"]
        rows += [
            f"{joint:<16}{mpjpe:>10.2f}{pa_mpjpe:>10.2f}".replace("nan", "  -")
            for joint, (mpjpe, pa_mpjpe) in self.per_joint.items()
        ]
        rows.append(f"{'mean':<16}{self.mpjpe:>10.2f}{self.pa_mpjpe:>10.2f}")
        rows.append(
            f"{self.count} frames; MPJPE: roots aligned; PA-MPJPE: similarity; "
            f"root depth: {self.root_depth}"
        )
        return "\n".join(rows)


def score(predict, spec, folders, batch_size, progress=None):
    """Scores a network on every sample of data sets.

    Args:
        predict: (B, S, S, 3) uint8 -> {"pose": (B, J, 3) unit coordinates}.
        spec: The network's PoseSpec.
        folders: Data sets made by prepare.py.
        batch_size: Images given to `predict` at once; fewer at the end.
        progress: Called with the number of frames done.

    Returns:
        Scores.

    Raises:
        ValueError: No sample has a 3D pose, or one has no camera and the
            network's crop volume needs it.
    """

    def predict_mm(batch, known, view):
        pose = np.asarray(predict(batch["image"].numpy())["pose"])
        if not np.all(np.isfinite(pose)):
            raise ValueError(
                "a pose must be finite to be scored. Received: NaN"
            )
        return spec.volume.decode(pose[known], view)

    return _score(predict_mm, spec, folders, batch_size, progress)


def score_mean_pose(train_folders, spec, folders, batch_size):
    """Scores one pose for all: the mean pose of the training data.

    What any network must beat.

    Args:
        train_folders: Data sets to take the mean root-relative pose of.
        spec: The network's PoseSpec.
        folders: Data sets to score it on.
        batch_size: Images read at once.

    Returns:
        Scores.

    Raises:
        ValueError: A data set has no sample with a 3D pose.
    """
    root, total, weight = spec.skeleton.root, 0.0, 0.0
    for batch in _read(train_folders, spec, batch_size):
        joints, known = batch["joints_mm"].numpy(), batch["weight_3d"].numpy()
        offset = joints - joints[:, root : root + 1]
        total = total + np.sum(offset * known[..., None], axis=0)
        weight = weight + np.sum(known, axis=0)
    if not np.any(weight):
        raise ValueError(
            "a mean pose needs samples with a 3D pose. "
            f"Received: none in {', '.join(train_folders)}"
        )
    mean = total / np.maximum(weight, 1e-9)[:, None]

    def predict_mm(batch, known, view):
        del batch, view
        return np.repeat(mean[None], known.sum(), axis=0)

    return _score(predict_mm, spec, folders, batch_size)


def _score(predict_mm, spec, folders, batch_size, progress=None):
    """Scores the (N, J, 3) mm that `predict_mm` gives for known rows."""
    errors, pa_errors, weights = [], [], []
    done = 0
    for batch in _read(folders, spec, batch_size):
        known = batch["weight_3d"].numpy().any(axis=1)
        view = View(*(part.numpy()[known] for part in batch["view"]))
        _check_cameras(batch["name"].numpy()[known], view.intrinsics, spec)
        predicted = predict_mm(batch, known, view)
        target = batch["joints_mm"].numpy()[known]
        weight = batch["weight_3d"].numpy()[known]
        errors.append(
            metrics.joint_errors(predicted, target, spec.skeleton.root)
        )
        pa_errors.append(metrics.pa_joint_errors(predicted, target, weight))
        weights.append(weight)
        done += len(known)
        if progress:
            progress(done)
    errors, pa_errors, weights = map(
        np.concatenate, (errors, pa_errors, weights)
    )
    if not len(weights):
        raise ValueError(
            "a score needs samples with a 3D pose. "
            f"Received: none in {', '.join(folders)}"
        )
    per_joint = zip(
        metrics.mean(errors, weights, axis=0),
        metrics.mean(pa_errors, weights, axis=0),
        strict=True,
    )
    return Scores(
        float(metrics.mean(errors, weights)),
        float(metrics.mean(pa_errors, weights)),
        {
            joint: (float(mpjpe), float(pa_mpjpe))
            for joint, (mpjpe, pa_mpjpe) in zip(
                spec.skeleton.joints, per_joint, strict=True
            )
        },
        len(weights),
        "true" if isinstance(spec.volume, CropVolume) else "none",
    )


def _read(folders, spec, batch_size):
    with pipeline.damage_named(folders):
        yield from pipeline.batches(folders, spec, batch_size)


def _check_cameras(names, intrinsics, spec):
    if not isinstance(spec.volume, CropVolume):
        return
    for name, matrix in zip(names, intrinsics, strict=True):
        if not matrix.any():
            raise ValueError(
                f"{name.decode()}: `intrinsics` must be known to score a "
                "network with a crop volume. Received: none"
            )
