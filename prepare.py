"""Reads a data set as it lies on disk and writes it as TFRecords.

python prepare.py --source=h36m_mmpose --root=/data/h36m --out=data/h36m
"""

import dataclasses
import itertools

from absl import flags

from keras_pose import console

_SOURCE = flags.DEFINE_string(
    "source", None, "Format on disk: h36m_mmpose or mpi_inf_3dhp_mmpose."
)
_ROOT = flags.DEFINE_string("root", None, "Folder of the data set.")
_ANNOTATIONS = flags.DEFINE_string(
    "annotations", None, "Annotation file, where the root holds several."
)
_LIMIT = flags.DEFINE_integer("limit", None, "Take the first so many.", 1)
_OUT = flags.DEFINE_string("out", None, "Folder to make.")


def main():
    """Reads the flags, converts, says how to use a sample."""
    console.import_tensorflow()
    from keras_pose.data.conversion import convert
    from keras_pose.data.sources import SOURCES

    if _SOURCE.value not in SOURCES:
        raise ValueError(
            f"--source must be one of {', '.join(SOURCES)}. "
            f"Received: {_SOURCE.value}"
        )
    source = SOURCES[_SOURCE.value](_ROOT.value, _ANNOTATIONS.value)
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
    console.run(main, required=["source", "root", "out"])
