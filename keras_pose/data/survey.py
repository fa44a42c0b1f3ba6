"""What a data set holds, and whether it holds together.

Every sample is read and checked as a conversion does, but what is wrong is
counted rather than refused, and all that a person wants to know before days
of training is written down.
"""

import array
import collections
import dataclasses

import numpy as np

from keras_pose import images
from keras_pose.data import ahead
from keras_pose.data import proof
from keras_pose.data.anatomy import BoneLengths
from keras_pose.data.anatomy import Sides
from keras_pose.data.records import picture_of

_SHOWN = 5  # names of samples in a list of what is wrong
_CUBE_MM = 2200.0  # the metric volume of the report
_SLAB_MM = 2000.0  # the depth of the crop volume of Sun et al.


@dataclasses.dataclass
class Survey:
    """The findings; numbers of a data set whose samples were all read.

    Attributes:
        source: Its name.
        skeleton: Its Skeleton.
        notes: Lines of the source itself.
        count: Samples read, those with a fault among them.
        faults: What is wrong with the first few that have one.
        fault_count: How many samples have one.
        counts: {"subject", "action", "camera", "image", "format"}: a Counter.
        rows: Per sample without fault, columns of `_COLUMNS`.
        bones: BoneLengths.
        sides: Sides.
        known_2d: (J,) how often each joint is known in the image.
        known_3d: (J,) how often each joint is known in 3D.
        worst: (px, name) of the largest re-projection error.
        repeated: Samples with the picture and the box of an earlier one.
        shared: {folder: samples with a picture that is in it too}.
    """

    source: str
    skeleton: object
    notes: tuple[str, ...] = ()
    count: int = 0
    faults: list = dataclasses.field(default_factory=list)
    fault_count: int = 0
    counts: dict = dataclasses.field(default_factory=dict)
    rows: np.ndarray | None = None
    bones: BoneLengths | None = None
    sides: Sides | None = None
    known_2d: np.ndarray | None = None
    known_3d: np.ndarray | None = None
    worst: tuple[float, str] = (0.0, "")
    repeated: int = 0
    shared: dict = dataclasses.field(default_factory=dict)

    def column(self, name):
        """A column of `rows` where it is known, (M,) float32."""
        values = self.rows[:, _COLUMNS.index(name)]
        return values[np.isfinite(values)]


_COLUMNS = (
    "bytes",
    "box_side",  # px, the longer one
    "box_outside",  # share of the box's area outside the image
    "joints_2d",
    "joints_outside",  # of them, outside the image
    "joints_3d",
    "root_depth",  # mm
    "reach",  # mm, of the farthest joint from the root along an axis
    "depth_reach",  # mm, along the camera's axis
    "reprojection",  # px
    "reprojection_share",  # of the box's longer side
)


def survey(source, against=None, progress=None, each=None):
    """Reads a whole data set.

    Args:
        source: A `sources.Source`.
        against: {folder: set of digests} of data sets with which it must have
            no picture in common, see `digests_of`; none by default.
        progress: Called with the number of samples read so far.
        each: Called with the number of each sample and the sample.

    Returns:
        The Survey. What the source itself refuses ends it; it is one of the
        faults.
    """
    skeleton, against = source.skeleton, against or {}
    found = Survey(
        source.name,
        skeleton,
        source.notes,
        counts=collections.defaultdict(collections.Counter),
        bones=BoneLengths(skeleton),
        sides=Sides(skeleton),
        known_2d=np.zeros(skeleton.num_joints, int),
        known_3d=np.zeros(skeleton.num_joints, int),
        shared=dict.fromkeys(against, 0),
    )
    rows, seen = array.array("f"), set()
    results = ahead.made_ahead(
        lambda sample: (sample, _examined(sample, skeleton)),
        _until_refused(source.samples, found),
    )
    for sample, result in results:
        if each:
            each(found.count, sample)
        found.count += 1
        if progress:
            progress(found.count)
        if isinstance(result, ValueError):
            found.fault_count += 1
            if len(found.faults) < _SHOWN:
                found.faults.append(str(result))
            continue
        row, digest, size, file_format = result
        rows.extend(row)
        _count(found, sample, size, file_format)
        if row[-2] > found.worst[0]:
            found.worst = (float(row[-2]), sample.name)
        place = digest + sample.box.tobytes()
        found.repeated += place in seen
        seen.add(place)
        for folder, digests in against.items():
            found.shared[folder] += digest in digests
    found.rows = np.array(rows, np.float32).reshape(-1, len(_COLUMNS))
    return found


def _until_refused(samples, found):
    """The samples up to the first that their source refuses to give."""
    try:
        yield from samples
    except ValueError as error:
        found.fault_count += 1
        found.faults.append(f"its reading ends with: {error}")


def digests_of(records):
    """What tells the pictures of a prepared data set from all others.

    Args:
        records: Its `store.Records`.

    Returns:
        Set of bytes.
    """
    return {
        records.record(number, ("picture",))["picture"]
        for number in range(len(records))
    }


def _examined(sample, skeleton):
    """A sample's row, digest, image size and format; or its fault."""
    try:
        proof.check_sample(sample, skeleton)
        width, height, file_format = images.image_header(
            sample.image, sample.name
        )
    except ValueError as error:
        return error
    row = _row(sample, skeleton, width, height)
    return row, picture_of(sample), (width, height), file_format


def _row(sample, skeleton, width, height):
    x, y, box_width, box_height = np.float64(sample.box)
    across = min(x + box_width, width) - max(x, 0)
    along = min(y + box_height, height) - max(y, 0)
    known_2d, known_3d = sample.weight_2d > 0, sample.weight_3d > 0
    points = sample.joints_px[known_2d] + 0.5
    outside = ((points < 0) | (points > (width, height))).any(axis=1)
    root_depth = reach = depth_reach = np.nan
    root = skeleton.root
    if root is not None and known_3d[root]:
        root_depth = sample.joints_mm[root, 2]
        offset = np.abs(sample.joints_mm[known_3d] - sample.joints_mm[root])
        reach, depth_reach = offset.max(), offset[:, 2].max()
    error = proof.reprojection_error(sample)
    error = np.nan if error is None else error
    return (
        len(sample.image),
        max(box_width, box_height),
        1 - across * along / (box_width * box_height),
        len(points),
        outside.sum(),
        known_3d.sum(),
        root_depth,
        reach,
        depth_reach,
        error,
        error / max(box_width, box_height),
    )


def _count(found, sample, size, file_format):
    for field in ("subject", "action", "camera"):
        found.counts[field][getattr(sample, field)] += 1
    found.counts["image"]["{} x {}".format(*size)] += 1
    found.counts["format"][file_format] += 1
    found.known_2d += sample.weight_2d > 0
    found.known_3d += sample.weight_3d > 0
    found.bones.add(sample.joints_mm, sample.weight_3d)
    found.sides.add(sample.joints_mm, sample.weight_3d)


def beyond_volumes(found):
    """Shares of samples that the usual volumes cut off, or None without 3D.

    Returns:
        (share beyond a metric cube of 2200 mm, beyond a slab of 2000 mm).
    """
    reach, depth_reach = found.column("reach"), found.column("depth_reach")
    if not len(reach):
        return None
    return (
        float(np.mean(reach > _CUBE_MM / 2)),
        float(np.mean(depth_reach > _SLAB_MM / 2)),
    )
