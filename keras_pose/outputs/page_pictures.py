"""The pictures of a page: small, and few however long the video is."""

import collections.abc

import cv2
import numpy as np

_JPEG_QUALITY = 75


class Thumbnails(collections.abc.Mapping):
    """Frame index -> JPEG bytes, for `page.write_page`.

    All pictures are kept until there are too many or they are too large
    together. Then every second is dropped, and of those that follow only
    every second is taken, so that they are spread evenly over the video.

    Args:
        most: Largest number of pictures.
        longest_px: Their longer side at most.
        most_bytes: Of all of them together. A page writes them a third
            larger.
    """

    def __init__(self, most=300, longest_px=640, most_bytes=10_500_000):
        for name, value in (
            ("most", most),
            ("longest_px", longest_px),
            ("most_bytes", most_bytes),
        ):
            if value < 1:
                raise ValueError(
                    f"`{name}` must be 1 or more. Received: {value}"
                )
        self._most, self._longest_px = most, longest_px
        self._most_bytes = most_bytes
        self._pictures = {}
        self._added, self._stride, self._bytes = 0, 1, 0
        self._last = -1

    def add(self, frame, image):
        """Takes the picture of a frame, if its turn has come.

        Args:
            frame: Index of the frame in the recording, larger than the last.
            image: (height, width, 3) uint8, RGB. It is not kept.

        Raises:
            ValueError: The frames do not ascend, or it is no such image.
        """
        if frame <= self._last:
            raise ValueError(
                "`frame` must be larger than the one before. "
                f"Received: {frame} after {self._last}"
            )
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(
                "`image` must be (height, width, 3) uint8. "
                f"Received: image.shape={image.shape}, dtype={image.dtype}"
            )
        self._last = frame
        # By what was added, not by the frame: a caller may skip frames too.
        turn, self._added = self._added, self._added + 1
        if turn % self._stride:
            return
        self._pictures[frame] = self._encoded(image)
        self._bytes += len(self._pictures[frame])
        while len(self._pictures) > self._most or (
            self._bytes > self._most_bytes and len(self._pictures) > 1
        ):
            self._drop_every_second()

    def _drop_every_second(self):
        self._stride *= 2
        kept = list(self._pictures.items())[::2]
        self._pictures = dict(kept)
        self._bytes = sum(len(encoded) for _, encoded in kept)

    def _encoded(self, image):
        height, width = image.shape[:2]
        zoom = min(1.0, self._longest_px / max(height, width))
        if zoom < 1:
            size = max(1, round(width * zoom)), max(1, round(height * zoom))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        _, encoded = cv2.imencode(".jpg", image[..., ::-1], quality)
        return encoded.tobytes()

    def __getitem__(self, frame):
        return self._pictures[frame]

    def __iter__(self):
        return iter(self._pictures)

    def __len__(self):
        return len(self._pictures)
