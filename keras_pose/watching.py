"""What a person is told while frames go by, and afterwards."""

import contextlib
import signal
import time

_LINES = 5  # that are shown of many alike


class Watch:
    """Counts frames and people, and notes what a user should know.

    Args:
        media: The `media.reader.Media` that the frames come from.
        progress_bar: As of `console`.
    """

    def __init__(self, media, progress_bar):
        self._media, self._progress_bar = media, progress_bar
        self._frames = self._poses = 0
        self._seconds = 0.0
        self._people, self._guesses, self._refused = set(), set(), []
        self._wholes = 0  # photos in which the detector found nobody

    def over(self, frames):
        """Passes on frames with their poses; Ctrl-C ends those of a camera."""
        noun = "photo" if self._media.kind == "photos" else "frame"
        bar = self._progress_bar(self._media.num_frames, noun)
        start = time.monotonic()
        if self._media.kind == "camera":
            frames = _until_interrupted(frames)
        try:
            for frame, poses in frames:
                self._count(poses)
                yield frame, poses
                if bar:
                    bar(self._frames, is_end=False)
        finally:  # what is said next has a line of its own
            if bar and self._frames:
                bar(self._frames, is_end=True)
        self._seconds = time.monotonic() - start

    def _count(self, poses):
        self._frames += 1
        self._poses += len(poses)
        self._people.update(pose.person for pose in poses)
        self._refused += poses.refused
        self._wholes += any("found nobody" in p.box_from for p in poses)
        if poses.intrinsics_from.startswith("a guess"):
            self._guesses.add(poses.intrinsics_from.partition(": ")[2])

    def warnings(self):
        """Lines of what was left out or guessed."""
        media = self._media
        lines = [*media.notes, *_first(media.damaged), *_first(self._refused)]
        lines += [
            f"no camera was given: {guess} is a guess, and so is how far away "
            "people are; --intrinsics, --camera or --field_of_view tell it"
            for guess in sorted(self._guesses)
        ]
        if self._wholes:
            lines.append(
                f"nobody was found in {_counted(self._wholes, 'photo')}: the "
                "whole photo is the box, which is wrong unless one person "
                "fills it; --box, --boxes or another --detector tell where "
                "people are"
            )
        if not self._poses:
            lines.append(
                "there is nobody in the results: --box, --boxes or another "
                "--detector tell where people are"
            )
        return lines

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


def _until_interrupted(frames):
    """Passes on frames until Ctrl-C, which breaks off nothing half done.

    The second one does, as when no more frames come.
    """
    before = signal.getsignal(signal.SIGINT)
    is_interrupted = False

    def note(*_):
        nonlocal is_interrupted
        is_interrupted = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        with contextlib.suppress(KeyboardInterrupt):  # the second one
            for item in frames:
                yield item
                if is_interrupted:
                    break
    finally:
        signal.signal(signal.SIGINT, before)


def _first(lines):
    """The first lines, and how many more there are."""
    more = len(lines) - _LINES
    return [*lines[:_LINES], *([f"and {more} more"] if more > 0 else [])]


def _counted(count, noun):
    nouns = "people" if noun == "person" else f"{noun}s"
    return f"{count} {noun if count == 1 else nouns}"
