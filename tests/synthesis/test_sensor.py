import cv2
import numpy as np
import pytest

from keras_pose.synthesis import sensor

# Smooth, so that JPEG keeps it: red grows to the right and green downwards.
ROWS, COLUMNS = np.mgrid[:64, :64] / 63
LIGHT = np.stack([COLUMNS**2, ROWS**2, 0.25 + 0 * ROWS], -1).astype(np.float32)
# What the root of it is, in bytes.
PIXELS = 255 * np.stack([COLUMNS, ROWS, 0.5 + 0 * ROWS], axis=-1)

NOTHING = {
    "GAIN": (1.0, 1.0),
    "WHITE_BALANCE": 0.0,
    "BLUR": (0.0, 0.0),
    "MOTION_BLUR": 0.0,
    "NOISE": (0.0, 0.0),
    "JPEG_QUALITY": (98, 99),
}


@pytest.fixture
def photographed(monkeypatch):
    """Gives `(light, seed, **constants) -> pixels`; all else does nothing."""

    def photograph(light=LIGHT, seed=0, **constants):
        for name, value in (NOTHING | constants).items():
            monkeypatch.setattr(sensor, name, value)
        encoded = sensor.photograph(np.random.default_rng(seed), light)
        bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
        return bgr[..., ::-1].astype(float)

    return photograph


def test_a_photo_is_a_jpeg_of_the_size():
    encoded = sensor.photograph(np.random.default_rng(0), LIGHT)
    assert isinstance(encoded, bytes)
    assert encoded[:3] == b"\xff\xd8\xff"
    decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (64, 64, 3)


def test_without_a_fault_the_photo_is_the_light(photographed):
    error = np.abs(photographed() - PIXELS)
    assert error.mean() < 1.5
    assert error.max() < 12


def test_the_same_numbers_give_the_same_bytes():
    photos = [
        sensor.photograph(np.random.default_rng(seed), LIGHT)
        for seed in (0, 0, 1)
    ]
    assert photos[0] == photos[1] != photos[2]


def test_gain_multiplies_the_light(photographed):
    photo = photographed(LIGHT / 2, GAIN=(2.0, 2.0))
    assert np.abs(photo - PIXELS).mean() < 1.5


def test_white_balance_leaves_green_alone(photographed):
    grey = np.full((32, 32, 3), 0.25, np.float32)
    means = np.array(
        [
            photographed(grey, seed, WHITE_BALANCE=0.1).mean(axis=(0, 1))
            for seed in range(40)
        ]
    )
    np.testing.assert_allclose(means[:, 1], 127.5, atol=1.5)
    # The root of 1 + 0.1 s moves a byte of 127.5 by 6.4 s.
    np.testing.assert_allclose(means[:, [0, 2]].std(axis=0), 6.4, rtol=0.4)
    assert abs(np.corrcoef(means[:, 0], means[:, 2])[0, 1]) < 0.5


def test_noise_has_its_deviation_in_every_channel(photographed):
    grey = np.full((64, 64, 3), 0.25, np.float32)
    noise = photographed(grey, NOISE=(8.0, 8.0)) - 127.5
    # JPEG keeps a colour for four pixels, so that grey's noise is what stays.
    assert noise.mean(axis=2).std() == pytest.approx(8 / 3**0.5, rel=0.3)
    assert abs(noise.mean()) < 1


def test_blur_spreads_a_point(photographed):
    point = np.zeros((33, 33, 3), np.float32)
    point[16, 16] = 1
    sharp = photographed(point)
    blurred = photographed(point, BLUR=(1.1, 1.1))
    assert sharp[16, 16, 1] > 230
    # 1 / (2 pi 1.1^2) of the light stays in the middle.
    assert blurred[16, 16, 1] == pytest.approx(255 * 0.1315**0.5, abs=8)
    # Too little to matter is left out.
    assert photographed(point, BLUR=(0.29, 0.29))[16, 16, 1] > 230


def test_motion_blur_spreads_a_point_along_a_line(photographed):
    point = np.zeros((33, 33, 3), np.float32)
    point[16, 16] = 1
    for seed in range(20):
        streak = photographed(point, seed, MOTION_BLUR=1.0)[..., 1]
        rows, columns = np.nonzero(streak > 20)
        length = max(np.ptp(rows), np.ptp(columns)) + 1
        assert 2 <= length <= 9
        assert len(rows) <= 2 * length
        assert np.sum((streak / 255.0) ** 2) == pytest.approx(1, rel=0.35)


def test_quality_decides_the_size(photographed):
    noisy = np.random.default_rng(0).random((64, 64, 3), np.float32)
    sizes = []
    for quality in (35, 60, 95):
        photographed(noisy, JPEG_QUALITY=(quality, quality + 1))
        sizes.append(len(sensor.photograph(np.random.default_rng(0), noisy)))
    assert sizes[0] < sizes[1] < sizes[2]


def test_light_out_of_range_is_clipped(photographed):
    light = np.zeros((16, 16, 3), np.float32)
    light[:, 8:] = 50
    photo = photographed(light)
    assert photo[:, :7].max() < 8
    assert photo[:, 9:].min() > 247
