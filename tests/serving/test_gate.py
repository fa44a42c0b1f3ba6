import dataclasses
import math
import types

import numpy as np
import pytest

from keras_pose.geometry.volume import CropVolume
from keras_pose.prediction import Predictor
from keras_pose.serving import artefacts
from keras_pose.serving import gate
from keras_pose.serving import measure
from keras_pose.serving.proof import Proof

JOINTS = 17


def poses_of(crops):
    """What the network says of crops: another pose for each."""
    shift = crops.reshape(len(crops), -1).mean(axis=1) / 2550
    steps = np.linspace(0.3, 0.6, JOINTS * 3).reshape(JOINTS, 3)
    return np.float32(steps + shift[:, None, None])


PLACED = ("joints_mm", "joints_camera_mm", "joints_px", "std_mm", "confidence")


def outputs_of(crops):
    pose = poses_of(crops)
    return {"pose": pose, "std": pose / 4, "confidence": pose[..., 0]}


@pytest.fixture
def proof(spec, data_set):
    return Proof(reference_of(spec), [data_set], 10)


def reference_of(spec):
    return artefacts.Artefact(
        "net.keras",
        artefacts.KERAS,
        spec,
        outputs_of,
    )


@pytest.fixture
def runs(monkeypatch, spec):
    """What artefacts do when they are run; set its attributes."""
    runs = types.SimpleNamespace(
        change=lambda pose: pose,
        spoil=lambda outputs: outputs,
        milliseconds=10.0,
        precision="bf16",
    )

    def fake(path, crops, endpoint=measure.NETWORK, root_depth_mm=None):
        outputs = outputs_of(crops)
        outputs["pose"] = runs.change(outputs["pose"])
        if endpoint == measure.BYTES:
            predictor = Predictor(reference_of(spec))
            poses = [predictor(crop, "image")[0] for crop in crops]
            outputs = {
                name: np.stack([getattr(pose, name) for pose in poses])
                for name in PLACED
            }
        outputs = runs.spoil(outputs)
        return measure.Measurement(
            outputs, runs.milliseconds, 70.0, 200.0, runs.precision
        )

    monkeypatch.setattr(measure, "measure", fake)
    return runs


@pytest.fixture
def judge(tmp_path, proof, runs):
    """Gives `(format, others) -> (rows, whether its file is left)`."""

    def judge(name, others=()):
        path = tmp_path / gate.FORMATS[name].path
        path.parent.mkdir(exist_ok=True)
        if path.suffix:
            path.write_bytes(b"0" * 2_000_000)
        else:
            path.mkdir(exist_ok=True)
        rows = gate.judge(name, tmp_path, proof, others)
        return rows, path.exists()

    return judge


def moved(mm, joint=(-1, -1, -1)):
    def change(pose):
        pose = pose.copy()
        pose[joint] += mm / 2200
        return pose

    return change


def test_what_is_equal_passes(judge):
    ((row,), is_left) = judge("tflite_float32")
    assert is_left
    assert row.fault == ""
    assert (row.mean_mm, row.worst_mm) == (0, 0)
    assert row.mpjpe_change_mm == pytest.approx(0, abs=1e-6)
    assert row.megabytes == pytest.approx(2)
    assert (row.milliseconds, row.milliseconds_8) == (10, 70)
    assert row.peak_megabytes == 200


def test_both_endpoints_of_the_saved_model_are_judged(judge):
    rows, is_left = judge("saved_model")
    assert [row.endpoint for row in rows] == ["network", "serve_bytes"]
    assert is_left
    assert rows[1].worst_mm == 0


