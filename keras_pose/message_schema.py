"""Protocol buffer messages that are declared in code, by protobuf alone.

For file formats and servers of TensorFlow's, where importing TensorFlow for a
handful of messages would cost seconds and half a gigabyte.
"""

from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _Field.TYPE_BOOL,
    "bytes": _Field.TYPE_BYTES,
    "float": _Field.TYPE_FLOAT,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
}


def message_classes(package, schema):
    """Makes the classes of messages.

    Args:
        package: Of all the messages.
        schema: Message name -> its fields, a line each, as in a `.proto` file
            of syntax proto3: `[repeated] TYPE NAME = NUMBER`, or
            `map<string, TYPE> NAME = NUMBER`. A member of a oneof begins with
            `oneof GROUP`. A TYPE is a scalar or a message of the schema. What
            an enum is called in the original is int32 here: they are the same
            bytes.

    Returns:
        Message name -> class. They live in a pool of their own, since
        TensorFlow puts messages of the same names into the default one.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto3"
    )
    for name, fields in schema.items():
        message = file.message_type.add(name=name)
        for line in fields.strip().splitlines():
            _add_field(message, line, package)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{package}.{name}")
        )
        for name in schema
    }


def _add_field(message, line, package):
    declaration, _, number = line.partition("=")
    kind, name = declaration.strip().rsplit(maxsplit=1)
    field = message.field.add(
        name=name, number=int(number), label=_Field.LABEL_OPTIONAL
    )
    if kind.startswith("map<string, "):
        kind = "repeated " + _add_map_entry(message, name, kind, package)
    if kind.startswith("repeated "):
        kind = kind.removeprefix("repeated ")
        field.label = _Field.LABEL_REPEATED
    elif kind.startswith("oneof "):
        _, group, kind = kind.split()
        field.oneof_index = _oneof_index(message, group)
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{package}.{kind}"


def _add_map_entry(message, name, kind, package):
    """Adds the message that a map repeats; returns its name."""
    # protobuf refuses entries that are called otherwise.
    entry_name = name.title().replace("_", "") + "Entry"
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    value = kind.removeprefix("map<string, ").removesuffix(">")
    _add_field(entry, "string key = 1", package)
    _add_field(entry, f"{value} value = 2", package)
    return f"{message.name}.{entry_name}"


def _oneof_index(message, group):
    groups = [declaration.name for declaration in message.oneof_decl]
    if group not in groups:
        message.oneof_decl.add(name=group)
        groups.append(group)
    return groups.index(group)
