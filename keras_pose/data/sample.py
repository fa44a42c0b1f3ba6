"""One person in one image, before it is written as a record."""

import dataclasses

import numpy as np


@dataclasses.dataclass(slots=True)
class Sample:
    """One person in one image; the fields are those of `records.FIELDS`."""

    image: bytes
    name: str
    box: np.ndarray
    joints_mm: np.ndarray
    joints_px: np.ndarray
    weight_3d: np.ndarray
    weight_2d: np.ndarray
    intrinsics: np.ndarray
    distortion: np.ndarray
    head_size: float
    subject: str
    action: str
    camera: str
    frame: int
    source: str
    picture: bytes = b""  # empty where `image` is the picture itself
