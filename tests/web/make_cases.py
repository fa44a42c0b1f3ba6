"""Writes what Python computes, for the tests of the browser's mathematics.

python -m tests.web.make_cases

It writes `web/tests/cases.json`, and `web/src/skeletons.json`, which the page
itself needs.
"""

import base64
import dataclasses
import io
import json
import pathlib
import tempfile
import zipfile

import numpy as np
from PIL import ExifTags
from PIL import Image

from keras_pose import images
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.outputs import pose_json
from keras_pose.pose_spec import PoseSpec
from keras_pose.prediction import Predictor
from keras_pose.serving import artefacts
from keras_pose.serving import checksums
from keras_pose.skeleton import SKELETONS

WEB = pathlib.Path(__file__).parents[2] / "web"
CASES = WEB / "tests" / "cases.json"
SKELETON_TABLE = WEB / "src" / "skeletons.json"
HEADER = WEB / "src" / "app" / "recording_header.json"


def make_skeletons():
    """The joint sets, as the page has them."""
    return [dataclasses.asdict(s) for s in SKELETONS.values()]


def make_header():
    """How a file of poses begins, as `write_json` writes it."""
    return {
        "format": pose_json.FORMAT,
        "version": pose_json.VERSION,
        "coordinates": pose_json.COORDINATES,
    }


def make_cases():
    """All cases, as JSON has them."""
    cases = {
        "picture": {
            "width": 97,
            "height": 62,
            "image": _base64(_picture(97, 62, 1)),
        },
        "crops": [*_crops()],
        "predictions": [*_predictions()],
        "files": _files(),
        "shapes": _shapes(),
        "exif": [*_exif()],
        "smoothing": _smoothing(),
    }
    return json.loads(json.dumps(cases))


def text_of(content):
    """A file's text, a line for each key or element."""
    rows = content.items() if isinstance(content, dict) else enumerate(content)
    is_dict = isinstance(content, dict)
    lines = [
        (f"{json.dumps(key)}: " if is_dict else "") + json.dumps(value)
        for key, value in rows
    ]
    first, last = "{}" if is_dict else "[]"
    return first + "\n" + ",\n".join(lines) + "\n" + last + "\n"


def _picture(width, height, seed):
    """Smooth noise: sharp enough to show a shift, not so sharp as to alias."""
    noise = np.random.default_rng(seed).random((height, width, 3))
    for axis in (0, 1):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
    noise = (noise - noise.min()) / np.ptp(noise)
    return np.round(255 * noise).astype(np.uint8)


def _crops():
    picture = _picture(97, 62, 1)
    boxes = {
        "enlarged": (40.3, 20.1, 9.7, 11.2),
        "as it is": (30.0, 10.0, 20.0, 20.0),
        "halved": (11.5, 3.25, 33.1, 50.4),
        "halved three times": (-60.0, -80.0, 200.0, 210.0),
        "whole": tuple(crop.box_of_image(97, 62, 1.2).tolist()),
        "at the right border": (80.2, 15.0, 30.0, 35.0),
        "at the upper border": (5.0, -30.0, 40.0, 45.0),
        "nearly outside": (95.5, 60.5, 40.0, 40.0),
    }
    cases = [(name, box, 24, 1.2) for name, box in boxes.items()]
    # One of its pixels is 1046.5 / 1024 of the image's, which OpenCV rounds by
    # the last bit of its inverse.
    cases.append(("on the edge", (41.2, -99.4, 12.8, 209.3), 64, 1.25))
    for name, box, size, margin in cases:
        transform = crop.crop_from_image(np.array(box), size, margin)
        yield {
            "name": name,
            "box": box,
            "size": size,
            "margin": margin,
            "crop_from_image": transform.tolist(),
            "crop": _base64(images.crop_image(picture, transform, size)),
        }


