"""Times contestants in turns, each in a process of its own.

A shared machine is now fast and now slow; in turns, all see the same of it.
"""

import json
import os
import statistics
import subprocess
import sys
import time


def contest(commands, rounds):
    """Runs contestants in turns.

    Args:
        commands: As of `all_runs`.
        rounds: Likewise.

    Returns:
        {name: (median seconds, median peak memory in MiB)}.

    Raises:
        RuntimeError: A contestant died.
    """
    return {
        name: tuple(
            statistics.median(column) for column in zip(*rows, strict=True)
        )
        for name, rows in all_runs(commands, rounds).items()
    }


def all_runs(commands, rounds, pause=0.0):
    """Runs contestants in turns.

    Args:
        commands: {name: command line of a process that calls `serve`}.
        rounds: How often each of them runs.
        pause: Seconds before each run, for the threads of the one before to
            fall asleep.

    Returns:
        {name: [(seconds, peak memory in MiB) of each run]}; the peak is above
        what the process held before its first run, and includes what XLA takes
        to compile.

    Raises:
        RuntimeError: A contestant died.
    """
    processes = {
        name: subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
            text=True,
        )
        for name, command in commands.items()
    }
    results = {name: [] for name in commands}
    try:
        for process in processes.values():
            _answer(process)  # it has warmed up
        for _ in range(rounds):
            for name, process in processes.items():
                time.sleep(pause)
                process.stdin.write("go\n")
                process.stdin.flush()
                results[name].append(_answer(process))
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    return results


def _answer(process):
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args} died")
    return json.loads(line)


def serve(run):
    """Runs a function whenever the parent process asks.

    Args:
        run: Takes nothing, and returns when all is computed.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    before = _memory("VmRSS")
    _forget_peak()
    for _ in range(3):
        run()
    print("null", file=answers, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
        peak = _memory("VmHWM") - before
        print(json.dumps((seconds, peak)), file=answers, flush=True)


def _forget_peak():
    """Makes Linux count the process's peak memory from now on."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def _memory(field):
    """A line of /proc/self/status, MiB."""
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")
