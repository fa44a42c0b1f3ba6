"""Damaged and forged artefacts: refused, with nothing run and nothing written.

A forger knows the checksums, so the forged ones here have right ones.
"""

import json
import os
import pathlib
import random
import shutil
import tracemalloc
import zipfile

import h5py
import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_pose.pose_spec import FILE_NAME
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import artefacts
from keras_pose.serving import checksums

# (field of `artefact_files`, the file within that is damaged)
PARTS = [
    ("keras", ""),
    ("tflite", ""),
    ("onnx", ""),
    ("openvino", "model.xml"),
    ("openvino", "model.bin"),
    ("openvino", FILE_NAME),
    ("openvino", checksums.FILE_NAME),
    ("saved_model", "saved_model.pb"),
    ("saved_model", f"assets.extra/{FILE_NAME}"),
]
EACH_PART = pytest.mark.parametrize(
    ("kind", "part"), PARTS, ids=[f"{k} {p}".strip() for k, p in PARTS]
)


def copied(path, folder):
    copy = shutil.copytree if path.is_dir() else shutil.copy
    return pathlib.Path(copy(path, folder / path.name))


def is_refused_or_right(path, crops, right):
    """Loads an artefact; an error other than ValueError fails the test."""
    try:
        found = artefacts.load(path).predict(crops)
    except ValueError as error:
        return path.name in str(error) or path.parent.name in str(error)
    return np.allclose(found["pose"], right, rtol=0, atol=1e-5)


@EACH_PART
def test_one_flipped_bit_gives_no_wrong_pose(
    kind, part, artefact_files, model, crops, tmp_path
):
    path = copied(getattr(artefact_files, kind), tmp_path)
    file = path / part if part else path
    content = file.read_bytes()
    right = model.predict_on_batch(crops[:1])["pose"]
    draw = random.Random(0)
    for _ in range(40):
        damaged = bytearray(content)
        damaged[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(damaged)
        assert is_refused_or_right(path, crops[:1], right)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("keras", ""),
        ("tflite", ""),
        ("onnx", ""),
        ("openvino", "model.bin"),
        ("saved_model", "saved_model.pb"),
    ],
)
def test_a_changed_weight_is_refused(
    kind, part, artefact_files, model, tmp_path
):
    path = copied(getattr(artefact_files, kind), tmp_path)
    file = path / part if part else path
    content = file.read_bytes()
    weight = model.get_layer("heatmaps").kernel.numpy().ravel()[100]
    assert content.count(weight.tobytes()) == 1
    file.write_bytes(content.replace(weight.tobytes(), (-weight).tobytes()))
    with pytest.raises(ValueError, match=path.name):
        artefacts.load(path)


@EACH_PART
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_what_is_cut_short_is_refused(
    kept, kind, part, artefact_files, tmp_path
):
    path = copied(getattr(artefact_files, kind), tmp_path)
    file = path / part if part else path
    os.truncate(file, int(kept * file.stat().st_size))
    with pytest.raises(ValueError, match=path.name):
        artefacts.load(path)


@EACH_PART
def test_what_goes_on_after_its_end_is_refused_or_right(
    kind, part, artefact_files, model, crops, tmp_path
):
    path = copied(getattr(artefact_files, kind), tmp_path)
    with open(path / part if part else path, "ab") as file:
        file.write(b"more")
    right = model.predict_on_batch(crops[:1])["pose"]
    assert is_refused_or_right(path, crops[:1], right)


@EACH_PART
def test_what_is_missing_is_refused(kind, part, artefact_files, tmp_path):
    path = copied(getattr(artefact_files, kind), tmp_path)
    (path / part if part else path).unlink()
    with pytest.raises(ValueError, match=path.name):
        artefacts.load(path)


# Keras files.


