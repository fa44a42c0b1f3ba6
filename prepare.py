"""Writes a data set as TFRecords: one as it lies on disk, or a rendered one.

python prepare.py --source=h36m_mmpose --root=/data/h36m --out=data/h36m
python prepare.py --source=coco --root=/data/coco --crop=384 --out=data/coco
python prepare.py --check --source=folder --root=/data/mine --out=checked/mine
python prepare.py --source=synthetic --count=4000 --out=data/synthetic

With --check it writes no records but what it found in them: report.json, and
samples.png of 24 samples.
"""

import dataclasses
import itertools
import sys

from absl import flags

from keras_pose import console

_SOURCE = flags.DEFINE_string(
    "source", None, "synthetic, or a format; see docs/data.md."
)
_OUT = flags.DEFINE_string("out", None, "Folder to make.")

_ROOT = flags.DEFINE_string("root", None, "Folder of the data set.")
_LIMIT = flags.DEFINE_integer("limit", None, "Take the first so many.", 1)
_CROP = flags.DEFINE_integer(
    "crop", None, "Side in px of what is kept around a person; else all.", 1
)
_CROP_MARGIN = flags.DEFINE_float(
    "crop_margin", None, "Side of the crop over the box's, 1.6 by default."
)
_CHECK = flags.DEFINE_bool("check", False, "Report on the data set alone.")
_AGAINST = flags.DEFINE_list(
    "against", None, "--check: prepared folders that must share no picture."
)

_OPTIONS = (  # of formats, each of those that know it
    flags.DEFINE_string(
        "annotations", None, "Annotation file, where the root holds several."
    ),
    flags.DEFINE_list(
        "subjects", None, "Take these only, as S1,S5; the others may validate."
    ),
    flags.DEFINE_string("split", None, "train or test, as published."),
    flags.DEFINE_integer("every", None, "Take every so many frames.", 1),
    flags.DEFINE_string(
        "images", None, "Folder of images or videos, where not in the root."
    ),
    flags.DEFINE_string("cameras", None, "Camera file, where not in the root."),
    flags.DEFINE_bool(
        "correct_s9", None, "Move Human3.6M's drifted S9 back into place."
    ),
    flags.DEFINE_bool(
        "universal", None, "MPI-INF-3DHP's poses of one size for all people."
    ),
    flags.DEFINE_string("skeleton", None, "Joint set, where no file says it."),
)

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

_FROM_DISK = (_ROOT, _LIMIT, _CROP, _CROP_MARGIN, _AGAINST, *_OPTIONS)
_RENDERED = (_SEED, _IMAGE_SIZE, _MOTION, _ASSETS, _BACKGROUNDS)


def main():
    """Reads the flags, and converts, checks or renders."""
    from keras_pose.data.sources import SOURCES

    if _SOURCE.value not in ("synthetic", *SOURCES):
        raise ValueError(
            f"--source must be synthetic, {', '.join(SOURCES)}. "
            f"Received: {_SOURCE.value}"
        )
    if _SOURCE.value == "synthetic":
        _check_flags(needed=_COUNT, foreign=_FROM_DISK)
        if _CHECK.value:
            raise ValueError(
                "--check must not be given with --source=synthetic"
            )
        _render()
    else:
        _check_flags(needed=_ROOT, foreign=(_COUNT, _PROCESSES, *_RENDERED))
        _read()


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


def _read():
    if _AGAINST.value is not None and not _CHECK.value:
        raise ValueError("--against must be given with --check alone")
    if _CROP_MARGIN.value is not None and not _CROP.value:
        raise ValueError("--crop_margin must be given with --crop alone")
    from keras_pose import memory

    memory.keep_freed()
    source = _open()
    for note in source.notes:
        print(f"note: {note}")
    bar = console.progress_bar(source.count, "sample")
    if _CHECK.value:
        from keras_pose.data import checking

        text, is_fit = checking.check(
            source, _OUT.value, _AGAINST.value or (), bar
        )
        print(text)
        print(f"{_OUT.value}: report.json, samples.png")
        sys.exit(0 if is_fit else 1)
    _convert(source, bar)


def _open():
    """The source, of as many samples and of such images as are asked for."""
    from keras_pose.data import cropping
    from keras_pose.data.sources import open_source

    given = {f.name: f.value for f in _OPTIONS if f.value is not None}
    source = open_source(_SOURCE.value, _ROOT.value, given)
    if _LIMIT.value:
        source = dataclasses.replace(
            source,
            count=min(source.count, _LIMIT.value),
            samples=itertools.islice(source.samples, _LIMIT.value),
        )
    if _CROP.value:
        margin = _CROP_MARGIN.value
        return cropping.cropped(
            source, _CROP.value, 1.6 if margin is None else margin
        )
    return source


def _convert(source, bar):
    from keras_pose.data.conversion import convert

    samples = iter(source.samples)
    first = list(itertools.islice(samples, 1))
    source = dataclasses.replace(
        source, samples=itertools.chain(first, samples)
    )
    info = convert(source, _OUT.value, progress=bar)
    print(f"{_OUT.value}: {info.count} samples, {info.skeleton.name}")
    if not _CROP.value:  # whose pictures are no files
        flags_of_first = _flags_of(first[0])
        print(f"predict.py sees the first of them with {flags_of_first}")


def _flags_of(sample):
    """The flags of predict.py that describe a sample."""
    (fx, _, cx), (_, fy, cy), _ = sample.intrinsics
    values = {"box": sample.box}
    if sample.intrinsics.any():
        values |= {
            "intrinsics": (fx, fy, cx, cy),
            "distortion": sample.distortion,
        }
    return " ".join(
        [f"--input=.../{sample.name}"]
        + [
            f"--{name}={','.join(f'{value:.6g}' for value in row)}"
            for name, row in values.items()
        ]
    )


if __name__ == "__main__":
    console.run(main, required=["source", "out"])
