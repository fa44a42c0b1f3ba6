"""A SavedModel whose outputs tell what came in, with the real signatures."""

import numpy as np
import tensorflow as tf

SIZE = 4
_FLOAT = {
    "boxes": (None, None, 4),
    "intrinsics": (None, 3, 3),
    "distortion": (None, 5),
    "root_depth_mm": (None, None),
}


def save(folder, num_joints=3, version=0.0):
    """Writes it.

    Args:
        folder: Where.
        num_joints: At least 3.
        version: What each joint's x in mm is moved by.
    """
    module = tf.Module()
    module.version = tf.Variable(version)
    module.rows = tf.Variable(np.arange(num_joints, dtype=np.float32))

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, SIZE, SIZE, 3), tf.uint8, "image")
        ]
    )
    def serving_default(image):
        # A server does not compare an input's shape with the signature's.
        image = tf.ensure_shape(image, (None, SIZE, SIZE, 3))
        mean = tf.reduce_mean(tf.cast(image, tf.float32), (1, 2))
        pose = mean[:, None] + module.rows[:, None]
        return {
            "pose": pose,
            "std": pose,
            "confidence": pose[..., 0],
            "joints_mm": pose * 1000,
            "joints_px": pose[..., :2],
            "std_mm": pose[..., 0],
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.string, "image_bytes"),
            tf.TensorSpec((None, None, 4), tf.float32, "boxes"),
            tf.TensorSpec((None,), tf.int32, "num_boxes"),
            *(
                tf.TensorSpec(_FLOAT[name], tf.float32, name)
                for name in ("intrinsics", "distortion", "root_depth_mm")
            ),
        ]
    )
    def serve_bytes(
        image_bytes, boxes, num_boxes, intrinsics, distortion, root_depth_mm
    ):
        shape = tf.shape(boxes)[:2]
        size = tf.cast(tf.strings.length(image_bytes), tf.float32)
        wide = tf.ones(shape)
        joints = tf.stack(
            [
                boxes[..., :3] + [module.version, 0, 0],
                tf.stack(
                    [boxes[..., 3], root_depth_mm, size[:, None] * wide], -1
                ),
                tf.repeat(distortion[:, None, 2:], shape[1], axis=1),
            ],
            axis=2,
        )
        joints = tf.concat(
            [joints, tf.zeros((*tf.unstack(shape), num_joints - 3, 3))], 2
        )
        camera = tf.repeat(intrinsics[:, None], shape[1], axis=1)
        camera = tf.concat(
            [camera, tf.zeros((*tf.unstack(shape), num_joints - 3, 3))], 2
        )
        slot = tf.range(shape[1])[None]
        is_real = slot < tf.maximum(num_boxes, 1)[:, None]
        is_gif = tf.strings.substr(image_bytes, 0, 3) == b"GIF"
        error = tf.where(
            is_gif[:, None] & (slot >= 0),
            "the image is damagéd",
            tf.where(boxes[..., 2] < 0, "the box is wrong", ""),
        )
        is_right = is_real & (error == "")
        nan = tf.where(is_right, 0.0, np.nan)
        return {
            "joints_mm": joints + nan[..., None, None],
            "joints_camera_mm": camera + nan[..., None, None],
            "joints_px": joints[..., 1:] + nan[..., None, None],
            "confidence": joints[..., 0] + nan[..., None],
            "std_mm": joints[..., 1] + nan[..., None],
            "error": error,
        }

    signatures = {
        "serving_default": serving_default,
        "serve_bytes": serve_bytes,
    }
    tf.saved_model.save(module, str(folder), signatures)
