"""Damaged files: each refused by name, or read right; nothing else happens."""

import json
import os
import random

import pytest

from keras_pose.data import proof
from keras_pose.data import sources
from tests.data.sources import made_others
from tests.data.sources import made_photos

QUICK = [
    "coco",
    "mpii",
    "mpi_inf_3dhp_test",
    "mpi_inf_3dhp_mmpose",
    "muco",
    "mupots",
    "tfrecord",
    "folder",
    "folder_json",
]
MATLAB = ["mpii_mat", "lsp", "lspet", "mpi_inf_3dhp"]


def label_files(root):
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and path.suffix not in (".jpg", ".png", ".avi")
    )


def read(name, root, options):
    """Reads and checks all; whether it was taken."""
    source = made_others.SOURCE_OF.get(name, name)
    reason = ""
    try:
        opened = sources.open_source(source, str(root), dict(options))
        count = 0
        for sample in opened.samples:
            proof.check_sample(sample, opened.skeleton)
            count += 1
        assert count == opened.count
    except ValueError as error:
        reason = str(error)
    # Files without records leave but the folder to name.
    names = [root.name, "video_0", *(path.name for path in root.rglob("*"))]
    assert not reason or any(name in reason for name in names), reason
    return not reason


def damaged(content, rng, count):
    """Content cut off, and with some bytes changed, put in or taken out."""
    for part in (0, 1, len(content) // 2, len(content) - 1):
        yield content[:part]
    for _ in range(count):
        changed = bytearray(content)
        for _ in range(rng.choice((1, 4, 20))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        yield bytes(changed)
        at = rng.randrange(len(content))
        strange = rng.choice((b"NaN", b"1e999", b"9" * 50, b"-", b"[", b"\0"))
        yield content[:at] + strange + content[at:]
        yield content[:at] + content[at + rng.randrange(1, 30) :]


@pytest.mark.parametrize("name", QUICK)
def test_damaged_label_files_are_refused_or_read(tmp_path, name):
    options = made_others.MADE[name](tmp_path)
    rng = random.Random(7)
    assert read(name, tmp_path, options)
    for path in label_files(tmp_path):
        content = path.read_bytes()
        for changed in damaged(content, rng, 12):
            path.write_bytes(changed)
            read(name, tmp_path, options)
        path.write_bytes(content)


@pytest.mark.parametrize("name", MATLAB)
def test_damaged_matlab_files_are_refused_or_read(tmp_path, name):
    options = made_others.MADE[name](tmp_path)
    (path,) = tmp_path.rglob("*.mat")
    content = path.read_bytes()
    rng = random.Random(7)
    changed = list(damaged(content, rng, 1))
    for part in (changed[2], changed[-3]):
        path.write_bytes(part)
        read(name, tmp_path, options)
    # Half of a file is never read.
    path.write_bytes(changed[2])
    assert not read(name, tmp_path, options)


@pytest.mark.parametrize("name", QUICK + MATLAB)
def test_a_pipe_in_place_of_a_file_is_refused(tmp_path, name):
    options = made_others.MADE[name](tmp_path)
    for path in label_files(tmp_path):
        path.unlink()
        os.mkfifo(path)
    assert not read(name, tmp_path, options)


@pytest.mark.parametrize("name", ["coco", "mpii", "muco", "mupots", "folder"])
@pytest.mark.parametrize("climb", ["../", "/etc/", "a/../../"])
def test_a_path_that_climbs_out_is_refused(tmp_path, name, climb):
    root = tmp_path / "root"
    root.mkdir()
    options = made_others.MADE[name](root)
    (path,) = label_files(root)
    content = path.read_text()
    for image in root.rglob("*.*g"):
        for stem in (image.name, f"{image.parent.name}/{image.name}"):
            content = content.replace(f'"{stem}"', f'"{climb}{stem}"')
            content = content.replace(f"\n{stem},", f"\n{climb}{stem},")
    path.write_text(content)
    source = sources.open_source(name, str(root), options)
    with pytest.raises(ValueError, match="must stay below|cannot be read"):
        list(source.samples)


def test_a_picture_that_is_a_pipe_is_refused(tmp_path):
    options = made_others.MADE["mpii"](tmp_path)
    path = tmp_path / "images" / "00.jpg"
    path.unlink()
    os.mkfifo(path)
    source = sources.open_source("mpii", str(tmp_path), options)
    with pytest.raises(ValueError, match=r"00\.jpg.*must be a file"):
        list(source.samples)


def test_deep_json_is_refused_wherever_it_stands(tmp_path):
    made_others.MADE["coco"](tmp_path)
    (path,) = label_files(tmp_path)
    content = path.read_text()
    # 100 000 levels, in what is not read and in what is.
    deep = "[" * 10**5 + "]" * 10**5
    path.write_text(content.replace('{"year": 2017}', deep))
    assert not read("coco", tmp_path, {})
    bbox = json.dumps(made_photos.coco_content()["annotations"][0]["bbox"])
    path.write_text(content.replace(bbox, deep, 1))
    assert not read("coco", tmp_path, {})
