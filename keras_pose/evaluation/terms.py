"""What each metric counts of each joint: distances, and joints that are right.

A metric is the weighted mean of its terms, over all joints, over those of an
action, or over those of clips that are drawn anew.
"""

import dataclasses
import typing

import numpy as np

from keras_pose.evaluation import metrics

_ROWS = 2**14  # aligned at once, which takes many times their memory


class Metric(typing.NamedTuple):
    """What a metric is, in words.

    Attributes:
        title: As papers call it.
        unit: "mm", "px", "mm a frame" or "%"; a term of "%" is in [0, 1].
        alignment: What is done to a pose before it is compared.
        meaning: What its mean says.
    """

    title: str
    unit: str
    alignment: str
    meaning: str

    @property
    def is_share(self):
        """Whether more of it is better."""
        return self.unit == "%"


METRICS = {
    "mpjpe_mm": Metric(
        "MPJPE", "mm", "root", "distance from each joint to the true one"
    ),
    "pa_mpjpe_mm": Metric(
        "PA-MPJPE",
        "mm",
        "similarity",
        "distance after the best rotation, translation and scale a frame",
    ),
    "rigid_pa_mpjpe_mm": Metric(
        "rigid PA-MPJPE",
        "mm",
        "rigid",
        "distance after the best rotation and translation a frame",
    ),
    "n_mpjpe_mm": Metric(
        "N-MPJPE", "mm", "root, scale", "distance after the best scale a frame"
    ),
    "mpjve_mm": Metric(
        "MPJVE",
        "mm a frame",
        "root",
        "error of the motion from one frame to the next",
    ),
    "pck_150": Metric(
        "PCK@150", "%", "root", "joints nearer than 150 mm to the true ones"
    ),
    "auc_150": Metric(
        "AUC", "%", "root", "mean of PCK at 0, 5, 10, ... 150 mm"
    ),
    "pckh_05": Metric(
        "PCKh@0.5", "%", "none", "joints within half of the head's size, in px"
    ),
    "pck_torso_02": Metric(
        "PCK@0.2",
        "%",
        "none",
        "joints within a fifth of the way from left shoulder to right hip, "
        "in px",
    ),
    "epe_px": Metric("EPE", "px", "none", "distance in the image"),
}


@dataclasses.dataclass(frozen=True)
class Terms:
    """The terms of all metrics that samples allow.

    Attributes:
        terms: {metric: ((N, J) terms, (N, J) weights)}.
        is_3d: (N,) whether a sample counts in the 3D metrics.
        missing: Joints whose truth is known and that were not predicted.
        known: Joints whose truth is known.
        without_root: Samples whose root was not predicted, or is not known.
        without_head: Samples with joints in px that have no head size.
    """

    terms: dict
    is_3d: np.ndarray
    missing: int
    known: int
    without_root: int
    without_head: int


def terms_of(truth, predictions, protocol):
    """Compares poses with the truth.

    Args:
        truth: The Truth of N samples.
        predictions: Their Predictions, of the same joints, as
            `predictions.matched` gives them.
        protocol: The Protocol; it says which joints count.

    Returns:
        Terms.

    Raises:
        ValueError: Nothing can be compared.
    """
    in_3d = _true_weight(truth.weight_3d, truth, protocol.joints)
    in_2d = _true_weight(truth.weight_2d, truth, protocol.joints_2d)
    has_mm = ~np.isnan(predictions.joints_mm[..., 0])
    root = truth.skeleton.root
    terms, missing, known, without_root, without_head = {}, 0, 0, 0, 0
    is_3d = np.zeros(len(truth), bool)
    if root is not None and has_mm.any():
        rooted = (truth.weight_3d[:, root] > 0) & has_mm[:, root]
        weight = in_3d * has_mm * rooted[:, None]
        is_3d = weight.any(axis=1)
        known += np.count_nonzero(in_3d)
        missing += np.count_nonzero(in_3d) - np.count_nonzero(weight)
        without_root = np.count_nonzero(in_3d.any(axis=1) & ~rooted)
        if is_3d.any():
            terms |= _terms_3d(truth, predictions.joints_mm, weight)
    if predictions.joints_px is not None and in_2d.any():
        has_px = ~np.isnan(predictions.joints_px[..., 0])
        if not has_mm.any():
            known += np.count_nonzero(in_2d)
            missing += np.count_nonzero(in_2d * ~has_px)
        weight = in_2d * has_px
        has_head = truth.head_size > 0
        without_head = np.count_nonzero(weight.any(axis=1) & ~has_head)
        terms |= _terms_2d(truth, predictions.joints_px, weight)
    terms = {key: pair for key, pair in terms.items() if pair[1].any()}
    if not terms:
        raise ValueError(
            "a score needs samples with a pose that is known and predicted. "
            f"Received: none in {len(truth)}"
        )
    return Terms(
        {key: terms[key] for key in METRICS if key in terms},
        is_3d,
        int(missing),
        int(known),
        int(without_root),
        int(without_head),
    )


