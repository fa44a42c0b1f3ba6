"""Servers that fail, hang, hang up or lie."""

import json
import socket
import ssl
import subprocess
import threading
import time
import types
from concurrent import futures

import grpc
import numpy as np
import pytest

from keras_pose.serving.client import serving_proto
from keras_pose.serving.client.base import ServingError
from keras_pose.serving.client.grpc_client import GrpcClient
from keras_pose.serving.client.rest_client import RestClient
from tests.serving import servers

JPEG = b"\xff\xd8\xff\0"
OUTPUTS = {
    "joints_mm": np.full((1, 1, 2, 3), 1.5, np.float32),
    "joints_camera_mm": np.full((1, 1, 2, 3), np.nan, np.float32),
    "joints_px": np.full((1, 1, 2, 2), np.inf, np.float32),
    "error": np.array([[b""]], object),
}


def grpc_answer(outputs=None):
    response = serving_proto.PredictResponse()
    for name, array in (outputs or OUTPUTS).items():
        response.outputs[name].CopyFrom(serving_proto.tensor_from_array(array))
    return response.SerializeToString()


# As TensorFlow Serving writes it: bare NaN and Infinity.
REST_ANSWER = b"""{ "outputs": {
 "joints_mm": [[[[1.5, 1.5, 1.5], [1.5, 1.5, 1.5]]]],
 "joints_camera_mm": [[[[NaN, NaN, NaN], [NaN, NaN, NaN]]]],
 "joints_px": [[[[Infinity, Infinity], [Infinity, Infinity]]]],
 "error": [[""]] } }"""


def failing_grpc(*codes):
    def script(request, context, number):
        if number < len(codes):
            context.abort(codes[number], "said by the server")
        return grpc_answer()

    return script


def failing_http(*statuses):
    def script(handler, number):
        if number < len(statuses):
            content = json.dumps({"error": "said by the server"}).encode()
            servers.reply(handler, statuses[number], content)
        else:
            servers.reply(handler, 200, REST_ANSWER)

    return script


def check(results):
    ((person,),) = results
    assert (person.joints_mm == 1.5).all()
    assert np.isnan(person.joints_camera_mm).all()
    assert np.isposinf(person.joints_px).all()
    assert person.error is None


@pytest.mark.parametrize(
    "code",
    [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED],
    ids=str,
)
def test_grpc_tries_again_after_a_passing_failure(code):
    with servers.scripted_grpc(failing_grpc(code, code)) as (address, requests):
        with GrpcClient(address) as client:
            check(client.predict([JPEG]))
    assert len(requests) == 3
    assert len(set(requests)) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_rest_tries_again_after_a_passing_failure(status):
    script = failing_http(status, status)
    with servers.scripted_http(script) as (address, requests):
        with RestClient(address) as client:
            check(client.predict([JPEG]))
    assert len(requests) == 3
    assert len(set(requests)) == 1


