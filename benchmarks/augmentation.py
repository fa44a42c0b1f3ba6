"""How fast training images are changed, beside imgaug and bare decoding.

python -m benchmarks.augmentation [--count=256] [--batch_size=16]

Images are soft noise of 256x256 px as JPEG, whole images their own crops, and
the changes those of the report. Each ratio is the median of `--runs` runs, in
each of which all are measured one after the other. imgaug runs as its
documentation says is fastest: one Sequential on whole batches, which draws for
itself; TensorFlow's decoder with the settings that give Pillow's pixels.
"""

import functools
import glob
import statistics
import tempfile
import time

import cv2
import numpy as np
import tensorflow as tf
from absl import app
from absl import flags

from keras_pose import images
from keras_pose.data import augmentation_graph
from keras_pose.data import augmentation_host
from keras_pose.data import imgaug_backend
from keras_pose.data import pipeline
from keras_pose.data.augmentation import Augmentation
from keras_pose.data.conversion import convert
from keras_pose.data.order import Order
from keras_pose.data.sample import Sample
from keras_pose.data.sources.source import Source
from keras_pose.data.store import Records
from keras_pose.geometry.volume import MetricVolume
from keras_pose.pose_spec import PoseSpec
from keras_pose.skeleton import H36M_17

_COUNT = flags.DEFINE_integer("count", 256, "Images.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Images at once.", 1)
_RUNS = flags.DEFINE_integer("runs", 5, "Times that all is measured.", 1)
_STEPS = flags.DEFINE_integer("steps", 40, "Batches of a run.", 1)

_SIZE = 256  # px
_REPORT = {
    "stretch": {"stretch": 0.25, "shift": 0.05},
    "hue and saturation": {"hue_saturation": 60},
    "contrast": {"contrast": 0.3},
    "brightness": {"brightness": 0.5},
}
_ALL = {name: value for row in _REPORT.values() for name, value in row.items()}


