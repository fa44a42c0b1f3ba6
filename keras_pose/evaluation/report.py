"""The full evaluation of poses: every metric, and all that it depends on."""

import dataclasses
import math
import typing

import numpy as np

from keras_pose.evaluation import bootstrap
from keras_pose.evaluation import metrics
from keras_pose.evaluation.protocols import Protocol
from keras_pose.evaluation.protocols import action_of
from keras_pose.evaluation.terms import METRICS
from keras_pose.evaluation.terms import Terms
from keras_pose.evaluation.terms import terms_of

AGGREGATION = "mean over frames and known joints, root included"
_QUANTILES = {"median": 0.5, "p90": 0.9, "p99": 0.99}


class Score(typing.NamedTuple):
    """A metric's value and its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


class Conventions(typing.NamedTuple):
    """How poses were made, in words.

    Attributes:
        root_depth: Where a crop volume's root depth came from: "true" for the
            labels', "estimated", or "none" where the volume needs none.
        augmentation: At test time.
    """

    root_depth: str = "not known"
    augmentation: str = "not known"


@dataclasses.dataclass(frozen=True)
class Report:
    """What poses scored, under which conventions.

    Attributes:
        protocol: The Protocol.
        conventions: The Conventions.
        joints: Names of the joints that count in 3D, or else in px.
        metrics: {key of METRICS: Score}, those that the samples allow.
        per_joint: {joint: {key: value}}.
        per_action: {action: {key: value}}.
        per_subject: {subject: {key: value}}.
        over_actions: {key: mean of its values over the actions}.
        quantiles: {"median", ...: of a frame's mean error, in `unit`}.
        unit: "mm", or "px" where nothing is known in 3D.
        frame_errors: (N,) mean error of each frame; NaN where it has none.
        terms: The Terms.
        counts: {what: how many}.
        notes: Lines on what is missing.
    """

    protocol: Protocol
    conventions: Conventions
    joints: tuple[str, ...]
    metrics: dict[str, Score]
    per_joint: dict[str, dict[str, float]]
    per_action: dict[str, dict[str, float]]
    per_subject: dict[str, dict[str, float]]
    over_actions: dict[str, float]
    quantiles: dict[str, float]
    unit: str
    frame_errors: np.ndarray
    terms: Terms
    counts: dict[str, int]
    notes: tuple[str, ...]

    @property
    def headline(self):
        """The key of the metric to name first."""
        return self.protocol.headline or next(iter(self.metrics))

    def value(self, key):
        """A metric's value; None where the samples do not allow it."""
        return self.metrics[key].value if key in self.metrics else None

    def to_dict(self):
        """The report for a JSON file; None for what is not known."""
        aggregation = AGGREGATION
        if self.protocol.joints is not None:
            aggregation = (
                f"mean over frames and the known of {len(self.joints)} joints"
            )
        return {
            "mpjpe_mm": self.value("mpjpe_mm"),
            "pa_mpjpe_mm": self.value("pa_mpjpe_mm"),
            "per_joint_mm": {
                joint: {
                    "mpjpe": _number(values.get("mpjpe_mm")),
                    "pa_mpjpe": _number(values.get("pa_mpjpe_mm")),
                }
                for joint, values in self.per_joint.items()
            },
            "frames": self.counts["frames"],
            "alignment": {"mpjpe": "root", "pa_mpjpe": "similarity"},
            "aggregation": aggregation,
            "root_depth": self.conventions.root_depth,
            "test_time_augmentation": self.conventions.augmentation,
            "protocol": dataclasses.asdict(self.protocol),
            "joints": list(self.joints),
            "metrics": {
                key: {
                    **METRICS[key]._asdict(),
                    "value": _number(score.value),
                    "interval_95": [_number(score.low), _number(score.high)],
                    "mean_over_actions": _number(self.over_actions[key]),
                }
                for key, score in self.metrics.items()
            },
            "shares": 'metrics of the unit "%" are given in [0, 1]',
            "frame_error": {
                "unit": self.unit,
                **{k: _number(v) for k, v in self.quantiles.items()},
            },
            "per_joint": _numbers(self.per_joint),
            "per_action": _numbers(self.per_action),
            "per_subject": _numbers(self.per_subject),
            "counts": self.counts,
            "notes": list(self.notes),
        }


def evaluate(truth, predictions, protocol, conventions, num_draws=1000, seed=0):
    """Scores poses.

    Args:
        truth: The Truth of the samples that the protocol scores.
        predictions: Their Predictions, as `predictions.matched` gives them.
        protocol: The Protocol.
        conventions: The Conventions of the predictions.
        num_draws: Of the bootstrap; 0 for no intervals.
        seed: Of the bootstrap.

    Returns:
        A Report.

    Raises:
        ValueError: Nothing can be compared, or not what the protocol needs.
    """
    terms = terms_of(truth, predictions, protocol)
    found = terms.terms
    if protocol.headline is not None and protocol.headline not in found:
        metric = METRICS[protocol.headline]
        raise ValueError(
            f"`protocol` {protocol.name} needs samples and poses for "
            f"{metric.title}: {metric.meaning}. "
            f"Received: those for {', '.join(METRICS[k].title for k in found)}"
        )
    clips = truth.clips()
    # One order of the metrics: rows of these matrices.
    sums, weights = _sums_by(clips, found)
    bounds = bootstrap.intervals(sums, weights, num_draws, seed)
    scores = {
        key: Score(float(metrics.mean(*pair)), *map(float, bound))
        for (key, pair), bound in zip(found.items(), bounds, strict=True)
    }
    actions = np.array(
        [action_of(protocol, action) for action in truth.action], object
    )
    per_action = _means_by(actions, found)
    key, unit = ("mpjpe_mm", "mm") if "mpjpe_mm" in found else ("epe_px", "px")
    frame_errors = metrics.mean(*found[key], axis=1)
    known = frame_errors[np.isfinite(frame_errors)]
    counts = {
        "frames": len(known),
        "samples": len(truth),
        "clips": int(np.count_nonzero(weights.any(axis=0))),
        "actions": len(per_action),
        "subjects": len(set(truth.subject)),
        "known_joints": terms.known,
        "missing_joints": terms.missing,
    }
    return Report(
        protocol,
        conventions,
        tuple(
            joint
            for joint, weight in zip(
                truth.skeleton.joints, found[key][1].any(axis=0), strict=True
            )
            if weight
        ),
        scores,
        _means_of_joints(truth.skeleton.joints, found),
        per_action,
        _means_by(truth.subject, found),
        {key: _mean_over(per_action, key) for key in found},
        {
            name: float(np.quantile(known, share))
            for name, share in _QUANTILES.items()
        },
        unit,
        frame_errors,
        terms,
        counts,
        _notes(terms, truth, found, counts, num_draws),
    )


def _sums_by(labels, found):
    """Sums of weighted terms and of weights, (M, C) each, of C labels."""
    count = labels.max(initial=-1) + 1
    sums, weights = [], []
    for terms, weight in found.values():
        rows = (terms * weight).sum(axis=1, dtype=float)
        sums.append(np.bincount(labels, rows, count))
        weights.append(
            np.bincount(labels, weight.sum(axis=1, dtype=float), count)
        )
    return np.array(sums), np.array(weights)


def _means_by(labels, found):
    """{label: {metric: mean}} of rows, labels in the order of their text."""
    names, numbers = np.unique(labels.astype(str), return_inverse=True)
    sums, weights = _sums_by(numbers.reshape(-1), found)
    means = sums / np.where(weights > 0, weights, np.nan)
    return {
        str(name): dict(zip(found, map(float, column), strict=True))
        for name, column in zip(names, means.T, strict=True)
        if np.isfinite(column).any()
    }


def _means_of_joints(joints, found):
    means = {
        key: metrics.mean(*pair, axis=0).tolist() for key, pair in found.items()
    }
    return {
        joint: {key: means[key][number] for key in found}
        for number, joint in enumerate(joints)
    }


def _mean_over(groups, key):
    values = [v[key] for v in groups.values() if math.isfinite(v[key])]
    return float(np.mean(values)) if values else math.nan


def _notes(terms, truth, found, counts, num_draws):
    notes = []
    if terms.missing:
        notes.append(
            f"{terms.missing:,} of {terms.known:,} joints were not predicted "
            "and do not count: the score is not comparable with one of all"
        )
    if terms.without_root:
        notes.append(
            f"{terms.without_root:,} samples do not count in 3D: their root "
            "is not known, or was not predicted"
        )
    if "mpjpe_mm" not in found:
        notes.append("nothing is scored in 3D")
    elif counts["frames"] < len(truth):
        notes.append(
            f"{len(truth) - counts['frames']:,} samples have no 3D pose to "
            "compare with"
        )
    if "mpjpe_mm" in found and "mpjve_mm" not in found:
        notes.append("no MPJVE: no two frames follow each other")
    if "epe_px" in found and "pckh_05" not in found:
        notes.append("no PCKh: no sample has the size of a head")
    elif terms.without_head:
        notes.append(
            f"PCKh does not count {terms.without_head:,} samples without the "
            "size of a head"
        )
    if counts["clips"] < 2:
        notes.append("no intervals: they need at least two clips")
    elif num_draws:
        notes.append(
            f"intervals: 95 %, percentiles of {num_draws:,} draws of "
            f"{counts['clips']:,} clips (subject, action, camera)"
        )
    return tuple(notes)


def _number(value):
    return None if value is None or math.isnan(value) else value


def _numbers(groups):
    return {
        name: {key: _number(value) for key, value in values.items()}
        for name, values in groups.items()
    }
