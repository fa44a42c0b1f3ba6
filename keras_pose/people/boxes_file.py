"""The boxes of people in a file, as another program or a person wrote them.

A CSV with a header and a row for each person:

    image,x,y,width,height,person
    walk/001.jpg,310,95,180,420,1

`image` may be called `name` or `file`. Of a video, a column `frame` counts the
frames from 0, or the name says it: `clip.mp4#12`. `person`, a number from 1,
says who is who; it may be left out. A row without any numbers says that nobody
is there. Other columns are not read.

A JSON in one of these forms:

    {"walk/001.jpg": [[310, 95, 180, 420]], "clip.mp4#12": []}
    [{"image": "walk/001.jpg", "box": [310, 95, 180, 420]}]
    [{"image_id": 785, "bbox": [310, 95, 180, 420], "category_id": 1,
      "score": 0.9}]

The second may have a `frame` and a `person` too. The third is what detectors
write of COCO: `image_id` is the image's name, or its number, for
000000000785.jpg; what is no person (`category_id` 1) or has a `score` below 0.4
is left out. A file of COCO's own layout, with `images` and `annotations`, is
read as well.

Boxes are x, y, width, height in px, counted from the image's corner.
"""

import collections
import os
import typing

import numpy as np

from keras_pose.data.sources import labels
from keras_pose.data.sources.reading import csv_table
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading import json_stream
from keras_pose.people.box_table import BoxTable
from keras_pose.people.box_table import Entry
from keras_pose.people.box_table import plain_name

_MAX_JSON_BYTES = 2**30

_NAMES = ("image", "name", "file")
_BOX = ("x", "y", "width", "height")
_PERSON = "person"
_CATEGORY = 1  # COCO's of people
_LEAST_SCORE = 0.4
_COCO = {
    "images": ("id", "file_name"),
    "annotations": ("image_id", "bbox", "category_id", "iscrowd"),
}


class _Row(typing.NamedTuple):
    """A line of the file: somebody in an image, or none: that it is known."""

    where: str  # what errors call it
    name: str
    box: typing.Any = None
    person: typing.Any = None


def read_boxes(path):
    """Reads a file of boxes.

    Args:
        path: A `.csv` or `.json` file.

    Returns:
        A BoxTable; frames of videos are called `clip.mp4#12`.

    Raises:
        ValueError: Names the file, the row and the field, and what is wrong.
    """
    path = os.fspath(path)
    read = {".csv": _rows_of_csv, ".json": _rows_of_json}.get(
        os.path.splitext(path)[1].lower()
    )
    if read is None:
        raise ValueError(
            f"a file of boxes must be a .csv or .json file. Received: {path}"
        )
    images = collections.defaultdict(list)
    for row in read(path):
        rows = images[plain_name(labels.text(row.name, row.where))]
        if row.box is not None:
            rows.append(_checked(row))
    is_named = {
        row.person is not None for rows in images.values() for row in rows
    }
    if len(is_named) > 1:
        raise ValueError(
            f"{path}: `person` must be given for everybody or for nobody. "
            "Received: both"
        )
    return BoxTable(_entry(name, rows) for name, rows in images.items())


def _checked(row):
    box = labels.numbers(row.box, (4,), f"{row.where}: the box")
    if not (box[2:] > 0).all():
        raise ValueError(
            f"{row.where}: the box must have a positive width and height. "
            f"Received: {box.tolist()}"
        )
    person = row.person
    if (
        person is not None
        and labels.whole(person, f"{row.where}: `person`") < 1
    ):
        raise ValueError(
            f"{row.where}: `person` must be a number from 1. Received: {person}"
        )
    return row._replace(box=box)


def _entry(name, rows):
    """The Entry of an image's rows."""
    boxes = np.array([row.box for row in rows], np.float64).reshape(-1, 4)
    persons = tuple(row.person for row in rows)
    if None in persons:
        return Entry(name, boxes)
    for earlier, row in enumerate(rows):
        if row.person in persons[:earlier]:
            raise ValueError(
                f"{row.where}: `person` must be in an image once. "
                f"Received: {row.person}, twice in {name}"
            )
    return Entry(name, boxes, persons)


