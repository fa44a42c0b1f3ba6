"""Frames of videos, as JPEGs."""

import contextlib

import cv2

from keras_pose import images
from keras_pose.data.sources.reading import files

JPEG_QUALITY = 95

# What a header may claim: hours of film.
MAX_FRAMES = 10**6

# FFmpeg goes by what a file holds. Lists of other files and addresses to play
# are among what it knows.
_MAGIC = ((4, b"ftyp"), (8, b"AVI "))


def describe(path):
    """Reads a video's header.

    Returns:
        (number of frames, width, height), px.

    Raises:
        ValueError: The file is no AVI or MP4, or its header is damaged.
    """
    with _opened(path) as (capture, size):
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if not 0 < count <= MAX_FRAMES:
        raise ValueError(
            f"{path}: must be a video of 1 to {MAX_FRAMES} frames. "
            f"Received: {count}"
        )
    return count, *size


def read_frames(path, indices):
    """Reads frames in their order; those between are not decoded to pixels.

    Seeking would be quicker, and lands beside where a video's index is wrong.

    Args:
        path: An AVI or MP4.
        indices: Frame numbers from 0, ascending.

    Yields:
        (frame number, the frame as a JPEG).

    Raises:
        ValueError: As `describe`; or the video ends before a frame.
    """
    with _opened(path) as (capture, _):
        following = 0
        for index in indices:
            while following <= index and capture.grab():
                following += 1
            found, frame = following > index, None
            if found:
                found, frame = capture.retrieve()
            if not found:
                raise ValueError(
                    f"{path}: must have frame {index}, from 0, as its labels "
                    f"have. Received: {following} frames that can be decoded"
                )
            yield int(index), _jpeg(path, frame)


def _jpeg(path, frame):
    done, encoded = cv2.imencode(
        ".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise ValueError(f"{path}: a frame cannot be encoded as JPEG")
    return encoded.tobytes()


@contextlib.contextmanager
def _opened(path):
    """Gives OpenCV's capture of a video, and (width, height) px."""
    start = _start_of(path)
    if not any(start[at:].startswith(magic) for at, magic in _MAGIC):
        raise ValueError(
            f"{path}: must be a video, AVI or MP4. Received: {start!r}"
        )
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    try:
        width, height = (
            int(capture.get(side))
            for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if not capture.isOpened() or min(width, height) < 1:
            raise ValueError(f"{path}: must be a video that can be decoded")
        if width * height > images.MAX_PIXELS:
            raise ValueError(
                f"{path}: a frame must have at most {images.MAX_PIXELS} "
                f"pixels. Received: {width} x {height}"
            )
        yield capture, (width, height)
    finally:
        capture.release()


def _start_of(path):
    files.check_file(path)
    try:
        with open(path, "rb") as file:
            return file.read(12)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
