import io
import os
import zipfile

import numpy as np
import pytest

from keras_pose.data.sources.reading import files


@pytest.fixture
def root(tmp_path):
    """A root with one file, and a secret beside it."""
    (tmp_path / "root" / "sub").mkdir(parents=True)
    (tmp_path / "root" / "sub" / "a.jpg").write_bytes(b"image")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "root-2").mkdir()
    (tmp_path / "root-2" / "secret").write_bytes(b"secret")
    return tmp_path / "root"


@pytest.mark.parametrize(
    "relative", ["sub/a.jpg", "./sub/a.jpg", "sub/../sub/a.jpg"]
)
def test_read_bytes_reads_below_the_root(root, relative):
    assert files.read_bytes(root, relative) == b"image"


@pytest.mark.parametrize(
    "relative", ["../secret", "sub/../../secret", "../root-2/secret"]
)
def test_read_bytes_refuses_to_climb(root, relative):
    with pytest.raises(ValueError, match=f"stay below .*{relative}"):
        files.read_bytes(root, relative)


def test_read_bytes_refuses_an_absolute_path(root):
    with pytest.raises(ValueError, match="stay below"):
        files.read_bytes(root, str(root.parent / "secret"))


def test_read_bytes_follows_the_links_of_the_root(root):
    (root / "link").symlink_to("../root-2")
    assert files.read_bytes(root, "link/secret") == b"secret"


def test_read_bytes_reads_when_the_root_itself_is_a_link(root):
    (root.parent / "alias").symlink_to(root)
    assert files.read_bytes(root.parent / "alias", "sub/a.jpg") == b"image"


@pytest.mark.parametrize("relative", ["none.jpg", "sub"])
def test_read_bytes_names_what_it_cannot_read(root, relative):
    with pytest.raises(ValueError, match=f"{relative}: cannot be read"):
        files.read_bytes(root, relative)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\r\nb", ["a", "b"]),
        (b"\nb\n\n", ["", "b"]),
        ("ä\u2028\x0b\nb".encode(), ["ä\u2028\x0b", "b"]),
    ],
    ids=["end", "windows", "empty", "other_separators"],
)
def test_read_lines_reads_lines(tmp_path, content, lines):
    (tmp_path / "a.txt").write_bytes(content)
    assert files.read_lines(str(tmp_path / "a.txt"), 2) == lines


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must have 2 lines, one for each row. Received: 0"),
        (b"a\n", "must have 2 lines, one for each row. Received: 1"),
        (b"a\nb\nc", "must have 2 lines, one for each row. Received: 3"),
        (b"a\n\xff", "utf-8"),
    ],
)
def test_read_lines_names_what_is_wrong(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=f"a.txt: .*{message}"):
        files.read_lines(str(tmp_path / "a.txt"), 2)


def test_read_lines_refuses_a_giant_file(tmp_path):
    with open(tmp_path / "a.txt", "wb") as file:
        file.truncate(files.MAX_LIST_BYTES + 1)
    with pytest.raises(ValueError, match="a.txt: must have at most"):
        files.read_lines(str(tmp_path / "a.txt"), 2)


FIELDS = {"name": ((None,), "U"), "points": ((None, 2), "fi")}


def save(path, **arrays):
    right = {"name": np.array(["a", "b", "c"]), "points": np.ones((3, 2))}
    np.savez(path, **right | arrays)


def test_read_npz_reads_the_fields_asked_for(tmp_path):
    save(tmp_path / "a.npz", points=np.arange(6.0).reshape(3, 2), more=[1])
    arrays = files.read_npz(tmp_path / "a.npz", FIELDS)
    assert arrays.keys() == {"name", "points"}
    np.testing.assert_array_equal(arrays["points"], [[0, 1], [2, 3], [4, 5]])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        pytest.param({"points": np.ones((3, 3))}, "`points`", id="columns"),
        pytest.param({"points": np.ones((2, 2))}, "`points`", id="rows"),
        pytest.param({"points": np.ones(3)}, "`points`", id="sides"),
        pytest.param({"name": np.array("a")}, "`name`", id="scalar"),
        pytest.param({"points": np.full((3, 2), "a")}, "`points`", id="text"),
    ],
)
def test_read_npz_refuses_a_shape_by_field_name(tmp_path, arrays, message):
    save(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=f"a.npz: {message} must have shape"):
        files.read_npz(tmp_path / "a.npz", FIELDS)


def test_read_npz_names_a_missing_field(tmp_path):
    np.savez(tmp_path / "a.npz", name=np.array(["a"]))
    with pytest.raises(ValueError, match="a.npz: .*points"):
        files.read_npz(tmp_path / "a.npz", FIELDS)


class Harm:
    """Leaves a file when it is unpickled."""

    def __init__(self, marker):
        self._marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self._marker),)


def test_read_npz_runs_nothing_of_an_object_array(tmp_path):
    marker = tmp_path / "code_has_run"
    save(tmp_path / "a.npz", name=np.array([Harm(marker)] * 3, object))
    with pytest.raises(ValueError, match="a.npz: "):
        files.read_npz(tmp_path / "a.npz", FIELDS)
    assert not marker.exists()


def test_read_npz_refuses_what_unpacks_to_too_much(tmp_path):
    path = tmp_path / "a.npz"
    save(path, more=np.ones(3))
    content = bytearray(path.read_bytes())
    entry = content.find(b"PK\1\2")
    while entry >= 0:  # three entries that claim 4 GiB each
        content[entry + 24 : entry + 28] = b"\xfe\xff\xff\xff"
        entry = content.find(b"PK\1\2", entry + 4)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="must unpack to at most"):
        files.read_npz(path, FIELDS)


def zip_of(content, **options):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", **options) as archive:
        for field in FIELDS:
            archive.writestr(f"{field}.npy", content)
    return packed.getvalue()


def with_method_99(packed):
    packed = bytearray(packed)
    packed[8] = packed[packed.find(b"PK\1\2") + 10] = 99
    return bytes(packed)


def with_broken_deflate():
    packed = bytearray(zip_of(bytes(range(256)) * 9, compression=8))
    packed[40:80] = b"\xff" * 40
    return bytes(packed)


def npy_header(shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"
    return b"\x93NUMPY\1\0v\0" + header.ljust(117).encode() + b"\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a zip", id="no_zip"),
        pytest.param(zip_of(npy_header((3,)))[:-30], id="cut_zip"),
        pytest.param(zip_of(npy_header((3,))), id="cut_array"),
        pytest.param(zip_of(npy_header((10**15,))), id="array_of_petabytes"),
        pytest.param(zip_of(b"hello"), id="no_array"),
        pytest.param(
            with_method_99(zip_of(npy_header((3,)))), id="unknown_compression"
        ),
        pytest.param(with_broken_deflate(), id="broken_compression"),
    ],
)
def test_read_npz_names_a_damaged_file(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="a.npz: "):
        files.read_npz(tmp_path / "a.npz", FIELDS)


def test_read_npz_names_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match="a.npz: cannot be read"):
        files.read_npz(tmp_path / "a.npz", FIELDS)


def test_a_file_of_any_size_is_no_image(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"12345")
    monkeypatch.setattr(files, "MAX_IMAGE_BYTES", 5)
    assert files.read_bytes(tmp_path, "a.jpg") == b"12345"
    monkeypatch.setattr(files, "MAX_IMAGE_BYTES", 4)
    with pytest.raises(ValueError, match="a.jpg.*at most 4 bytes"):
        files.read_bytes(tmp_path, "a.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="device.jpg.*must be a file"):
        files.read_bytes(tmp_path, "device.jpg")
