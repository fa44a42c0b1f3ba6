"""What MPI-INF-3DHP's training and test clips have in common."""

import collections.abc
import dataclasses

import numpy as np

from keras_pose import images
from keras_pose.data.sample import Sample
from keras_pose.data.sources import labels
from keras_pose.data.sources import pinhole
from keras_pose.data.sources.lens import check_full_frame

NAME = "mpi_inf_3dhp"

# How far the fitted camera's picture of a clip's joints may lie from its 2D
# joints on average, as a share of the mean box's longer side.
MAX_RESIDUAL_SHARE = 0.02

POSE = "annot3"
UNIVERSAL_POSE = "univ_annot3"

# How far a joint of the universal pose may lie from the scaled one, mm.
MAX_UNIVERSAL_ERROR = 1.0


@dataclasses.dataclass(frozen=True)
class Clip:
    """Frames of one subject that share a file.

    Attributes:
        count: How many samples it gives.
        samples: Gives them, read from disk one by one.
    """

    count: int
    samples: collections.abc.Callable


def in_picture(px, width, height):
    """Which frames' people are seen: (..., J, 2) px to (...) bool."""
    return labels.overlaps(labels.box_around(px), width, height)


def fitted_intrinsics(mm, px, where):
    """The camera of a clip whose file has none, by all its joints.

    Args:
        mm: (N, J, 3) camera frame.
        px: (N, J, 2).
        where: What errors call the clip.

    Returns:
        (3, 3) px.

    Raises:
        ValueError: No camera sees `mm` at `px`.
    """
    depth = mm[..., 2].min()
    if not depth > 0:
        raise ValueError(
            f"{where}: joints must lie in front of the camera, z > 0 mm. "
            f"Received: {depth}"
        )
    focal, centre, residual = pinhole.fit(
        mm.reshape(-1, 3), px.reshape(-1, 2), square=False
    )
    limit = MAX_RESIDUAL_SHARE * labels.box_around(px)[:, 2:].max(-1).mean()
    if not ((focal > 0).all() and residual <= limit):
        raise ValueError(
            f"{where}: the 2D joints must be what a camera sees of the 3D "
            f"ones, within {limit:.1f} px on average. Received: "
            f"{residual:.1f} px with the best focal lengths, {focal} px"
        )
    return labels.pinhole(*focal, *centre)


def universal_pose(mm, universal, root, where):
    """Scales people towards the camera, to the universal skeleton's height.

    Args:
        mm: (N, J, 3) camera frame.
        universal: (N, J, 3), the same poses around their own roots, scaled.
        root: Index of the root.
        where: What errors call the clip.

    Returns:
        (N, J, 3) mm, and how many joints `universal` has elsewhere.

    Raises:
        ValueError: The two differ by more than a scale.
    """
    relative, scaled = (
        pose - pose[:, root : root + 1] for pose in (mm, universal)
    )
    length = np.linalg.norm(relative, axis=-1)
    apart = length > MAX_UNIVERSAL_ERROR
    if not apart.any():
        raise ValueError(f"{where}: the joints must not lie in one place")
    ratios = np.linalg.norm(scaled, axis=-1)[apart] / length[apart]
    scale = np.median(ratios)
    error = np.linalg.norm(scaled - scale * relative, axis=-1)
    elsewhere = np.count_nonzero(error > MAX_UNIVERSAL_ERROR)
    if not scale > 0 or 2 * elsewhere > error.size:
        raise ValueError(
            f"{where}: `{UNIVERSAL_POSE}` must be `{POSE}`, scaled. Received: "
            f"{elsewhere} of {error.size} joints elsewhere with the factor "
            f"{scale}"
        )
    return mm * scale, elsewhere


def make_sample(image, px, mm, intrinsics, **named):
    """A frame's Sample, all of whose joints are known.

    Joints outside the picture are: they were seen by other cameras.

    Args:
        image: The encoded image.
        px: (J, 2).
        mm: (J, 3) camera frame.
        intrinsics: (3, 3) px.
        **named: name, subject, action, camera and frame.

    Raises:
        ValueError: The image is not of the size that its camera takes.
    """
    size = images.image_header(image, named["name"])[:2]
    check_full_frame(named["name"], intrinsics, size)
    return Sample(
        image=image,
        box=labels.box_around(px),
        joints_mm=np.float32(mm),
        joints_px=np.float32(px),
        weight_3d=np.ones(len(mm), np.float32),
        weight_2d=np.ones(len(px), np.float32),
        intrinsics=intrinsics,
        distortion=np.zeros(5, np.float32),
        head_size=0.0,
        source=NAME,
        **named,
    )
