import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--image=a.jpg"], "--out must be given with --image"),
        ([], "either --image or --dataset must be given"),
        (["--dataset=d"], "--csv must be given with --dataset"),
        (
            ["--dataset=d", "--csv=a.csv", "--box=1,2,3,4"],
            "--box must not be given with --dataset",
        ),
        (
            ["--image=a.jpg", "--out=o", "--crops=5"],
            "--crops must not be given with --image",
        ),
    ],
    ids=["no_out", "nothing", "no_csv", "box", "crops"],
)
def test_flags_of_the_other_kind_are_refused(arguments, message):
    done = subprocess.run(
        [sys.executable, "predict.py", "--model=m", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"predict.py: error: {message}" in done.stderr
