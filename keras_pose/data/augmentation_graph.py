"""Augmentation inside the training step, by TensorFlow on its accelerator.

The host reads, decodes and pads, `make_parts`; the step does the rest,
`finish`, with operations that a GPU has. The outcome is that of
`augmentation_host`, within rounding.
"""

import numpy as np
import tensorflow as tf

from keras_pose import images
from keras_pose.data import jpeg_graph
from keras_pose.geometry import crop

# What the step needs for each range of an Augmentation that is not 0.
_NEEDS = {
    "hue_saturation": ("hue_saturation",),
    "contrast": ("contrast",),
    "brightness": ("gains",),
    "grey": ("grey",),
    "paste": ("picture", "picture_from_crop"),
    "erase": ("erased_px", "erased_colour"),
    "blur": ("kernel",),
    "jpeg": ("quality",),
}
# Images of a longer side than so many crops are cut before they are padded, so
# that one of them does not make a whole batch large.
_LARGE = 2
_GREY = np.float32([0.299, 0.587, 0.114])  # ITU-R BT.601, as OpenCV's


def make_parts(augmentation):
    """The host's share of an Augmentation.

    Args:
        augmentation: The Augmentation.

    Returns:
        A function as `augmentation_host.cut`, but of a dict of arrays with
        leading dimension B, which `finish` makes crops of. `source` are the
        images, black below and to the right where others are larger.
    """
    needed = [
        name
        for field, names in _NEEDS.items()
        if getattr(augmentation, field) > 0
        for name in names
    ]

    def parts(pictures, transforms, changes, size):
        source, transforms = _padded(pictures, transforms, size)
        found = {"source": source, "source_from_crop": _inverse(transforms)}
        for name in needed:
            if name == "erased_px":
                found[name] = changes.erased_px(size)
            elif name == "picture_from_crop":
                found[name] = _inverse(changes.crop_from_picture(size))
            else:
                found[name] = getattr(changes, name)
        return found

    return parts


def _padded(pictures, transforms, size):
    """Images side by side, halved where their crop would alias."""
    # One image at a time: memory that is freed at once is used again, while
    # that of 16 images goes back to the system and is fetched anew.
    source = np.empty((len(transforms), 0, 0, 3), np.uint8)
    finest = crop.zoom_of(transforms).min(axis=(-2, -1))
    halved, shapes = transforms.copy(), []
    for index, image in enumerate(pictures):
        if finest[index] <= images.HALVING_ZOOM:
            image, halved[index] = images.halve_finer(image, transforms[index])
        if max(image.shape) > _LARGE * size:
            image, halved[index] = _seen(image, halved[index], size)
        height, width, _ = image.shape
        shapes.append((height, width))
        if height > source.shape[1] or width > source.shape[2]:
            source = _grown(source, np.max(shapes, axis=0), index)
        source[index, :height, :width] = image
    for row, (height, width) in zip(source, shapes, strict=True):
        row[height:] = 0
        row[:, width:] = 0
    return source, halved


def _seen(image, transform, size):
    """The part of an image that its crop shows, and its map to the crop."""
    # A pixel more on each side is what the outermost ones are mixed with.
    corners = np.array([[-1, -1], [size, -1], [-1, size], [size, size]])
    points = crop.apply_inverse(transform, corners)
    last = np.subtract(image.shape[1::-1], 1)
    left, top = np.clip(np.floor(points.min(axis=0)), 0, last).astype(int)
    right, bottom = np.clip(np.ceil(points.max(axis=0)), 0, last).astype(int)
    moved = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]])
    return image[top : bottom + 1, left : right + 1], transform @ moved


def _grown(source, sides, count):
    """A larger batch with the first `count` images of the smaller one."""
    larger = images.empty_batch((len(source), *sides, 3))
    height, width = source.shape[1:3]
    larger[:count, :height, :width] = source[:count]
    return larger


def _inverse(transforms):
    """Inverse maps as a projective warp takes them, (B, 8) float32."""
    inverse = np.linalg.inv(transforms).reshape(-1, 9)
    return inverse[:, :8].astype(np.float32)


