import numpy as np
import pytest

from keras_pose.synthesis import render
from keras_pose.synthesis import viewpoint

SIZE = 256
DRAWS = 300


def person(seed):
    """Points in a box of a person's size, who stands, sits or lies."""
    rng = np.random.default_rng([seed, 1])
    extent = rng.permuted([rng.uniform(300, 600), 500, rng.uniform(900, 1900)])
    low = np.array([rng.uniform(-500, 500), 0, rng.uniform(-500, 500)])
    return low + rng.random((60, 3)) * extent


def draw(seed, size=SIZE):
    rng = np.random.default_rng(seed)
    return viewpoint.draw_camera(rng, person(seed), size)


@pytest.fixture(scope="module")
def drawn():
    """(points, camera, box) of many draws."""
    return [(person(seed), *draw(seed)) for seed in range(DRAWS)]


def projected(camera, points):
    """Pixels by homogeneous coordinates; and the depths."""
    extrinsics = np.column_stack(
        [camera.rotation, -camera.rotation @ camera.centre]
    )
    matrix = np.asarray(camera.intrinsics, float) @ extrinsics
    rows = [matrix @ [*point, 1.0] for point in points]
    return np.array([(u / w, v / w) for u, v, w in rows]), np.array(rows)[:, 2]


def test_the_box_is_tight(drawn):
    for points, camera, box in drawn:
        pixels, _ = projected(camera, points)
        # A box counts from the image's corner, half a pixel before the first.
        np.testing.assert_allclose(box[:2], pixels.min(axis=0) + 0.5, atol=0.02)
        np.testing.assert_allclose(box[2:], np.ptp(pixels, axis=0), atol=0.02)


def test_the_longer_side_fills_what_the_margin_leaves(drawn):
    shares = np.array([box[2:].max() / SIZE for *_, box in drawn])
    assert shares.min() >= 1 / 1.5 - 1e-4
    assert shares.max() <= 1 / 1.1 + 1e-4
    assert np.ptp(shares) > 0.2


def test_the_person_is_off_the_middle_by_the_shift_at_most(drawn):
    offsets = []
    for *_, box in drawn:
        middle = box[:2] + box[2:] / 2
        offsets.append((middle - SIZE / 2) / box[2:].max())
    assert np.abs(offsets).max() <= 0.08 + 1e-4
    assert np.ptp(offsets, axis=0).min() > 0.12


def test_the_person_is_in_the_image_but_for_the_shift(drawn):
    for points, camera, _ in drawn:
        pixels, depth = projected(camera, points)
        side = np.ptp(pixels, axis=0).max()
        # Margin 1.1 leaves 0.05 on each side, of which the shift takes 0.08.
        assert pixels.min() >= -0.5 - 0.03 * side - 0.1
        assert pixels.max() <= SIZE - 0.5 + 0.03 * side + 0.1
        assert depth.min() > 500


def test_pixels_are_square_without_skew(drawn):
    for _, camera, _ in drawn:
        (fx, skew, _), (zero, fy, _), last = np.asarray(camera.intrinsics)
        assert fx == pytest.approx(fy, rel=1e-6)
        assert fx > 0
        assert (skew, zero) == (0, 0)
        assert last.tolist() == [0, 0, 1]


def test_rotations_are_proper(drawn):
    for _, camera, _ in drawn:
        np.testing.assert_allclose(
            camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-9
        )
        assert np.linalg.det(camera.rotation) == pytest.approx(1)


def test_cameras_are_upright_but_for_the_roll(drawn):
    """Where the roll and the lens let it be seen, up is up in the image."""
    tilts = []
    for points, camera, _ in drawn:
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        (x, y), (above_x, above_y) = projected(
            camera, [middle, middle + (0, 100, 0)]
        )[0]
        assert above_y < y
        tilts.append(np.degrees(np.arctan2(above_x - x, y - above_y)))
    assert np.abs(np.mean(tilts)) < 2
    assert 3 < np.std(tilts) < 15


def test_without_a_turn_up_is_exactly_up(monkeypatch):
    monkeypatch.setattr(viewpoint, "ROLL_DEVIATION", 0.0)
    monkeypatch.setattr(viewpoint, "OFF_CENTRE", 0.0)
    for seed in range(20):
        points = person(seed)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        camera, _ = draw(seed)
        (low, high), _ = projected(camera, [middle, middle + (0, 100, 0)])
        assert high[0] == pytest.approx(low[0], abs=1e-3)
        assert high[1] < low[1] - 1
        # It looks straight at the person.
        np.testing.assert_allclose(
            camera.rotation[2],
            (middle - camera.centre) / np.linalg.norm(middle - camera.centre),
            atol=1e-9,
        )


