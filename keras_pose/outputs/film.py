"""Frames with their poses as a video."""

import contextlib
import os

import cv2
import numpy as np

from keras_pose import console
from keras_pose import durable

# The codecs that OpenCV's wheels can write for each kind of file. They hold no
# H.264, and their VP9 takes a third of a second for a frame of 720p.
_CODECS = {".mp4": "mp4v", ".webm": "VP80"}
_MOST_IN_THOUSANDTHS = 65
_USUAL_RATE = 30.0  # frames a second, where a camera does not say
_HIGHEST_RATE = 240.0  # more is what damaged headers say
_LONGEST_GAP_S = 60.0  # that is waited through: times may be damaged too


class FilmWriter:
    """Writes a video, to be used by `with`: a block that raises leaves none.

    An MP4 plays in the players of Windows, macOS and Linux and is written five
    times as fast as a WebM, which plays in browsers. The film lasts as long as
    what was seen: a frame stays until the next one's time, also where frames
    were lost or a camera gave fewer; of those that come faster than the film
    has frames, some are left out.

    Args:
        path: .mp4 or .webm.
        frames_per_second: Of the film; None for 30.

    Raises:
        ValueError: The name ends otherwise.
    """

    def __init__(self, path, frames_per_second=None):
        self._path = os.fspath(path)
        self._codec = _CODECS.get(os.path.splitext(self._path)[1])
        if self._codec is None:
            raise ValueError(
                f"`path` must end in {' or '.join(_CODECS)}. Received: {path}"
            )
        rate = min(frames_per_second or _USUAL_RATE, _HIGHEST_RATE)
        # MPEG-4 takes thousandths up to 65, and hundredths above.
        self._rate = round(rate, 3 if rate <= _MOST_IN_THOUSANDTHS else 2)
        self._writer = None
        self._aside = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if error[0] is None:
            self.close()
        elif self._writer is not None:
            self._writer.release()
            self._writer = None
            self._aside.__exit__(*error)

    def add(self, image, time_s):
        """Adds a frame.

        Args:
            image: (height, width, 3) uint8, RGB. The first one settles the
                size, an even one; others are shrunk into it, or get borders.
            time_s: When it was seen, seconds, later than the one before.

        Raises:
            OSError: The file cannot be written.
        """
        if self._writer is None:
            height, width = image.shape[:2]
            self._size = max(2, width // 2 * 2), max(2, height // 2 * 2)
            self._open()
            self._begin_s, self._count = time_s, 0
        place = round((time_s - self._begin_s) * self._rate)
        missing = place - self._count
        if missing < 0:
            return
        if missing / self._rate > _LONGEST_GAP_S:
            self._begin_s += missing / self._rate
            missing = 0
        for _ in range(missing):
            self._writer.write(self._last)
        framed = _framed(image, *self._size)
        self._last = cv2.cvtColor(framed, cv2.COLOR_RGB2BGR)
        self._writer.write(self._last)
        self._count += missing + 1

    def close(self):
        """Ends the file, and puts it where it belongs.

        Raises:
            OSError: It could not be written, as on a full disk, which OpenCV
                keeps to itself.
        """
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        with self._aside:
            film = cv2.VideoCapture(self._file, cv2.CAP_FFMPEG)
            is_whole = (
                film.isOpened()
                and film.read()[0]
                and film.get(cv2.CAP_PROP_FRAME_COUNT) == self._count
            )
            film.release()
            if not is_whole:
                raise OSError(f"{self._path}: could not be written")
            os.replace(self._file, self._replacement)

    def _open(self):
        with contextlib.ExitStack() as stack:
            self._replacement = stack.enter_context(
                durable.replaced(self._path)
            )
            # By the end of its name OpenCV knows what kind of file it is.
            ending = os.path.splitext(self._path)[1]
            self._file = self._replacement + ending
            stack.callback(_remove, self._file)
            # OpenCV prints that WebM has no such tag, and writes it.
            with console.quiet():
                writer = cv2.VideoWriter(
                    self._file,
                    cv2.CAP_FFMPEG,
                    cv2.VideoWriter_fourcc(*self._codec),
                    self._rate,
                    self._size,
                )
            if not writer.isOpened():
                raise OSError(
                    f"{self._path}: cannot be written as {self._codec}"
                )
            self._writer, self._aside = writer, stack.pop_all()


def _remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def _framed(image, width, height):
    """An image in a frame of another size, as large as it fits."""
    if (width, height) == (image.shape[1] // 2 * 2, image.shape[0] // 2 * 2):
        return image[:height, :width]
    zoom = min(width / image.shape[1], height / image.shape[0])
    size = (
        max(1, round(image.shape[1] * zoom)),
        max(1, round(image.shape[0] * zoom)),
    )
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    framed = np.zeros((height, width, 3), np.uint8)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    framed[top : top + size[1], left : left + size[0]] = small
    return framed
