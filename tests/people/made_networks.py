"""Detectors of red: networks with a known answer, in the layouts of real ones.

They find the box of all pixels whose red is above 204 of 255, zeros where
there are none, and return it as `rows`: {output: (shape, dtype, (4, K) matrix,
(K,) constants)}, so that an output is `corners @ matrix + constants`, K its
size.
"""

import numpy as np
import onnx
from onnx import TensorProto
from onnx import helper

RED = 215  # of the person
NEARLY = 180  # of what is none

# By what a pixel is given as: what 204 of 255 becomes.
THRESHOLDS = {
    "unit": 0.8,
    "signed": 0.6,
    "bytes": 204,
    "uint8": 204,
    "int8": 76,
}


def constant_rows(shape, values=0.0, dtype=np.float32):
    size = int(np.prod(shape))
    constants = np.broadcast_to(np.float32(values), shape).reshape(size)
    return shape, dtype, np.zeros((4, size), np.float32), constants.copy()


def with_box(rows, index, matrix):
    """Puts corners @ (4, 4) matrix at the four numbers of flat indices."""
    shape, dtype, weights, constants = rows
    weights = weights.copy()
    weights[:, index] = matrix
    return shape, dtype, weights, constants


# From left, top, right, bottom.
CORNERS = np.eye(4)
MIDDLES = np.array(
    [[0.5, 0, -1, 0], [0, 0.5, 0, -1], [0.5, 0, 1, 0], [0, 0.5, 0, 1]]
)


def yxyx(width, height):
    """ymin, xmin, ymax, xmax as shares."""
    matrix = np.zeros((4, 4))
    matrix[[1, 0, 3, 2], range(4)] = 1 / np.array(
        [height, width, height, width]
    )
    return matrix


def write_onnx(
    path, rows, size, planar, pixels="unit", names=None, axes=4, red=0
):
    """Writes such a network of images of (width, height), red the `red`-th."""
    width, height = size
    constants, nodes = [], []

    def const(name, value):
        constants.append(onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(kind, inputs, **options):
        name = f"n{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], **options))
        return name

    axis = (1 if planar else 3) - (4 - axes)
    whole = node("Cast", ["image"], to=TensorProto.FLOAT)
    plane = node("Gather", [whole, const("red", np.int64(red))], axis=axis)
    plane = node("Reshape", [plane, const("plane", np.int64([height, width]))])
    limit = const("limit", np.float32(THRESHOLDS[pixels]))
    mask = node("Cast", [node("Greater", [plane, limit])], to=TensorProto.FLOAT)
    ends = []
    for name, length, other in (("x", width, 0), ("y", height, 1)):
        line = node(
            "ReduceMax",
            [mask, const(f"a{name}", np.int64([other]))],
            keepdims=0,
        )
        last = const(f"last{name}", np.arange(1, length + 1, dtype=np.float32))
        first = const(
            f"first{name}", np.arange(length, 0, -1, dtype=np.float32)
        )
        full = const(f"full{name}", np.float32(length))
        nearest = node("ReduceMax", [node("Mul", [line, first])], keepdims=1)
        any_red = node("ReduceMax", [line], keepdims=1)
        ends.append(
            (
                node("Mul", [any_red, node("Sub", [full, nearest])]),
                node("ReduceMax", [node("Mul", [line, last])], keepdims=1),
            )
        )
    (left, right), (top, bottom) = ends
    corners = node("Concat", [left, top, right, bottom], axis=0)
    outputs = []
    for name, (shape, dtype, matrix, values) in rows.items():
        key = f"o{len(outputs)}"
        flat = node(
            "Add",
            [
                node("MatMul", [corners, const(f"m{key}", matrix)]),
                const(f"c{key}", values),
            ],
        )
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        shaped = node("Reshape", [flat, const(f"s{key}", np.int64(shape))])
        nodes.append(helper.make_node("Cast", [shaped], [name], to=kind))
        outputs.append(helper.make_tensor_value_info(name, kind, shape))
    kind = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8}.get(
        pixels, TensorProto.FLOAT
    )
    shape = [1, 3, height, width] if planar else [1, height, width, 3]
    image = helper.make_tensor_value_info("image", kind, shape[4 - axes :])
    graph = helper.make_graph(nodes, "red", [image], outputs, constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    )
    if names is not None:
        helper.set_model_props(model, {"names": names})
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def write_tflite(path, rows, size, pixels):
    """The same as TFLite; outputs are called StatefulPartitionedCall:k."""
    import tensorflow as tf

    width, height = size
    dtype = tf.uint8 if pixels == "uint8" else tf.float32

    def ends(mask, axis, length):
        line = tf.reduce_max(mask, axis=axis)
        place = tf.range(1, length + 1, dtype=tf.float32)
        return (
            (length - tf.reduce_max(line * (length + 1 - place)))
            * tf.reduce_max(line),
            tf.reduce_max(line * place),
        )

    @tf.function(
        input_signature=[tf.TensorSpec([1, height, width, 3], dtype, "image")]
    )
    def network(image):
        red = tf.cast(image, tf.float32)[0, :, :, 0]
        mask = tf.cast(red > THRESHOLDS[pixels], tf.float32)
        left, right = ends(mask, 0, width)
        top, bottom = ends(mask, 1, height)
        corners = tf.reshape(tf.stack([left, top, right, bottom]), [1, 4])
        return {
            name: tf.reshape(
                tf.reduce_sum(
                    tf.transpose(corners) * matrix.astype(np.float32), 0
                )
                + values,
                shape,
            )
            for name, (shape, _, matrix, values) in rows.items()
        }

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [network.get_concrete_function()], network
    )
    path.write_bytes(converter.convert())
    return path
