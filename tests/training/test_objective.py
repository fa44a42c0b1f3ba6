import numpy as np
import pytest
import tensorflow as tf

from keras_pose import heatmap_loss
from keras_pose import layers
from keras_pose import losses
from keras_pose.config import LossConfig
from keras_pose.evaluation import metrics
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.geometry.volume import View
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17
from keras_pose.training.objective import make_objective
from keras_pose.training.step import compiled

HEIGHT, WIDTH, DEPTH = 6, 7, 5
BATCH, JOINTS = 3, 17
RNG = np.random.default_rng(0)
LOGITS = np.float32(RNG.normal(0, 2, (BATCH, HEIGHT, WIDTH, JOINTS, DEPTH)))
POSE = np.float32(RNG.uniform(0.1, 0.9, (BATCH, JOINTS, 3)))
WEIGHTS = {
    "integral": 1.0,
    "uncertainty": 0.2,
    "bone_length": 0.7,
    "heatmap": 10.0,
}
CONFIG = LossConfig(**WEIGHTS, heatmap_sigma=1.3, heatmap_radius=2)


@pytest.fixture(params=[MetricVolume(), CropVolume(64)], ids=["metric", "crop"])
def spec(request):
    return PoseSpec(H36M_17, request.param, 64, 1.2, (0.0,) * 17)


@pytest.fixture
def soft_argmax():
    return layers.SoftArgmax3D(temperature=0.7, debias=True)


def make_batch(spec):
    """Labels of random joints before a turned, distorting camera."""
    rng = np.random.default_rng(1)
    joints = rng.uniform([-500, -500, 3600], [500, 500, 4400], (BATCH, 17, 3))
    turn = np.float32([[0.9, -0.3, 4], [0.3, 0.9, -2], [0, 0, 1]])
    lens = np.float32([[60, 0, 32], [0, 66, 30], [0, 0, 1]])
    joints = np.float32(joints)
    root = joints[:, :1]
    view = View(
        np.tile(turn, (BATCH, 1, 1)),
        np.tile(lens, (BATCH, 1, 1)),
        np.tile(np.float32([0.1, 0.01, 0.002, -0.001, 0]), (BATCH, 1)),
        root[..., 2:],
    )
    px = joints[..., :2] / joints[..., 2:] * [60, 66] + [32, 30]
    weight = rng.choice(np.float32([0, 0.5, 1]), (BATCH, JOINTS))
    weight[:, 0] = 1
    pose = spec.volume.encode(joints, np.float32(px), root, view)
    # One joint above the volume and one behind; their weights are whole.
    pose[1, 3] = [0.5, -0.1, 0.5]
    pose[2, 5] = [0.5, 0.5, 1.2]
    weight[[1, 2], [3, 5]] = 1
    coordinates = np.tile(weight[..., None], 3)
    coordinates[0, 4] = [1, 1, 0]  # no depth is known
    weight[0, 4] = 0
    return {
        "pose": np.float32(pose),
        "weight": coordinates,
        "joints_mm": joints,
        "weight_3d": weight,
        "view": view,
    }


def tensors(batch):
    return {
        **{name: tf.constant(batch[name]) for name in batch if name != "view"},
        "view": View(*map(tf.constant, batch["view"])),
    }


def run(objective, raw, batch):
    """Gradient and sums as arrays, without XLA, which takes long to compile."""
    with tf.GradientTape() as tape:
        tape.watch(raw := tf.constant(raw))
        loss, sums = objective(raw, tensors(batch))
    gradient = tape.gradient(loss, raw).numpy()
    return gradient, {name: float(sums[name]) for name in sums}


def expected_losses(spec, batch, pose, std, logits):
    """Each loss by Keras alone."""
    weight, weight_3d = batch["weight"], batch["weight_3d"]
    mm = spec.volume.decode(pose.numpy(), batch["view"])
    bones = H36M_17.bones
    return {
        "integral": losses.IntegralLoss()(batch["pose"], pose, weight),
        "uncertainty": losses.UncertaintyLoss()(
            batch["pose"], tf.stack([pose, std], axis=-1), weight
        ),
        "bone_length": losses.BoneLengthLoss(bones)(
            batch["joints_mm"] / 1000,
            np.float32(mm) / 1000,
            np.float32(
                [[min(row[a], row[b]) for a, b in bones] for row in weight_3d]
            ),
        ),
        "heatmap": heatmap_loss.HeatmapLoss(sigma=1.3, radius=2)(
            batch["pose"], logits, weight.min(axis=-1)
        ),
    }


