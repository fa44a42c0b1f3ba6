"""How fast data sets are converted and read, beside bare JPEG decoding.

python -m benchmarks.reading [--count=10000] [--side=1000] [--records=50000]

Converts `--count` frames of `--side` px, as large as Human3.6M's, and as many
again with `--crop`, then `--records` crops of 256 px, and reads these back.
The bound of each row is the JPEG decoder that it uses on the same images, in as
many threads, measured right before and right after; the peer of the reader is
tf.data's own TFRecordDataset with TensorFlow's decoder. Memory is the largest
that each of five parts of a run held; all runs are processes of their own.
"""

import concurrent.futures
import functools
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np
from absl import app
from absl import flags

from keras_pose import images
from keras_pose import memory
from keras_pose.data import ahead
from keras_pose.data import cropping
from keras_pose.data.conversion import convert
from keras_pose.data.sample import Sample
from keras_pose.data.sources.source import Source
from keras_pose.data.store import Records
from keras_pose.data.threads import batches
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17

_COUNT = flags.DEFINE_integer("count", 10000, "Frames to convert.", 1)
_SIDE = flags.DEFINE_integer("side", 1000, "px, of these frames.", 64)
_RECORDS = flags.DEFINE_integer("records", 50000, "Records to read.", 1)
_KEEP_FREED = flags.DEFINE_bool(
    "keep_freed", True, "As prepare.py does, see keras_pose/memory.py."
)
_PART = flags.DEFINE_string("part", "", "One row alone, as JSON.")
_FOLDER = flags.DEFINE_string("folder", "", "Of that row.")

_CROP = 256  # px
_BATCH = 64
_PICTURES = 64  # of which the frames are copies


def main(argv):
    """Runs each row in a process of its own and prints the table."""
    del argv
    if _PART.value:
        if _KEEP_FREED.value:
            memory.keep_freed()
        print(json.dumps(_PARTS[_PART.value](_FOLDER.value)))
        return
    print(f"{ahead.num_threads()} threads, OpenCV {cv2.__version__}")
    print(
        f"{'':<34}{'images/s':>10}{'decoding/s':>12}{'ratio':>7}"
        "   MiB, largest of each fifth"
    )
    with tempfile.TemporaryDirectory() as folder:
        for part in _PARTS:
            row = _run(part, folder)
            ratio = row["rate"] / row["bound"]
            held = " ".join(f"{size:.0f}" for size in row["memory"])
            print(
                f"{row['name']:<34}{row['rate']:>10.0f}{row['bound']:>12.0f}"
                f"{ratio:>7.2f}   {held}",
                flush=True,
            )


def _run(part, folder):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reading", f"--part={part}"]
        + [f"--folder={folder}", f"--count={_COUNT.value}"]
        + [f"--side={_SIDE.value}", f"--records={_RECORDS.value}"]
        + [f"--keep_freed={_KEEP_FREED.value}"],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _convert_frames(folder):
    side = _SIDE.value
    source = _source(_COUNT.value, side)
    return _converting(f"convert {side} px frames", source, side, folder)


def _convert_to_crops(folder):
    side = _SIDE.value
    source = cropping.cropped(_source(_COUNT.value, side), 384, 1.6)
    return _converting(f"convert {side} px to crops", source, side, folder)


def _convert_records(folder):
    source = _source(_RECORDS.value, _CROP)
    name = f"convert {_CROP} px crops"
    return _converting(name, source, _CROP, folder, keep=True)


def _converting(name, source, side, folder, keep=False):
    before = _decoding_rate(side, _by_pillow)
    out = os.path.join(folder, "kept" if keep else "converted")
    watch = _Memory(source.count)
    start = time.perf_counter()
    convert(source, out, progress=watch)
    rate = source.count / (time.perf_counter() - start)
    bound = (before + _decoding_rate(side, _by_pillow)) / 2
    if not keep:
        shutil.rmtree(out)
    return {"name": name, "rate": rate, "bound": bound, "memory": watch.mib}


def _read(folder):
    """Records to crops of 256 px with their labels."""
    records = Records([os.path.join(folder, "kept")])
    spec = PoseSpec(H36M_17, MetricVolume(), _CROP, 1.0, (0.0,) * 17)
    before = _decoding_rate(_CROP, images.decode_checked)
    watch, done = _Memory(len(records)), 0
    start = time.perf_counter()
    for batch in batches(records, spec, _BATCH):
        done += len(batch["image"])
        watch(done)
    rate = done / (time.perf_counter() - start)
    bound = (before + _decoding_rate(_CROP, images.decode_checked)) / 2
    name = f"read to {_CROP} px and labels"
    return {"name": name, "rate": rate, "bound": bound, "memory": watch.mib}


