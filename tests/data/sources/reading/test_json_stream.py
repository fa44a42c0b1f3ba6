import json
import math

import hypothesis
import pytest
from hypothesis import strategies

from keras_pose.data.sources.reading import json_stream

VALUES = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers(-(10**6), 10**6)
    | strategies.floats(-1e6, 1e6)
    | strategies.text(max_size=5),
    lambda inner: (
        strategies.lists(inner, max_size=4)
        | strategies.dictionaries(
            strategies.text(max_size=3), inner, max_size=4
        )
    ),
    max_leaves=10,
)
OBJECTS = strategies.dictionaries(
    strategies.sampled_from(["x", "y", "z"]), VALUES, max_size=3
)


@pytest.fixture
def write(tmp_path):
    """Gives `content -> path` of a file of it."""

    def make(content):
        path = tmp_path / "a.json"
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        path.write_bytes(content)
        return str(path)

    return make


def items_of(path, sections):
    return list(json_stream.read_items(path, sections))


@hypothesis.given(
    strategies.permutations(["a", "b", "other"]),
    strategies.lists(
        strategies.lists(OBJECTS, max_size=4), min_size=3, max_size=3
    ),
)
def test_items_are_those_that_json_reads(tmp_path_factory, keys, lists):
    content = dict(zip(keys, lists, strict=True))
    path = tmp_path_factory.getbasetemp() / "items.json"
    path.write_text(json.dumps(content))
    found = items_of(str(path), {"a": None, "b": ("x", "z")})
    assert found == [
        (
            key,
            f"{path}: {key} {index}",
            {f: v for f, v in item.items() if key == "a" or f != "y"},
        )
        for key, items in content.items()
        if key != "other"
        for index, item in enumerate(items)
    ]


def test_a_list_alone_is_read(write):
    path = write([{"a": 1}, {"b": True}])
    assert items_of(path, {None: None}) == [
        (None, f"{path}: item 0", {"a": 1}),
        (None, f"{path}: item 1", {"b": True}),
    ]


def test_a_list_that_stands_twice_is_read_once(write):
    path = write(b'{"people": [{"id": 1}], "people": [{"id": 2}]}')
    assert [item for *_, item in items_of(path, {"people": None})] == [
        {"id": 1}
    ]


def test_items_longer_than_a_piece_are_whole(write):
    rows = [{"n": number, "text": "x" * 300} for number in range(1000)]
    found = items_of(write(rows), {None: None})
    assert [item for *_, item in found] == rows


def test_events_are_those_of_the_file(write):
    assert list(json_stream.events(write({"a": [1, 2.5, "x"]}))) == [
        ("start_map", None),
        ("map_key", "a"),
        ("start_array", None),
        ("number", 1),
        ("number", 2.5),
        ("string", "x"),
        ("end_array", None),
        ("end_map", None),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable JSON"),
        (b"{", "not a readable JSON"),
        (b'{"people": [{"id": 1}', "not a readable JSON"),
        (b'{"people": []} more', "not a readable JSON"),
        (b'{"people": [{"id": NaN}]}', "not a readable JSON"),
        (b'{"people": [{"id": 1e999}]}', "not a readable JSON"),
        (b'{"people": [{"id": 9999999999999999999999}]}', "not a readable"),
        (b'{"people": [{"id": "\xff"}]}', "not a readable JSON"),
        (b"[]", "the file must be an object. Received: array"),
        (b'{"people": {}}', "`people` must be a list. Received: map"),
        (b'{"people": 3}', "`people` must be a list. Received: 3"),
        (b'{"people": [{"id": 1}, 5]}', "people 1 must be an object.*: 5"),
        (b'{"image": []}', "must have a list `people`"),
        (b"[" * 10**6, "nested at most 32 deep|must be an object"),
        (b'{"people": ' + b"[" * 10**6, "nested at most 32|be an object"),
        (b'{"other": ' + b"[" * 10**6, "nested at most 32 deep"),
    ],
    ids=range(16),
)
def test_what_is_no_such_file_is_refused(write, content, message):
    path = write(content)
    with pytest.raises(ValueError, match=f"a.json: .*({message})"):
        items_of(path, {"people": None})


