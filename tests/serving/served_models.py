"""Models as TensorFlow Serving keeps them: versions, loaded and swapped."""

import pathlib
import re
import threading

from keras_pose.data import tfrecord
from keras_pose.serving.client import serving_proto
from tests.serving import c_loader
from tests.serving.c_loader import INVALID_ARGUMENT
from tests.serving.c_loader import StatusError

NOT_FOUND = 5
_FAILED_PRECONDITION = 9
_LOADING, _AVAILABLE, _END = 20, 30, 50


class Version:
    """A version of a model: loaded, warmed up, and closed when it is free."""

    def __init__(self, tf, folder, is_warmed_up=True):
        self._saved_model = c_loader.SavedModel(tf, folder)
        self.signatures = self._saved_model.signatures
        self._users = 0
        self._is_free = threading.Condition()
        path = pathlib.Path(folder, "assets.extra/tf_serving_warmup_requests")
        if is_warmed_up and path.exists():
            for record in tfrecord.read_all(path):
                log = serving_proto.PredictionLog.FromString(record)
                self.predict(log.predict_log.request)

    def predict(self, request):
        """PredictRequest -> name -> array."""
        signature = self.signature(request.model_spec.signature_name)
        if set(request.inputs) != set(signature.inputs):
            sent, wanted = set(request.inputs), set(signature.inputs)
            raise StatusError(
                INVALID_ARGUMENT,
                f"input size does not match signature: {len(sent)}!="
                f"{len(wanted)} Sent extra: {sorted(sent - wanted)}. "
                f"Missing but required: {sorted(wanted - sent)}.",
            )
        unknown = set(request.output_filter) - set(signature.outputs)
        if unknown:
            raise StatusError(
                INVALID_ARGUMENT,
                f"output tensor alias not found in signature: {unknown}",
            )
        names = list(request.output_filter) or list(signature.outputs)
        feeds = {}
        for name, tensor in request.inputs.items():
            try:
                array = serving_proto.array_from_tensor(tensor)
            except ValueError as error:
                message = f"tensor parsing error: {name}: {error}"
                raise StatusError(INVALID_ARGUMENT, message) from error
            feeds[signature.inputs[name].name] = array
        with self._is_free:
            self._users += 1
        try:
            arrays = self._saved_model.run(
                feeds, [signature.outputs[name].name for name in names]
            )
        finally:
            with self._is_free:
                self._users -= 1
                self._is_free.notify_all()
        return dict(zip(names, arrays, strict=True))

    def signature(self, name):
        name = name or "serving_default"
        if name not in self.signatures:
            raise StatusError(
                _FAILED_PRECONDITION,
                f'Serving signature key "{name}" not found.',
            )
        return self.signatures[name]

    def close(self):
        with self._is_free:
            self._is_free.wait_for(lambda: not self._users)
        self._saved_model.close()


class Model:
    """The versions below a base path; the newest is served."""

    def __init__(self, tf, base_path):
        self._tf = tf
        self._base_path = pathlib.Path(base_path)
        self._lock = threading.Lock()
        self._loaded = {}
        self.statuses = {}  # version: (state, code, message)

    def poll(self):
        """Loads a version that is newer, and only then closes the older."""
        folders = self._base_path.glob("*")
        numbers = [int(f.name) for f in folders if f.name.isdecimal()]
        newest = max(numbers, default=None)
        if newest is None or newest in self.statuses:
            return
        self.statuses[newest] = _LOADING, 0, ""
        try:
            version = Version(self._tf, self._base_path / str(newest))
        except StatusError as error:
            self.statuses[newest] = _END, error.code, str(error)
            return
        with self._lock:
            old, self._loaded = self._loaded, {newest: version}
        self.statuses[newest] = _AVAILABLE, 0, ""
        for number, loaded in old.items():
            loaded.close()
            self.statuses[number] = _END, 0, ""

    def version(self, number):
        """(number, Version), the newest for None."""
        with self._lock:
            if number is None and self._loaded:
                number = max(self._loaded)
            if number not in self._loaded:
                raise StatusError(NOT_FOUND, "Servable not found for request")
            return number, self._loaded[number]


def models_of(config_file):
    """Model name -> base path of a models.config."""
    path = pathlib.Path(config_file)
    text = path.read_text("utf-8")
    names = re.findall(r'\bname: "([^"]+)"', text)
    bases = re.findall(r'\bbase_path: "([^"]+)"', text)
    return {
        name: path.parent / base.removeprefix("/models/")
        for name, base in zip(names, bases, strict=True)
    }
