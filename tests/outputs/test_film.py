import resource

import cv2
import numpy as np
import pytest

from keras_pose import console
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
        for number, colour in enumerate(COLOURS):
            film.add(np.full((121, 161, 3), colour, np.uint8), number / 12.5)
    frames, rate = frames_of(path)
    assert rate == pytest.approx(12.5)
    assert len(frames) == len(COLOURS)
    for frame, colour in zip(frames, COLOURS, strict=True):
        assert frame.shape == (120, 160, 3)  # no codec takes odd sides
        assert np.abs(frame.mean(axis=(0, 1)) - colour).max() < 12


def test_frames_of_another_size_get_borders(tmp_path):
    path = tmp_path / "film.mp4"
    with FilmWriter(path) as film:
        film.add(np.full((120, 160, 3), 200, np.uint8), 0)
        film.add(np.full((240, 120, 3), 200, np.uint8), 1 / 30)
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
        writer.add(np.zeros((10, 10, 3), np.uint8), 0)
    assert list(tmp_path.iterdir()) == []


def test_a_film_is_there_when_it_is_whole(tmp_path):
    path = tmp_path / "film.mp4"
    with FilmWriter(path) as writer:
        writer.add(np.zeros((10, 10, 3), np.uint8), 0)
        assert not path.exists()
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]
    before = path.read_bytes()
    writer = FilmWriter(path)
    writer.__enter__()
    writer.add(np.full((10, 10, 3), 200, np.uint8), 0)
    writer.__exit__(KeyError, KeyError(), None)
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]
    assert path.read_bytes() == before
    with FilmWriter(tmp_path / "empty.mp4"):
        pass
    assert not (tmp_path / "empty.mp4").exists()


def test_a_film_that_was_cut_short_by_the_disk_is_an_error(tmp_path):
    writer = FilmWriter(tmp_path / "film.mp4")
    writer.add(np.zeros((10, 10, 3), np.uint8), 0)
    (file,) = tmp_path.iterdir()
    file.unlink()
    with pytest.raises(OSError, match=r"film\.mp4: could not be written"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["film.mp4", "film.webm"])
def test_a_film_for_which_there_is_no_room_is_an_error(name, tmp_path):
    rng = np.random.default_rng(0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = FilmWriter(tmp_path / name)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
        for index in range(100):
            noise = rng.integers(0, 256, (128, 128, 3), np.uint8)
            writer.add(noise, index / 25)
        with pytest.raises(OSError, match=f"{name}: could not be written"):
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_film_in_no_folder_is_an_error(tmp_path):
    writer = FilmWriter(tmp_path / "nowhere" / "film.mp4")
    with pytest.raises(OSError, match=r"film\.mp4: cannot be written"):
        writer.add(np.zeros((10, 10, 3), np.uint8), 0)


def film_at(path, times_s, rate=10):
    """The numbers of the frames that a film of such frames shows."""
    with FilmWriter(path, rate) as writer:
        for number, time_s in enumerate(times_s):
            image = np.full((64, 64, 3), 20 + 40 * number, np.uint8)
            writer.add(image, time_s)
    frames, _ = frames_of(path)
    return [round((frame.mean() - 20) / 40) for frame in frames]


@pytest.mark.parametrize(
    ("times_s", "expected"),
    [
        ([0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),
        ([7.5, 7.6, 7.7], [0, 1, 2]),
        ([0, 0.1, 0.4, 0.5], [0, 1, 1, 1, 2, 3]),
        ([0, 0.26, 0.51], [0, 0, 0, 1, 1, 2]),
        ([0, 0.02, 0.1, 0.13, 0.2], [0, 2, 4]),
        ([0, 0.09, 0.21, 0.28, 0.41], [0, 1, 2, 3, 4]),
        ([0, 0.1, 4000, 4000.2], [0, 1, 2, 2, 3]),
    ],
    ids=["even", "late", "lost", "slow", "fast", "trembling", "absurd"],
)
def test_a_film_keeps_real_time(times_s, expected, tmp_path):
    assert film_at(tmp_path / "film.mp4", times_s) == expected


def test_a_film_of_an_odd_rate_drops_and_repeats_nothing(tmp_path):
    rate = 24000 / 1001
    times_s = np.float32(np.arange(6) / rate)
    assert film_at(tmp_path / "film.mp4", times_s, rate) == [*range(6)]


def test_a_rate_that_no_camera_has_is_not_taken(tmp_path):
    path = tmp_path / "film.mp4"
    assert len(film_at(path, [0, 0.1], 9000)) == 25
    assert frames_of(path)[1] == 240


@pytest.mark.parametrize("name", ["film.mp4", "film.webm"])
def test_nothing_is_printed(name, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(console, "_IS_LOUD", False)
    film_at(tmp_path / name, [0])
    assert capfd.readouterr() == ("", "")