def test_a_list_alone_is_read_to_its_end(write):
    with pytest.raises(ValueError, match=r"a\.json: not a readable JSON"):
        items_of(write(b'[{"a": 1}] more'), {None: None})


@pytest.mark.parametrize(
    "value",
    [[0] * 60, "x" * 60, {"k" * 60: 0}, [[]] * 60, {"a": {"b": ["x" * 60]}}],
    ids=["numbers", "text", "key", "lists", "nested"],
)
def test_an_object_may_not_fill_the_memory(write, monkeypatch, value):
    small = {"id": 0, "at": [0] * 20}
    path = write({"people": [small] * 9})
    monkeypatch.setattr(json_stream, "MAX_ITEM_SIZE", 50)
    assert len(items_of(path, {"people": None})) == 9
    path = write({"people": [small, {"id": 0, "at": value}]})
    message = "a.json: people 1: an object must have at most 50 numbers"
    with pytest.raises(ValueError, match=message):
        items_of(path, {"people": None})
    # What is not read takes none.
    items = items_of(path, {"people": ("id",)})
    assert [item for *_, item in items] == [{"id": 0}] * 2


def test_all_fields_of_an_object_count_together(write, monkeypatch):
    monkeypatch.setattr(json_stream, "MAX_ITEM_SIZE", 50)
    path = write([{str(number): number for number in range(40)}])
    with pytest.raises(ValueError, match="at most 50 numbers"):
        items_of(path, {None: None})


@pytest.mark.parametrize(
    "content",
    [b'{"info": "' + b"a" * 2**21, b'{"info": ' + b" " * 2**21],
    ids=["text", "blanks"],
)
def test_a_text_without_an_end_may_not_fill_the_memory(write, content):
    with pytest.raises(ValueError, match="of more than 1048576 bytes"):
        items_of(write(content), {"people": None})


@pytest.mark.parametrize("depth", [30, 31])
def test_values_are_nested_so_deep_and_no_deeper(write, depth):
    # The list and the object are two levels more.
    path = write([{"a": json.loads("[" * depth + "]" * depth)}])
    if depth + 2 <= json_stream.MAX_DEPTH:
        ((_, _, item),) = items_of(path, {None: None})
        assert str(item["a"]).count("[") == depth
    else:
        with pytest.raises(ValueError, match="nested at most 32 deep"):
            items_of(path, {None: None})


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be read: no such file"):
        items_of(str(tmp_path), {"people": None})


@pytest.mark.parametrize("most", [8, 9, math.inf])
def test_a_file_of_any_size_is_not(write, monkeypatch, most):
    monkeypatch.setattr(json_stream, "MAX_BYTES", most)
    path = write(b'[{"a":1}]')
    if most < 9:
        with pytest.raises(ValueError, match="at most 8 bytes. Received: 9"):
            items_of(path, {None: None})
    else:
        assert len(items_of(path, {None: None})) == 1


def test_fields_are_read_no_further_than_the_last(write):
    start = b'{"a": 1, "skip": [[{}]], "b": {"c": [2]}, "a": 3, "rest": ['
    path = write(start + b"1," * 10**5 + b"damaged")
    found = json_stream.read_fields(path, ("b", "a"))
    assert found == {"a": 1, "b": {"c": [2]}}
    with pytest.raises(ValueError, match="not a readable JSON"):
        json_stream.read_fields(path, ("b", "c"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b'{"a": 1}', "must have b"), (b"[]", "must be an object")],
)
def test_fields_that_lack_are_named(write, content, reason):
    with pytest.raises(ValueError, match=reason):
        json_stream.read_fields(write(content), ("a", "b"))


def test_fields_that_are_too_large_are_refused(write):
    path = write(b'{"a": [' + b"1," * json_stream.MAX_ITEM_SIZE + b"1]}")
    with pytest.raises(ValueError, match="at most"):
        json_stream.read_fields(path, ("a",))
