"""Files as users may have them, and what Python makes of them."""

import base64
import io
import json
import pathlib
import tempfile
import zipfile

import numpy as np
from PIL import ExifTags
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from keras_pose.geometry.volume import MetricVolume
from keras_pose.media import exif as media_exif
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import artefacts
from keras_pose.serving import checksums
from keras_pose.skeleton import SKELETONS


def files():
    """An exported file, and how it may be wrong."""
    spec = PoseSpec(
        SKELETONS["h36m_17"],
        MetricVolume(2200.0),
        64,
        1.25,
        (0.0, *[250.0] * 16),
    )
    model = bytes(range(256)) * 3
    sums = checksums.of(model).encode()
    text = spec.to_json().encode()
    names = {"pose_spec.json": text, checksums.FILE_NAME: sums}
    whole = _zipped(model, names)
    changed = bytearray(whole)
    changed[100] ^= 1
    spoiled = whole.replace(b"2200.0", b"2300.0")
    deflated = _zipped(model, names, zipfile.ZIP_DEFLATED)
    relative = model + _zipped(b"", names)
    other = text.replace(b"right_hip", b"left_hip")
    files = {
        "whole": whole,
        "counted from the zip": relative,
        "changed model": bytes(changed),
        "changed spec": spoiled,
        "compressed": deflated,
        "no zip": model,
        "empty": b"",
        "cut off": whole[:-30],
        "no checksum": _zipped(model, {"pose_spec.json": text}),
        "no spec": _zipped(model, {checksums.FILE_NAME: sums}),
        "other joints": _zipped(model, names | {"pose_spec.json": other}),
    }
    cases = [
        {
            "name": name,
            "bytes": base64_of(content),
            "is_right": _is_right(content),
        }
        for name, content in files.items()
    ]
    return {"spec": json.loads(spec.to_json()), "cases": cases}


def _is_right(content):
    """Whether Python takes the bytes for an exported file."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.tflite"
        path.write_bytes(content)
        try:
            artefacts._read_spec_from_zip(path)
            artefacts._check(path, artefacts._tflite_model, path)
        except ValueError:
            return False
    return True


def _zipped(model, names, compression=zipfile.ZIP_STORED):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.tflite"
        path.write_bytes(model)
        with zipfile.ZipFile(path, "a", compression) as archive:
            for name, content in names.items():
                member = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                member.compress_type = compression
                archive.writestr(member, content)
        return path.read_bytes()


def shapes():
    """A model of unknown batch, and the same model of one image."""
    return {
        "unknown": base64_of(_model(-1)),
        "one": base64_of(_model(1)),
    }


def _model(batch):
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    model.version = 3
    model.subgraphs = []
    for shapes in ([(1, 4, 4, 3), (1, 17, 3)], [(1, 5)]):
        graph = schema.SubGraphT()
        graph.tensors = []
        # The last is a constant, whose shape is known.
        for shape in (*shapes, None):
            tensor = schema.TensorT()
            tensor.shape = np.int32(shape or (7, 9))
            if shape is not None:
                tensor.shapeSignature = np.int32((batch, *shape[1:]))
            graph.tensors.append(tensor)
        model.subgraphs.append(graph)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def exif():
    """Small JPEGs, and the focal lengths that EXIF tells of them."""
    tag = ExifTags.Base
    film = tag.FocalLengthIn35mmFilm

    def taken(width, height):
        return {tag.ExifImageWidth: width, tag.ExifImageHeight: height}

    sensor = {
        tag.FocalLength: IFDRational(17, 4),
        tag.FocalPlaneXResolution: IFDRational(508, 2),
        tag.FocalPlaneResolutionUnit: 2,
    }
    for name, tags, endian in (
        ("least byte first", {film: 26}, "<"),
        ("greatest byte first", {film: 85} | taken(24, 16), ">"),
        ("unknown", {film: 0}, "<"),
        ("no focal length", {film: 3}, "<"),
        ("none", {}, "<"),
        ("made smaller", {film: 26} | taken(96, 64), "<"),
        ("made smaller, and rounded", {film: 26} | taken(100, 66), "<"),
        ("turned", {film: 26} | taken(64, 96), "<"),
        ("cropped", {film: 26} | taken(96, 96), "<"),
        ("a sensor", sensor | taken(48, 32), "<"),
        ("a sensor in cm", sensor | {tag.FocalPlaneResolutionUnit: 3}, ">"),
        ("a sensor without a unit", sensor, "<"),
        ("a cropped sensor", sensor | taken(48, 48), "<"),
    ):
        yield _exif_case(name, tags, endian)


def _exif_case(name, tags, endian):
    written = Image.Exif()
    written.endian = endian
    written[ExifTags.Base.Make] = "Camera"
    written.get_ifd(ExifTags.IFD.Exif).update(tags)
    if name.endswith("without a unit"):
        del written.get_ifd(ExifTags.IFD.Exif)[
            ExifTags.Base.FocalPlaneResolutionUnit
        ]
    file = io.BytesIO()
    width, height = 24, 16
    Image.new("RGB", (width, height)).save(file, "JPEG", exif=written)
    found = media_exif.intrinsics_of(file.getvalue(), name, (height, width))
    return {
        "name": name,
        "bytes": base64_of(file.getvalue()),
        "width": width,
        "height": height,
        "focal": found and found[0][0, 0],
        "from": found and found[1],
    }


def base64_of(content):
    return base64.b64encode(bytes(content)).decode()
