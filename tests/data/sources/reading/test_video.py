import cv2
import numpy as np
import pytest

from keras_pose import images
from keras_pose.data.sources.reading import video
from tests.data.sources import made_mpi_inf_3dhp
from tests.data.sources import made_pictures


@pytest.fixture
def path(tmp_path):
    made_mpi_inf_3dhp.write_video(tmp_path / "a.avi", 8)
    return str(tmp_path / "a.avi")


def decoded(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), 1).astype(int)


def test_header_is_read(path):
    size = (made_pictures.WIDTH, made_pictures.HEIGHT)
    assert video.describe(path) == (8, *size)


@pytest.mark.parametrize("frames", [range(8), [0], [3], [1, 2, 7]])
def test_frames_are_those_asked_for(path, frames):
    found = list(video.read_frames(path, np.array(frames)))
    assert [index for index, _ in found] == list(frames)
    every = [decoded(made_pictures.jpeg(index)) for index in range(8)]
    for index, content in found:
        errors = [abs(decoded(content) - right).mean() for right in every]
        assert np.argmin(errors) == index
        assert errors[index] < 4


def test_a_frame_behind_the_end_is_refused(path):
    frames = video.read_frames(path, [6, 8])
    assert next(frames)[0] == 6
    with pytest.raises(
        ValueError, match="a.avi: must have frame 8.*: 8 frames"
    ):
        next(frames)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"RIFF....AVI nothing",
    ],
    ids=["empty", "playlist", "concat", "damaged"],
)
def test_what_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "a.avi"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.avi: (must be )?a video"):
        video.describe(str(path))


def test_a_cut_video_is_refused_where_it_ends(path):
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"a\.avi: "):
        list(video.read_frames(path, range(8)))


def test_a_header_may_not_claim_any_length(path, monkeypatch):
    monkeypatch.setattr(video, "MAX_FRAMES", 7)
    with pytest.raises(ValueError, match="of 1 to 7 frames. Received: 8"):
        video.describe(path)


@pytest.mark.parametrize("read", [video.describe, video.read_frames])
def test_a_frame_may_not_be_of_any_size(path, monkeypatch, read):
    monkeypatch.setattr(images, "MAX_PIXELS", 96 * 80 - 1)
    with pytest.raises(ValueError, match="at most 7679 pixels.*: 96 x 80"):
        list(read(path, [0]) if read is video.read_frames else read(path))
    monkeypatch.setattr(images, "MAX_PIXELS", 96 * 80)
    assert video.describe(path) == (8, 96, 80)
