import json
import logging
import subprocess
import sys

import pytest

from keras_pose.config import Config
from keras_pose.training.workdir import claimed

HOLDER = """
import sys, time
from keras_pose.config import Config
from keras_pose.training.workdir import claimed
with claimed(sys.argv[1], Config()):
    print("claimed", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path, request):
    """Another process that trains in `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path],
        stdout=subprocess.PIPE,
        cwd=request.config.rootpath,
    )
    assert process.stdout.readline() == b"claimed\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_folder_of_another_process_is_refused(tmp_path, holder):
    with pytest.raises(ValueError, match="`workdir` must be free.*another"):
        with claimed(tmp_path, Config()):
            pass


def test_folder_of_a_killed_process_is_free(tmp_path, holder):
    holder.kill()
    holder.wait()
    with claimed(tmp_path, Config()):
        assert (tmp_path / "config.json").exists()


def test_folder_is_free_again_afterwards(tmp_path):
    entered = 0
    for _ in range(2):
        with claimed(tmp_path, Config()):
            entered += 1
    assert entered == 2


def test_folder_of_another_config_is_refused_and_left(tmp_path):
    with claimed(tmp_path, Config()):
        pass
    other = Config()
    other.train.seed = 3
    with pytest.raises(ValueError, match="train.seed: 0 -> 3"):
        with claimed(tmp_path, other):
            pass
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["train"]["seed"] == 0


def test_folder_without_locks_is_warned_of(tmp_path, monkeypatch, caplog):
    def unknown(*arguments):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    monkeypatch.setattr("keras_pose.training.workdir.fcntl.flock", unknown)
    with claimed(tmp_path, Config()):
        assert (tmp_path / "config.json").exists()
    assert "cannot be locked" in caplog.text


def test_config_that_is_none_is_named(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("")
    with pytest.raises(ValueError, match=f"{path}: not a config"):
        with claimed(tmp_path, Config()):
            pass
