"""train.py as a user starts it: processes, each with a folder and a command."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import zipfile

import h5py
import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

from keras_pose.data.conversion import convert

ROOT = pathlib.Path(__file__).parents[2]
# The smallest network that a recipe can name; every random operation of a step
# is one that repeats.
TINY = (
    "--config.model.input_size=64",
    "--config.model.deconv_filters=8",
    "--config.model.depth_bins=4",
    "--config.train.batch_size=8",
    "--config.train.warmup_steps=5",
    "--config.train.validation_every=2",
    "--config.train.deterministic=true",
    "--config.train.checkpoint_minutes=0",
)
PATIENCE = 600.0  # seconds for what takes ten to sixty on an idle machine


class Started:
    """A process, and what it has said so far."""

    def __init__(self, command, environment, log):
        self._log = log
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, *map(str, command)],
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=os.environ | environment,
            )

    @property
    def is_running(self):
        return self.process.poll() is None

    @property
    def output(self):
        return self._log.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def ended(self, seconds=PATIENCE):
        """Its exit code, once it has ended; as a shell gives it."""
        code = self.process.wait(seconds)
        return 128 - code if code < 0 else code

    def kill(self):
        self.process.kill()
        self.process.wait()


class Run:
    """A folder, and the command or the workers' commands that train there.

    Args:
        workdir: The folder.
        arguments: Flags of train.py.
        num_workers: Processes; more than one train by `multi_worker`.
        cluster: How these find each other, see train.py.
    """

    def __init__(self, workdir, arguments, num_workers=1, cluster="tf_config"):
        self.workdir = pathlib.Path(workdir)
        self.started = []
        self._arguments = arguments
        self._num_workers = num_workers
        self._cluster = cluster

    def start(self):
        """Starts all workers; gives the Started of each."""
        self.stop()
        command = [
            ROOT / "train.py",
            f"--workdir={self.workdir}",
            *self._arguments,
        ]
        environments = [{}]
        if self._num_workers > 1:
            command[1:1] = [
                "--strategy=multi_worker",
                f"--cluster={self._cluster}",
            ]
            environments = _environments(self._cluster, self._num_workers)
        self.started = [
            Started(
                command,
                environment,
                self.workdir.with_name(f"{self.workdir.name}-{worker}.log"),
            )
            for worker, environment in enumerate(environments)
        ]
        return self.started

    def finish(self):
        """Starts it and waits until it has trained all epochs."""
        for started in self.start():
            assert started.ended() == 0, started.output
        return self

    def stop(self):
        for started in self.started:
            started.kill()

    def checkpoints(self):
        """Names of the checkpoints, the oldest first."""
        folder = self.workdir / "checkpoints"
        names = [path.name for path in folder.glob("*.npz")]
        return sorted(names, key=lambda name: int(name.partition("-")[0]))

    def wait_for_progress(self):
        """Waits until a worker that was just started has saved, or ended."""
        before, limit = self.checkpoints(), time.monotonic() + PATIENCE
        while self.checkpoints()[-1:] == before[-1:] and all(
            started.is_running for started in self.started
        ):
            assert time.monotonic() < limit, self.started[0].output
            time.sleep(0.02)

    def rows(self):
        """The lines of metrics.jsonl, without what depends on the clock."""
        text = (self.workdir / "metrics.jsonl").read_text()
        return [
            {
                tag: value
                for tag, value in json.loads(line).items()
                if tag != "time" and not tag.startswith("speed/")
            }
            for line in text.splitlines()
        ]

    def curves(self):
        """{tag: [(step, value)]} of what TensorBoard shows, likewise."""
        events = event_accumulator.EventAccumulator(
            str(self.workdir / "tensorboard"),
            {event_accumulator.TENSORS: 0},
            purge_orphaned_data=False,  # which would hide what is twice
        )
        events.Reload()
        return {
            tag: [
                (one.step, float(tensor_util.make_ndarray(one.tensor_proto)))
                for one in events.Tensors(tag)
            ]
            for tag in events.Tags()["tensors"]
            if "/" in tag and not tag.startswith("speed/")
        }

    def content(self):
        """All that the run has learnt and written, bit by bit, by name."""
        with np.load(
            self.workdir / "checkpoints" / self.checkpoints()[-1]
        ) as f:
            content = {name: f[name].tobytes() for name in f.files}
        for network in ("best.keras", "last.keras"):
            for name, array in _weights(self.workdir / network).items():
                content[f"{network}: {name}"] = array.tobytes()
        for path in self.workdir.glob("pictures/*"):
            content[path.name] = path.read_bytes()
        content["scores.json"] = (self.workdir / "scores.json").read_bytes()
        content["rows"], content["curves"] = self.rows(), self.curves()
        return content


def _weights(path):
    arrays = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with (
        zipfile.ZipFile(path) as archive,
        archive.open("model.weights.h5") as member,
        h5py.File(member) as file,
    ):
        file.visititems(keep)
    return arrays


def _environments(cluster, count):
    """What tells each worker of the others, all on this machine."""
    if cluster == "slurm":
        return [
            {
                "SLURM_PROCID": str(worker),
                "SLURM_STEP_NUM_TASKS": str(count),
                "SLURM_STEP_NODELIST": "localhost",
                "SLURM_STEP_TASKS_PER_NODE": str(count),
            }
            for worker in range(count)
        ]
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        workers = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    return [
        {
            "TF_CONFIG": json.dumps(
                {
                    "cluster": {"worker": workers},
                    "task": {"type": "worker", "index": worker},
                }
            )
        }
        for worker in range(count)
    ]


@pytest.fixture
def make_folder(tmp_path, make_source, make_sample):
    """Gives `(name, count, first) -> folder` of samples in shards of 7."""

    def make(name, count, first=0):
        samples = map(make_sample, range(first, first + count))
        convert(
            make_source(samples, count), tmp_path / name, samples_per_shard=7
        )
        return tmp_path / name

    return make


@pytest.fixture
def make_run(tmp_path, make_folder):
    """Gives `(name, *arguments, ...) -> Run` of 40 people, ended afterwards."""
    train, held = make_folder("train", 40), make_folder("held", 10, 1000)
    runs = []

    # A flag of several values that is given twice has all of them.
    def make(name, *arguments, validation=held, **options):
        arguments = (
            f"--config.data.train=('{train}',)",
            f"--config.data.validation=('{validation}',)",
            *TINY,
            *arguments,
        )
        runs.append(Run(tmp_path / name, arguments, **options))
        return runs[-1]

    yield make
    for run in runs:
        run.stop()


class Disk:
    """A small disk of its own."""

    def __init__(self, folder):
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self):
        """Takes all that is left of it."""
        with open(self._ballast, "wb", buffering=0) as file:
            for size in (2**20, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size) == size:
                        pass

    def make_room(self):
        """Gives that back."""
        self._ballast.unlink()


@pytest.fixture
def small_disk(tmp_path):
    """A Disk of 160 MB; needs root, on Linux."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be made here: {mounted.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)
