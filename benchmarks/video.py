"""How fast a video is predicted, beside the bare network, and in what memory.

python -m benchmarks.video --model=runs/quickstart \
    --photo=data/quickstart/examples/0.jpg --box=30,20,90,120 [--frames=300]

Makes a video in which the photo wanders over a larger picture, then runs what
predict.py runs: decoding, following, cropping, the network, smoothing; and once
more with all that it writes by default. The bound is the network alone on as
many crops, one at a time, right before and right after. Memory is the largest
that each fifth of the run held, in MB.
"""

import os
import shutil
import tempfile
import time

import cv2
import numpy as np
from absl import app
from absl import flags

from keras_pose import console
from keras_pose import images
from keras_pose import memory
from keras_pose import streaming
from keras_pose.media.reader import open_media
from keras_pose.people.smoothing import Smoother
from keras_pose.prediction import Predictor

_MODEL = flags.DEFINE_string("model", None, "An artefact.", required=True)
_PHOTO = flags.DEFINE_string("photo", None, "A photo.", required=True)
_BOX = flags.DEFINE_list(
    "box", None, "x,y,width,height of its person, px.", required=True
)
_FRAMES = flags.DEFINE_integer("frames", 300, "Of the video.", 10)
_SIZE = flags.DEFINE_list("size", ["1280", "720"], "Of the video, px.")
_IS_FOLLOWING = flags.DEFINE_bool(
    "follow", True, "Follow the person; else find everybody in each frame."
)

_FRAMES_PER_SECOND = 30


def main(argv):
    """Prints the table."""
    del argv
    console.choose_backend("tensorflow", "jax")
    memory.keep_freed()  # as predict.py does
    folder = tempfile.mkdtemp()
    try:
        path = os.path.join(folder, "video.mp4")
        box = _make_video(path)
        predictor = Predictor(_MODEL.value)
        before = _bare(predictor)
        rows = {
            "predicted": _timed(predictor, path, box, None),
            "predicted and written": _timed(
                predictor, path, box, os.path.join(folder, "out")
            ),
        }
        bare = (before + _bare(predictor)) / 2
    finally:
        shutil.rmtree(folder)
    print(f"{_FRAMES.value} frames of {' x '.join(_SIZE.value)} px\n")
    print(f"{'':<24}{'frames/s':>10}{'of the bare':>13}   memory, MB")
    print(f"{'network alone':<24}{bare:>10.1f}{1:>13.2f}")
    for name, (speed, parts) in rows.items():
        held = " ".join(f"{part:.0f}" for part in parts)
        print(f"{name:<24}{speed:>10.1f}{speed / bare:>13.2f}   {held}")


def _make_video(path):
    """Writes the video; returns the person's box in its first frame."""
    photo = images.read_image(_PHOTO.value)
    width, height = map(int, _SIZE.value)
    zoom = 0.8 * height / photo.shape[0]
    photo = cv2.resize(photo, None, fx=zoom, fy=zoom)
    rng = np.random.default_rng(0)
    ground = rng.integers(60, 200, (height // 40, width // 40, 3), np.uint8)
    ground = cv2.resize(ground, (width, height))
    writer = cv2.VideoWriter(
        path,
        cv2.VideoWriter_fourcc(*"mp4v"),
        _FRAMES_PER_SECOND,
        (width, height),
    )
    room_x, room_y = width - photo.shape[1], height - photo.shape[0]
    first = None
    for number in range(_FRAMES.value):
        turn = 2 * np.pi * number / 150
        x = round(room_x * (0.5 + 0.45 * np.sin(turn)))
        y = round(room_y * (0.5 + 0.45 * np.cos(2 * turn)))
        frame = ground.copy()
        frame[y : y + photo.shape[0], x : x + photo.shape[1]] = photo
        writer.write(frame[..., ::-1])
        if first is None:
            first = np.array([x, y, 0, 0])
    writer.release()
    return first + zoom * np.array([float(value) for value in _BOX.value])


def _bare(predictor):
    """Crops a second of the network alone."""
    size = predictor.spec.input_size
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (8, 1, size, size, 3), np.uint8)
    for crop in crops:
        predictor.artefact.predict(crop)
    started = time.perf_counter()
    for number in range(_FRAMES.value):
        predictor.artefact.predict(crops[number % len(crops)])
    return _FRAMES.value / (time.perf_counter() - started)


def _timed(predictor, path, box, out):
    """Frames a second, and the most memory of each fifth in MB."""
    from keras_pose.outputs.results import Results

    held, done = [], 0
    started = time.perf_counter()
    with open_media([path]) as media:
        frames = streaming.stream(
            media,
            predictor,
            streaming.Camera(),
            box[None] if _IS_FOLLOWING.value else None,
            smoother=Smoother(),
        )
        results = None
        if out is not None:
            results = Results(
                out,
                ("json", "picture", "still", "page"),
                predictor.spec.skeleton,
                _MODEL.value,
                media.kind,
                media.frames_per_second,
            )
            results.__enter__()
        for frame, poses in frames:
            if results:
                results.add(frame, poses)
            done += 1
            if done % (_FRAMES.value // 5) == 0:
                held.append(memory.peak_mb())
        if results:
            results.finish()
            results.__exit__(None, None, None)
    return done / (time.perf_counter() - started), held


if __name__ == "__main__":
    app.run(main)