def _read_by_tf_data(folder):
    """The images alone, as a TensorFlow user would read them."""
    import tensorflow as tf

    paths = sorted(
        entry.path
        for entry in os.scandir(os.path.join(folder, "kept"))
        if entry.name.endswith(".tfrecord")
    )
    fields = {"image": tf.io.FixedLenFeature((), tf.string)}

    def decode(serialised):
        encoded = tf.io.parse_single_example(serialised, fields)["image"]
        image = tf.io.decode_jpeg(encoded, channels=3)
        return tf.ensure_shape(image, (_CROP, _CROP, 3))

    threads = ahead.num_threads()
    dataset = tf.data.TFRecordDataset(paths).map(decode, threads)
    before = _decoding_rate(_CROP, images.decode_checked)
    watch, done = _Memory(_RECORDS.value), 0
    start = time.perf_counter()
    for batch in dataset.batch(_BATCH).prefetch(2):
        done += len(batch)
        watch(done)
    rate = done / (time.perf_counter() - start)
    bound = (before + _decoding_rate(_CROP, images.decode_checked)) / 2
    name = "the same by tf.data, no labels"
    return {"name": name, "rate": rate, "bound": bound, "memory": watch.mib}


class _Memory:
    """Called with the progress of a run; the peak of each fifth of it, MiB."""

    def __init__(self, count):
        self._count = count
        self.mib = [0.0] * 5

    def __call__(self, done):
        part = min(5 * done // self._count, 4)
        if done % 50 == 0 or done == self._count:
            self.mib[part] = max(self.mib[part], _resident_mib())


def _resident_mib():
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def _by_pillow(encoded):
    return images.check_image(encoded, "a frame")


def _decoding_rate(side, decode):
    """Images a second that a decoder alone makes, in as many threads."""
    encoded = _pictures(side)
    count = max(200, int(3e8 / side**2))
    tasks = list(itertools.islice(itertools.cycle(encoded), count))
    with concurrent.futures.ThreadPoolExecutor(ahead.num_threads()) as pool:
        list(pool.map(decode, encoded))
        start = time.perf_counter()
        for _ in pool.map(decode, tasks):
            pass
        return count / (time.perf_counter() - start)


@functools.cache
def _pictures(side):
    """JPEGs of soft noise, about as large as photos of their size."""
    pictures = []
    for seed in range(_PICTURES):
        rng = np.random.default_rng(seed)
        noise = rng.integers(0, 256, (side // 16, side // 16, 3), np.uint8)
        image = cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
        pictures.append(cv2.imencode(".jpg", image)[1].tobytes())
    return pictures


def _source(count, side):
    return Source(
        "made", H36M_17, count, _samples(count, _pictures(side), side)
    )


def _samples(count, pictures, side):
    rng = np.random.default_rng(0)
    focal, middle = 1.1 * side, (side - 1) / 2
    camera = np.float32([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
    for number in range(count):
        mm = rng.uniform([-300, -500, 4000], [300, 500, 4400], (17, 3))
        px = mm[:, :2] / mm[:, 2:] * focal + middle
        low, high = px.min(axis=0), px.max(axis=0)
        if side == _CROP:  # which has been cut out before
            low, high = np.zeros(2), np.full(2, side)
        yield Sample(
            image=pictures[number % len(pictures)],
            name=f"{number}.jpg",
            box=np.float32([*low, *(high - low)]),
            joints_mm=np.float32(mm),
            joints_px=np.float32(px),
            weight_3d=np.ones(17, np.float32),
            weight_2d=np.ones(17, np.float32),
            intrinsics=camera,
            distortion=np.zeros(5, np.float32),
            head_size=0.0,
            subject="S1",
            action="none",
            camera="0",
            frame=number,
            source="made",
        )


_PARTS = {
    "convert_frames": _convert_frames,
    "convert_to_crops": _convert_to_crops,
    "convert_records": _convert_records,
    "read": _read,
    "tf_data": _read_by_tf_data,
}


if __name__ == "__main__":
    app.run(main)
