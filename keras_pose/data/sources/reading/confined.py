"""Reading strange files in a process of their own, with limits.

Readers of MATLAB's and NASA's formats trust what a file says of its sizes. A
file that lies makes them fill the memory, loop, or write where they must not;
all that ends with the process, and the error names the file.
"""

import importlib
import os
import resource
import subprocess
import sys
import tempfile

import numpy as np

from keras_pose.data.sources.reading import files

# What a file may take grows with it: a damaged one of some kB that claims GB
# is refused at once. Libraries alone take 0.4 GiB of address space; the arrays
# that a file of 1 MB unpacks to are many times larger.
BASE_MEMORY_BYTES = 3 * 2**28
MEMORY_PER_BYTE = 128
MAX_MEMORY_BYTES = 4 * 2**30
BASE_SECONDS = 60
BYTES_PER_SECOND = 250_000
MAX_SECONDS = 600
_REFUSED = 3  # exit code of a reader that says what is wrong


def limits_of(size):
    """What reading a file may take.

    Args:
        size: Of the file, bytes.

    Returns:
        Bytes of address space, and seconds.
    """
    memory = BASE_MEMORY_BYTES + MEMORY_PER_BYTE * size
    seconds = BASE_SECONDS + size // BYTES_PER_SECOND
    return min(memory, MAX_MEMORY_BYTES), min(seconds, MAX_SECONDS)


def read(reader, path, **arguments):
    """Calls a reader in another process.

    Args:
        reader: Name of a function as "package.module:function", which takes
            `path` and `arguments` and gives a dict of arrays of numbers or of
            text, and raises ValueError for a file that it cannot read.
        path: The file.
        arguments: Texts.

    Returns:
        The dict.

    Raises:
        ValueError: Names the file, and what is wrong with it.
    """
    size = files.check_file(path)
    memory, seconds = limits_of(size)
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "arrays.npz")
        pairs = [part for pair in arguments.items() for part in pair]
        call = f"from {__name__} import main; main()"
        command = [sys.executable, "-c", call, reader, path, out]
        try:
            done = subprocess.run(
                [*command, str(memory), *pairs],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                env=_environment(),
            )
        except subprocess.TimeoutExpired as error:
            raise ValueError(
                f"{path}: must be read within {seconds} s, for its {size} bytes"
            ) from error
        if done.returncode != 0:
            raise ValueError(f"{path}: {_reason(done)}")
        with np.load(out, allow_pickle=False) as arrays:
            return dict(arrays)


def _environment():
    """Where the other process finds this package, and one thread of BLAS."""
    package = __name__.partition(".")[0]
    top = os.path.dirname(os.path.dirname(sys.modules[package].__file__))
    paths = [top, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **os.environ,
        # An empty path is the current folder, like the one that Python puts
        # first: a numpy.py that lies beside the data would be run.
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONSAFEPATH": "1",
        # Each thread of it takes address space, which is limited.
        "OPENBLAS_NUM_THREADS": "1",
    }


def _reason(done):
    lines = done.stderr.strip().splitlines()
    last = lines[-1] if lines else f"exit code {done.returncode}"
    if done.returncode == _REFUSED:
        return last
    if done.returncode < 0:
        return f"its reader was ended by signal {-done.returncode}"
    return f"it cannot be read: {last}"


def main():
    """What the other process does, with its command line."""
    reader, path, out, memory, *pairs = sys.argv[1:]
    memory = int(memory)
    if sys.platform == "linux":  # others do not keep it
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    module, _, function = reader.partition(":")
    call = getattr(importlib.import_module(module), function)
    arguments = dict(zip(pairs[::2], pairs[1::2], strict=True))
    try:
        arrays = call(path, **arguments)
    except ValueError as error:
        print(" ".join(str(error).splitlines()), file=sys.stderr)
        sys.exit(_REFUSED)
    except MemoryError:
        size = os.path.getsize(path)
        print(
            f"must be read in at most {memory} bytes of memory, for its {size} "
            "bytes",
            file=sys.stderr,
        )
        sys.exit(_REFUSED)
    np.savez(out, **arrays)
