"""Sets up what a script needs, on a machine that has Python alone.

Nothing but the standard library is imported here.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import venv

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_FOLDER = os.path.join(_ROOT, ".venv")
_LEAST_PYTHON = (3, 11)

# What OpenCV's wheel needs of a Linux system, and their Debian packages.
_LIBRARIES = {"libGL.so.1": "libgl1", "libglib-2.0.so.0": "libglib2.0-0"}


def enter(requirements):
    """Runs the calling script again in an environment that has what it needs.

    The environment is `.venv` beside the scripts; it is made when it is
    missing, and brought up to date when a requirements file has changed.
    Returns where the script runs in it already.

    Args:
        requirements: Name of a requirements file beside the scripts.
    """
    if sys.version_info < _LEAST_PYTHON:
        least = ".".join(map(str, _LEAST_PYTHON))
        sys.exit(
            f"error: Python must be {least} or later. Received: "
            f"{sys.version.split()[0]} of {sys.executable}"
        )
    inside = os.path.isdir(_FOLDER) and os.path.samefile(sys.prefix, _FOLDER)
    if inside and _is_current(requirements):
        return
    _install_libraries()
    if not os.path.exists(_python()):
        print("making the environment .venv", flush=True)
        try:
            venv.create(_FOLDER, with_pip=True)
        except BaseException as error:
            shutil.rmtree(_FOLDER, ignore_errors=True)
            if not isinstance(error, subprocess.CalledProcessError):
                raise
            sys.exit(
                "error: no environment could be made; on Debian and Ubuntu "
                f"`apt-get install python3-venv` helps. Python says: {error}"
            )
    if not _is_current(requirements):
        print(f"installing {requirements}, about a minute", flush=True)
        pip = [_python(), "-m", "pip", "install", "--quiet"]
        path = os.path.join(_ROOT, requirements)
        done = subprocess.run([*pip, "-r", path], check=False)
        if done.returncode:
            sys.exit(f"error: pip could not install {requirements}")
        with open(_stamp(requirements), "w", encoding="utf-8") as file:
            file.write(_digest())
    arguments = [_python(), *sys.argv]
    if os.name == "nt":  # where exec would not wait
        sys.exit(subprocess.run(arguments, check=False).returncode)
    os.execv(arguments[0], arguments)


def _python():
    place = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(_FOLDER, *place)


def _stamp(requirements):
    return os.path.join(_FOLDER, f"installed-{requirements}")


def _digest():
    """Of all the requirements files, which name one another."""
    content = b""
    for name in sorted(os.listdir(_ROOT)):
        if name.startswith("requirements") and name.endswith(".txt"):
            with open(os.path.join(_ROOT, name), "rb") as file:
                content += file.read()
    return hashlib.sha256(content).hexdigest()


def _is_current(requirements):
    try:
        with open(_stamp(requirements), encoding="utf-8") as file:
            return file.read() == _digest()
    except FileNotFoundError:
        return False


def _install_libraries():
    """Installs OpenCV's system libraries on a bare Linux, or says how to."""
    if sys.platform != "linux":
        return
    missing = []
    for library, package in _LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    if not missing:
        return
    command = ["apt-get", "install", "-qq", "-y", *missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(" ".join(command), flush=True)
        # The lists of a slim image are empty.
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        if subprocess.run(command, check=False).returncode == 0:
            return
    sys.exit(
        f"error: OpenCV needs the system's {' and '.join(missing)}; on Debian "
        f"and Ubuntu: sudo {' '.join(command)}"
    )
