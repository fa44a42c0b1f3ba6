"""The boxes of people in a file, as another program or a person wrote them.

A CSV with a header and a row for each person:

    image,x,y,width,height
    walk/001.jpg,310,95,180,420

`image` may be called `name` or `file`. Of a video, a column `frame` counts the
frames from 0, or the name says it: `clip.mp4#12`. A row without any numbers
says that nobody is there. Other columns are not read.

A JSON in one of these forms:

    {"walk/001.jpg": [[310, 95, 180, 420]], "clip.mp4#12": []}
    [{"image": "walk/001.jpg", "box": [310, 95, 180, 420]}]
    [{"image_id": 785, "bbox": [310, 95, 180, 420], "category_id": 1,
      "score": 0.9}]

The second may have a `frame` too. The third is what detectors write of COCO:
`image_id` is the image's name, or its number, for 000000000785.jpg; what is no
person (`category_id` 1) or has a `score` below 0.4 is left out. A file of
COCO's own layout, with `images` and `annotations`, is read as well.

Boxes are x, y, width, height in px, counted from the image's corner.
"""

import os
import posixpath

import numpy as np

from keras_pose.data.sources import labels
from keras_pose.data.sources.reading import csv_table
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading import json_stream

_MAX_JSON_BYTES = 2**30

_NAMES = ("image", "name", "file")
_BOX = ("x", "y", "width", "height")
_PERSON = 1  # COCO's category
_LEAST_SCORE = 0.4
_COCO = {
    "images": ("id", "file_name"),
    "annotations": ("image_id", "bbox", "category_id", "iscrowd"),
}


def read_boxes(path):
    """Reads a file of boxes.

    Args:
        path: A `.csv` or `.json` file.

    Returns:
        {name: (N, 4) float64 px}, names as the file has them, with forward
        slashes; frames of videos are called `clip.mp4#12`.

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
    found = {}
    for where, name, box in read(path):
        rows = found.setdefault(_plain(labels.text(name, where)), [])
        if box is not None:
            rows.append(_checked(box, where))
    return {
        name: np.array(rows, np.float64).reshape(-1, 4)
        for name, rows in found.items()
    }


def boxes_of(boxes, name):
    """The boxes of one image.

    Args:
        boxes: As of `read_boxes`.
        name: Path of the image, or of the video with the frame's number.

    Returns:
        (N, 4) px of the entry that has this name, or the longest end of it in
        common and at least the name of the file; None if there is none.

    Raises:
        ValueError: Several entries have as much of the name.
    """
    name = _plain(name)
    if name in boxes:
        return boxes[name]
    last = posixpath.basename(name)
    common = {
        other: _common_end(other, name)
        for other in boxes
        if posixpath.basename(other) == last
    }
    longest = [o for o, n in common.items() if n == max(common.values())]
    if len(longest) > 1:
        raise ValueError(
            f"the boxes must say which of them are those of {name}. Received: "
            f"{' and '.join(longest[:2])}"
        )
    return boxes[longest[0]] if longest else None


def _plain(name):
    """A name without what paths may be written with and without."""
    return posixpath.normpath(name.replace(os.sep, "/"))


def _common_end(first, second):
    """The number of the last parts of two paths that agree."""
    parts = zip(
        reversed(first.split("/")), reversed(second.split("/")), strict=False
    )
    agree = [one == other for one, other in parts]
    return agree.index(False) if False in agree else len(agree)


def _checked(box, where):
    box = labels.numbers(box, (4,), f"{where}: the box")
    if not (box[2:] > 0).all():
        raise ValueError(
            f"{where}: the box must have a positive width and height. "
            f"Received: {box.tolist()}"
        )
    return box


def _rows_of_csv(path):
    """Yields (what errors call the row, name, box or None)."""
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
        is_given = any(column in row for column in _BOX)
        yield (
            where,
            name,
            csv_table.together(row, _BOX, where) if is_given else None,
        )


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
            yield where, name, None  # the name counts without boxes too
            yield from ((where, name, box) for box in rows)


def _rows_of_list(path):
    for _, where, item in json_stream.read_items(path, {None: None}):
        if "image_id" in item or "bbox" in item:
            number = item.get("image_id")
            if not isinstance(number, str):
                labels.whole(number, f"{where}: `image_id`")
                number = f"{number:012d}.jpg"
            if _is_sure_person(item, where):
                yield where, number, _box_in(item, "bbox", where)
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
        yield where, name, _box_in(item, "box", where)


def _rows_of_coco(path):
    names, rows = {}, []
    for section, where, item in json_stream.read_items(path, _COCO):
        if section == "images":
            number = labels.whole(item.get("id"), f"{where}: `id`")
            names[number] = item.get("file_name")
        elif _is_sure_person(item, where):
            number = labels.whole(item.get("image_id"), f"{where}: `image_id`")
            rows.append((where, number, _box_in(item, "bbox", where)))
    for where, number, box in rows:
        if number not in names:
            raise ValueError(
                f"{where}: `image_id` must be the `id` of an image. "
                f"Received: {number}"
            )
        yield where, names[number], box


def _is_sure_person(item, where):
    score = labels.numbers(item.get("score", 1), (), f"{where}: `score`")
    is_person = item.get("category_id", _PERSON) == _PERSON
    return is_person and not item.get("iscrowd") and score >= _LEAST_SCORE


def _box_in(item, field, where):
    if field not in item:
        raise ValueError(f"{where}: must have `{field}`. Received: none")
    return item[field]
