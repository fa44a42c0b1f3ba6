"""The set-up of a bare machine, with pip and venv replaced by records."""

import subprocess
import sys

import pytest

from keras_pose import environment


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A project folder on a machine where nothing is set up; what is run."""
    (tmp_path / "requirements.txt").write_text("numpy\n")
    monkeypatch.setattr(environment, "_ROOT", str(tmp_path))
    monkeypatch.setattr(environment, "_FOLDER", str(tmp_path / ".venv"))
    monkeypatch.setattr(environment, "_install_libraries", lambda: None)
    monkeypatch.setattr(sys, "argv", ["script.py", "--flag"])
    calls = []

    def create(folder, with_pip):
        assert with_pip
        calls.append("venv")
        (tmp_path / ".venv/bin").mkdir(parents=True)
        (tmp_path / ".venv/bin/python").touch()

    def run(command, check):
        calls.append(" ".join(command[1:]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(environment.venv, "create", create)
    monkeypatch.setattr(environment.subprocess, "run", run)
    monkeypatch.setattr(
        environment.os, "execv", lambda path, argv: calls.append(argv[1:])
    )
    return tmp_path, calls


def install(folder):
    return f"-m pip install --quiet -r {folder}/requirements.txt"


def test_first_run_makes_installs_and_starts_again(machine):
    folder, calls = machine
    environment.enter("requirements.txt")
    assert calls == ["venv", install(folder), ["script.py", "--flag"]]


def test_second_run_only_starts_again(machine):
    _, calls = machine
    environment.enter("requirements.txt")
    calls.clear()
    environment.enter("requirements.txt")
    assert calls == [["script.py", "--flag"]]


def test_changed_requirements_are_installed(machine):
    folder, calls = machine
    environment.enter("requirements.txt")
    calls.clear()
    (folder / "requirements.txt").write_text("numpy\nscipy\n")
    environment.enter("requirements.txt")
    assert calls == [install(folder), ["script.py", "--flag"]]


def test_script_inside_the_environment_goes_on(machine, monkeypatch):
    folder, calls = machine
    environment.enter("requirements.txt")
    calls.clear()
    monkeypatch.setattr(sys, "prefix", str(folder / ".venv"))
    environment.enter("requirements.txt")
    assert calls == []


def test_failed_installation_is_tried_again(machine, monkeypatch):
    folder, calls = machine
    succeed = environment.subprocess.run
    monkeypatch.setattr(
        environment.subprocess,
        "run",
        lambda command, check: subprocess.CompletedProcess(command, 1),
    )
    with pytest.raises(SystemExit, match="pip could not install"):
        environment.enter("requirements.txt")
    monkeypatch.setattr(environment.subprocess, "run", succeed)
    environment.enter("requirements.txt")
    assert install(folder) in calls


def test_old_python_is_refused(machine, monkeypatch):
    monkeypatch.setattr(environment, "_LEAST_PYTHON", (99, 0))
    with pytest.raises(SystemExit, match="Python must be 99.0 or later"):
        environment.enter("requirements.txt")
