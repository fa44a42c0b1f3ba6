"""Servers for the tests of clients: a real one, and ones that misbehave."""

import contextlib
import http.server
import pathlib
import subprocess
import sys
import threading
import types
from concurrent import futures

import grpc

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = 'model_config_list { config { name: "%s" base_path: "/models/%s" } }'


@contextlib.contextmanager
def model_server(config_file, *flags):
    """Runs a model server; yields its two addresses and its process."""
    program = [sys.executable, "-m", "tests.serving.model_server"]
    process = subprocess.Popen(
        [*program, f"--model_config_file={config_file}", *flags],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        port, rest_api_port = process.stdout.readline().split()
        yield types.SimpleNamespace(
            grpc=f"localhost:{port}",
            rest=f"http://localhost:{rest_api_port}",
            process=process,
        )
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def scripted_grpc(script, credentials=None):
    """Answers calls by `script(request bytes, context, number of the call)`.

    Yields the address and the list of the requests that came.
    """
    requests = []

    def answer(request, context):
        requests.append(request)
        return script(request, context, len(requests) - 1)

    handler = grpc.unary_unary_rpc_method_handler(answer)
    handlers = types.SimpleNamespace(service=lambda details: handler)
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[handlers])
    if credentials is None:
        port = server.add_insecure_port("localhost:0")
    else:
        port = server.add_secure_port("localhost:0", credentials)
    server.start()
    try:
        yield f"localhost:{port}", requests
    finally:
        server.stop(0).wait()


@contextlib.contextmanager
def scripted_http(script, context=None):
    """Answers requests by `script(handler, number of the request)`.

    Yields the address and the list of (path, body) that came.
    """
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def do_GET(self):
            length = int(self.headers.get("Content-Length", 0))
            requests.append((self.path, self.rfile.read(length)))
            script(self, len(requests) - 1)

        do_POST = do_GET

    server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    server.daemon_threads = True
    scheme = "http"
    if context is not None:
        scheme = "https"
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{scheme}://localhost:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(handler, status, content):
    """Answers a scripted request with a status and bytes."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
