"""The boxes that a user gives for photos or frames, found by their names.

A name of the table and that of a frame mean the same where one is the end of
the other, by whole parts of a path: `walk/1.jpg` is `/data/walk/1.jpg`, and not
`run/1.jpg` or `sidewalk/1.jpg`.
"""

import os
import posixpath
import typing

import numpy as np


class Entry(typing.NamedTuple):
    """The people of one image.

    Attributes:
        name: Of the image, as the table has it.
        boxes: (N, 4) float64, x, y, width, height in px.
        persons: N numbers from 1, each once; None where the table does not
            say who is who.
    """

    name: str
    boxes: np.ndarray
    persons: tuple[int, ...] | None = None


class BoxTable:
    """Boxes of images.

    Args:
        entries: Entries, each name once and as `plain_name` writes it.
    """

    def __init__(self, entries):
        self._entries = {entry.name: entry for entry in entries}
        self._that_end_so = {}
        for name in self._entries:
            for end in _ends(name):
                self._that_end_so.setdefault(end, []).append(name)

    @property
    def names(self):
        """Names of the images, in the order of the table."""
        return tuple(self._entries)

    def of(self, name):
        """The people of one image.

        Args:
            name: Path of the image, or of the video with the frame's number.

        Returns:
            The Entry; None if the table has none.

        Raises:
            ValueError: Several entries could be meant.
        """
        return self._entries.get(self._named(plain_name(name)))

    def _named(self, name):
        """The table's name for an image, that with most of it; or None."""
        if name in self._entries:
            return name
        longer = self._that_end_so.get(name, [])
        if len(longer) > 1:
            raise ValueError(
                f"the boxes must say which of them are those of {name}. "
                f"Received: {longer[0]} and {longer[1]}"
            )
        shorter = [end for end in _ends(name) if end in self._entries]
        return next(iter([*longer, *shorter]), None)


def plain_name(name):
    """A name without what paths may be written with and without."""
    return posixpath.normpath(name.replace(os.sep, "/"))


def _ends(name):
    """The last parts of a path, the longest first and not all of it."""
    parts = name.split("/")
    return ["/".join(parts[start:]) for start in range(1, len(parts))]
