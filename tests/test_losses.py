import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.losses import HeatmapLoss
from keras_pose.losses import IntegralLoss

HEIGHT, WIDTH, DEPTH = 6, 7, 5
CELLS = np.array([WIDTH, HEIGHT, DEPTH])  # in the order of x, y, z
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (2, HEIGHT, WIDTH, 2, DEPTH)).astype(np.float32)
POSES = np.float32(
    [
        [[0.21, 0.55, 0.83], [0.62, 0.13, 0.45]],
        [[0.95, 0.4, 0.1], [0.5, 0.97, 0.71]],
    ]
)
VARIANTS = [
    {"target": target, "prediction": prediction, "peak": peak}
    for target, prediction, peak in itertools.product(
        ("gaussian", "one_hot"),
        ("softmax", "sigmoid", "rendered"),
        ("equation", "one"),
    )
]
PREDICTIONS = pytest.mark.parametrize(
    "prediction", ["softmax", "sigmoid", "rendered"]
)


def blob(cell, centre, sigma, radius, peak):
    """Equation 5 where equations 6 to 8 hold; x, y, z in cells."""
    offset = np.subtract(cell, centre)
    if np.abs(offset).max() > radius:
        return 0.0
    height = {"equation": 1 / math.sqrt(2 * math.pi), "one": 1.0}[peak]
    return height * math.exp(-(offset @ offset) / (2 * sigma**2))


def predicted_map(volume, cells, prediction, **shape):
    """{cell: probability} of a joint's logits, {cell: logit}."""
    if prediction == "sigmoid":
        return {cell: 1 / (1 + math.exp(-volume[cell])) for cell in cells}
    total = sum(math.exp(volume[cell]) for cell in cells)
    softmax = {cell: math.exp(volume[cell]) / total for cell in cells}
    if prediction == "softmax":
        return softmax
    mean = sum(softmax[cell] * np.array(cell) for cell in cells)
    return {cell: blob(cell, mean, **shape) for cell in cells}


def expected_loss(
    pose,
    logits,
    target="gaussian",
    prediction="softmax",
    peak="equation",
    sigma=1.0,
    radius=5,
):
    """Equations 5 to 9 and the cross-entropy for one joint, cell by cell."""
    height, width, depth = logits.shape
    cells = list(itertools.product(range(width), range(height), range(depth)))
    volume = {(x, y, z): float(logits[y, x, z]) for x, y, z in cells}
    shape = {"sigma": sigma, "radius": radius, "peak": peak}
    predicted = predicted_map(volume, cells, prediction, **shape)
    own = tuple(math.floor(p * n) for p, n in zip(pose, CELLS, strict=True))
    entropy = 0.0
    for cell in cells:
        wanted = float(cell == own)
        if target == "gaussian":
            wanted = blob(cell, own, **shape)
        p = predicted[cell]
        entropy -= wanted * math.log(max(p, 1e-7))
        entropy -= (1 - wanted) * math.log(max(1 - p, 1e-7))
    return entropy / len(cells)


def loss_and_gradient(loss, poses, logits, weight=None):
    with tf.GradientTape() as tape:
        tape.watch(variable := tf.constant(logits))
        value = loss(poses, variable, weight)
    return value.numpy(), tape.gradient(value, variable).numpy()


def target_of(pose, shape, **arguments):
    """The target that a HeatmapLoss compares with, (W, H, D).

    The cross-entropy's slope is (sigmoid - target) / cells.
    """
    loss = HeatmapLoss(prediction="sigmoid", **arguments)
    logits = np.zeros((1, *shape[:2], 1, shape[2]), np.float32)
    _, gradient = loss_and_gradient(loss, np.float32([[pose]]), logits)
    return (0.5 - gradient * logits.size)[0, :, :, 0].swapaxes(0, 1)


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


@pytest.mark.parametrize("shape", [(1.0, 5), (1.7, 2)], ids=["whole", "cut"])
@pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda v: "-".join(v.values())
)
def test_heatmap_loss_is_equations_5_to_9_cell_by_cell(variant, shape):
    variant = {**variant, "sigma": shape[0], "radius": shape[1]}
    weight = np.float32([[1, 0.5], [0, 2]])
    expected = [
        weight[b, j] * expected_loss(POSES[b, j], LOGITS[b, :, :, j], **variant)
        for b, j in np.ndindex(2, 2)
    ]
    loss = HeatmapLoss(**variant)(POSES, LOGITS, weight)
    np.testing.assert_allclose(loss, sum(expected) / 4, rtol=1e-5)


