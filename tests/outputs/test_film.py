import cv2
import numpy as np
import pytest

from keras_pose.outputs import film
from keras_pose.outputs.film import FilmWriter

COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (220, 220, 40)]


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS)
    frames = []
    while True:
        found, frame = capture.read()
        if not found:
            return frames, rate
        frames.append(frame[..., ::-1])


@pytest.mark.parametrize("name", ["film.mp4", "film.webm"])
def test_film_has_the_frames_in_their_colours(name, tmp_path):
    path = tmp_path / name
    with FilmWriter(path, 12.5) as film:
        for colour in COLOURS:
            film.add(np.full((121, 161, 3), colour, np.uint8))
    frames, rate = frames_of(path)
    assert rate == pytest.approx(12.5)
    assert len(frames) == len(COLOURS)
    for frame, colour in zip(frames, COLOURS, strict=True):
        assert frame.shape == (120, 160, 3)  # no codec takes odd sides
        assert np.abs(frame.mean(axis=(0, 1)) - colour).max() < 12


def test_frames_of_another_size_get_borders(tmp_path):
    path = tmp_path / "film.mp4"
    with FilmWriter(path) as film:
        film.add(np.full((120, 160, 3), 200, np.uint8))
        film.add(np.full((240, 120, 3), 200, np.uint8))
    (_, tall), rate = frames_of(path)
    assert rate == pytest.approx(30)
    across = tall.mean(axis=(0, 2))
    # 240 rows become 120, 120 columns become 60, in the middle of 160.
    assert across[:45].max() < 30
    assert across[115:].max() < 30
    assert across[55:105].min() > 170


def test_other_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.mp4 or \.webm.*avi"):
        FilmWriter(tmp_path / "film.avi")


def test_film_that_cannot_be_written_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "_CODECS", {".mp4": "none"})
    writer = FilmWriter(tmp_path / "film.mp4")
    with pytest.raises(OSError, match=r"film\.mp4: cannot be written as none"):
        writer.add(np.zeros((10, 10, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_film_is_there_when_it_is_whole(tmp_path):
    path = tmp_path / "film.mp4"
    with FilmWriter(path) as writer:
        writer.add(np.zeros((10, 10, 3), np.uint8))
        assert not path.exists()
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]
    before = path.read_bytes()
    writer = FilmWriter(path)
    writer.__enter__()
    writer.add(np.full((10, 10, 3), 200, np.uint8))
    writer.__exit__(KeyError, KeyError(), None)
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]
    assert path.read_bytes() == before
    with FilmWriter(tmp_path / "empty.mp4"):
        pass
    assert not (tmp_path / "empty.mp4").exists()


def test_a_film_that_was_cut_short_by_the_disk_is_an_error(tmp_path):
    writer = FilmWriter(tmp_path / "film.mp4")
    writer.add(np.zeros((10, 10, 3), np.uint8))
    (file,) = tmp_path.iterdir()
    file.unlink()
    with pytest.raises(OSError, match=r"film\.mp4: could not be written"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_film_in_no_folder_is_an_error(tmp_path):
    writer = FilmWriter(tmp_path / "nowhere" / "film.mp4")
    with pytest.raises(OSError, match=r"film\.mp4: cannot be written"):
        writer.add(np.zeros((10, 10, 3), np.uint8))
