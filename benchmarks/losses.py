"""Soft-argmax and heatmap loss, forward and backward, against the dense form.

python -m benchmarks.losses [--batch_size=8] [--cells=64] [--rounds=5]

The dense form is how the published code of integral regression writes it, in
TensorFlow: each joint's softmax, the target's whole volume, and the binary
cross-entropy between them. Time and peak memory are those of the loss and its
gradient; of small volumes they say nothing, for XLA's own work outweighs them.
"""

import sys

from absl import app
from absl import flags

from benchmarks import turns

_BATCH = flags.DEFINE_integer("batch_size", 8, "Images.", 1)
_CELLS = flags.DEFINE_integer("cells", 64, "Of each side of the volume.", 8)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Runs of each.", 1)
_RUN = flags.DEFINE_string("run", None, "Be this contestant.")

_JOINTS = 17
_CONTESTANTS = ("dense", "dense, XLA", "integral alone", "both")


def main(argv):
    """Runs the contest, or is one of its contestants."""
    del argv
    if _RUN.value:
        turns.serve(_contestant(_RUN.value))
        return
    arguments = [sys.executable, "-m", "benchmarks.losses", *sys.argv[1:]]
    results = turns.contest(
        {name: [*arguments, f"--run={name}"] for name in _CONTESTANTS},
        _ROUNDS.value,
    )
    dense_seconds, dense_mib = results["dense"]
    print(f"{'':<24}{'ms':>8}{'times as fast':>15}{'MiB':>8}{'share':>8}")
    for name, (seconds, mib) in results.items():
        print(
            f"{name:<24}{1000 * seconds:>8.0f}"
            f"{dense_seconds / seconds:>15.2f}{mib:>8.0f}"
            f"{mib / dense_mib:>8.0%}"
        )


def _contestant(name):
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    cells = _CELLS.value
    shape = (_BATCH.value, cells, cells, _JOINTS, cells)
    logits = tf.constant(rng.standard_normal(shape, np.float32))
    pose = tf.constant(rng.random((_BATCH.value, _JOINTS, 3), np.float32))
    if name.startswith("dense"):
        # In the layout that is the best for it.
        logits = tf.transpose(logits, [0, 3, 1, 2, 4])  # B, J, H, W, D
        function = tf.function(_dense, jit_compile=name.endswith("XLA"))
    else:
        function = _ours(with_heatmap=name == "both")
    return lambda: function(logits, pose)[0].numpy()


def _dense(logits, pose):
    """Value and gradient of both losses, as peers write them."""
    import tensorflow as tf

    batch, joints, height, width, depth = logits.shape
    size = tf.constant([width, height, depth], tf.float32)

    def loss(logits):
        flat = tf.reshape(logits, (batch, joints, -1))
        p = tf.reshape(tf.nn.softmax(flat), logits.shape)
        marginals = (
            tf.reduce_sum(p, (2, 4)),
            tf.reduce_sum(p, (3, 4)),
            tf.reduce_sum(p, (2, 3)),
        )
        predicted = tf.stack(
            [
                tf.reduce_sum(part * _centres(part.shape[-1]), -1)
                for part in marginals
            ],
            -1,
        )
        cell = tf.floor(pose * size)
        x, y, z = (
            tf.range(count, dtype=tf.float32) - cell[..., axis, None]
            for axis, count in enumerate((width, height, depth))
        )
        x, y, z = (
            x[:, :, None, :, None],
            y[:, :, :, None, None],
            z[:, :, None, None, :],
        )
        inside = (abs(x) <= 5) & (abs(y) <= 5) & (abs(z) <= 5)
        gaussian = tf.exp(-(x**2 + y**2 + z**2) / 2) / (2 * 3.14159265) ** 0.5
        target = tf.where(inside, gaussian, 0.0)
        p = tf.clip_by_value(p, 1e-7, 1 - 1e-7)
        entropy = -target * tf.math.log(p)
        entropy -= (1 - target) * tf.math.log(1 - p)
        integral = tf.reduce_mean(abs(predicted - pose))
        return integral + 10 * tf.reduce_mean(entropy)

    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(logits)
    return value, tape.gradient(value, logits)


def _centres(count):
    import tensorflow as tf

    return (tf.range(count, dtype=tf.float32) + 0.5) / count


def _ours(with_heatmap):
    import tensorflow as tf

    from keras_pose.heatmap_loss import HeatmapLoss
    from keras_pose.layers import SoftArgmax3D
    from keras_pose.losses import IntegralLoss

    soft_argmax, integral, heatmap = (
        SoftArgmax3D(),
        IntegralLoss(),
        HeatmapLoss(),
    )

    @tf.function(jit_compile=True)
    def ours(logits, pose):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = integral(pose, soft_argmax(logits)[0])
            if with_heatmap:
                value += 10 * heatmap(pose, logits)
        return value, tape.gradient(value, logits)

    return ours


if __name__ == "__main__":
    app.run(main)
