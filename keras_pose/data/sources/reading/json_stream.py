"""Reading JSON files of any size that others made.

A file is fed to the parser in pieces, and the events that a piece gives are
taken away before the next one. Objects are built here: the parser's own
builder keeps a path for each level, which a file of brackets alone fills
memory with.
"""

import ijson

from keras_pose.data.sources.reading import files

# Of the known data sets' files, the largest has some 4 GB.
MAX_BYTES = 8 * 2**30
# Numbers, brackets and letters of what is wanted of an object: the outline of
# a person has some 10,000.
MAX_ITEM_SIZE = 2**18
MAX_DEPTH = 32
# A text or a number in the making is held whole.
_MAX_TOKEN_BYTES = 2**20
_PIECE_BYTES = 2**16

_OPENS = ("start_map", "start_array")
_CLOSES = ("end_map", "end_array")


def read_items(path, sections):
    """Reads the objects of lists, in the order of the file.

    Args:
        path: The file.
        sections: {key of a list in the file's object: the fields wanted of
            its objects, or None for all}. The key None stands for a file that
            is itself the list.

    Yields:
        (key, what errors call the object, {field: value}) of each object.
        Fields that it does not have are absent.

    Raises:
        ValueError: Names the file, and what is wrong with it.
    """
    stream = events(path)
    if None in sections:
        _require(path, next(stream), "start_array", "the file")
        yield from _items(path, stream, None, sections[None])
    else:
        _require(path, next(stream), "start_map", "the file")
        yield from _sections(path, stream, sections)
    for _ in stream:  # to the end, which may be damaged
        pass


def keys(path):
    """The keys of the file's own object, in its order.

    Raises:
        ValueError: Names the file, and what is wrong with it.
    """
    stream = events(path)
    _require(path, next(stream), "start_map", "the file")
    for event, key in stream:
        if event == "map_key":
            yield key
            _skip(next(stream)[0], stream)


def read_values(path):
    """Reads the values of the file's own object, in its order.

    Yields:
        (what errors call the value, its key, the value).

    Raises:
        ValueError: Names the file, and what is wrong with it.
    """
    stream = events(path)
    _require(path, next(stream), "start_map", "the file")
    for event, key in stream:
        if event == "map_key":
            where = f"{path}: `{key:.80}`"
            value, _ = _value(*next(stream), stream, where, len(key))
            yield where, key, value


def read_fields(path, names):
    """Reads values of a file's object, no further than the last of them.

    Args:
        path: The file.
        names: The keys wanted.

    Returns:
        {key: value} of all of them; of those that stand twice, the first.

    Raises:
        ValueError: Names the file, and what is wrong with it or lacking.
    """
    stream = events(path)
    _require(path, next(stream), "start_map", "the file")
    found, size = {}, 0
    for event, key in stream:
        if event == "end_map":
            missing = ", ".join(name for name in names if name not in found)
            raise ValueError(f"{path}: must have {missing}")
        opening, value = next(stream)
        if key in found or key not in names:
            _skip(opening, stream)
            continue
        found[key], size = _value(opening, value, stream, str(path), size)
        if len(found) == len(names):
            break
    return found


def events(path):
    """Gives the events of a file.

    Yields:
        (event, value) of `ijson.basic_parse`.

    Raises:
        ValueError: Names the file, and what is wrong with it.
    """
    files.check_file(path, MAX_BYTES)
    try:
        sink = ijson.sendable_list()
        parser = ijson.basic_parse_coro(sink, use_float=True)
        with open(path, "rb") as file:
            depth = waiting = 0
            while piece := file.read(_PIECE_BYTES):
                _feed(parser, piece)
                waiting = 0 if sink else waiting + len(piece)
                if waiting > _MAX_TOKEN_BYTES:
                    raise ValueError(
                        "must not hold texts, numbers or blanks of more than "
                        f"{_MAX_TOKEN_BYTES} bytes"
                    )
                for event, value in sink:
                    depth += (event in _OPENS) - (event in _CLOSES)
                    if depth > MAX_DEPTH:
                        raise ValueError(
                            f"must be nested at most {MAX_DEPTH} deep"
                        )
                    yield event, value
                sink.clear()
        _feed(parser, None)
        yield from sink
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _feed(parser, piece):
    """Feeds a piece, or None at the end of the file."""
    try:
        if piece is None:
            parser.close()
        else:
            parser.send(piece)
    except Exception as error:  # what is no JSON raises nearly anything
        reason = " ".join(str(error).split())
        raise ValueError(f"not a readable JSON: {reason}") from error


def _sections(path, stream, sections):
    """The items of the wanted lists of an object that has been opened."""
    missing = set(sections)
    for event, key in stream:
        if event == "end_map":
            break
        value = next(stream)
        if key not in missing:  # what stands twice is read once
            _skip(value[0], stream)
            continue
        missing.remove(key)
        _require(path, value, "start_array", f"`{key}`")
        yield from _items(path, stream, key, sections[key])
    if missing:
        raise ValueError(
            f"{path}: must have a list "
            + " and ".join(f"`{key}`" for key in sorted(missing))
        )


def _items(path, stream, key, fields):
    index = 0
    for event, value in stream:
        if event == "end_array":
            return
        where = f"{'item' if key is None else key} {index}"
        _require(path, (event, value), "start_map", where)
        where = f"{path}: {where}"
        yield key, where, _fields(stream, fields, where)
        index += 1


def _fields(stream, fields, where):
    """The wanted fields of an object that has been opened."""
    found, size = {}, 0
    for event, key in stream:
        if event == "end_map":
            break
        opening, value = next(stream)
        if fields is None or key in fields:
            found[key], size = _value(opening, value, stream, where, size)
            size += len(key)
        else:
            _skip(opening, stream)
    return found


def _value(event, value, stream, where, size):
    """A value that has been opened, and the size of the object with it."""
    size += len(value) if event == "string" else 1
    if size > MAX_ITEM_SIZE:
        raise ValueError(
            f"{where}: an object must have at most {MAX_ITEM_SIZE} numbers and "
            "letters"
        )
    if event == "start_array":
        found = []
        for inner, item in stream:
            if inner == "end_array":
                break
            item, size = _value(inner, item, stream, where, size)
            found.append(item)
        return found, size
    if event == "start_map":
        found = {}
        for inner, key in stream:
            if inner == "end_map":
                break
            size += len(key)
            found[key], size = _value(*next(stream), stream, where, size)
        return found, size
    return value, size


def _skip(event, stream):
    """Passes over a value that has been opened, whatever its size."""
    depth = int(event in _OPENS)
    while depth:
        event, _ = next(stream)
        depth += (event in _OPENS) - (event in _CLOSES)


def _require(path, received, event, what):
    kind, value = received
    if kind != event:
        expected = "an object" if event == "start_map" else "a list"
        shown = kind.removeprefix("start_") if value is None else repr(value)
        raise ValueError(
            f"{path}: {what} must be {expected}. Received: {shown:.80}"
        )