def finish(batch, size):
    """A batch whose images are crops, whatever the backend; in the graph.

    Args:
        batch: Of `pipeline.training_batches`.
        size: Side of the crops, px.

    Returns:
        The batch with "image" (B, size, size, 3) uint8.
    """
    parts = batch["image"]
    if not isinstance(parts, dict):
        return batch
    image = _warp(parts["source"], parts["source_from_crop"], size)
    if "hue_saturation" in parts:
        image = _add_to_hue_and_saturation(image, parts["hue_saturation"])
    if "contrast" in parts:
        factor = parts["contrast"][:, None, None, None]
        image = tf.floor(_clip(127 + factor * (image - 127)))
    if "gains" in parts:
        image = tf.floor(_clip(image * parts["gains"][:, None, None]))
    if "grey" in parts:
        grey = tf.round(tf.reduce_sum(image * _GREY, axis=-1, keepdims=True))
        image = _where(parts["grey"], grey, image)
    if "picture" in parts:
        over = _warp(parts["picture"], parts["picture_from_crop"], size)
        seen_through = 1 - over[..., 3:] / 255
        image = tf.round(image * seen_through) + over[..., :3]
    if "erased_px" in parts:
        colour = tf.cast(parts["erased_colour"], tf.float32)[:, None, None]
        image = tf.where(_inside(parts["erased_px"], size), colour, image)
    if "kernel" in parts:
        image = _filter(image, parts["kernel"])
    if "quality" in parts:
        image = _where(
            parts["quality"] > 0,
            jpeg_graph.compress(image, tf.maximum(parts["quality"], 1)),
            image,
        )
    image = tf.ensure_shape(image, (None, size, size, 3))
    return {**batch, "image": tf.cast(_clip(image), tf.uint8)}


def _warp(pictures, picture_from_crop, size):
    """Crops (B, size, size, C) float32 of whole numbers; black outside."""
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pictures, tf.float32),
        transforms=picture_from_crop,
        output_shape=(size, size),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    return tf.round(warped)


def _clip(values):
    return tf.clip_by_value(values, 0.0, 255.0)


def _where(condition, image, other):
    """For each image of the batch one of the two."""
    return tf.where(condition[:, None, None, None], image, other)


def _add_to_hue_and_saturation(image, steps):
    """As OpenCV counts them: hues in 180 steps, saturations in 255."""
    steps = tf.cast(steps, tf.float32)[:, None, None]
    # Rounded towards zero, as imgaug does.
    hue_steps = tf.sign(steps) * tf.floor(tf.abs(steps) * (180 / 255))
    hue, saturation, value = tf.unstack(
        tf.image.rgb_to_hsv(image / 255), axis=-1
    )
    hue = tf.math.floormod(tf.round(hue * 180) + hue_steps, 180.0)
    saturation = _clip(tf.round(saturation * 255) + steps)
    changed = tf.image.hsv_to_rgb(
        tf.stack([hue / 180, saturation / 255, value], axis=-1)
    )
    return _where(steps[:, 0, 0] != 0, tf.round(changed * 255), image)


def _inside(box, size):
    """Whether pixels are inside boxes, (B, size, size, 1)."""
    left, top, right, bottom = tf.unstack(box[:, None], axis=-1)
    place = tf.range(size)
    across = (place >= left) & (place < right)
    down = (place >= top) & (place < bottom)
    return (down[:, :, None] & across[:, None])[..., None]


def _filter(image, kernel):
    """Each image by its own kernel (K, K), mirrored about its border."""
    shape = tf.shape(image)
    width = kernel.shape[-1]
    reach = width // 2
    # All images side by side as channels of one.
    channels = tf.reshape(
        tf.transpose(image, (1, 2, 0, 3)), (1, shape[1], shape[2], -1)
    )
    kernels = tf.repeat(tf.transpose(kernel, (1, 2, 0)), 3, axis=-1)
    border = [[0, 0], [reach, reach], [reach, reach], [0, 0]]
    filtered = tf.nn.depthwise_conv2d(
        tf.pad(channels, border, "REFLECT"),
        kernels[..., None],
        [1, 1, 1, 1],
        "VALID",
    )
    rows = tf.reshape(filtered, (shape[1], shape[2], shape[0], 3))
    return tf.round(tf.transpose(rows, (2, 0, 1, 3)))
