"""The frames of the Pavlakos layout whose HDF5 file holds no poses.

`annot/valid_images.txt` lists them. Pavlakos' own `valid.h5` has `center`
(N, 2) px and `scale` (N), of 200 px, of a square around the person, and the
`valid.mat` beside it the poses `S` in the camera frame and the cameras `K`.
The course's has neither: the poses are what it asks for, and the images are
the crops themselves.
"""

import os
import reprlib

import numpy as np

from keras_pose import images
from keras_pose.data.sources import labels
from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.h36m import leg_order
from keras_pose.data.sources.h36m import pose_samples
from keras_pose.data.sources.lens import check_full_frame
from keras_pose.data.sources.reading import confined
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading import hdf5
from keras_pose.skeleton import H36M_17

_PX_PER_SCALE = 200.0
# What the square holds beside the joints, both sides together: 40.0 px in all
# 394 published frames, with the lens's bend in.
_PADDING_PX = 40.0

_MAX_PX = 1e5

# How far the middle of the projected joints may lie from `center`, as a share
# of the square's side, and how much of it they fill. The lens, which `K` does
# not have, takes 1.3 px of 400.
_MAX_SHIFT = 0.02
_FILLED = (0.5, 1.0)

_SQUARES = {"center": (2,), "scale": ()}


