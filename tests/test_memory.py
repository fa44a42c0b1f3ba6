import ctypes
import subprocess
import sys

import pytest

from keras_pose import memory

# Faults of pages while many large blocks are taken, written to and freed.
FAULTS = """
import resource, sys
import numpy as np
from keras_pose import memory
if sys.argv[1] == "kept":
    memory.keep_freed()
def use():
    blocks = [np.ones(5 * 2**20, np.uint8) for _ in range(8)]
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(kind):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, kind],
        capture_output=True,
        check=True,
        text=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="there is no glibc"
)
def test_freed_blocks_are_used_again():
    assert faults("kept") < faults("as_it_is") / 4


def test_both_thresholds_are_raised(monkeypatch):
    said = []

    class Libc:
        def mallopt(self, option, value):
            said.append((option, value))

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Libc())
    memory.keep_freed()
    assert sorted(said) == [(-3, 2**30), (-1, 2**30)]


def test_it_does_nothing_without_glibc(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert memory.keep_freed() is None


# What the process that starts another one held is not the other's.
PEAK = """
import sys
from keras_pose import memory
before = memory.peak_mb()
block = b"x" * (int(sys.argv[1]) * 10**6)
del block
print(before, memory.peak_mb())
"""


def test_peak_is_the_process_s_own_and_stays():
    held = b"x" * 400_000_000
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "200"],
        capture_output=True,
        check=True,
        text=True,
    )
    del held
    before, after = map(float, done.stdout.split())
    assert before < 100
    assert 190 < after - before < 210
