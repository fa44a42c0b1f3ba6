"""What a run trains on, as a picture."""

import contextlib
import dataclasses
import itertools

import numpy as np

from keras_pose import config as config_lib
from keras_pose import visualization
from keras_pose.data import threads
from keras_pose.data.store import Records
from keras_pose.geometry.volume import CropVolume
from keras_pose.training import build


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
    spec = build.make_spec(config)
    # The labels of this volume lie on the crop.
    spec = dataclasses.replace(spec, volume=CropVolume(spec.input_size))
    train, records = config.train, Records(config.data.train)
    batch_size = build.batch_size_of(config, num_replicas=1)
    first_step = build.first_step_of(epoch, config, len(records), batch_size)
    stream = threads.training_batches_numpy(
        records,
        build.make_order(config, records, batch_size),
        spec,
        train.seed,
        build.make_augmentation(config, spec),
        config.augmentation.backend,
        first_step=first_step,
        # One by one, so that there may be fewer images than in a step.
        accumulation=batch_size,
    )
    crops, joints, known = [], [], []
    with contextlib.closing(stream):
        for batch in itertools.islice(stream, count):
            crops.append(_image_of(batch, config.augmentation.backend, spec))
            joints.append(batch["pose"][0, :, :2] * spec.input_size - 0.5)
            known.append(batch["weight"][0, :, 0] > 0)
    return visualization.contact_sheet(
        crops, joints, spec.skeleton, known=known
    )


def _image_of(batch, backend, spec):
    """The image of a batch of one, as the training step sees it."""
    if backend == "device":
        # The one backend that needs TensorFlow.
        from keras_pose.data import augmentation_graph

        batch = augmentation_graph.finish(batch, spec.input_size)
    return np.asarray(batch["image"][0])
