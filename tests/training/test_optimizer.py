import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.config import TrainConfig
from keras_pose.training import optimizer as optimizer_lib
from keras_pose.training.freezing import freeze
from keras_pose.training.optimizer import averaged
from keras_pose.training.optimizer import clip
from keras_pose.training.optimizer import make_optimizer

NAMES = sorted(optimizer_lib.OPTIMIZERS)
PIXELS = np.float32(np.random.default_rng(0).normal(0, 1, (4, 3)))


def make_network():
    """A backbone and a head, whose weights are 2."""
    image = keras.Input((3,))
    x = keras.layers.Dense(4, name="stem")(image)
    x = keras.layers.BatchNormalization(name="stem_bn")(x)
    backbone = keras.Model(image, x, name="backbone")
    x = keras.layers.Dense(2, name="head")(backbone(image))
    network = keras.Model(image, x)
    for weight in network.trainable_weights:
        weight.assign(np.full(weight.shape, 2.0))
    return network


def make(total_steps=100, **settings):
    """A network, its optimizer, and a function that takes a step."""
    network = make_network()
    settings = {"optimizer": "sgd", "learning_rate": 0.1} | settings
    optimizer = make_optimizer(TrainConfig(**settings), network, total_steps)

    def step(gradient):
        variables = network.trainable_variables
        optimizer.apply([tf.fill(v.shape, gradient) for v in variables])

    return network, optimizer, step


def values(network):
    """{name: value} of the weights, which are each the same everywhere."""
    found = {}
    for layer in (*network.get_layer("backbone").layers, *network.layers):
        if not isinstance(layer, keras.Model):
            for weight in layer.weights:
                if weight.name.startswith("moving"):
                    continue
                array = weight.numpy()
                assert np.ptp(array) == 0
                found[f"{layer.name}.{weight.name}"] = array.flat[0]
    return found


def test_backbone_learns_at_its_own_rate():
    network, optimizer, step = make(momentum=0.0, backbone_rate=0.25)
    step(1.0)
    for name, value in values(network).items():
        moved = 0.1 if name.startswith("head") else 0.025
        assert value == pytest.approx(2 - moved, abs=1e-6), name
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    assert int(optimizer.iterations) == 1


def test_network_of_one_rate_has_one_group():
    assert len(make()[1].groups) == 1
    assert len(make(backbone_rate=0.5)[1].groups) == 2


