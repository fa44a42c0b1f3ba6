"""The SavedModel: one endpoint for crops, one for encoded images."""

import keras
import tensorflow as tf

from keras_pose import images
from keras_pose.geometry import crop
from keras_pose.serving import artefacts


def export_saved_model(model, spec, folder):
    """Writes a SavedModel.

    Its endpoints, both returning the outputs of the network:

    - `serving_default`: `image` (B, S, S, 3) uint8 RGB, a crop of a person.
    - `serve_bytes`: `image_bytes` (B,) encoded JPEG or PNG, and `box` (B, 4)
      float32, the person's x, y, width, height in px; a box of four zeros
      stands for the whole image. Decoding, box margin and crop are those of
      training.

    Args:
        model: The Keras model.
        spec: Its PoseSpec.
        folder: Where to write.
    """
    size = spec.input_size
    # The endpoints bring the variables they use; to track the model as well
    # would store each of them twice.
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "serving_default",
        lambda image: model(image, training=False),
        input_signature=[
            tf.TensorSpec((None, size, size, 3), tf.uint8, name="image")
        ],
    )

    def serve_bytes(image_bytes, box):
        crops = tf.map_fn(
            lambda row: _crop_encoded(row[0], row[1], spec),
            (image_bytes, box),
            fn_output_signature=tf.TensorSpec((size, size, 3), tf.uint8),
        )
        return model(crops, training=False)

    archive.add_endpoint(
        "serve_bytes",
        serve_bytes,
        input_signature=[
            tf.TensorSpec((None,), tf.string, name="image_bytes"),
            tf.TensorSpec((None, 4), tf.float32, name="box"),
        ],
    )
    archive.write_out(folder, verbose=False)
    artefacts.add_spec_to_saved_model(folder, spec)


def predict_by_bytes(folder):
    """The `serve_bytes` endpoint as a function of crops, to compare it.

    Args:
        folder: What `export_saved_model` wrote.

    Returns:
        As `artefacts.Artefact.predict`; each crop goes in as a PNG.
    """
    loaded = tf.saved_model.load(folder)

    def predict(images):
        outputs = loaded.signatures["serve_bytes"](
            image_bytes=tf.stack([tf.io.encode_png(image) for image in images]),
            box=tf.zeros((len(images), 4)),
        )
        return {name: value.numpy() for name, value in outputs.items()}

    return predict


def _crop_encoded(encoded, box, spec):
    """An encoded image and a box to a crop (S, S, 3) uint8."""
    image = decode_image(encoded)
    size = tf.cast(tf.shape(image), tf.float32)
    whole = tf.stack([0.0, 0.0, size[1], size[0]])
    is_whole = tf.reduce_all(box == 0)
    is_right = tf.reduce_all(tf.math.is_finite(box)) & tf.reduce_all(
        box[2:] > 0
    )
    tf.debugging.Assert(
        is_whole | is_right,
        ["`box` must be finite, of positive width and height. Received:", box],
    )
    transform = crop.crop_from_image(
        tf.where(is_whole, whole, box),
        spec.input_size,
        tf.where(is_whole, 1.0, spec.box_margin),
    )
    return crop_image(image, transform, spec.input_size)


def decode_image(encoded):
    """Decodes a JPEG or PNG as Pillow does, (height, width, 3) uint8."""
    # Despite its name it decodes PNGs too. TensorFlow's own choice of method
    # is faster and off by up to 5 of 255.
    return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")


def crop_image(image, crop_from_image, size):
    """`images.crop_image` in the graph.

    Args:
        image: (height, width, 3) uint8.
        crop_from_image: (3, 3) float32.
        size: Side of the crop, px.

    Returns:
        (size, size, 3) uint8, within 2 of 255 of what OpenCV gives.
    """
    pixels = tf.cast(image, tf.float32)

    def is_too_fine(pixels, transform):
        zoom = tf.reduce_min(crop.zoom_of(transform))
        smallest = tf.reduce_min(tf.shape(pixels)[:2])
        return (zoom <= images.HALVING_ZOOM) & (smallest > 2)

    def halve(pixels, transform):
        return _pyramid_down(pixels), transform * [2.0, 2.0, 1.0]

    pixels, transform = tf.while_loop(
        is_too_fine,
        halve,
        (pixels, crop_from_image),
        (tf.TensorShape((None, None, 3)), tf.TensorShape((3, 3))),
    )
    image_from_crop = tf.reshape(tf.linalg.inv(transform), (9,))[:8]
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels[None],
        transforms=image_from_crop[None],
        output_shape=(size, size),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    return tf.cast(
        tf.round(tf.ensure_shape(warped[0], (size, size, 3))), tf.uint8
    )


def _pyramid_down(pixels):
    """OpenCV's pyrDown: a binomial blur, then every second pixel."""
    kernel = tf.constant([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = kernel[:, None, None, None] * kernel[None, :, None, None]
    padded = tf.pad(pixels, [[2, 2], [2, 2], [0, 0]], "REFLECT")
    blurred = tf.nn.depthwise_conv2d(
        padded[None], tf.tile(kernel, [1, 1, 3, 1]), [1, 2, 2, 1], "VALID"
    )
    return tf.round(blurred[0])