@pytest.mark.parametrize(
    ("peak", "height"), [("equation", 0.39894228), ("one", 1.0)]
)
def test_gaussian_target_by_hand(peak, height):
    # x 3.64, y 1.2, z 2.75: the joint's cell is (3, 1, 2).
    target = target_of([0.52, 0.2, 0.55], (6, 7, 5), peak=peak)
    assert np.unravel_index(target.argmax(), (7, 6, 5)) == (3, 1, 2)
    values = target[[3, 4, 3, 3, 1], [1, 1, 0, 1, 2], [2, 2, 2, 4, 2]]
    distance2 = np.array([0, 1, 1, 4, 5])
    expected = height * np.exp(-distance2 / 2)
    np.testing.assert_allclose(values, expected, atol=1e-5)


def test_gaussian_target_fills_a_cube_of_11_cells_and_nothing_else():
    # A wide Gaussian, for the corners of the cube to be seen.
    target = target_of([0.5, 0.5, 0.5], (15, 17, 13), sigma=4)
    inside = np.zeros((17, 15, 13), bool)
    inside[3:14, 2:13, 1:12] = True
    assert target[inside].min() > 0.03
    np.testing.assert_allclose(target[~inside], 0, atol=1e-4)


@pytest.mark.parametrize("peak", ["equation", "one"])
def test_one_hot_target_is_1_in_the_joints_cell_alone(peak):
    target = target_of(
        [0.999, 0.01, 0.39], (6, 7, 5), target="one_hot", peak=peak
    )
    expected = np.zeros((7, 6, 5))
    expected[6, 0, 1] = 1
    np.testing.assert_allclose(target, expected, atol=1e-5)


@pytest.mark.parametrize(
    "pose",
    [[1, 1, 1], [-0.01, 0.5, 0.5], [0.5, 0.5, 1.3], [0.5, -9, 0.5], 3 * [1e6]],
    ids=["border", "left", "behind", "above", "far"],
)
@PREDICTIONS
def test_heatmap_loss_cuts_the_blob_of_a_joint_outside(pose, prediction):
    logits, pose = LOGITS[:1, :, :, :1], np.float32(pose)
    loss = HeatmapLoss(prediction=prediction)
    value, gradient = loss_and_gradient(loss, pose[None, None], logits)
    expected = expected_loss(pose, logits[0, :, :, 0], prediction=prediction)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    assert np.isfinite(gradient).all()


def expected_slope(pose, volume, index, **variant):
    step = np.zeros(volume.shape)
    step[index] = 1e-4
    above, below = (
        expected_loss(pose, volume + sign * step, **variant) for sign in (1, -1)
    )
    return (above - below) / 2e-4


@PREDICTIONS
@pytest.mark.parametrize("index", [(0, 4, 2), (5, 6, 4), (1, 0, 3), (0, 3, 1)])
def test_heatmap_loss_has_the_gradient_of_finite_differences(prediction, index):
    variant = {"prediction": prediction, "radius": 2}
    _, gradient = loss_and_gradient(
        HeatmapLoss(**variant), POSES[:1, 1:], LOGITS[:1, :, :, 1:]
    )
    volume = np.float64(LOGITS[0, :, :, 1])
    slope = expected_slope(POSES[0, 1], volume, index, **variant)
    received = gradient[0, :, :, 0][index]
    np.testing.assert_allclose(received, slope, rtol=2e-3, atol=1e-7)


@PREDICTIONS
def test_heatmap_loss_is_finite_for_huge_logits(prediction):
    loss = HeatmapLoss(prediction=prediction)
    value, gradient = loss_and_gradient(loss, POSES, 1e4 * LOGITS)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_heatmap_loss_does_not_teach_a_joint_of_weight_0():
    weight = np.float32([[1, 0], [0, 1]])
    _, gradient = loss_and_gradient(HeatmapLoss(), POSES, LOGITS, weight)
    taught = np.abs(gradient).max(axis=(1, 2, 4)) > 0
    np.testing.assert_array_equal(taught, [[True, False], [False, True]])


@pytest.mark.parametrize(
    "argument",
    [
        {"target": "gauss"},
        {"prediction": "logits"},
        {"peak": "2"},
        {"sigma": 0},
        {"sigma": -1},
        {"radius": -1},
    ],
    ids=str,
)
def test_heatmap_loss_refuses_and_names_the_argument(argument):
    ((name, value),) = argument.items()
    with pytest.raises(ValueError, match=f"`{name}`.*{name}={value!r}"):
        HeatmapLoss(**argument)


def test_heatmap_loss_survives_its_config():
    arguments = {
        "target": "one_hot",
        "prediction": "sigmoid",
        "peak": "one",
        "sigma": 1.5,
        "radius": 3,
    }
    config = keras.losses.serialize(HeatmapLoss(**arguments))
    copy = keras.losses.deserialize(config)
    assert isinstance(copy, HeatmapLoss)
    assert {name: getattr(copy, name) for name in arguments} == arguments
    assert arguments.items() <= copy.get_config().items()


def test_integral_loss_survives_its_config():
    copy = keras.losses.deserialize(keras.losses.serialize(IntegralLoss()))
    assert isinstance(copy, IntegralLoss)
