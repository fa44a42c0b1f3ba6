import pathlib
import subprocess
import sys

import numpy as np
import openvino
import pytest

from keras_pose.pose_spec import FILE_NAME
from keras_pose.serving import artefacts
from keras_pose.serving import openvino_model
from keras_pose.serving import runtimes

SIDE_MM = 2200  # of the network's cube
ROOT = pathlib.Path(artefacts.__file__).parents[2]


def read(folder):
    return openvino.Core().read_model(folder / "model.xml")


def operations(folder):
    return [op.get_type_name() for op in read(folder).get_ordered_ops()]


def test_folder_holds_the_model_its_spec_and_their_checksums(artefact_files):
    names = {path.name for path in artefact_files.openvino.iterdir()}
    assert names == {"model.xml", "model.bin", FILE_NAME, "SHA256SUMS"}


def test_checksums_are_those_that_sha256sum_checks(artefact_files):
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"],
        cwd=artefact_files.openvino,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("OK") == 3


def test_model_takes_pixels_and_names_its_outputs(artefact_files):
    model = read(artefact_files.openvino)
    (image,) = model.inputs
    assert image.get_any_name() == "image"
    assert image.get_element_type() == openvino.Type.u8
    assert image.get_partial_shape().to_string() == "[?,64,64,3]"
    assert {output.get_any_name() for output in model.outputs} == {
        "pose",
        "std",
        "confidence",
    }


def weights(folder):
    return [
        np.array(op.data).ravel()
        for op in read(folder).get_ordered_ops()
        if op.get_type_name() == "Constant" and op.data.size > 1000
    ]


def test_float32_keeps_every_bit_of_the_weights(artefact_files, model):
    found = np.sort(np.concatenate(weights(artefact_files.openvino)))
    assert found.dtype == np.float32
    kernel = np.sort(model.get_layer("heatmaps").kernel.numpy().ravel())
    assert np.isin(kernel, found).all()


def test_bfloat16_halves_the_file(artefact_files):
    sizes = [
        (folder / "model.bin").stat().st_size
        for folder in (
            artefact_files.openvino,
            artefact_files.openvino_bfloat16,
            artefact_files.openvino_int8,
        )
    ]
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.1)
    assert sizes[2] == pytest.approx(sizes[0] / 4, rel=0.25)


@pytest.mark.parametrize(
    ("name", "worst_mm"), [("openvino_bfloat16", 15), ("openvino_int8", 60)]
)
def test_fewer_bits_say_nearly_the_same(
    name, worst_mm, artefact_files, model, crops
):
    found = artefacts.load(getattr(artefact_files, name)).predict(crops)
    expected = model.predict_on_batch(crops)
    distance_mm = SIDE_MM * np.linalg.norm(
        found["pose"] - expected["pose"], axis=-1
    )
    assert 0 < distance_mm.max() < worst_mm
    assert np.abs(found["confidence"] - expected["confidence"]).max() < 0.1


def after_softmax(folder):
    found, is_after = [], False
    for op in read(folder).get_ordered_ops():
        is_after = is_after or op.get_type_name() == "Softmax"
        if is_after:
            found.append(op.get_type_name())
    return found


def test_int8_leaves_the_soft_argmax_in_float(artefact_files):
    folder = artefact_files.openvino_int8
    assert operations(folder).count("FakeQuantize") > 3
    assert len(after_softmax(folder)) > 10
    assert "FakeQuantize" not in after_softmax(folder)
    assert "FakeQuantize" not in operations(artefact_files.openvino)


def test_int8_is_the_same_whenever_it_is_made(
    artefact_files, spec, crops, tmp_path
):
    openvino_model.export_openvino(
        artefact_files.turned_network, spec, tmp_path / "a", "int8", crops
    )
    for name in ("model.bin", FILE_NAME):
        assert (tmp_path / "a" / name).read_bytes() == (
            artefact_files.openvino_int8 / name
        ).read_bytes()


def test_int8_takes_its_ranges_from_the_crops(
    artefact_files, spec, crops, tmp_path
):
    openvino_model.export_openvino(
        artefact_files.turned_network, spec, tmp_path / "a", "int8", crops // 4
    )
    assert (tmp_path / "a" / "model.bin").read_bytes() != (
        artefact_files.openvino_int8 / "model.bin"
    ).read_bytes()


@pytest.mark.parametrize(
    ("precision", "given", "words"),
    [
        ("float64", None, "`precision` must be one of .*'float64'"),
        ("int8", None, "`crops` must be given"),
        ("int8", np.zeros((0, 64, 64, 3), np.uint8), "`crops` must be given"),
    ],
    ids=["precision", "no crops", "empty"],
)
def test_export_refuses_what_is_wrong(
    precision, given, words, artefact_files, spec, tmp_path
):
    with pytest.raises(ValueError, match=words):
        openvino_model.export_openvino(
            artefact_files.turned_network,
            spec,
            tmp_path / "a",
            precision,
            given,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("package", "precision"), [("openvino", "float32"), ("nncf", "int8")]
)
def test_export_without_its_packages_says_how_to_install_them(
    package, precision, artefact_files, spec, crops, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"^{package} must .*export.txt$"):
        openvino_model.export_openvino(
            artefact_files.turned_network,
            spec,
            tmp_path / "a",
            precision,
            crops,
        )


class Chip:
    """A Core that has the given capabilities, and what it was asked for."""

    def __init__(self, core, capabilities):
        self._core, self._capabilities = core, capabilities
        self.settings = None

    def read_model(self, path):
        return self._core.read_model(path)

    def get_property(self, device, name):
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self._capabilities

    def compile_model(self, model, device, settings):
        self.settings = settings
        return self._core.compile_model(model, device, settings)


@pytest.mark.parametrize(
    ("name", "capabilities", "precision"),
    [
        ("openvino", ["FP32", "BF16"], "f32"),
        ("openvino_bfloat16", ["FP32", "BF16"], "bf16"),
        ("openvino_bfloat16", ["FP32"], "f32"),
        ("openvino_int8", ["FP32", "BF16", "INT8"], "f32"),
    ],
)
def test_bfloat16_is_used_where_it_is_asked_for_and_there(
    name, capabilities, precision, artefact_files, monkeypatch
):
    chip = Chip(openvino.Core(), capabilities)
    monkeypatch.setattr(openvino, "Core", lambda: chip)
    runtimes.load_openvino(str(getattr(artefact_files, name) / "model.xml"))
    assert chip.settings["INFERENCE_PRECISION_HINT"] == precision


ALONE = """
import socket, sys
from keras_pose.serving import openvino_model, artefacts
def refuse(*arguments):
    raise AssertionError(f"the network is asked for {arguments}")
socket.getaddrinfo = socket.socket.connect = refuse
import numpy as np
network, model, out = sys.argv[1:]
loaded = artefacts.load(model)
crops = np.zeros((2, 64, 64, 3), np.uint8)
loaded.predict(crops)
openvino_model.export_openvino(network, loaded.spec, out, "int8", crops)
assert sys.modules["openvino_telemetry"] is None
"""


def test_export_reports_to_nobody_and_says_nothing(artefact_files, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            ALONE,
            artefact_files.turned_network,
            artefact_files.openvino,
            tmp_path / "a",
        ],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
