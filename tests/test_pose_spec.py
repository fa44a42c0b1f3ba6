import dataclasses
import json

import pytest

from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17
from keras_pose.skeleton import MPI_INF_3DHP_17

METRIC = PoseSpec(H36M_17, MetricVolume(1800.5), 224, 1.25, tuple(range(17)))
CROP = PoseSpec(
    MPI_INF_3DHP_17, CropVolume(192, 1500.5), 192, 1.5, (0.125,) * 17
)


@pytest.mark.parametrize("spec", [METRIC, CROP], ids=["metric", "crop"])
def test_spec_survives_its_text(spec):
    assert PoseSpec.from_json(spec.to_json(), "net.keras") == spec


def test_text_says_what_the_numbers_mean():
    content = json.loads(METRIC.to_json())
    assert content["volume"] == {"kind": "metric", "size_mm": 1800.5}
    assert content["joints"][:3] == ["pelvis", "right_hip", "right_knee"]
    assert (content["input_size"], content["box_margin"]) == (224, 1.25)
    crop = json.loads(CROP.to_json())["volume"]
    assert crop == {"kind": "crop", "crop_size": 192, "depth_mm": 1500.5}


def test_spec_is_the_same_for_the_same_text():
    other = dataclasses.replace(METRIC, bone_lengths_mm=tuple(range(1, 18)))
    assert PoseSpec.from_json(other.to_json(), "a") == other != METRIC


def changed(**fields):
    content = json.loads(METRIC.to_json()) | fields
    return json.dumps({k: v for k, v in content.items() if v is not None})


@pytest.mark.parametrize(
    "text",
    [
        "",
        METRIC.to_json()[:-40],
        "null",
        "[1, 2]",
        "{}",
        changed(skeleton="h36m_18"),
        changed(skeleton=None),
        changed(volume={"kind": "cube", "size_mm": 2200}),
        changed(volume={"kind": "metric", "depth_mm": 2000}),
        changed(volume="metric"),
        changed(input_size="large"),
        changed(box_margin=None),
        changed(bone_lengths_mm=None),
        changed(bone_lengths_mm=3),
        changed(bone_lengths_mm=[1.0]),
        changed(joints=list(MPI_INF_3DHP_17.joints)),
        changed(input_size=-256),
        changed(volume={"kind": "metric", "size_mm": "large"}),
    ],
    ids=[
        "empty",
        "truncated",
        "null",
        "list",
        "no field",
        "unknown skeleton",
        "no skeleton",
        "unknown volume",
        "volume of another kind",
        "volume no dict",
        "size no number",
        "no margin",
        "no bones",
        "bones no list",
        "bones of other joints",
        "joints of another skeleton",
        "negative size",
        "volume of no size",
    ],
)
def test_damaged_text_is_refused_by_the_artefacts_name(text):
    with pytest.raises(ValueError, match="^net.keras: pose_spec.json is dam"):
        PoseSpec.from_json(text, "net.keras")
