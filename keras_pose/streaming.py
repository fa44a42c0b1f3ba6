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
from keras_pose.people.boxes_file import boxes_of
from keras_pose.people.following import Follower
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
):
    """Predicts frame by frame, in little memory.

    Args:
        media: A `media.Media`.
        predictor: The Predictor.
        camera: The Camera of all frames.
        boxes: (N, 4) px: in photos those of each, in a video those of its
            first frame, whose people are followed from there; the dict of
            `boxes_file.read_boxes`, which are all that is predicted; "image"
            for the whole of each; None finds people.
        root_depth: mm from the camera to the root of each person, or None.
        flip: As of the Predictor.
        batch_size: People that the network sees at once; those of a video
            whose boxes follow from the last frame are seen frame by frame.
        smoother: A `people.smoothing.Smoother` for what moves, or None; not
            used with a dict.

    Yields:
        (`media.Frame`, `pose.Poses`).

    Raises:
        OSError: As of the Media.
        ValueError: As of the Media and the Predictor; or the dict has no name
            of any frame.
    """
    ask = functools.partial(_shot, camera, root_depth)
    is_told = boxes is not None and isinstance(boxes, str | dict)
    if media.kind == "photos" or is_told:
        found = _one_by_one(media, predictor, ask, boxes, flip, batch_size)
    else:
        found = _followed(media, predictor, ask, boxes, flip)
    with contextlib.closing(found):
        for frame, poses in found:
            # Of a table nobody knows that its rows are in one order.
            if (
                smoother is not None
                and frame.time_s is not None
                and (not isinstance(boxes, dict))
            ):
                poses = smoother(frame.time_s, poses)
            yield frame, poses


def _shot(camera, root_depth, frame, boxes, **named):
    depths = None
    if root_depth is not None:
        depths = np.full(len(boxes), float(root_depth))
    return Shot(
        frame.image, boxes, root_depths=depths, **camera.of(frame), **named
    )


def _one_by_one(media, predictor, ask, boxes, flip, batch_size):
    """Frames that tell nothing of each other, several at once."""
    unknown = []  # names of frames without an entry

    def find(frame):
        given = boxes
        if isinstance(boxes, dict):
            given = boxes_of(boxes, frame.name)
            if given is None:
                unknown.append(frame.name)
                given = np.empty((0, 4))
        found, box_from, is_strict = predictor.find_boxes(frame.image, given)
        found = np.reshape(found, (-1, 4))
        return frame, ask(frame, found, box_from=box_from, is_strict=is_strict)

    count, waiting = 0, []
    with contextlib.closing(made_ahead(find, media)) as made:
        for frame, shot in made:
            count += 1
            waiting.append((frame, shot))
            people = sum(len(shot.boxes) for _, shot in waiting)
            held = sum(frame.image.nbytes for frame, _ in waiting)
            if people >= batch_size or held >= _MOST_BYTES:
                yield from _predicted(predictor, waiting, flip)
                waiting = []
    yield from _predicted(predictor, waiting, flip)
    if unknown and len(unknown) == count:
        raise ValueError(
            f"`boxes` must have the names of frames, as {min(unknown)}. "
            f"Received: {', '.join(list(boxes)[:3]) or 'none'}"
        )


def _predicted(predictor, waiting, flip):
    frames = [frame for frame, _ in waiting]
    poses = predictor.predict([shot for _, shot in waiting], flip)
    return zip(frames, poses, strict=True)


def _followed(media, predictor, ask, first_boxes, flip):
    """Frames of a video, in which people are who they were before."""
    if first_boxes is None:
        follower = Follower(predictor.detector)
    else:
        follower = Follower(None, first_boxes=first_boxes)
    for frame in media:
        boxes, persons, box_from = follower.look(frame.image, frame.time_s)
        shot = ask(
            frame, boxes, persons=persons, box_from=box_from, is_strict=False
        )
        (poses,) = predictor.predict([shot], flip)
        follower.learn(poses)
        yield frame, poses
