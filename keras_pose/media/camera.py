"""The pictures of a camera, as they come."""

import time

import cv2

from keras_pose.data.sources.reading import video_file
from keras_pose.media.frame import Damage
from keras_pose.media.frame import Frame

_MOST_FAILURES = 10  # pictures that fail before a camera counts as gone


class Camera:
    """Reads a camera that is connected to the machine.

    Args:
        index: Its number, from 0.
        selection: The Selection; its times count from the first picture.

    Attributes:
        kind: "camera".
        num_frames: None: a camera has no end.
        frames_per_second: Of those selected, as the camera says; or None.

    Raises:
        OSError: There is no such camera, or it gives no picture.
    """

    kind = "camera"
    num_frames = None

    def __init__(self, index, selection):
        self._index, self._selection = index, selection
        with video_file.quiet():
            self._capture = cv2.VideoCapture(index)
            is_open = self._capture.isOpened()
        if not is_open:
            raise OSError(
                f"camera {index}: must be connected, and free to be used. "
                "Received: none that can be opened"
            )
        # Where a driver can: fewer pictures wait, so each is younger.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.frames_per_second = (
            rate / selection.every if 0 < rate < 1e4 else None
        )

    def close(self):
        """Lets go of the camera."""
        self._capture.release()

    def frames(self):
        """Yields Frames without end, and a Damage where the camera is gone.

        None stands for a picture that is passed over.

        Raises:
            OSError: Not one picture came.
        """
        name = f"camera {self._index}"
        number, began_s, first_number, failures = -1, None, None, 0
        while failures < _MOST_FAILURES:
            with video_file.quiet():
                found, picture = self._capture.read()
            if not found:
                failures += 1
                continue
            now_s, failures, number = time.monotonic(), 0, number + 1
            began_s = now_s if began_s is None else began_s
            time_s = now_s - began_s
            if self._selection.begins_after(time_s):
                yield None
                continue
            if self._selection.ends_by(time_s):
                return
            first_number = number if first_number is None else first_number
            if (number - first_number) % self._selection.every:
                yield None
                continue
            image = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            yield Frame(f"{name}#{number}", time_s, image)
        if number < 0:
            raise OSError(f"{name}: must give pictures. Received: none")
        yield Damage(f"{name}: gave no picture after #{number}")
