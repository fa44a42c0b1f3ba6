import datetime
import hashlib
import json
import os
import subprocess
import sys

import pytest

from keras_pose.data.conversion import convert
from keras_pose.tracking import manifest

DEVICES = ("GPU:0", "GPU:1")


@pytest.fixture
def make_data(tmp_path, make_source, make_sample):
    """Gives `(name, seeds) -> folder` of a prepared data set."""

    def make(name, seeds):
        source = make_source([make_sample(seed) for seed in seeds])
        convert(source, tmp_path / name)
        return str(tmp_path / name)

    return make


def start(workdir, step=0, data=None, config=None):
    manifest.add_start(
        workdir,
        config or {"train": {"epochs": 3}},
        data or {"train": []},
        step,
        "jax",
        "one machine",
        DEVICES,
    )
    return json.loads((workdir / "run.json").read_text("utf-8"))


def test_a_start_says_when_where_and_how(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", "--workdir=a b"])
    before = datetime.datetime.now().astimezone()
    run = start(tmp_path, config={"train": {"epochs": 3}})
    assert run["config"] == {"train": {"epochs": 3}}
    (entry,) = run["starts"]
    time = datetime.datetime.fromisoformat(entry["time"])
    assert abs(time - before) < datetime.timedelta(seconds=5)
    assert entry["command"] == ["train.py", "--workdir=a b"]
    assert entry["devices"] == ["GPU:0", "GPU:1"]
    assert (entry["step"], entry["backend"]) == (0, "jax")
    assert entry["strategy"] == "one machine"
    assert entry["host"] == os.uname().nodename
    assert manifest.read_run(tmp_path) == run


def test_versions_are_those_of_the_modules(tmp_path):
    import cv2
    import keras
    import numpy as np

    versions = start(tmp_path)["starts"][0]["versions"]
    assert versions["keras"] == keras.__version__
    assert versions["numpy"] == np.__version__
    assert versions["opencv-python"].startswith(cv2.__version__)
    assert versions["python"] == sys.version.split()[0]


def test_a_package_that_is_not_installed_has_no_version(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "_PACKAGES", ("keras", "no-such-package"))
    versions = start(tmp_path)["starts"][0]["versions"]
    assert versions["no-such-package"] is None
    assert versions["keras"]


def test_each_start_is_kept_and_the_config_is_the_last(tmp_path):
    start(tmp_path)
    run = start(tmp_path, step=70, config={"train": {"epochs": 5}})
    assert [entry["step"] for entry in run["starts"]] == [0, 70]
    assert run["config"] == {"train": {"epochs": 5}}


def test_a_note_belongs_to_the_last_start(tmp_path):
    start(tmp_path)
    start(tmp_path, step=70)
    manifest.note(tmp_path, end="finished")
    manifest.note(tmp_path, skipped_steps=[81])
    first, second = manifest.read_run(tmp_path)["starts"]
    assert "notes" not in first
    assert second["notes"].pop("time") >= second["time"]
    assert second["notes"] == {"end": "finished", "skipped_steps": [81]}


def test_a_failed_write_leaves_the_old_file(tmp_path):
    run = start(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        manifest.note(tmp_path, loss=float("nan"))
    assert manifest.read_run(tmp_path) == run
    assert os.listdir(tmp_path) == ["run.json"]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"starts": []}'])
def test_a_damaged_file_is_named(text, tmp_path):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match="run.json: not the description"):
        manifest.read_run(tmp_path)


def test_data_is_described_by_count_and_checksum(make_data):
    folders = {
        "train": (make_data("a", range(5)), make_data("b", range(2))),
        "validation": (),
    }
    described = manifest.describe_data(folders)
    assert described["validation"] == []
    for row, folder, count in zip(
        described["train"], folders["train"], (5, 2), strict=True
    ):
        with open(os.path.join(folder, "dataset.json"), "rb") as file:
            checksum = hashlib.sha256(file.read()).hexdigest()
        assert row == {"folder": folder, "count": count, "sha256": checksum}


def test_a_folder_that_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not a data set"):
        manifest.describe_data({"train": (str(tmp_path),)})


def test_the_same_data_may_go_on_wherever_it_lies(tmp_path, make_data):
    data = manifest.describe_data({"train": [make_data("a", range(3))]})
    start(tmp_path, data=data)
    os.rename(tmp_path / "a", tmp_path / "moved")
    moved = manifest.describe_data({"train": [str(tmp_path / "moved")]})
    manifest.check_data(tmp_path, moved)


def test_other_data_is_refused_with_both_checksums(tmp_path, make_data):
    names = {
        "train": [make_data("a", [1])],
        "validation": [make_data("b", [2])],
    }
    before = manifest.describe_data(names)
    start(tmp_path, data=before)
    names["validation"] = [make_data("c", [3])]
    now = manifest.describe_data(names)
    with pytest.raises(ValueError, match="`data.validation` must") as error:
        manifest.check_data(tmp_path, now)
    message = str(error.value)
    old, new = before["validation"][0], now["validation"][0]
    assert old["sha256"] != new["sha256"]
    first, second = message.split("Received: ")
    assert old["sha256"] in first
    assert old["folder"] in first
    assert new["sha256"] in second
    assert new["folder"] in second


@pytest.mark.parametrize("use", ["train", "validation"])
def test_fewer_or_more_folders_are_refused(use, tmp_path, make_data):
    row = manifest.describe_data({"x": [make_data("a", [1])]})["x"]
    data = {"train": row, "validation": row}
    start(tmp_path, data=data)
    for changed in (data | {use: []}, data | {use: 2 * row}):
        with pytest.raises(ValueError, match=f"`data.{use}` must be the 1 "):
            manifest.check_data(tmp_path, changed)


def test_a_folder_without_a_run_takes_any_data(tmp_path):
    manifest.check_data(tmp_path, {"train": [{"sha256": "a"}]})


def git(folder, *arguments):
    subprocess.run(
        ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b"]
        + list(arguments),
        check=True,
        capture_output=True,
    )


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one committed package."""
    package = tmp_path / "checkout" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("a = 1\n")
    git(package.parent, "init", "--quiet")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "--quiet", "-m", "first")
    return package


def test_git_state_is_the_commit_and_whether_it_was_changed(checkout):
    head = (checkout.parent / ".git" / "HEAD").read_text().split()[1]
    commit = (checkout.parent / ".git" / head).read_text().strip()
    (checkout.parent / "runs").mkdir()
    (checkout.parent / "runs" / "untracked.txt").write_text("a")
    state = manifest._git_state(str(checkout))
    assert state == {"commit": commit, "changed": False}
    (checkout / "__init__.py").write_text("a = 2\n")
    state = manifest._git_state(str(checkout))
    assert state == {"commit": commit, "changed": True}


def test_git_state_is_not_that_of_a_checkout_around_an_installed_package(
    checkout,
):
    installed = checkout.parent / ".venv" / "package"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("a = 1\n")
    assert manifest._git_state(str(installed)) is None


def test_git_state_is_of_the_package_also_within_a_hook(
    checkout, tmp_path, monkeypatch
):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert manifest._git_state(str(checkout))["changed"] is False


def test_git_state_is_none_without_a_checkout_or_git(
    tmp_path, checkout, monkeypatch
):
    assert manifest._git_state(str(tmp_path)) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert manifest._git_state(str(checkout)) is None
    assert start(tmp_path)["starts"][0]["git"] is None
