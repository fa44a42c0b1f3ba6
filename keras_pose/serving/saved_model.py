"""The SavedModel: one endpoint for crops, one for encoded images."""

import tensorflow as tf

from keras_pose.geometry import crop
from keras_pose.geometry.volume import View
from keras_pose.serving import artefacts
from keras_pose.serving.formats import MAX_PIXELS
from keras_pose.serving.graph import location_graph
from keras_pose.serving.graph import people_graph


def export_saved_model(model, spec, folder, max_pixels=MAX_PIXELS):
    """Writes the SavedModel that is served.

    `serving_default` takes crops: `image` (B, S, S, 3) uint8 RGB, each seen
    as a whole image by an ordinary camera. It returns

    - `pose` (B, J, 3) and `std` (B, J, 3), unit coordinates;
    - `confidence` (B, J) in [0, 1];
    - `joints_mm` (B, J, 3), relative to the root, along the camera's axes;
    - `joints_px` (B, J, 2) px in the crop;
    - `std_mm` (B, J).

    The last three are NaN where the pose cannot stand before that camera.

    `serve_bytes` takes B images of at most P people each:

    - `image_bytes` (B,): JPEG, PNG, WebP or GIF, followed upright;
    - `boxes` (B, P, 4) float32: x, y, width, height in px, upright;
    - `num_boxes` (B,) int32: rows of `boxes` that count; 0 takes the whole
      image as one person;
    - `intrinsics` (B, 3, 3) float32 px, zeros where they are not known;
    - `distortion` (B, 5) float32 k1, k2, p1, p2, k3;
    - `root_depth_mm` (B, P) float32, 0 where it is not known.

    It returns, with max(P, 1) for P, float32:

    - `joints_mm` (B, P, J, 3), relative to the root, along the camera's axes;
    - `joints_camera_mm` (B, P, J, 3), camera frame;
    - `joints_px` (B, P, J, 2) px in the upright image;
    - `confidence` (B, P, J) and `std_mm` (B, P, J);
    - `error` (B, P): empty, or what is wrong with the image or the box. The
      numbers of such a slot, and of one beyond `num_boxes`, are NaN.

    A network with a regression head gives no `std`, `confidence`, `std_mm`.
    Both say what `prediction.Predictor` says.

    Args:
        model: The Keras model.
        spec: Its PoseSpec.
        folder: Where to write.
        max_pixels: Larger images are refused before they are decoded.
    """
    size = spec.input_size
    network = _frozen(model)

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec((None, size, size, 3), tf.uint8, "image")
        ],
    )
    def serving_default(image):
        return _serve_crops(image, network, spec)

    @tf.function(autograph=False, input_signature=people_graph.SIGNATURE)
    def serve_bytes(*inputs):
        request = people_graph.Request(*inputs)
        return people_graph.serve_people(request, network, spec, max_pixels)

    _write(
        folder,
        {
            "serving_default": serving_default.get_concrete_function(),
            "serve_bytes": serve_bytes.get_concrete_function(),
        },
    )
    artefacts.add_spec_to_saved_model(folder, spec)


def predict_by_bytes(folder, root_depth_mm=None):
    """The `serve_bytes` endpoint as a function of crops, to compare it.

    Args:
        folder: What `export_saved_model` wrote.
        root_depth_mm: Of every person; None to have it estimated.

    Returns:
        (B,) encoded images -> the outputs of `serve_bytes`, of one person an
        image, which is taken as a whole and comes without a camera.
    """
    serve_bytes = tf.saved_model.load(folder).signatures["serve_bytes"]

    def predict(encoded):
        count = len(encoded)
        outputs = serve_bytes(
            image_bytes=tf.constant(encoded, tf.string),
            boxes=tf.zeros((count, 1, 4)),
            num_boxes=tf.zeros(count, tf.int32),
            intrinsics=tf.zeros((count, 3, 3)),
            distortion=tf.zeros((count, 5)),
            root_depth_mm=tf.fill((count, 1), float(root_depth_mm or 0)),
        )
        return {name: value.numpy()[:, 0] for name, value in outputs.items()}

    return predict


def export_network(model, folder):
    """Writes a SavedModel of the network alone, to convert it.

    Its endpoint `serving_default` takes `image` (B, S, S, 3) uint8 and returns
    the network's own outputs.

    Args:
        model: The Keras model.
        folder: Where to write.
    """
    _write(folder, {"serving_default": _frozen(model)})


def _frozen(model):
    """A Keras model as one graph function whose weights are constants.

    Variables would cost a server time. A graph that stores them besides would
    hold their values twice.

    Returns:
        A ConcreteFunction: `image` (B, S, S, 3) uint8 -> the outputs.
    """
    trainable = [variable.numpy() for variable in model.trainable_variables]
    fixed = [variable.numpy() for variable in model.non_trainable_variables]

    def network(image):
        outputs, _ = model.stateless_call(
            [tf.constant(value) for value in trainable],
            [tf.constant(value) for value in fixed],
            image,
            training=False,
        )
        return {
            name: tf.ensure_shape(value, model.output[name].shape)
            for name, value in outputs.items()
        }

    image = tf.TensorSpec(model.input_shape, tf.uint8, "image")
    return tf.function(
        network, autograph=False, input_signature=[image]
    ).get_concrete_function()


def _write(folder, endpoints):
    # The module is empty: a function that it held would be stored once more.
    tf.saved_model.save(tf.Module(), folder, signatures=endpoints)


def _serve_crops(image, network, spec):
    """The network's outputs, and what they mean for a crop alone."""
    # A server does not compare an input with the signature.
    image = tf.ensure_shape(image, network.inputs[0].shape)
    count = tf.shape(image)[0]
    outputs = tf.cond(
        count > 0,
        lambda: network(image),
        lambda: {
            name: tf.zeros([0, *output.shape[1:]])
            for name, output in network.structured_outputs.items()
        },
    )
    side = tf.fill([count], tf.constant(spec.input_size, tf.float64))
    box = location_graph.whole_box(side, side, spec)
    view = View(
        crop.crop_from_image(box, spec.input_size, spec.box_margin),
        location_graph.ordinary_intrinsics(side, side),
        tf.zeros((count, 5), tf.float64),
        tf.zeros((count, 1, 1), tf.float64),
    )
    place = location_graph.locate(spec, outputs["pose"], view, box)
    meaning = {"joints_mm": place.joints_mm, "joints_px": place.joints_px}
    if "std" in outputs:
        meaning["std_mm"] = location_graph.std_mm(
            spec, outputs["std"], place.view
        )
    is_right = tf.reduce_all([rule.holds for rule in place.rules], axis=0)
    return outputs | {
        name: location_graph.where_right(is_right, tf.cast(value, tf.float32))
        for name, value in meaning.items()
    }
