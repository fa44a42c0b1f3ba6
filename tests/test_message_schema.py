import pytest
from google.protobuf import descriptor_pb2

from keras_pose.message_schema import message_classes

SCHEMA = {
    "Inner": "int64 number = 1",
    "Outer": """
        string name = 1
        repeated float values = 3
        map<string, Inner> by_name = 4
        oneof choice int32 left = 5
        oneof choice Inner right = 7
        repeated Inner rows = 8
    """,
}


@pytest.fixture(scope="module")
def outer():
    return message_classes("made", SCHEMA)["Outer"]


def test_fields_have_the_numbers_of_the_schema(outer):
    numbers = {f.name: f.number for f in outer.DESCRIPTOR.fields}
    assert numbers == {
        "name": 1,
        "values": 3,
        "by_name": 4,
        "left": 5,
        "right": 7,
        "rows": 8,
    }


def test_bytes_are_those_of_the_wire_format(outer):
    message = outer(name="ab", values=[1.0], left=-1)
    message.by_name["k"].number = 3
    message.rows.add(number=300)
    assert message.SerializeToString(deterministic=True) == (
        b"\x0a\x02ab"  # 1: 2 bytes
        b"\x1a\x04\x00\x00\x80\x3f"  # 3: packed
        b"\x22\x07\x0a\x01k\x12\x02\x08\x03"  # 4: an entry
        b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # 5: 64 bits
        b"\x42\x03\x08\xac\x02"  # 8
    )


def test_members_of_a_oneof_push_each_other_out(outer):
    message = outer(left=1)
    message.right.number = 2
    assert message.WhichOneof("choice") == "right"
    assert not message.HasField("left")


def test_each_schema_has_its_own_pool():
    first = message_classes("made", {"A": "int32 x = 1"})["A"]
    second = message_classes("made", {"A": "string y = 1"})["A"]
    assert first(x=2).x == 2
    assert second(y="2").y == "2"


def test_descriptors_are_proto3(outer):
    file = descriptor_pb2.FileDescriptorProto()
    outer.DESCRIPTOR.file.CopyToProto(file)
    assert file.syntax == "proto3"
