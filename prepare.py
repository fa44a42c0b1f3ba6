"""Reads a data set as it lies on disk and writes it as TFRecords.

python prepare.py --source=h36m_mmpose --root=/data/h36m --out=data/h36m
"""

from absl import flags

from keras_pose import console

_SOURCE = flags.DEFINE_string(
    "source", None, "Format on disk; a key of data/sources/__init__.py."
)
_ROOT = flags.DEFINE_string("root", None, "Folder of the data set.")
_OUT = flags.DEFINE_string("out", None, "Folder to make.")


def main():
    """Reads the flags, converts, logs what was written."""
    import keras

    from keras_pose.data.conversion import convert
    from keras_pose.data.sources import SOURCES

    if _SOURCE.value not in SOURCES:
        raise ValueError(
            f"--source must be one of {', '.join(SOURCES)}. "
            f"Received: {_SOURCE.value}"
        )
    source = SOURCES[_SOURCE.value](_ROOT.value)
    bar = keras.utils.Progbar(source.count, unit_name="sample")
    info = convert(source, _OUT.value, progress=bar.update)
    print(f"{_OUT.value}: {info.count} samples, {info.skeleton.name}")


if __name__ == "__main__":
    console.run(main, required=["source", "root", "out"])
