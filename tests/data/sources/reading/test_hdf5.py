import contextlib
import zlib

import h5py
import numpy as np
import pytest

from keras_pose.data.sources.reading import hdf5

FIELDS = {"points": (3, 2), "marks": (3,)}


def arrays(rows):
    points = np.arange(rows * 6.0).reshape(rows, 3, 2)
    return {"points": points, "marks": -np.arange(rows * 3.0).reshape(rows, 3)}


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "a.h5")


def save(path, rows=5, without=(), **options):
    """A right file; gives it back open, to be spoilt."""
    file = h5py.File(path, "w")
    for field, array in arrays(rows).items():
        if field not in without:
            file.create_dataset(field, data=array, **options)
    return file


def read(path, rows=(0, 1, 2, 3, 4)):
    return list(hdf5.read_rows(path, FIELDS, np.array(rows)))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": True},
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"dtype": "<f4"},
        {"dtype": ">f8"},
    ],
    ids=["plain", "chunked", "gzip", "shuffled", "float32", "big_endian"],
)
@pytest.mark.parametrize("rows", [1, 4096, 9000])
def test_rows_are_those_of_the_file(path, rows, options):
    save(path, rows, **options).close()
    assert hdf5.count_rows(path, FIELDS) == rows
    wanted = sorted({0, rows // 2, rows - 1})
    found = read(path, wanted)
    assert [row for row, _ in found] == wanted
    for row, fields in found:
        for field, array in arrays(rows).items():
            np.testing.assert_array_equal(fields[field], array[row])


def test_gzip_may_leave_alone_what_does_not_shrink(path):
    noise = np.random.default_rng(0).random((5, 3, 2))
    with save(path, without=["points"]) as file:
        array = file.create_dataset(
            "points", (5, 3, 2), "<f8", chunks=(5, 3, 2), compression="gzip"
        )
        array.id.write_direct_chunk((0, 0, 0), noise.tobytes(), filter_mask=1)
    found = [fields["points"] for _, fields in read(path)]
    np.testing.assert_array_equal(found, noise)


def test_an_absent_field_is_no_rows(path):
    save(path, without=["marks"]).close()
    assert hdf5.count_rows(path, FIELDS) is None


def object_array(file):
    kind = h5py.vlen_dtype(np.float64)
    file.create_dataset("points", (5, 3, 2), kind)


def outer_link(file):
    file["points"] = h5py.ExternalLink("/etc/other.h5", "/points")


def soft_link(file):
    file["points"] = h5py.SoftLink("/marks")


def outer_bytes(file):
    file.create_dataset(
        "points", (5, 3, 2), "<f8", external=[("secret", 0, 240)]
    )


def virtual(file):
    layout = h5py.VirtualLayout((5, 3, 2), "<f8")
    layout[...] = h5py.VirtualSource("other.h5", "points", (5, 3, 2))
    file.create_virtual_dataset("points", layout)


def giant_chunk(file):
    file.create_dataset(
        "points",
        (5, 3, 2),
        "<f8",
        chunks=(10**7, 3, 2),
        maxshape=(None, 3, 2),
    )


def gzip_twice(file):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((5, 3, 2))
    properties.set_deflate(9)
    properties.set_deflate(9)
    space = h5py.h5s.create_simple((5, 3, 2))
    double = h5py.h5t.IEEE_F64LE
    h5py.h5d.create(file.id, b"points", double, space, properties)


def bomb(file):
    """50 MB where there is room for 240 bytes."""
    array = file.create_dataset(
        "points", (5, 3, 2), "<f8", chunks=(5, 3, 2), compression="gzip"
    )
    packed = zlib.compress(bytes(50 * 2**20))
    array.id.write_direct_chunk((0, 0, 0), packed)


def long_chunk(file):
    array = file.create_dataset(
        "points", (5, 3, 2), "<f8", chunks=(5, 3, 2), shuffle=True
    )
    array.id.write_direct_chunk((0, 0, 0), bytes(60_000))


def broken_gzip(file):
    array = file.create_dataset(
        "points", (5, 3, 2), "<f8", chunks=(5, 3, 2), compression="gzip"
    )
    array.id.write_direct_chunk((0, 0, 0), b"no gzip")


def of(**options):
    return lambda file: file.create_dataset("points", **options)


HOSTILE = {
    "columns": (of(shape=(5, 3, 3), dtype="f4"), r"shape .*\(5, 3, 3\)"),
    "sides": (of(shape=(5, 6), dtype="f4"), "shape"),
    "scalar": (of(shape=(), dtype="f4"), "shape"),
    "null": (of(data=h5py.Empty("f4")), "shape"),
    "fewer_rows": (of(shape=(4, 3, 2), dtype="f4"), r"shape \(4, 3\)"),
    "no_rows": (of(shape=(0, 3, 2), dtype="f4"), r"\(0, 3, 2\)"),
    "petabytes": (
        of(shape=(10**14, 3, 2), dtype="f4", chunks=(1, 3, 2)),
        "to 10000000. Received: .100000000000000",
    ),
    "integers": (of(shape=(5, 3, 2), dtype="i4"), "int32"),
    "text": (of(shape=(5, 3, 2), dtype="S8"), "S8"),
    "records": (of(shape=(5, 3, 2), dtype=[("x", "f4")]), "x"),
    "objects": (object_array, "object"),
    "folder": (lambda file: file.create_group("points"), "Group"),
    "outer_link": (outer_link, "a link"),
    "soft_link": (soft_link, "a link"),
    "outer_bytes": (outer_bytes, "other files"),
    "virtual": (virtual, "other files"),
    "lzf": (of(shape=(5, 3, 2), dtype="f4", compression="lzf"), "32000"),
    "gzip_twice": (gzip_twice, r"\[1, 1\]"),
    "giant_chunk": (giant_chunk, "480000000"),
}
if np.dtype("longdouble").itemsize > 8:  # not on every machine
    HOSTILE["long_floats"] = of(shape=(5, 3, 2), dtype="longdouble"), "float"


@pytest.mark.parametrize(("spoil", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_array_is_refused_by_its_header(path, spoil, message):
    with save(path, without=["points"]) as file:
        spoil(file)
    with pytest.raises(
        ValueError, match=f"a.h5: `(points|marks)` must .*{message}"
    ):
        hdf5.count_rows(path, FIELDS)


@pytest.mark.parametrize("spoil", [bomb, long_chunk, broken_gzip])
def test_a_chunk_that_does_not_fit_is_refused(path, spoil):
    with save(path, without=["points"]) as file:
        spoil(file)
    with pytest.raises(ValueError, match="a.h5: `points` "):
        read(path)


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_is_none_is_named(tmp_path, content):
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="a.h5: not a readable HDF5"):
        hdf5.count_rows(str(path), FIELDS)


def test_a_missing_file_is_named(path):
    with pytest.raises(ValueError, match="a.h5: cannot be read"):
        hdf5.count_rows(path, FIELDS)


def test_a_damaged_file_is_read_or_named(path, tmp_path):
    save(path, compression="gzip").close()
    rng = np.random.default_rng(0)
    whole = (tmp_path / "a.h5").read_bytes()
    refused = 0
    for trial in range(200):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            content[place] = rng.integers(256)
        (tmp_path / "a.h5").write_bytes(content[: len(whole) - 20 * trial])
        # Any other error than this one fails the test.
        with contextlib.suppress(ValueError):
            refused += 1
            if hdf5.count_rows(path, FIELDS):
                read(path)
            refused -= 1
    assert refused > 100
