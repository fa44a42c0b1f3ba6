import contextlib
import io
import os
import pickle
import tracemalloc

import numpy as np
import pytest

from keras_pose.data.sources.reading import numpy_pickle
from keras_pose.data.sources.reading.numpy_pickle import load_numpy_pickle


class Call:
    """Pickles as a call of anything."""

    def __init__(self, *call):
        self._call = call

    def __reduce__(self):
        return self._call


@pytest.fixture
def marker(tmp_path):
    """A file that exists as soon as code of a pickle has run."""
    return tmp_path / "code_has_run"


def touch(marker):
    return Call(os.system, (f"touch {marker}",))


def evaluate(marker):
    return Call(eval, (f"open({str(marker)!r}, 'w').close()",))


def pickled(content, protocol=3):
    return pickle.dumps(content, protocol)


def load(folder, content):
    (folder / "a.pkl").write_bytes(content)
    return load_numpy_pickle(folder / "a.pkl")


@pytest.mark.parametrize(
    "protocol",
    [0, 2, 3, 4, 5],
)
def test_load_numpy_pickle_reads_cameras(tmp_path, protocol):
    focal, centre = np.float64([[1145.5], [1143.25]]), np.float32([512, 515])
    camera = {"f": focal, "c": centre, "w": 1000, "h": 1002.0, "name": "camera"}
    cameras = {("S1", "54138969"): camera, "bare": {"k": None, "id": [1, (2,)]}}
    read = load(tmp_path, pickled(cameras, protocol))
    read_camera = read["S1", "54138969"]
    for field, array in {"f": focal, "c": centre}.items():
        np.testing.assert_array_equal(read_camera.pop(field), array)
    assert read_camera == {"w": 1000, "h": 1002.0, "name": "camera"}
    assert read["bare"] == cameras["bare"]


def test_load_numpy_pickle_reads_what_numpy_1_wrote(tmp_path):
    content = pickled(np.arange(6).reshape(2, 3).T)
    old = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    np.testing.assert_array_equal(load(tmp_path, old), [[0, 3], [1, 4], [2, 5]])


@pytest.mark.parametrize(
    "dtype", ["?", "u1", "i2", "i4", "i8", "u8", "f2", "f4", "f8"]
)
def test_load_numpy_pickle_keeps_dtype_and_values(tmp_path, dtype):
    read = load(tmp_path, pickled(np.array([0, 1, 1], dtype)))
    assert read.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read, [0, 1, 1])


def test_load_numpy_pickle_keeps_the_values_of_a_big_endian_array(tmp_path):
    read = load(tmp_path, pickled(np.array([1.0, 2.0], ">f8")))
    np.testing.assert_array_equal(read, [1.0, 2.0])


# The control of the test below: what it loads does harm in a plain loader.
@pytest.mark.parametrize("harm", [touch, evaluate])
def test_plain_loader_runs_the_code_of_a_pickle(marker, harm):
    pickle.loads(pickled(harm(marker)))
    assert marker.exists()


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(lambda harm: harm, id="bare"),
        pytest.param(lambda harm: {"S1": [harm]}, id="in_a_dict"),
        pytest.param(
            lambda harm: np.array([harm, None], object), id="in_an_array"
        ),
        pytest.param(
            lambda harm: Call(np.ndarray, ((1,), harm)), id="in_an_argument"
        ),
    ],
)
@pytest.mark.parametrize("harm", [touch, evaluate])
def test_load_numpy_pickle_runs_no_code(tmp_path, marker, harm, hide, protocol):
    content = pickled(hide(harm(marker)), protocol)
    with pytest.raises(ValueError, match="a.pkl: not a pickle of arrays"):
        load(tmp_path, content)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(np.dtype("O"), id="object_dtype"),
        pytest.param(np.array([1, "a"], object), id="object_array"),
        pytest.param(np.array(["a"]), id="text_array"),
        pytest.param(np.zeros(1, [("a", "f8")]), id="record_array"),
        pytest.param(Call(np.ndarray, ((3,),)), id="ndarray_called"),
        pytest.param(Call(np.ndarray, ((2**50,),)), id="huge_ndarray_called"),
        pytest.param(Call(np.zeros, ((2**50,),)), id="zeros_called"),
        pytest.param(Call(np.load, ("a.npy", None, True)), id="np_load"),
        pytest.param(Call(getattr, ("", "format")), id="getattr"),
        pytest.param(os.system, id="name_alone"),
        pytest.param(np.ma.zeros(2), id="subclass"),
    ],
)
def test_load_numpy_pickle_refuses(tmp_path, content):
    with pytest.raises(ValueError, match="a.pkl: not a pickle of arrays"):
        load(tmp_path, pickled(content))


