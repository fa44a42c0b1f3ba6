"""Lets an artefact pass that says what the Keras model says, and no other."""

import dataclasses
import math
import os
import shutil

from keras_pose.serving import measure
from keras_pose.serving.formats import FORMATS

# An int8 file that takes longer than its float32 one by this has hit an
# operation that its runtime lacks: TFLite's dynamic-range transposed
# convolutions took 30 times as long.
_MOST_SLOWDOWN = 2.0
_NOISE_MILLISECONDS = 5.0  # a busy machine may add that to any call


@dataclasses.dataclass(frozen=True)
class Row:
    """One endpoint of one artefact of an export.

    Attributes:
        format: Key of `FORMATS`.
        path: Its file or folder.
        endpoint: What was called.
        megabytes: Its size.
        milliseconds: Median time for one image.
        milliseconds_8: Median time for eight images in one call.
        peak_megabytes: Most memory of a process that runs it.
        mean_mm: Mean distance of a joint from the Keras model's.
        worst_mm: Largest such distance.
        mpjpe_change_mm: MPJPE less the Keras model's; NaN without labels.
        fault: Why it was removed; empty where it is right.
    """

    format: str
    path: str
    endpoint: str
    megabytes: float = math.nan
    milliseconds: float = math.nan
    milliseconds_8: float = math.nan
    peak_megabytes: float = math.nan
    mean_mm: float = math.nan
    worst_mm: float = math.nan
    mpjpe_change_mm: float = math.nan
    fault: str = ""

    def to_dict(self):
        """The row for a JSON file; None for what is not known."""
        return {
            name: None
            if isinstance(value, float) and not math.isfinite(value)
            else value
            for name, value in dataclasses.asdict(self).items()
        }


def judge(name, folder, proof, others):
    """Runs every endpoint of a format; removes what is not right.

    Args:
        name: Key of `FORMATS`.
        folder: Where the export is.
        proof: The Proof.
        others: Rows of the formats that were judged before.

    Returns:
        Rows.
    """
    form = FORMATS[name]
    path = os.path.join(folder, form.path)
    rows = []
    for endpoint in [measure.NETWORK] + [measure.BYTES] * form.also_bytes:
        row = Row(name, form.path, endpoint, _megabytes(path))
        try:
            known = proof.measured(path, endpoint, name)
            row = dataclasses.replace(row, **known)
            fault = _fault_of(row, others)
        except RuntimeError as error:
            fault = str(error)
        rows.append(dataclasses.replace(row, fault=fault))
    if any(row.fault for row in rows):
        _remove(path)
    return rows


def failed(name, error, folder):
    """The rows of a format that could not be written, as of `judge`."""
    path = FORMATS[name].path
    _remove(os.path.join(folder, path))
    return [Row(name, path, measure.NETWORK, fault=str(error))]


def _fault_of(row, others):
    """Why an artefact must go, or ""."""
    form = FORMATS[row.format]
    if row.fault:
        return row.fault
    if form.limit_mm is not None and row.worst_mm > form.limit_mm:
        return f"a joint is {row.worst_mm:.3f} mm off, limit {form.limit_mm} mm"
    limit = form.limit_mpjpe_mm
    # Not a number where nothing is labelled, which no limit admits.
    if limit is not None and not row.mpjpe_change_mm <= limit:
        return (
            f"its MPJPE is {row.mpjpe_change_mm:.2f} mm above the Keras "
            f"model's, limit {limit} mm"
        )
    for other in others:
        slowdown = row.milliseconds / other.milliseconds
        if (
            other.format == form.float32
            and slowdown > _MOST_SLOWDOWN
            and row.milliseconds > other.milliseconds + _NOISE_MILLISECONDS
        ):
            return (
                f"it takes {slowdown:.1f} times as long as {other.format}, "
                f"limit {_MOST_SLOWDOWN}"
            )
    return ""


def table(rows):
    """The rows as text."""
    lines = [
        f"{'':<19}{'':<14}{'':>8}{'ms for':>8}{'ms for':>8}{'peak':>7}"
        f"{'mean':>10}{'worst':>11}{'MPJPE':>8}",
        f"{'format':<19}{'endpoint':<14}{'MB':>8}{'1 image':>8}{'8':>8}"
        f"{'MB':>7}{'mm':>10}{'joint':>11}{'change':>8}",
    ]
    for row in rows:
        numbers = "".join(
            f"{'-':>{width}}"
            if math.isnan(value)
            else f"{value:{sign}{width}.{decimals}f}"
            for value, sign, width, decimals in (
                (row.megabytes, "", 8, 1),
                (row.milliseconds, "", 8, 1),
                (row.milliseconds_8, "", 8, 1),
                (row.peak_megabytes, "", 7, 0),
                (row.mean_mm, "", 10, 5),
                (row.worst_mm, "", 11, 5),
                (row.mpjpe_change_mm, "+", 8, 2),
            )
        )
        lines.append(f"{row.format:<19}{row.endpoint:<14}{numbers}")
        if row.fault:
            lines.append(f"  removed: {row.fault}")
    return "\n".join(lines)


def _remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def _megabytes(path):
    files = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(path)
        for name in names
    ]
    return sum(os.path.getsize(file) for file in files or [path]) / 1e6
