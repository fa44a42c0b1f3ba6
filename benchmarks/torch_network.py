"""The network of the published PyTorch repositories, as they write it.

VENV/bin/python -m benchmarks.torch_network PRECISION BATCH

ResNet50 at 256x256 px, three transposed convolutions, 64x64x64 cells for each
of 17 joints, and their soft-argmax as sums over a softmax. A contestant of
`benchmarks.deployment`, in the interpreter that has PyTorch. PRECISION is
float32, channels_last or bfloat16 (autocast, channels last).

Source: Sun et al., "Integral Human Pose Regression", 2018, and its code.
"""

import contextlib
import os
import sys

import torch
from torch import nn

from benchmarks import turns

_JOINTS, _CELLS = 17, 64
# Width of the bottleneck, blocks, stride of the first.
_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


class _Bottleneck(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        out = 4 * width
        self.branch = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or channels != out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False),
                nn.BatchNorm2d(out),
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.branch(x) + self.shortcut(x))


class _Network(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        ]
        channels = 64
        for width, blocks, stride in _STAGES:
            for block in range(blocks):
                layers.append(
                    _Bottleneck(channels, width, 1 if block else stride)
                )
                channels = 4 * width
        for _ in range(3):
            layers += [
                nn.ConvTranspose2d(channels, 256, 4, 2, 1, bias=False),
                nn.BatchNorm2d(256),
                nn.ReLU(inplace=True),
            ]
            channels = 256
        layers.append(nn.Conv2d(channels, _JOINTS * _CELLS, 1))
        self.layers = nn.Sequential(*layers)
        self.register_buffer("places", torch.arange(_CELLS).float())

    def forward(self, pixels):
        logits = self.layers(pixels).float().reshape(len(pixels), _JOINTS, -1)
        mass = torch.softmax(logits, 2)
        mass = mass.reshape(-1, _JOINTS, _CELLS, _CELLS, _CELLS)
        return torch.stack(
            [
                (mass.sum(axes) * self.places).sum(2)
                for axes in ((2, 3), (2, 4), (3, 4))
            ],
            2,
        )


def main(precision, batch):
    """Serves the network."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    network = _Network().eval()
    images = torch.randint(0, 256, (int(batch), 3, 256, 256)) / 128 - 1
    autocast = contextlib.nullcontext
    if precision != "float32":
        network = network.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    if precision == "bfloat16":
        autocast = lambda: torch.autocast("cpu", torch.bfloat16)  # noqa: E731

    def run():
        with torch.inference_mode(), autocast():
            network(images)

    turns.serve(run)


if __name__ == "__main__":
    main(*sys.argv[1:])
