"""What clients of TensorFlow Serving share; they need no TensorFlow.

`grpc_client.GrpcClient` and `rest_client.RestClient` may be used from any
number of threads. A prediction changes nothing on the server, so that what
failed for a passing reason is tried again, within the time that the whole call
has.
"""

import abc
import time

from keras_pose.serving.client import people
from keras_pose.serving.client import retries

# The code of a response that is not the signature's.
INVALID = "INVALID RESPONSE"
_POLL_SECONDS = 0.25
# A server that does not answer a question about itself by then is asked again.
_STATUS_SECONDS = 5.0


class ServingError(RuntimeError):
    """What a server answered, or why it did not.

    Attributes:
        address: Of the server.
        model: Its name on the server.
        signature: That was called; None for a question about the model.
        code: A status of gRPC's, by name, or of HTTP's, such as "HTTP 503".
        details: What the server said.
    """

    def __init__(self, address, model, signature, code, details):
        called = f", signature {signature}" if signature else ""
        super().__init__(f"{address}, model {model}{called}: {code}: {details}")
        self.address = address
        self.model = model
        self.signature = signature
        self.code = code
        self.details = details


class Client(abc.ABC):
    """A client less its protocol.

    Args:
        address: Of the server.
        model: Its name on the server.
        version: Of the model; None asks the newest.
        skeleton: The Skeleton that the model must have, to notice a server
            that was given another; None takes what comes. Responses do not name
            their joints: they are in the order of `assets.extra/skeleton.json`
            of the SavedModel.
        timeout: Seconds that a call may take, all attempts together.
        max_retries: Attempts after the first.
        max_message_bytes: Largest request, and largest response.
    """

    # Codes of errors that may pass, and of a model that is not there yet.
    _TRANSIENT = frozenset()
    _NOT_YET = frozenset()

    def __init__(
        self,
        address,
        model="pose",
        version=None,
        skeleton=None,
        timeout=30.0,
        max_retries=4,
        max_message_bytes=64 << 20,
    ):
        self.address = address
        self.model = model
        self.version = version
        self.skeleton = skeleton
        self.timeout = timeout
        self.max_retries = max_retries
        self.max_message_bytes = max_message_bytes

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    @abc.abstractmethod
    def close(self):
        """Closes the connections; further calls raise ValueError."""

    @abc.abstractmethod
    def _request(self, signature, inputs):
        """Name -> array, as the bytes of a request."""

    @abc.abstractmethod
    def _send(self, signature, request, deadline):
        """One attempt: the bytes of a request to a response."""

    @abc.abstractmethod
    def _outputs(self, response):
        """Name -> array of a response; ValueError where it is none."""

    @abc.abstractmethod
    def _statuses(self, deadline):
        """The model's versions: (state by name, error message or "")."""

    def predict(
        self,
        images,
        boxes=None,
        intrinsics=None,
        distortion=None,
        root_depth_mm=None,
        timeout=None,
    ):
        """Predicts the people of encoded images.

        Args:
            images: B images as bytes: JPEG, PNG, WebP, or GIF (its first
                frame). The server turns them upright by their EXIF
                orientation.
            boxes: For each image (n, 4) x, y, width, height in px of the
                upright image, tight on the people. None in an image's place,
                or for all, takes the whole image as one person. An image
                with no boxes, n = 0, has no people and is not sent.
            intrinsics: For each image (3, 3) px or None, or one (3, 3) for
                all; None stands for an ordinary camera.
            distortion: Likewise (5,) k1, k2, p1, p2, k3; None for a pinhole.
            root_depth_mm: For each image (n,) mm from the camera to the roots
                along its axis, 0 where it is not known, or None; it is
                estimated then.
            timeout: Seconds for the whole call; None takes the client's.

        Returns:
            For each image a list of `people.Person`, in the order of its boxes.
            What was wrong with an image or a box is the `error` of its people.

        Raises:
            ValueError: An argument is wrong; nothing was sent.
            ServingError: The server refused the request or did not answer.
        """
        deadline = self._deadline(timeout)
        inputs = people.request_arrays(
            images, boxes, intrinsics, distortion, root_depth_mm
        )
        is_sent = [
            boxes is None or boxes[index] is None or len(boxes[index]) > 0
            for index in range(len(images))
        ]
        results = [[] for _ in images]
        if not any(is_sent):
            return results
        inputs = {name: array[is_sent] for name, array in inputs.items()}
        outputs = self._call("serve_bytes", inputs, deadline)
        try:
            found = people.people(outputs, inputs["num_boxes"])
        except ValueError as error:
            raise self._error("serve_bytes", INVALID, error) from error
        self._check_joints("serve_bytes", found[0][0].joints_mm.shape[0])
        sent = [index for index, is_ in enumerate(is_sent) if is_]
        for index, persons in zip(sent, found, strict=True):
            results[index] = persons
        return results

    def predict_crops(self, crops, timeout=None):
        """Predicts the poses of crops that hold one person each.

        Args:
            crops: (B, S, S, 3) uint8 RGB, S the network's input size.
            timeout: Seconds for the whole call; None takes the client's.

        Returns:
            The outputs of `serving_default`, float32 arrays by name: pose
            (B, J, 3) in the unit cube, std (B, J, 3) likewise, confidence
            (B, J), joints_mm (B, J, 3) mm relative to the root, joints_px
            (B, J, 2) px in the crop, std_mm (B, J) mm. A network with a
            regression head has no std, confidence and std_mm.

        Raises:
            ValueError: `crops` is something else; nothing was sent.
            ServingError: The server refused the request or did not answer.
        """
        deadline = self._deadline(timeout)
        inputs = {"image": people.check_crops(crops)}
        outputs = self._call("serving_default", inputs, deadline)
        if "pose" not in outputs or outputs["pose"].ndim != 3:
            raise self._error(
                "serving_default",
                INVALID,
                f"no pose (B, J, 3) in {', '.join(sorted(outputs))}",
            )
        self._check_joints("serving_default", outputs["pose"].shape[1])
        return outputs

    def wait_until_ready(self, timeout=60.0):
        """Waits until the server has loaded the model.

        Args:
            timeout: Seconds.

        Raises:
            ServingError: The model cannot be loaded, or is not in time.
        """
        deadline = retries.Deadline(timeout)
        while True:
            try:
                statuses = self._statuses(deadline.within(_STATUS_SECONDS))
                seen = ", ".join(state for state, _ in statuses) or "no version"
            except ServingError as error:
                if error.code not in self._NOT_YET:
                    raise
                statuses, seen = [], f"{error.code}: {error.details}"
            if any(state == "AVAILABLE" for state, _ in statuses):
                return
            failures = [message for _, message in statuses if message]
            if failures and all(state == "END" for state, _ in statuses):
                raise self._error(None, "NOT LOADED", failures[-1])
            if deadline.remaining() <= _POLL_SECONDS:
                raise self._error(
                    None,
                    "DEADLINE_EXCEEDED",
                    f"not ready within {timeout} s; last seen: {seen}",
                )
            time.sleep(_POLL_SECONDS)

    def _deadline(self, timeout):
        return retries.Deadline(self.timeout if timeout is None else timeout)

    def _call(self, signature, inputs, deadline):
        request = self._request(signature, inputs)
        if len(request) > self.max_message_bytes:
            raise ValueError(
                "`images` must fit into a request of `max_message_bytes`="
                f"{self.max_message_bytes}; send fewer at once. "
                f"Received: {len(request)} bytes"
            )
        response = retries.call(
            lambda: self._send(signature, request, deadline),
            lambda error: getattr(error, "code", None) in self._TRANSIENT,
            deadline,
            self.max_retries,
        )
        try:
            return self._outputs(response)
        except ValueError as error:
            raise self._error(signature, INVALID, error) from error

    def _error(self, signature, code, details):
        return ServingError(self.address, self.model, signature, code, details)

    def _check_joints(self, signature, count):
        if self.skeleton is not None and self.skeleton.num_joints != count:
            raise self._error(
                signature,
                "WRONG SKELETON",
                f"{count} joints, not those of {self.skeleton.name}",
            )