def _predictions():
    volumes = {
        "metric": MetricVolume(2200.0),
        "crop": CropVolume(64, 2000.0),
    }
    for seed, (name, volume, has_heatmaps, degrees) in enumerate(
        [
            ("h36m_17", volumes["metric"], True, None),
            ("h36m_17", volumes["crop"], True, 40.0),
            ("mpi_inf_3dhp_28", volumes["crop"], False, None),
            ("mpi_inf_3dhp_28", volumes["metric"], False, 70.0),
            ("mpii_16", volumes["crop"], True, 25.0),
        ]
    ):
        skeleton = SKELETONS[name]
        rng = np.random.default_rng(10 + seed)
        lengths = rng.uniform(90.0, 450.0, skeleton.num_joints)
        lengths[[skeleton.root, -1]] = 0.0
        spec = PoseSpec(skeleton, volume, 32, 1.2, tuple(lengths.tolist()))
        boxes = rng.uniform([5, 5, 20, 30], [40, 20, 50, 60], (2, 4))
        yield _prediction(spec, has_heatmaps, degrees, boxes, rng)


def _prediction(spec, has_heatmaps, degrees, boxes, rng):
    joints = spec.skeleton.num_joints
    count = len(boxes)
    pose = rng.uniform(0.2, 0.8, (count, joints, 3))
    pose[..., 2] = 0.5 + (pose[..., 2] - 0.5) / 5
    outputs = {"pose": np.round(pose, 6)}
    if has_heatmaps:
        std = rng.uniform(0.01, 0.2, (count, joints, 3))
        confidence = rng.uniform(0, 1, (count, joints))
        outputs["std"] = np.round(std, 6)
        outputs["confidence"] = np.round(confidence, 6)
    picture = _picture(120, 90, 2)
    artefact = artefacts.Artefact(
        "made", artefacts.TFLITE, spec, lambda pixels: outputs
    )
    poses = Predictor(artefact)(picture, boxes, field_of_view=degrees)
    return {
        "name": f"{spec.skeleton.name}, {type(spec.volume).__name__}",
        "spec": spec.to_json(),
        "width": 120,
        "height": 90,
        "degrees": degrees or camera.ORDINARY_FIELD_OF_VIEW,
        "boxes": boxes.tolist(),
        "outputs": {name: rows.tolist() for name, rows in outputs.items()},
        "poses": poses.to_dict(),
    }


def _files():
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
            "bytes": _base64(content),
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


def _shapes():
    """A model of unknown batch, and the same model of one image."""
    return {
        "unknown": _base64(_model(-1)),
        "one": _base64(_model(1)),
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


def _exif():
    """Small JPEGs with and without a focal length."""
    for name, focal_length, endian in (
        ("least byte first", 26, "<"),
        ("greatest byte first", 85, ">"),
        ("unknown", 0, "<"),
        ("none", None, "<"),
    ):
        exif = Image.Exif()
        exif.endian = endian
        exif[ExifTags.Base.Make] = "Camera"
        if focal_length is not None:
            folder = exif.get_ifd(ExifTags.IFD.Exif)
            folder[ExifTags.Base.ExifImageWidth] = 8
            folder[ExifTags.Base.FocalLengthIn35mmFilm] = focal_length
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
        yield {
            "name": name,
            "bytes": _base64(file.getvalue()),
            "focal_length": focal_length or None,
        }


def _smoothing():
    """The One-Euro filter of an uneven series, by the paper's own formulas."""
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.02, 0.06, 40))
    values = np.where(np.arange(40) < 15, 0, 30 * (times - times[15]))
    values = values + rng.normal(0, 0.5, 40)
    min_cutoff, beta, slope_cutoff = 1.3, 0.4, 1.0

    def share(cutoff, step):
        return 1 / (1 + 1 / (2 * np.pi * cutoff * step))

    smoothed, slope = [values[0]], 0.0
    for row in range(1, 40):
        step = times[row] - times[row - 1]
        new_slope = (values[row] - values[row - 1]) / step
        part = share(slope_cutoff, step)
        slope = part * new_slope + (1 - part) * slope
        part = share(min_cutoff + beta * abs(slope), step)
        smoothed.append(part * values[row] + (1 - part) * smoothed[-1])
    return {
        "min_cutoff": min_cutoff,
        "beta": beta,
        "slope_cutoff": slope_cutoff,
        "times": times.tolist(),
        "values": values.tolist(),
        "smoothed": smoothed,
    }


def _base64(content):
    return base64.b64encode(bytes(content)).decode()


if __name__ == "__main__":
    CASES.write_text(text_of(make_cases()))
    SKELETON_TABLE.write_text(text_of(make_skeletons()))
    HEADER.write_text(text_of(make_header()))
