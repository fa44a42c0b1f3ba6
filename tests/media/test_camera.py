import itertools
import threading
import time

import cv2
import numpy as np
import pytest

from keras_pose.media.reader import open_media


class FakeCapture:
    """A camera that gives a picture each few ms, blue = its number."""

    count = None  # pictures until it is unplugged
    step_s = 0.005
    opened = ()

    def __init__(self, index):
        self.index, self._numbers, self.released = (
            index,
            itertools.count(),
            False,
        )
        type(self).opened += (self,)

    def isOpened(self):
        return self.index == 0

    def get(self, prop):
        return 200.0 if prop == cv2.CAP_PROP_FPS else 0.0

    def set(self, prop, value):
        return False

    def read(self):
        number = next(self._numbers)
        if self.count is not None and number >= self.count:
            return False, None
        time.sleep(self.step_s)
        picture = np.zeros((4, 6, 3), np.uint8)
        picture[..., 0] = number
        return True, picture

    def release(self):
        self.released = True


@pytest.fixture
def camera(monkeypatch):
    class Capture(FakeCapture):
        pass

    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    return Capture


def number_of(frame):
    assert frame.image[0, 0, 0] == 0
    return int(frame.image[0, 0, 2])  # what OpenCV calls blue comes first


def test_pictures_come_with_their_numbers_and_times(camera):
    with open_media(["0"]) as media:
        frames = list(itertools.islice(media, 5))
    assert (media.kind, media.num_frames) == ("camera", None)
    assert media.frames_per_second == 200
    assert frames[0].name == "camera 0#0"
    assert frames[0].time_s == 0
    for frame in frames:
        assert frame.name == f"camera 0#{number_of(frame)}"
        assert frame.image.shape == (4, 6, 3)
    assert camera.opened[0].released


def test_a_slow_consumer_gets_the_newest_picture(camera):
    with open_media(["0"]) as media:
        first = next(media)
        begun = time.monotonic() - first.time_s
        for _ in range(3):
            time.sleep(0.1)
            frame = next(media)
            age_s = time.monotonic() - begun - frame.time_s
            # 0.1 s are twenty pictures; a queue would be as late as that.
            assert age_s < 0.05
    assert number_of(frame) > 10


def test_times_and_steps_are_selected(camera):
    with open_media(["0"], every=3, start_s=0.05, end_s=0.15) as media:
        frames = list(media)
    assert frames
    assert all(0.05 <= frame.time_s < 0.15 for frame in frames)
    numbers = [number_of(frame) for frame in frames]
    assert {number % 3 for number in numbers} == {numbers[0] % 3}
    assert camera.opened[0].released


def test_an_unplugged_camera_ends_with_a_line(camera):
    camera.count = 7
    with open_media(["0"]) as media:
        frames = list(media)
    assert number_of(frames[-1]) == 6
    assert media.damaged == ["camera 0: gave no picture after #6"]


def test_a_camera_without_pictures_is_an_error(camera):
    camera.count = 0
    with open_media(["0"]) as media:
        with pytest.raises(OSError, match="camera 0: must give pictures"):
            next(media)
    assert camera.opened[0].released


def test_a_missing_camera_is_an_error(camera):
    before = threading.active_count()
    with pytest.raises(OSError, match="camera 3: must be connected"):
        open_media(["3"])
    assert threading.active_count() == before


def test_a_machine_without_cameras_says_so():
    with pytest.raises(OSError, match="camera 99: must be connected"):
        open_media(["99"])
