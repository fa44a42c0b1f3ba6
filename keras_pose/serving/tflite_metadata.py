"""TFLite's own metadata: what goes in and comes out, for tools that read it.

Android Studio, Netron and MediaPipe show it. Source: `metadata_schema.fbs` of
TensorFlow Lite's metadata. Writing its tables takes the flatbuffers library
alone; the packages that wrap them are no longer released or bring a whole
framework.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_pose import pose_spec
from keras_pose.serving.tflite_half import packed

_NAME = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
_MIN_PARSER_VERSION = "1.0.0"

# Values of the schema's enumerations and unions.
_RGB = np.uint8(1)
_FEATURE, _IMAGE = np.uint8(1), np.uint8(2)  # ContentProperties
_NORMALIZATION = np.uint8(1)  # ProcessUnitOptions
_DESCRIPTIONS = np.uint8(1)  # AssociatedFileType


def with_metadata(model, spec):
    """Adds metadata to a TFLite model.

    Args:
        model: Bytes of the model, of one signature.
        spec: Its PoseSpec.

    Returns:
        Bytes of the model.
    """
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model))
    (signature,) = content.signatureDefs
    names = {
        tensor.tensorIndex: tensor.name.decode() for tensor in signature.outputs
    }
    outputs = [names[index] for index in content.subgraphs[0].outputs]
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(_metadata(spec, outputs), np.uint8)
    content.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = _NAME, len(content.buffers) - 1
    content.metadata = [*(content.metadata or []), entry]
    return packed(content)


def _metadata(spec, outputs):
    """The ModelMetadata table; slots are numbered as in the schema."""
    size = np.uint32(spec.input_size)
    image = {
        0: "image",
        1: pose_spec.INPUT_DESCRIPTION,
        3: {0: _IMAGE, 1: {0: _RGB, 1: {0: size, 1: size}}},
        # The network scales its pixels itself.
        4: [{0: _NORMALIZATION, 1: {0: [0.0], 1: [1.0]}}],
        5: {0: [255.0], 1: [0.0]},
    }
    descriptions = spec.output_descriptions()
    poses = [
        {0: name, 1: descriptions[name], 3: {0: _FEATURE, 1: {}}}
        for name in outputs
    ]
    associated = {
        0: pose_spec.FILE_NAME,
        1: "Skeleton, volume, box margin, bone lengths.",
        2: _DESCRIPTIONS,
    }
    model = {
        0: "keras_pose",
        1: "3D human pose from the crop of a person.",
        3: [{2: [image], 3: poses}],
        6: [associated],
        7: _MIN_PARSER_VERSION,
    }
    builder = flatbuffers.Builder()
    builder.Finish(_write(builder, model), _IDENTIFIER)
    return bytes(builder.Output())


def _write(builder, value):
    """Writes strings, vectors and tables (dicts by slot); returns the place."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, list) and isinstance(value[0], float):
        return builder.CreateNumpyVector(np.float32(value))
    if isinstance(value, list):
        places = [_write(builder, item) for item in value]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return builder.EndVector()
    places = {
        slot: _write(builder, item)
        for slot, item in value.items()
        if not isinstance(item, np.generic)
    }
    builder.StartObject(max(value, default=-1) + 1)
    for slot, item in value.items():
        if isinstance(item, np.uint8):
            builder.PrependUint8Slot(slot, int(item), 0)
        elif isinstance(item, np.uint32):
            builder.PrependUint32Slot(slot, int(item), 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, places[slot], 0)
    return builder.EndObject()
