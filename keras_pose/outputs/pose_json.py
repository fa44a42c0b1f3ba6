"""Recordings as JSON: `docs/poses.schema.json` describes the file."""

import json
import math

import numpy as np

from keras_pose import durable
from keras_pose.pose import Caveat
from keras_pose.pose import Pose
from keras_pose.pose import Poses
from keras_pose.recording import Recorder
from keras_pose.skeleton import SKELETONS

FORMAT = "keras_pose recording"
VERSION = 1
KINDS = ("photos", "video", "camera")
COORDINATES = (
    "Camera frame: x right, y down, z away from the camera, in mm. Root "
    "relative: along the same axes, from the skeleton's root joint. Image: px, "
    "(0, 0) is the centre of the top-left pixel. Box: x, y, width, height in "
    "px from the image's corner. Left and right are the person's own. Null: "
    "not known."
)

_HEADER = (
    "format",
    "version",
    "model",
    "kind",
    "frames_per_second",
    "skeleton",
)
_TIME_DECIMALS = 6
_MAX_SIDE_PX = 2**31
_LARGEST = 1e30  # number that leaves room to compute with it


def write_json(path, recording):
    """Writes a recording, whole or not at all.

    Numbers are rounded as in `pose.Poses.to_dict`; those that are not finite
    are null. A frame is a line.

    Args:
        path: Of the file, UTF-8.
        recording: The Recording.
    """
    skeleton = recording.skeleton
    header = {
        "format": FORMAT,
        "version": VERSION,
        "coordinates": COORDINATES,
        "model": recording.model,
        "kind": recording.kind,
        "frames_per_second": recording.frames_per_second,
        "skeleton": {
            "name": skeleton.name,
            "joints": skeleton.joints,
            "parents": skeleton.parents,
            "root": skeleton.root,
        },
    }
    # A file name may hold bytes that are no UTF-8.
    with (
        durable.replaced(path) as aside,
        open(aside, "w", encoding="utf-8", errors="replace", newline="") as out,
    ):
        for key, value in header.items():
            out.write("{\n" if key == "format" else ",\n")
            out.write(f'"{key}": {_json(value)}')
        out.write(',\n"frames": [')
        for index, frame in enumerate(_frames(recording)):
            out.write(",\n" if index else "\n")
            out.write(_json(frame))
        out.write("\n]\n}\n")


def read_json(path):
    """Reads what `write_json` wrote.

    Args:
        path: Of the file.

    Returns:
        The Recording.

    Raises:
        ValueError: Names the file, and what is wrong with it.
    """
    # Only who reads needs what all of the data sets' formats need.
    from keras_pose.data.sources.reading import json_stream

    header = json_stream.read_fields(path, _HEADER)
    skeleton = _checked_header(path, header)
    recorder = Recorder(skeleton, header["model"], header["kind"])
    has_time, last = header["kind"] != "photos", -math.inf
    for _, where, frame in json_stream.read_items(path, {"frames": None}):
        item = _Item(frame, where)
        poses = _poses(item, skeleton)
        time = item.numbers("time_s", (), nullable=not has_time).item()
        if np.isnan(time) == has_time or time < last:
            item.refuse(
                "time_s",
                "a number, ascending" if has_time else "null, as of photos",
            )
        last = time if has_time else last
        recorder.add(item.text("name"), time if has_time else None, poses)
    return recorder.finish(header["frames_per_second"])


def _frames(recording):
    """The frames as `Poses.to_dict` gives them, with names and times."""
    starts = np.searchsorted(
        recording.frame, np.arange(len(recording.frame_names) + 1)
    )
    for frame, name in enumerate(recording.frame_names):
        rows = range(starts[frame], starts[frame + 1])
        poses = Poses(
            skeleton=recording.skeleton,
            people=tuple(_pose(recording, row) for row in rows),
            image_size=tuple(recording.sizes_px[frame].tolist()),
            intrinsics=recording.intrinsics[frame],
            intrinsics_from=recording.intrinsics_from[frame],
            distortion=recording.distortion[frame],
            caveats=Caveat(int(recording.caveats[frame])),
        )
        time = round(float(recording.times_s[frame]), _TIME_DECIMALS)
        yield {"name": name, "time_s": time, **poses.to_dict()}


def _pose(recording, row):
    def where_known(values):
        return values if np.isfinite(values).any() else None

    return Pose(
        skeleton=recording.skeleton,
        joints_mm=recording.joints_mm[row],
        joints_camera_mm=recording.joints_camera_mm[row],
        joints_px=recording.joints_px[row],
        std_mm=where_known(recording.std_mm[row]),
        confidence=where_known(recording.confidence[row]),
        box=recording.box[row],
        box_from=recording.box_from[row],
        position_from=recording.position_from[row],
        person=int(recording.person[row]),
    )


