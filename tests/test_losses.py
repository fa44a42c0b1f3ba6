import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import layers
from keras_pose.losses import BoneLengthLoss
from keras_pose.losses import IntegralLoss
from keras_pose.losses import UncertaintyLoss


def value_and_gradient(function, array):
    with tf.GradientTape() as tape:
        tape.watch(variable := tf.constant(array))
        value = function(variable)
    return value.numpy(), tape.gradient(value, variable).numpy()


def slopes(function, array, step=1e-6):
    """Central differences of a function in float64, by each entry."""
    gradient = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        change = np.zeros(array.shape)
        change[index] = step
        above, below = function(array + change), function(array - change)
        gradient[index] = (above - below) / (2 * step)
    return gradient


TRUE = np.float32([[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]])
PREDICTED = np.float32([[[0.2, 0.0, 0.6], [0.4, 0.9, 0.1]]])


def test_integral_loss_by_hand():
    loss = IntegralLoss()(TRUE, PREDICTED)
    np.testing.assert_allclose(loss, (0.1 + 0.2 + 0.3 + 0.4 + 0.5) / 6)


@pytest.mark.parametrize(
    ("weight", "total"),
    [
        ([[1, 1, 0], [1, 1, 1]], 0.1 + 0.2 + 0.4 + 0.5),
        ([[1, 1, 1], [0, 0, 0]], 0.1 + 0.2 + 0.3),
        ([[0, 0.5, 0], [0, 0, 2]], 0.1 + 1.0),
        ([[0, 0, 0], [0, 0, 0]], 0.0),
    ],
    ids=["no depth", "no joint", "fractions", "nothing"],
)
def test_integral_loss_weighs_coordinates_and_divides_by_their_number(
    weight, total
):
    loss = IntegralLoss()(TRUE, PREDICTED, np.float32([weight]))
    np.testing.assert_allclose(loss, total / 6, rtol=1e-6)


def test_integral_loss_of_a_batch_is_the_mean_of_its_halves():
    weight = np.float32([[[1, 1, 0], [1, 0, 0]], [[1, 1, 1], [1, 1, 1]]])
    true, predicted = np.tile(TRUE, (2, 1, 1)), np.tile(PREDICTED, (2, 1, 1))
    halves = [IntegralLoss()(TRUE, PREDICTED, half[None]) for half in weight]
    loss = IntegralLoss()(true, predicted, weight)
    np.testing.assert_allclose(loss, np.mean(halves), rtol=1e-6)


def test_integral_loss_has_the_gradient_of_signs():
    weight = np.float32([[[1, 0.5, 0], [2, 1, 1]]])
    _, gradient = value_and_gradient(
        lambda pose: IntegralLoss()(TRUE, pose, weight), PREDICTED
    )
    expected = weight * np.sign(PREDICTED - TRUE) / 6
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


RNG = np.random.default_rng(0)
STD = np.float32(RNG.uniform(0.02, 0.2, TRUE.shape))


def laplace(true, pose, std, weight):
    """-log of the density of Laplace, of standard deviation `std`."""
    scale = std / math.sqrt(2)
    density = np.exp(-np.abs(true - pose) / scale) / (2 * scale)
    return (-np.log(density) * weight).sum() / true.size


def test_uncertainty_loss_is_laplaces_likelihood_and_its_slopes():
    weight = np.float32([[[1, 0, 0.5], [2, 1, 1]]])
    pose = PREDICTED + np.float32(0.03)  # the absolute value has a corner at 0
    given = np.stack([pose, STD], axis=-1)
    value, gradient = value_and_gradient(
        lambda given: UncertaintyLoss()(TRUE, given, weight), given
    )

    def expected(given):
        return laplace(np.float64(TRUE), given[..., 0], given[..., 1], weight)

    np.testing.assert_allclose(value, expected(given), rtol=1e-5)
    expected_gradient = slopes(expected, np.float64(given))
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-3)


def test_uncertainty_loss_is_least_where_the_std_is_that_of_the_errors():
    # Of Laplace's distribution: the square root of 2 times their mean size.
    errors = np.float32(RNG.laplace(0, 0.1, (1, 50, 3)))
    best = math.sqrt(2) * np.abs(errors).mean()
    candidates = best * np.array([0.9, 0.99, 1, 1.01, 1.1])
    values = [
        float(
            UncertaintyLoss()(
                0 * errors,
                np.stack([errors, np.full_like(errors, std)], axis=-1),
            )
        )
        for std in candidates
    ]
    assert np.argmin(values) == 2