def _true_weight(weight, truth, joints):
    """Weights of the joints that count, 0 for all others."""
    if joints is None:
        return weight
    return weight * np.isin(truth.skeleton.joints, joints)


def _terms_3d(truth, joints_mm, weight):
    root, shape = truth.skeleton.root, weight.shape
    keys = ("mpjpe_mm", "pa_mpjpe_mm", "rigid_pa_mpjpe_mm", "n_mpjpe_mm")
    errors = {key: np.zeros(shape) for key in keys}
    counted = np.flatnonzero(weight.any(axis=1))
    # Zeros in place of what is missing: NaN times a weight of 0 is NaN.
    for start in range(0, len(counted), _ROWS):
        rows = counted[start : start + _ROWS]
        share = weight[rows]
        here = np.nan_to_num(joints_mm[rows], nan=0.0)
        true = np.where(
            truth.weight_3d[rows][..., None] > 0, truth.joints_mm[rows], 0.0
        )
        for key, error in (
            ("mpjpe_mm", metrics.joint_errors(here, true, root)),
            ("pa_mpjpe_mm", metrics.pa_joint_errors(here, true, share)),
            (
                "rigid_pa_mpjpe_mm",
                metrics.rigid_joint_errors(here, true, share),
            ),
            (
                "n_mpjpe_mm",
                metrics.scaled_joint_errors(here, true, root, share),
            ),
        ):
            errors[key][rows] = error
    share = weight
    terms = {key: (error, share) for key, error in errors.items()}
    terms["mpjve_mm"] = _velocity_terms(truth, joints_mm, weight)
    mpjpe = errors["mpjpe_mm"]
    terms["pck_150"] = (metrics.pck_terms(mpjpe), weight)
    terms["auc_150"] = (metrics.auc_terms(mpjpe), weight)
    return terms


def _velocity_terms(truth, joints_mm, weight):
    """MPJVE's terms, at the second frame of each pair."""
    errors = np.zeros(weight.shape)
    share = np.zeros(weight.shape)
    pairs = metrics.following_pairs(truth.clips(), truth.frame)
    if len(pairs):
        both = weight[pairs[:, 0]] * weight[pairs[:, 1]]
        errors[pairs[:, 1]] = metrics.velocity_errors(
            np.nan_to_num(joints_mm[pairs], nan=0.0),
            truth.joints_mm[pairs],
            truth.skeleton.root,
        )
        share[pairs[:, 1]] = both
    return errors, share


def _terms_2d(truth, joints_px, weight):
    predicted = np.nan_to_num(joints_px, nan=0.0)
    distance = np.linalg.norm(predicted - truth.joints_px, axis=-1)
    terms = {"epe_px": (distance, weight)}
    units = (
        ("pckh_05", truth.head_size, metrics.PCKH_SHARE),
        ("pck_torso_02", _torso_px(truth), metrics.TORSO_SHARE),
    )
    for key, unit, share in units:
        known = unit > 0
        right = metrics.pixel_pck_terms(
            predicted, truth.joints_px, np.where(known, unit, 1.0), share
        )
        terms[key] = (right, weight * known[:, None])
    return terms


def _torso_px(truth):
    """(N,) px from left shoulder to right hip; 0 where one is not known."""
    joints = truth.skeleton.joints
    if not {"left_shoulder", "right_hip"} <= set(joints):
        return np.zeros(len(truth))
    ends = [joints.index("left_shoulder"), joints.index("right_hip")]
    known = (truth.weight_2d[:, ends] > 0).all(axis=1)
    shoulder, hip = truth.joints_px[:, ends[0]], truth.joints_px[:, ends[1]]
    return np.linalg.norm(shoulder - hip, axis=-1) * known
