import os
import pathlib
import tempfile

import pytest

from keras_pose.durable import filled_folder
from keras_pose.durable import new_folder
from keras_pose.durable import replaced


def write(path, content):
    with replaced(path) as aside, open(aside, "wb") as file:
        file.write(content)


def test_a_replaced_file_has_its_new_content_and_nothing_beside(tmp_path):
    write(tmp_path / "a.json", b"old")
    write(tmp_path / "a.json", b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_keeps_its_content_when_the_new_one_fails(tmp_path):
    write(tmp_path / "a.json", b"old")

    def fail():
        with replaced(tmp_path / "a.json") as aside:
            with open(aside, "wb") as file:
                file.write(b"ne")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk"):
        fail()
    assert (tmp_path / "a.json").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_the_old_content_is_there_until_the_new_one_is_whole(tmp_path):
    write(tmp_path / "events.tfevents.1", b"old")
    with replaced(tmp_path / "events.tfevents.1") as aside:
        with open(aside, "wb") as file:
            file.write(b"new")
        assert (tmp_path / "events.tfevents.1").read_bytes() == b"old"
        # TensorBoard does not take what is not finished for an event file.
        assert "tfevents" not in os.path.basename(aside)
        assert os.path.dirname(aside) == str(tmp_path)


def test_a_new_folder_is_there_when_it_is_whole(tmp_path):
    out = tmp_path / "a" / "b"
    with new_folder(out) as partial:
        (pathlib.Path(partial) / "file").write_bytes(b"content")
        assert not out.exists()
    assert os.listdir(tmp_path / "a") == ["b"]
    assert (out / "file").read_bytes() == b"content"
    assert out.stat().st_mode & 0o777 == 0o755


def test_a_new_folder_that_fails_leaves_nothing(tmp_path):
    def fail():
        with new_folder(tmp_path / "a") as partial:
            (pathlib.Path(partial) / "file").write_bytes(b"content")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert os.listdir(tmp_path) == []


def test_a_new_folder_takes_no_place_that_is_taken(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="`out` must not exist yet.*/a"):
        with new_folder(tmp_path / "a"):
            raise AssertionError
    assert os.listdir(tmp_path) == ["a"]


def test_a_filled_folder_adds_to_what_is_there(tmp_path):
    out = tmp_path / "a" / "b"
    out.mkdir(parents=True)
    (out / "kept").write_text("kept")
    (out / "same").write_text("old")
    with filled_folder(out) as partial:
        (pathlib.Path(partial) / "same").write_text("new")
        (pathlib.Path(partial) / "below").mkdir()
        (pathlib.Path(partial) / "below/file").write_text("file")
        assert (out / "same").read_text() == "old"
    texts = {p.name: p.read_text() for p in out.rglob("*") if p.is_file()}
    assert texts == {"kept": "kept", "same": "new", "file": "file"}
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="one disk alone")
def test_a_filled_folder_may_be_a_disk_of_its_own(tmp_path):
    # As a folder of another disk that is linked or mounted at the place.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        (tmp_path / "out").symlink_to(other)
        with filled_folder(tmp_path / "out") as partial:
            (pathlib.Path(partial) / "file").write_text("file")
        assert os.listdir(other) == ["file"]
    assert (tmp_path / "out").is_symlink()


def test_a_filled_folder_needs_no_rights_beside_it(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with filled_folder(out) as partial:
        (pathlib.Path(partial) / "file").write_text("file")
        assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(out) == ["file"]


def test_a_filled_folder_is_not_the_one_where_the_user_is(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(ValueError, match="`out` must be the name of a folder"),
        filled_folder(""),
    ):
        raise AssertionError


@pytest.mark.parametrize("is_there", [False, True])
def test_a_filled_folder_that_fails_changes_nothing(is_there, tmp_path):
    if is_there:
        (tmp_path / "out").mkdir()

    def fill():
        with filled_folder(tmp_path / "out") as partial:
            (pathlib.Path(partial) / "file").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fill()
    assert os.listdir(tmp_path) == (["out"] if is_there else [])
    assert not is_there or os.listdir(tmp_path / "out") == []
