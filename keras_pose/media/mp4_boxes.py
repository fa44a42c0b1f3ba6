"""What an MP4 or MOV holds, by its boxes.

OpenCV does not say why it cannot open a file, nor that one was cut off; and
the cover of a song is a video of one frame to it.

Source: ISO/IEC 14496-12, 4.2 (boxes), 8.4.3 (the handler of a track).
"""

import os

_LARGE, _TO_THE_END = 1, 0  # sizes that stand for others
_MOST_BOXES = 100_000  # beside each other; a live recording has thousands


def check_picture(path):
    """Refuses a file that has no picture.

    Raises:
        ValueError: It holds sound alone, or lacks its index.
    """
    with open(path, "rb") as file:
        movies = list(_within(file, 0, _size_of(file), (b"moov",)))
        if not movies:
            raise ValueError(
                f"{path}: must be a whole video. Received: one without its "
                "index (the box moov): the recording or a copy was cut short"
            )
        handlers = set()
        for start, stop in movies:
            below = (b"trak", b"mdia", b"hdlr")
            for body, _ in _within(file, start, stop, below):
                file.seek(body + 8)  # version, flags, and 4 bytes of 0
                handlers.add(file.read(4))
    # Where no track can be read, OpenCV may know more.
    if handlers and b"vide" not in handlers:
        kind = "sound alone" if b"soun" in handlers else "no video track"
        raise ValueError(f"{path}: must hold a picture. Received: {kind}")


def is_cut_off(path):
    """Whether a file ends before its last box does."""
    with open(path, "rb") as file:
        end = _size_of(file)
        return any(stop > end for _, _, stop in _boxes(file, 0, end))


def _size_of(file):
    return os.fstat(file.fileno()).st_size


def _within(file, start, end, path):
    """Yields (start, end) of the bodies of the boxes at a path of names."""
    for name, body, stop in _boxes(file, start, end):
        if name == path[0]:
            if len(path) == 1:
                yield body, min(stop, end)
            else:
                yield from _within(file, body, min(stop, end), path[1:])


def _boxes(file, start, end):
    """Yields (name, start of the body, end) of boxes beside each other.

    The last one may end behind `end`, where the file does not hold it all.
    """
    for _ in range(_MOST_BOXES):
        if start >= end:
            return
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        size, name = int.from_bytes(header[:4], "big"), header[4:8]
        body = start + 8
        if size == _LARGE:
            size, body = int.from_bytes(header[8:16], "big"), start + 16
        elif size == _TO_THE_END:
            size = end - start
        stop = start + size
        if stop < body:
            return
        yield name, body, stop
        start = stop
