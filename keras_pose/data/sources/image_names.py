"""What image names say, and the rows of an annotation file that they pick."""

import re

import numpy as np

from keras_pose.data.sources import options

HUMAN36M = re.compile(
    r"(?:.*/)?(?P<subject>S\d+)_(?P<action>[^./]+)\.(?P<camera>\d+)"
    r"_(?P<frame>\d{1,18})\.\w+"
)
# As folders and images made from the archive number them.
HUMAN36M_NUMBERED = re.compile(
    r"(?:.*/)?s_(?P<subject>\d{2})_act_(?P<action>\d{2})"
    r"_subact_(?P<subaction>\d{2})_ca_(?P<camera>\d{2})"
    r"_(?P<frame>\d{1,18})\.\w+"
)
MPI_INF_3DHP = re.compile(
    r"(?:.*/)?(?P<subject>S\d+)_(?P<action>Seq\d+)_(?P<camera>Cam\d+)"
    r"_(?P<frame>\d{1,18})\.\w+"
)
# Its test set, each clip of one camera: the activity is not in the name.
MPI_INF_3DHP_TEST = re.compile(
    r"(?:.*/)?(?P<subject>TS\d+)(?P<action>)(?P<camera>)"
    r"_(?P<frame>\d{1,18})\.\w+"
)


def parse(name, pattern, where):
    """Matches an image name.

    Args:
        name: The path of the image.
        pattern: One of this module's.
        where: What the error names, the file and the field.

    Returns:
        The match, with groups subject, action, camera and frame.

    Raises:
        ValueError: The name is of another form.
    """
    match = pattern.fullmatch(name)
    if not match:
        raise ValueError(
            f"{where} must be subject, action, camera and frame. "
            f"Received: {name!r}"
        )
    return match


def rows_of(subjects, names, pattern, where):
    """Finds the rows whose image shows one of the subjects.

    Args:
        subjects: Names as "S1", or None for all.
        names: The image name of every row.
        pattern: As `parse` takes it.
        where: Likewise.

    Returns:
        (R,) row numbers, ascending.

    Raises:
        ValueError: A name is of another form, or a subject is in no row.
    """
    seen = [str(parse(name, pattern, where)["subject"]) for name in names]
    return np.flatnonzero(np.isin(seen, options.subjects_of(subjects, seen)))