def rewritten(path, out, change):
    """Copies a `.keras` file with a config that `change` has altered."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return out


def lambda_layer(trace):
    """The config of a layer that makes a file."""
    name = str(trace)
    layer = keras.layers.Lambda(
        lambda x: [__import__("pathlib").Path(name).touch(), x][1]
    )
    return keras.saving.serialize_keras_object(layer)


def call_of(module, name, registered_name=None, config=None):
    return {
        "module": module,
        "class_name": name,
        "config": {} if config is None else config,
        "registered_name": registered_name,
    }


@pytest.mark.parametrize(
    "part",
    [
        lambda trace: lambda_layer(trace),
        lambda trace: {
            "class_name": "Lambda",
            "config": lambda_layer(trace)["config"],
        },
        lambda trace: call_of(
            "keras.layers", "Lambda", "Dense", lambda_layer(trace)["config"]
        ),
        lambda trace: call_of(
            "keras_pose.layers", "SoftArgmax3D", "builtins>exec"
        ),
        lambda trace: call_of(
            "os", "system", "keras_pose>PixelScaling", f"touch {trace}"
        ),
        lambda trace: call_of("builtins", "function", "function", "open"),
        lambda trace: call_of(
            "keras.utils",
            "get_file",
            None,
            {"fname": str(trace), "origin": f"file://{__file__}"},
        ),
        lambda trace: call_of(
            "keras.src.saving.saving_lib",
            "load_model",
            None,
            {"filepath": str(trace)},
        ),
        lambda trace: call_of(
            "keras.layers", "TFSMLayer", None, {"filepath": str(trace)}
        ),
        lambda trace: call_of("pathlib", "Path", None, [str(trace)]),
        lambda trace: call_of(
            "keras.layers", "StringLookup", None, {"vocabulary": str(trace)}
        ),
        lambda trace: call_of(
            "keras.layers", "IntegerLookup", None, {"vocabulary": str(trace)}
        ),
        lambda trace: call_of(
            "keras.layers",
            "TextVectorization",
            None,
            {"vocabulary": str(trace)},
        ),
        lambda trace: {"class_name": "__lambda__", "config": {"value": "x"}},
    ],
    ids=[
        "Lambda",
        "Lambda without module",
        "Lambda registered as Dense",
        "own layer registered as another",
        "os.system registered as our own",
        "builtin",
        "get_file",
        "load_model",
        "TFSMLayer",
        "pathlib",
        "StringLookup",
        "IntegerLookup",
        "TextVectorization",
        "__lambda__",
    ],
)
@pytest.mark.parametrize("place", ["layer", "inside a layer"])
def test_keras_file_that_would_run_code_is_refused(
    place, part, artefact_files, tmp_path
):
    trace = tmp_path / "trace"
    part = part(trace)
    trace.unlink(missing_ok=True)

    def change(config):
        layers = config["config"]["layers"]
        if place == "layer":
            layers[1].update(part)
        else:
            layers[1]["config"]["kernel_initializer"] = part

    path = rewritten(artefact_files.keras, tmp_path / "a.keras", change)
    with pytest.raises(ValueError, match=r"a\.keras: .*must be made of layers"):
        artefacts.load(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.keras"]


def test_keras_itself_would_run_the_code_of_a_lambda_layer(tmp_path):
    # Or the test before would hold for a file that does nothing.
    trace = tmp_path / "trace"
    image = keras.Input((4,))
    layer = keras.saving.deserialize_keras_object(
        lambda_layer(trace), safe_mode=False
    )
    keras.Model(image, layer(image))
    assert trace.exists()


def layer_named(name, config):
    (layer,) = [
        layer
        for layer in config["config"]["layers"]
        if layer["config"]["name"] == name
    ]
    return layer


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (10**7, "size must be at most"),
        (65_536, "must have the weights"),
        (-(10**7), "must have positive sizes"),
        (1e300, "must have positive sizes"),
    ],
)
def test_keras_file_of_a_huge_tensor_is_refused(
    size, words, artefact_files, tmp_path
):
    def change(config):
        layer_named("heatmaps", config)["config"]["filters"] = size

    path = rewritten(artefact_files.keras, tmp_path / "a.keras", change)
    with pytest.raises(ValueError, match=rf"a\.keras: .*{words}"):
        artefacts.load(path)


WIDE_LAYERS = {
    # kind: what its config must hold, the shape of its input
    "Dense": ({"units": 65_536}, [None, 65_536]),
    "Conv2D": (
        {"filters": 8192, "kernel_size": [3, 3], "groups": 1},
        [None, 4, 4, 8192],
    ),
    "Conv2DTranspose": (
        {"filters": 8192, "kernel_size": [3, 3]},
        [None, 4, 4, 8192],
    ),
    "DepthwiseConv2D": (
        {"kernel_size": [65_536, 65_536], "depth_multiplier": 1},
        [None, 4, 4, 1],
    ),
    "Normalization": ({"axis": [1, 2]}, [None, 65_536, 65_536]),
}


@pytest.mark.parametrize("place", ["layer", "inside a layer"])
@pytest.mark.parametrize("kind", WIDE_LAYERS)
def test_keras_file_of_wider_layers_than_its_weights_is_refused(
    kind, place, artefact_files, tmp_path
):
    own, shape = WIDE_LAYERS[kind]
    part = call_of("keras.layers", kind, None, own)
    part["build_config"] = {"input_shape": shape}

    def change(config):
        if place == "layer":
            config["config"]["layers"].append(part)
        else:
            layer = layer_named("heatmaps", config)
            layer["config"]["kernel_initializer"] = part

    path = rewritten(artefact_files.keras, tmp_path / "a.keras", change)
    with pytest.raises(ValueError, match=r"a\.keras: .*must have the weights"):
        artefacts.load(path)


def test_keras_file_of_many_layers_without_weights_is_refused(
    artefact_files, tmp_path
):
    def change(config):
        layer = layer_named("deconv2", config)
        config["config"]["layers"] += [layer] * 100

    path = rewritten(artefact_files.keras, tmp_path / "a.keras", change)
    with pytest.raises(ValueError, match=r"a\.keras: .*must have the weights"):
        artefacts.load(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda layer: layer.pop("build_config"), "shape of its input"),
        (
            lambda layer: layer.update(build_config={"shapes_dict": {}}),
            "shape of its input",
        ),
        (
            lambda layer: layer["config"].update(lora_rank=60_000),
            "shape of its input",
        ),
        (
            lambda layer: layer["config"].update(data_format="channels_first"),
            "channels_last",
        ),
        (
            lambda layer: layer["config"].update(kernel_size=[-3, -3]),
            "positive sizes",
        ),
        (lambda layer: layer["config"].update(groups=0), "positive sizes"),
        (lambda layer: layer["config"].update(filters=True), "positive sizes"),
    ],
    ids=["none", "others", "lora", "first", "negative", "no groups", "bool"],
)
def test_keras_file_whose_variables_cannot_be_counted_is_refused(
    change, words, artefact_files, tmp_path
):
    path = rewritten(
        artefact_files.keras,
        tmp_path / "a.keras",
        lambda config: change(layer_named("heatmaps", config)),
    )
    with pytest.raises(ValueError, match=rf"a\.keras: .*{words}"):
        artefacts.load(path)


@pytest.mark.parametrize("size", [10**9, -(10**9), 1e300, 65_537])
def test_keras_file_of_a_huge_image_is_refused(size, artefact_files, tmp_path):
    def change(config):
        config["config"]["layers"][0]["config"]["batch_shape"][1] = size

    path = rewritten(artefact_files.keras, tmp_path / "a.keras", change)
    with pytest.raises(ValueError, match=r"a\.keras: .*size must be at most"):
        artefacts.load(path)


def test_keras_file_that_infers_a_shape_is_refused(artefact_files, tmp_path):
    def change(config):
        layer_named("logits", config)["config"]["target_shape"][0] = -1

    path = rewritten(artefact_files.keras, tmp_path / "a.keras", change)
    with pytest.raises(ValueError, match=r"a\.keras: .*positive sizes"):
        artefacts.load(path)


def test_keras_file_that_is_rewritten_to_say_the_same_loads(
    artefact_files, tmp_path
):
    # Or the tests above would hold for any file.
    path = tmp_path / "a.keras"
    same = rewritten(artefact_files.keras, path, lambda config: None)
    assert artefacts.load(same).kind == artefacts.KERAS


def with_bomb(path, out, bomb, compression=zipfile.ZIP_DEFLATED):
    """Copies an artefact with a zip, one member of which takes 64 MB.

    JSON is followed by white space, and says the same.
    """
    end = 0
    with zipfile.ZipFile(path) as old:
        content = {name: old.read(name) for name in old.namelist()}
        end = min(member.header_offset for member in old.infolist())
    content[bomb] += b" " * 64_000_000
    out.write_bytes(path.read_bytes()[:end])
    with zipfile.ZipFile(out, "a") as new:
        for name, data in content.items():
            method = compression if name == bomb else zipfile.ZIP_STORED
            new.writestr(name, data, method)
    return out


def refused_in_little_memory(path, words):
    """Loads an artefact that must be refused before it is decompressed."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words):
            artefacts.load(path)
        return tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("keras", "config.json"),
        ("keras", "metadata.json"),
        ("keras", FILE_NAME),
        ("tflite", FILE_NAME),
        ("tflite", checksums.FILE_NAME),
    ],
)
def test_compressed_member_is_refused_unread(
    kind, member, artefact_files, tmp_path
):
    path = getattr(artefact_files, kind)
    path = with_bomb(path, tmp_path / path.name, member)
    assert path.stat().st_size < 1_000_000
    assert refused_in_little_memory(path, f"{path.name}: .*not be compressed")


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("keras", "config.json"),
        ("keras", FILE_NAME),
        ("tflite", FILE_NAME),
        ("tflite", checksums.FILE_NAME),
    ],
)
def test_large_member_is_refused_unread(kind, member, artefact_files, tmp_path):
    path = getattr(artefact_files, kind)
    path = with_bomb(path, tmp_path / path.name, member, zipfile.ZIP_STORED)
    assert refused_in_little_memory(path, f"{path.name}: .*must have at most")


