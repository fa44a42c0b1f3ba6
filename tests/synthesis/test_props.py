import numpy as np
import pytest

from keras_pose.synthesis import body
from keras_pose.synthesis import props
from keras_pose.synthesis import render

BODY = body.load_body()
SHAPE = BODY.shape(np.zeros(BODY.num_shapes))
CAMERA = render.Camera(
    np.array([[500.0, 0, 128], [0, 500, 128], [0, 0, 1]]),
    np.diag([-1.0, -1, 1]),
    np.array([300.0, 1400, -4000]),
)
BOX = np.array([60.0, 30, 90, 190])


def posed_at(height):
    """One at rest whose hips are as high as given, and the vertices."""
    hips = SHAPE.bone_starts[0, 1]
    turned = np.broadcast_to(np.eye(3), (31, 3, 3))
    posed = body.pose(SHAPE, turned, (250.0, height - hips, -400.0))
    mesh = BODY.plain
    return posed, posed.skin(SHAPE.vertices[mesh.rows], mesh.weights)


def seats(height, family="sitting", draws=40):
    posed, vertices = posed_at(height)
    return [
        props.draw_seat(np.random.default_rng(seed), family, posed, vertices)
        for seed in range(draws)
    ]


def volume(surface):
    """By the divergence theorem: positive where faces point outwards."""
    a, b, c = np.moveaxis(surface.vertices[surface.faces].astype(float), 1, 0)
    return np.einsum("fi,fi->", a, np.cross(b, c)) / 6


def test_a_box_is_closed_and_points_outwards():
    rng = np.random.default_rng(0)
    box = props.box_surface(rng, (100, 200, 300), (10, 20, 30), turn=0.4)
    assert volume(box) == pytest.approx(20 * 40 * 60, rel=1e-4)
    for face in box.faces:
        a, b, c = box.vertices[face].astype(float)
        normal = np.cross(b - a, c - a)
        normal /= np.linalg.norm(normal)
        for corner in face:
            np.testing.assert_allclose(box.normals[corner], normal, atol=1e-4)


def test_a_box_lies_where_it_should_and_turns_about_the_vertical():
    rng = np.random.default_rng(0)
    box = props.box_surface(rng, (100, 200, 300), (10, 20, 30))
    np.testing.assert_allclose(box.vertices.min(axis=0), [90, 180, 270])
    np.testing.assert_allclose(box.vertices.max(axis=0), [110, 220, 330])
    turned = props.box_surface(rng, (100, 200, 300), (10, 20, 30), np.pi / 2)
    np.testing.assert_allclose(turned.vertices.min(axis=0), [70, 180, 290])
    # From +z towards +x: the corner (1, 1, 1) of the box goes to (1, 1, -1).
    eighth = props.box_surface(rng, (0, 0, 0), (0, 5, 10), np.pi / 4)
    farthest = eighth.vertices[eighth.vertices[:, 2].argmax()]
    np.testing.assert_allclose(farthest[[0, 2]], 10 * np.sqrt([0.5, 0.5]))


def test_the_pattern_is_painted_on_the_box_itself():
    boxes = [
        props.box_surface(np.random.default_rng(1), middle, (9, 9, 9), turn)
        for middle, turn in (((0, 0, 0), 0), ((500, 0, 70), 1.0))
    ]
    np.testing.assert_array_equal(boxes[0].attributes, boxes[1].attributes)
    albedo = boxes[0].paint(boxes[0].attributes)
    assert albedo.shape == (24, 3)
    assert ((albedo >= 0) & (albedo <= 1)).all()


@pytest.mark.parametrize("family", ["standing", "squatting", "01_01", ""])
def test_only_who_sits_has_a_seat(family):
    assert not any(seats(900, family))


def test_who_sits_on_the_ground_has_no_seat():
    assert not any(seats(230))
    assert any(seats(500))


def test_most_who_sit_above_the_ground_have_a_seat():
    counts = [len(seat) for seat in seats(600, draws=200)]
    assert set(counts) == {0, 1}
    assert np.mean(counts) == pytest.approx(0.8, abs=0.09)


