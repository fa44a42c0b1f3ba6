"""How fast people are rendered on one core, and where the time goes.

taskset -c 0 python -m benchmarks.synthesis [--assets=FOLDER] [--count=60]

The bound in the same run is Embree alone: building the scene of each person and
casting one ray a pixel.
"""

import statistics
import time

import cv2
from absl import app
from absl import flags

from keras_pose.synthesis import backdrop
from keras_pose.synthesis import render
from keras_pose.synthesis import sensor
from keras_pose.synthesis.draws import generator
from keras_pose.synthesis.scene import Options
from keras_pose.synthesis.scene import Studio

_ASSETS = flags.DEFINE_string("assets", "", "Folder of textured assets.")
_COUNT = flags.DEFINE_integer("count", 60, "Images.", 1)
_SIZE = flags.DEFINE_integer("image_size", 256, "Side, px.", 64)


def main(argv):
    """Times each stage of each image."""
    del argv
    cv2.setNumThreads(1)
    options = Options(image_size=_SIZE.value, assets=_ASSETS.value)
    studio = Studio(options)
    for index in range(_COUNT.value):
        studio.sample(index)  # reads and caches what is read once
    stages = {}

    def timed(name, function, *arguments):
        start = time.perf_counter()
        result = function(*arguments)
        elapsed = 1000 * (time.perf_counter() - start)
        stages.setdefault(name, []).append(elapsed)
        return result

    for index in range(_COUNT.value):
        size = options.image_size
        shape = timed("body shape", studio.shape, index)
        timed("pose, drawn until none pierces", studio.draw_pose, index, shape)
        shot = timed("shot", studio.shot, index)
        behind, ground = timed(
            "backdrop",
            backdrop.draw_backdrop,
            generator(0, index, "backdrop"),
            shot.camera,
            size,
            shot.joints.mean(axis=0),
            (),
        )
        surfaces = shot.person + shot.things
        light = timed(
            "rendering",
            render.render,
            surfaces,
            shot.camera,
            size,
            shot.light,
            behind,
            ground,
        )
        timed(
            "sensor and JPEG",
            sensor.photograph,
            generator(0, index, "sensor"),
            light,
        )
        timed("Embree alone", _embree_alone, surfaces, shot.camera, size)
        timed("whole image", studio.sample, index)
    _print(stages)


def _embree_alone(surfaces, camera, size):
    directions = camera.directions(render.pixel_grid(size))
    origins = 0 * directions + camera.centre.astype("float32")
    return render.Scene(surfaces).cast(origins, directions)


def _print(stages):
    # A shot has its shape and its pose in it.
    mean = {name: statistics.fmean(times) for name, times in stages.items()}
    mean["skin, clothes, camera, things"] = (
        mean.pop("shot")
        - mean["body shape"]
        - mean["pose, drawn until none pierces"]
    )
    whole, bound = mean.pop("whole image"), mean.pop("Embree alone")
    for name, milliseconds in mean.items():
        share = milliseconds / whole
        print(f"{name:<34}{milliseconds:>8.1f} ms{share:>8.0%}")
    print(f"{'whole image':<34}{whole:>8.1f} ms {1000 / whole:>8.1f} images/s")
    print(
        f"{'bound: Embree alone':<34}{bound:>8.1f} ms "
        f"{whole / bound:>8.1f} times as long is the whole"
    )


if __name__ == "__main__":
    app.run(main)
