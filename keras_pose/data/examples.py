"""Records to examples: crops, and labels for them, a batch at once.

NumPy and OpenCV alone, so that it serves every framework. For arrays as small
as these a graph's many operations take ten times as long.
"""

import numpy as np

from keras_pose.data import augmentation_host
from keras_pose.data.augmentation import NO_AUGMENTATION
from keras_pose.geometry import crop
from keras_pose.geometry.volume import View


def maker(records, spec, cut=augmentation_host.cut):
    """How samples become examples.

    Args:
        records: The `store.Records`.
        spec: The PoseSpec of the network.
        cut: As `augmentation_host.cut`; see `cutter`.

    Returns:
        A function of (B,) numbers of records, and of the Change of each, none
        by default, to a dict of arrays: "image" (B, S, S, 3) uint8, or what
        else `cut` gives; "pose" (B, J, 3) unit coordinates; "weight" (B, J, 3)
        of its coordinates; "joints_mm" (B, J, 3); "weight_3d" (B, J); "view"
        a View; "box" (B, 4) px; "name" (B,) text. Any number of threads may
        call it at once.
    """
    indices = np.array(
        [spec.skeleton.indices_in(info.skeleton) for info in records.infos]
    )

    def make(numbers, changes=None):
        if changes is None:
            changes = NO_AUGMENTATION.draw(0, np.zeros(len(numbers), int))
        batch = records.read(numbers)
        pictures = records.pictures(numbers, batch)
        rows = indices[batch["folder"]]
        made = example(pictures, batch, rows, changes, spec, cut)
        return {**made, "box": batch["box"], "name": np.array(batch["name"])}

    return make


def share_maker(
    records,
    order,
    spec,
    seed,
    augmentation,
    cut,
    worker,
    num_replicas,
    accumulation,
):
    """How the shares of a run become examples.

    Args:
        records: The `store.Records`.
        order: The Order of the run.
        spec: The PoseSpec of the network.
        seed: Of the changes.
        augmentation: The Augmentation.
        cut: As `augmentation_host.cut`; see `cutter`.
        worker: As `Order.share`.
        num_replicas: As `Order.share`.
        accumulation: As `Order.share`.

    Returns:
        A function of the index of a share to what `maker` gives, without
        "box" and "name": text has no place on an accelerator.

    Raises:
        ValueError: The batch cannot be cut into equal shares.
    """
    order.share_size(num_replicas, accumulation)
    make = maker(records, spec, cut)

    def make_share(index):
        numbers, positions = order.share(
            index, worker, num_replicas, accumulation
        )
        batch = make(numbers, augmentation.draw(seed, positions))
        del batch["box"], batch["name"]
        return batch

    return make_share


def cutter(backend, augmentation):
    """What cuts a batch of pictures out and changes them.

    Args:
        backend: "host" is OpenCV, "imgaug" that library, "device" the training
            step: it must call `augmentation_graph.finish` on the batch, whose
            "image" is a dict until then.
        augmentation: The Augmentation.

    Returns:
        A function as `augmentation_host.cut`.

    Raises:
        ValueError: There is no such backend.
    """
    if backend == "host":
        return augmentation_host.cut
    if backend == "device":
        from keras_pose.data import augmentation_graph

        return augmentation_graph.make_parts(augmentation)
    if backend == "imgaug":
        from keras_pose.data import imgaug_backend

        return imgaug_backend.cut
    raise ValueError(
        f"`backend` must be 'host', 'device' or 'imgaug'. Received: {backend!r}"
    )


def example(pictures, record, indices, changes, spec, cut):
    """Crops and labels of a batch, all arrays.

    Args:
        pictures: B images (height, width, 3) uint8, each taken once.
        record: As `Records.read` gives, and as `pictures` leave it.
        indices: (B, J) place of each joint in its record, -1 for none.
        changes: The Change of each image.
        spec: The PoseSpec of the network.
        cut: As `augmentation_host.cut`.
    """
    size, skeleton = spec.input_size, spec.skeleton
    transform = changes.changed_from_crop(size) @ crop.crop_from_image(
        record["box"], size, spec.box_margin
    )
    # First: a picture that proves damaged takes its labels with it.
    image = cut(pictures, transform, changes, size)
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
        "image": image,
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
