"""A batch of records to a batch of examples: crops, and labels for them.

TensorFlow parses; the rest is one call of NumPy a batch. For arrays as small as
these a graph's many operations take ten times as long.
"""

import numpy as np
import tensorflow as tf

from keras_pose import images
from keras_pose.data import records
from keras_pose.geometry import crop
from keras_pose.geometry.volume import View

_IMAGE, _NAME = "image", "name"
_FIELDS = (
    "box",
    "joints_mm",
    "joints_px",
    "weight_3d",
    "weight_2d",
    "intrinsics",
    "distortion",
)


def maker(infos, spec, draw, cut):
    """How batches of records become examples.

    Args:
        infos: The DatasetInfo of each folder.
        spec: The PoseSpec of the network.
        draw: (B,) places of images in the epoch -> the Change of each.
        cut: As `augmentation_host.cut`.

    Returns:
        A function of places in the epoch, indices of the records' infos and
        records, each (B,), to the dict of `pipeline.batches`; for the graph.
    """
    num_joints = np.array([info.skeleton.num_joints for info in infos])
    indices = np.array([spec.skeleton.indices_in(i.skeleton) for i in infos])

    def example(pictures, numbers, folder, *values):
        fields = dict(zip(_FIELDS, values, strict=True))
        return _example(
            pictures, fields, indices[folder], draw(numbers), spec, cut
        )

    def flat_example(encoded, *arguments):
        pictures = map(images.decode_checked, encoded)
        return tf.nest.flatten(example(pictures, *arguments))

    # Two black images tell what comes out; what is as large as the image has
    # another size in every batch.
    structure, other = (
        example([np.zeros((size, size, 3), np.uint8)], *_unknown(num_joints[0]))
        for size in (spec.input_size, spec.input_size + 1)
    )
    ones, others = tf.nest.flatten(structure), tf.nest.flatten(other)
    dtypes = [one.dtype for one in ones]
    shapes = [
        [
            a if a == b else None
            for a, b in zip(one.shape, other.shape, strict=True)
        ]
        for one, other in zip(ones, others, strict=True)
    ]

    def make(numbers, folder, serialised):
        record = records.decode_batch(
            serialised, tf.gather(num_joints, folder), (_IMAGE, _NAME, *_FIELDS)
        )
        values = [record[field] for field in _FIELDS]
        parts = tf.numpy_function(
            flat_example, [record[_IMAGE], numbers, folder, *values], dtypes
        )
        for part, (_, *sides) in zip(parts, shapes, strict=True):
            part.set_shape([numbers.shape[0], *sides])
        batch = tf.nest.pack_sequence_as(structure, parts)
        return {**batch, _NAME: record[_NAME]}

    return make


def _example(pictures, record, indices, changes, spec, cut):
    """Crops and labels of a batch, all arrays.

    Args:
        pictures: B images (height, width, 3) uint8.
        record: {field: (B, ...)} of `_FIELDS`.
        indices: (B, J) place of each joint in its record, -1 for none.
        changes: The Change of each image.
        spec: The PoseSpec of the network.
        cut: As `augmentation_host.cut`.
    """
    size, skeleton = spec.input_size, spec.skeleton
    transform = changes.changed_from_crop(size) @ crop.crop_from_image(
        record["box"], size, spec.box_margin
    )
    # Who is mirrored has their left hand where the right one was.
    order = np.where(
        changes.flip[:, None],
        skeleton.flip_permutation,
        range(skeleton.num_joints),
    )
    joints_mm, joints_px, weight_3d, weight_2d = _joints(
        record, np.take_along_axis(indices, order, axis=1)
    )
    root = slice(skeleton.root, skeleton.root + 1)
    # Root-relative labels need the root.
    weight_3d = weight_3d * (weight_3d[:, root] > 0)
    root_mm = joints_mm[:, root]
    view = View(
        transform.astype(np.float32),
        record["intrinsics"],
        record["distortion"],
        root_mm[..., 2:],
    )
    return {
        "image": cut(pictures, transform, changes, size),
        "pose": spec.volume.encode(joints_mm, joints_px, root_mm, view),
        "weight": spec.volume.coordinate_weight(
            weight_2d[..., None], weight_3d[..., None]
        ),
        "joints_mm": joints_mm,
        "weight_3d": weight_3d,
        "view": view,
    }


def _joints(record, indices):
    """Joints and weights at `indices`, 0 where there are none."""
    known = np.float32(indices >= 0)
    rows = np.maximum(indices, 0)
    across = rows[..., None]
    return (
        np.take_along_axis(record["joints_mm"], across, 1) * known[..., None],
        np.take_along_axis(record["joints_px"], across, 1) * known[..., None],
        np.take_along_axis(record["weight_3d"], rows, 1) * known,
        np.take_along_axis(record["weight_2d"], rows, 1) * known,
    )


def _unknown(num_joints):
    """The number, folder and fields of a record of which nothing is known."""
    shapes = (records.FIELDS[field][1] for field in _FIELDS)
    fields = [
        np.zeros((1, *records.concrete_shape(shape, num_joints)), np.float32)
        for shape in shapes
    ]
    fields[_FIELDS.index("box")] += 1
    zero = np.zeros(1, int)
    return zero, zero, *fields
