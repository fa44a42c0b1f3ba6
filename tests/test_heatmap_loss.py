import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import heatmap_loss
from keras_pose.heatmap_loss import HeatmapLoss

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


def blob(centre, sigma, radius, peak):
    """Equation 5 where equations 6 to 8 hold, (H, W, D); x, y, z in cells."""
    y, x, z = np.indices((HEIGHT, WIDTH, DEPTH))
    offset = np.stack([x, y, z], axis=-1) - centre
    height = {"equation": 1 / math.sqrt(2 * math.pi), "one": 1.0}[peak]
    inside = np.abs(offset).max(axis=-1) <= radius
    return inside * height * np.exp(-(offset**2).sum(-1) / (2 * sigma**2))


def softmax(volume):
    mass = np.exp(np.float64(volume) - volume.max())
    return mass / mass.sum()


def predicted_map(volume, prediction, **shape):
    """What a joint's logits (H, W, D) say of each cell."""
    if prediction == "sigmoid":
        return 1 / (1 + np.exp(-np.float64(volume)))
    share = softmax(volume)
    if prediction == "softmax":
        return share
    y, x, z = np.indices(volume.shape)
    return blob([(share * axis).sum() for axis in (x, y, z)], **shape)


def expected_loss(
    pose,
    logits,
    target="gaussian",
    prediction="softmax",
    peak="equation",
    sigma=1.0,
    radius=5,
):
    """Equations 5 to 9 and the cross-entropy for one joint, in float64."""
    shape = {"sigma": sigma, "radius": radius, "peak": peak}
    p = predicted_map(logits, prediction, **shape)
    cell = np.floor(np.float32(pose) * np.float32(CELLS))
    if target == "one_hot":
        shape = {"sigma": 1.0, "radius": 0, "peak": "one"}
    wanted = blob(cell, **shape)
    entropy = wanted * np.log(np.maximum(p, 1e-7))
    entropy += (1 - wanted) * np.log(np.maximum(1 - p, 1e-7))
    return -entropy.mean()


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


def slopes(function, logits, step=1e-5):
    """Central differences of a function by each of its logits."""
    gradient = np.zeros(logits.shape)
    for index in np.ndindex(logits.shape):
        change = np.zeros(logits.shape)
        change[index] = step
        above, below = function(logits + change), function(logits - change)
        gradient[index] = (above - below) / (2 * step)
    return gradient


@pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda v: "-".join(v.values())
)
def test_heatmap_loss_has_the_gradient_of_finite_differences(variant):
    variant = {**variant, "sigma": 1.3, "radius": 2}
    weight = np.float32([[0.5, 0], [1.7, 1]])
    _, gradient = loss_and_gradient(
        HeatmapLoss(**variant), POSES, LOGITS, weight
    )
    for b, j in np.ndindex(2, 2):
        expected = slopes(
            lambda volume, pose=POSES[b, j]: expected_loss(
                pose, volume, **variant
            ),
            np.float64(LOGITS[b, :, :, j]),
        )
        received = gradient[b, :, :, j]
        expected *= weight[b, j] / 4
        np.testing.assert_allclose(received, expected, rtol=2e-4, atol=3e-8)


def plain_entropy(target, logits):
    """The cross-entropy with a softmax, nothing written out, (B, J)."""
    axes = (1, 3)
    log_p = logits - tf.reduce_logsumexp(logits, axes, keepdims=True)
    not_p = tf.maximum(1 - tf.exp(log_p), 1e-7)
    entropy = target * log_p + (1 - target) * tf.math.log(not_p)
    return -tf.reduce_mean(entropy, axes)


def entropies_and_gradients(target, logits, upstream):
    """Of the written out form and of the plain one."""
    plane, along_z = target
    results = []
    for function in (
        heatmap_loss._softmax_entropy(plane, along_z),
        lambda logits: plain_entropy(plane * along_z, logits),
    ):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = function(logits)
        gradient = tape.gradient(value, logits, output_gradients=upstream)
        results.append((value.numpy(), gradient.numpy()))
    return results