def test_a_seat_is_below_the_hips_and_above_the_ground():
    posed, vertices = posed_at(600)
    owners = [
        BODY.plain.owners == body.BONE_INDEX[b]
        for b in ("Hips", "LHipJoint", "RHipJoint")
    ]
    lowest = vertices[np.any(owners, axis=0), 1].min()
    on_legs = 0
    for (seat,) in filter(None, seats(600)):
        low, high = seat.vertices.min(axis=0), seat.vertices.max(axis=0)
        assert high[1] == pytest.approx(lowest, abs=0.1)
        assert -0.01 <= low[1] < high[1]
        on_legs += low[1] < 1
        pelvis = posed.joints[0]
        assert (low[0] + high[0]) / 2 == pytest.approx(pelvis[0], abs=0.1)
        # It ends 100 mm in front of the pelvis, below the thighs.
        assert high[2] == pytest.approx(pelvis[2] + 100, abs=0.1)
        assert 420 * 0.8 - 1 <= high[0] - low[0] <= 420 * 1.2 + 1
        assert 460 * 0.8 - 1 <= high[2] - low[2] <= 460 * 1.2 + 1
        assert volume(seat) > 0
    assert 15 < on_legs < 38


def occluders(monkeypatch, on_the_ground, draws=40):
    monkeypatch.setattr(props, "OCCLUDER", 1.0)
    monkeypatch.setattr(props, "ON_THE_GROUND", on_the_ground)
    joints = posed_at(900)[0].joints
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        (box,) = props.draw_occluders(rng, CAMERA, joints, BOX)
        yield box, joints


def shares_of_the_way(middle, joints):
    """How far from the camera to each joint, of those that it hides."""
    towards = joints - CAMERA.centre
    share = (middle - CAMERA.centre) @ towards.T / np.sum(towards**2, axis=1)
    off = np.linalg.norm(
        share[:, None] * towards - (middle - CAMERA.centre), axis=1
    )
    return share[off < 1]


def test_an_occluder_is_between_the_camera_and_a_joint(monkeypatch):
    shares = []
    for box, joints in occluders(monkeypatch, 0.0):
        middle = (box.vertices.min(axis=0) + box.vertices.max(axis=0)) / 2
        (share, *_) = shares_of_the_way(middle, joints)
        shares.append(share)
        assert volume(box) > 0
    assert min(shares) >= 0.55 - 1e-3
    assert max(shares) <= 0.75 + 1e-3
    assert np.ptp(shares) > 0.1


def test_an_occluder_is_as_large_in_the_image_as_it_should(monkeypatch):
    for box, _ in occluders(monkeypatch, 0.0):
        middle = (box.vertices.min(axis=0) + box.vertices.max(axis=0)) / 2
        distance = np.linalg.norm(middle - CAMERA.centre)
        height = np.ptp(box.vertices[:, 1])
        share = height / distance * 500 / 190
        assert 0.08 - 1e-3 <= share <= 0.3 + 1e-3


def test_an_occluder_on_the_ground_reaches_down_to_it(monkeypatch):
    floating = list(occluders(monkeypatch, 0.0))
    for (box, _), (free, _) in zip(
        occluders(monkeypatch, 1.0), floating, strict=True
    ):
        assert box.vertices[:, 1].min() == pytest.approx(0, abs=0.01)
        np.testing.assert_allclose(
            box.vertices[:, 1].max(), free.vertices[:, 1].max(), atol=0.01
        )
        np.testing.assert_allclose(
            box.vertices.mean(axis=0)[[0, 2]],
            free.vertices.mean(axis=0)[[0, 2]],
            atol=0.1,
        )


def test_some_have_an_occluder():
    joints = posed_at(900)[0].joints
    counts = [
        len(props.draw_occluders(np.random.default_rng(i), CAMERA, joints, BOX))
        for i in range(300)
    ]
    assert set(counts) == {0, 1}
    assert np.mean(counts) == pytest.approx(0.3, abs=0.08)
