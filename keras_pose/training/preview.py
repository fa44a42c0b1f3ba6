"""What a run trains on, as a picture."""

import dataclasses

import keras
import numpy as np

from keras_pose import config as config_lib
from keras_pose import visualization
from keras_pose.data import augmentation_graph
from keras_pose.data import pipeline
from keras_pose.geometry.volume import CropVolume
from keras_pose.training import loop


def draw_sheet(config, count, epoch):
    """Draws the first images of an epoch as its network sees them.

    Args:
        config: The Config of the run.
        count: Images to draw.
        epoch: Number of the epoch.

    Returns:
        (height, width, 3) uint8; as `visualization.contact_sheet`, each image
        with the joints that its labels know.

    Raises:
        ValueError: The config or the data is wrong.
    """
    config_lib.check(config)
    spec = loop.make_spec(config)
    keras.utils.set_random_seed(config.train.seed)  # as the run does
    # The labels of this volume lie on the crop.
    spec = dataclasses.replace(spec, volume=CropVolume(spec.input_size))
    stream = pipeline.training_batches(
        config.data.train,
        spec,
        1,  # a batch, so that there may be fewer images than in one
        config.data.shuffle_buffer,
        config.train.seed,
        epoch,
        loop.make_augmentation(config, spec),
        config.augmentation.backend,
    )
    crops, joints = [], []
    with pipeline.damage_named(config.data.train):
        for batch in stream.take(count):
            batch = augmentation_graph.finish(batch, spec.input_size)
            crops.append(batch["image"][0].numpy())
            pose = batch["pose"][0].numpy()[:, :2] * spec.input_size - 0.5
            known = batch["weight"][0].numpy()[:, 0] > 0
            joints.append(_without_unknown(pose, known, spec.skeleton))
    return visualization.contact_sheet(crops, joints, spec.skeleton)


def _without_unknown(joints_px, known, skeleton):
    """Lays each unknown joint on its parent, where nobody sees it."""
    joints_px = np.where(known[:, None], joints_px, joints_px[skeleton.root])
    for parent, child in skeleton.bones:
        if not known[child]:
            joints_px[child] = joints_px[parent]
    return joints_px