def _json(value):
    return json.dumps(_known(value), ensure_ascii=False, allow_nan=False)


def _known(value):
    """A value with null where a number is not finite."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _checked_header(path, header):
    """The skeleton of a header that is right."""
    item = _Item(header, path)
    for key, value in (("format", FORMAT), ("version", VERSION)):
        if header[key] != value:
            item.refuse(key, repr(value))
    item.text("model")
    if header["kind"] not in KINDS:
        item.refuse("kind", f"one of {', '.join(KINDS)}")
    rate = item.numbers("frames_per_second", (), nullable=True)
    if rate <= 0:
        item.refuse("frames_per_second", "above 0, or null")
    received = header["skeleton"]
    for skeleton in SKELETONS.values():
        if received == {
            "name": skeleton.name,
            "joints": list(skeleton.joints),
            "parents": list(skeleton.parents),
            "root": skeleton.root,
        }:
            return skeleton
    item.refuse("skeleton", f"one of {', '.join(SKELETONS)}, as it is")


def _poses(item, skeleton):
    """The Poses of a frame of the file."""
    if item.values.get("skeleton") != skeleton.name:
        item.refuse("skeleton", repr(skeleton.name))
    if item.values.get("joints") != list(skeleton.joints):
        item.refuse("joints", "those of the skeleton")
    people = item.values.get("people")
    if not isinstance(people, list):
        item.refuse("people", "a list")
    people = [
        _person(_Item(person, f"{item.where}: person {index}"), skeleton)
        for index, person in enumerate(people)
    ]
    if len({pose.person for pose in people}) < len(people):
        item.refuse("people", "each another person")
    return Poses(
        skeleton=skeleton,
        people=tuple(people),
        image_size=(item.count("width_px"), item.count("height_px")),
        intrinsics=item.numbers("intrinsics_px", (3, 3)),
        intrinsics_from=item.text("intrinsics_from"),
        distortion=item.numbers("distortion", (5,)),
        caveats=_caveats(item),
    )


def _caveats(item):
    """Those of a frame, which may do without."""
    known = {caveat.name.lower(): caveat for caveat in Caveat}
    names, caveats = item.values.get("caveats", []), Caveat(0)
    if not isinstance(names, list) or not all(
        isinstance(name, str) and name in known for name in names
    ):
        item.refuse("caveats", f"a list of {', '.join(known)}")
    for name in names:
        caveats |= known[name]
    return caveats


def _person(item, skeleton):
    joints = skeleton.num_joints

    def where_given(key):
        if item.values.get(key) is None and key in item.values:
            return None
        return item.numbers(key, (joints,), nullable=True)

    return Pose(
        skeleton=skeleton,
        joints_mm=item.numbers(
            "joints_root_relative_mm", (joints, 3), nullable=True
        ),
        joints_camera_mm=item.numbers(
            "joints_camera_mm", (joints, 3), nullable=True
        ),
        joints_px=item.numbers("joints_image_px", (joints, 2), nullable=True),
        std_mm=where_given("std_mm"),
        confidence=where_given("confidence"),
        box=item.numbers("box_px", (4,)),
        box_from=item.text("box_from"),
        position_from=item.text("position_from"),
        person=item.count("person"),
    )


class _Item:
    """An object of the file, whose values are checked as they are taken."""

    def __init__(self, values, where):
        if not isinstance(values, dict):
            raise ValueError(f"{where}: must be an object")
        self.values, self.where = values, where

    def refuse(self, key, rule):
        received = repr(self.values.get(key))
        if key not in self.values:
            received = "nothing"
        raise ValueError(
            f"{self.where}: `{key}` must be {rule}. Received: {received:.80}"
        )

    def text(self, key):
        if not isinstance(self.values.get(key), str):
            self.refuse(key, "a text")
        return self.values[key]

    def count(self, key):
        value = self.values.get(key)
        if type(value) is not int or not 0 < value < _MAX_SIDE_PX:
            self.refuse(key, "a whole number from 1")
        return value

    def numbers(self, key, shape, nullable=False):
        """An array of float64, NaN where null."""
        rule = f"numbers{' or nulls' * nullable}, shape {shape}"
        if key not in self.values:
            self.refuse(key, rule)
        try:
            found = np.array(self.values[key], object)
        except ValueError:  # lists of different lengths
            self.refuse(key, rule)
        kinds = {int, float, type(None)} if nullable else {int, float}
        if found.shape != shape or not set(map(type, found.flat)) <= kinds:
            self.refuse(key, rule)
        if any(n is not None and not abs(n) <= _LARGEST for n in found.flat):
            self.refuse(key, f"numbers of at most {_LARGEST:g}")
        return found.astype(np.float64)