def _rows_of_csv(path):
    name_column = None

    def check(where, header):
        nonlocal name_column
        names = [name for name in _NAMES if name in header]
        missing = [column for column in _BOX if column not in header]
        if len(names) != 1 or missing:
            raise ValueError(
                f"{where}: must name the columns {', '.join(_BOX)} and one of "
                f"{', '.join(_NAMES)}. "
                f"Received: {', '.join(header)[:200] or 'nothing'}"
            )
        name_column = names[0]

    for where, row in csv_table.read_rows(path, check):
        name = row.get(name_column)
        if name is None:
            raise ValueError(
                f"{where}: column `{name_column}` must be given. "
                "Received: nothing"
            )
        if "frame" in row:
            frame = csv_table.number(row, "frame", where, int)
            name = _frame_of(name, frame, where)
        box = person = None
        if any(column in row for column in _BOX):
            box = csv_table.together(row, _BOX, where)
        if _PERSON in row:
            person = csv_table.number(row, _PERSON, where, int)
        yield _Row(where, name, box, person)


def _frame_of(name, frame, where):
    if labels.whole(frame, f"{where}: `frame`") < 0:
        raise ValueError(
            f"{where}: `frame` must not be negative. Received: {frame}"
        )
    return f"{labels.text(name, where)}#{frame}"


def _rows_of_json(path):
    files.check_file(path, _MAX_JSON_BYTES)
    first, _ = next(json_stream.events(path))
    if first == "start_array":
        yield from _rows_of_list(path)
    elif first != "start_map":
        raise ValueError(f"{path}: must be an object or a list")
    elif set(_COCO) <= set(json_stream.keys(path)):
        yield from _rows_of_coco(path)
    else:
        for where, name, rows in json_stream.read_values(path):
            if not isinstance(rows, list):
                raise ValueError(
                    f"{where}: must be a list of boxes. Received: {rows!r:.80}"
                )
            yield _Row(where, name)
            yield from (_Row(where, name, box) for box in rows)


def _rows_of_list(path):
    for _, where, item in json_stream.read_items(path, {None: None}):
        if "image_id" in item or "bbox" in item:
            number = item.get("image_id")
            if not isinstance(number, str):
                labels.whole(number, f"{where}: `image_id`")
                number = f"{number:012d}.jpg"
            yield _Row(where, number)
            if _is_sure_person(item, where):
                yield _Row(where, number, _box_in(item, "bbox", where))
            continue
        names = [name for name in _NAMES if name in item]
        if len(names) != 1:
            raise ValueError(
                f"{where}: must have one of {', '.join(_NAMES)}, and `box`. "
                f"Received: {', '.join(item)[:200] or 'nothing'}"
            )
        name = labels.text(item[names[0]], f"{where}: `{names[0]}`")
        if item.get("frame") is not None:
            name = _frame_of(name, item["frame"], where)
        box = _box_in(item, "box", where)
        yield _Row(where, name, box, item.get(_PERSON))


def _rows_of_coco(path):
    names, rows = {}, []
    for section, where, item in json_stream.read_items(path, _COCO):
        if section == "images":
            number = labels.whole(item.get("id"), f"{where}: `id`")
            names[number] = item.get("file_name")
            yield _Row(where, names[number])
        elif _is_sure_person(item, where):
            number = labels.whole(item.get("image_id"), f"{where}: `image_id`")
            rows.append((where, number, _box_in(item, "bbox", where)))
    for where, number, box in rows:
        if number not in names:
            raise ValueError(
                f"{where}: `image_id` must be the `id` of an image. "
                f"Received: {number}"
            )
        yield _Row(where, names[number], box)


def _is_sure_person(item, where):
    score = labels.numbers(item.get("score", 1), (), f"{where}: `score`")
    is_person = item.get("category_id", _CATEGORY) == _CATEGORY
    return is_person and not item.get("iscrowd") and score >= _LEAST_SCORE


def _box_in(item, field, where):
    if field not in item:
        raise ValueError(f"{where}: must have `{field}`. Received: none")
    return item[field]
