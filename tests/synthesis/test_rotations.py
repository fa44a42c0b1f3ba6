import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from keras_pose.synthesis import rotations

angles = st.floats(-7, 7)
coordinates = st.floats(-3, 3)
vectors = st.tuples(coordinates, coordinates, coordinates).map(np.array)
directions = vectors.filter(lambda v: np.linalg.norm(v) > 1e-2)


def assert_is_rotation(matrix):
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(matrix) == pytest.approx(1)


@hypothesis.given(axis=st.sampled_from("xyz"), angle=angles)
def test_a_rotation_about_a_named_axis_is_that_of_scipy(axis, angle):
    expected = Rotation.from_euler(axis, angle).as_matrix()
    np.testing.assert_allclose(
        rotations.about(axis, angle), expected, atol=1e-12
    )


@pytest.mark.parametrize(
    ("axis", "start", "end"),
    [
        ("x", (0, 1, 0), (0, 0, 1)),
        ("y", (0, 0, 1), (1, 0, 0)),
        ("z", (1, 0, 0), (0, 1, 0)),
    ],
)
def test_a_quarter_turn_follows_the_right_hand(axis, start, end):
    turned = rotations.about(axis, np.pi / 2) @ np.array(start)
    np.testing.assert_allclose(turned, end, atol=1e-12)


@hypothesis.given(axis=directions, angle=angles)
def test_a_rotation_about_any_axis_is_that_of_scipy(axis, angle):
    axis /= np.linalg.norm(axis)
    expected = Rotation.from_rotvec(axis * angle).as_matrix()
    matrix = rotations.about(axis, angle)
    np.testing.assert_allclose(matrix, expected, atol=1e-9)
    assert_is_rotation(matrix)


def test_axes_and_angles_come_in_batches():
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(4, 5, 3))
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    turns = rng.uniform(-4, 4, (4, 5))
    expected = Rotation.from_rotvec(
        (axes * turns[..., None]).reshape(-1, 3)
    ).as_matrix()
    matrices = rotations.about(axes, turns)
    np.testing.assert_allclose(
        matrices, expected.reshape(4, 5, 3, 3), atol=1e-9
    )


@hypothesis.given(vector=vectors)
def test_a_rotation_vector_is_read_as_scipy_reads_it(vector):
    expected = Rotation.from_rotvec(vector).as_matrix()
    np.testing.assert_allclose(
        rotations.from_vector(vector), expected, atol=1e-9
    )


def test_rotation_vectors_come_in_batches_and_may_be_zero():
    vectors = np.random.default_rng(1).normal(size=(6, 2, 3))
    vectors[0] = 0
    expected = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    matrices = rotations.from_vector(vectors)
    np.testing.assert_allclose(
        matrices, expected.reshape(6, 2, 3, 3), atol=1e-9
    )


@hypothesis.given(start=directions, end=directions)
def test_between_takes_one_direction_to_the_other_the_shortest_way(start, end):
    unit_start = start / np.linalg.norm(start)
    unit_end = end / np.linalg.norm(end)
    hypothesis.assume(unit_start @ unit_end > -0.99)
    matrix = rotations.between(start, end)
    assert_is_rotation(matrix)
    np.testing.assert_allclose(matrix @ unit_start, unit_end, atol=1e-9)
    turned = Rotation.from_matrix(matrix).magnitude()
    apart = 2 * np.arctan2(
        np.linalg.norm(unit_start - unit_end),
        np.linalg.norm(unit_start + unit_end),
    )
    assert turned == pytest.approx(apart, abs=1e-6)
