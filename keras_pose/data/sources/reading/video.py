"""Frames of videos, as JPEGs."""

import cv2

from keras_pose.data.sources.reading import video_file

JPEG_QUALITY = 95

# What a header may claim: hours of film.
MAX_FRAMES = 10**6


def describe(path):
    """Reads a video's header.

    Returns:
        (number of frames, width, height), px.

    Raises:
        ValueError: The file is no video of a known format, or its header is
            damaged.
    """
    with video_file.opened(path) as (capture, size):
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
        path: A video, see `video_file.opened`.
        indices: Frame numbers from 0, ascending.

    Yields:
        (frame number, the frame as a JPEG).

    Raises:
        ValueError: As `describe`; or the video ends before a frame.
    """
    with video_file.opened(path) as (capture, _):
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
