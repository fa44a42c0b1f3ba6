"""tf.train.Example without TensorFlow: its protocol buffer, by protobuf alone.

Source: TensorFlow's `core/example/feature.proto` and `example.proto`.
"""

from keras_pose.message_schema import message_classes

_CLASSES = message_classes(
    "tensorflow",
    {
        "BytesList": "repeated bytes value = 1",
        "FloatList": "repeated float value = 1",
        "Int64List": "repeated int64 value = 1",
        "Feature": """
            oneof kind BytesList bytes_list = 1
            oneof kind FloatList float_list = 2
            oneof kind Int64List int64_list = 3
        """,
        "Features": "map<string, Feature> feature = 1",
        "Example": "Features features = 1",
    },
)
Example = _CLASSES["Example"]
