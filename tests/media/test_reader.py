import gc
import io
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading import video_file
from keras_pose.media.reader import open_media
from tests.media import made_videos


def jpeg(grey, size=(40, 30)):
    file = io.BytesIO()
    Image.new("RGB", size, (grey, grey, grey)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def shots(tmp_path):
    for number in range(12):
        path = tmp_path / f"shot{number}.jpg"
        path.write_bytes(jpeg(20 * number))
    return tmp_path


@pytest.fixture
def clip(tmp_path):
    times = [number / 20 for number in range(60)]
    made_videos.write(tmp_path / "clip.mp4", times, "libx264")
    return str(tmp_path / "clip.mp4")


@pytest.fixture(autouse=True)
def _no_thread_survives():
    yield
    gc.collect()
    deadline = time.monotonic() + 5
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() == []


def threads():
    return [t for t in threading.enumerate() if t.name == "media"]


def test_photos_of_a_folder_are_read_in_order(shots):
    with open_media([str(shots)]) as media:
        frames = list(media)
    assert (media.kind, media.num_frames) == ("photos", 12)
    assert media.frames_per_second is None
    for number, frame in enumerate(frames):
        assert frame.name == str(shots / f"shot{number}.jpg")
        assert frame.time_s is frame.intrinsics is frame.intrinsics_from is None
        assert frame.image.shape == (30, 40, 3)
        assert abs(frame.image.mean() - 20 * number) < 3


def test_of_photos_each_so_many_th_is_read(shots):
    with open_media([str(shots)], every=5) as media:
        assert media.num_frames == 3
        names = [os.path.basename(frame.name) for frame in media]
    assert names == ["shot0.jpg", "shot5.jpg", "shot10.jpg"]


def test_a_damaged_photo_among_many_is_left_out(shots):
    whole = (shots / "shot3.jpg").read_bytes()
    (shots / "shot3.jpg").write_bytes(whole[:-20])
    (shots / "shot7.jpg").write_bytes(b"no photo")
    (shots / "notes.txt").write_bytes(b"words")
    with open_media([str(shots)]) as media:
        assert media.notes == [
            f"{shots}: 1 files that are no image were not taken"
        ]
        assert len(list(media)) == 10
    assert "shot3.jpg: the image is damaged" in media.damaged[0]
    assert "shot7.jpg: not an image of a known format" in media.damaged[1]
    assert len(media.damaged) == 2


def test_one_damaged_photo_is_an_error(shots):
    (shots / "shot3.jpg").write_bytes(b"no photo")
    with open_media([str(shots / "shot3.jpg")]) as media:
        with pytest.raises(ValueError, match=r"shot3\.jpg: not an image"):
            next(media)


def test_damaged_photos_alone_are_an_error(shots):
    for path in shots.iterdir():
        path.write_bytes(b"no photo")
    with open_media([str(shots)]) as media:
        with pytest.raises(
            ValueError, match=r"not one of 12 photos.*shot0\.jpg: not an image"
        ):
            list(media)
    assert len(media.damaged) == 12


def test_a_photo_may_not_be_of_any_size(shots, monkeypatch):
    monkeypatch.setattr(files, "MAX_IMAGE_BYTES", 100)
    with open_media([str(shots / "shot3.jpg")]) as media:
        with pytest.raises(ValueError, match=r"shot3\.jpg.*at most 100 bytes"):
            next(media)


@pytest.mark.parametrize("times", [{"start_s": 0}, {"end_s": 1}])
def test_photos_have_no_times(shots, times):
    with pytest.raises(ValueError, match="`start_s` and `end_s` must be left"):
        open_media([str(shots)], **times)


@pytest.mark.parametrize(
    ("selection", "name"),
    [
        ({"every": 0}, "every"),
        ({"every": 1.5}, "every"),
        ({"every": True}, "every"),
        ({"start_s": -1}, "start_s"),
        ({"start_s": float("nan")}, "start_s"),
        ({"end_s": float("inf")}, "end_s"),
        ({"end_s": 0}, "end_s"),
        ({"start_s": 2, "end_s": 2}, "end_s"),
    ],
)
def test_a_selection_of_nothing_is_refused(clip, selection, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        open_media([clip], **selection)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_closing_early_ends_the_thread(clip, count):
    with open_media([clip]) as media:
        for _ in range(count):
            next(media)
        assert len(threads()) == 1
    assert threads() == []
    assert list(media) == []


def test_a_loop_that_is_left_ends_the_thread(clip):
    for _ in open_media([clip]):
        break
    gc.collect()
    assert threads() == []


def test_reading_to_the_end_closes_the_file(clip):
    media = open_media([clip])
    assert len(list(media)) == 60
    assert threads() == []
    opened = os.listdir("/proc/self/fd") if os.path.isdir("/proc") else []
    links = [f"/proc/self/fd/{number}" for number in opened]
    assert clip not in [
        os.readlink(link) for link in links if os.path.lexists(link)
    ]


def test_the_log_of_opencv_is_on_again_afterwards(clip):
    level = video_file._LOG.getLogLevel()
    with open_media([clip]), open_media([clip]) as media:
        next(media)
    assert video_file._LOG.getLogLevel() == level


def child(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


QUIET = """
import sys
from keras_pose.media.reader import open_media
for name in sys.argv[1:]:
    try:
        with open_media([name]) as media:
            print(len(list(media)) > 20, len(media.damaged) > 0)
    except (OSError, ValueError) as error:
        print(error)
"""


def test_the_terminal_stays_clean(tmp_path, clip):
    broken = tmp_path / "clip.mp4"
    made_videos.overwrite(broken, made_videos.packets_of(broken)[15:18])
    sound = tmp_path / "sound.mkv"
    made_videos.write_sound(sound)
    process = child(QUIET, clip, str(sound), "98")
    out, err = process.communicate(timeout=60)
    lines = out.splitlines()
    assert lines[0] == "True True"
    assert "sound.mkv: must be a video that can be decoded" in lines[1]
    assert "camera 98: must be connected" in lines[2]
    assert err == ""


INTERRUPTED = """
import sys, time, threading
from keras_pose.media.reader import open_media
try:
    with open_media([sys.argv[1]]) as media:
        for number, frame in enumerate(media):
            if number == 5:
                print("reading", flush=True)
                time.sleep(30)
except KeyboardInterrupt:
    print(threading.active_count(), flush=True)
"""


def test_ctrl_c_ends_reading(clip):
    process = child(INTERRUPTED, clip)
    assert process.stdout.readline() == "reading\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == ("1\n", "", 0)


MEMORY = """
import resource, sys
from keras_pose.media.reader import open_media
def kilobytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024
found = []
with open_media([sys.argv[1]]) as media:
    for number, frame in enumerate(media):
        if number in (1000, 4900):
            found.append(kilobytes())
print(number + 1, found[1] - found[0])
"""


@pytest.mark.slow
def test_memory_is_flat_however_long_a_video_is(tmp_path):
    path = tmp_path / "long.mp4"
    times = np.arange(5000) / 20
    made_videos.write(path, times, "libx264")
    # A frame is 36 kB: to keep each of 4,000 would take 144 MB.
    made_videos.overwrite(path, made_videos.packets_of(path)[2000:2010])
    out, err = child(MEMORY, str(path)).communicate(timeout=120)
    count, grown_kb = map(int, out.split())
    assert 4900 < count <= 5000, err
    assert grown_kb < 8000
