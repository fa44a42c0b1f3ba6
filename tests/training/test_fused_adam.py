import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.config import TrainConfig
from keras_pose.training.fused_adam import fuse_adam
from keras_pose.training.optimizer import make_optimizer

STEPS = 5
RTOL = 3e-5  # 1 - 0.999 in float32 is off by 1.3e-5
RNG = np.random.default_rng(0)
KERNEL = np.float32(RNG.normal(0, 1, (3, 2)))
# Of very different sizes, so that epsilon matters to some.
SIZES = np.float32([[1e-9, 1e-6, 1e-3], [1, 10, 1e3]]).T
GRADIENTS = np.float32(RNG.normal(0, 1, (STEPS, 3, 2))) * SIZES


def is_fused(group):
    return "update_step" in vars(group)


def make(**settings):
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    network.layers[0].kernel.assign(KERNEL)
    settings = {"learning_rate": 0.1, "warmup_steps": 3} | settings
    return network, make_optimizer(TrainConfig(**settings), network, 100)


def train(optimizer, network):
    @tf.function
    def step(gradient):
        optimizer.apply([gradient, gradient[0]])

    for gradient in GRADIENTS:
        step(tf.constant(gradient))


def adam_by_hand(decay):
    """Kingma & Ba's algorithm 1 with Loshchilov & Hutter's decay, float64."""
    weights, mean, square = np.float64(KERNEL), 0.0, 0.0
    for index, gradient in enumerate(np.float64(GRADIENTS)):
        rate = 0.1 * min(index / 3, 1)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        correction = np.sqrt(1 - 0.999 ** (index + 1)) / (
            1 - 0.9 ** (index + 1)
        )
        weights = weights * (1 - rate * decay)
        weights -= rate * correction * mean / (np.sqrt(square) + 1e-7)
    return weights, mean, square


@pytest.mark.parametrize(
    ("name", "decay"), [("adam", 0.0), ("adam", 0.5), ("adamw", 0.5)]
)
def test_fused_is_adam_by_hand(name, decay):
    network, optimizer = make(optimizer=name, weight_decay=decay)
    fuse_adam(optimizer)
    assert all(map(is_fused, optimizer.groups))
    train(optimizer, network)
    weights, mean, square = adam_by_hand(decay)
    (group,) = optimizer.groups
    for received, expected in (
        (network.layers[0].kernel, weights),
        (group._momentums[0], mean),
        (group._velocities[0], square),
    ):
        np.testing.assert_allclose(received.numpy(), expected, rtol=RTOL)
    assert int(group.iterations) == STEPS


def test_fused_leaves_the_same_state_as_keras():
    settings = {"optimizer": "adamw", "weight_decay": 0.1, "ema": 0.5}
    states = []
    for fuse in (lambda optimizer: None, fuse_adam):
        network, optimizer = make(**settings)
        fuse(optimizer)
        train(optimizer, network)
        states.append([variable.numpy() for variable in optimizer.variables])
    assert len(states[0]) == len(states[1])
    for keras_own, fused in zip(*states, strict=True):
        np.testing.assert_allclose(fused, keras_own, rtol=RTOL)


@pytest.mark.parametrize("name", ["lamb", "lion", "sgd"])
def test_others_are_left_as_they_are(name):
    _, optimizer = make(optimizer=name)
    fuse_adam(optimizer)
    assert not any(map(is_fused, optimizer.groups))


def test_amsgrad_is_left_as_it_is():
    _, optimizer = make(optimizer="adam")
    optimizer.groups[0].amsgrad = True
    fuse_adam(optimizer)
    assert not is_fused(optimizer.groups[0])


def test_each_replica_updates_its_own(two_replicas):
    with two_replicas.scope():
        network, optimizer = make(optimizer="adam")
        fuse_adam(optimizer)

    @tf.function
    def step(gradient):
        two_replicas.run(lambda: optimizer.apply([gradient, gradient[0]]))

    for gradient in GRADIENTS:
        step(tf.constant(gradient))
    weights, _, _ = adam_by_hand(0.0)
    kernel = network.layers[0].kernel.value
    replicas = two_replicas.experimental_local_results(kernel)
    assert len(replicas) == 2
    for replica in replicas:
        np.testing.assert_allclose(replica.numpy(), weights, rtol=RTOL)