@pytest.mark.parametrize(
    "name",
    ["../outside.txt", "/tmp/outside.txt", "assets/a.txt", "config.json"],
    ids=["up", "absolute", "assets", "twice"],
)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_keras_file_with_other_members_is_refused(
    name, artefact_files, tmp_path
):
    path = copied(artefact_files.keras, tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "{}")
    with pytest.raises(ValueError, match=r"best\.keras: .*it must hold"):
        artefacts.load(path)
    assert [file.name for file in tmp_path.iterdir()] == ["best.keras"]


@pytest.mark.parametrize("kind", ["external link", "external data"])
def test_keras_file_whose_weights_lie_elsewhere_is_refused(
    kind, artefact_files, tmp_path
):
    weights = tmp_path / "weights.h5"
    with zipfile.ZipFile(artefact_files.keras) as archive:
        weights.write_bytes(archive.read("model.weights.h5"))
    secret = tmp_path / "secret.h5"
    shutil.copy(weights, secret)
    with h5py.File(weights, "r+") as file:
        names = []
        file.visititems(
            lambda name, item: (
                names.append(name) if isinstance(item, h5py.Dataset) else None
            )
        )
        name = names[0]
        shape, dtype = file[name].shape, file[name].dtype
        del file[name]
        if kind == "external link":
            file[name] = h5py.ExternalLink(str(secret), name)
        else:
            external = [(str(secret), 0, h5py.h5f.UNLIMITED)]
            file.create_dataset(name, shape, dtype, external=external)
    path = tmp_path / "a.keras"
    with (
        zipfile.ZipFile(artefact_files.keras) as old,
        zipfile.ZipFile(path, "w") as new,
    ):
        for member in old.namelist():
            is_weights = member == "model.weights.h5"
            content = weights.read_bytes() if is_weights else old.read(member)
            new.writestr(member, content)
    with pytest.raises(ValueError, match=r"a\.keras: not a Keras model"):
        artefacts.load(path)


