"""The frames of a video file."""

import contextlib
import math
import os

import cv2

from keras_pose.data.sources.reading import video_file
from keras_pose.media import mp4_boxes
from keras_pose.media import timeline
from keras_pose.media.frame import Damage
from keras_pose.media.frame import Frame
from keras_pose.media.frame import Note

# What a header may claim.
_MOST_FRAMES = 10**7
_MOST_FRAMES_PER_SECOND = 10_000

_USUAL_INTERVAL_S = 1 / 25  # where a header says none
# MKV's header has no number of frames, but a time, which sound makes longer.
_SOUND_BEYOND_S = 0.5


class Video:
    """Reads a video file from its beginning to its end.

    Args:
        path: The file.
        selection: The Selection of its frames.

    Attributes:
        kind: "video".
        num_frames: That are selected, as the header says; or None.
        frames_per_second: Of those selected, as the header says; or None.

    Raises:
        ValueError: It is no video, or holds no picture.
    """

    kind = "video"

    def __init__(self, path, selection):
        self._path, self._selection = path, selection
        self._name = os.path.basename(path)
        self._container = video_file.container_of(video_file.start_of(path))
        if self._container == "mp4":
            mp4_boxes.check_picture(path)
        with contextlib.ExitStack() as closing:
            self._capture, _ = closing.enter_context(video_file.opened(path))
            self._packets, _ = closing.enter_context(
                video_file.opened(path, packets=True)
            )
            self._closing = closing.pop_all()
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        is_rate = 0 < rate <= _MOST_FRAMES_PER_SECOND
        self.frames_per_second = rate / selection.every if is_rate else None
        self._interval_s = 1 / rate if is_rate else _USUAL_INTERVAL_S
        self._count = int(count) if 0 < count <= _MOST_FRAMES else None
        self.num_frames = self._num_selected()

    def _num_selected(self):
        if self._count is None:
            return None
        start_s, end_s = self._selection.start_s, self._selection.end_s
        first = math.ceil((start_s or 0) / self._interval_s)
        last = self._count
        if end_s is not None:
            last = min(last, math.ceil(end_s / self._interval_s))
        return math.ceil(max(last - first, 0) / self._selection.every)

    def close(self):
        """Closes the file."""
        self._closing.close()

    def frames(self):
        """Yields the Frames, and each Damage and Note where it is met.

        None stands for a frame that is passed over: whoever reads can stop.

        Raises:
            ValueError: Not one frame can be decoded, or none is selected.
        """
        place = timeline.Timeline(
            timeline.packet_times(self._packets, self._interval_s),
            self._interval_s,
            is_late=self._container == "avi",
        )
        first_number = None
        for lost in self._decoded(place):
            if self._selection.begins_after(place.time_s):
                yield None
                continue
            if lost:
                yield self._lost(place.number - lost, lost)
            if self._selection.ends_by(place.time_s):
                break
            if first_number is None:
                first_number = place.number
            beyond = (place.number - first_number) % self._selection.every
            yield None if beyond else self._frame(place)
        else:
            self._check_any(place, first_number)
            yield from self._shortness(place)
        if place.num_repaired:
            yield Note(
                f"{self._path}: {place.num_repaired} frames had no time later "
                "than the frame before, and were given one"
            )

    def _decoded(self, place):
        """Grabs frame by frame; yields how many were lost before each."""
        failures = 0
        while failures <= timeline.MOST_UNREADABLE:
            if self._capture.grab():
                failures = 0
                seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                yield place.place(seconds)
            else:
                failures += 1

    def _frame(self, place):
        name = f"{self._name}#{place.number}"
        found, picture = self._capture.retrieve()
        if not found:
            return Damage(f"{name}: its pixels could not be read")
        # OpenCV scales a picture of another size to that of the header.
        image = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        return Frame(name, place.time_s, image)

    def _lost(self, first, count):
        name = f"{self._name}#{first}"
        if count > 1:
            name = f"{name} to #{first + count - 1}"
        return Damage(f"{name}: could not be decoded")

    def _check_any(self, place, first_number):
        if place.number < 0:
            raise ValueError(
                f"{self._path}: must have a frame that can be decoded. "
                "Received: damage alone"
            )
        if first_number is None:
            raise ValueError(
                f"`start_s` must lie before the last frame of {self._path}, "
                f"{place.time_s:.3f} s. Received: {self._selection.start_s}"
            )

    def _shortness(self, place):
        """Says what of the file was not shown."""
        shown = place.number + 1
        held, last_s = place.finish()
        count = self._count or held
        if held < count and self._is_cut_off(last_s):
            yield Damage(
                f"{self._path}: ended after {shown} frames, "
                f"{place.time_s:.2f} s; its header says {count} frames, "
                f"{count * self._interval_s:.2f} s"
            )
            return
        # FFmpeg does not even read what an MP4's edit list cuts away.
        total = max(held, count) if self._container == "mp4" else held
        if shown < total:
            yield Note(
                f"{self._path}: {total - shown} of its {total} pictures are "
                "not shown: cut away by an edit, or damaged"
            )

    def _is_cut_off(self, last_s):
        """Whether the file's end is missing, by the last picture's time."""
        if self._container == "mp4":
            return mp4_boxes.is_cut_off(self._path)
        if self._container == "avi":
            size = video_file.start_of(self._path)[4:8]
            end = 8 + int.from_bytes(size, "little")
            return os.path.getsize(self._path) < end
        header_s = self._count * self._interval_s
        return last_s + 2 * self._interval_s + _SOUND_BEYOND_S < header_s
