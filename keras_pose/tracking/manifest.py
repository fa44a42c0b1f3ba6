"""run.json: where the weights beside it come from.

It says what a run was told, which data it saw, and for each of its starts when,
where and with which versions it ran.
"""

import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import socket
import subprocess
import sys

from keras_pose import __version__
from keras_pose.data import records
from keras_pose.durable import replaced

RUN_FILE = "run.json"
_PACKAGES = (
    "keras",
    "tensorflow",
    "jax",
    "numpy",
    "opencv-python",
    "imgaug",
)
_GIT_SECONDS = 20  # a file system that hangs must not stop a run


def describe_data(folders):
    """What identifies the data of a run.

    Args:
        folders: {use, as "train": folders made by prepare.py}.

    Returns:
        {use: rows of "folder", "count" and "sha256"}; the checksum is that of
        `dataset.json`, which holds those of all shards.

    Raises:
        ValueError: A folder is no data set.
    """
    return {
        use: [_data_row(x) for x in names] for use, names in folders.items()
    }


def check_data(workdir, data):
    """Checks that a run goes on with the data that it began with.

    Args:
        workdir: Folder of the run; one without a run.json passes.
        data: Of `describe_data`.

    Raises:
        ValueError: The data differ; names the folder and both checksums.
    """
    run = read_run(workdir)
    if run is None:
        return
    for use in sorted(run["data"].keys() | data.keys()):
        before, now = run["data"].get(use, []), data.get(use, [])
        if len(before) != len(now):
            raise ValueError(
                f"`data.{use}` must be the {len(before)} folders that the run "
                f"in {workdir} began with. Received: {len(now)}"
            )
        for old, new in zip(before, now, strict=True):
            if old["sha256"] != new["sha256"]:
                raise ValueError(
                    f"`data.{use}` must hold what the run in {workdir} began "
                    f"with: {old['folder']}, {old['count']} samples, SHA-256 "
                    f"of {records.INFO_FILE} {old['sha256']}. Received: "
                    f"{new['folder']}, {new['count']} samples, {new['sha256']}"
                )


def add_start(workdir, config, data, step, backend, strategy, devices):
    """Writes that a run begins, or goes on, into its run.json.

    Args:
        workdir: Folder of the run.
        config: The config as a dict.
        data: Of `describe_data`.
        step: Training steps done before this start.
        backend: Name of Keras's backend.
        strategy: How the devices share the work, in words.
        devices: Their names.
    """
    run = read_run(workdir) or {"starts": []}
    run["config"], run["data"] = config, data
    run["starts"].append(
        {
            "time": _now(),
            "step": step,
            "command": sys.argv,
            "host": socket.gethostname(),
            "platform": platform.platform(),
            "strategy": strategy,
            "devices": list(devices),
            "backend": backend,
            "versions": _versions(),
            "git": _git_state(os.path.dirname(__file__)),
        }
    )
    _write(workdir, run)


def note(workdir, **notes):
    """Adds to the notes of the last start, under "notes".

    Args:
        workdir: Folder of a run that has started.
        **notes: What JSON can hold, for example `end="finished"` or
            `skipped_steps=[17]`.
    """
    run = read_run(workdir)
    start = run["starts"][-1]
    start["notes"] = start.get("notes", {}) | notes | {"time": _now()}
    _write(workdir, run)


def read_run(workdir):
    """The content of a run.json, None if there is none.

    Raises:
        ValueError: The file is damaged.
    """
    path = os.path.join(workdir, RUN_FILE)
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            run = json.load(file)
        if not run["starts"] or not {"config", "data"} <= run.keys():
            raise ValueError("`starts`, `config` and `data` must be there")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: not the description of a run: {error}"
        ) from (error)
    return run


def _write(workdir, run):
    path = os.path.join(workdir, RUN_FILE)
    text = json.dumps(run, indent=1, allow_nan=False)
    with replaced(path) as aside, open(aside, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def _now():
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def _data_row(folder):
    info = records.read_info(folder)
    with open(os.path.join(folder, records.INFO_FILE), "rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    return {"folder": folder, "count": info.count, "sha256": checksum}


def _versions():
    """{package: version, None where it is not installed}."""
    versions = {
        "python": platform.python_version(),
        "keras_pose": __version__,
    }
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _git_state(package):
    """The commit of the checkout that a package lies in, None if in none.

    Returns:
        {"commit": hash, "changed": whether tracked files differ from it}.
    """
    # An installed package may lie within a checkout of something else.
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(package, "rev-parse", "HEAD")
    status = _git(package, "status", "--porcelain", "--untracked-files=no")
    if not commit or status is None:
        return None
    return {"commit": commit, "changed": bool(status)}


def _git(folder, *arguments):
    """What git answers in a folder, None where it cannot."""
    environment = {
        # In a hook these point at another checkout.
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_")
    }
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_SECONDS,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
