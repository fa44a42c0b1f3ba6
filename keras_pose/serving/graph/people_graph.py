"""From encoded images and boxes to poses, in the graph: `serve_bytes`.

A row is one person that was asked for: an image of the batch, and one of its
slots. Only rows run; a problem of one is told in its slot, and the others are
answered all the same.
"""

import typing

import tensorflow as tf

from keras_pose.geometry import crop
from keras_pose.geometry.volume import View
from keras_pose.serving.graph import location_graph
from keras_pose.serving.graph import people_crops
from keras_pose.serving.graph.people_crops import Rows

# Slots of an image: crops of all of its people are held at once, 200 kB each
# where they are of 256 px.
MOST_PEOPLE = 256

_CROPS_AT_ONCE = 16  # that the network sees
_NAN = float("nan")


class Request(typing.NamedTuple):
    """The inputs of `serve_bytes`, see `saved_model.export_saved_model`."""

    image_bytes: tf.Tensor
    boxes: tf.Tensor
    num_boxes: tf.Tensor
    intrinsics: tf.Tensor
    distortion: tf.Tensor
    root_depth_mm: tf.Tensor


# The inputs as servers see them, B images of P people.
SIGNATURE = Request(
    tf.TensorSpec((None,), tf.string, "image_bytes"),
    tf.TensorSpec((None, None, 4), tf.float32, "boxes"),
    tf.TensorSpec((None,), tf.int32, "num_boxes"),
    tf.TensorSpec((None, 3, 3), tf.float32, "intrinsics"),
    tf.TensorSpec((None, 5), tf.float32, "distortion"),
    tf.TensorSpec((None, None), tf.float32, "root_depth_mm"),
)


class _Seen(typing.NamedTuple):
    """What the network says of rows, and what was learnt on the way.

    Attributes:
        outputs: Name -> (R, ...) float32, NaN where there is no answer.
        size: (R, 2) int32, width and height of the row's image.
        problem: (R,) strings, empty where nothing is wrong.
    """

    outputs: dict
    size: tf.Tensor
    problem: tf.Tensor


def serve_people(request, network, spec, max_pixels):
    """Finds the people of a batch of images.

    Args:
        request: A Request.
        network: ConcreteFunction: (N, S, S, 3) uint8 -> its outputs.
        spec: Its PoseSpec.
        max_pixels: Larger images are not decoded.

    Returns:
        The outputs of `serve_bytes` by name.
    """
    request = _checked(request)
    image_problem = _problem_of_images(request)
    request = _with_a_slot(request)
    batch, slots = tf.unstack(tf.shape(request.boxes)[:2])
    rows = _rows(request, image_problem, slots, spec)
    seen = _see(request.image_bytes, rows, network, spec, max_pixels)
    answers, problem = _answers(request, rows, seen, spec)

    place = tf.stack([rows.image, rows.slot], axis=-1)
    outputs = {}
    for name, values in answers.items():
        outputs[name] = tf.tensor_scatter_nd_update(
            tf.fill([batch, slots, *values.shape[1:]], _NAN),
            place,
            location_graph.where_right(problem == "", values),
        )
    outputs["error"] = tf.tensor_scatter_nd_update(
        tf.tile(image_problem[:, None], [1, slots]), place, problem
    )
    return outputs


def _checked(request):
    """The request, if its tensors are of one batch.

    A server does not compare the shapes of what it gets with the signature's.
    """
    request = Request(
        *(
            tf.ensure_shape(value, spec.shape)
            for value, spec in zip(request, SIGNATURE, strict=True)
        )
    )
    batch = tf.shape(request.image_bytes)[0]
    people = tf.shape(request.boxes)[1]
    depths = tf.shape(request.root_depth_mm)[1]
    checks = [
        tf.debugging.Assert(
            tf.shape(value)[0] == batch,
            [f"`{name}` must have a row for each image. Received:", value],
        )
        for name, value in request._asdict().items()
    ]
    checks += [
        tf.debugging.Assert(
            depths == people,
            [
                "`root_depth_mm` must be of as many people as `boxes`. "
                "Received:",
                depths,
                people,
            ],
        ),
        tf.debugging.Assert(
            people <= MOST_PEOPLE,
            [
                f"`boxes` must be of at most {MOST_PEOPLE} people an image. "
                "Received:",
                people,
            ],
        ),
    ]
    with tf.control_dependencies(checks):
        return Request(*(tf.identity(value) for value in request))


def _with_a_slot(request):
    """The request with at least one slot, for what is the whole image."""
    people = tf.shape(request.boxes)[1]
    missing = tf.maximum(1 - people, 0)
    return request._replace(
        boxes=tf.pad(request.boxes, [[0, 0], [0, missing], [0, 0]]),
        root_depth_mm=tf.pad(request.root_depth_mm, [[0, 0], [0, missing]]),
    )


