"""Whatever a user has, as frames: photos, folders, a video, a camera."""

import threading
import weakref

from keras_pose.media import ahead
from keras_pose.media import inputs as given
from keras_pose.media.camera import Camera
from keras_pose.media.frame import Damage
from keras_pose.media.frame import Frame
from keras_pose.media.frame import Note
from keras_pose.media.frame import Selection
from keras_pose.media.photos import Photos
from keras_pose.media.video import Video


def open_media(inputs, every=1, start_s=None, end_s=None):
    """Opens photos, a video or a camera.

    Args:
        inputs: Photos, folders of photos, patterns such as "shots/*.jpg",
            ONE video file, or the number of ONE camera, as "0".
        every: Each so many-th frame or photo is taken, from the first one.
        start_s: Seconds from a video's first frame where to begin.
        end_s: Seconds before which to end.

    Returns:
        The Media.

    Raises:
        OSError: There is no such file, folder or camera.
        ValueError: Nothing is found, a file is neither photo nor video, holds
            no picture, or inputs of several kinds are given; or as
            `Selection.check`.

    Example:
        with reader.open_media(["clip.mp4"], every=2) as media:
            for frame in media:
                print(frame.name, frame.time_s, frame.image.shape)
    """
    selection = Selection(every, start_s, end_s)
    selection.check()
    found = given.find(inputs)
    if found.kind == "photos":
        source = Photos(found.paths, selection)
    elif found.kind == "video":
        source = Video(found.paths[0], selection)
    else:
        source = Camera(found.camera, selection)
    return Media(source, found.notes, found.paths)


class Media:
    """Frames in their order, decoded ahead; to be closed, or used by `with`.

    Of a camera always the newest picture comes, and those between are passed
    over. To iterate raises what reading raises: ValueError where nothing at
    all can be decoded.

    Args:
        source: A Photos, Video or Camera.
        notes: What is known already.
        paths: Of the files that it reads.

    Attributes:
        paths: Of the files that are read.
        kind: "photos", "video" or "camera".
        num_frames: Frames to come, as a header says, which may be wrong for
            videos; or None.
        frames_per_second: Of a header; or None.
        damaged: A line for each photo, and for each row of frames, that was
            left out; grows while frames are taken.
        notes: Lines of what else a user should know: files of a folder that
            were not taken, times that were repaired. Grows likewise.
    """

    def __init__(self, source, notes=(), paths=()):
        self.paths = tuple(paths)
        self.kind, self.num_frames = source.kind, source.num_frames
        self.frames_per_second = source.frames_per_second
        self.damaged, self.notes = [], list(notes)
        self._mailbox = ahead.Mailbox(newest_only=source.kind == "camera")
        thread = ahead.start(source, self._mailbox)
        # Also where it is forgotten, not closed.
        self._close = weakref.finalize(self, _stop, self._mailbox, thread)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def __iter__(self):
        return self

    def __next__(self):
        while (item := self._mailbox.take()) is not None:
            match item:
                case Frame():
                    return item
                case Damage(text):
                    self.damaged.append(text)
                case Note(text):
                    self.notes.append(text)
        self.close()
        raise StopIteration

    def close(self):
        """Ends the thread and closes the file; nothing comes any more."""
        self._close()


def _stop(mailbox, thread):
    mailbox.stop()
    if thread is not threading.current_thread():
        thread.join()
