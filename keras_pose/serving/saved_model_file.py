"""Whether a SavedModel may be handed to TensorFlow.

A graph can read and write files, ask the network and call Python, and new
operations that do come with every TensorFlow. So only what exports of this
project are made of is let through to it.
"""

import os

# Operations that compute from their inputs alone: those of the exported
# endpoints and backbones, and of the other activations and pools of Keras.
_PURE = frozenset(
    """
    Abs AddN AddV2 All Any ArgMax AsString Assert AvgPool BatchMatMulV2 BiasAdd
    BitwiseAnd Cast Ceil ConcatV2 ConcatenateDataset Const Conv2D
    Conv2DBackpropInput Cumprod Cumsum DatasetToSingleElement DecodeImage
    DecodeJpeg DecodePaddedRaw DecodeRaw DenseBincount DepthToSpace
    DepthwiseConv2dNative Elu EnsureShape Equal Erf Exp ExpandDims Fill Floor
    FloorDiv FloorMod FusedBatchNormV3 GatherNd GatherV2 Greater GreaterEqual
    Identity IdentityN If IgnoreErrorsDataset ImageProjectiveTransformV3
    IsFinite LeakyRelu LeftShift Less LessEqual Log LogicalAnd LogicalNot
    LogicalOr LowerBound MapDataset MatMul MatrixInverse Max MaxPool Maximum
    Mean Min Minimum Mul Neg NoOp NotEqual OnesLike Pack Pad PadV2
    PartitionedCall Placeholder Pow Prod Range Rank RealDiv ReduceJoin Relu
    Relu6 Reshape ReverseV2 Round Rsqrt Select SelectV2 Selu Shape
    ShardedFilename Sigmoid Size Slice Softmax Softplus Split SplitV Sqrt Square
    SquaredDifference Squeeze StatefulPartitionedCall StatelessCase StatelessIf
    StatelessWhile StaticRegexFullMatch StaticRegexReplace StopGradient
    StridedSlice StringFormat StringJoin StringLength StringSplitV2
    StringToNumber Sub Substr Sum TakeDataset Tanh TensorDataset
    TensorListConcatV2 TensorListFromTensor TensorListGetItem TensorListReserve
    TensorListSetItem TensorListStack TensorScatterUpdate Tile Transpose
    UniqueWithCounts Unpack Where While ZerosLike
    """.split()
)
# The saver that TensorFlow adds to every SavedModel is of these. Loading calls
# it for variables alone, of which a frozen graph has none.
_SAVER = frozenset({"MergeV2Checkpoints", "RestoreV2", "SaveV2"})
# Of what the functions are held by, and the constants that they share.
_OBJECTS = {
    "bare_concrete_function",
    "captured_tensor",
    "constant",
    "user_object",
}


def check(folder):
    """Checks that a SavedModel computes and does no more.

    Raises:
        ValueError: It has variables, or an operation that exports of this
            project do not have.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel()
    with open(os.path.join(folder, "saved_model.pb"), "rb") as file:
        saved_model.ParseFromString(file.read())
    graphs = saved_model.meta_graphs
    # TensorFlow loads others in the way of its version 1, which runs what
    # their collections name.
    if len(graphs) != 1 or not graphs[0].HasField("object_graph_def"):
        raise ValueError(
            "it must hold one graph and its objects. "
            f"Received: {len(graphs)} graphs"
        )
    objects = graphs[0].object_graph_def
    kinds = {node.WhichOneof("kind") for node in objects.nodes}
    if not kinds <= _OBJECTS:
        raise ValueError(
            "its weights must be constants of its graph. "
            f"Received: objects {sorted(map(str, kinds - _OBJECTS))}"
        )
    _check_operations(graphs[0].graph_def, set(objects.concrete_functions))


def _check_operations(graph, called):
    """Raises ValueError where a graph reaches out of itself.

    Args:
        graph: A GraphDef.
        called: Names of the functions that a caller of the model may call.
    """
    functions = graph.library.function
    called = called.union(
        *(_functions_of(node) for f in functions for node in f.node_def),
        (gradient.gradient_func for gradient in graph.library.gradient),
        (g.gradient_func for g in graph.library.registered_gradients),
    )
    _check_nodes(graph.node, _PURE)
    for function in functions:
        is_called = function.signature.name in called
        allowed = _PURE if is_called else _PURE | _SAVER
        _check_nodes(function.node_def, allowed)


def _functions_of(node):
    """Names of the functions that a node may call."""
    for value in node.attr.values():
        yield value.func.name
        for function in value.list.func:
            yield function.name


def _check_nodes(nodes, allowed):
    for node in nodes:
        if node.op not in allowed:
            raise ValueError(
                "its graph must not reach files, the network or Python. "
                f"Received: operation {node.op}"
            )
