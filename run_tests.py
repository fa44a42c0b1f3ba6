"""Runs the tests, and sets up the environment that they need.

python3 run_tests.py                 the fast ones
python3 run_tests.py -m slow         the others; pytest's flags are taken
"""

import os
import subprocess
import sys

from keras_pose import environment


def main():
    """Checks the style, then the behaviour."""
    environment.enter("requirements-dev.txt")
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    given = sys.argv[1:]
    # A file's tests share what they set up; a process takes up to 4 GB.
    parallel = ["-n", "auto", "--maxprocesses=4", "--dist=loadfile"]
    fast = ["-m", "not slow", *parallel]
    commands = [["pytest", *([] if "-m" in given else fast), *given]]
    if not given:
        commands[:0] = [
            ["ruff", "check", "."],
            ["ruff", "format", "--check", "."],
        ]
    for command in commands:
        print("$", " ".join(command), flush=True)
        done = subprocess.run([sys.executable, "-m", *command], check=False)
        if done.returncode:
            sys.exit(done.returncode)


if __name__ == "__main__":
    main()
