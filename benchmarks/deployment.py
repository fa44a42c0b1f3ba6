"""One image and eight through every artefact, beside PyTorch.

python -m benchmarks.deployment --torch_python=VENV/bin/python [--rounds=15]
    [--model=runs/h36m] [--batches=1,8] [--only=onnx,openvino_bfloat16]

The network is ResNet50 at 256x256 pixels with 64x64x64 cells, of random weights
unless --model is given; the peer is the same one in PyTorch as the published
repositories write it. All run in turns, each in a process of its own with all
cores, which takes 10 GB of memory for all of them. The ratio is how many times
as fast the median is; minima are given as well, for machines are shared.
"""

import os
import statistics
import subprocess
import sys
import tempfile

from absl import app
from absl import flags

from benchmarks import turns

_TORCH = flags.DEFINE_string("torch_python", sys.executable, "With PyTorch.")
_ROUNDS = flags.DEFINE_integer("rounds", 15, "Calls of each.", 1)
_BATCHES = flags.DEFINE_list("batches", ["1", "8"], "Images of a call.")
_MODEL = flags.DEFINE_string("model", None, "A run's folder or .keras file.")
_ONLY = flags.DEFINE_list("only", [], "Artefacts to run; all where empty.")
_WRITE = flags.DEFINE_string("write", None, "Write artefacts to this folder.")
_RUN = flags.DEFINE_list("run", None, "Be this contestant: PATH,BATCH.")

# Name -> path below the folder that they are written to.
_ARTEFACTS = {
    "keras": "model.keras",
    "saved_model": "saved_model",
    "tflite_float32": "float32.tflite",
    "tflite_float16": "float16.tflite",
    "tflite_int8": "int8.tflite",
    "onnx": "model.onnx",
    "openvino_float32": "openvino_float32",
    "openvino_bfloat16": "openvino_bfloat16",
    "openvino_int8": "openvino_int8",
}
# ONNX Runtime's threads go on spinning after a call.
_PAUSE = 0.3
_PEERS = ("float32", "channels_last", "bfloat16")


def main(argv):
    """Runs the contest, or is one of its parts."""
    del argv
    if _RUN.value:
        turns.serve(_call(*_RUN.value))
    elif _WRITE.value:
        _write(_WRITE.value)
    else:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([*_ourselves(), f"--write={folder}"], check=True)
            for batch in _BATCHES.value:
                commands = _commands(folder, batch)
                _print(batch, turns.all_runs(commands, _ROUNDS.value, _PAUSE))


def _ourselves():
    passed = [f"--only={','.join(_ONLY.value)}"]
    if _MODEL.value:
        passed.append(f"--model={_MODEL.value}")
    return [sys.executable, "-m", "benchmarks.deployment", *passed]


def _names():
    return [
        name for name in _ARTEFACTS if name in _ONLY.value or not _ONLY.value
    ]


def _commands(folder, batch):
    commands = {}
    has_torch = subprocess.run(
        [_TORCH.value, "-c", "import torch"], stderr=subprocess.DEVNULL
    )
    if has_torch.returncode:
        print(f"no PyTorch: {_TORCH.value} has none, see --torch_python")
    else:
        peer = [_TORCH.value, "-m", "benchmarks.torch_network"]
        commands = {f"torch {p}": [*peer, p, batch] for p in _PEERS}
    for name in _names():
        path = os.path.join(folder, _ARTEFACTS[name])
        commands[name] = [*_ourselves(), f"--run={path},{batch}"]
    return commands


def _print(batch, runs):
    times = {
        name: [1000 * seconds for seconds, _ in rows]
        for name, rows in runs.items()
    }
    medians = {name: statistics.median(t) for name, t in times.items()}
    peers = [f"torch {p}" for p in _PEERS if f"torch {p}" in times]
    print(f"\n{f'batch of {batch}':<20}{'ms':>8}{'least':>8}", end="")
    print("".join(f"{f'x {peer}':>22}" for peer in peers))
    for name, median in medians.items():
        ratios = "".join(f"{medians[p] / median:>22.2f}" for p in peers)
        print(f"{name:<20}{median:>8.1f}{min(times[name]):>8.1f}{ratios}")


def _call(path, batch):
    """A function that runs an artefact."""
    import numpy as np

    from keras_pose.serving import artefacts

    artefact = artefacts.load(path)
    size = artefact.spec.input_size
    images = np.random.default_rng(0).integers(
        0, 256, (int(batch), size, size, 3), np.uint8
    )
    return lambda: artefact.predict(images)


def _write(folder):
    """Writes the artefacts."""
    from keras_pose.serving import onnx_model
    from keras_pose.serving import openvino_model
    from keras_pose.serving import parity
    from keras_pose.serving import saved_model
    from keras_pose.serving import tflite
    from keras_pose.serving.artefacts import save_keras
    from keras_pose.serving.inference_network import inference_network

    model, spec = _network()
    network = inference_network(model)
    turned = inference_network(model, channels_first=True)
    turned_whole = inference_network(model, channels_first=True, phases=False)
    plain, plain_turned = f"{folder}/plain", f"{folder}/plain_turned"
    saved_model.export_network(network, plain)
    saved_model.export_network(turned_whole, plain_turned)
    crops = parity.synthetic_crops(spec, 16).images
    for name in _names():
        path = os.path.join(folder, _ARTEFACTS[name])
        family, _, precision = name.partition("_")
        if name == "keras":
            save_keras(model, spec, path)
        elif name == "saved_model":
            saved_model.export_saved_model(network, spec, path)
        elif name == "onnx":
            onnx_model.export_onnx(turned, spec, path)
        elif family == "tflite":
            tflite.export_tflite(plain, spec, path, precision, crops)
        else:
            openvino_model.export_openvino(
                plain_turned, spec, path, precision, crops
            )


def _network():
    from keras_pose import models
    from keras_pose.geometry.volume import MetricVolume
    from keras_pose.pose_spec import PoseSpec
    from keras_pose.serving import artefacts
    from keras_pose.skeleton import H36M_17

    if _MODEL.value:
        path = artefacts.network_file(_MODEL.value)
        return artefacts.load_keras_model(path)
    spec = PoseSpec(H36M_17, MetricVolume(), 256, 1.25, (0.0,) * 17)
    return models.pose_net(17, "resnet50"), spec


if __name__ == "__main__":
    app.run(main)