def test_poses_that_cannot_stand_must_be_missing(judge, proof, runs):
    for name in PLACED:
        proof._placed[name][[3, 5]] = np.nan

    def spoilt(rows, value):
        def spoil(outputs):
            if "pose" in outputs:
                return outputs
            outputs = {name: a.copy() for name, a in outputs.items()}
            for a in outputs.values():
                a[rows] = value
            return outputs

        return spoil

    for kind, rows in (
        ("right", [3, 5]),
        ("too many", [3]),
        ("too few", [3, 4, 5]),
        ("none", slice(None)),
    ):
        runs.spoil = spoilt(rows, np.nan)
        judged, _ = judge("saved_model")
        assert bool(judged[1].fault) == (kind != "right"), kind


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("tflite_float32", 0.05),
        ("tflite_float16", 0.5),
        ("onnx", 0.05),
        ("openvino_float32", 0.05),
        ("keras", 0.05),
    ],
)
def test_a_joint_too_far_off_removes_the_file(judge, runs, name, limit):
    runs.change = moved(0.9 * limit)
    ((row,), is_left) = judge(name)
    assert is_left, row.fault
    assert row.worst_mm == pytest.approx(0.9 * limit, rel=1e-3)
    # Of 18 crops of 17 joints one is off.
    assert row.mean_mm == pytest.approx(row.worst_mm / 306, rel=1e-3)
    runs.change = moved(1.2 * limit)
    ((row,), is_left) = judge(name)
    assert not is_left
    assert row.fault.endswith(f"limit {limit} mm")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda pose: pose * np.nan, "its pose is not finite"),
        (moved(np.inf), "its pose is not finite"),
        (
            lambda pose: pose[:, :5],
            "its pose is of shape (18, 5, 3), not (18, 17, 3)",
        ),
    ],
    ids=["nan", "infinite", "joints"],
)
@pytest.mark.parametrize("name", ["tflite_float32", "tflite_int8"])
def test_poses_that_are_none_remove_the_file(judge, runs, name, change, fault):
    runs.change = change
    ((row,), is_left) = judge(name)
    assert not is_left
    assert row.fault == fault


def off(name, by):
    def spoil(outputs):
        changed = outputs[name].copy()
        changed[-1, -1] += by
        return outputs | {name: changed}

    return spoil


@pytest.mark.parametrize("name", ["pose", "std", "confidence"])
def test_every_output_of_the_network_must_be_there(judge, runs, name):
    runs.spoil = lambda outputs: {k: outputs[k] for k in outputs if k != name}
    ((row,), is_left) = judge("tflite_int8")
    assert not is_left
    assert row.fault == f"it does not give {name}"


@pytest.mark.parametrize(
    ("name", "by"), [("std", 0.11 / 2200), ("confidence", 0.021)]
)
def test_what_goes_with_a_pose_must_be_right_too(judge, runs, name, by):
    runs.spoil = off(name, 0.8 * by)
    assert judge("onnx")[1]
    runs.spoil = off(name, by)
    ((row,), is_left) = judge("onnx")
    assert not is_left
    assert f"its {name} is" in row.fault


@pytest.mark.parametrize("name", PLACED)
def test_every_answer_of_serve_bytes_is_judged(judge, runs, name):
    def of_bytes(spoil):
        return lambda outputs: outputs if "pose" in outputs else spoil(outputs)

    for spoil in (
        off(name, 0.2),
        off(name, np.nan),
        lambda outputs: {k: outputs[k] for k in outputs if k != name},
    ):
        runs.spoil = of_bytes(spoil)
        rows, is_left = judge("saved_model")
        assert [bool(row.fault) for row in rows] == [False, True]
        assert not is_left


def test_bfloat16_that_ran_in_float32_is_no_proof(judge, runs):
    assert judge("openvino_bfloat16")[1]
    runs.precision = "f32"
    ((row,), is_left) = judge("openvino_bfloat16")
    assert not is_left
    assert "this processor has no bfloat16" in row.fault


def test_what_cannot_run_is_removed(judge, monkeypatch):
    def crash(*arguments):
        raise RuntimeError("it ended with exit code -11: ")

    monkeypatch.setattr(measure, "measure", crash)
    rows, is_left = judge("saved_model")
    assert not is_left
    assert {row.fault for row in rows} == {"it ended with exit code -11: "}
    assert math.isnan(rows[0].milliseconds)