def main(argv):
    """Measures operations, then pipelines."""
    del argv
    print(f"OpenCV {cv2.__version__}, NumPy {np.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        folder = f"{folder}/set"
        convert(Source("made", H36M_17, _COUNT.value, _samples()), folder)
        _compare_operations()
        _compare_pipelines(folder)


def _samples():
    for index in range(_COUNT.value):
        _, encoded = cv2.imencode(".jpg", _soft_noise(index))
        rng = np.random.default_rng(index)
        joints_mm = rng.normal(0, 300, (17, 3)) + [0, 0, 4000]
        camera = np.float32([[1000, 0, 127.5], [0, 1000, 127.5], [0, 0, 1]])
        projected = joints_mm @ camera.T
        yield Sample(
            image=encoded.tobytes(),
            name=f"{index}.jpg",
            box=np.float32([0, 0, _SIZE, _SIZE]),
            joints_mm=joints_mm,
            joints_px=projected[:, :2] / projected[:, 2:],
            weight_3d=np.ones(17),
            weight_2d=np.ones(17),
            intrinsics=camera,
            distortion=np.zeros(5),
            head_size=0.0,
            subject="",
            action="",
            camera="",
            frame=index,
            source="made",
        )


def _soft_noise(seed):
    """Blots with a little grain: a JPEG of some 20 kB, as a photo's."""
    rng = np.random.default_rng(seed)
    blots = rng.integers(0, 256, (24, 24, 3)).astype(np.float32)
    blots = cv2.resize(blots, (_SIZE, _SIZE), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 6, (_SIZE, _SIZE, 1))
    return np.clip(blots + grain, 0, 255).astype(np.uint8)


def _sequential(fields):
    """The imgaug augmenters of these ranges, as the report names them."""
    iaa = imgaug_backend.iaa
    shift, stretch = (
        (-fields[name], fields[name]) if name in fields else (0, 0)
        for name in ("shift", "stretch")
    )
    factor = (1 + stretch[0], 1 + stretch[1])
    makers = {
        "stretch": lambda value: iaa.Affine(
            translate_percent={"x": shift, "y": shift},
            scale={"x": factor, "y": factor},
        ),
        "hue_saturation": lambda value: iaa.AddToHueAndSaturation(
            (-value, value)
        ),
        "contrast": lambda value: iaa.LinearContrast((1 - value, 1 + value)),
        "brightness": lambda value: iaa.Multiply(
            (1 - value, 1 + value), per_channel=True
        ),
    }
    return iaa.Sequential(
        [make(fields[name]) for name, make in makers.items() if name in fields]
    )


def _compare_operations():
    """Operations of a batch that lies in memory."""
    crops = np.stack([_soft_noise(seed) for seed in range(_BATCH_SIZE.value)])
    print(f"\n{'one core, us an image':<24}{'imgaug':>9}{'host':>9}{'':>7}")
    for name, fields in [*_REPORT.items(), ("all four", _ALL)]:
        augmentation = Augmentation(**fields)
        change = augmentation.draw(0, np.arange(len(crops)))
        transform = change.changed_from_crop(_SIZE)
        calls = {
            "imgaug": functools.partial(_sequential(fields), images=crops),
            "host": functools.partial(
                augmentation_host.cut, crops, transform, change, _SIZE
            ),
        }
        times = _times(calls, len(crops))
        ratio = _median_ratio(times["imgaug"], times["host"])
        cells = "".join(f"{statistics.median(t):>9.0f}" for t in times.values())
        print(f"{name:<24}{cells}{ratio:>6.2f}x")


def _times(calls, images_a_call):
    """Microseconds an image of each call, `_RUNS` of them."""
    times = {name: [] for name in calls}
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for run in range(_RUNS.value + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(5):
                call()
            if run:  # the first one warms up
                elapsed = (time.perf_counter() - start) / 5 / images_a_call
                times[name].append(1e6 * elapsed)
    cv2.setNumThreads(threads)
    return times


def _median_ratio(times, others):
    return statistics.median(a / b for a, b in zip(times, others, strict=True))


def _compare_pipelines(folder):
    """From records to batches, as training reads them."""
    spec = PoseSpec(H36M_17, MetricVolume(), _SIZE, 1.0, (0.0,) * 17)

    records = Records([folder])

    def batches(backend):
        return pipeline.training_batches(
            records,
            Order(len(records), _BATCH_SIZE.value, seed=0),
            spec,
            seed=0,
            augmentation=Augmentation(**_ALL),
            backend=backend,
        )

    @tf.function
    def finish(batch):
        return augmentation_graph.finish(batch, _SIZE)["image"]

    streams = {
        "imgaug's own draws": lambda: _by_imgaug(folder),
        "backend imgaug": lambda: batches("imgaug"),
        "backend host": lambda: batches("host"),
        "bare decoding": lambda: _decoded(folder),
        "backend device, host's part": lambda: batches("device"),
    }
    times = {name: [] for name in streams}
    graph = []
    for _ in range(_RUNS.value):
        for name, stream in streams.items():
            times[name].append(_time_of(stream()))
        batch = next(iter(batches("device")))
        finish(batch)
        start = time.perf_counter()
        for _ in range(5):
            finish(batch)
        elapsed = (time.perf_counter() - start) / 5 / _BATCH_SIZE.value
        graph.append(1e6 * elapsed)
    print(f"\n{'all cores':<30}{'images/s':>10}")
    for name, values in times.items():
        print(f"{name:<30}{1e6 / statistics.median(values):>10.0f}")
    for name, other in (
        ("backend host", "imgaug's own draws"),
        ("backend device, host's part", "bare decoding"),
    ):
        ratio = _median_ratio(times[other], times[name])
        print(f"{name} over {other}: {ratio:.2f}x")
    device = tf.config.list_logical_devices()[-1].device_type
    print(
        "backend device, the step's part: "
        f"{statistics.median(graph):.0f} us an image on the {device}"
    )


def _time_of(stream):
    """Microseconds an image of a stream of batches."""
    iterator = iter(stream)
    for _ in range(6):  # until its buffers are in step
        next(iterator)
    start = time.perf_counter()
    for _ in range(_STEPS.value):
        next(iterator)
    elapsed = time.perf_counter() - start
    return 1e6 * elapsed / _STEPS.value / _BATCH_SIZE.value


def _records(folder):
    paths = glob.glob(f"{folder}/*.tfrecord")
    dataset = tf.data.TFRecordDataset(paths)
    return dataset.shuffle(_COUNT.value, 0).repeat()


def _encoded(serialised):
    feature = {"image": tf.io.FixedLenFeature((), tf.string)}
    return tf.io.parse_example(serialised, feature)["image"]


def _by_imgaug(folder):
    sequential = _sequential(_ALL)

    def change(encoded):
        crops = [
            images.crop_image(images.decode_checked(row), np.eye(3), _SIZE)
            for row in encoded
        ]
        return sequential(images=np.stack(crops))

    def of_batch(serialised):
        return tf.numpy_function(change, [_encoded(serialised)], tf.uint8)

    batches = _records(folder).batch(_BATCH_SIZE.value, drop_remainder=True)
    return batches.map(of_batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _decoded(folder):
    def decode(serialised):
        return tf.io.decode_jpeg(
            _encoded(serialised[None])[0],
            channels=3,
            dct_method="INTEGER_ACCURATE",
        )

    decoded = _records(folder).map(decode, tf.data.AUTOTUNE)
    return decoded.batch(_BATCH_SIZE.value, drop_remainder=True).prefetch(
        tf.data.AUTOTUNE
    )


if __name__ == "__main__":
    app.run(main)
