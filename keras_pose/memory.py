"""The memory of this process."""

import ctypes
import resource
import sys

# Of malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_BYTES = 2**30


def keep_freed():
    """Makes the C library keep large blocks that are freed.

    glibc gives each image's memory back to the system as soon as it is freed,
    and the next image's pages are cleared anew; several threads then wait for
    each other in the kernel. `python -m benchmarks.reading`, with and without
    `--keep_freed`, shows what that costs. A process holds as much as it ever
    held at once, no more. It does nothing where there is no glibc.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    set_option(_MMAP_THRESHOLD, _BYTES)
    set_option(_TRIM_THRESHOLD, _BYTES)


def peak_mb():
    """The most memory that this process held, in 10^6 bytes."""
    if sys.platform == "linux":
        # The other count begins with that of the process which started this.
        with open("/proc/self/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["VmHWM"].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
