import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from keras_pose.data import conversion
from keras_pose.data.sources.source import Source
from keras_pose.evaluation.prediction_files import read_predictions
from keras_pose.evaluation.prediction_files import write_predictions
from keras_pose.evaluation.predictions import Predictions
from keras_pose.evaluation.protocols import PROTOCOLS
from keras_pose.skeleton import H36M_17

ROOT = pathlib.Path(__file__).parents[1]

# A network that gives the pose of its sample's number; loads no framework.
FAKE_NETWORK = """
import runpy, sys, types
import numpy as np
from keras_pose.evaluation.predictions import Predictions
from keras_pose.geometry.volume import CropVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.serving import artefacts
from keras_pose.skeleton import H36M_17

def infer(predict, spec, records, batch_size, numbers=None, flip=False,
          crops=1, root_depth="true", progress=None):
    poses = np.stack([records.record(n)["joints_mm"] for n in numbers])
    poses[:, 1:] += [0, 0, 10 * flip + crops]
    names = [records.name(number) for number in numbers]
    return Predictions(spec.skeleton.joints, names, poses)

inference = types.ModuleType("keras_pose.evaluation.inference")
inference.infer = infer
sys.modules[inference.__name__] = inference
spec = PoseSpec(H36M_17, CropVolume(), 256, 1.25, (0.0,) * 17)
artefacts.needs_backend = lambda path: False
artefacts.load = lambda path: types.SimpleNamespace(
    path=path, predict=None, spec=spec
)
runpy.run_path("evaluate.py", run_name="__main__")
assert not {"tensorflow", "keras"} & set(sys.modules)
"""


@pytest.fixture
def run(tmp_path, make_sample):
    """Gives `(*arguments) -> the finished process`, of 6 samples' data."""
    samples = [
        make_sample(seed, subject=("S9", "S11")[seed % 2], frame=64 * seed)
        for seed in range(6)
    ]
    conversion.convert(
        Source("made", H36M_17, len(samples), samples), tmp_path / "data"
    )
    poses = np.stack([sample.joints_mm for sample in samples]).astype(float)
    poses[:, 1:] += [4, 0, 3]
    names = [sample.name for sample in samples]
    write_predictions(
        tmp_path / "poses.npz", Predictions(H36M_17.joints, names, poses)
    )

    def run(*arguments):
        return subprocess.run(
            [
                sys.executable,
                "-c",
                FAKE_NETWORK,
                f"--data={tmp_path}/data",
                *arguments,
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_other_systems_poses_are_scored(run, tmp_path):
    done = run(
        f"--predictions={tmp_path}/poses.npz",
        "--protocol=h36m_p1",
        f"--mean_pose_of={tmp_path}/data",
        "--bootstrap=20",
        f"--out={tmp_path}/scores.json",
        f"--markdown={tmp_path}/scores.md",
        f"--html={tmp_path}/scores.html",
        f"--save_predictions={tmp_path}/saved.csv.gz",
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["mpjpe_mm"] == pytest.approx(5 * 16 / 17, abs=1e-3)
    assert scores["predictions"] == f"{tmp_path}/poses.npz"
    assert "model" not in scores
    assert scores["data"] == [f"{tmp_path}/data"]
    assert scores["protocol"]["name"] == "h36m_p1"
    assert scores["mean_pose"]["mpjpe_mm"] > 100
    assert "mean pose of the training data: MPJPE" in done.stdout
    assert f"{scores['mpjpe_mm']:.1f}" in done.stdout
    saved = read_predictions(tmp_path / "saved.csv.gz")
    np.testing.assert_allclose(saved.joints_mm[:, 0], 0)
    assert "| MPJPE | 4.7 mm |" in (tmp_path / "scores.md").read_text()
    page = (tmp_path / "scores.html").read_text()
    assert page.count("<img") == 4  # at most two of each clip


@pytest.mark.parametrize("name", PROTOCOLS)
def test_help_names_the_protocol(name):
    # Scripts answer --help without loading what holds the protocols.
    assert name in (ROOT / "evaluate.py").read_text().split("_FLIP")[0]


def test_a_network_is_scored(run, tmp_path):
    done = run(
        "--model=runs/net",
        "--flip",
        "--crops=5",
        "--root_depth_from=estimated",
        f"--out={tmp_path}/scores.json",
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["mpjpe_mm"] == pytest.approx(15 * 16 / 17, abs=1e-3)
    assert (scores["model"], scores["root_depth"]) == ("runs/net", "estimated")
    assert "predictions" not in scores
    assert scores["test_time_augmentation"] == (
        "mean over 5 crops, mean with the mirrored image"
    )
    assert scores["frames"] == 6
    assert "mean_pose" not in scores


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either --model or --predictions must be given"),
        (["--model=m", "--predictions=p.npz"], "either --model or --pred"),
        (["--predictions=p.txt"], "must be a file .npz, .json"),
        (["--predictions=/nowhere.npz"], "/nowhere.npz"),
        (["--predictions=p.npz", "--flip"], "--flip needs --model"),
        (["--model=m", "--protocol=p1"], "must be one of everything, h36m_p1"),
        (["--model=m", "--protocol=mpi_inf_3dhp"], "the data lack TS1, TS2"),
        (["--model=m", "--html=/no/such/a.html"], "--html must be in a folder"),
        (["--model=m", "--save_predictions=a.txt"], "must be a file .npz"),
        *(
            (
                ["--model=m", f"--protocol={name}", "--mean_pose_of=nowhere"],
                f"needs a protocol in mm: a mean pose has no pixels. "
                f"Received: --protocol={name}",
            )
            for name in ("mpii_pckh", "lsp_pck")
        ),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_one_line(run, arguments, message):
    done = run(*arguments)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert message in line
