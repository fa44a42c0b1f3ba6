"""TFLite weights in half the bytes, where they are many.

TFLite's own converter rounds every constant to float16. The biases and the
first, small kernels are a few percent of a file and make most of the
difference: kept in float32 they leave a third of it or less.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

MODEL_IDENTIFIER = b"TFL3"
# Constants of fewer numbers keep all their bits.
_LEAST_NUMBERS = 131_072


def with_half_weights(model):
    """Stores the large float32 constants of a TFLite model in float16.

    Each is widened again before it is used, as in the converter's own files;
    runtimes do that once, when they load the file.

    Args:
        model: Bytes of a float32 model.

    Returns:
        Bytes of the model.
    """
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model))
    (graph,) = content.subgraphs
    widen = []
    code = len(content.operatorCodes)
    for index, tensor in enumerate(list(graph.tensors)):
        data = content.buffers[tensor.buffer].data
        if (
            tensor.type != schema.TensorType.FLOAT32
            or data is None
            or len(data) < 4 * _LEAST_NUMBERS
        ):
            continue
        half = np.asarray(data, np.uint8).view(np.float32).astype(np.float16)
        buffer = schema.BufferT()
        buffer.data = half.view(np.uint8)
        content.buffers.append(buffer)
        stored = schema.TensorT()
        stored.name = tensor.name + b"_float16"
        stored.shape = tensor.shape
        stored.type = schema.TensorType.FLOAT16
        stored.buffer = len(content.buffers) - 1
        graph.tensors.append(stored)
        tensor.buffer = 0  # by the format's rule the empty one
        operator = schema.OperatorT()
        operator.opcodeIndex = code
        operator.inputs, operator.outputs = [len(graph.tensors) - 1], [index]
        widen.append(operator)
    dequantize = schema.OperatorCodeT()
    dequantize.builtinCode = schema.BuiltinOperator.DEQUANTIZE
    dequantize.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    dequantize.version = 3  # the first that takes float16
    content.operatorCodes.append(dequantize)
    graph.operators = widen + graph.operators
    _forget_unused(content)
    return packed(content)


def packed(content):
    """A ModelT as bytes."""
    builder = flatbuffers.Builder(2**20)
    builder.Finish(content.Pack(builder), MODEL_IDENTIFIER)
    return bytes(builder.Output())


def _forget_unused(content):
    """Empties the buffers that nothing refers to any more."""
    used = {
        tensor.buffer for graph in content.subgraphs for tensor in graph.tensors
    }
    used |= {entry.buffer for entry in content.metadata or []}
    for index, buffer in enumerate(content.buffers):
        if index not in used:
            buffer.data = None