def test_int8_is_judged_by_its_error_on_the_data(judge, runs, proof):
    # A joint of the two samples may be centimetres off.
    runs.change = moved(30, (0, 3, 1))
    ((row,), is_left) = judge("tflite_int8")
    assert is_left, row.fault
    assert row.worst_mm == pytest.approx(30, rel=1e-3)
    runs.change = moved(3000, (0, 3, 1))
    ((row,), is_left) = judge("tflite_int8")
    assert not is_left
    assert "MPJPE" in row.fault
    assert row.mpjpe_change_mm > 2
    # Off in rendered people alone, whom nobody asked for.
    runs.change = moved(3000)
    ((row,), is_left) = judge("tflite_int8")
    assert is_left
    assert row.mpjpe_change_mm == pytest.approx(0, abs=1e-6)


def test_bfloat16_is_judged_by_its_error_too(judge, runs):
    runs.change = moved(30, (0, 3, 1))
    assert judge("openvino_bfloat16")[1]
    runs.change = moved(300, (0, 3, 1))
    ((row,), is_left) = judge("openvino_bfloat16")
    assert is_left == (row.mpjpe_change_mm <= 1)
    runs.change = moved(3000, (0, 3, 1))
    ((row,), is_left) = judge("openvino_bfloat16")
    assert not is_left
    assert row.fault.endswith("limit 1.0 mm")


def test_int8_without_labels_is_not_let_through(judge, proof):
    proof.mpjpe = math.nan
    ((row,), is_left) = judge("tflite_int8")
    assert not is_left
    assert "MPJPE" in row.fault


def test_int8_slower_than_float32_is_removed(judge, runs):
    others, _ = judge("tflite_float32")
    runs.milliseconds = 19.0
    assert judge("tflite_int8", others)[1]
    runs.milliseconds = 21.0
    ((row,), is_left) = judge("tflite_int8", others)
    assert not is_left
    assert row.fault == (
        "it takes 2.1 times as long as tflite_float32, limit 2.0"
    )
    # What a busy machine adds to a call of a millisecond says nothing.
    fast = [dataclasses.replace(others[0], milliseconds=1.0)]
    runs.milliseconds = 5.9
    assert judge("tflite_int8", fast)[1]
    # Nor does another runtime's time.
    runs.milliseconds = 21.0
    assert judge("openvino_int8", others)[1]


def test_a_network_without_finite_poses_is_refused(spec):
    broken = dataclasses.replace(
        reference_of(spec),
        predict=lambda crops: {"pose": poses_of(crops) * np.nan},
    )
    with pytest.raises(ValueError, match=r"`model` must give finite poses"):
        Proof(broken, [], 10)


def test_without_data_rendered_people_are_enough(spec):
    proof = Proof(reference_of(spec), [], 10)
    assert (proof.num_data, proof.num_rendered) == (0, 16)
    assert math.isnan(proof.mpjpe)


def test_a_crop_volume_that_knows_no_bones_is_compared_all_the_same(spec):
    spec = dataclasses.replace(
        spec, volume=CropVolume(64), bone_lengths_mm=(0.0,) * 17
    )
    proof = Proof(reference_of(spec), [], 10)
    # Placed at the distance that is given where none follows from the pose.
    roots = proof._placed["joints_camera_mm"][:, spec.skeleton.root, 2]
    assert np.isfinite(roots).all()


def test_table_shows_what_was_removed_and_why():
    rows = [
        gate.Row("onnx", "model.onnx", "network", 137.0, 66.6, 500.4, 312.0)
    ]
    rows.append(
        dataclasses.replace(
            rows[0],
            format="tflite_int8",
            mean_mm=1.2,
            worst_mm=3.45678,
            mpjpe_change_mm=2.5,
            fault="its MPJPE is off",
        )
    )
    lines = gate.table(rows).splitlines()
    assert lines[2].split() == [
        "onnx",
        "network",
        "137.0",
        "66.6",
        "500.4",
        "312",
        *("-" * 3),
    ]
    assert lines[3].split()[-3:] == ["1.20000", "3.45678", "+2.50"]
    assert lines[4].strip() == "removed: its MPJPE is off"
    assert len({len(line) for line in lines[:4]}) == 1