def test_objective_is_the_sum_of_weighed_losses(spec, soft_argmax):
    batch = make_batch(spec)
    pose, std, _ = soft_argmax(LOGITS)
    expected = expected_losses(spec, batch, pose, std, LOGITS / 0.7)
    objective = make_objective(CONFIG, WEIGHTS, spec, soft_argmax)
    _, sums = run(objective, LOGITS, batch)
    for name, value in expected.items():
        assert sums[name] == pytest.approx(float(value), rel=1e-4), name
        assert sums[name] != 0
    total = sum(WEIGHTS[name] * float(expected[name]) for name in WEIGHTS)
    assert sums["loss"] == pytest.approx(total, rel=1e-4)


def without_numbers(batch):
    """The batch with no number in any place that is not known."""
    batch["pose"][batch["weight"] == 0] = np.nan
    batch["joints_mm"][batch["weight_3d"] == 0] = np.nan
    batch["view"].root_depth[2] = np.nan
    batch["view"].intrinsics[2] = 0  # as in data sets without cameras
    batch["view"].distortion[2] = 0
    return batch


def of_which_the_third_is_unknown(batch):
    batch["weight"][2], batch["weight_3d"][2] = 0, 0
    return batch


def test_unknown_labels_may_be_no_numbers(spec, soft_argmax):
    whole = of_which_the_third_is_unknown(make_batch(spec))
    broken = of_which_the_third_is_unknown(make_batch(spec))
    objective = make_objective(CONFIG, WEIGHTS, spec, soft_argmax)
    gradient, sums = run(objective, LOGITS, without_numbers(broken))
    expected_gradient, expected = run(objective, LOGITS, whole)
    assert all(map(np.isfinite, sums.values()))
    assert sums == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-8)
    assert not gradient[2].any()
    assert gradient[1].any()


def test_compiled_objective_is_the_plain_one(soft_argmax):
    # In a crop, whose way to mm is the longer one.
    spec = PoseSpec(H36M_17, CropVolume(64), 64, 1.2, (0.0,) * 17)
    objective = make_objective(CONFIG, WEIGHTS, spec, soft_argmax)
    function = compiled(objective)
    broken = of_which_the_third_is_unknown(make_batch(spec))
    for batch in (make_batch(spec), without_numbers(broken)):
        expected, plain = run(objective, LOGITS, batch)
        gradient, sums = function(tf.constant(LOGITS), tensors(batch), 4.0)
        gradient = gradient / 4
        sums = {name: float(value) for name, value in sums.items()}
        assert sums == pytest.approx(plain, rel=1e-5)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(gradient, expected, atol=1e-5 * scale)


def test_losses_are_named_where_there_are_several(spec, soft_argmax):
    always = {"loss", "error_mm", "joints", "outside", "inside"}
    for names in (("heatmap",), ("heatmap", "integral")):
        weights = {name: WEIGHTS[name] for name in names}
        objective = make_objective(CONFIG, weights, spec, soft_argmax)
        _, sums = run(objective, LOGITS, make_batch(spec))
        assert set(sums) - always == set(names if len(names) > 1 else ())


def test_joints_without_a_camera_teach_no_lengths_in_a_crop(soft_argmax):
    spec = PoseSpec(H36M_17, CropVolume(64), 64, 1.2, (0.0,) * 17)
    batch = make_batch(spec)
    batch["view"].intrinsics[1] = 0
    objective = make_objective(CONFIG, {"bone_length": 1.0}, spec, soft_argmax)
    gradient, sums = run(objective, LOGITS, batch)
    assert np.isfinite(sums["loss"])
    assert np.isfinite(gradient).all()
    taught = np.abs(gradient).max(axis=(1, 2, 3, 4)) > 0
    np.testing.assert_array_equal(taught, [True, False, True])


def test_joints_without_a_camera_teach_lengths_in_a_metric_volume(soft_argmax):
    spec = PoseSpec(H36M_17, MetricVolume(), 64, 1.2, (0.0,) * 17)
    batch = make_batch(spec)
    objective = make_objective(CONFIG, {"bone_length": 1.0}, spec, soft_argmax)
    expected, _ = run(objective, LOGITS, batch)
    batch["view"].intrinsics[:] = 0
    gradient, _ = run(objective, LOGITS, batch)
    np.testing.assert_array_equal(gradient, expected)
    assert gradient.any()