def test_a_roll_turns_the_image_about_its_middle(monkeypatch):
    monkeypatch.setattr(viewpoint, "OFF_CENTRE", 0.0)
    rolls = []
    for seed in range(60):
        points = person(seed)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        camera, _ = draw(seed)
        towards = (middle - camera.centre) / np.linalg.norm(
            middle - camera.centre
        )
        np.testing.assert_allclose(camera.rotation[2], towards, atol=1e-9)
        (low, high), _ = projected(camera, [middle, middle + (0, 100, 0)])
        x, y = high - low
        rolls.append(np.degrees(np.arctan2(x, -y)))
    assert np.std(rolls) == pytest.approx(4, rel=0.3)


def test_what_is_to_the_person_s_left_is_on_the_right_of_who_faces_them(
    monkeypatch,
):
    monkeypatch.setattr(viewpoint, "ROLL_DEVIATION", 0.0)
    for seed in range(50):
        camera, _ = draw(seed)
        points = person(seed)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        towards = camera.centre - middle
        # Of one who faces the camera, the left hand: up x forwards.
        left = np.cross((0, 1, 0), towards / np.linalg.norm(towards))
        (centre, hand), _ = projected(camera, [middle, middle + 300 * left])
        assert hand[0] > centre[0]


def test_distances_and_heights_are_those_that_are_promised(drawn):
    distances, heights = [], []
    for points, camera, _ in drawn:
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        distances.append(np.linalg.norm(camera.centre - middle))
        heights.append(camera.centre[1])
    assert min(distances) >= 2200 - 1e-6
    assert max(distances) <= 7000 + 1e-6
    assert np.ptp(distances) > 4500
    assert min(heights) >= 300 - 1e-6
    assert max(heights) <= 4500 + 1e-6
    # 15 of 100 look from above; those near by less high than drawn.
    assert 0.06 < np.mean(np.array(heights) > 2200) < 0.2
    assert np.mean(np.array(heights) < 1000) > 0.2


def test_people_are_seen_from_all_around(drawn):
    azimuths = []
    for points, camera, _ in drawn:
        x, _, z = camera.centre - (points.min(axis=0) + points.max(axis=0)) / 2
        azimuths.append(np.arctan2(x, z))
    counts, _ = np.histogram(azimuths, 8, (-np.pi, np.pi))
    assert counts.min() > DRAWS / 8 / 2


def test_no_camera_looks_down_too_steeply(drawn):
    for points, camera, _ in drawn:
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        towards = camera.centre - middle
        assert abs(towards[1]) <= 0.7 * np.linalg.norm(towards) + 1e-6


def test_the_whole_photo_holds_the_middle_of_the_person(drawn):
    """The person is off the photo's centre, yet in its field of view."""
    off = []
    for points, camera, _ in drawn:
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        x, y, z = camera.rotation @ (middle - camera.centre)
        off.append(np.degrees(np.arctan(np.abs([x, y]) / z)))
    # 0.6 of half of 70 degrees each way.
    assert np.max(off) <= 35 * np.sqrt(2) * 0.6 + 1
    assert np.mean(off) > 3


@pytest.mark.parametrize("size", [64, 512])
def test_another_size_shows_the_same_picture(size):
    camera, box = draw(5)
    other, other_box = draw(5, size)
    np.testing.assert_allclose(other_box * SIZE / size, box, rtol=1e-4)
    np.testing.assert_array_equal(other.centre, camera.centre)
    np.testing.assert_array_equal(other.rotation, camera.rotation)


def test_project_gives_the_camera_frame_and_the_pixels(drawn):
    for points, camera, _ in drawn[:20]:
        seen, pixels = viewpoint.project(camera, points)
        expected, depth = projected(camera, points)
        np.testing.assert_allclose(pixels, expected, atol=0.02)
        np.testing.assert_allclose(seen[:, 2], depth, rtol=1e-5)
        by_row = [camera.rotation @ (p - camera.centre) for p in points]
        np.testing.assert_allclose(seen, by_row, atol=0.01)


def test_project_agrees_with_what_is_rendered(drawn):
    """A small ball is drawn where its middle projects to."""
    light = render.Light(np.array([0, 1.0, 0]), *np.ones((3, 3)))
    offsets = 20 * np.float32(
        [(1, 1, 1), (-1, -1, 1), (-1, 1, -1), (1, -1, -1)]
    )
    faces = np.int32([(0, 1, 2), (0, 2, 3), (0, 3, 1), (1, 3, 2)])
    for points, camera, box in drawn[:5]:
        solids = [
            render.Surface(
                (point + offsets).astype(np.float32),
                faces,
                offsets / np.float32(20 * 3**0.5),
                offsets,
                lambda a: np.ones((len(a), 3), np.float32),
            )
            for point in points[:1]
        ]
        image = render.render(
            solids, camera, SIZE, light, np.zeros((SIZE, SIZE, 3), np.float32)
        )
        rows, columns = np.nonzero(image[..., 0])
        weights = image[rows, columns, 0]
        (expected,), _ = projected(camera, points[:1])
        found = [
            np.average(columns, weights=weights),
            np.average(rows, weights=weights),
        ]
        assert found == pytest.approx(expected, abs=0.02 * box[2:].max())
