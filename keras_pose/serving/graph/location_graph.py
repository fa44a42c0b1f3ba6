"""`location.locate` and the rules of what it takes, on tensors."""

import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from keras_pose import location
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.geometry import rules


def whole_box(width, height, spec):
    """(..., 4) float64: the box whose crop is the whole image."""
    return crop.box_of_image(width, height, spec.box_margin, tnp)


def ordinary_intrinsics(width, height):
    """(..., 3, 3) float64: the camera of images that come without one."""
    degrees = camera.ORDINARY_FIELD_OF_VIEW
    return camera.intrinsics_from_field_of_view(degrees, width, height, tnp)


def locate(spec, pose, view, box):
    """`location.locate` of (R, J, 3) float32 poses, R of them float64."""
    pose = tf.cast(pose, tf.float64)
    return location.locate(spec, pose, view, box, tnp, _repeat)


def problem_of_box(box, width, height):
    """What is wrong with boxes (R, 4): (R,) strings."""
    return _first_broken("boxes", rules.of_box(box, width, height, tnp), box)


def problem_of_camera(intrinsics, distortion):
    """What is wrong with cameras, (B, 3, 3) and (B, 5): (B,) strings.

    Intrinsics of zeros stand for an unknown camera.
    """
    is_known = tf.reduce_any(intrinsics != 0, axis=(-2, -1))
    problem = _first_broken(
        "intrinsics",
        rules.of_intrinsics(intrinsics, tnp),
        tf.reshape(intrinsics, (-1, 9)),
    )
    problem = tf.where(is_known, problem, "")
    lens = _first_broken(
        "distortion", rules.of_distortion(distortion, tnp), distortion
    )
    return tf.where(problem == "", lens, problem)


def problem_of_root_depth(root_depth, spec):
    """What is wrong with root depths (R,), 0 for unknown: (R,) strings."""
    problem = _first_broken(
        "root_depth_mm", rules.of_root_depth(root_depth), root_depth[:, None]
    )
    unknown = ""
    if location.needs_root_depth(spec):
        unknown = f"`root_depth_mm` {rules.NO_BONES}. Received: 0"
    return tf.where(root_depth == 0, unknown, problem)


def problem_of_pose(checks, view):
    """What is wrong with where people stand: (R,) strings."""
    return _first_broken(
        "root_depth_mm` and `distortion",
        checks,
        tf.concat([view.root_depth[:, 0], view.distortion], axis=-1),
    )


def _first_broken(name, checks, received):
    """The text of the first rule that a row breaks, or nothing, (R,)."""
    numbers = tf.strings.reduce_join(
        tf.strings.as_string(received, shortest=True), axis=-1, separator=", "
    )
    problem = tf.fill(tf.shape(numbers), "")
    for rule in reversed(checks):
        words = rule.text.split("{}")
        text = [f"`{name}` {words[0]}"]
        for value, following in zip(rule.values, words[1:], strict=True):
            text += [tf.strings.as_string(value, shortest=True), following]
        text = tf.strings.join([*text, ". Received: ", numbers])
        problem = tf.where(rule.holds, problem, text)
    return problem


def _repeat(step, state, passes):
    """`placement.repeat_step` that ends where nothing changes any more."""
    flat = tf.nest.flatten(state)

    def is_on(index, has_changed, _):
        return (index < passes) & has_changed

    def advance(index, _, flat):
        state_now = tf.nest.pack_sequence_as(state, flat)
        new = tf.nest.flatten(step(state_now))
        # What is no number does not settle, and is none for good.
        moves = [
            tf.reduce_any(abs(a - b) > 1e-9 * abs(b))
            for a, b in zip(new, flat, strict=True)
        ]
        return index + 1, tf.reduce_any(moves), tuple(new)

    *_, flat = tf.while_loop(
        is_on,
        advance,
        (0, tf.constant(True), tuple(flat)),
        shape_invariants=(
            tf.TensorShape(()),
            tf.TensorShape(()),
            tuple(tensor.shape for tensor in flat),
        ),
        parallel_iterations=1,
    )
    return tf.nest.pack_sequence_as(state, flat)


def where_right(is_right, values):
    """Values (R, ...) float32, NaN in the rows where (R,) is false."""
    shape = [-1, *[1] * (values.shape.rank - 1)]
    return tf.where(tf.reshape(is_right, shape), values, float("nan"))


def std_mm(spec, std, view):
    """The root-mean-square distance under heatmaps.

    Args:
        spec: The network's PoseSpec.
        std: (R, J, 3) unit coordinates.
        view: Their View, float64.

    Returns:
        (R, J) mm, float64.
    """
    scaled = tf.cast(std, tf.float64) * spec.volume.unit_mm(view)
    return tf.norm(scaled, axis=-1)
