"""Requests of strangers, answered by the loader that servers are built on."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from keras_pose.prediction import Predictor
from keras_pose.serving import artefacts
from keras_pose.serving.saved_model import export_saved_model
from tests.serving import hostile_images
from tests.serving import hostile_requests
from tests.serving.test_c_loader import ROOT

# Of metadata that is damaged Pillow warns.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")

# A sound request takes 20 ms; the machine may be busy.
MOST_SECONDS = 10
# Of an image of as many pixels as are decoded, and its decoder's own.
MOST_MB = 900
FEW = 64
MOST_HEADER_SECONDS = 1  # a third of it on a free machine
COSTLY = hostile_images.costly_headers()


@pytest.fixture(scope="module")
def predictor(model, spec, tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "best.keras"
    artefacts.save_keras(model, spec, path)
    return Predictor(path)


@pytest.fixture(scope="module")
def ask(model, spec, tmp_path_factory):
    """Gives `Request -> answer` of a process that serves the network."""
    folder = tmp_path_factory.mktemp("hostile") / "saved"
    export_saved_model(model, spec, str(folder))
    command = [sys.executable, "-m", "tests.serving.hostile_server", folder]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:

        def ask(request):
            pickle.dump(request.inputs, process.stdin)
            process.stdin.flush()
            return pickle.load(process.stdout)

        # The first run builds the graph's kernels.
        sound = hostile_images.sound_images()["jpeg"]
        first = hostile_requests.request_of("first", [sound], [[[0, 0, 9, 9]]])
        ask.usual_mb = ask(first)["peak_mb"]
        yield ask
        process.stdin.close()
        process.stderr.read()


def faults(requests, ask, predictor):
    """The faults of answers; slow and large ones are among them."""
    found = []
    for index, request in enumerate(requests):
        answer = ask(request)
        own = hostile_requests.faults(request, answer, predictor)
        if answer["seconds"] > MOST_SECONDS:
            own.append(f"took {answer['seconds']:.1f} s")
        if answer["peak_mb"] - ask.usual_mb > MOST_MB:
            own.append(f"took {answer['peak_mb'] - ask.usual_mb:.0f} MB")
        found += [f"{index}, {request.name}: {fault}" for fault in own]
    return found


def test_no_stranger_gets_a_wrong_pose(ask, predictor):
    requests = hostile_requests.requests(0, FEW)
    assert faults(requests, ask, predictor) == []


def test_every_sound_image_is_answered(ask, predictor):
    box = [0, 0, 150, 150]  # inside whichever way the image is turned
    requests = [
        hostile_requests.request_of(name, [image], [[box]], is_sound=True)
        for name, image in hostile_images.sound_images().items()
    ]
    assert len(requests) > 50
    assert faults(requests, ask, predictor) == []


def test_images_that_a_decoder_must_not_see_are_refused(ask, predictor):
    sound = hostile_images.sound_images()["jpeg"]
    box = [[20, 10, 100, 120]]
    for name, (image, why) in hostile_images.refused_images().items():
        request = hostile_requests.request_of(name, [image, sound], [box] * 2)
        outputs = ask(request)["outputs"]
        assert why in outputs["error"][0, 0], name
        assert np.isnan(outputs["joints_mm"][0]).all()
        assert np.isfinite(outputs["joints_mm"][1]).all()


@pytest.mark.parametrize("name", COSTLY)
def test_headers_cost_little(name, ask):
    encoded, why = COSTLY[name]
    box = [[0, 0, 150, 150]]
    request = hostile_requests.request_of(name, [encoded], [box])
    answers = [ask(request) for _ in range(2)]  # the machine may be busy
    assert why in answers[0]["outputs"]["error"][0, 0]
    assert np.isnan(answers[0]["outputs"]["joints_mm"]).all()
    assert min(answer["seconds"] for answer in answers) < MOST_HEADER_SECONDS
    # The copies of a request that this machinery holds are among them.
    most_mb = 100 + 7 * len(encoded) / 2**20
    assert answers[0]["peak_mb"] - ask.usual_mb < most_mb


def test_answer_to_tensors_that_do_not_fit_is_seen(ask, predictor):
    sound = hostile_images.sound_images()["png"]
    box = [[[20, 10, 100, 120]]]
    request = hostile_requests.request_of("one", [sound], box)
    answer = ask(request)
    assert hostile_requests.faults(request, answer, predictor) == []
    request.is_protocol = True
    assert hostile_requests.faults(request, answer, predictor)
    request.inputs["num_boxes"] = np.int32([1, 1])
    refusal = ask(request)
    assert hostile_requests.faults(request, refusal, predictor) == []
    refusal["code"] = 13  # INTERNAL
    assert hostile_requests.faults(request, refusal, predictor)


def test_a_wrong_answer_is_seen(ask, predictor):
    sound = hostile_images.sound_images()
    box = [[[20, 10, 100, 120]]]
    request = hostile_requests.request_of("one", [sound["png"]], box)
    answer = ask(request)
    assert hostile_requests.faults(request, answer, predictor) == []
    for name in ("jpeg turned 2", "jpeg turned 6"):
        other = hostile_requests.request_of("other", [sound[name]], box)
        assert hostile_requests.faults(other, answer, predictor)
    answer["outputs"]["error"][0, 0] = b"wrong"
    assert hostile_requests.faults(request, answer, predictor)
    answer["outputs"] |= {
        name: np.full_like(values, np.nan)
        for name, values in answer["outputs"].items()
        if name != "error"
    }
    assert hostile_requests.faults(request, answer, predictor) == []
    answer["outputs"]["error"][0, 0] = b""
    assert hostile_requests.faults(request, answer, predictor)


@pytest.mark.slow
def test_no_stranger_of_2000_gets_a_wrong_pose(ask, predictor):
    requests = hostile_requests.requests(1, 2000)
    assert faults(requests, ask, predictor) == []


@pytest.mark.slow
def test_one_image_of_a_batch_is_held_decoded(ask):
    encoded = hostile_images.png(7000, 7000)  # 147 MB
    box = [[0, 0, 7000, 7000]]
    request = hostile_requests.request_of("large", [encoded] * 6, [box] * 6)
    answer = ask(request)
    assert (answer["outputs"]["error"] == b"").all()
    # All of them would be 882 MB.
    assert answer["peak_mb"] - ask.usual_mb < 500


REFUSED = {
    "png 30,000 x 30,000": b"must be of at most",
    "png 7,000 x 7,000 without its rows": b"must be an undamaged PNG",
    "png 80 million wide": b"must be of at most",
    "png texts": b"compressed texts",
    "gif blocks": b"blocks",
    "jpeg scans": b"scans",
    "jpeg segments": b"segments",
}


@pytest.mark.slow
def test_bombs_cost_little_and_harm_nobody_beside_them(ask, predictor):
    found = []
    for request in hostile_requests.bomb_requests():
        found += faults([request], ask, predictor)
        error = ask(request)["outputs"]["error"]
        assert error[1, 0] == b""
        assert REFUSED.get(request.name, b"") in error[0, 0]
        assert bool(error[0, 0]) == (request.name in REFUSED)
    assert found == []
