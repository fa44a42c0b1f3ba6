"""Writes a trained network as a SavedModel and as TFLite, proved equal.

python export.py --model=runs/h36m --out=exported/h36m --data=data/h36m_test
"""

from absl import flags

from keras_pose import console

_MODEL = flags.DEFINE_string("model", None, "Run folder or .keras file.")
_OUT = flags.DEFINE_string("out", None, "Folder to make.")
_DATA = flags.DEFINE_list(
    "data", [], "Data sets to compare the artefacts on; else smooth noise."
)


def main():
    """Reads the flags, exports, prints the table."""
    console.choose_backend("tensorflow")
    from keras_pose.serving import export

    rows = export.export(_MODEL.value, _OUT.value, _DATA.value)
    print(export.table(rows))


if __name__ == "__main__":
    console.run(main, required=["model", "out"])