@pytest.mark.parametrize(
    "name",
    ["INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN"],
)
def test_grpc_does_not_repeat_what_will_fail_again(name):
    script = failing_grpc(grpc.StatusCode[name])
    with servers.scripted_grpc(script) as (address, requests):
        with GrpcClient(address) as client:
            with pytest.raises(ServingError, match="said by the server") as e:
                client.predict([JPEG])
    assert e.value.code == name
    assert len(requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_rest_does_not_repeat_what_will_fail_again(status):
    with servers.scripted_http(failing_http(status)) as (address, requests):
        with RestClient(address) as client:
            with pytest.raises(ServingError) as caught:
                client.predict([JPEG])
    assert caught.value.code == f"HTTP {status}"
    assert caught.value.details == "said by the server"
    assert len(requests) == 1


def test_retries_are_counted():
    script = failing_http(503, 503, 503)
    with servers.scripted_http(script) as (address, requests):
        with RestClient(address, max_retries=2) as client:
            with pytest.raises(ServingError, match="HTTP 503"):
                client.predict([JPEG])
    assert len(requests) == 3


@pytest.fixture
def free_port():
    with socket.create_server(("localhost", 0)) as reserved:
        return reserved.getsockname()[1]


def test_refused_connections_end_with_the_deadline(free_port):
    address = f"localhost:{free_port}"
    for client in (GrpcClient(address), RestClient(f"http://{address}")):
        started = time.monotonic()
        with client, pytest.raises(ServingError, match="UNAVAILABLE: "):
            client.predict([JPEG], timeout=0.5)
        assert time.monotonic() - started < 1


def test_server_that_starts_late_is_found(free_port):
    def start():
        time.sleep(0.3)
        server = grpc.server(futures.ThreadPoolExecutor(1))
        handler = grpc.unary_unary_rpc_method_handler(
            lambda request, context: grpc_answer()
        )
        service = types.SimpleNamespace(service=lambda details: handler)
        server.add_generic_rpc_handlers([service])
        server.add_insecure_port(f"localhost:{free_port}")
        server.start()
        return server

    with futures.ThreadPoolExecutor(1) as pool:
        starting = pool.submit(start)
        with GrpcClient(f"localhost:{free_port}", max_retries=20) as client:
            check(client.predict([JPEG], timeout=10))
        starting.result().stop(0).wait()


def slow_grpc(request, context, number):
    time.sleep(1.5)
    return grpc_answer()


def slow_http(handler, number):
    time.sleep(1.5)
    servers.reply(handler, 200, REST_ANSWER)


def trickling_http(handler, number):
    """A byte every now and then, so that no single read takes long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n")
    handler.wfile.write(b"X-Slow: ")
    try:
        for _ in range(30):
            time.sleep(0.05)
            handler.wfile.write(b"x")
    except OSError:
        handler.close_connection = True


@pytest.mark.parametrize(
    ("open_server", "kind", "script"),
    [
        (servers.scripted_grpc, GrpcClient, slow_grpc),
        (servers.scripted_http, RestClient, slow_http),
        (servers.scripted_http, RestClient, trickling_http),
    ],
    ids=["grpc", "rest", "trickle"],
)
def test_deadline_ends_a_call(open_server, kind, script):
    with open_server(script) as (address, requests):
        with kind(address, timeout=0.4) as client:
            started = time.monotonic()
            with pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
                client.predict([JPEG])
            assert 0.3 < time.monotonic() - started < 1.0
    assert len(requests) == 1


def test_deadline_is_that_of_all_attempts():
    script = failing_http(*[503] * 50)
    with servers.scripted_http(script) as (address, _):
        with RestClient(address, max_retries=50) as client:
            started = time.monotonic()
            with pytest.raises(ServingError, match="HTTP 503"):
                client.predict([JPEG], timeout=0.6)
            assert time.monotonic() - started < 0.9


def test_connections_are_kept():
    peers = set()

    def script(handler, number):
        peers.add(handler.client_address)
        servers.reply(handler, 200, REST_ANSWER)

    with servers.scripted_http(script) as (address, _):
        with RestClient(address) as client:
            for _ in range(5):
                check(client.predict([JPEG]))
    assert len(peers) == 1


def test_connection_that_the_server_closed_is_replaced():
    def script(handler, number):
        servers.reply(handler, 200, REST_ANSWER)
        handler.close_connection = True  # without saying so

    with servers.scripted_http(script) as (address, requests):
        with RestClient(address, max_retries=0) as client:
            for _ in range(3):
                check(client.predict([JPEG]))
                time.sleep(0.05)
    assert len(requests) == 3


def test_connection_that_ends_with_its_answer_is_read_to_the_end():
    def script(handler, number):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        handler.wfile.write(REST_ANSWER)
        handler.close_connection = True

    with servers.scripted_http(script) as (address, _):
        with RestClient(address, max_retries=0) as client:
            for _ in range(2):
                check(client.predict([JPEG]))


def test_answer_that_breaks_off_is_asked_for_again():
    def script(handler, number):
        handler.send_response(200)
        length = len(REST_ANSWER) + (1 if number == 0 else 0)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(REST_ANSWER)
        handler.close_connection = True

    with servers.scripted_http(script) as (address, requests):
        with RestClient(address) as client:
            check(client.predict([JPEG]))
        assert len(requests) == 2
    with servers.scripted_http(lambda handler, _: script(handler, 0)) as (
        address,
        requests,
    ):
        with RestClient(address, max_retries=1) as client:
            with pytest.raises(ServingError, match="UNAVAILABLE: the answer"):
                client.predict([JPEG])
        assert len(requests) == 2


@pytest.mark.parametrize("cut", [b"", b"zz\r\n", b"ff\r\nthe rest"])
def test_chunked_answer_that_breaks_off_is_asked_for_again(cut):
    def script(handler, number):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(REST_ANSWER), REST_ANSWER))
        handler.wfile.write(cut if number == 0 else b"0\r\n\r\n")
        handler.close_connection = True

    with servers.scripted_http(script) as (address, requests):
        with RestClient(address, max_retries=1) as client:
            check(client.predict([JPEG]))
    assert len(requests) == 2


@pytest.fixture
def name_known_later(monkeypatch):
    """Makes the name `container` localhost's from the third time on."""
    resolve, asked = socket.getaddrinfo, []

    def getaddrinfo(host, *arguments, **named):
        if host == "container":
            asked.append(host)
            if len(asked) < 3:
                raise socket.gaierror(socket.EAI_NONAME, "not known")
            host = "localhost"
        return resolve(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_server_whose_name_is_known_late_is_waited_for(name_known_later):
    status = {"state": "AVAILABLE", "status": {"error_message": ""}}
    content = json.dumps({"model_version_status": [status]}).encode()

    def script(handler, number):
        servers.reply(handler, 200, content)

    with servers.scripted_http(script) as (address, _):
        address = address.replace("localhost", "container")
        with RestClient(address) as client:
            client.wait_until_ready(5)
    assert len(name_known_later) == 3


def test_closed_rest_client_refuses_calls():
    with servers.scripted_http(failing_http()) as (address, requests):
        with RestClient(address) as client:
            check(client.predict([JPEG]))
        for call in (
            lambda: client.predict([JPEG]),
            lambda: client.wait_until_ready(5),
        ):
            with pytest.raises(ValueError, match="is closed"):
                call()
    assert len(requests) == 1


def test_call_that_is_under_way_at_closing_closes_its_connection():
    asked, closed = threading.Event(), threading.Event()
    left_open = []

    def script(handler, number):
        asked.set()
        closed.wait(5)
        servers.reply(handler, 200, REST_ANSWER)
        handler.connection.settimeout(0.5)
        try:
            left_open.append(handler.rfile.read(1) != b"")
        except TimeoutError:
            left_open.append(True)
        handler.close_connection = True

    with (
        servers.scripted_http(script) as (address, _),
        futures.ThreadPoolExecutor(1) as pool,
    ):
        client = RestClient(address)
        answer = pool.submit(client.predict, [JPEG])
        assert asked.wait(5)
        client.close()
        closed.set()
        check(answer.result())
        while not left_open:
            time.sleep(0.01)
        del client
    assert left_open == [False]


@pytest.mark.parametrize(
    "content",
    [
        b"<html>a proxy</html>",
        b"[]",
        b'{"predictions": [1]}',
        b'{"outputs": {"pose": [1.0]}}',
        REST_ANSWER.replace(b"[1.5, 1.5, 1.5], ", b"[1.5], "),
        REST_ANSWER.replace(b"NaN", b'"NaN?"'),
        REST_ANSWER.replace(b"NaN", b'{"a": 1}'),
        REST_ANSWER.replace(b"NaN", b"1" + 400 * b"0"),
        b'{"outputs": [1.5]}',
        100_000 * b"[",
        b"\xff\xfe",
    ],
    ids=[
        "html",
        "list",
        "rows",
        "other",
        "ragged",
        "text",
        "object",
        "huge",
        "no names",
        "deep",
        "no text",
    ],
)
def test_answers_that_are_none_are_refused(content):
    def script(handler, number):
        servers.reply(handler, 200, content)

    with servers.scripted_http(script) as (address, _):
        with RestClient(address) as client:
            with pytest.raises(ServingError, match="INVALID RESPONSE"):
                client.predict([JPEG])


def test_grpc_answers_that_are_none_are_refused():
    outputs = OUTPUTS | {"joints_px": np.zeros((1, 0, 2, 2), np.float32)}

    def script(request, context, number):
        return grpc_answer(outputs)

    with servers.scripted_grpc(script) as (address, _):
        with GrpcClient(address) as client:
            with pytest.raises(ServingError, match="INVALID RESPONSE"):
                client.predict([JPEG])


def test_status_that_is_none_is_refused():
    def script(handler, number):
        servers.reply(handler, 200, b"{}")

    with servers.scripted_http(script) as (address, _):
        with RestClient(address) as client:
            with pytest.raises(ServingError, match="INVALID RESPONSE"):
                client.wait_until_ready(5)


def test_request_s_path_names_model_and_version():
    with servers.scripted_http(failing_http()) as (address, requests):
        address += "/behind/a/proxy/"
        with RestClient(address, model="my pose", version=3) as client:
            client.predict([JPEG])
    ((path, body),) = requests
    assert path == "/behind/a/proxy/v1/models/my%20pose/versions/3:predict"
    content = json.loads(body)
    assert content["signature_name"] == "serve_bytes"
    assert content["inputs"]["image_bytes"] == [{"b64": "/9j/AA=="}]
    assert content["inputs"]["num_boxes"] == [0]


@pytest.mark.parametrize(
    "address", ["localhost:8501", "ftp://a", "http://", "http:/a"]
)
def test_rest_refuses_other_addresses(address):
    with pytest.raises(ValueError, match="`address` must be http"):
        RestClient(address)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Paths of a key and of its certificate for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    key, path = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
        + ["-keyout", key, "-out", path, "-days", "1", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost"],
        check=True,
        capture_output=True,
    )
    return key, path


def test_grpc_over_tls(certificate):
    key, path = (file.read_bytes() for file in certificate)
    of_server = grpc.ssl_server_credentials([(key, path)])
    trusting = grpc.ssl_channel_credentials(root_certificates=path)
    with servers.scripted_grpc(failing_grpc(), of_server) as (address, _):
        with GrpcClient(address, credentials=trusting) as client:
            check(client.predict([JPEG]))
        with GrpcClient(address, max_retries=0) as client:
            with pytest.raises(ServingError, match="UNAVAILABLE"):
                client.predict([JPEG])


def test_rest_over_tls(certificate):
    key, path = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    trusting = ssl.create_default_context(cafile=path)
    with servers.scripted_http(failing_http(), context) as (address, requests):
        with RestClient(address, ssl_context=trusting) as client:
            check(client.predict([JPEG]))
        with RestClient(address) as client:
            with pytest.raises(ServingError, match="NO ANSWER.*CERTIFICATE"):
                client.predict([JPEG])
    assert len(requests) == 1
