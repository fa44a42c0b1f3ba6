"""Whether two artefacts of one network say the same, in mm."""

import numpy as np

from keras_pose.data import threads
from keras_pose.data.store import Records
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.geometry.volume import View

# A person 5 m from an ordinary camera: what mm are measured with where the
# images come without a camera.
_DISTANCE_MM = 5000.0


def real_crops(folders, spec, count):
    """Up to `count` crops of data sets, and their View."""
    records = Records(folders)
    numbers = range(min(count, len(records)))
    (batch,) = threads.batches(records, spec, count, numbers)
    return batch["image"], batch["view"]


def noise_crops(spec, count, seed=0):
    """Crops of smooth noise, and the View of an ordinary camera."""
    size = spec.input_size
    coarse = np.random.default_rng(seed).integers(
        0, 256, (count, 9, 9, 3), dtype=np.uint8
    )
    index = np.arange(size) * 9 // size
    whole = np.array([[0, 0, size, size]], np.float32)
    view = View(
        crop.crop_from_image(whole, size),
        camera.intrinsics_from_field_of_view(
            camera.ORDINARY_FIELD_OF_VIEW, size, size
        )[None],
        np.zeros((1, 5), np.float32),
        np.full((1, 1, 1), _DISTANCE_MM, np.float32),
    )
    return coarse[:, index][:, :, index], view


def worst_difference(predict, reference, spec, images, view):
    """Largest distance in mm between the joints of two artefacts.

    Args:
        predict: Images -> {"pose"}; see `artefacts.Artefact`.
        reference: Likewise.
        spec: Their PoseSpec.
        images: (B, S, S, 3) uint8.
        view: The View of the images.

    Returns:
        mm; infinite where a pose is not finite.
    """
    joints = [
        spec.volume.decode(np.asarray(function(images)["pose"]), view)
        for function in (predict, reference)
    ]
    difference = np.linalg.norm(joints[0] - joints[1], axis=-1).max()
    return float(difference) if np.isfinite(difference) else float("inf")