def test_labels_without_weight_give_a_loss_of_0(spec, soft_argmax):
    batch = make_batch(spec)
    for name in ("pose", "joints_mm"):
        batch[name] = np.full_like(batch[name], np.nan)
    for name in ("weight", "weight_3d"):
        batch[name] = np.zeros_like(batch[name])
    objective = make_objective(CONFIG, WEIGHTS, spec, soft_argmax)
    gradient, sums = run(objective, LOGITS, batch)
    assert set(sums.values()) == {0.0}
    np.testing.assert_array_equal(gradient, np.zeros_like(LOGITS))


@pytest.mark.parametrize("heatmap", [1e4, -1e4, 0.0], ids=str)
def test_extreme_heatmaps_have_a_finite_gradient(spec, soft_argmax, heatmap):
    logits = np.zeros_like(LOGITS)
    logits[:, 2, 3, :, 1] = heatmap
    objective = make_objective(CONFIG, WEIGHTS, spec, soft_argmax)
    gradient, sums = run(objective, logits, make_batch(spec))
    assert all(map(np.isfinite, sums.values()))
    assert np.isfinite(gradient).all()


def test_error_is_the_mpjpe_of_the_metrics(spec, soft_argmax):
    batch = make_batch(spec)
    objective = make_objective(CONFIG, {"integral": 1.0}, spec, soft_argmax)
    _, sums = run(objective, LOGITS, batch)
    pose = soft_argmax(LOGITS)[0].numpy()
    errors = metrics.joint_errors(
        spec.volume.decode(pose, batch["view"]), batch["joints_mm"], 0
    )
    expected = metrics.mean(errors, batch["weight_3d"])
    assert sums["error_mm"] / sums["joints"] == pytest.approx(
        expected, rel=1e-4
    )


def test_known_joints_are_counted_inside_and_outside(spec, soft_argmax):
    batch = make_batch(spec)
    objective = make_objective(CONFIG, {"integral": 1.0}, spec, soft_argmax)
    _, sums = run(objective, LOGITS, batch)
    inside = outside = 0
    for place, weight in zip(
        batch["pose"].reshape(-1, 3),
        batch["weight"].reshape(-1, 3),
        strict=True,
    ):
        if min(weight) > 0:
            if min(place) < 0 or max(place) > 1:
                outside += 1
            else:
                inside += 1
    assert outside >= 2
    assert inside > 0
    assert (sums["outside"], sums["inside"]) == (outside, inside)


def test_objective_of_a_regression_head_is_that_of_its_pose(spec):
    batch = make_batch(spec)
    weights = {"integral": 1.0, "bone_length": 0.7}
    objective = make_objective(CONFIG, weights, spec, None)
    gradient, sums = run(objective, POSE, batch)
    expected = expected_losses(
        spec, batch, tf.constant(POSE), tf.ones_like(POSE), LOGITS
    )
    total = expected["integral"] + 0.7 * expected["bone_length"]
    assert sums["loss"] == pytest.approx(float(total), rel=1e-4)
    assert gradient.shape == POSE.shape
    _, alone = run(
        make_objective(CONFIG, {"integral": 1.0}, spec, None), POSE, batch
    )
    assert alone["loss"] == pytest.approx(float(expected["integral"]), rel=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_output_is_computed_in_float32(soft_argmax, dtype):
    spec = PoseSpec(H36M_17, MetricVolume(), 64, 1.2, (0.0,) * 17)
    objective = make_objective(CONFIG, WEIGHTS, spec, soft_argmax)
    rounded = tf.cast(LOGITS, dtype)
    gradient, sums = run(objective, rounded, make_batch(spec))
    whole = tf.cast(rounded, tf.float32)
    expected, expected_sums = run(objective, whole, make_batch(spec))
    assert gradient.dtype == rounded.dtype.as_numpy_dtype
    assert sums == pytest.approx(expected_sums, rel=1e-6)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        np.float32(gradient), expected, rtol=1e-2, atol=1e-3 * scale
    )


def test_gradient_is_that_of_keras_losses_of_divided_logits(spec, soft_argmax):
    batch = make_batch(spec)
    objective = make_objective(CONFIG, {"heatmap": 2.0}, spec, soft_argmax)
    gradient, _ = run(objective, LOGITS, batch)
    loss = heatmap_loss.HeatmapLoss(sigma=1.3, radius=2)
    with tf.GradientTape() as tape:
        tape.watch(raw := tf.constant(LOGITS))
        value = loss(batch["pose"], raw / 0.7, batch["weight"].min(axis=-1))
    expected = 2 * tape.gradient(value, raw).numpy()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(gradient, expected, atol=1e-5 * scale)