# The highest logit over the others, in the joint's cell or far from it: from
# a flat heatmap to one whose probability is 1 to the last bit.
SATURATED = pytest.mark.parametrize("height", [0, 5, 16, 21.4, 30, 1e4])
WHERE = pytest.mark.parametrize("cell", [(8, 2), (37, 4)], ids=["right", "no"])


def factors(dtype, kind):
    """A blob around cell 8 of the plane, 2 along z, of two joints."""
    rng = np.random.default_rng(1)
    if kind == "one_hot":
        plane, along_z = np.zeros((1, 42, 2, 1)), np.zeros((1, 1, 2, 5))
        plane[:, 8], along_z[..., 2] = 1, 1
    else:
        plane = rng.uniform(0, 0.4, (1, 42, 2, 1))
        along_z = rng.uniform(0, 1, (1, 1, 2, 5))
        plane[:, 8], along_z[..., 2] = 0.4, 1
    return tf.constant(plane, dtype), tf.constant(along_z, dtype)


@pytest.mark.parametrize("kind", ["one_hot", "gaussian"])
@WHERE
@SATURATED
def test_written_out_gradient_is_the_derived_one_in_float64(height, cell, kind):
    logits = np.random.default_rng(0).normal(0, 1, (1, 42, 2, 5))
    logits[0, cell[0], :, cell[1]] = logits.max() + height
    upstream = tf.constant([[0.3, -2.0]], tf.float64)
    written, plain = entropies_and_gradients(
        factors("float64", kind), tf.constant(logits), upstream
    )
    np.testing.assert_allclose(written[0], plain[0], rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(written[1], plain[1], rtol=1e-6, atol=1e-9)


@WHERE
@SATURATED
def test_written_out_gradient_keeps_its_digits_in_float32(height, cell):
    logits = np.random.default_rng(0).normal(0, 1, (1, 42, 2, 5))
    logits[0, cell[0], :, cell[1]] = logits.max() + height
    if height == 21.4:  # 1 - p is 1e-7, where rounding decides on the cut
        logits[0, cell[0], :, cell[1]] += 1
    upstream = np.ones((1, 2))
    ((value, gradient), _), (_, (exact_value, exact)) = (
        entropies_and_gradients(
            factors(dtype, "gaussian"),
            tf.constant(logits, dtype),
            tf.constant(upstream, dtype),
        )
        for dtype in ("float32", "float64")
    )
    np.testing.assert_allclose(value, exact_value, rtol=1e-3)
    np.testing.assert_allclose(gradient, exact, atol=0.02 * exact.max())


@PREDICTIONS
@pytest.mark.parametrize("target", ["gaussian", "one_hot"])
@pytest.mark.parametrize(
    "logits",
    [
        1e4 * LOGITS,
        -1e4 * LOGITS,
        np.full_like(LOGITS, 1e4),
        np.full_like(LOGITS, -1e4),
        np.zeros_like(LOGITS),
        1e4 * (LOGITS == LOGITS.max((1, 2, 4), keepdims=True)),
        3e38 * (LOGITS == LOGITS.max((1, 2, 4), keepdims=True)),
    ],
    ids=["+1e4", "-1e4", "high", "low", "zero", "one high", "one largest"],
)
def test_heatmap_loss_is_finite_for_any_logits(logits, target, prediction):
    loss = HeatmapLoss(target, prediction)
    value, gradient = loss_and_gradient(loss, POSES, np.float32(logits))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_heatmap_loss_of_equal_logits_by_hand():
    # Every cell has 1 / 210; one of them should have 1.
    loss = HeatmapLoss("one_hot")(POSES, np.full_like(LOGITS, 7))
    expected = (math.log(210) - 209 * math.log(209 / 210)) / 210
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@PREDICTIONS
def test_heatmap_loss_computes_in_float32(prediction, dtype):
    loss = HeatmapLoss(prediction=prediction)
    rounded = tf.cast(LOGITS, dtype)
    value = loss(POSES, rounded)
    assert value.dtype == tf.float32
    expected = loss(POSES, tf.cast(rounded, tf.float32))
    np.testing.assert_array_equal(value, expected)


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
