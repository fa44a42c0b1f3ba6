import collections
import json
import pathlib
import re
import subprocess
import sys

import pytest

from tests.data.sources import corruption

ROOT = pathlib.Path(__file__).parents[3]
NAMES = [*corruption.made_data_sets(), "records"]


def run(names, first, count, folder):
    """Reads damaged data sets in another process; its cases' outcomes."""
    folder.mkdir()
    command = [sys.executable, "-m", corruption.__name__]
    done = subprocess.run(
        [*command, ",".join(names), str(first), str(count), str(folder)],
        cwd=ROOT,
        capture_output=True,
        timeout=60 + corruption.SECONDS * count,
        text=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    last = lines[-1] if lines else None
    assert done.returncode == 0, f"died of {last}: {done.stderr[-2000:]}"
    return [line for line in lines if "outcome" in line]


def check(cases):
    for case in cases:
        assert case["outcome"] in ("read", "refused"), case
        assert case["seconds"] < corruption.SECONDS, case
        assert case["mb"] < 1500, case
        if case["outcome"] == "refused":
            assert len(case["error"]) < 2000, case
            # The file, or the sample that it made wrong.
            stem = case["file"].rpartition(".")[0] or case["file"]
            sample = re.match(r"[^:]+\.(jpg|png): `\w+` ", case["error"])
            named = "/" in case["error"] or stem in case["error"] or sample
            assert named, case


def test_a_damaged_data_set_is_read_or_refused_by_name(tmp_path):
    cases = run(NAMES, 0, 3 * len(NAMES), tmp_path / "cases")
    assert {case["data"] for case in cases} == set(NAMES)
    check(cases)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_thousands_of_damaged_data_sets(part, tmp_path):
    cases = run(NAMES, 1000 + 320 * part, 320, tmp_path / "cases")
    assert len(cases) == 320
    check(cases)
    counts = collections.Counter(
        (case["data"], case["outcome"]) for case in cases
    )
    slowest = max(cases, key=lambda case: case["seconds"])
    largest = max(case["mb"] for case in cases)
    print(f"\n{slowest} {largest:.0f} MB")
    for name in NAMES:
        print(f"{name}: {counts[name, 'read']} {counts[name, 'refused']}")
    assert any(case["outcome"] == "refused" for case in cases)
