"""Opening the videos that others made, which may hold anything."""

import contextlib
import os
import threading

import cv2

from keras_pose import images
from keras_pose.data.sources.reading import files

# FFmpeg goes by what a file holds. Lists of other files and addresses to play
# are among what it knows, so nothing is given to it but what begins like one
# of these. Each of them FFmpeg itself takes for certain at this beginning.
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_MATROSKA = b"\x1aE\xdf\xa3"
_MATROSKA_KINDS = (b"matroska", b"webm")
_START_BYTES = 256

_LOG = getattr(cv2.utils, "logging", cv2)  # its place before OpenCV 4.13
_SILENT = 0  # a level of OpenCV's log
_FFMPEG_QUIET = "-8"  # and FFmpeg's AV_LOG_QUIET

# What iPhones and others call photos that lie in the same boxes.
_PHOTO_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"avif")
_PHOTO_BRANDS += (b"jp2 ", b"jpx ", b"jxl ")


def container_of(start):
    """Tells a video file by its beginning.

    Args:
        start: The file's first bytes, 256 or all that there are.

    Returns:
        "mp4" (MOV and M4V are the same), "avi" or "mkv" (and WebM); None for
        what is none of them.
    """
    if start[4:8] in _MP4_BOXES and not is_boxed_photo(start):
        return "mp4"
    if start.startswith(b"RIFF") and start[8:12] == b"AVI ":
        return "avi"
    if start.startswith(_MATROSKA):
        if any(kind in start for kind in _MATROSKA_KINDS):
            return "mkv"
    return None


def is_boxed_photo(start):
    """Whether a file that begins so is a HEIC, AVIF, or JPEG 2000 photo."""
    return start[4:8] == b"ftyp" and start[8:12] in _PHOTO_BRANDS


def start_of(path):
    """A file's first bytes, as many as `container_of` takes.

    Raises:
        ValueError: There is no such file, or it cannot be read.
    """
    files.check_file(path)
    try:
        with open(path, "rb") as file:
            return file.read(_START_BYTES)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error


@contextlib.contextmanager
def opened(path, packets=False):
    """Gives OpenCV's capture of a video, and (width, height) px, upright.

    Args:
        path: An MP4, MOV, AVI, MKV or WebM.
        packets: Whether the capture is to grab encoded pictures as they lie
            in the file, and to decode none.

    Raises:
        ValueError: It is none, has no picture that can be decoded, or has
            more pixels than an image may have.
    """
    start = start_of(path)
    if container_of(start) is None:
        raise ValueError(
            f"{path}: must be a video, MP4, MOV, AVI, MKV or WebM. "
            f"Received: {start[:12]!r}"
        )
    # OpenCV's own log says what the error below says.
    with quiet(), contextlib.ExitStack() as closing:
        # A path from the root cannot be taken for an address.
        capture = cv2.VideoCapture(
            os.path.abspath(path),
            cv2.CAP_FFMPEG,
            [cv2.CAP_PROP_FORMAT, -1] if packets else [],
        )
        closing.callback(capture.release)
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        yield capture, _size_of(capture, path)


def _size_of(capture, path):
    width, height = (
        int(capture.get(side))
        for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    if not capture.isOpened() or min(width, height) < 1:
        raise ValueError(
            f"{path}: must be a video that can be decoded. Received: no "
            "picture, a damaged one, or one of a codec that OpenCV lacks"
        )
    if width * height > images.MAX_PIXELS:
        raise ValueError(
            f"{path}: a frame must have at most {images.MAX_PIXELS} "
            f"pixels. Received: {width} x {height}"
        )
    return width, height


class _Silence:
    """OpenCV has one log for the process: the last to leave turns it on."""

    def __init__(self):
        self._lock = threading.Lock()
        self._users, self._level = 0, None

    def enter(self):
        with self._lock:
            if not self._users:
                # FFmpeg looks for it once, when the first file is opened.
                os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _FFMPEG_QUIET)
                self._level = _LOG.getLogLevel()
                _LOG.setLogLevel(_SILENT)
            self._users += 1

    def leave(self):
        with self._lock:
            self._users -= 1
            if not self._users:
                _LOG.setLogLevel(self._level)


_SILENCE = _Silence()


@contextlib.contextmanager
def quiet():
    """Keeps OpenCV and FFmpeg off the terminal while it is entered.

    Where other code opened a video before, FFmpeg keeps the level it had then.
    """
    _SILENCE.enter()
    try:
        yield
    finally:
        _SILENCE.leave()
