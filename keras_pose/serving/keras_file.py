"""Whether a `.keras` file may be handed to Keras.

A `.keras` file describes Python objects to make. Keras refuses those that carry
code, but what it admits has let code through before, opens files and takes any
amount of memory, so only what networks of this project are made of is let
through to it.
"""

import json
import math
import zipfile

from keras_pose import pose_spec
from keras_pose.serving import members

# What the networks are made of: what the backbones and heads hold, and what
# small networks for tests do.
_PARTS = {
    "keras": {"DTypePolicy"},
    "keras.initializers": {
        "Constant",
        "GlorotUniform",
        "HeNormal",
        "Ones",
        "RandomNormal",
        "VarianceScaling",
        "Zeros",
    },
    "keras.layers": {
        "Activation",
        "Add",
        "AveragePooling2D",
        "BatchNormalization",
        "Conv2D",
        "Conv2DTranspose",
        "Dense",
        "DepthwiseConv2D",
        "Dropout",
        "GlobalAveragePooling2D",
        "InputLayer",
        "MaxPooling2D",
        "Multiply",
        "Normalization",
        "ReLU",
        "Rescaling",
        "Reshape",
        "ZeroPadding2D",
    },
    "keras.src.models.functional": {"Functional"},
    "keras.src.models.sequential": {"Sequential"},
    "keras.src.ops.numpy": {"Add", "Multiply"},
}
_OWN_MODULE, _OWN_PREFIX = "keras_pose.layers", "keras_pose>"
_OWN_LAYERS = {"PixelScaling", "SoftArgmax3D"}
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = {"metadata.json", _CONFIG, _WEIGHTS, pose_spec.FILE_NAME}
# That of EfficientNetV2L has 1 MB.
_MOST_CONFIG_BYTES = 8_000_000
# Of any side of a tensor or of a kernel; the widest layer of the backbones has
# 3840 filters.
_MOST_UNITS = 65_536
_VARIABLE_BYTES = 4  # float32, under mixed precision too


def check(path):
    """Checks that a file holds a network and no more.

    Raises:
        ValueError: It is damaged, compressed, holds other than layers of
            Keras and of this project, or would take more memory than its
            weights do.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if sorted(names) != sorted(_MEMBERS):
            raise ValueError(
                f"it must hold {', '.join(sorted(_MEMBERS))}, once each. "
                f"Received: {', '.join(map(repr, names))}"
            )
        for name in sorted(_MEMBERS):
            members.check_stored(archive.getinfo(name))
        damaged = archive.testzip()
        if damaged:
            raise ValueError(f"{damaged} does not fit its checksum")
        config = json.loads(members.read(archive, _CONFIG, _MOST_CONFIG_BYTES))
        _check_config(config, archive.getinfo(_WEIGHTS).file_size)


def _check_config(config, weights_bytes):
    """Raises ValueError where a part of the network is none of ours."""
    pending, num_bytes = [config], 0
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                _check_part(item)
                num_bytes += _VARIABLE_BYTES * _num_weights(item)
            # Identities of objects of the process that wrote the file.
            pending += [v for k, v in item.items() if k != "shared_object_id"]
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, int | float) and abs(item) > _MOST_UNITS:
            raise ValueError(
                f"a size must be at most {_MOST_UNITS}. Received: {item}"
            )
    # Keras makes all variables before it looks for their values.
    if num_bytes > weights_bytes:
        raise ValueError(
            f"its layers must have the weights that {_WEIGHTS} holds. "
            f"Received: layers of {num_bytes} bytes, {weights_bytes} stored"
        )


def _check_part(part):
    module, name = part.get("module"), part["class_name"]
    registered = part.get("registered_name") or name
    is_own = (
        module == _OWN_MODULE
        and name in _OWN_LAYERS
        and registered == f"{_OWN_PREFIX}{name}"
    )
    is_kerass = name in _PARTS.get(module, ()) and registered == name
    # A tensor's place in the graph has a class name and nothing else.
    is_tensor = module is None and name == "__keras_tensor__"
    if not (is_own or is_kerass or is_tensor):
        raise ValueError(
            "it must be made of layers that networks of this project have. "
            f"Received: {module}.{name}, registered as {registered}"
        )


def _num_weights(part):
    """The numbers in the kernel, or the like, that Keras makes for a layer.

    Biases and the like are left out: they are no more than the kernel.

    Raises:
        ValueError: It cannot be told.
    """
    count = _WEIGHTS_OF.get(part["class_name"])
    if count is None or part["module"] != "keras.layers":
        if part["class_name"] == "Reshape":
            # What is inferred may be as wide as all places together.
            _sizes(part["config"]["target_shape"])
        return 0
    config, build_config = part["config"], part.get("build_config")
    # Else variables are made for what comes in, or others besides.
    is_known = isinstance(build_config, dict) and "input_shape" in build_config
    unusual = [key for key in _MAKE_MORE if config.get(key)]
    if not is_known or unusual:
        raise ValueError(
            f"a {part['class_name']} must be saved with the shape of its input "
            f"and without {', '.join(_MAKE_MORE)}. Received: "
            f"build_config={build_config}, {', '.join(unusual) or 'none'}"
        )
    if config.get("data_format", "channels_last") != "channels_last":
        raise ValueError(
            "`data_format` must be channels_last. "
            f"Received: {config['data_format']}"
        )
    return count(config, build_config["input_shape"])


def _sizes(values):
    """A list of sizes, each of which is known and positive."""
    if not isinstance(values, list) or not all(
        type(value) is int and value > 0 for value in values
    ):
        raise ValueError(
            f"a shape must have positive sizes. Received: {values}"
        )
    return values


def _conv2d(config, shape):
    channels, filters, groups = _sizes(
        [shape[-1], config["filters"], config["groups"]]
    )
    area = math.prod(_sizes(config["kernel_size"]))
    return area * channels * filters // groups


def _conv2d_transpose(config, shape):
    channels, filters = _sizes([shape[-1], config["filters"]])
    return math.prod(_sizes(config["kernel_size"])) * channels * filters


def _depthwise_conv2d(config, shape):
    sizes = _sizes([shape[-1], config["depth_multiplier"]])
    return math.prod(_sizes(config["kernel_size"]) + sizes)


def _dense(config, shape):
    return math.prod(_sizes([shape[-1], config["units"]]))


def _along_axes(config, shape):
    axes = config["axis"]
    axes = axes if isinstance(axes, list) else [axes]
    return math.prod(_sizes([shape[axis] for axis in axes]))


_WEIGHTS_OF = {
    "BatchNormalization": _along_axes,
    "Conv2D": _conv2d,
    "Conv2DTranspose": _conv2d_transpose,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise_conv2d,
    "Normalization": _along_axes,
}
_MAKE_MORE = ("lora_rank", "quantization_config", "renorm")
