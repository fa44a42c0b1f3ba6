"""Whether two artefacts of one network say the same, in mm."""

import dataclasses
import tempfile

import numpy as np

from keras_pose.data import conversion
from keras_pose.data import threads
from keras_pose.data.sources.source import Source
from keras_pose.data.store import Records
from keras_pose.evaluation import metrics
from keras_pose.geometry.volume import View
from keras_pose.skeleton import H36M_17

_BATCH = 32


@dataclasses.dataclass(frozen=True)
class Crops:
    """What artefacts are compared on.

    Attributes:
        images: (N, S, S, 3) uint8.
        view: The View of the images.
        joints_mm: (N, J, 3) mm, camera frame.
        weight_3d: (N, J), 0 where a joint's place is not known.
    """

    images: np.ndarray
    view: View
    joints_mm: np.ndarray
    weight_3d: np.ndarray


def data_crops(folders, spec, count):
    """Crops of up to `count` samples spread evenly over data sets.

    Args:
        folders: Made by prepare.py.
        spec: The network's PoseSpec.
        count: The most of them.

    Returns:
        Crops.
    """
    records = Records(folders)
    numbers = np.arange(len(records))
    if len(records) > count:
        numbers = (np.arange(count) + 0.5) * len(records) // count
    batches = list(threads.batches(records, spec, _BATCH, numbers.astype(int)))

    def joined(field):
        return np.concatenate([batch[field] for batch in batches])

    parts = zip(*(batch["view"] for batch in batches), strict=True)
    return Crops(
        joined("image"),
        View(*(np.concatenate(part) for part in parts)),
        joined("joints_mm"),
        joined("weight_3d"),
    )


def synthetic_crops(spec, count, seed=0):
    """Crops of rendered people, no two alike.

    Args:
        spec: The network's PoseSpec.
        count: How many.
        seed: Of all that is drawn.

    Returns:
        Crops.
    """
    from keras_pose.synthesis import scene

    studio = scene.Studio(scene.Options(seed=seed, image_size=spec.input_size))
    samples = map(studio.sample, range(count))
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/synthetic"
        conversion.convert(Source("synthetic", H36M_17, count, samples), path)
        return data_crops([path], spec, count)


def join(first, second):
    """Crops of both."""
    return Crops(
        np.concatenate([first.images, second.images]),
        View(*map(np.concatenate, zip(first.view, second.view, strict=True))),
        np.concatenate([first.joints_mm, second.joints_mm]),
        np.concatenate([first.weight_3d, second.weight_3d]),
    )


def differences(pose, reference, spec, view):
    """Distances between the joints of two artefacts.

    Args:
        pose: (N, J, 3) unit coordinates.
        reference: Likewise.
        spec: Their PoseSpec.
        view: The View of the images.

    Returns:
        Mean and largest distance in mm; both infinite where a pose is not
        finite or not of the right shape.
    """
    if np.shape(pose) != np.shape(reference) or not (
        np.isfinite(pose).all() and np.isfinite(reference).all()
    ):
        return float("inf"), float("inf")
    return distances(
        spec.volume.decode(np.float64(pose), view),
        spec.volume.decode(np.float64(reference), view),
    )


def distances(joints, reference):
    """Mean and largest distance of joints in mm, as of `differences`."""
    if np.shape(joints) != np.shape(reference):
        return float("inf"), float("inf")
    distance = np.linalg.norm(np.float64(joints) - reference, axis=-1)
    if not np.isfinite(distance).all():
        return float("inf"), float("inf")
    return float(distance.mean()), float(distance.max())


def mpjpe(pose, spec, crops):
    """MPJPE in mm of poses (N, J, 3) in unit coordinates; NaN unlabelled."""
    joints = spec.volume.decode(np.float64(pose), crops.view)
    errors = metrics.joint_errors(joints, crops.joints_mm, spec.skeleton.root)
    return float(metrics.mean(errors, crops.weight_3d))
