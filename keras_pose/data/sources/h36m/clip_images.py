"""The images of a clip of Human3.6M: a video, or a folder of frames."""

import os

from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading import video


def find(root, subject, name, camera, numbered):
    """Finds the images of a clip.

    Args:
        root: Folder of the images.
        subject: As "S1".
        name: The clip's name, as "Directions 1".
        camera: Serial number.
        numbered: As `camera_files.numbered_folders` gives it.

    Returns:
        Path of a video, or of a folder of frames.

    Raises:
        ValueError: There is neither.
    """
    names = facts.spellings(name)
    clips = [f"{name}.{camera}" for name in names]
    number = facts.CAMERAS.index(camera) + 1
    folders = [
        *(os.path.join(subject, clip) for clip in clips),
        *(
            os.path.join(subject, f"{subject}_{clip.replace(' ', '_')}")
            for clip in clips
        ),
        *(
            numbered[subject, name].format(number)
            for name in names
            if (subject, name) in numbered
        ),
    ]
    videos = [
        os.path.join(subject, folder, f"{clip}.mp4")
        for folder in ("Videos", "")
        for clip in clips
    ]
    for relative in videos:
        if os.path.isfile(path := os.path.join(root, relative)):
            return path
    for relative in folders:
        if os.path.isdir(path := os.path.join(root, relative)):
            return path
    raise ValueError(
        f"`images` must hold {videos[0]}, or a folder {folders[0]} of frames"
        + ("" if numbered else "; numbered folders need `cameras` of the xml")
        + f". Received: neither, in {root}"
    )


def read(path, frames):
    """Reads frames of a clip.

    Args:
        path: As `find` gives it.
        frames: Their numbers from 0, ascending.

    Yields:
        (number, bytes of an encoded image), the file's own where it is one.

    Raises:
        ValueError: Names the file and the frame that it has not.
    """
    if os.path.isdir(path):
        return _from_folder(path, frames)
    return video.read_frames(path, frames)


def _from_folder(folder, frames):
    names = files.numbered_images(folder)
    for frame in frames:
        # Names count frames from 1.
        if frame + 1 not in names:
            raise ValueError(f"{folder}: must have frame {frame + 1}")
        yield frame, files.read_bytes(folder, names[frame + 1])
