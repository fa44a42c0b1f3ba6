"""Latency, throughput, memory and answers of an exported model on a server.

python export.py --model=runs/quickstart --out=exported/quickstart
python -m benchmarks.serving --served=exported/quickstart/tf_serving \
    --model=runs/quickstart --data=data/quickstart/test --minutes=5

The server is the one of the tests: TensorFlow's C++ runtime behind TensorFlow
Serving's protocols, and Python between the two. It does not batch. Each answer
is compared with that of the Keras model on the same image, box and camera.
"""

import collections
import concurrent.futures
import os
import pathlib
import statistics
import threading
import time

import numpy as np
from absl import app
from absl import flags

from keras_pose.data import tfrecord
from keras_pose.serving import warmup
from keras_pose.serving.client import serving_proto
from keras_pose.serving.client.grpc_client import GrpcClient
from keras_pose.serving.client.rest_client import RestClient
from tests.serving import c_loader
from tests.serving import served_models
from tests.serving import servers

_SERVED = flags.DEFINE_string("served", None, "Folder with models.config.")
_MODEL = flags.DEFINE_string("model", None, "What was exported: a reference.")
_DATA = flags.DEFINE_list("data", None, "Data sets whose images are sent.")
_MINUTES = flags.DEFINE_float("minutes", 0.5, "For all rows together.", 0.0)
_CLIENTS = flags.DEFINE_list(
    "clients", ["1", "2", "4", "8", "16"], "Requests at a time, a row each."
)
_PROTOCOL = flags.DEFINE_enum("protocol", "grpc", ["grpc", "rest"], "Of them.")
_IMAGES = flags.DEFINE_integer("images", 32, "Different images.", 1)

_TIMEOUT = 60.0
_MEMORY_SECONDS = 1.0

_Sent = collections.namedtuple("_Sent", "image box intrinsics distortion")


def main(argv):
    """Prints the tables."""
    del argv
    served = pathlib.Path(_SERVED.value)
    models = served_models.models_of(served / "models.config")
    ((name, base),) = models.items()
    newest = max(map(int, (f.name for f in base.iterdir() if f.name.isdigit())))
    _replay(base / str(newest))
    requests, expected = _expected()
    with servers.model_server(served / "models.config") as server:
        kind = {"grpc": GrpcClient, "rest": RestClient}[_PROTOCOL.value]
        address = getattr(server, _PROTOCOL.value)
        with kind(address, model=name, timeout=_TIMEOUT) as client:
            started = time.perf_counter()
            client.wait_until_ready()
            print(f"ready after {time.perf_counter() - started:.1f} s")
            memory = _Memory(server.process.pid)
            _load(client, requests, expected, memory)
            memory.stop()
    print(memory, "MiB")


def _replay(folder):
    """Runs the warm-up's records in a process of their own kind, twice each."""
    version = served_models.Version(
        c_loader.Library(), folder, is_warmed_up=False
    )
    path = folder / "assets.extra" / warmup.FILE_NAME
    print(f"{'warm-up record':<32}{'first, ms':>12}{'again, ms':>12}")
    for record in tfrecord.read_all(path):
        log = serving_proto.PredictionLog.FromString(record)
        request = log.predict_log.request
        times = []
        for _ in range(2):
            started = time.perf_counter()
            outputs = version.predict(request)
            times.append(1000 * (time.perf_counter() - started))
        count = len(next(iter(outputs.values())))
        label = f"{request.model_spec.signature_name}, batch of {count}"
        print(f"{label:<32}{times[0]:>12.1f}{times[1]:>12.1f}")
    version.close()


def _expected():
    """What is sent, and the Keras model's joints for each, (J, 3) mm."""
    from keras_pose import images
    from keras_pose.data.store import Records
    from keras_pose.prediction import Predictor

    predictor = Predictor(_MODEL.value)
    records = Records(_DATA.value)
    count = min(_IMAGES.value, len(records))
    requests, joints = [], []
    for number in range(count):
        batch = records.read([number])
        sent = _Sent(
            batch["image"][0],
            *(batch[name][0] for name in ("box", "intrinsics", "distortion")),
        )
        pixels = images.decode_image(sent.image, f"record {number}")
        (pose,) = predictor(pixels, sent.box, sent.intrinsics, sent.distortion)
        requests.append(sent)
        joints.append(pose.joints_mm)
    return requests, joints


def _load(client, requests, expected, memory):
    print(
        f"{'clients':>8}{'images/s':>10}{'p50, ms':>10}{'p99, ms':>10}"
        f"{'worst joint, mm':>17}{'errors':>8}{'server, MiB':>13}"
    )
    levels = [int(text) for text in _CLIENTS.value]
    seconds = 60 * _MINUTES.value / len(levels)
    for level in levels:
        stop = time.perf_counter() + seconds
        started = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(level) as pool:
            found = [
                pool.submit(_ask, client, requests, expected, first, stop)
                for first in range(level)
            ]
        laps = [lap for future in found for lap in future.result()]
        elapsed = time.perf_counter() - started
        times = [1000 * lap[0] for lap in laps]
        cuts = statistics.quantiles(times, n=100, method="inclusive")
        print(
            f"{level:>8}{len(laps) / elapsed:>10.2f}{cuts[49]:>10.1f}"
            f"{cuts[98]:>10.1f}{max(lap[1] for lap in laps):>17.4f}"
            f"{sum(lap[2] for lap in laps):>8}{memory.last:>13.0f}",
            flush=True,
        )


def _ask(client, requests, expected, first, stop):
    """One client: (seconds, worst distance in mm, is an error) a request."""
    laps, index = [], first
    while time.perf_counter() < stop or len(laps) < 2:
        sent = requests[index % len(requests)]
        started = time.perf_counter()
        ((person,),) = client.predict(
            [sent.image],
            [[sent.box]],
            sent.intrinsics,
            sent.distortion,
        )
        seconds = time.perf_counter() - started
        apart = person.joints_mm - expected[index % len(requests)]
        worst = np.linalg.norm(apart, axis=-1).max()
        laps.append((seconds, float(worst), person.error is not None))
        index += 1
    return laps


class _Memory:
    """Watches the resident memory of a process, MiB."""

    def __init__(self, pid):
        self._path = f"/proc/{pid}/statm"
        self._page = os.sysconf("SC_PAGE_SIZE") / 2**20
        self._series = [self.last]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    @property
    def last(self):
        """What it is now."""
        with open(self._path) as file:
            return int(file.read().split()[1]) * self._page

    def stop(self):
        """Ends the watch, before the process does."""
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(_MEMORY_SECONDS):
            self._series.append(self.last)

    def __str__(self):
        parts = np.array_split(self._series, min(10, len(self._series)))
        largest = ", ".join(f"{part.max():.0f}" for part in parts)
        return f"server's memory, largest of each tenth of the time: {largest}"


if __name__ == "__main__":
    flags.mark_flags_as_required(["served", "model", "data"])
    app.run(main)
