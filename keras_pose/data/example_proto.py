"""tf.train.Example without TensorFlow: its protocol buffer, by protobuf alone.

Source: TensorFlow's `core/example/feature.proto` and `example.proto`.
"""

from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_LISTS = {
    "bytes_list": ("BytesList", _Field.TYPE_BYTES),
    "float_list": ("FloatList", _Field.TYPE_FLOAT),
    "int64_list": ("Int64List", _Field.TYPE_INT64),
}


def _add_field(message, name, kind, type_name=None, repeated=False):
    """Adds a field, numbered in the order of the calls."""
    return message.field.add(
        name=name,
        number=len(message.field) + 1,
        type=kind,
        type_name=type_name and f".tensorflow.{type_name}",
        label=_Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL,
    )


def _make_example():
    """The message class of tf.train.Example."""
    file = descriptor_pb2.FileDescriptorProto(
        name="example.proto", package="tensorflow", syntax="proto3"
    )
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for field, (name, kind) in _LISTS.items():
        values = file.message_type.add(name=name)
        _add_field(values, "value", kind, repeated=True)
        one = _add_field(feature, field, _Field.TYPE_MESSAGE, name)
        one.oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    _add_field(entry, "key", _Field.TYPE_STRING)
    _add_field(entry, "value", _Field.TYPE_MESSAGE, "Feature")
    _add_field(
        features, "feature", _Field.TYPE_MESSAGE, "Features.FeatureEntry", True
    )
    example = file.message_type.add(name="Example")
    _add_field(example, "features", _Field.TYPE_MESSAGE, "Features")
    # A pool of its own: TensorFlow puts messages of these names into the
    # default one.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("tensorflow.Example")
    )


Example = _make_example()
