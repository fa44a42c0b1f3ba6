"""One run after the other, each hit again and again until it is done.

The kinds of faults and their instants are drawn at random, from a seed that is
printed. After each of them the same command goes on, and what comes out at the
end must be, bit by bit, what an uninterrupted run leaves.
"""

import collections
import json
import os
import random
import signal
import subprocess
import time

import pytest

FAULTS = int(os.environ.get("KERAS_POSE_FAULTS", "30"))
SEED = int(os.environ.get("KERAS_POSE_FAULT_SEED", time.time_ns() % 10**6))
EPOCHS = "--config.train.epochs=30"
AFTER_PROGRESS = 4.0  # seconds, the latest of a fault after the first step
STARTING = 20.0  # seconds, of a fault that may come before it
NOTICED = 60.0  # seconds, until a run ends for a fault


class Faults:
    """What may go wrong with a run in one process.

    Each method brings its fault about, waits until the run has ended, puts
    things right again, and returns the name under which it is counted.
    """

    def __init__(self, run, disk, shards, draw):
        self._run = run
        self._disk = disk
        self._shards = shards
        self._draw = draw

    def kill_at_any_time(self):
        time.sleep(self._draw.uniform(0, STARTING))
        return self._killed("killed at any time")

    def kill_while_it_trains(self):
        self._train_on()
        return self._killed("killed while it trained")

    def kill_in_a_checkpoint(self):
        self._train_on()
        self._wait_for("checkpoints/*.new")
        name = self._killed("killed while it wrote a checkpoint")
        torn = list(self._run.workdir.glob("checkpoints/*.new"))
        return name if torn else "killed just after a checkpoint"

    def kill_in_a_network(self):
        self._train_on()
        self._wait_for(".partial-*.keras")
        name = self._killed("killed while it wrote a network")
        torn = list(self._run.workdir.glob(".partial-*"))
        return name if torn else "killed just after a network"

    def signal(self):
        self._train_on()
        number = self._draw.choice([signal.SIGTERM, signal.SIGINT])
        self._started.signal(number)
        if self._ended(128 + number):
            assert f"stopped by {number.name}" in self._last_line()
        return number.name

    def fill_the_disk(self):
        self._train_on()
        self._disk.fill()
        if self._ended(1):
            assert "No space left on device" in self._last_line()
        self._disk.make_room()
        return "disk full"

    def remove_a_shard_at_any_time(self):
        """A run that has it open knows nothing of it."""
        time.sleep(self._draw.uniform(0, STARTING))
        return self._without_shard("shard removed from a run")

    def remove_a_shard_between_starts(self):
        self._train_on()
        self._killed("")
        if self._started.process.returncode:
            (self._started,) = self._run.start()
        return self._without_shard("killed, and a shard removed")

    def _without_shard(self, name):
        shard = self._draw.choice(self._shards)
        aside = shard.with_suffix(".aside")
        shard.rename(aside)
        if self._ended(1, STARTING):
            said = self._last_line()
            assert str(shard) in said
            assert "No such file or directory" in said
        elif self._started.is_running:
            self._killed(name)
            name = f"{name} that had it open"
        aside.rename(shard)
        return name

    def damage_a_checkpoint(self):
        self._train_on()
        self._killed("")
        if len(self._run.checkpoints()) < 2:
            return "killed while it trained"
        path = self._run.workdir / "checkpoints" / self._run.checkpoints()[-1]
        content = bytearray(path.read_bytes())
        content[self._draw.randrange(len(content) // 2)] ^= 0xFF
        path.write_bytes(content[: -self._draw.randrange(1, 9)])
        return "killed, and the newest checkpoint damaged"

    def strike(self):
        """Starts the run and strikes it by one of these.

        Returns:
            The name of the fault; None if the run was done before.
        """
        before = self._run.checkpoints()
        (self._started,) = self._run.start()
        kinds = [
            self.kill_at_any_time,
            self.kill_while_it_trains,
            self.kill_in_a_checkpoint,
            self.kill_in_a_network,
            self.signal,
            self.fill_the_disk,
            self.remove_a_shard_at_any_time,
            self.remove_a_shard_between_starts,
            self.damage_a_checkpoint,
        ]
        name = self._draw.choice(kinds)()
        after = self._run.checkpoints()
        if before:
            assert number_of(after[-1]) >= number_of(before[-1])
        if self._started.process.returncode == 0:
            return None
        return name

    def _train_on(self):
        self._run.wait_for_progress()
        self._check_not_failed()
        time.sleep(self._draw.uniform(0, AFTER_PROGRESS))

    def _wait_for(self, pattern):
        while self._started.is_running:
            if next(self._run.workdir.glob(pattern), None):
                return

    def _killed(self, name):
        self._check_not_failed()
        self._started.kill()
        return name

    def _check_not_failed(self):
        code = self._started.process.poll()
        assert code in (None, 0), self._started.output

    def _ended(self, code, seconds=NOTICED):
        """Waits; whether it has ended for the fault, and not before it."""
        try:
            received = self._started.ended(seconds)
        except subprocess.TimeoutExpired:
            assert seconds < NOTICED, self._started.output
            return False
        assert received in (code, 0), self._started.output
        return received == code

    def _last_line(self):
        return self._started.output.splitlines()[-1]


def number_of(checkpoint):
    return int(checkpoint.partition("-")[0])


@pytest.mark.slow
def test_run_survives_faults_at_random_instants(make_run, small_disk, tmp_path):
    print(f"seed {SEED}")
    whole = make_run("whole", EPOCHS).finish().content()
    run = make_run("cut", EPOCHS)
    shards = sorted((tmp_path / "train").glob("*.tfrecord"))
    draw = random.Random(SEED)
    counts = collections.Counter()
    runs = 0
    while counts.total() < FAULTS:
        runs += 1
        run.workdir = small_disk.folder / f"run{runs}"
        faults = Faults(run, small_disk, shards, draw)
        while counts.total() < FAULTS:
            name = faults.strike()
            if name is None:
                break
            counts[name] += 1
            print(counts.total(), name, run.checkpoints()[-1:], flush=True)
        assert run.finish().content() == whole
        starts = json.loads((run.workdir / "run.json").read_text())["starts"]
        print(f"run {runs}: {len(starts)} starts, equal to one never stopped")
        for path in sorted(run.workdir.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    for name, count in sorted(counts.items()):
        print(f"{count:3} {name}")