def test_momentum_is_that_of_the_settings():
    network, _, step = make(momentum=0.5)
    step(1.0)
    step(1.0)
    assert values(network)["head.bias"] == pytest.approx(2 - 0.1 - 0.15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("decay", [0.5, 0.0])
def test_kernels_alone_decay(name, decay):
    network, _, step = make(
        optimizer=name, weight_decay=decay, backbone_rate=0.25
    )
    step(0.0)
    assert values(network) == pytest.approx(
        {
            "stem.kernel": 2 * (1 - 0.1 * 0.25 * decay),
            "stem.bias": 2,
            "stem_bn.gamma": 2,
            "stem_bn.beta": 2,
            "head.kernel": 2 * (1 - 0.1 * decay),
            "head.bias": 2,
        }
    )


@pytest.mark.parametrize("name", ["adam", "adamw", "lion"])
def test_first_step_is_as_long_as_the_rate(name):
    network, _, step = make(optimizer=name)
    step(-7.0)
    assert values(network)["head.kernel"] == pytest.approx(2.1, abs=1e-5)


@pytest.mark.parametrize("backbone_rate", [1.0, 0.25])
def test_schedule_is_that_of_the_run(backbone_rate):
    network, optimizer, step = make(
        total_steps=4,
        momentum=0.0,
        schedule="cosine",
        warmup_steps=2,
        backbone_rate=backbone_rate,
    )
    moved = 0.0
    for rate in (0.0, 0.05, 0.1, 0.05):
        assert float(optimizer.learning_rate) == pytest.approx(rate)
        step(1.0)
        moved += rate
    assert values(network)["head.bias"] == pytest.approx(2 - moved)
    assert values(network)["stem.bias"] == pytest.approx(
        2 - moved * backbone_rate
    )


def test_late_layers_start_afresh_at_the_rate_of_the_run():
    # Steps of a count that ran while the layer was frozen would be thrice as
    # long at first; a schedule of their own would be at its start.
    network, optimizer, step = make(
        total_steps=10,
        optimizer="adam",
        schedule="exponential",
        schedule_factor=2**-10,
        frozen=("stem",),
        frozen_epochs=1,
    )
    variables = network.trainable_variables
    freeze(network, ("stem",))
    for _ in range(3):
        gradients = [
            tf.ones(v.shape) if v.trainable else None for v in variables
        ]
        optimizer.apply(gradients, variables)
    assert values(network)["stem.kernel"] == 2
    assert values(network)["head.kernel"] == pytest.approx(2 - 0.175, abs=1e-5)
    freeze(network, ())
    step(1.0)
    assert values(network)["stem.kernel"] == pytest.approx(
        2 - 0.1 / 8, abs=1e-5
    )
    assert values(network)["stem_bn.beta"] == pytest.approx(
        2 - 0.1875, abs=1e-5
    )


def test_variables_may_be_a_part_in_another_order():
    network, optimizer, _ = make(momentum=0.0, backbone_rate=0.5)
    *_, kernel, bias = network.trainable_variables
    optimizer.apply([3 * tf.ones(2), tf.ones((4, 2))], [bias, kernel])
    assert bias.numpy() == pytest.approx(2 - 0.3)
    assert kernel.numpy() == pytest.approx(2 - 0.1)
    assert values(network)["stem.kernel"] == 2


def test_average_by_hand():
    network, optimizer, step = make(momentum=0.0, ema=0.75, backbone_rate=0.5)
    for gradient in (1.0, 2.0, -4.0):
        step(gradient)
    last = values(network)
    with averaged(optimizer, network):
        means = values(network)
    # 1.9, 1.7, 2.1; the first one starts the average.
    expected = 0.75 * (0.75 * 1.9 + 0.25 * 1.7) + 0.25 * 2.1
    assert means["head.kernel"] == pytest.approx(expected)
    assert means["stem.bias"] == pytest.approx(2 - (2 - expected) / 2)
    assert values(network) == last
    assert last["head.kernel"] == pytest.approx(2.1)


def test_average_of_what_never_moved_is_the_weight():
    network, optimizer, step = make(
        ema=0.9, frozen=("backbone",), frozen_epochs=1
    )
    before = [weight.copy() for weight in network.get_weights()]
    with averaged(optimizer, network):
        for weight, expected in zip(network.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, expected)
    freeze(network, ("backbone",))
    kernel, bias = network.trainable_variables
    optimizer.apply([tf.ones((4, 2)), tf.ones(2)], [kernel, bias])
    with averaged(optimizer, network):
        assert values(network)["head.bias"] == pytest.approx(1.9)
        assert network.get_layer("backbone").get_layer("stem").get_weights()[
            0
        ] == pytest.approx(2)


def test_average_is_left_when_validation_fails():
    network, optimizer, step = make(ema=0.9)
    step(1.0)
    step(1.0)
    before = values(network)

    def validate():
        with averaged(optimizer, network):
            assert values(network) != before
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validate()
    assert values(network) == before


def test_without_average_the_weights_are_the_last():
    network, optimizer, step = make()
    step(1.0)
    before = values(network)
    with averaged(optimizer, network):
        assert values(network) == before


def test_training_goes_on_from_a_checkpoint(tmp_path):
    settings = {
        "optimizer": "adam",
        "ema": 0.9,
        "backbone_rate": 0.5,
        "schedule": "cosine",
    }
    whole, _, whole_step = make(**settings)
    network, optimizer, step = make(**settings)
    for gradient in (1.0, -2.0):
        whole_step(gradient)
        step(gradient)
    path = tf.train.Checkpoint(model=network, optimizer=optimizer).save(
        tmp_path / "checkpoint"
    )
    network, optimizer, step = make(**settings)
    tf.train.Checkpoint(model=network, optimizer=optimizer).restore(
        path
    ).assert_consumed()
    whole_step(3.0)
    step(3.0)
    assert values(network) == values(whole)
    assert int(optimizer.iterations) == 3


def test_state_goes_through_variables():
    _, optimizer, step = make(optimizer="adam", backbone_rate=0.5, ema=0.9)
    _, other, _ = make(optimizer="adam", backbone_rate=0.5, ema=0.9)
    step(1.0)
    other.set_weights([v.numpy() for v in optimizer.variables])
    # Of each of the 6 variables 2 means and an average, and 3 counts.
    assert len(other.variables) == 3 * 6 + 3
    for mine, yours in zip(other.variables, optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine, yours)


SETTINGS = {
    "ema": 0.8,
    "weight_decay": 0.3,
    "backbone_rate": 0.5,
    "warmup_steps": 1,
    "clip_norm": 0.5,
    "frozen": ("stem",),
    "frozen_epochs": 1,
}


def train_on(strategy, name):
    """Weights, averages and state after 2 steps without the stem and 3 with.

    Each as (replicas, ...).
    """
    train = TrainConfig(optimizer=name, learning_rate=0.05, **SETTINGS)
    with strategy.scope():
        network = make_network()
        rng = np.random.default_rng(1)
        for weight in network.trainable_weights:
            weight.assign(rng.normal(0, 1, weight.shape))
        optimizer = make_optimizer(train, network, 5)

    def replica_step(pixels):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(pixels, training=False) ** 2) / 4
        variables = network.trainable_variables
        gradients = tf.distribute.get_replica_context().all_reduce(
            "SUM", tape.gradient(loss, variables)
        )
        gradients, _ = clip(gradients, train.clip_norm)
        optimizer.apply(gradients, variables)

    dataset = tf.data.Dataset.from_tensors(PIXELS).unbatch().batch(4).repeat()
    batches = iter(strategy.experimental_distribute_dataset(dataset))
    for patterns, steps in ((("stem",), 2), ((), 3)):
        freeze(network, patterns)
        step = tf.function(lambda batch: strategy.run(replica_step, (batch,)))
        for _ in range(steps):
            step(next(batches))

    def arrays(variables):
        return [
            np.stack(
                [x.numpy() for x in strategy.experimental_local_results(v)]
            )
            for v in (variable.value for variable in variables)
        ]

    found = arrays(network.weights), arrays(optimizer.variables)
    with averaged(optimizer, network):
        return *found, arrays(network.weights)