def _problem_of_images(request):
    """What is wrong with all of an image's people, (B,) strings."""
    count, people = request.num_boxes, tf.shape(request.boxes)[1]
    text = tf.strings.join(
        [
            "`num_boxes` must be from 0 to the ",
            tf.strings.as_string(people),
            " rows of `boxes`. Received: ",
            tf.strings.as_string(count),
        ]
    )
    problem = location_graph.problem_of_camera(
        tf.cast(request.intrinsics, tf.float64),
        tf.cast(request.distortion, tf.float64),
    )
    return tf.where((count >= 0) & (count <= people), problem, text)


def _rows(request, image_problem, slots, spec):
    is_asked = tf.range(slots) < tf.maximum(request.num_boxes, 1)[:, None]
    is_asked &= (image_problem == "")[:, None]
    place = tf.where(is_asked)  # (R, 2)
    image, slot = tf.unstack(tf.cast(place, tf.int32), axis=-1)
    root_depth = tf.cast(tf.gather_nd(request.root_depth_mm, place), tf.float64)
    return Rows(
        image,
        slot,
        tf.gather(request.num_boxes, image) == 0,
        tf.cast(tf.gather_nd(request.boxes, place), tf.float64),
        root_depth,
        location_graph.problem_of_root_depth(root_depth, spec),
    )


def _see(image_bytes, rows, network, spec, max_pixels):
    """Runs the network on the crops of rows, some images at a time."""
    count = tf.size(rows.image)
    seen = _Seen(
        {
            name: tf.fill([count, *output.shape[1:]], _NAN)
            for name, output in network.structured_outputs.items()
        },
        tf.zeros((count, 2), tf.int32),
        rows.problem,
    )

    ends = _ends_of_images(rows)

    def see_some(first, seen):
        end = tf.reduce_max(tf.where(ends <= first + MOST_PEOPLE, ends, 0))
        some = tf.range(first, end)
        own = Rows(*(field[first:end] for field in rows))
        crops = people_crops.cut(image_bytes, own, spec, max_pixels)
        is_right = crops.problem == ""
        return end, _Seen(
            _run(
                network,
                crops.pixels[is_right],
                seen.outputs,
                some[is_right],
            ),
            _put(seen.size, some, crops.size),
            _put(seen.problem, some, crops.problem),
        )

    _, seen = tf.while_loop(
        lambda first, _: first < count,
        see_some,
        (0, seen),
        parallel_iterations=1,
    )
    return seen


def _ends_of_images(rows):
    """The place behind the last row of each image, (images,) int32.

    Rows are seen up to one of them, so that no image is decoded twice.
    """
    is_last = tf.concat([rows.image[1:] != rows.image[:-1], [True]], axis=0)
    return tf.cast(tf.where(is_last)[:, 0], tf.int32) + 1


def _run(network, pixels, outputs, index):
    """`outputs` with those of crops put at an index, some crops at a time."""
    count = tf.size(index)

    def run_some(first, outputs):
        some = slice(first, first + _CROPS_AT_ONCE)
        answers = network(pixels[some])
        return first + _CROPS_AT_ONCE, {
            name: _put(outputs[name], index[some], answers[name])
            for name in outputs
        }

    _, outputs = tf.while_loop(
        lambda first, _: first < count,
        run_some,
        (0, dict(outputs)),
        parallel_iterations=1,
    )
    return outputs


def _put(into, index, values):
    return tf.tensor_scatter_nd_update(into, index[:, None], values)


def _answers(request, rows, seen, spec):
    """Poses in front of the camera.

    Returns:
        Name -> (R, ...) float32, and what is wrong with rows, (R,) strings.
    """
    box = people_crops.boxes_of(rows, seen.size, spec)
    given = tf.cast(tf.gather(request.intrinsics, rows.image), tf.float64)
    is_known = tf.reduce_any(given != 0, axis=(1, 2), keepdims=True)
    guess = location_graph.ordinary_intrinsics(
        *people_crops.width_and_height(seen.size)
    )
    view = View(
        crop.crop_from_image(box, spec.input_size, spec.box_margin),
        tf.where(is_known, given, guess),
        tf.cast(tf.gather(request.distortion, rows.image), tf.float64),
        rows.root_depth[:, None, None],
    )
    outputs = seen.outputs
    place = location_graph.locate(spec, outputs["pose"], view, box)
    problem = location_graph.problem_of_pose(place.rules, view)
    problem = tf.where(seen.problem == "", problem, seen.problem)
    answers = {
        "joints_mm": place.joints_mm,
        "joints_camera_mm": place.joints_camera_mm,
        "joints_px": place.joints_px,
    }
    if "std" in outputs:
        answers["confidence"] = outputs["confidence"]
        answers["std_mm"] = location_graph.std_mm(
            spec, outputs["std"], place.view
        )
    answers = {
        name: tf.cast(value, tf.float32) for name, value in answers.items()
    }
    return answers, problem
