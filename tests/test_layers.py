import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import layers

HEIGHT, WIDTH, DEPTH = 3, 5, 4
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (2, HEIGHT, WIDTH, 3, DEPTH)).astype(np.float32)


@pytest.fixture
def bfloat16_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def soft_argmax_3d(logits):
    return [part.numpy() for part in layers.SoftArgmax3D()(logits)]


def expected_pose(logits):
    """The mean place of a heatmap, cell by cell in float64."""
    batch, height, width, joints, depth = logits.shape
    pose = np.zeros((batch, joints, 3))
    for b, j in np.ndindex(batch, joints):
        volume = np.float64(logits[b, :, :, j])
        mass = np.exp(volume - volume.max())
        for (row, column, layer), share in np.ndenumerate(mass / mass.sum()):
            pose[b, j, 0] += share * (column + 0.5) / width
            pose[b, j, 1] += share * (row + 0.5) / height
            pose[b, j, 2] += share * (layer + 0.5) / depth
    return pose


def volume_with(*cells, shape=(HEIGHT, WIDTH, DEPTH)):
    """One joint whose mass lies in equal parts in cells x, y, z."""
    logits = np.zeros((1, *shape[:2], 1, shape[2]), np.float32)
    for x, y, z in cells:
        logits[0, y, x, 0, z] = 200
    return logits


def gaussian(centre, sigma, shape):
    """Logits of a Gaussian around x, y, z in cells; sigma one or three."""
    y, x, z = np.indices(shape) + 0.5
    offset = (np.stack([x, y, z], axis=-1) - centre) / sigma
    return np.float32(-0.5 * (offset**2).sum(axis=-1))[None, :, :, None]


