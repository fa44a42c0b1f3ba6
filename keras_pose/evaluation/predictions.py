"""Poses that a network, or another system, gives for samples of data sets."""

import dataclasses

import numpy as np

from keras_pose.skeleton import SKELETONS

_KNOWN_JOINTS = {joint for s in SKELETONS.values() for joint in s.joints}
_SMALLEST = 0.01  # size of a predicted person over the true one's

# mm or px. People stand within metres; squares of far more are no numbers.
_MOST = 1e7


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Poses of N samples.

    A joint that was not predicted is NaN in all its coordinates.

    Attributes:
        skeleton_joints: Names of the J joints.
        names: (N,) text, the samples' names as in their data set; all empty
            where poses are known by their order alone.
        joints_mm: (N, J, 3) float64 mm along the camera's axes, x right, y
            down, z away: in the camera's frame or relative to the root.
        joints_px: (N, J, 2) float64 px of the image as it was
            prepared, which may be a crop; or None.

    Raises:
        ValueError: An array has another shape, a joint is absurdly far or
            known in part, or joints repeat.
    """

    skeleton_joints: tuple[str, ...]
    names: np.ndarray
    joints_mm: np.ndarray
    joints_px: np.ndarray | None = None

    def __post_init__(self):
        """Checks what came and makes it arrays of the types above."""
        joints = tuple(self.skeleton_joints)
        repeated = {joint for joint in joints if joints.count(joint) > 1}
        if repeated or not joints:
            raise ValueError(
                "`joints` must name each joint once. "
                f"Received: {', '.join(sorted(repeated)) or 'none'}"
            )
        names = np.asarray(self.names, object)
        if names.ndim != 1 or not len(names):
            raise ValueError(
                "`name` must be a list of at least one name. "
                f"Received: shape {names.shape}"
            )
        values = {"skeleton_joints": joints, "names": names}
        for field, size in (("joints_mm", 3), ("joints_px", 2)):
            if getattr(self, field) is not None:
                values[field] = _checked_joints(
                    field, getattr(self, field), (len(names), len(joints), size)
                )
        for field, value in values.items():
            object.__setattr__(self, field, value)

    def __len__(self):
        return len(self.names)


def matched(predictions, truth, rows):
    """Predictions in the order of some rows of a Truth, with its joints.

    The k-th prediction of a name is of the k-th sample of that name, where
    both have it equally often. Predictions without names are in the order of
    the rows, or of the whole truth.

    Args:
        predictions: The Predictions.
        truth: A `truth.Truth`.
        rows: (M,) rows of the truth.

    Returns:
        Predictions of M samples, of the joints of the truth's skeleton; NaN
        for those that were not predicted.

    Raises:
        ValueError: A sample has no prediction, or nothing says which it is;
            or no joint is in both.
    """
    places = np.array(
        [
            predictions.skeleton_joints.index(joint)
            if joint in predictions.skeleton_joints
            else -1
            for joint in truth.skeleton.joints
        ]
    )
    unknown = set(predictions.skeleton_joints) - _KNOWN_JOINTS
    if unknown:
        raise ValueError(
            "`joints` must have names of skeleton.py. "
            f"Received: {', '.join(sorted(unknown))}"
        )
    if not (places >= 0).any():
        raise ValueError(
            f"`joints` must share some with {truth.skeleton.name}. "
            f"Received: {', '.join(predictions.skeleton_joints)}"
        )
    if any(predictions.names):
        order = _order_by_name(
            predictions.names, truth.names, truth.source, rows
        )
    else:
        order = _order_by_number(len(predictions), len(truth), rows)

    def taken(joints):
        if joints is None:
            return None
        joints = joints[order][:, np.maximum(places, 0)]
        return np.where(places[:, None] >= 0, joints, np.nan)

    joints_mm = taken(predictions.joints_mm)
    _check_unit(joints_mm, truth.joints_mm[rows])
    return Predictions(
        truth.skeleton.joints,
        truth.names[rows],
        joints_mm,
        taken(predictions.joints_px),
    )


def _check_unit(predicted, true):
    """Refuses poses a hundred times smaller than people."""
    both = np.isfinite(predicted).all(axis=-1) & np.any(true != 0, axis=-1)
    if np.count_nonzero(both) < 2:
        return
    sizes = [
        np.nanstd(np.where(both[..., None], joints, np.nan), axis=1).mean()
        for joints in (predicted, true)
        if both.sum(axis=1).min() > 1
    ]
    if len(sizes) == 2 and 0 < sizes[0] < _SMALLEST * sizes[1]:
        raise ValueError(
            "`joints_mm` must be in mm. Received: poses of "
            f"{sizes[0] / sizes[1]:.4f} times the size of the labelled ones, "
            "which may be metres"
        )


def _checked_joints(field, joints, shape):
    joints = np.asarray(joints)
    if joints.shape != shape or joints.dtype.kind not in "fiu":
        raise ValueError(
            f"`{field}` must be numbers of shape {shape}. "
            f"Received: {joints.dtype}, shape {joints.shape}"
        )
    joints = joints.astype(np.float64)
    missing = np.isnan(joints)
    wrong = (np.abs(joints) > _MOST) | (
        missing != missing.all(axis=-1, keepdims=True)
    )
    if wrong.any():
        row, joint, _ = np.argwhere(wrong)[0]
        raise ValueError(
            f"`{field}` must be at most {_MOST:.0e}, or NaN in all coordinates "
            "of a joint that was not predicted. "
            f"Received: {joints[row, joint]} at row {row}, joint {joint}"
        )
    return joints


def _order_by_name(predicted, true_names, sources, rows):
    """Of each row of the truth, the row of its prediction."""
    predicted, true = _Occurrences(predicted), _Occurrences(true_names)
    wanted = [true.keys[row] for row in rows]
    _check_one_source(wanted, true_names, sources)
    missing = [key for key in wanted if key not in predicted.rows]
    if missing:
        examples = ", ".join(repr(name) for name, _ in missing[:3])
        raise ValueError(
            "predictions must have a pose for every sample that is scored. "
            f"Received: none for {len(missing)} of {len(wanted)}, as {examples}"
        )
    for name in {name for name, _ in wanted}:
        counts = predicted.counts[name], true.counts[name]
        if counts[0] != counts[1]:
            raise ValueError(
                f"`name` {name!r} must be that of {counts[1]} poses, as in the "
                f"data set. Received: {counts[0]}"
            )
    return np.array([predicted.rows[key] for key in wanted], int)


def _check_one_source(wanted, names, sources):
    """Refuses a name that samples of several data sets have."""
    source_of = {}
    asked = {name for name, _ in wanted}
    for name, source in zip(names, sources, strict=True):
        if name in asked and source_of.setdefault(name, source) != source:
            raise ValueError(
                "predictions by name need data sets that share none; score "
                f"them one by one. Received: {name!r} of {source_of[name]} and "
                f"of {source}"
            )


def _order_by_number(num_predicted, num_true, rows):
    if num_predicted == num_true:
        return np.asarray(rows)
    if num_predicted == len(rows):
        return np.arange(len(rows))
    raise ValueError(
        "predictions without names must be as many as the data set's "
        f"{num_true} samples, or the {len(rows)} that are scored. "
        f"Received: {num_predicted}"
    )


class _Occurrences:
    """Names, each with how often it came before.

    Attributes:
        keys: (name, how often before) of each row.
        rows: {key: row}.
        counts: {name: how often}.
    """

    def __init__(self, names):
        self.counts = {}
        self.keys = []
        for name in names:
            before = self.counts.get(name, 0)
            self.keys.append((name, before))
            self.counts[name] = before + 1
        self.rows = {key: row for row, key in enumerate(self.keys)}
