"""TensorFlow Serving's messages without TensorFlow, and arrays as tensors.

Source: TensorFlow Serving's `apis/{model,predict,prediction_log,logging,
get_model_status,status}.proto`, TensorFlow's `core/framework/{tensor,
tensor_shape,types}.proto`.
"""

import numpy as np

from keras_pose.message_schema import message_classes

_CLASSES = message_classes(
    "tensorflow.serving",
    {
        # google.protobuf's
        "Int64Value": "int64 value = 1",
        # TensorFlow's
        "Dim": "int64 size = 1",
        "TensorShapeProto": "repeated Dim dim = 2",
        "TensorProto": """
            int32 dtype = 1
            TensorShapeProto tensor_shape = 2
            bytes tensor_content = 4
            repeated float float_val = 5
            repeated int32 int_val = 7
            repeated bytes string_val = 8
        """,
        # TensorFlow Serving's
        "ModelSpec": """
            string name = 1
            oneof version_choice Int64Value version = 2
            string signature_name = 3
            oneof version_choice string version_label = 4
        """,
        "PredictRequest": """
            ModelSpec model_spec = 1
            map<string, TensorProto> inputs = 2
            repeated string output_filter = 3
        """,
        "PredictResponse": """
            map<string, TensorProto> outputs = 1
            ModelSpec model_spec = 2
        """,
        "PredictLog": """
            PredictRequest request = 1
            PredictResponse response = 2
        """,
        "LogMetadata": "ModelSpec model_spec = 1",
        "PredictionLog": """
            LogMetadata log_metadata = 1
            oneof log_type PredictLog predict_log = 6
        """,
        "StatusProto": """
            int32 error_code = 1
            string error_message = 2
        """,
        "ModelVersionStatus": """
            int64 version = 1
            int32 state = 2
            StatusProto status = 3
        """,
        "GetModelStatusRequest": "ModelSpec model_spec = 1",
        "GetModelStatusResponse": """
            repeated ModelVersionStatus model_version_status = 1
        """,
    },
)
GetModelStatusRequest = _CLASSES["GetModelStatusRequest"]
GetModelStatusResponse = _CLASSES["GetModelStatusResponse"]
PredictionLog = _CLASSES["PredictionLog"]
PredictRequest = _CLASSES["PredictRequest"]
PredictResponse = _CLASSES["PredictResponse"]
TensorProto = _CLASSES["TensorProto"]

# Of the services, as gRPC calls them.
PREDICT = "/tensorflow.serving.PredictionService/Predict"
GET_MODEL_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"

# ModelVersionStatus.State
STATES = {
    0: "UNKNOWN",
    10: "START",
    20: "LOADING",
    30: "AVAILABLE",
    40: "UNLOADING",
    50: "END",
}

# DataType: number -> (NumPy's type, the field of its values)
_DTYPES = {
    1: (np.dtype("<f4"), "float_val"),
    3: (np.dtype("<i4"), "int_val"),
    4: (np.dtype("u1"), "int_val"),
    7: (np.dtype(object), "string_val"),
}
_NUMBERS = {dtype: number for number, (dtype, _) in _DTYPES.items()}
_STRING = 7


def tensor_from_array(array):
    """Makes a TensorProto.

    Args:
        array: float32, int32 or uint8, or of bytes as objects.

    Raises:
        ValueError: The array is of another type.
    """
    array = np.asarray(array)
    number = _NUMBERS.get(array.dtype.newbyteorder("<"))
    if number is None:
        names = ", ".join(str(dtype) for dtype in _NUMBERS)
        raise ValueError(
            f"`array` must be one of {names}. Received: {array.dtype}"
        )
    tensor = TensorProto(dtype=number)
    # Present even where it is empty: that is the shape of a scalar.
    tensor.tensor_shape.SetInParent()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if number == _STRING:
        tensor.string_val.extend(array.ravel().tolist())
    else:
        little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
        tensor.tensor_content = little_endian.tobytes()
    return tensor


def array_from_tensor(tensor):
    """Reads a TensorProto; the inverse of `tensor_from_array`.

    Args:
        tensor: TensorProto, its values as content or one by one. Where they
            are fewer than the shape has room for, the last is repeated, as
            TensorFlow does.

    Raises:
        ValueError: Type, shape and values do not fit each other.
    """
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.dtype not in _DTYPES or min(shape, default=0) < 0:
        raise ValueError(
            f"a tensor must be of a type in {sorted(_DTYPES)} and of a known "
            f"shape. Received: type {tensor.dtype}, shape {shape}"
        )
    dtype, field = _DTYPES[tensor.dtype]
    count = int(np.prod(shape, dtype=np.int64))
    content = tensor.tensor_content
    if content and tensor.dtype != _STRING:
        if len(content) != count * dtype.itemsize:
            raise ValueError(
                f"a tensor of shape {shape} must have {count * dtype.itemsize} "
                f"bytes. Received: {len(content)}"
            )
        return np.frombuffer(content, dtype).reshape(shape).copy()
    try:
        values = np.array(list(getattr(tensor, field)), dtype)
    except OverflowError as error:  # int_val holds more than uint8 does
        raise ValueError(f"a tensor must hold {dtype}: {error}") from error
    if len(values) > count or (count and not len(values)):
        raise ValueError(
            f"a tensor of shape {shape} must have {count} values. "
            f"Received: {len(values)}"
        )
    if len(values) < count:
        last = np.full(count - len(values), values[-1], dtype)
        values = np.concatenate([values, last])
    return values.reshape(shape)


def predict_request(model, signature, inputs, version=None):
    """Makes a PredictRequest.

    Args:
        model: Its name on the server.
        signature: Name of the signature.
        inputs: Name -> array.
        version: Of the model; None for the newest.
    """
    request = PredictRequest()
    fill_model_spec(request.model_spec, model, version)
    request.model_spec.signature_name = signature
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(tensor_from_array(array))
    return request


def fill_model_spec(model_spec, model, version=None):
    """Names a model in a ModelSpec; no version stands for the newest."""
    model_spec.name = model
    if version is not None:
        model_spec.version.value = version
