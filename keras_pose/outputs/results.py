"""All that predict.py writes, each kind of file by its name."""

import contextlib
import functools
import itertools
import os
import re

import numpy as np

from keras_pose import durable
from keras_pose.outputs import angles
from keras_pose.outputs import bvh
from keras_pose.outputs import film
from keras_pose.outputs import page
from keras_pose.outputs import page_pictures
from keras_pose.outputs import picture
from keras_pose.outputs import pose_csv
from keras_pose.outputs import pose_json
from keras_pose.outputs import pose_npz
from keras_pose.outputs import still
from keras_pose.outputs import trc
from keras_pose.recording import Recorder

# name: what it is, as a user reads it.
FORMATS = {
    "json": "poses.json, everything; docs/poses.schema.json describes it",
    "csv": "poses.csv, a line for each person of each frame",
    "npz": "poses.npz, for NumPy",
    "angles": "angles.csv, joint angles in degrees",
    "bvh": "person1.bvh and so on, for Blender and other animation tools",
    "bvh_fixed": "person1_fixed.bvh and so on: with bones of constant length",
    "trc": "person1.trc and so on, for OpenSim",
    "picture": "photos with the poses on them; of a video film.mp4",
    "webm": "of a video film.webm, which browsers play; takes longer",
    "still": "the poses in 3D beside their photo; of a video one frame",
    "page": "page.html, to look at: opens in any browser, without a network",
}

# Of a photo's name; disks take 255, with what is added to it.
_MOST_BYTES = 200

_TABLES = {
    "json": ("poses.json", pose_json.write_json),
    "csv": ("poses.csv", pose_csv.write_csv),
    "npz": ("poses.npz", pose_npz.write_npz),
    "angles": ("angles.csv", angles.write_angles_csv),
}
_FILMS = {"picture": "film.mp4", "webm": "film.webm"}
_OF_PERSONS = {
    # Every joint where it was predicted, as in all other files.
    "bvh": functools.partial(bvh.write_bvh, fixed_bones=False),
    "bvh_fixed": bvh.write_bvh,
    "trc": trc.write_trc,
}


class Results:
    """Takes frames with their poses, and writes files of them.

    Pictures and films are written as frames come; of the poses a few arrays
    are kept, and for the page some small pictures.

    Args:
        folder: Where the files go when all are whole, made where there is
            none; files of the same names are replaced.
        formats: Keys of `FORMATS`.
        skeleton: The joints.
        model: The network's path, for the files to say.
        kind: As of `Recording`.
        frames_per_second: Of the video, or None.
        inputs: Paths of the files that the frames come from.

    Raises:
        ValueError: There is no such format, `folder` is a file, or one of the
            inputs lies in it, which might be replaced.
    """

    def __init__(
        self,
        folder,
        formats,
        skeleton,
        model,
        kind,
        frames_per_second=None,
        inputs=(),
    ):
        unknown = sorted(set(formats) - set(FORMATS))
        if unknown or not formats:
            raise ValueError(
                f"`formats` must be of {', '.join(FORMATS)}. Received: "
                f"{', '.join(unknown) or 'none'}"
            )
        if kind == "photos" and "webm" in formats:
            raise ValueError("`formats` must have webm for videos alone")
        _check_apart(folder, inputs)
        self._folder, self._formats = folder, formats
        self._kind, self._frames_per_second = kind, frames_per_second
        self._recorder = Recorder(skeleton, model, kind)
        self._stems = set()
        self._thumbnails = page_pictures.Thumbnails()
        self._best = None  # frame of the video for its still
        self._films = []
        self._exit = contextlib.ExitStack()

    def __enter__(self):
        self._partial = self._exit.enter_context(
            durable.filled_folder(self._folder)
        )
        for name, file in _FILMS.items():
            if name in self._formats and self._kind != "photos":
                writer = film.FilmWriter(
                    self._path(file), self._frames_per_second
                )
                self._films.append(self._exit.enter_context(writer))
        return self

    def __exit__(self, *error):
        return self._exit.__exit__(*error)

    def add(self, frame, poses):
        """Adds a `media.Frame` and its `pose.Poses`."""
        if "page" in self._formats:
            self._thumbnails.add(len(self._recorder), frame.image)
        self._recorder.add(frame.name, frame.time_s, poses)
        if self._kind == "photos":
            self._add_photo(frame, poses)
        else:
            self._add_to_film(frame, poses)

    def finish(self):
        """Writes what needs all frames.

        Returns:
            Paths of all files, as they will be when the block ends.
        """
        recording = self._recorder.finish(self._frames_per_second)
        for name, (file, write) in _TABLES.items():
            if name in self._formats:
                write(self._path(file), recording)
        if self._kind != "photos":
            self._write_persons(recording, "person")
        for writer in self._films:
            writer.close()
        if self._best is not None:
            frame, poses = self._best
            still.write_still(self._path("still.png"), poses, frame.image)
        if "page" in self._formats:
            path = self._path("page.html")
            page.write_page(path, recording, self._thumbnails)
        return self._paths()

    def _add_photo(self, frame, poses):
        stem = self._stem(frame.name)
        if "picture" in self._formats:
            drawn = picture.draw(frame.image, poses)
            picture.write(self._path(f"{stem}.jpg"), drawn)
        if "still" in self._formats:
            path = self._path(f"{stem}_3d.png")
            still.write_still(path, poses, frame.image)
        alone = Recorder(poses.skeleton, "", "photos")
        alone.add(frame.name, None, poses)
        self._write_persons(alone.finish(), f"{stem}_person")

    def _write_persons(self, recording, start):
        for name in self._formats:
            if name not in _OF_PERSONS:
                continue
            kind, _, way = name.partition("_")
            for person in recording.people:
                file = f"{start}{person}{way and f'_{way}'}.{kind}"
                _OF_PERSONS[name](self._path(file), recording, person)

    def _add_to_film(self, frame, poses):
        if self._films:
            drawn = picture.draw(frame.image, poses)
            for writer in self._films:
                writer.add(drawn, frame.time_s)
        if "still" in self._formats and len(poses):
            sure = _sureness(poses)
            if self._best is None or sure > _sureness(self._best[1]):
                self._best = frame, poses

    def _stem(self, name):
        """A file name of a photo's own, of letters that any disk takes."""
        stem = os.path.splitext(os.path.basename(name))[0]
        stem = re.sub(r"[^\w.-]", "_", stem) or "photo"
        stem = stem.encode()[:_MOST_BYTES].decode(errors="ignore")
        again = (f"{stem}-{number}" for number in itertools.count(2))
        for free in itertools.chain([stem], again):
            # To some disks capitals are the same as small letters.
            if free.casefold() not in self._stems:
                self._stems.add(free.casefold())
                return free

    def _path(self, name):
        return os.path.join(self._partial, name)

    def _paths(self):
        return sorted(
            os.path.join(self._folder, file)
            for file in os.listdir(self._partial)
        )


def _check_apart(folder, inputs):
    """Refuses to write among the files that are read."""
    if not os.path.isdir(folder):
        return
    for path in inputs:
        if os.path.samefile(os.path.dirname(path) or os.curdir, folder):
            raise ValueError(
                "`out` must be another folder than that of the inputs, whose "
                f"files might be replaced. Received: {folder}, which holds "
                f"{path}"
            )


def _sureness(poses):
    """How much a frame shows: the confidences of its people, summed."""
    return sum(
        1 if pose.confidence is None else float(np.mean(pose.confidence))
        for pose in poses
    )