# ONNX files.


def forged_onnx(path, out, change):
    model = onnx.load(path)
    del model.metadata_props[1:]  # the checksum
    change(model)
    out.write_bytes(checksums.with_onnx_checksum(model.SerializeToString()))
    return out


def test_onnx_file_forged_to_say_the_same_loads(artefact_files, tmp_path):
    # Or the tests below would hold for any file.
    path = tmp_path / "a.onnx"
    same = forged_onnx(artefact_files.onnx, path, lambda model: None)
    assert artefacts.load(same).kind == artefacts.ONNX


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "weights"])
@pytest.mark.parametrize("place", ["initializer", "constant", "subgraph"])
def test_onnx_file_with_tensors_elsewhere_is_refused(
    place, location, artefact_files, tmp_path
):
    (tmp_path / "weights").write_bytes(b"\0" * 1_000_000)

    def change(model):
        weights = model.graph.initializer[0]
        if place != "initializer":
            weights = onnx.helper.make_tensor(
                "hidden", 1, [1], b"\0" * 4, raw=True
            )
        onnx.external_data_helper.set_external_data(weights, location)
        weights.data_location = onnx.TensorProto.EXTERNAL
        node = onnx.helper.make_node("Constant", [], ["c"], value=weights)
        if place == "constant":
            model.graph.node.append(node)
        if place == "subgraph":
            body = onnx.helper.make_graph([node], "body", [], [])
            model.graph.node.append(
                onnx.helper.make_node(
                    "If", ["c"], ["d"], then_branch=body, else_branch=body
                )
            )

    path = forged_onnx(artefact_files.onnx, tmp_path / "a.onnx", change)
    with pytest.raises(ValueError, match=r"a\.onnx: must hold all its tensors"):
        artefacts.load(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda model: model.metadata_props.clear(), "must hold pose_spec"),
        (
            lambda model: setattr(model.graph.node[0], "op_type", "Evil"),
            "not an ONNX model",
        ),
        (
            lambda model: setattr(model.graph.node[0], "domain", "evil"),
            "not an ONNX model",
        ),
    ],
    ids=["no spec", "unknown operation", "unknown domain"],
)
def test_forged_onnx_file_is_refused(change, words, artefact_files, tmp_path):
    path = forged_onnx(artefact_files.onnx, tmp_path / "a.onnx", change)
    with pytest.raises(ValueError, match=rf"a\.onnx: {words}"):
        artefacts.load(path)


