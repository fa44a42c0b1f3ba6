"""TensorFlow Serving's JSON: requests to arrays, arrays to responses.

Written after the behaviour of its `util/json_tensor.cc`.
"""

import base64
import binascii
import json
import re

import numpy as np

from tests.serving.c_loader import DTYPES
from tests.serving.c_loader import INVALID_ARGUMENT
from tests.serving.c_loader import StatusError

PREDICT_PATH = re.compile(
    r"(?i)/v1/models/([^/:]+)(?:/versions/(\d+))?:predict"
)
STATUS_PATH = re.compile(r"(?i)/v1/models/([^/:]+)(?:/versions/(\d+))?")
# Code of gRPC: HTTP status
HTTP_STATUS = {
    0: 200,
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    8: 429,
    9: 400,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
}


def parse(body):
    """A request's JSON object."""
    try:
        content = json.loads(body)
    except ValueError as error:
        raise invalid(f"JSON Parse error: {error}") from error
    if not isinstance(content, dict):
        raise invalid("JSON Value: Is not object")
    if ("instances" in content) == ("inputs" in content):
        raise invalid("Missing 'inputs' or 'instances' key")
    return content


def invalid(message):
    return StatusError(INVALID_ARGUMENT, message)


def input_arrays(content, infos):
    """The inputs of a request, name -> array.

    Args:
        content: What `parse` returned.
        infos: Name -> TensorInfo of the signature's inputs.
    """
    if "inputs" in content:
        return _columns(content["inputs"], infos)
    return _rows(content["instances"], infos)


def _columns(inputs, infos):
    if not isinstance(inputs, dict) or _is_base64(inputs):
        if len(infos) > 1:
            raise invalid("inputs is a plain value/list, but expecting object")
        inputs = dict.fromkeys(infos, inputs)
    missing = [name for name in infos if name not in inputs]
    if missing:
        raise invalid(f"Missing named input: {missing[0]} in 'inputs' object.")
    return {
        name: _array(inputs[name], info.dtype) for name, info in infos.items()
    }


def _rows(instances, infos):
    if not isinstance(instances, list) or not instances:
        raise invalid("No values in 'instances' array")
    if not isinstance(instances[0], dict) or _is_base64(instances[0]):
        if len(infos) > 1:
            raise invalid("instances is a plain list, but expecting objects")
        (name,) = infos
        instances = [{name: instance} for instance in instances]
    for index, instance in enumerate(instances):
        if set(instance) != set(infos):
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON "
                f"object: keys must be equal to: {','.join(sorted(infos))}"
            )
    return {
        name: _array([instance[name] for instance in instances], info.dtype)
        for name, info in infos.items()
    }


def _array(value, number):
    """Nested lists as an array of a DataType."""
    shape, inner = [], value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    leaves = []
    _collect(value, shape, number, leaves)
    array = np.empty(len(leaves), DTYPES[number])
    for index, leaf in enumerate(leaves):
        array[index] = leaf
    return array.reshape(shape)


def _collect(value, shape, number, leaves):
    if not isinstance(value, list):
        if shape:
            raise invalid("JSON value found at incorrect level")
        leaves.append(_leaf(value, number))
        return
    if not shape or len(value) != shape[0]:
        raise invalid("Encountered list at unexpected size or level")
    for inner in value:
        _collect(inner, shape[1:], number, leaves)


def _leaf(value, number):
    dtype = DTYPES[number]
    if dtype is object and _is_base64(value):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except binascii.Error as error:
            raise invalid("Unable to base64 decode") from error
    if dtype is object and isinstance(value, str):
        return value.encode()
    kinds = (int, float) if dtype is np.float32 else int
    if dtype is object or not isinstance(value, kinds) or value is True:
        raise invalid(f"JSON Value: {value!r} is not of expected type: {dtype}")
    return value


def _is_base64(value):
    return isinstance(value, dict) and list(value) == ["b64"]


def response(outputs, is_row):
    """The JSON of outputs, name -> array, in the format of their request."""
    if is_row:
        rows = zip(*outputs.values(), strict=True)
        predictions = [
            _object(dict(zip(outputs, r, strict=True))) for r in rows
        ]
        return f'{{"predictions": {_list(predictions)}}}'
    return f'{{"outputs": {_object(outputs)}}}'


def _object(values):
    if len(values) == 1:
        return _json(next(iter(values.values())))
    members = [f"{json.dumps(k)}: {_json(v)}" for k, v in values.items()]
    return f"{{{_joined(members)}}}"


def _list(texts):
    return f"[{_joined(texts)}]"


def _joined(texts):
    return ", ".join(texts)


def _json(value):
    if isinstance(value, np.ndarray):
        return _list(_json(inner) for inner in value)
    if isinstance(value, bytes):
        return json.dumps(value.decode())
    if np.isfinite(value):
        return str(value)
    return "NaN" if np.isnan(value) else "-Infinity"[value > 0 :]