@pytest.mark.parametrize("z", range(DEPTH))
@pytest.mark.parametrize("y", range(HEIGHT))
def test_soft_argmax_of_one_cell_is_its_centre(y, z):
    for x in range(WIDTH):
        pose, std, confidence = soft_argmax_3d(volume_with((x, y, z)))
        centre = [(x + 0.5) / 5, (y + 0.5) / 3, (z + 0.5) / 4]
        np.testing.assert_allclose(pose, [[centre]], rtol=1e-6)
        np.testing.assert_allclose(std, np.zeros((1, 1, 3)), atol=1e-6)
        np.testing.assert_allclose(confidence, [[1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("centre", "sigma"),
    [
        ([14.3, 11.6, 9.7], 1.5),
        ([14.5, 11.5, 9.5], 1.5),
        ([15, 12, 10], [1.0, 2.0, 1.4]),
        ([12.9, 13.2, 8.1], [2.5, 1.2, 1.6]),
    ],
    ids=["off centre", "in a cell", "between cells", "uneven"],
)
def test_soft_argmax_of_a_gaussian_is_its_centre_and_its_width(centre, sigma):
    cells = np.array([30, 24, 20])  # x, y, z
    pose, std, _ = soft_argmax_3d(gaussian(centre, sigma, (24, 30, 20)))
    np.testing.assert_allclose(pose[0, 0] * cells, centre, atol=1e-4)
    np.testing.assert_allclose(std[0, 0] * cells, sigma, atol=2e-4)


def test_soft_argmax_is_the_mean_of_a_softmax():
    pose, _, _ = soft_argmax_3d(LOGITS)
    np.testing.assert_allclose(pose, expected_pose(LOGITS), atol=1e-6)


def test_axis_marginals_are_sums_of_a_softmax_over_the_other_axes():
    mass = np.exp(np.float64(LOGITS))
    mass /= mass.sum((1, 2, 4), keepdims=True)
    expected = [mass.sum(axes).swapaxes(1, 2) for axes in ((1, 4), (2, 4))]
    expected.append(mass.sum((1, 2)))
    marginals, log_total = layers.axis_marginals(LOGITS)
    for marginal, sums in zip(marginals, expected, strict=True):
        np.testing.assert_allclose(marginal, sums, atol=1e-6)
    total = np.exp(np.float64(LOGITS)).sum((1, 2, 4))
    np.testing.assert_allclose(log_total, np.log(total), rtol=1e-6)


def test_soft_argmax_does_not_see_a_constant():
    moved = LOGITS + np.float32([64, -64, 1024])[:, None]
    for part, same in zip(
        soft_argmax_3d(moved), soft_argmax_3d(LOGITS), strict=True
    ):
        np.testing.assert_allclose(part, same, rtol=1e-3)


def test_soft_argmax_of_equal_logits_is_the_middle_of_the_volume():
    pose, std, _ = soft_argmax_3d(np.full_like(LOGITS, -7))
    np.testing.assert_allclose(pose, np.full_like(pose, 0.5), rtol=1e-6)
    cells = np.array([WIDTH, HEIGHT, DEPTH])
    uniform = np.sqrt((cells**2 - 1) / 12) / cells
    np.testing.assert_allclose(std[1, 2], uniform, rtol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_soft_argmax_is_finite_for_huge_logits(sign):
    logits = tf.constant(sign * 1e4 * np.abs(LOGITS))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        parts = layers.SoftArgmax3D()(logits)
    for part in (*parts, tape.gradient(parts[0], logits)):
        assert np.isfinite(part).all()


@pytest.mark.parametrize("height", [50, 1e4])
def test_std_of_a_one_cell_heatmap_has_a_finite_gradient(height):
    logits = volume_with((2, 1, 1)) * height / 200
    with tf.GradientTape() as tape:
        tape.watch(variable := tf.constant(logits))
        _, std, _ = layers.SoftArgmax3D()(variable)
    assert np.isfinite(tape.gradient(std, variable)).all()


def test_soft_argmax_has_the_gradient_of_finite_differences():
    logits = LOGITS[:1, :, :, :1]
    weight = np.array([1, -2, 4])  # of x, y, z
    with tf.GradientTape() as tape:
        tape.watch(variable := tf.constant(logits))
        value = tf.reduce_sum(layers.SoftArgmax3D()(variable)[0] * weight)
    gradient = tape.gradient(value, variable).numpy()
    for index in np.ndindex(logits.shape):
        step = np.zeros(logits.shape)
        step[index] = 1e-4
        change = expected_pose(logits + step) - expected_pose(logits - step)
        slope = (change * weight).sum() / 2e-4
        np.testing.assert_allclose(gradient[index], slope, atol=1e-5)


def test_soft_argmax_of_a_mirrored_volume_mirrors_x_alone():
    pose, std, confidence = soft_argmax_3d(LOGITS)
    mirrored = soft_argmax_3d(LOGITS[:, :, ::-1])
    expected = pose * [-1, 1, 1] + [1, 0, 0]
    np.testing.assert_allclose(mirrored[0], expected, atol=1e-6)
    np.testing.assert_allclose(mirrored[1], std, atol=1e-6)
    np.testing.assert_allclose(mirrored[2], confidence, atol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_soft_argmax_computes_in_float32_under_a_mixed_policy(
    bfloat16_policy, dtype
):
    logits = tf.cast(LOGITS, dtype)
    pose, std, confidence = layers.SoftArgmax3D()(logits)
    assert pose.dtype == std.dtype == confidence.dtype == tf.float32
    rounded = expected_pose(tf.cast(logits, tf.float32).numpy())
    np.testing.assert_allclose(pose, rounded, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.25, 3])
def test_temperature_divides_the_logits(temperature):
    layer = layers.SoftArgmax3D(temperature)
    pose, std, _ = layer(LOGITS)
    np.testing.assert_allclose(
        pose, expected_pose(np.float64(LOGITS) / temperature), atol=1e-6
    )
    np.testing.assert_allclose(
        layer.tempered(LOGITS), LOGITS / temperature, rtol=1e-6
    )
    spread = np.mean(std) - np.mean(soft_argmax_3d(LOGITS)[1])
    assert (spread > 0) == (temperature > 1)


@pytest.mark.parametrize("temperature", [0, -1, float("inf"), float("nan")])
def test_soft_argmax_refuses_its_temperature(temperature):
    with pytest.raises(ValueError, match=f"temperature={temperature}"):
        layers.SoftArgmax3D(temperature)


def blob_on_background(centre, height, shape):
    """A blob of height `height`, 0 further than two cells from its centre."""
    logits = height * np.exp(gaussian(centre, 0.8, shape))
    y, x, z = np.indices(shape) + 0.5
    far = np.abs(np.stack([x, y, z], axis=-1) - centre).max(axis=-1) > 2.1
    logits[0, :, :, 0][far] = 0
    return np.float32(logits)


@pytest.mark.parametrize(
    ("centre", "height"),
    [((2.5, 4.5, 3.5), 10), ((15.5, 4, 9), 16), ((17, 9.5, 2.5), 10)],
)
@pytest.mark.parametrize("temperature", [1, 2])
def test_debias_takes_out_the_pull_of_the_background(
    centre, height, temperature
):
    shape = (12, 20, 16)  # y, x, z
    cells = np.array([20, 12, 16])
    logits = blob_on_background(np.array(centre), height * temperature, shape)
    plain, _, _ = layers.SoftArgmax3D(temperature)(logits)
    right, _, _ = layers.SoftArgmax3D(temperature, debias=True)(logits)
    plain, right = plain.numpy()[0, 0] * cells, right.numpy()[0, 0] * cells
    pull = (plain - centre) * np.sign(cells / 2 - centre)
    assert pull.max() > 0.1
    assert pull.min() > -1e-3
    np.testing.assert_allclose(right, centre, atol=1e-3)


@pytest.mark.parametrize("level", [0, -7, 1e4, -1e4])
def test_debias_of_equal_logits_is_the_middle_of_the_volume(level):
    logits = tf.fill(LOGITS.shape, np.float32(level))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        pose, _, _ = layers.SoftArgmax3D(debias=True)(logits)
    np.testing.assert_allclose(pose, np.full(pose.shape, 0.5), rtol=1e-5)
    assert np.isfinite(tape.gradient(pose, logits)).all()


def test_debias_leaves_a_sharp_heatmap_as_it_is():
    logits = volume_with((4, 0, 3))
    pose, _, _ = layers.SoftArgmax3D(debias=True)(logits)
    np.testing.assert_allclose(pose, [[[0.9, 1 / 6, 0.875]]], rtol=1e-6)


def test_debias_has_the_gradient_of_finite_differences():
    logits = np.float32(2 + RNG.normal(0, 1.5, (1, 3, 5, 1, 4)))
    weight = np.array([1, -2, 4])  # of x, y, z
    with tf.GradientTape() as tape:
        tape.watch(variable := tf.constant(logits))
        pose, _, _ = layers.SoftArgmax3D(debias=True)(variable)
        value = tf.reduce_sum(pose * weight)

    def expected(logits):
        share = 60 / np.exp(logits).sum()
        assert share < 0.5
        return (expected_pose(logits) - share / 2) / (1 - share)

    gradient = tape.gradient(value, variable).numpy()
    np.testing.assert_allclose(pose, expected(np.float64(logits)), rtol=1e-5)
    for index in np.ndindex(logits.shape):
        step = np.zeros(logits.shape)
        step[index] = 1e-4
        change = expected(logits + step) - expected(logits - step)
        slope = (change * weight).sum() / 2e-4
        np.testing.assert_allclose(gradient[index], slope, atol=1e-5)


AXES = pytest.mark.parametrize("axis", [0, 1, 2], ids=["x", "y", "z"])


def confidence_of_two_peaks(axis, low, high):
    first, second = [[10, 10, 10], [10, 10, 10]]
    first[axis], second[axis] = low, high
    shape = np.roll([64, 16, 16], [1, 0, 2][axis])  # 64 cells along the axis
    logits = volume_with(first, second, shape=shape)
    return soft_argmax_3d(logits)[2].item()


@AXES
def test_confidence_of_two_peaks_by_hand(axis):
    # Each peak is 5 of 64 cells from their mean: one width of the window.
    confidence = confidence_of_two_peaks(axis, 20, 30)
    np.testing.assert_allclose(confidence, np.exp(-0.5), rtol=1e-5)


@AXES
def test_confidence_is_near_0_for_distant_peaks(axis):
    assert confidence_of_two_peaks(axis, 2, 60) < 1e-6


def test_confidence_falls_as_a_heatmap_widens():
    shape = (32, 32, 32)
    sharp, wide, flat = (
        soft_argmax_3d(gaussian(3 * [16.5], sigma, shape))[2].item()
        for sigma in (0.2, 3, 1000)
    )
    assert 0.99 < sharp <= 1
    assert sharp > 2 * wide > 4 * flat > 0


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5, "debias": True}])
def test_soft_argmax_survives_a_file(tmp_path, options):
    layer = layers.SoftArgmax3D(name="head", **options)
    image = keras.Input(LOGITS.shape[1:])
    model = keras.Model(image, layer(image))
    shapes = [tuple(output.shape) for output in model.outputs]
    assert shapes == [(None, 3, 3), (None, 3, 3), (None, 3)]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for output, part in zip(loaded(LOGITS), layer(LOGITS), strict=True):
        np.testing.assert_array_equal(output, part)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("report", [-1, 0, 0.9921875]),
        ("inception", [-1, 128 / 127.5 - 1, 1]),
        ("caffe", [255 - 103.939, 128 - 116.779, -123.68]),
        ("none", [0, 128, 255]),
    ],
)
def test_pixel_scaling_by_hand(mode, expected):
    scaled = layers.PixelScaling(mode)(np.uint8([[[[0, 128, 255]]]]))
    np.testing.assert_allclose(scaled, [[[expected]]], rtol=1e-4)
    assert scaled.dtype == tf.float32


@pytest.mark.parametrize(
    ("mode", "family"),
    [
        ("caffe", keras.applications.resnet),
        ("inception", keras.applications.resnet_v2),
    ],
    ids=["caffe", "inception"],
)
def test_pixel_scaling_is_that_of_the_published_weights(mode, family):
    image = RNG.integers(0, 256, (2, 3, 4, 3), np.uint8)
    published = family.preprocess_input(image.astype(np.float32))
    scaled = layers.PixelScaling(mode)(image)
    np.testing.assert_allclose(scaled, published, atol=1e-5)


def test_pixel_scaling_refuses_an_unknown_mode():
    with pytest.raises(ValueError, match="`mode` must .* mode='torch'"):
        layers.PixelScaling("torch")


@pytest.mark.parametrize(
    "layer",
    [
        layers.PixelScaling("caffe", name="a"),
        layers.SoftArgmax3D(name="b"),
        layers.SoftArgmax3D(0.5, debias=True, name="c"),
    ],
    ids=["PixelScaling", "SoftArgmax3D", "with options"],
)
def test_layers_survive_their_config(layer):
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    for name in ("mode", "temperature", "debias"):
        assert getattr(copy, name, None) == getattr(layer, name, None)
    assert copy.name == layer.name
