"""What a person is told while frames go by, and afterwards."""

import collections
import contextlib
import os
import time

from keras_pose.geometry.camera import ORDINARY_FIELD_OF_VIEW
from keras_pose.interruption import Interruption
from keras_pose.pose import Caveat

_MOST = 5  # that are named of many alike


class Watch:
    """Counts frames and people, and notes what a user should know.

    Args:
        media: The `media.reader.Media` that the frames come from.
        progress_bar: As of `console`.
        say: Tells a line at once.
    """

    def __init__(self, media, progress_bar, say):
        self._media, self._progress_bar, self._say = media, progress_bar, say
        self._frames = self._poses = 0
        self._seconds = 0.0
        self._people, self._refused = set(), []
        # By Caveat: names of photos, and spans of a film's time.
        self._names = collections.defaultdict(list)
        self._spans = collections.defaultdict(list)

    def over(self, frames):
        """Passes on frames with their poses; Ctrl-C ends those of a camera."""
        noun = "photo" if self._media.kind == "photos" else "frame"
        bar = self._progress_bar(self._media.num_frames, noun)
        start = time.monotonic()
        if self._media.kind == "camera":
            frames = _until_interrupted(frames)
        try:
            for frame, poses in frames:
                is_first_loss = self._count(frame, poses)
                yield frame, poses
                if bar:
                    bar(self._frames, is_end=is_first_loss)
                if is_first_loss:
                    self._say(
                        f"at {frame.time_s:.2f} s a person of --box was lost; "
                        "they are looked for where they were"
                    )
        finally:  # what is said next has a line of its own
            if bar and self._frames:
                bar(self._frames, is_end=True)
        self._seconds = time.monotonic() - start

    def _count(self, frame, poses):
        """Takes a frame in; says whether nobody was lost before it."""
        was_lost = bool(self._spans[Caveat.LOST])
        self._frames += 1
        self._poses += len(poses)
        self._people.update(pose.person for pose in poses)
        self._refused += poses.refused
        for caveat in Caveat:
            holds = caveat in poses.caveats
            if frame.time_s is not None:
                _extend(self._spans[caveat], frame.time_s, holds)
            elif holds:
                self._names[caveat].append(frame.name)
        return bool(self._spans[Caveat.LOST]) > was_lost

    def warnings(self):
        """Lines of what was left out or guessed."""
        media = self._media
        left_out = [f"left out: {line}" for line in media.damaged]
        lines = [*media.notes, *_first(left_out), *_first(self._refused)]
        guessed = Caveat.CAMERA_GUESSED
        if self._poses and (self._names[guessed] or self._spans[guessed]):
            lines.append(
                f"no camera was given: {ORDINARY_FIELD_OF_VIEW:g} degrees "
                "across the longer side is a guess, and so is how far away "
                "people are; --intrinsics, --camera or --field_of_view tell it"
            )
        if media.kind == "photos":
            lines += self._of_photos()
        elif self._poses:
            lines += self._of_frames(is_live=media.kind == "camera")
        if not self._poses:
            lines.append(
                "there is nobody in the results: --box, --boxes or another "
                "--detector tell where people are"
            )
        return lines

    def _of_photos(self):
        if names := self._names[Caveat.NO_ENTRY]:
            yield (
                "nobody is in the results of "
                f"{_counted(len(names), 'photo')} without an entry in "
                f"--boxes: {_listed(names)}"
            )
        if names := self._names[Caveat.NOBODY_FOUND]:
            yield (
                f"nobody was found in {_counted(len(names), 'photo')}, "
                f"{_listed(names)}: the whole photo is the box, which is wrong "
                "unless one person fills it; --box, --boxes or another "
                "--detector tell where people are"
            )

    def _of_frames(self, is_live):
        if spans := self._spans[Caveat.NO_ENTRY]:
            yield (
                "nobody is in the results where --boxes has no entry, "
                f"{_told(spans)}"
            )
        spans = self._spans[Caveat.NOBODY_FOUND]
        if spans and not is_live:  # before which people come and go
            yield (
                f"nobody was found {_told(spans)}: --box, --boxes or another "
                "--detector tell where people are"
            )
        if spans := self._spans[Caveat.LOST]:
            yield (
                f"a person of --box was not followed {_told(spans)}: a good "
                "--detector beside it finds more people again; so does a "
                "--box for each part of a video, cut by --start and --end"
            )

    def summary(self):
        """What was done, in a line."""
        people = self._poses, "person"
        noun = "photo"
        if self._media.kind != "photos":
            people, noun = (len(self._people), "person"), "frame"
        rate = self._frames / max(self._seconds, 1e-9)
        return (
            f"{_counted(self._frames, noun)}, {_counted(*people)}, "
            f"{self._seconds:.1f} s, {rate:.1f} a second"
        )


def listed_files(paths):
    """Lines of files that were written; many of a kind are one line."""
    kinds = collections.defaultdict(list)
    for path in paths:
        folder, name = os.path.split(path)
        kinds[folder, os.path.splitext(name)[1]].append(path)
    lines = []
    for (folder, suffix), alike in kinds.items():
        if len(alike) > _MOST:
            pattern = os.path.join(folder, f"*{suffix}")
            alike = [f"{pattern}: {len(alike)} files"]
        lines += alike
    return sorted(lines)


def _until_interrupted(frames):
    """Passes on frames until Ctrl-C, which breaks off nothing half done.

    The second one does, as when no more frames come. SIGTERM is the same, but
    a second one leaves no results.
    """
    with (
        Interruption(kills=False) as interruption,
        contextlib.suppress(KeyboardInterrupt),  # the second one
    ):
        for item in frames:
            yield item
            if interruption.signal_number is not None:
                break


def _extend(spans, time_s, holds):
    """Notes in [[begin, end or None]] what holds from this time, or ends."""
    is_open = bool(spans) and spans[-1][1] is None
    if holds and not is_open:
        spans.append([time_s, None])
    elif is_open and not holds:
        spans[-1][1] = time_s


def _told(spans):
    return _listed(
        [
            f"from {begin:.2f} s to the end"
            if end is None
            else f"from {begin:.2f} to {end:.2f} s"
            for begin, end in spans
        ]
    )


def _listed(texts):
    return ", ".join(_first(texts))


def _first(lines):
    """The first lines, and how many more there are."""
    more = len(lines) - _MOST
    return [*lines[:_MOST], *([f"and {more} more"] if more > 0 else [])]


def _counted(count, noun):
    nouns = "people" if noun == "person" else f"{noun}s"
    return f"{count} {noun if count == 1 else nouns}"
