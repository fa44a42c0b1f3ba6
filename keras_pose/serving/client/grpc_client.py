"""Asks a TensorFlow Serving server for poses over gRPC."""

import grpc

from keras_pose.serving.client import serving_proto
from keras_pose.serving.client.base import Client

# No server's default settings forbid pings that are this far apart; gRPC then
# also gives up connections whose data nobody acknowledges.
_KEEPALIVE_MS = 300_000
# gRPC's own pauses between connections grow to two minutes, far beyond the
# deadlines of calls.
_RECONNECT_MS = (100, 2000)


class GrpcClient(Client):
    """A client over gRPC, the faster of the two.

    with GrpcClient("localhost:8500") as client:
        client.wait_until_ready()
        for person in client.predict([jpeg], boxes=[[[60, 20, 120, 200]]])[0]:
            print(person.error or person.joints_mm)

    Args:
        address: host:port.
        credentials: `grpc.ssl_channel_credentials(...)` for TLS; None sends in
            the clear.
        **options: As of `base.Client`.
    """

    _TRANSIENT = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED"})
    _NOT_YET = frozenset({"UNAVAILABLE", "NOT_FOUND", "DEADLINE_EXCEEDED"})

    def __init__(self, address, credentials=None, **options):
        super().__init__(address, **options)
        channel_options = [
            ("grpc.max_send_message_length", self.max_message_bytes),
            ("grpc.max_receive_message_length", self.max_message_bytes),
            ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
            ("grpc.initial_reconnect_backoff_ms", _RECONNECT_MS[0]),
            ("grpc.min_reconnect_backoff_ms", _RECONNECT_MS[0]),
            ("grpc.max_reconnect_backoff_ms", _RECONNECT_MS[1]),
        ]
        if credentials is None:
            self._channel = grpc.insecure_channel(address, channel_options)
        else:
            self._channel = grpc.secure_channel(
                address, credentials, channel_options
            )
        self._call_predict = self._channel.unary_unary(
            serving_proto.PREDICT,
            request_serializer=bytes,
            response_deserializer=serving_proto.PredictResponse.FromString,
        )
        self._call_status = self._channel.unary_unary(
            serving_proto.GET_MODEL_STATUS,
            request_serializer=(
                serving_proto.GetModelStatusRequest.SerializeToString
            ),
            response_deserializer=(
                serving_proto.GetModelStatusResponse.FromString
            ),
        )

    def close(self):
        """Closes the connection; calls that are under way end in an error."""
        self._channel.close()

    def _request(self, signature, inputs):
        request = serving_proto.predict_request(
            self.model, signature, inputs, self.version
        )
        return request.SerializeToString()

    def _send(self, signature, request, deadline):
        try:
            return self._call_predict(request, timeout=deadline.remaining())
        except grpc.RpcError as error:
            raise self._translated(signature, error) from error

    def _outputs(self, response):
        return {
            name: serving_proto.array_from_tensor(tensor)
            for name, tensor in response.outputs.items()
        }

    def _statuses(self, deadline):
        request = serving_proto.GetModelStatusRequest()
        serving_proto.fill_model_spec(
            request.model_spec, self.model, self.version
        )
        try:
            response = self._call_status(request, timeout=deadline.remaining())
        except grpc.RpcError as error:
            raise self._translated(None, error) from error
        return [
            (
                serving_proto.STATES.get(status.state, "UNKNOWN"),
                status.status.error_message,
            )
            for status in response.model_version_status
        ]

    def _translated(self, signature, error):
        code, details = error.code().name, error.details()
        if code == "RESOURCE_EXHAUSTED" and "larger than max" in details:
            # gRPC's word for a message that is too large, now and always.
            code = "MESSAGE TOO LARGE"
        return self._error(signature, code, details)
