import cv2
import numpy as np
import pytest

from keras_pose.synthesis import backdrop
from keras_pose.synthesis import render

SIZE = 64
MIDDLE = np.array([0, 900.0, 0])
CENTRE = (SIZE - 1) / 2


def camera(height=1500.0, pitch=0.0):
    """5 m in front of the person, its eye level or `pitch` radians down."""
    cos, sin = np.cos(pitch), np.sin(pitch)
    rotation = np.array([[1, 0, 0], [0, -cos, sin], [0, -sin, -cos]])
    intrinsics = np.array([[60.0, 0, CENTRE], [0, 60, CENTRE], [0, 0, 1]])
    return render.Camera(intrinsics, rotation, np.array([0, height, 5000.0]))


def draw(seed, photos=(), seen_by=None, size=SIZE):
    rng = np.random.default_rng(seed)
    seen_by = seen_by or camera()
    light, _ = backdrop.draw_backdrop(rng, seen_by, size, MIDDLE, photos)
    return light


@pytest.fixture
def only(monkeypatch):
    """Leaves one of the kinds."""
    return lambda kind: monkeypatch.setattr(backdrop, "KINDS", {kind: 1.0})


def write_photo(path, colour, shape=(30, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*shape, 3), colour[::-1], np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


def test_the_camera_of_these_tests_is_one():
    for pitch in (0, 0.3):
        rotation = camera(pitch=pitch).rotation
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        assert (rotation @ [0, 0, -1])[2] > 0.9


@pytest.mark.parametrize("kind", ["room", "open", "clutter"])
def test_every_kind_is_light_and_varied(kind, only):
    only(kind)
    images = [draw(seed) for seed in range(12)]
    for image in images:
        assert image.shape == (SIZE, SIZE, 3)
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.max() <= 1
    assert np.mean([image.std(axis=(0, 1)).mean() for image in images]) > 0.02
    means = np.array([image.mean(axis=(0, 1)) for image in images])
    assert means.std(axis=0).min() > 0.05


def test_each_kind_is_drawn_as_often_as_it_should(monkeypatch):
    drawn = []

    def note(*arguments):
        drawn.append("room" if arguments[-1] else "open")
        return np.zeros((SIZE, SIZE, 3), np.float32), None

    monkeypatch.setattr(backdrop, "_ground_and_wall", note)
    monkeypatch.setattr(
        backdrop,
        "_clutter",
        lambda rng, size: (
            drawn.append("clutter") or np.zeros((size, size, 3), np.uint8)
        ),
    )
    for seed in range(400):
        draw(seed)
    shares = {kind: drawn.count(kind) / 400 for kind in set(drawn)}
    expected = {"room": 0.4, "open": 0.2, "clutter": 0.4}
    assert shares == pytest.approx(expected, abs=0.08)


def test_the_same_numbers_give_the_same_backdrop():
    for seed in range(6):
        np.testing.assert_array_equal(draw(seed), draw(seed))
    assert (draw(0) != draw(1)).any()


@pytest.mark.parametrize("pitch", [0.0, 0.2, -0.2])
def test_the_sky_ends_and_the_ground_begins_at_the_horizon(
    pitch, only, monkeypatch
):
    only("open")
    texture = np.full((256, 256, 3), 200, np.uint8)
    monkeypatch.setattr(backdrop, "_texture", lambda rng: texture)
    monkeypatch.setattr(
        backdrop, "_colour", lambda rng: np.zeros(3, np.float32)
    )
    image = draw(0, seen_by=camera(pitch=pitch))
    ground = image[..., 0] > 0
    # Of a camera that looks down the horizon moves up; the ground ends 60 m
    # away, 1.5 m below the eye, a little below it.
    horizon = CENTRE - 60 * np.tan(pitch)
    rows = np.arange(SIZE)
    assert not ground[rows < horizon - 0.5].any()
    assert ground[rows > horizon + 3.5].all()
    np.testing.assert_allclose(image[ground], (200 / 255) ** 2, rtol=1e-5)


def test_the_ground_s_pattern_lies_on_the_ground(only, monkeypatch):
    only("open")
    # One texel of 10 mm: every other strip of 1280 mm along z is white.
    texture = np.zeros((256, 256, 3), np.uint8)
    texture[128:] = 255
    monkeypatch.setattr(backdrop, "_texture", lambda rng: texture)
    monkeypatch.setattr(backdrop, "between", lambda rng, limits: 10.0)
    monkeypatch.setattr(
        backdrop, "_colour", lambda rng: np.zeros(3, np.float32)
    )
    image = draw(0)
    for row in (40, 45, 50, 60):
        away = 1500 * 60 / (row - CENTRE)
        white = np.floor((5000 - away) / 10) % 256 >= 128
        assert (image[row] == (1 if white else 0)).all(), row


def test_the_wall_of_a_room_stands_behind_the_person(only, monkeypatch):
    only("room")
    shades = iter([10, 250] * 50)  # of the ground, then of the wall
    monkeypatch.setattr(
        backdrop,
        "_texture",
        lambda rng: np.full((256, 256, 3), next(shades), np.uint8),
    )
    for seed in range(30):
        image = draw(seed)
        wall = image[..., 0] > 0.5
        rows = np.arange(SIZE)
        assert wall[rows < CENTRE].all()  # above the horizon
        # It meets the ground 1 to 5 m behind the person, who is 5 m away.
        meets = np.flatnonzero(~wall[:, SIZE // 2])[0]
        assert 60 * 1500 / 10100 - 1 < meets - CENTRE < 60 * 1500 / 5900 + 1


def test_clutter_fills_any_size(only):
    only("clutter")
    assert draw(0, size=97).shape == (97, 97, 3)


def test_photos_are_listed_with_those_in_folders_below(tmp_path):
    names = ["b.jpg", "a.PNG", "sub/c.jpeg", "sub/deep/d.webp", "e.bmp"]
    for name in names:
        write_photo(tmp_path / name, (9, 9, 9))
    (tmp_path / "notes.txt").write_text("no image")
    listed = backdrop.list_photos(str(tmp_path))
    assert listed == tuple(sorted(str(tmp_path / name) for name in names))


@pytest.mark.parametrize("shape", [(30, 40), (90, 20), (500, 700), (1, 3)])
def test_a_backdrop_is_a_crop_of_the_photo(tmp_path, shape):
    path = write_photo(tmp_path / "red.png", (255, 51, 0), shape)
    image = draw(0, photos=(str(path),))
    assert image.shape == (SIZE, SIZE, 3)
    np.testing.assert_allclose(
        image, np.broadcast_to([1, 0.04, 0], image.shape), rtol=1e-5
    )


def test_crops_are_squares_of_half_the_photo_and_more(tmp_path):
    # Red tells the column and green the row.
    rows, columns = np.mgrid[:100, :200].astype(np.uint8)
    pixels = np.stack([0 * rows, rows, columns], axis=-1)
    path = str(tmp_path / "ramp.png")
    cv2.imwrite(path, pixels)
    sides, corners, mirrored = [], [], []
    for seed in range(60):
        image = 255 * np.sqrt(draw(seed, photos=(path,)))
        across, down = image[0, -1] - image[0, 0], image[-1, 0] - image[0, 0]
        side = abs(across[0])
        assert abs(side - down[1]) < 3
        assert abs(across[1]) < 1.5
        sides.append(side)
        corners.append(image[0].min(axis=0)[:2])
        mirrored.append(across[0] < 0)
    assert 46 < min(sides) < 60
    assert 90 < max(sides) <= 100
    assert 15 < sum(mirrored) < 45
    assert np.ptp(corners, axis=0)[0] > 100
    assert np.ptp(corners, axis=0)[1] > 25


def test_all_photos_are_used(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    paths = [
        str(write_photo(tmp_path / f"{i}.png", colour))
        for i, colour in enumerate(colours)
    ]
    seen = {tuple(draw(seed, photos=paths)[0, 0]) for seed in range(40)}
    assert seen == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}


@pytest.mark.parametrize("content", ["empty", "missing", "file", "no_image"])
def test_a_folder_without_images_is_refused(tmp_path, content):
    path = tmp_path / "photos"
    if content == "file":
        write_photo(tmp_path / "one.png", (0, 0, 0)).rename(path)
    elif content != "missing":
        path.mkdir()
    if content == "no_image":
        (path / "a.txt").write_text("a")
    with pytest.raises(ValueError, match=f"`backgrounds` .*Received: {path}"):
        backdrop.list_photos(str(path))


def test_a_broken_image_is_named(tmp_path):
    write_photo(tmp_path / "a.png", (0, 0, 0))
    (tmp_path / "b.jpg").write_bytes(b"<html>")
    _, broken = backdrop.list_photos(str(tmp_path))
    with pytest.raises(ValueError, match="b.jpg: not an image"):
        backdrop.read_photo(broken)


def test_an_image_that_ends_early_is_named_once_it_is_read(tmp_path):
    path = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    path.write_bytes(cv2.imencode(".jpg", noise)[1].tobytes()[:-9000])
    photos = backdrop.list_photos(str(tmp_path))
    with pytest.raises(ValueError, match="a.jpg: the image is damaged"):
        draw(0, photos=photos)