class Frames:
    """Rows of images, with a pose each or without.

    Args:
        path: The HDF5 file, or where it would lie.
        image_root: Folder of the images.

    Attributes:
        names: The image of each row, below `image_root`.
    """

    def __init__(self, path, image_root):
        base = os.path.splitext(path)[0]
        self._image_root = image_root
        self._mat_path = f"{base}.mat"
        self._path, self._list_path = path, f"{base}_images.txt"
        self._labels = None
        if os.path.isfile(self._mat_path):
            self._labels = confined.read(
                f"{__package__}.c2f_mat:read", self._mat_path
            )
            order, self._leg_notes = leg_order.order_of(
                self._labels["poses"], self._mat_path
            )
            self._labels["poses"] = self._labels["poses"][:, order]
        self._squares = self._read_squares()
        counts = {
            len(rows["scale"])
            for rows in (self._labels, self._squares)
            if rows is not None
        }
        if len(counts) > 1:
            raise ValueError(
                f"{self._path} and {self._mat_path} must have as many rows. "
                f"Received: {' and '.join(map(str, sorted(counts)))}"
            )
        count = counts.pop() if counts else None
        self.names = files.read_lines(self._list_path, count)
        self._check()

    def _read_squares(self):
        """{center, scale} of the HDF5 file; None if it has none."""
        if self._labels is not None and not os.path.isfile(self._path):
            return None
        count = hdf5.count_rows(self._path, _SQUARES)
        if count is None:
            return None
        squares = {
            name: np.zeros((count, *shape)) for name, shape in _SQUARES.items()
        }
        for row, values in hdf5.read_rows(
            self._path, _SQUARES, np.arange(count)
        ):
            for name, value in values.items():
                squares[name][row] = value
        return squares

    def _check(self):
        """Refuses files that are not of the same frames."""
        if self._labels is None:
            return
        for row, (name, listed) in enumerate(
            zip(self._labels["imgname"], self.names, strict=True)
        ):
            if os.path.splitext(listed)[0] != name.removesuffix(".jpg"):
                expected, given = map(reprlib.repr, (listed, str(name)))
                raise ValueError(
                    f"{self._mat_path}: row {row} must be of {expected}, as "
                    f"in {self._list_path}. Received: {given}"
                )
        if self._squares is None:
            return
        for name, values in self._squares.items():
            if not np.allclose(values, self._labels[name], atol=0.01):
                raise ValueError(
                    f"{self._path}: `{name}` must be that of {self._mat_path}"
                )

    @property
    def labelled(self):
        """Whether there are poses."""
        return self._labels is not None

    def notes(self, row):
        """What its user should know; `row` is the first that is read."""
        if self._labels is not None:
            found = f"{self._mat_path}: poses and cameras of full frames"
            return (found, *self._leg_notes)
        found = f"{self._path}: holds no poses, images alone"
        if self._squares is None or not self._is_full(row):
            return (f"{found}; each is a crop, and its box the whole image",)
        return (f"{found}, with boxes by `center` and `scale`",)

    def _is_full(self, row):
        """Whether a row's square lies in its image."""
        name = self.names[row]
        image = files.read_bytes(self._image_root, name)
        width, height, _ = images.image_header(image, name)
        x, y = self._squares["center"][row]
        return (
            0 <= x < width
            and 0 <= y < height
            and self._side(self._squares, row) <= max(width, height)
        )

    def _side(self, squares, row):
        return squares["scale"][row] * _PX_PER_SCALE - _PADDING_PX

    def _box(self, squares, row):
        side, centre = self._side(squares, row), squares["center"][row]
        largest = np.abs([side, *centre]).max()
        if not (side > 0 and largest <= _MAX_PX):  # nor NaN
            raise ValueError(
                f"`center` must be px, at most {_MAX_PX:g}, and `scale` above "
                f"{_PADDING_PX / _PX_PER_SCALE}. "
                f"Received: {centre}, {squares['scale'][row]}"
            )
        # The centre is a pixel, a box counts from the image's corner.
        return np.array([*(centre + 0.5 - side / 2), side, side])

    def samples(self, source, rows, match_of):
        """Reads rows.

        Args:
            source: Name of the source.
            rows: Their numbers.
            match_of: Takes an image's name apart.

        Yields:
            Samples.

        Raises:
            ValueError: Names the file and the row.
        """
        boxed = self._squares is not None and self._is_full(rows[0])
        for row in rows:
            name = self.names[row]
            match = match_of(name)
            clip = facts.clip_from_name(
                match["subject"], match["action"], match["camera"]
            )
            try:
                image = files.read_bytes(self._image_root, name)
                size = images.image_header(image, name)[:2]
                if self._labels is not None:
                    yield self._labelled(
                        source, image, name, clip, match["frame"], row, size
                    )
                else:
                    box = self._box(self._squares, row) if boxed else None
                    yield _unlabelled(
                        source, image, name, clip, match["frame"], box, size
                    )
            except ValueError as error:
                raise ValueError(f"{self._path}: row {row}: {error}") from error

    def _labelled(self, source, image, name, clip, frame, row, size):
        intrinsics = self._labels["intrinsics"][row]
        _check_intrinsics(name, intrinsics, size)
        sample = pose_samples.pose_sample(
            source,
            image,
            name,
            clip,
            frame,
            self._labels["poses"][row],
            intrinsics,
            np.zeros(5),
            self._box(self._labels, row),
        )
        side = self._labels["scale"][row] * _PX_PER_SCALE
        tight = labels.box_around(np.float64(sample.joints_px))
        shift = tight[:2] + tight[2:] / 2 - 0.5 - self._labels["center"][row]
        filled = tight[2:].max() / side
        if np.abs(shift).max() > _MAX_SHIFT * side or not (
            _FILLED[0] <= filled <= _FILLED[1]
        ):
            raise ValueError(
                f"{name}: `S`, as `K` sees it, must lie in the middle of the "
                f"square of `center` and `scale`. Received: {shift} px beside "
                f"it, filling {filled:.0%}"
            )
        return sample


def _check_intrinsics(name, intrinsics, size):
    fx, fy = intrinsics[0, 0], intrinsics[1, 1]
    middle = 2 * intrinsics[:2, 2]
    expected = np.array([[fx, 0, middle[0] / 2], [0, fy, middle[1] / 2]])
    if (
        not (np.abs(intrinsics) <= _MAX_PX).all()  # nor NaN
        or min(fx, fy) <= 0
        or not np.allclose(intrinsics[:2], expected)
        or not np.allclose(intrinsics[2], [0, 0, 1])
    ):
        raise ValueError(
            f"{name}: `K` must be a camera without skew. "
            f"Received: {intrinsics.tolist()}"
        )
    check_full_frame(name, intrinsics, size)


def _unlabelled(source, image, name, clip, frame, box, size):
    joints = H36M_17.num_joints
    return labels.photo_sample(
        image,
        name,
        [0, 0, *size] if box is None else box,
        np.zeros((joints, 2)),
        np.zeros(joints),
        source,
        subject=clip.subject,
        action=clip.title,
        camera=clip.camera,
        frame=int(frame),
    )
