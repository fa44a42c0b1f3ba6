"""What every source gives."""

import collections.abc
import dataclasses

from keras_pose.data.sample import Sample
from keras_pose.skeleton import Skeleton


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set on disk, opened.

    Attributes:
        name: The name given to prepare.py.
        skeleton: The joints of its samples.
        count: How many samples it lists.
        samples: Gives them, read from disk one by one.
        notes: What was found on opening that its user should know, a line
            each: the convention its cameras have, what is left out and why.
    """

    name: str
    skeleton: Skeleton
    count: int
    samples: collections.abc.Iterable[Sample]
    notes: tuple[str, ...] = ()
