"""Somebody's own records and folder."""

import csv
import json

import cv2
import numpy as np
import tensorflow as tf

from tests.data.sources import made_pictures


def example(**fields):
    """A tf.train.Example, by TensorFlow itself."""
    made = tf.train.Example()
    for name, value in fields.items():
        feature = made.features.feature[name]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        else:
            feature.float_list.value.extend(np.ravel(value).tolist())
    return made.SerializeToString()


def tfrecord_examples():
    mm = made_pictures.pose(900, 17)
    full = {
        "image": made_pictures.jpeg(1),
        "name": b"own/1.jpg",
        "box": made_pictures.tight_box(
            made_pictures.project(mm, distortion=made_pictures.DISTORTION)
        ),
        "joints_mm": mm,
        "joints_px": made_pictures.project(
            mm, distortion=made_pictures.DISTORTION
        ),
        "weight_3d": [0.0] + [1.0] * 16,
        "intrinsics": made_pictures.INTRINSICS,
        "distortion": made_pictures.DISTORTION,
        "head_size": [12.5],
        "subject": b"Ann",
        "frame": 42,
    }
    return [
        full,
        {"image": made_pictures.jpeg(2), "height": made_pictures.HEIGHT},
    ]


def make_tfrecord(root):
    (root / "deep").mkdir(parents=True)
    path = str(root / "deep" / "own.tfrecord-00000-of-00001")
    with tf.io.TFRecordWriter(path) as writer:
        for fields in tfrecord_examples():
            writer.write(example(**fields))
    return {"skeleton": "h36m_17"}


def folder_people():
    """Two people as `annotations.json` has them; the first has it all."""
    mm = made_pictures.pose(950, 3)
    px = made_pictures.project(mm, distortion=made_pictures.DISTORTION)
    names = ("left_wrist", "nose", "pelvis")
    return [
        {
            "image": "deep/1.jpg",
            "box": [10.5, 11.0, 40.25, 50.0],
            "intrinsics": [130, 131, 47, 39],
            "distortion": made_pictures.DISTORTION.tolist(),
            "joints_px": dict(zip(names, px.tolist(), strict=True)),
            "joints_mm": dict(zip(names, mm.tolist(), strict=True)),
            "head_size": 12.5,
            "subject": "Ann",
            "action": "walk",
            "camera": "left",
            "frame": 5,
        },
        {"image": "2.png"},
    ]


def folder_columns(person):
    """A person as a row of the CSV."""
    row = {
        key: value
        for key, value in person.items()
        if not isinstance(value, list | dict)
    }
    for field, columns in {
        "box": ("x", "y", "width", "height"),
        "intrinsics": ("fx", "fy", "cx", "cy"),
        "distortion": ("k1", "k2", "p1", "p2", "k3"),
    }.items():
        row |= dict(zip(columns, person.get(field, ()), strict=False))
    for unit in ("px", "mm"):
        for joint, place in person.get(f"joints_{unit}", {}).items():
            for axis, value in zip("xyz", place, strict=False):
                row[f"{joint}_{axis}_{unit}"] = value
    return row


def write_folder_images(root):
    made_pictures.write_jpeg(root / "deep" / "1.jpg", 1)
    picture = cv2.imdecode(np.frombuffer(made_pictures.jpeg(2), np.uint8), 1)
    cv2.imwrite(str(root / "2.png"), picture)


def make_folder(root):
    write_folder_images(root)
    rows = [folder_columns(person) for person in folder_people()]
    with open(root / "annotations.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return {}


def make_folder_json(root):
    write_folder_images(root)
    (root / "annotations.json").write_text(json.dumps(folder_people()))
    return {}
