"""Writes a data set as TFRecords: one as it lies on disk, or a rendered one.

python prepare.py --source=h36m_mmpose --root=/data/h36m --out=data/h36m
python prepare.py --source=h36m_c2f --root=/data/crops --out=data/crops
python prepare.py --source=synthetic --count=4000 --out=data/synthetic
"""

import dataclasses
import itertools

from absl import flags

from keras_pose import console

_SOURCE = flags.DEFINE_string(
    "source",
    None,
    "synthetic, h36m_c2f, h36m_mmpose or mpi_inf_3dhp_mmpose.",
)
_OUT = flags.DEFINE_string("out", None, "Folder to make.")

_ROOT = flags.DEFINE_string("root", None, "Folder of the data set.")
_ANNOTATIONS = flags.DEFINE_string(
    "annotations", None, "Annotation file, where the root holds several."
)
_SUBJECTS = flags.DEFINE_list(
    "subjects", None, "Take these only, as S1,S5; the others may validate."
)
_LIMIT = flags.DEFINE_integer("limit", None, "Take the first so many.", 1)

_COUNT = flags.DEFINE_integer(
    "count", None, "synthetic: images to render; 8 of 10 are for training."
)
_SEED = flags.DEFINE_integer(
    "seed", None, "synthetic: another one, 0 by default."
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", None, "synthetic: side of the images, 256 px by default."
)
_MOTION = flags.DEFINE_string(
    "motion", None, "synthetic: BVH file or folder, or .npz of rotations."
)
_ASSETS = flags.DEFINE_string(
    "assets", None, "synthetic: folder of MakeHuman skins, clothes and hair."
)
_BACKGROUNDS = flags.DEFINE_string(
    "backgrounds", None, "synthetic: folder of photos to stand people before."
)
_PROCESSES = flags.DEFINE_integer(
    "processes", None, "synthetic: images rendered at once; else all cores."
)

_FROM_DISK = (_ROOT, _ANNOTATIONS, _SUBJECTS, _LIMIT)
_RENDERED = (_SEED, _IMAGE_SIZE, _MOTION, _ASSETS, _BACKGROUNDS)


def main():
    """Reads the flags, and converts or renders."""
    from keras_pose.data.sources import SOURCES

    if _SOURCE.value not in ("synthetic", *SOURCES):
        raise ValueError(
            f"--source must be synthetic, {', '.join(SOURCES)}. "
            f"Received: {_SOURCE.value}"
        )
    if _SOURCE.value == "synthetic":
        _check_flags(needed=_COUNT, foreign=_FROM_DISK)
        _render()
    else:
        _check_flags(needed=_ROOT, foreign=(_COUNT, _PROCESSES, *_RENDERED))
        _convert()


def _check_flags(needed, foreign):
    if needed.value is None:
        raise ValueError(
            f"--{needed.name} must be given with --source={_SOURCE.value}"
        )
    for flag in foreign:
        if flag.value is not None:
            raise ValueError(
                f"--{flag.name} must not be given with --source={_SOURCE.value}"
            )


def _render():
    from keras_pose.data import synthetic
    from keras_pose.synthesis.scene import Options

    given = {
        flag.name: flag.value for flag in _RENDERED if flag.value is not None
    }
    infos = synthetic.make(
        _OUT.value,
        _COUNT.value,
        Options(**given),
        _PROCESSES.value,
        console.progress_bar(_COUNT.value, "image"),
    )
    for split, info in infos.items():
        print(f"{_OUT.value}/{split}: {info.count} samples")
    print(f"{_OUT.value}/{synthetic.SHEET_FILE}: the first of them")


def _convert():
    from keras_pose.data.conversion import convert
    from keras_pose.data.sources import SOURCES

    source = SOURCES[_SOURCE.value](
        _ROOT.value, _ANNOTATIONS.value, _SUBJECTS.value
    )
    count = min(source.count, _LIMIT.value or source.count)
    samples = itertools.islice(source.samples, count)
    first = list(itertools.islice(samples, 1))
    source = dataclasses.replace(
        source, count=count, samples=itertools.chain(first, samples)
    )
    info = convert(
        source, _OUT.value, progress=console.progress_bar(count, "sample")
    )
    print(f"{_OUT.value}: {info.count} samples, {info.skeleton.name}")
    print(f"predict.py sees the first of them with {_flags_of(first[0])}")


def _flags_of(sample):
    """The flags of predict.py that describe a sample."""
    (fx, _, cx), (_, fy, cy), _ = sample.intrinsics
    values = {
        "box": sample.box,
        "intrinsics": (fx, fy, cx, cy),
        "distortion": sample.distortion,
    }
    return " ".join(
        [f"--image=.../{sample.name}"]
        + [
            f"--{name}={','.join(f'{value:.6g}' for value in row)}"
            for name, row in values.items()
        ]
    )


if __name__ == "__main__":
    console.run(main, required=["source", "out"])