# OpenVINO folders.


def forged_openvino(path, tmp_path, old, new):
    path = copied(path, tmp_path)
    text = (path / "model.xml").read_text()
    assert old in text
    (path / "model.xml").write_text(text.replace(old, new, 1))
    checksums.write_folder(path, artefacts.OPENVINO_FILES)
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('type="SoftMax"', 'type="Evil"'),
        ('version="opset1"', 'version="extension"'),
        ('type="SoftMax"', 'type="If"'),
        ('<data element_type="f32"', '<data element_type="evil"'),
    ],
    ids=["operation", "extension", "other operation", "element type"],
)
def test_forged_openvino_model_is_refused(old, new, artefact_files, tmp_path):
    path = forged_openvino(artefact_files.openvino, tmp_path, old, new)
    with pytest.raises(ValueError, match="not an OpenVINO model"):
        artefacts.load(path)


def test_openvino_model_reads_no_external_entity(artefact_files, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("f32")
    path = forged_openvino(
        artefact_files.openvino,
        tmp_path,
        '<?xml version="1.0"?>',
        f'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY x SYSTEM "{secret}">]>',
    )
    text = (path / "model.xml").read_text()
    text = text.replace(
        '<precision value="f32" />', '<precision value="&x;" />'
    )
    (path / "model.xml").write_text(text)
    checksums.write_folder(path, artefacts.OPENVINO_FILES)
    with pytest.raises(ValueError, match="model.xml: not an OpenVINO model"):
        artefacts.load(path)


def test_openvino_weights_that_end_too_soon_are_refused(
    artefact_files, tmp_path
):
    path = copied(artefact_files.openvino, tmp_path)
    os.truncate(path / "model.bin", 1000)
    checksums.write_folder(path, artefacts.OPENVINO_FILES)
    with pytest.raises(ValueError, match="not an OpenVINO model"):
        artefacts.load(path)


# SavedModels.


def touch(path):
    pathlib.Path(path.decode()).touch()
    return np.float32(0)


def save_network(network, spec, folder, **objects):
    """Writes a function of crops as a SavedModel that has a spec."""
    module = tf.Module()
    for name, value in objects.items():
        setattr(module, name, value)
    image = tf.TensorSpec((None, 64, 64, 3), tf.uint8, "image")
    network = tf.function(network, input_signature=[image])
    signature = network.get_concrete_function()
    tf.saved_model.save(module, folder, signatures=signature)
    artefacts.add_spec_to_saved_model(folder, spec)


def zeros(image):
    return {"pose": tf.zeros((tf.shape(image)[0], 17, 3))}


def test_saved_model_of_another_network_loads(spec, crops, tmp_path):
    # Or the tests below would hold for any.
    save_network(zeros, spec, tmp_path / "1")
    found = artefacts.load(tmp_path / "1").predict(crops)
    assert found["pose"].shape == (6, 17, 3)


def save_checkpoint(trace):
    tf.raw_ops.SaveV2(
        prefix=trace,
        tensor_names=["x"],
        shape_and_slices=[""],
        tensors=[tf.zeros(1)],
    )


def one_number():
    """A data set of one number, and what operations must know of it."""
    dataset = tf.data.Dataset.from_tensors(tf.zeros(1, tf.int64))
    return dataset, {"output_types": [tf.int64], "output_shapes": [[1]]}


def cache(trace):
    dataset, shapes = one_number()
    tf.raw_ops.CacheDataset(
        input_dataset=dataset._variant_tensor, filename=trace, **shapes
    )


def save_data_set(trace):
    dataset, shapes = one_number()
    shard = tf.function(
        lambda number: number[0],
        input_signature=[tf.TensorSpec([1], tf.int64)],
    )
    tf.raw_ops.SaveDatasetV2(
        input_dataset=dataset._variant_tensor,
        path=trace,
        shard_func_other_args=[],
        shard_func=shard.get_concrete_function(),
        **shapes,
    )


REACHING = {
    "WriteFile": lambda trace: tf.io.write_file(trace, "x"),
    "ReadFile": lambda trace: tf.print(tf.io.read_file(__file__)),
    "EagerPyFunc|PyFunc": lambda trace: tf.numpy_function(
        touch, [trace], tf.float32
    ),
    "SaveV2": save_checkpoint,
    "RestoreV2": lambda trace: tf.raw_ops.RestoreV2(
        prefix=trace,
        tensor_names=["x"],
        shape_and_slices=[""],
        dtypes=[tf.float32],
    ),
    "MergeV2Checkpoints": lambda trace: tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[trace], destination_prefix=trace
    ),
    "CacheDataset": cache,
    "SaveDatasetV2": save_data_set,
    "FileSystemSetConfiguration": lambda trace: (
        tf.raw_ops.FileSystemSetConfiguration(scheme="file", key="a", value="b")
    ),
}


