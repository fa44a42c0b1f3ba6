"""A model server for tests: TensorFlow Serving's protocols over its loader.

python -m tests.serving.model_server --port=8500 --rest_api_port=8501 \
    --model_config_file=exported/tf_serving/models.config

The graph runs in the C++ library that TensorFlow Serving is built from, by way
of its C API; requests are checked as its sources do. It does not batch. Base
paths of the config below /models stand for the config's own folder, as they do
in a container that has it mounted there.
"""

import argparse
import concurrent.futures
import http.server
import json
import sys
import threading
import time

import grpc
import numpy as np

from keras_pose.serving.client import serving_proto
from tests.serving import c_loader
from tests.serving import rest_api
from tests.serving.c_loader import StatusError
from tests.serving.served_models import NOT_FOUND
from tests.serving.served_models import Model
from tests.serving.served_models import models_of

_THREADS = 32


class Server:
    """The models, and their two protocols."""

    def __init__(self, models, port, rest_api_port):
        self._models = models
        pool = concurrent.futures.ThreadPoolExecutor(_THREADS)
        unlimited = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
        ]
        self._grpc = grpc.server(pool, options=unlimited)
        self._grpc.add_generic_rpc_handlers([_Handler(self)])
        self.port = self._grpc.add_insecure_port(f"127.0.0.1:{port}")
        self._grpc.start()
        self._http = http.server.ThreadingHTTPServer(
            ("127.0.0.1", rest_api_port), _HttpHandler
        )
        self._http.model_server = self
        self._http.daemon_threads = True
        self.rest_api_port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def model(self, name):
        if name not in self._models:
            raise StatusError(
                NOT_FOUND, f"Servable not found for request: Latest({name})"
            )
        return self._models[name]

    def version(self, spec):
        number = spec.version.value if spec.HasField("version") else None
        return self.model(spec.name).version(number)

    def predict(self, request):
        number, version = self.version(request.model_spec)
        response = serving_proto.PredictResponse()
        serving_proto.fill_model_spec(
            response.model_spec, request.model_spec.name, number
        )
        for name, array in version.predict(request).items():
            _fill(response.outputs[name], array)
        return response

    def status(self, spec):
        statuses = self.model(spec.name).statuses
        if spec.HasField("version"):
            number = spec.version.value
            if number not in statuses:
                raise StatusError(NOT_FOUND, f"no version {number}")
            statuses = {number: statuses[number]}
        response = serving_proto.GetModelStatusResponse()
        for number, (state, code, message) in sorted(statuses.items()):
            row = response.model_version_status.add(version=number, state=state)
            row.status.error_code = code
            row.status.error_message = message
        return response


def _fill(tensor, array):
    """An output, value by value, as TensorFlow Serving sends it."""
    tensor.CopyFrom(serving_proto.tensor_from_array(array))
    if array.dtype == np.float32:
        tensor.float_val.extend(array.ravel().tolist())
        tensor.ClearField("tensor_content")


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, server):
        self._methods = {
            serving_proto.PREDICT: (
                server.predict,
                serving_proto.PredictRequest,
            ),
            serving_proto.GET_MODEL_STATUS: (
                lambda request: server.status(request.model_spec),
                serving_proto.GetModelStatusRequest,
            ),
        }

    def service(self, details):
        if details.method not in self._methods:
            return None
        function, message = self._methods[details.method]

        def answer(request, context):
            try:
                return function(request)
            except StatusError as error:
                context.abort(_STATUS_CODES[error.code], str(error))

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=message.FromString,
            response_serializer=lambda response: response.SerializeToString(),
        )


_STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


class _HttpHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(rest_api.PREDICT_PATH, lambda *a: self._predict(*a, body))

    def do_GET(self):
        self._answer(rest_api.STATUS_PATH, self._status)

    def _answer(self, pattern, function):
        code = 0
        try:
            match = pattern.fullmatch(self.path)
            if not match:
                raise rest_api.invalid(f"Malformed request: {self.path}")
            spec = serving_proto.PredictRequest().model_spec
            number = match[2] and int(match[2])
            serving_proto.fill_model_spec(spec, match[1], number)
            content = function(spec)
        except StatusError as error:
            code = error.code
            content = json.dumps({"error": str(error)})
        content = content.encode()
        self.send_response(rest_api.HTTP_STATUS[code])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _predict(self, spec, body):
        _, version = self.server.model_server.version(spec)
        content = rest_api.parse(body)
        name = content.get("signature_name", "")
        try:
            infos = version.signature(name).inputs
        except StatusError as error:
            raise rest_api.invalid(str(error)) from error
        request = serving_proto.predict_request(
            spec.name, name, rest_api.input_arrays(content, infos)
        )
        outputs = version.predict(request)
        return rest_api.response(outputs, "instances" in content)

    def _status(self, spec):
        response = self.server.model_server.status(spec)
        rows = [
            {
                "version": str(row.version),
                "state": serving_proto.STATES[row.state],
                "status": {
                    "error_code": _STATUS_CODES[row.status.error_code].name,
                    "error_message": row.status.error_message,
                },
            }
            for row in response.model_version_status
        ]
        return json.dumps({"model_version_status": rows}, indent=1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rest_api_port", type=int, default=0)
    parser.add_argument("--model_config_file", required=True)
    parser.add_argument(
        "--file_system_poll_wait_seconds", type=float, default=1
    )
    arguments = parser.parse_args()
    tf = c_loader.Library()
    models = {
        name: Model(tf, base)
        for name, base in models_of(arguments.model_config_file).items()
    }
    server = Server(models, arguments.port, arguments.rest_api_port)
    print(server.port, server.rest_api_port, flush=True)
    while True:
        for model in models.values():
            model.poll()
        time.sleep(arguments.file_system_poll_wait_seconds)


if __name__ == "__main__":
    main()
    assert "tensorflow" not in sys.modules
