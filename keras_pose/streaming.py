"""Frames in, poses out: what predict.py does between reading and writing."""

import contextlib
import dataclasses
import functools
import json
import reprlib

import numpy as np

from keras_pose.data.ahead import made_ahead
from keras_pose.data.sources import labels
from keras_pose.data.sources.reading import files
from keras_pose.people.box_table import BoxTable
from keras_pose.people.box_table import plain_name
from keras_pose.people.following import Follower
from keras_pose.people.numbering import Numbering
from keras_pose.pose import Caveat
from keras_pose.shots import People
from keras_pose.shots import Shot

# Photos that wait for each other to be predicted at once, in bytes.
_MOST_BYTES = 2**26
_MOST_BYTES_OF_CAMERA = 10**6


@dataclasses.dataclass(frozen=True)
class Camera:
    """What the user says of the camera.

    Attributes:
        intrinsics: (3, 3) px, or None.
        distortion: (5,) k1, k2, p1, p2, k3, or None.
        field_of_view: Degrees across the longer side of the image, or None.
    """

    intrinsics: np.ndarray | None = None
    distortion: np.ndarray | None = None
    field_of_view: float | None = None

    def of(self, frame):
        """The arguments of a Shot that say what saw a frame."""
        said = {"distortion": self.distortion}
        if self.intrinsics is not None:
            return said | {"intrinsics": self.intrinsics}
        if self.field_of_view is None and frame.intrinsics is not None:
            return said | {
                "intrinsics": frame.intrinsics,
                "intrinsics_from": frame.intrinsics_from,
            }
        return said | {"field_of_view": self.field_of_view}


def read_camera(path):
    """Reads the Camera of a JSON file.

    It has `intrinsics_px`, 3 rows of 3 numbers, and may have `distortion`, k1,
    k2, p1, p2, k3; as a frame of `poses.json` has them.

    Raises:
        ValueError: It is no such file; names it and the field.
    """
    text = files.read_text(path, _MOST_BYTES_OF_CAMERA)
    try:
        content = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise ValueError(f"{path}: must be JSON: {error}") from error
    if not isinstance(content, dict) or "intrinsics_px" not in content:
        raise ValueError(
            f"{path}: must be an object with `intrinsics_px` and, if there is "
            f"any, `distortion`. Received: {reprlib.repr(content)}"
        )
    intrinsics = labels.numbers(
        content["intrinsics_px"], (3, 3), f"{path}: `intrinsics_px`"
    )
    distortion = content.get("distortion")
    if distortion is not None:
        distortion = labels.numbers(distortion, (5,), f"{path}: `distortion`")
    return Camera(intrinsics, distortion)


def stream(
    media,
    predictor,
    camera,
    boxes=None,
    root_depth=None,
    flip=False,
    batch_size=16,
    smoother=None,
    detects_given=False,
):
    """Predicts frame by frame, in little memory.

    Args:
        media: A `media.Media`.
        predictor: The Predictor.
        camera: The Camera of all frames.
        boxes: (N, 4) px: in photos those of each, in a video those of its
            first frame, whose people alone are followed from there; the
            `BoxTable` of `boxes_file.read_boxes`, which are all that is
            predicted; "image" for the whole of each; None finds people.
        root_depth: mm from the camera to the root of each person, or None.
        flip: As of the Predictor.
        batch_size: People that the network sees at once; those of a video
            whose boxes follow from the last frame are seen frame by frame.
        smoother: A `people.smoothing.Smoother` for what moves, or None.
        detects_given: Whether the detector helps to follow whom the boxes of
            the first frame show.

    Yields:
        (`media.Frame`, `pose.Poses`).

    Raises:
        OSError: As of the Media.
        ValueError: As of the Media and the Predictor; or the table has no name
            of any frame.
    """
    ask = functools.partial(_shot, camera, root_depth)
    if media.kind == "photos" or isinstance(boxes, str | BoxTable):
        found = _one_by_one(media, predictor, ask, boxes, flip, batch_size)
    else:
        detector = None
        if boxes is None or detects_given:
            detector = predictor.detector
        follower = Follower(detector, boxes)
        found = _followed(media, predictor, ask, follower, boxes, flip)
    with contextlib.closing(found):
        for frame, poses in found:
            if smoother is not None and frame.time_s is not None:
                poses = smoother(frame.time_s, poses)
            yield frame, poses


def _shot(camera, root_depth, frame, people):
    depths = None
    if root_depth is not None:
        depths = np.full(len(people.boxes), float(root_depth))
    return Shot(
        frame.image,
        root_depths=depths,
        **camera.of(frame),
        **people._asdict(),
    )


def _one_by_one(media, predictor, ask, boxes, flip, batch_size):
    """Frames that tell nothing of each other, several at once."""
    if isinstance(boxes, BoxTable):
        found = _told(media, boxes)
    else:
        # The detector is what takes its time.
        found = made_ahead(
            lambda frame: (frame, predictor.find_people(frame.image, boxes)),
            media,
        )
    waiting = []
    with contextlib.closing(found):
        for frame, people in found:
            waiting.append((frame, ask(frame, people)))
            count = sum(len(shot.boxes) for _, shot in waiting)
            held = sum(frame.image.nbytes for frame, _ in waiting)
            if count >= batch_size or held >= _MOST_BYTES:
                yield from _predicted(predictor, waiting, flip)
                waiting = []
    yield from _predicted(predictor, waiting, flip)


def _told(media, table):
    """Frames, and the people whom a table has in them."""
    numbering, first, named = Numbering(), None, {}
    for frame in media:
        first = first or frame.name
        entry = table.of(frame.name)
        if entry is None:
            nobody = np.empty((0, 4))
            yield frame, People(nobody, caveats=Caveat.NO_ENTRY)
            continue
        name = plain_name(frame.name)
        if named.setdefault(entry.name, name) != name:
            raise ValueError(
                f"the boxes of {entry.name} must be those of one image. "
                f"Received: {named[entry.name]} and {name}"
            )
        persons = entry.persons
        if persons is None and frame.time_s is not None:
            persons = numbering.number(entry.boxes, frame.time_s)
        yield frame, People(entry.boxes, persons=persons)
    if first is not None and not named:
        raise ValueError(
            f"`boxes` must have the names of frames, as {first}. "
            f"Received: {', '.join(table.names[:3]) or 'none'}"
        )


def _predicted(predictor, waiting, flip):
    frames = [frame for frame, _ in waiting]
    poses = predictor.predict([shot for _, shot in waiting], flip)
    return zip(frames, poses, strict=True)


def _followed(media, predictor, ask, follower, first_boxes, flip):
    """Frames of a video, in which people are who they were before."""
    expected, caveat = 1, Caveat.NOBODY_FOUND
    if first_boxes is not None:
        expected, caveat = len(first_boxes), Caveat.LOST
    for frame in media:
        boxes, persons, box_from = follower.look(frame.image, frame.time_s)
        people = People(boxes, box_from, persons, is_strict=False)
        (poses,) = predictor.predict([ask(frame, people)], flip)
        follower.learn(poses)
        found = tuple(p for p in poses if p.person in follower.followed)
        caveats = poses.caveats
        if len(found) < expected:
            caveats |= caveat
        yield (
            frame,
            dataclasses.replace(poses, people=found, caveats=caveats),
        )