@pytest.mark.parametrize("operation", REACHING)
@pytest.mark.parametrize("place", ["network", "inner function"])
def test_saved_model_that_reaches_out_is_refused(
    place, operation, spec, tmp_path
):
    trace, folder = tmp_path / "trace", tmp_path / "1"

    def reach():
        REACHING[operation](str(trace))

    reach = tf.function(reach) if place == "inner function" else reach

    def network(image):
        reach()
        return zeros(image)

    save_network(network, spec, folder)
    words = rf"must not reach files.*operation ({operation})"
    with pytest.raises(ValueError, match=words):
        artefacts.load(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def forged_saved_model(path, tmp_path, change):
    """Copies a SavedModel whose graph `change` has altered."""
    folder = copied(path, tmp_path)
    file = folder / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    change(saved_model)
    file.write_bytes(saved_model.SerializeToString())
    (folder / checksums.FILE_NAME).unlink()
    spec = (folder / "assets.extra" / FILE_NAME).read_text()
    artefacts.add_spec_to_saved_model(
        folder, PoseSpec.from_json(spec, str(folder))
    )
    return folder


def saver_function(saved_model):
    (name,) = [
        function.signature.name
        for function in saved_model.meta_graphs[0].graph_def.library.function
        if any(node.op == "SaveV2" for node in function.node_def)
    ]
    return name


def call_saver_by_name(saved_model):
    objects = saved_model.meta_graphs[0].object_graph_def
    objects.concrete_functions[saver_function(saved_model)].SetInParent()


def call_saver_from_within(saved_model):
    library = saved_model.meta_graphs[0].graph_def.library
    node = library.function[0].node_def.add(name="call", op="PartitionedCall")
    node.attr["f"].func.name = saver_function(saved_model)


def call_saver_in_a_list(saved_model):
    library = saved_model.meta_graphs[0].graph_def.library
    node = library.function[0].node_def.add(name="call", op="StatelessCase")
    functions = node.attr["branches"].list.func
    functions.add(name=saver_function(saved_model))


def call_saver_as_gradient(saved_model):
    library = saved_model.meta_graphs[0].graph_def.library
    library.gradient.add(gradient_func=saver_function(saved_model))


def call_saver_as_custom_gradient(saved_model):
    library = saved_model.meta_graphs[0].graph_def.library
    library.registered_gradients.add(gradient_func=saver_function(saved_model))


def save_at_the_top(saved_model):
    saved_model.meta_graphs[0].graph_def.node.add(name="save", op="SaveV2")


@pytest.mark.parametrize(
    "change",
    [
        call_saver_by_name,
        call_saver_from_within,
        call_saver_in_a_list,
        call_saver_as_gradient,
        call_saver_as_custom_gradient,
        save_at_the_top,
    ],
)
def test_saved_model_that_calls_its_saver_is_refused(
    change, artefact_files, tmp_path
):
    folder = forged_saved_model(artefact_files.saved_model, tmp_path, change)
    words = "must not reach files.*operation (SaveV2|MergeV2Checkpoints)"
    with pytest.raises(ValueError, match=words):
        artefacts.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.meta_graphs[0].ClearField("object_graph_def"),
        lambda model: model.meta_graphs.add().CopyFrom(model.meta_graphs[0]),
    ],
    ids=["no objects", "two graphs"],
)
def test_saved_model_of_version_1_is_refused(change, artefact_files, tmp_path):
    folder = forged_saved_model(artefact_files.saved_model, tmp_path, change)
    with pytest.raises(ValueError, match="must hold one graph"):
        artefacts.load(folder)


def test_saved_model_forged_to_say_the_same_loads(artefact_files, tmp_path):
    # Or the tests above would hold for any.
    same = forged_saved_model(
        artefact_files.saved_model, tmp_path, lambda m: None
    )
    assert artefacts.load(same).kind == artefacts.SAVED_MODEL


def test_saved_model_with_variables_is_refused(spec, tmp_path):
    save_network(zeros, spec, tmp_path / "1", weights=tf.Variable([1.0]))
    with pytest.raises(ValueError, match="must be constants .*'variable'"):
        artefacts.load(tmp_path / "1")
