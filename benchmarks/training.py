"""A training step of the report's ResNet50, against the same net in PyTorch.

python prepare.py --source=synthetic --count=500 --out=data/benchmark
python -m benchmarks.training --data=data/benchmark/train \
    [--torch_python=VENV/bin/python] [--rounds=5]

256x256 pixels, 17 volumes of 64x64x64 cells, batch of 8, Adam; the step is the
one of train.py, fed from memory, or from --data with all of the report's
augmentation. The PyTorch network is written as the
published repositories of integral regression write theirs, and runs eagerly,
channels-first and channels-last; its Python needs absl-py too. Each contestant
needs some 3 GB of memory; they run in two groups, float32 and bfloat16.
"""

import itertools
import sys

from absl import app
from absl import flags

from benchmarks import turns

_DATA = flags.DEFINE_string("data", None, "Folder made by prepare.py.")
_TORCH = flags.DEFINE_string("torch_python", None, "Python that has torch.")
_BATCH = flags.DEFINE_integer("batch_size", 8, "Images.", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Steps of each.", 1)
_RUN = flags.DEFINE_string("run", None, "Be this contestant.")

_JOINTS, _CELLS, _SIZE = 17, 64, 256


def main(argv):
    """Runs the contest, or is one of its contestants."""
    del argv
    if _RUN.value:
        package, *settings = _RUN.value.split()
        make = _torch_step if package == "torch" else _keras_step
        turns.serve(make(*settings))
        return
    for precision in ("float32", "bfloat16"):
        names = [
            f"keras {precision} integral",
            f"keras {precision} integral+heatmap",
        ]
        if _DATA.value:
            names.append(f"keras {precision} integral disk")
        if _TORCH.value:
            names += [
                f"torch {precision} channels-first",
                f"torch {precision} channels-last",
            ]
        commands = {}
        for name in names:
            python = sys.executable if name[0] == "k" else _TORCH.value
            commands[name] = [
                python,
                "-m",
                "benchmarks.training",
                *sys.argv[1:],
                f"--run={name}",
            ]
        _print(turns.contest(commands, _ROUNDS.value))


def _print(results):
    first = next(iter(results.values()))[0]
    print(f"{'':<36}{'s':>8}{'images/s':>10}{'time':>8}{'GiB':>8}")
    for name, (seconds, mib) in results.items():
        print(
            f"{name:<36}{seconds:>8.3f}{_BATCH.value / seconds:>10.2f}"
            f"{seconds / first:>8.3f}{mib / 1024:>8.2f}"
        )


def _keras_step(precision, losses, source="memory"):
    """A step of train.py; the loss is read at its end."""
    from configs.report import integral
    from keras_pose.data.order import Order
    from keras_pose.data.store import Records
    from keras_pose.geometry.volume import MetricVolume
    from keras_pose.pose_spec import PoseSpec
    from keras_pose.skeleton import H36M_17
    from keras_pose.training import build
    from keras_pose.training.learner import Learner
    from keras_pose.training.strategy import make_strategy
    from keras_pose.training.tensorflow_engine import TensorFlowEngine

    config = integral.get_config()
    config.loss.heatmap = 10.0 if "heatmap" in losses else 0.0
    if precision == "bfloat16":
        config.train.precision = "mixed_bfloat16"
    spec = PoseSpec(H36M_17, MetricVolume(), _SIZE, 1.2, (0.0,) * _JOINTS)
    engine = TensorFlowEngine(make_strategy())
    step = Learner(config, spec, engine, total_steps=1000).step_of(0)

    if source == "disk":
        records = Records([_DATA.value])
        batches = engine.batches(
            records,
            Order(len(records), _BATCH.value, seed=0),
            spec,
            seed=0,
            augmentation=build.make_augmentation(config, spec),
        )
    else:
        batches = itertools.repeat(_batch_in_memory())
    return lambda: step(batches, [0.0, 0.0])[0]["loss"]


def _batch_in_memory():
    import numpy as np
    import tensorflow as tf

    from keras_pose.geometry.volume import View

    rng = np.random.default_rng(0)
    batch = _BATCH.value
    eyes = np.tile(np.eye(3, dtype=np.float32), (batch, 1, 1))
    joints = rng.uniform(-900, 900, (batch, _JOINTS, 3)).astype(np.float32)
    labels = {
        "image": rng.integers(0, 256, (batch, _SIZE, _SIZE, 3), np.uint8),
        "pose": joints / 2200 + 0.5,
        "weight": np.ones_like(joints),
        "joints_mm": joints,
        "weight_3d": np.ones_like(joints[..., 0]),
        "view": View(
            eyes,
            eyes,
            np.zeros((batch, 5), np.float32),
            np.zeros((batch, 1, 1), np.float32),
        ),
    }
    return tf.nest.map_structure(tf.constant, labels)


def _torch_step(precision, layout):
    """The same network and integral loss, as the peers' code has them."""
    import os

    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(os.cpu_count())

    def normed(convolution):
        return nn.Sequential(
            convolution, nn.BatchNorm2d(convolution.out_channels)
        )

    def conv(inputs, outputs, kernel, stride=1):
        padding = kernel // 2
        return normed(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        )

    class Bottleneck(nn.Module):
        def __init__(self, inputs, width, stride):
            super().__init__()
            self.a = conv(inputs, width, 1)
            self.b = conv(width, width, 3, stride)
            self.c = conv(width, 4 * width, 1)
            self.beside = nn.Identity()
            if stride > 1 or inputs != 4 * width:
                self.beside = conv(inputs, 4 * width, 1, stride)

        def forward(self, x):
            y = torch.relu_(self.b(torch.relu_(self.a(x))))
            return torch.relu_(self.c(y) + self.beside(x))

    layers = [conv(3, 64, 7, 2), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for width, blocks, stride in (
        (64, 3, 1),
        (128, 4, 2),
        (256, 6, 2),
        (512, 3, 2),
    ):
        for block in range(blocks):
            layers.append(Bottleneck(inputs, width, 1 if block else stride))
            inputs = 4 * width
    for _ in range(3):
        deconv = nn.ConvTranspose2d(inputs, 256, 4, 2, 1, bias=False)
        layers += [normed(deconv), nn.ReLU(True)]
        inputs = 256
    layers.append(nn.Conv2d(256, _JOINTS * _CELLS, 1))
    network = nn.Sequential(*layers).train()

    batch = _BATCH.value
    images = torch.rand(batch, 3, _SIZE, _SIZE) * 2 - 1
    pose = torch.rand(batch, _JOINTS, 3)
    if layout == "channels-last":
        network = network.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    centres = (torch.arange(_CELLS) + 0.5) / _CELLS

    def loss_of(heatmaps):
        p = heatmaps.float().reshape(batch, _JOINTS, -1).softmax(2)
        p = p.reshape(batch, _JOINTS, _CELLS, _CELLS, _CELLS)  # z, y, x
        marginals = (p.sum((2, 3)), p.sum((2, 4)), p.sum((3, 4)))
        predicted = [(part * centres).sum(2) for part in marginals]
        return (torch.stack(predicted, 2) - pose).abs().mean()

    def step():
        with torch.autocast("cpu", torch.bfloat16, precision == "bfloat16"):
            heatmaps = network(images)
        loss = loss_of(heatmaps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


if __name__ == "__main__":
    app.run(main)
