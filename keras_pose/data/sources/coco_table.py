"""The images that a file of COCO's layout lists, and what refers to them."""

import array
import dataclasses

import numpy as np

from keras_pose.data.sources import labels

FIELDS = ("id", "file_name", "width", "height")


@dataclasses.dataclass(frozen=True)
class Entry:
    """An image.

    Attributes:
        name: Its path below the folder of images.
        width: px.
        height: px.
        numbers: What else was told to be kept of it, (K,).
    """

    name: str
    width: float
    height: float
    numbers: np.ndarray


class ImageTable:
    """The images of a file, held as arrays: there may be a million."""

    def __init__(self, path):
        self._path = path
        self._ids = array.array("q")
        self._referred = array.array("q")
        self._names = []
        self._numbers = array.array("d")
        self._order = None

    def add(self, item, where, numbers=()):
        """Adds an image.

        Args:
            item: Its object in the file.
            where: What errors call it.
            numbers: K more to keep, as many of every image.

        Raises:
            ValueError: A field is missing or wrong.
        """
        self._ids.append(labels.whole(item.get("id"), f"{where}: `id`"))
        name = labels.text(item.get("file_name"), f"{where}: `file_name`")
        self._names.append(name.encode())
        size = [item.get("width"), item.get("height")]
        size = labels.numbers(size, (2,), f"{where}: `width` and `height`")
        self._numbers.extend((*size, *numbers))

    def refer(self, image_id, where):
        """Remembers that something refers to an image."""
        self._referred.append(labels.whole(image_id, f"{where}: `image_id`"))

    def close(self):
        """Checks that all that is referred to is there, once.

        Returns:
            (R, 2) width and height of the image of each reference, in order.

        Raises:
            ValueError: Names the `id`.
        """
        ids = np.array(self._ids, np.int64)
        self._order = np.argsort(ids, kind="stable")
        self._ids = ids[self._order]
        twice = np.flatnonzero(self._ids[1:] == self._ids[:-1])
        if len(twice):
            raise ValueError(
                f"{self._path}: every image must have an `id` of its own. "
                f"Received: {self._ids[twice[0]]} twice"
            )
        referred = np.array(self._referred, np.int64)
        lost = referred[~np.isin(referred, self._ids)]
        if len(lost):
            raise ValueError(
                f"{self._path}: `image_id` must be an image's `id`. "
                f"Received: {lost[0]}"
            )
        self._referred = None
        self._numbers = np.array(self._numbers).reshape(
            len(ids), -1 if len(ids) else 2
        )
        if not len(ids):
            return np.zeros((0, 2))
        return self._numbers[self._rows(referred), :2]

    def find(self, image_id):
        """The Entry of an image."""
        row = self._rows(image_id)
        width, height = self._numbers[row, :2]
        name = self._names[row].decode()
        return Entry(name, width, height, self._numbers[row, 2:])

    def _rows(self, image_ids):
        return self._order[np.searchsorted(self._ids, image_ids)]


def notes_of(path, skipped):
    """Lines that say how many were left out.

    Args:
        path: The file.
        skipped: {why, or None for those that were not: how many}.
    """
    return tuple(
        f"{path}: left out {count} {reason}"
        for reason, count in sorted(
            (reason, count) for reason, count in skipped.items() if reason
        )
        if count
    )