@pytest.mark.parametrize("name", NAMES)
def test_two_replicas_learn_what_one_does(one_device, two_replicas, name):
    # The state tells gradients that are summed twice, which the weights do
    # not where only their direction counts.
    one = train_on(one_device, name)
    two = train_on(two_replicas, name)
    for ones, twos in zip(one, two, strict=True):
        for expected, received in zip(ones, twos, strict=True):
            assert len(received) == 2
            for replica in received:
                np.testing.assert_allclose(
                    replica, expected[0], rtol=1e-4, atol=1e-6
                )
    weights, state, means = one
    assert max(np.abs(w - m).max() for w, m in zip(weights, means, strict=True))
    assert max(np.abs(array).max() for array in state) > 0


def test_clipped_gradients_are_as_long_as_they_may():
    gradients = [tf.constant([3.0, 0.0]), tf.constant([[4.0]])]
    clipped, norm = clip(gradients, 1.0)
    assert float(norm) == pytest.approx(5)
    np.testing.assert_allclose(clipped[0], [0.6, 0], rtol=1e-6)
    np.testing.assert_allclose(clipped[1], [[0.8]], rtol=1e-6)


@pytest.mark.parametrize("clip_norm", [0.0, 5.0, 7.0])
def test_short_gradients_are_left_as_they_are(clip_norm):
    gradients = [tf.constant([3.0, 0.0]), tf.constant([[4.0]])]
    clipped, norm = clip(gradients, clip_norm)
    assert float(norm) == pytest.approx(5)
    for received, expected in zip(clipped, gradients, strict=True):
        np.testing.assert_array_equal(received, expected)


def test_no_gradient_stays_none():
    clipped, norm = clip([tf.zeros(3)], 1.0)
    assert float(norm) == 0
    np.testing.assert_array_equal(clipped[0], np.zeros(3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_norm_tells_a_gradient_that_is_not_finite(value):
    _, norm = clip([tf.ones(2), tf.constant([1.0, value])], 1.0)
    assert not np.isfinite(norm)


def test_norm_of_half_precision_does_not_overflow():
    clipped, norm = clip([tf.fill([4], tf.constant(300.0, tf.float16))], 6.0)
    assert float(norm) == pytest.approx(600)
    assert clipped[0].dtype == tf.float16
    np.testing.assert_allclose(clipped[0], np.full(4, 3.0), rtol=1e-3)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"optimizer": "adamm"}, "`train.optimizer` .*'adamm'"),
        ({"schedule": "linear"}, "`train.schedule` .*'linear'"),
        (
            {"frozen": ("steem",), "frozen_epochs": 1},
            "`train.frozen` .*stem.*'steem'",
        ),
    ],
)
def test_wrong_settings_are_refused_by_name(settings, named):
    with pytest.raises(ValueError, match=named):
        make(**settings)


def test_backbone_rate_wants_a_backbone():
    image = keras.Input((3,))
    network = keras.Model(image, keras.layers.Dense(2)(image))
    with pytest.raises(ValueError, match="`train.backbone_rate` .*: 0.5"):
        make_optimizer(TrainConfig(backbone_rate=0.5), network, 10)


def test_step_without_gradients_is_refused():
    network, optimizer, _ = make()
    with pytest.raises(ValueError, match="`grads`"):
        optimizer.apply([None] * len(network.trainable_variables))