def test_uncertainty_loss_takes_a_smaller_std_for_its_least():
    loss = UncertaintyLoss(least_std=0.1)
    (zero, at_zero), (least, _), (above, at_above) = (
        value_and_gradient(
            lambda given: loss(TRUE, given),
            np.stack([PREDICTED, np.full_like(TRUE, std)], axis=-1),
        )
        for std in (0.0, 0.1, 0.2)
    )
    assert zero == least != above
    assert not at_zero[..., 1].any()
    assert at_above[..., 1].all()
    assert at_zero[..., 0].any()  # the pose goes on learning


@pytest.mark.parametrize("height", [0.0, 50.0, 1e4])
def test_uncertainty_loss_of_a_one_cell_heatmap_is_finite(height):
    logits = np.zeros((1, 3, 5, 2, 4), np.float32)
    logits[:, 1, 2, :, 3] = height

    def loss(logits):
        pose, std, _ = layers.SoftArgmax3D()(logits)
        return UncertaintyLoss()(TRUE, tf.stack([pose, std], axis=-1))

    value, gradient = value_and_gradient(loss, logits)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


BONES = ((0, 1), (1, 2), (0, 3))
JOINTS = np.float32(RNG.normal(0, 1, (2, 4, 3)))
OTHERS = np.float32(RNG.normal(0, 1, (2, 4, 3)))


def bone_errors(true, predicted):
    """(B, K), bone by bone."""
    return np.array(
        [
            [
                abs(np.linalg.norm(t[a] - t[b]) - np.linalg.norm(p[a] - p[b]))
                for a, b in BONES
            ]
            for t, p in zip(true, predicted, strict=True)
        ]
    )


def test_bone_length_loss_by_hand():
    true = np.float32([[[0, 0, 0], [3, 4, 0], [3, 4, 2], [0, 1, 0]]])
    predicted = np.float32([[[0, 0, 0], [0, 0, 6], [0, 0, 7], [1, 0, 0]]])
    loss = BoneLengthLoss(BONES)
    value = loss(true, predicted, np.float32([[1, 1, 1]]))
    np.testing.assert_allclose(value, (1 + 1 + 0) / 3, rtol=1e-6)
    value = loss(true, predicted, np.float32([[2, 0, 1]]))
    np.testing.assert_allclose(value, 2 / 3, rtol=1e-6)


def test_bone_length_loss_weighs_bones_and_has_their_slopes():
    weight = np.float32([[1, 0, 0.5], [2, 1, 1]])
    value, gradient = value_and_gradient(
        lambda joints: BoneLengthLoss(BONES)(JOINTS, joints, weight), OTHERS
    )

    def expected(joints):
        return (bone_errors(np.float64(JOINTS), joints) * weight).sum() / 6

    np.testing.assert_allclose(value, expected(OTHERS), rtol=1e-5)
    expected_gradient = slopes(expected, np.float64(OTHERS))
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-5)


def test_bone_length_loss_does_not_see_a_rotation_or_a_shift():
    rotation, _ = np.linalg.qr(RNG.normal(0, 1, (3, 3)))
    moved = np.float32(OTHERS @ rotation + [5, -3, 1])
    loss = BoneLengthLoss(BONES)
    np.testing.assert_allclose(
        loss(JOINTS, moved), loss(JOINTS, OTHERS), rtol=1e-4
    )
    stretched = loss(JOINTS, 1.1 * OTHERS)
    assert abs(float(stretched - loss(JOINTS, OTHERS))) > 1e-3


@pytest.mark.parametrize("true", [JOINTS, 0 * JOINTS], ids=["bones", "none"])
def test_bones_of_no_length_have_a_finite_gradient(true):
    value, gradient = value_and_gradient(
        lambda joints: BoneLengthLoss(BONES)(true, joints), 0 * OTHERS
    )
    np.testing.assert_allclose(
        value, bone_errors(true, 0 * OTHERS).mean(), rtol=1e-5, atol=1e-12
    )
    np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


@pytest.mark.parametrize("std", [0, -1, math.inf])
def test_uncertainty_loss_refuses_its_least_std(std):
    with pytest.raises(ValueError, match=f"`least_std`.*least_std={std}"):
        UncertaintyLoss(std)


def test_bone_length_loss_refuses_no_bones():
    with pytest.raises(ValueError, match="`bones`"):
        BoneLengthLoss(())


def test_losses_with_arguments_survive_their_config():
    losses = (UncertaintyLoss(0.03, name="a"), BoneLengthLoss(BONES, name="b"))
    for loss in losses:
        text = json.dumps(keras.losses.serialize(loss))
        copy = keras.losses.deserialize(json.loads(text))
        assert type(copy) is type(loss)
        assert copy.get_config() == loss.get_config()


def test_integral_loss_survives_its_config():
    copy = keras.losses.deserialize(keras.losses.serialize(IntegralLoss()))
    assert isinstance(copy, IntegralLoss)