@pytest.mark.parametrize("typecode", [b"b", "O", "f8"])
def test_load_numpy_pickle_allocates_nothing_for_a_claimed_shape(
    tmp_path, typecode
):
    arguments = (np.ndarray, (2**45,), typecode)
    reconstruct = np.array(0).__reduce__()[0]
    read = load(tmp_path, pickled(Call(reconstruct, arguments)))
    assert read.nbytes == 0


def test_load_numpy_pickle_refuses_an_array_of_fewer_bytes_than_it_claims(
    tmp_path,
):
    reconstruct, arguments, state = np.zeros(4).__reduce__()
    version, _, *rest = state
    wrong = Call(reconstruct, arguments, (version, (2**45,), *rest))
    with pytest.raises(ValueError, match="size does not match"):
        load(tmp_path, pickled(wrong))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x80\x03Nr\xff\xff\xff\x7f.", id="huge memo index"),
        pytest.param(
            b"\x80\x05\x96" + (2**45).to_bytes(8, "little") + b".",
            id="huge bytearray",
        ),
        pytest.param(
            b"\x80\x04\x95" + (2**45).to_bytes(8, "little") + b"N.",
            id="huge frame",
        ),
        pytest.param(
            b"\x80\x04\x8e" + (2**45).to_bytes(8, "little") + b".",
            id="huge bytes",
        ),
    ],
)
def test_load_numpy_pickle_takes_no_memory_for_a_claim(tmp_path, content):
    tracemalloc.start()
    with contextlib.suppress(ValueError):
        load(tmp_path, content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_load_numpy_pickle_reads_numpy_scalars(tmp_path):
    read = load(tmp_path, pickled({"h": np.float64(204.0)}))
    assert read == {"h": 204.0}


def test_load_numpy_pickle_refuses_a_state_for_what_it_did_not_make(tmp_path):
    hostile = b"cnumpy\nndarray\n}b."  # BUILD upon a name
    with pytest.raises(ValueError, match="not its own"):
        load(tmp_path, hostile)


def test_load_numpy_pickle_refuses_a_persistent_id(tmp_path):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return "elsewhere" if obj == 7 else None

    content = io.BytesIO()
    Pickler(content, 3).dump([7])
    with pytest.raises(ValueError, match="elsewhere"):
        load(tmp_path, content.getvalue())


def test_load_numpy_pickle_refuses_a_file_cut_anywhere(tmp_path):
    content = pickled({"f": np.ones(2), "w": 1000})
    for end in range(len(content)):
        with pytest.raises(ValueError, match="a.pkl: "):
            load(tmp_path, content[:end])


def test_load_numpy_pickle_refuses_a_large_file_unread(tmp_path):
    (tmp_path / "a.pkl").touch()
    os.truncate(tmp_path / "a.pkl", 64 * 2**20 + 1)  # sparse
    with pytest.raises(ValueError, match="must have at most 67108864 bytes"):
        load_numpy_pickle(tmp_path / "a.pkl")


def test_load_numpy_pickle_names_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match="a.pkl: cannot be read"):
        load_numpy_pickle(tmp_path / "a.pkl")


def object_npz(path, value):
    np.savez(path, thing=np.array(value, object))
    return str(path)


def test_an_object_of_an_npz_is_read(tmp_path):
    value = {"a": {"b": np.arange(6.0).reshape(2, 3)}, "c": [1, "text", None]}
    path = object_npz(tmp_path / "a.npz", value)
    found = numpy_pickle.load_object_npz(path, "thing")
    assert found["c"] == [1, "text", None]
    np.testing.assert_array_equal(found["a"]["b"], value["a"]["b"])


def test_objects_of_an_npz_are_not_read_of_a_pickle(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(np.array([None, {}])))
    with pytest.raises(ValueError, match="dtype 'O8' is not a number's"):
        numpy_pickle.load_numpy_pickle(str(tmp_path / "a.pkl"))


class _Calls:
    def __reduce__(self):
        return print, ("called",)


@pytest.mark.parametrize(
    "value", [_Calls(), {"a": _Calls()}, np.array(_Calls, object)]
)
def test_an_object_that_calls_is_refused(tmp_path, value, capsys):
    path = object_npz(tmp_path / "a.npz", value)
    with pytest.raises(ValueError, match="`thing` cannot be read: it names"):
        numpy_pickle.load_object_npz(path, "thing")
    assert capsys.readouterr().out == ""


def test_an_object_larger_than_the_limit_is_refused(tmp_path, monkeypatch):
    path = object_npz(tmp_path / "a.npz", {"a": np.zeros(1000)})
    monkeypatch.setattr(numpy_pickle, "MAX_MEMBER_BYTES", 5000)
    with pytest.raises(ValueError, match="unpack to at most 5000 bytes"):
        numpy_pickle.load_object_npz(path, "thing")


def test_objects_must_fill_their_array():
    with pytest.raises(pickle.UnpicklingError, match="do not fill"):
        numpy_pickle._ObjectDtype().read([1, 2], (3,), "C")
