"""Asks a TensorFlow Serving server for poses over HTTP."""

import base64
import http.client
import io
import json
import socket
import threading
import urllib.parse

import numpy as np

from keras_pose.serving.client.base import INVALID
from keras_pose.serving.client.base import Client

# Seconds; 0 would make a socket non-blocking.
_NO_TIME = 1e-3


class RestClient(Client):
    """A client over HTTP and JSON, by the standard library alone.

    with RestClient("http://localhost:8501") as client:
        client.wait_until_ready()
        for person in client.predict([jpeg], boxes=[[[60, 20, 120, 200]]])[0]:
            print(person.error or person.joints_mm)

    Crops are sent as decimal numbers, which makes `predict_crops` slow;
    `predict` sends the images' bytes.

    Args:
        address: http://host:port or https://host:port, with what the paths of
            TensorFlow Serving stand behind, if anything.
        ssl_context: Of https; None trusts what the system does.
        **options: As of `base.Client`.

    Raises:
        ValueError: `address` is something else.
    """

    _TRANSIENT = frozenset(
        {"UNAVAILABLE", "HTTP 429", "HTTP 502", "HTTP 503", "HTTP 504"}
    )
    _NOT_YET = _TRANSIENT | {"HTTP 404", "DEADLINE_EXCEEDED"}

    def __init__(self, address, ssl_context=None, **options):
        super().__init__(address, **options)
        url = urllib.parse.urlsplit(address)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(
                "`address` must be http://host:port or https://host:port. "
                f"Received: {address}"
            )
        self._url = url
        self._ssl_context = ssl_context
        model = urllib.parse.quote(self.model, safe="")
        self._path = f"{url.path.rstrip('/')}/v1/models/{model}"
        if self.version is not None:
            self._path += f"/versions/{self.version}"
        self._lock = threading.Lock()
        self._idle = []
        self._is_closed = False

    def close(self):
        """Refuses further calls; those under way close their connections."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _request(self, signature, inputs):
        columns = {
            name: [{"b64": base64.b64encode(row).decode()} for row in array]
            if array.dtype == object
            else array.tolist()
            for name, array in inputs.items()
        }
        return json.dumps(
            {"signature_name": signature, "inputs": columns}
        ).encode()

    def _send(self, signature, request, deadline):
        path = f"{self._path}:predict"
        return self._exchange("POST", path, request, signature, deadline)

    def _outputs(self, response):
        try:
            # Numbers may be a bare NaN or Infinity, which Python's JSON has
            # too.
            content = json.loads(response)
            outputs = content["outputs"]
            return {
                name: np.array(value, object if name == "error" else np.float32)
                for name, value in outputs.items()
            }
        except (
            AttributeError,
            KeyError,
            OverflowError,
            RecursionError,
            TypeError,
        ) as error:
            raise ValueError(
                f"it has no outputs: {response[:200]!r}, {error!r}"
            ) from error

    def _statuses(self, deadline):
        response = self._exchange("GET", self._path, None, None, deadline)
        try:
            return [
                (status["state"], status["status"]["error_message"])
                for status in json.loads(response)["model_version_status"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise self._error(None, INVALID, f"{error!r}") from error

    def _exchange(self, method, path, body, signature, deadline):
        """Sends a request, reads its answer; only the body of a good one."""
        try:
            status, content = self._answer(method, path, body, deadline)
        except TimeoutError as error:
            raise self._error(
                signature, "DEADLINE_EXCEEDED", "no answer in time"
            ) from error
        # The name of a container is known seconds after it starts.
        except (ConnectionError, socket.gaierror) as error:
            raise self._error(signature, "UNAVAILABLE", error) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._error(signature, "NO ANSWER", f"{error!r}") from error
        if len(content) > self.max_message_bytes:
            raise self._error(
                signature,
                "MESSAGE TOO LARGE",
                f"the answer has more than {self.max_message_bytes} bytes",
            )
        if status != http.HTTPStatus.OK:
            said = _error_in(content)
            raise self._error(signature, f"HTTP {status}", said)
        return content

    def _answer(self, method, path, body, deadline):
        while True:
            connection = self._take_idle()
            is_fresh = connection is None
            try:
                if is_fresh:
                    connection = self._connect(deadline)
                answer = self._ask(connection, method, path, body, deadline)
            except BaseException as error:
                if connection is not None:
                    connection.close()
                # A server may have closed a connection that was idle.
                if is_fresh or not isinstance(error, ConnectionError):
                    raise
                continue
            self._give_back(connection)
            return answer

    def _take_idle(self):
        """A connection that no call is using, or None."""
        with self._lock:
            if self._is_closed:
                raise ValueError(f"the client of {self.address} is closed")
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection):
        with self._lock:
            is_kept = not self._is_closed and connection.sock is not None
            if is_kept:
                self._idle.append(connection)
        if not is_kept:
            connection.close()

    def _connect(self, deadline):
        seconds = deadline.remaining() or _NO_TIME
        host, port = self._url.hostname, self._url.port
        if self._url.scheme == "https":
            connection = http.client.HTTPSConnection(
                host, port, timeout=seconds, context=self._ssl_context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=seconds)
        connection.connect()
        # A request is two writes, of which the second would wait for the
        # acknowledgement of the first.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _ask(self, connection, method, path, body, deadline):
        def response_in_time(sock, **arguments):
            return http.client.HTTPResponse(
                _SocketInTime(sock, deadline), **arguments
            )

        connection.response_class = response_in_time
        connection.sock.settimeout(deadline.remaining() or _NO_TIME)
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, body, headers)
        with connection.getresponse() as response:
            try:
                content = response.read(self.max_message_bytes + 1)
            except http.client.IncompleteRead as error:  # of chunks
                raise ConnectionResetError("the answer breaks off") from error
            is_whole = len(content) <= self.max_message_bytes
            if is_whole and response.length:
                raise ConnectionResetError("the answer breaks off")
            if not is_whole or response.will_close:
                connection.close()
            return response.status, content


class _SocketInTime:
    """A socket as HTTPResponse needs it, whose reads end at a deadline."""

    def __init__(self, sock, deadline):
        self._sock = sock
        self._deadline = deadline

    def makefile(self, mode):
        """As of `socket.socket`."""
        del mode
        return io.BufferedReader(_ReaderInTime(self._sock, self._deadline))


class _ReaderInTime(io.RawIOBase):
    """A socket's bytes; each read gets the time that is left for all."""

    def __init__(self, sock, deadline):
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self):
        return True

    def readinto(self, buffer):
        self._sock.settimeout(self._deadline.remaining() or _NO_TIME)
        return self._raw.readinto(buffer)

    def close(self):
        self._raw.close()
        super().close()


def _error_in(content):
    """What a server says in the JSON of an error, or all that it says."""
    try:
        return str(json.loads(content)["error"])
    except (KeyError, TypeError, ValueError):
        return repr(content[:200])
