"""Scores of a network while it trains: MPJPE and PA-MPJPE of its data.

All other metrics, and what they depend on, are in `report`.
"""

import dataclasses
import math
import typing

import numpy as np

from keras_pose.data import threads
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


class JointErrors(typing.NamedTuple):
    """Errors of each joint of N samples, in the order they were asked for.

    Attributes:
        error: (N, J) float32 mm, roots laid on each other.
        pa_error: (N, J) float32 mm, after a similarity transform a sample.
        weight: (N, J) float32; 0 where there is nothing to compare with.
    """

    error: np.ndarray
    pa_error: np.ndarray
    weight: np.ndarray


def errors_of(predict, spec, records, batch_size, numbers=None, progress=None):
    """Errors of a network's poses of some samples.

    What workers find of a part each, joined along the first axis in any order,
    `summarise` makes the scores of.

    Args:
        predict: (B, S, S, 3) uint8 -> {"pose": (B, J, 3) unit coordinates}.
        spec: The network's PoseSpec.
        records: The `store.Records`.
        batch_size: Images given to `predict` at once; fewer at the end.
        numbers: Those of the samples, all by default.
        progress: Called with the number of samples done.

    Returns:
        The JointErrors of the samples.

    Raises:
        ValueError: A sample is damaged, or has no camera and the network's
            crop volume needs it.
        OSError: A sample cannot be read.
    """
    nothing = np.zeros((0, spec.skeleton.num_joints), np.float32)
    rows = [JointErrors(nothing, nothing, nothing)]
    done = 0
    for batch in threads.batches(records, spec, batch_size, numbers):
        weight = batch["weight_3d"]
        known = weight.any(axis=1)
        view = View(*(part[known] for part in batch["view"]))
        _check_cameras(batch["name"][known], view.intrinsics, spec)
        pose = np.asarray(predict(batch["image"])["pose"])
        wrong = ~np.isfinite(pose).all(axis=(1, 2))
        if wrong.any():
            raise ValueError(
                f"{batch['name'][wrong][0]}: a pose must be finite to be "
                "scored. Received: NaN"
            )
        predicted = spec.volume.decode(pose[known], view)
        target = batch["joints_mm"][known]
        error, pa_error = np.zeros_like(weight), np.zeros_like(weight)
        error[known] = metrics.joint_errors(
            predicted, target, spec.skeleton.root
        )
        pa_error[known] = metrics.pa_joint_errors(
            predicted, target, weight[known]
        )
        rows.append(JointErrors(error, pa_error, weight))
        done += len(known)
        if progress:
            progress(done)
    return JointErrors(*map(np.concatenate, zip(*rows, strict=True)))


def summarise(errors, spec):
    """The Scores that JointErrors add up to.

    Args:
        errors: The JointErrors of all samples.
        spec: The network's PoseSpec.

    Raises:
        ValueError: No sample has a 3D pose.
    """
    # Sums of many float32 would lose digits.
    error, pa_error, weight = (np.asarray(part, float) for part in errors)
    known = weight.any(axis=1)
    if not known.any():
        raise ValueError(
            "a score needs samples with a 3D pose. "
            f"Received: {len(weight)} without"
        )
    per_joint = zip(
        metrics.mean(error, weight, axis=0),
        metrics.mean(pa_error, weight, axis=0),
        strict=True,
    )
    return Scores(
        float(metrics.mean(error, weight)),
        float(metrics.mean(pa_error, weight)),
        {
            joint: (float(mpjpe), float(pa_mpjpe))
            for joint, (mpjpe, pa_mpjpe) in zip(
                spec.skeleton.joints, per_joint, strict=True
            )
        },
        int(known.sum()),
        "true" if isinstance(spec.volume, CropVolume) else "none",
    )


def _check_cameras(names, intrinsics, spec):
    if not isinstance(spec.volume, CropVolume):
        return
    for name, matrix in zip(names, intrinsics, strict=True):
        if not matrix.any():
            raise ValueError(
                f"{name}: `intrinsics` must be known to score a "
                "network with a crop volume. Received: none"
            )
