"""The labels of data sets as arrays, for whoever scores poses."""

import dataclasses

import numpy as np

from keras_pose.skeleton import Skeleton

_TEXTS = ("name", "subject", "action", "camera", "source")
_NUMBERS = ("joints_mm", "joints_px", "weight_3d", "weight_2d", "box")
_SINGLE = ("head_size", "frame")


@dataclasses.dataclass(frozen=True)
class Truth:
    """Labels of N samples; fields as `records.FIELDS` says.

    Attributes:
        skeleton: The Skeleton of the J joints.
        numbers: (N,) int, of the records.
        names: (N,) text.
        joints_mm: (N, J, 3) float64 mm, camera frame.
        joints_px: (N, J, 2) float64 px.
        weight_3d: (N, J), 0 for joints that a data set does not have.
        weight_2d: (N, J), likewise.
        box: (N, 4) px.
        head_size: (N,) px.
        frame: (N,) int.
        subject: (N,) text, and likewise the others.
        action: (N,) text.
        camera: (N,) text.
        source: (N,) text.
    """

    skeleton: Skeleton
    numbers: np.ndarray
    names: np.ndarray
    joints_mm: np.ndarray
    joints_px: np.ndarray
    weight_3d: np.ndarray
    weight_2d: np.ndarray
    box: np.ndarray
    head_size: np.ndarray
    frame: np.ndarray
    subject: np.ndarray
    action: np.ndarray
    camera: np.ndarray
    source: np.ndarray

    def __len__(self):
        return len(self.numbers)

    def take(self, rows):
        """The Truth of some rows, (M,) int."""
        parts = {
            field.name: getattr(self, field.name)[rows]
            for field in dataclasses.fields(self)
            if field.name != "skeleton"
        }
        return Truth(self.skeleton, **parts)

    def clips(self):
        """(N,) numbers of the clips: one subject's action before one camera.

        A sample that names none of the three is a photo, a clip by itself.
        """
        keys = zip(
            self.source,
            self.subject,
            self.action,
            self.camera,
            self.names,
            strict=True,
        )
        numbers = {}
        return np.array(
            [
                numbers.setdefault(
                    key[:4] if any(key[1:4]) else key, len(numbers)
                )
                for key in keys
            ],
            int,
        )

    def root_relative(self):
        """Poses in mm and weights for them, where the root is known.

        Returns:
            (N, J, 3) mm and (N, J); weight 0 of all joints without the root.

        Raises:
            ValueError: The skeleton has no root.
        """
        root = self.skeleton.root
        if root is None:
            raise ValueError(
                "a 3D score needs joints with a root. "
                f"Received: {self.skeleton.name}"
            )
        weight = self.weight_3d * (self.weight_3d[:, root, None] > 0)
        return self.joints_mm - self.joints_mm[:, root, None], weight


def read_truth(records, skeleton, numbers=None):
    """Reads labels; no image is decoded.

    Args:
        records: The `store.Records`.
        skeleton: The Skeleton of the labels; joints are found by name.
        numbers: Those of the records, all by default.

    Returns:
        The Truth, in the order of `numbers`.

    Raises:
        ValueError: A record is damaged; names it.
        OSError: A record cannot be read.
    """
    numbers = np.arange(len(records)) if numbers is None else np.array(numbers)
    indices = {
        info.skeleton.name: np.array(skeleton.indices_in(info.skeleton))
        for info in records.infos
    }
    columns = {field: [] for field in (*_TEXTS, *_NUMBERS, *_SINGLE)}
    for number in numbers.tolist():
        try:
            record = records.record(number, tuple(columns))
        except ValueError as error:
            raise ValueError(f"{records.name(number)}: {error}") from error
        own = indices[records.info_of(number).skeleton.name]
        for field, column in columns.items():
            value = record[field]
            if field in _TEXTS:
                value = value.decode("utf-8", "replace")
            elif field in _NUMBERS and field != "box":
                value = _at(value, own)
            column.append(value)
    return Truth(skeleton, numbers, **_arrays(columns, skeleton))


def _at(values, indices):
    """The values (J, ...) of the joints at `indices`, 0 where there is none."""
    known = (indices >= 0).reshape(-1, *[1] * (values.ndim - 1))
    return np.where(known, values[np.maximum(indices, 0)], np.float32(0))


def _arrays(columns, skeleton):
    joints = skeleton.num_joints
    shapes = {
        "joints_mm": (joints, 3),
        "joints_px": (joints, 2),
        "weight_3d": (joints,),
        "weight_2d": (joints,),
        "box": (4,),
    }
    arrays = {}
    for field, column in columns.items():
        if field in _TEXTS:
            arrays[field] = np.array(column, object)
        elif field in _SINGLE:
            dtype = int if field == "frame" else float
            arrays[field] = np.array(column, dtype).reshape(-1)
        else:
            arrays[field] = np.array(column, float).reshape(
                len(column), *shapes[field]
            )
    arrays["names"] = arrays.pop("name")
    return arrays
