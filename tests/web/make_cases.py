"""Writes what Python computes, for the tests of the browser's mathematics.

python -m tests.web.make_cases

It writes `web/tests/cases.json`, and what the page itself needs: its joint
sets, the numbers by which it follows people, and how its files begin.
"""

import dataclasses
import inspect
import json
import pathlib

import numpy as np

from keras_pose import images
from keras_pose.geometry import camera
from keras_pose.geometry import crop
from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.outputs import pose_json
from keras_pose.people import doubles
from keras_pose.people import doubts
from keras_pose.people import following
from keras_pose.people import roster
from keras_pose.people import smoothing
from keras_pose.people import timing
from keras_pose.people import track
from keras_pose.pose_spec import PoseSpec
from keras_pose.prediction import Predictor
from keras_pose.serving import artefacts
from keras_pose.skeleton import SKELETONS
from tests.web import file_cases
from tests.web import video_cases

WEB = pathlib.Path(__file__).parents[2] / "web"
CASES = WEB / "tests" / "cases.json"
SKELETON_TABLE = WEB / "src" / "skeletons.json"
SETTINGS = WEB / "src" / "tracking" / "settings.json"
HEADER = WEB / "src" / "app" / "recording_header.json"


def make_skeletons():
    """The joint sets, as the page has them."""
    return [dataclasses.asdict(s) for s in SKELETONS.values()]


def make_settings():
    """By which numbers people are followed and smoothed."""
    smoother = inspect.signature(smoothing.Smoother).parameters
    return {
        "timing": _numbers_of(timing),
        "track": _numbers_of(track),
        "doubts": _numbers_of(doubts),
        "doubles": _numbers_of(doubles),
        "roster": _numbers_of(roster),
        "following": _numbers_of(following),
        "smoothing": {name: one.default for name, one in smoother.items()},
    }


def _numbers_of(module):
    """Its constants that are a number or several, by their names."""
    return {
        name.lstrip("_"): list(value) if isinstance(value, tuple) else value
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int | float | tuple)
    }


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
            "image": file_cases.base64_of(_picture(97, 62, 1)),
        },
        "crops": [*_crops()],
        "predictions": [*_predictions()],
        "files": file_cases.files(),
        "shapes": file_cases.shapes(),
        "exif": [*file_cases.exif()],
        "smoothing": video_cases.one_euro(),
        "smoothed": video_cases.smoothed(),
        "followed": [*video_cases.followed()],
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
            "crop": file_cases.base64_of(
                images.crop_image(picture, transform, size)
            ),
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


if __name__ == "__main__":
    CASES.write_text(text_of(make_cases()))
    SKELETON_TABLE.write_text(text_of(make_skeletons()))
    SETTINGS.write_text(text_of(make_settings()))
    HEADER.write_text(text_of(make_header()))
