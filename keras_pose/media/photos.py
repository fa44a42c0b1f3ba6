"""Photos as frames."""

import os

from keras_pose import images
from keras_pose.data.sources.reading import files
from keras_pose.media import exif
from keras_pose.media.frame import Damage
from keras_pose.media.frame import Frame


class Photos:
    """Reads photos in their order.

    Args:
        paths: The files.
        selection: The Selection; photos have no times.

    Attributes:
        kind: "photos".
        num_frames: Photos that are selected.
        frames_per_second: None.

    Raises:
        ValueError: The selection has times.
    """

    kind = "photos"
    frames_per_second = None

    def __init__(self, paths, selection):
        if selection.is_timed:
            raise ValueError(
                "`start_s` and `end_s` must be left out for photos, which "
                f"have no times. Received: start_s={selection.start_s}, "
                f"end_s={selection.end_s}"
            )
        self._paths = paths[:: selection.every]
        self.num_frames = len(self._paths)

    def close(self):
        """Photos are closed as soon as they are read."""

    def frames(self):
        """Yields a Frame for each photo, or a Damage.

        Raises:
            ValueError: Not one of them can be read.
        """
        damaged = []
        for path in self._paths:
            try:
                yield read_photo(path)
            except ValueError as error:
                damaged.append(str(error))
                if len(self._paths) > 1:
                    yield Damage(str(error))
        if len(damaged) == len(self._paths) == 1:
            raise ValueError(damaged[0])
        if len(damaged) == len(self._paths):
            raise ValueError(
                f"not one of {len(damaged)} photos can be read. The first: "
                f"{damaged[0]}"
            )


def read_photo(path):
    """Reads one photo, upright, and its camera where EXIF says it.

    Returns:
        A Frame.

    Raises:
        ValueError: Names the file, and what is wrong with it.
    """
    encoded = files.read_bytes(*os.path.split(path))
    image = images.decode_image(encoded, path, upright=True)
    camera = exif.intrinsics_of(encoded, path, image.shape[:2])
    return Frame(path, None, image, *(camera or ()))
